/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_scalar.h"

#include <math.h>
#include <stdlib.h>

#include "config/quantity.h"

struct word {
	const char *text;
	enum rp_yaml_kind kind;
	bool value;
};

/* YAML 1.1, as the reference implementation reads it. */
static const struct word words[] = {
	{"", RP_YAML_NULL, false},	{"~", RP_YAML_NULL, false},
	{"null", RP_YAML_NULL, false},	{"Null", RP_YAML_NULL, false},
	{"NULL", RP_YAML_NULL, false},	{"true", RP_YAML_BOOL, true},
	{"True", RP_YAML_BOOL, true},	{"TRUE", RP_YAML_BOOL, true},
	{"y", RP_YAML_BOOL, true},	{"Y", RP_YAML_BOOL, true},
	{"yes", RP_YAML_BOOL, true},	{"Yes", RP_YAML_BOOL, true},
	{"YES", RP_YAML_BOOL, true},	{"on", RP_YAML_BOOL, true},
	{"On", RP_YAML_BOOL, true},	{"ON", RP_YAML_BOOL, true},
	{"false", RP_YAML_BOOL, false}, {"False", RP_YAML_BOOL, false},
	{"FALSE", RP_YAML_BOOL, false}, {"n", RP_YAML_BOOL, false},
	{"N", RP_YAML_BOOL, false},	{"no", RP_YAML_BOOL, false},
	{"No", RP_YAML_BOOL, false},	{"NO", RP_YAML_BOOL, false},
	{"off", RP_YAML_BOOL, false},	{"Off", RP_YAML_BOOL, false},
	{"OFF", RP_YAML_BOOL, false},
};

static const struct word *find_word(struct rp_bytes text)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(words); i++) {
		if (rp_bytes_equal_str(text, words[i].text))
			return &words[i];
	}
	return NULL;
}

static size_t skip_digits(struct rp_bytes text, size_t at)
{
	while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
		at++;
	return at;
}

static size_t skip_sign(struct rp_bytes text, size_t at)
{
	return at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+') ? at + 1 : at;
}

/* [-+]? (digits [. digits?] | . digits) ([eE] [-+]? digits)? */
static bool is_number(struct rp_bytes text, bool *ret_is_int)
{
	size_t begin = skip_sign(text, 0);
	size_t at = skip_digits(text, begin);
	size_t digits = at - begin;

	*ret_is_int = digits > 0 && at == text.len;
	if (at < text.len && text.ptr[at] == '.') {
		size_t end = skip_digits(text, at + 1);

		digits += end - at - 1;
		at = end;
	}
	if (digits == 0)
		return false;
	if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
		size_t exponent = skip_sign(text, at + 1);

		at = skip_digits(text, exponent);
		if (at == exponent)
			return false;
	}
	return at == text.len;
}

enum rp_yaml_kind rp_yaml_scalar_kind(struct rp_bytes text)
{
	const struct word *word = find_word(text);
	bool is_int;
	int64_t value;

	if (word != NULL)
		return word->kind;
	if (is_number(text, &is_int)) {
		if (is_int)
			return RP_YAML_INT;
		return isfinite(strtod((const char *)text.ptr, NULL)) ? RP_YAML_FLOAT : RP_YAML_STR;
	}
	return rp_int_parse(text, &value) == RP_OK ? RP_YAML_INT : RP_YAML_STR; /* 0x1f */
}

int rp_yaml_bool(const struct rp_yaml_node *node, bool *ret_value)
{
	if (node->kind != RP_YAML_BOOL)
		return RP_EFORMAT;
	*ret_value = find_word(node->text)->value;
	return RP_OK;
}

int rp_yaml_int(const struct rp_yaml_node *node, int64_t *ret_value)
{
	if (node->kind == RP_YAML_INT)
		return rp_int_parse(node->text, ret_value);
	if (node->kind != RP_YAML_FLOAT)
		return RP_EFORMAT;
	double value = strtod((const char *)node->text.ptr, NULL);

	/* Beyond 2^53 a double no longer tells neighbours apart. */
	if (value != trunc(value) || fabs(value) > 9007199254740992.0)
		return RP_EFORMAT;
	*ret_value = (int64_t)value;
	return RP_OK;
}

int rp_yaml_double(const struct rp_yaml_node *node, double *ret_value)
{
	int64_t value;

	if (node->kind != RP_YAML_FLOAT && node->kind != RP_YAML_INT)
		return RP_EFORMAT;
	if (node->kind == RP_YAML_INT && rp_int_parse(node->text, &value) == RP_OK)
		*ret_value = (double)value;
	else
		*ret_value = strtod((const char *)node->text.ptr, NULL);
	return isfinite(*ret_value) ? RP_OK : RP_EFORMAT;
}
