/* SPDX-License-Identifier: Apache-2.0 */
#include "config/label_text.h"

enum { NAME_MAX_BYTES = 63, PREFIX_MAX_BYTES = 253 };

static bool is_alnum(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, with - _ . between them. */
static bool is_name(struct rp_bytes text, size_t max)
{
	if (text.len == 0 || text.len > max || !is_alnum(text.ptr[0]) ||
	    !is_alnum(text.ptr[text.len - 1]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (!is_alnum(c) && c != '-' && c != '_' && c != '.')
			return false;
	}
	return true;
}

bool rp_label_is_key(struct rp_bytes text)
{
	const uint8_t *slash = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);

	if (slash == NULL)
		return is_name(text, NAME_MAX_BYTES);
	size_t prefix = (size_t)(slash - text.ptr);

	return is_name(rp_bytes(text.ptr, prefix), PREFIX_MAX_BYTES) &&
	       is_name(rp_bytes(slash + 1, text.len - prefix - 1), NAME_MAX_BYTES);
}

bool rp_label_is_value(struct rp_bytes text)
{
	return text.len == 0 || is_name(text, NAME_MAX_BYTES);
}

static void skip_blanks(struct rp_bytes *text)
{
	while (text->len > 0 && (text->ptr[0] == ' ' || text->ptr[0] == '\t'))
		*text = rp_bytes(text->ptr + 1, text->len - 1);
}

static bool skip(struct rp_bytes *text, const char *word)
{
	size_t len = strlen(word);

	if (text->len < len || memcmp(text->ptr, word, len) != 0)
		return false;
	*text = rp_bytes(text->ptr + len, text->len - len);
	return true;
}

/* A run of what keys and values are made of. */
static struct rp_bytes take_word(struct rp_bytes *text)
{
	size_t len = 0;

	skip_blanks(text);
	while (len < text->len &&
	       (is_alnum(text->ptr[len]) || memchr("-_./", text->ptr[len], 4) != NULL))
		len++;
	struct rp_bytes word = rp_bytes(text->ptr, len);

	*text = rp_bytes(text->ptr + len, text->len - len);
	skip_blanks(text);
	return word;
}

/* The values between parentheses; at least one. */
static int take_values(struct rp_bytes *rest, struct rp_bytes *ret)
{
	size_t len = 0;

	skip_blanks(rest);
	if (!skip(rest, "("))
		return RP_EFORMAT;
	while (len < rest->len && rest->ptr[len] != ')' && rest->ptr[len] != '(')
		len++;
	*ret = rp_bytes(rest->ptr, len);
	*rest = rp_bytes(rest->ptr + len, rest->len - len);
	return skip(rest, ")") ? RP_OK : RP_EFORMAT;
}

static int take_condition(struct rp_bytes *rest, struct rp_selector_text *one)
{
	struct rp_bytes before = *rest;
	struct rp_bytes word = take_word(rest);

	one->op = RP_SELECTOR_IN;
	if (rp_bytes_equal_str(word, "in"))
		return take_values(rest, &one->values);
	one->op = RP_SELECTOR_NOT_IN;
	if (rp_bytes_equal_str(word, "notin"))
		return take_values(rest, &one->values);
	*rest = before;
	one->op = RP_SELECTOR_EXISTS;
	if (rest->len == 0 || rest->ptr[0] == ',')
		return RP_OK;
	if (skip(rest, "=="))
		one->op = RP_SELECTOR_IN;
	else if (skip(rest, "!="))
		one->op = RP_SELECTOR_NOT_IN;
	else if (skip(rest, "="))
		one->op = RP_SELECTOR_IN;
	else if (skip(rest, ">"))
		one->op = RP_SELECTOR_GREATER_THAN;
	else if (skip(rest, "<"))
		one->op = RP_SELECTOR_LESS_THAN;
	else
		return RP_EFORMAT;
	one->values = take_word(rest);
	return RP_OK;
}

static bool are_values_good(const struct rp_selector_text *one)
{
	struct rp_bytes rest = one->values;
	struct rp_bytes value;
	bool is_number = one->op == RP_SELECTOR_GREATER_THAN || one->op == RP_SELECTOR_LESS_THAN;

	while (rp_selector_next_value(&rest, &value)) {
		if (!rp_label_is_value(value))
			return false;
		for (size_t i = 0; is_number && i < value.len; i++) {
			if (value.ptr[i] < '0' || value.ptr[i] > '9')
				return false;
		}
	}
	return !is_number || (one->values.len > 0 && one->values.len <= 18);
}

int rp_selector_next(struct rp_bytes *rest, struct rp_selector_text *ret)
{
	struct rp_selector_text one = {.values = RP_BYTES_LIT("")};
	int r = RP_OK;

	skip_blanks(rest);
	if (skip(rest, "!")) {
		one.op = RP_SELECTOR_DOES_NOT_EXIST;
		one.key = take_word(rest);
	} else {
		one.key = take_word(rest);
		r = take_condition(rest, &one);
	}
	skip_blanks(rest);
	if (r != RP_OK || !rp_label_is_key(one.key) || !are_values_good(&one))
		return RP_EFORMAT;
	/* A comma must be followed by something. */
	if (rest->len > 0 && (!skip(rest, ",") || rest->len == 0))
		return RP_EFORMAT;
	*ret = one;
	return RP_OK;
}

bool rp_selector_next_value(struct rp_bytes *rest, struct rp_bytes *ret)
{
	const uint8_t *comma;
	size_t len;

	if (rest->ptr == NULL)
		return false;
	comma = rest->len == 0 ? NULL : memchr(rest->ptr, ',', rest->len);
	len = comma == NULL ? rest->len : (size_t)(comma - rest->ptr);
	*ret = rp_bytes(rest->ptr, len);
	*rest = comma == NULL ? rp_bytes(NULL, 0) : rp_bytes(comma + 1, rest->len - len - 1);
	while (ret->len > 0 && (ret->ptr[0] == ' ' || ret->ptr[0] == '\t'))
		*ret = rp_bytes(ret->ptr + 1, ret->len - 1);
	while (ret->len > 0 && (ret->ptr[ret->len - 1] == ' ' || ret->ptr[ret->len - 1] == '\t'))
		ret->len--;
	return true;
}
