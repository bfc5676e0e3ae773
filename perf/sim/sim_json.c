/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_json.h"

#include <stdlib.h>

#include "shm/limits.h"

void rp_sim_json_init(struct rp_sim_json *json, uint8_t *text, size_t bytes)
{
	*json = (struct rp_sim_json){.begin = text, .at = text, .end = text + bytes};
}

void rp_sim_json_fail(struct rp_sim_json *json, const char *error)
{
	if (json->error == NULL)
		json->error = error;
	json->at = json->end;
}

static void skip_blanks(struct rp_sim_json *json)
{
	while (json->at < json->end &&
	       (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
		json->at++;
}

static bool take(struct rp_sim_json *json, uint8_t c)
{
	skip_blanks(json);
	if (json->at == json->end || *json->at != c)
		return false;
	json->at++;
	return true;
}

enum rp_sim_json_kind rp_sim_json_peek(struct rp_sim_json *json)
{
	skip_blanks(json);
	if (json->error != NULL || json->at == json->end)
		return RP_SIM_JSON_ERROR;
	switch (*json->at) {
	case '{':
		return RP_SIM_JSON_OBJECT;
	case '[':
		return RP_SIM_JSON_ARRAY;
	case '"':
		return RP_SIM_JSON_STRING;
	case 't':
		return RP_SIM_JSON_TRUE;
	case 'f':
		return RP_SIM_JSON_FALSE;
	case 'n':
		return RP_SIM_JSON_NULL;
	default:
		return *json->at == '-' || (*json->at >= '0' && *json->at <= '9')
			       ? RP_SIM_JSON_NUMBER
			       : RP_SIM_JSON_ERROR;
	}
}

void rp_sim_json_enter(struct rp_sim_json *json, enum rp_sim_json_kind kind)
{
	if (rp_sim_json_peek(json) != kind) {
		rp_sim_json_fail(json, kind == RP_SIM_JSON_OBJECT ? "an object is expected"
								  : "an array is expected");
		return;
	}
	json->at++;
	json->is_first = true;
}

/* Step to the next member or element; false at the closing byte. */
static bool step(struct rp_sim_json *json, uint8_t closing)
{
	bool is_first = json->is_first;

	json->is_first = false;
	if (json->error != NULL || take(json, closing))
		return false;
	if (!is_first && !take(json, ',')) {
		rp_sim_json_fail(json, "a comma or the closing bracket is missing");
		return false;
	}
	return true;
}

bool rp_sim_json_member(struct rp_sim_json *json, struct rp_bytes *ret_key)
{
	struct rp_bytes key;

	if (!step(json, '}'))
		return false;
	key = rp_sim_json_string(json);
	if (!take(json, ':'))
		rp_sim_json_fail(json, "a colon is missing");
	if (json->error != NULL)
		return false;
	*ret_key = key;
	return true;
}

bool rp_sim_json_item(struct rp_sim_json *json)
{
	if (!step(json, ']'))
		return false;
	if (rp_sim_json_peek(json) == RP_SIM_JSON_ERROR) {
		rp_sim_json_fail(json, "a value is missing");
		return false;
	}
	return true;
}

/* Nonzero if one of the eight bytes is a quote, a backslash or below 0x20 (a false alarm is
 * possible behind such a byte only, which does no harm). */
static uint64_t has_special(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t highs = UINT64_C(0x8080808080808080);
	uint64_t quote = word ^ (ones * '"');
	uint64_t backslash = word ^ (ones * '\\');

	return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
		((word - ones * 0x20) & ~word)) &
	       highs;
}

/* First quote, backslash or control byte, or the end. */
static uint8_t *find_special(uint8_t *at, const uint8_t *end)
{
	uint64_t word;

	while ((size_t)(end - at) >= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		if (has_special(word) != 0)
			break;
		at += sizeof(word);
	}
	while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
		at++;
	return at;
}

static bool read_hex4(struct rp_sim_json *json, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	if (json->end - json->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		uint8_t c = json->at[i];
		uint8_t lower = c | 0x20;

		if (c >= '0' && c <= '9')
			unit = unit << 4 | (uint32_t)(c - '0');
		else if (lower >= 'a' && lower <= 'f')
			unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
		else
			return false;
	}
	json->at += 4;
	*ret_unit = unit;
	return true;
}

/* The escape \uXXXX, and its second half where it is a surrogate pair, as UTF-8. */
static uint8_t *put_unicode(struct rp_sim_json *json, uint8_t *out)
{
	uint32_t code;
	uint32_t low;

	if (!read_hex4(json, &code)) {
		rp_sim_json_fail(json, "a \\u escape needs four hexadecimal digits");
		return out;
	}
	if (code >= 0xd800 && code < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' &&
	    json->at[1] == 'u') {
		uint8_t *back = json->at;

		json->at += 2;
		if (read_hex4(json, &low) && low >= 0xdc00 && low < 0xe000)
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		else
			json->at = back;
	}
	if (code >= 0xd800 && code < 0xe000)
		code = 0xfffd;
	if (code < 0x80) {
		*out++ = (uint8_t)code;
	} else if (code < 0x800) {
		*out++ = (uint8_t)(0xc0 | code >> 6);
		*out++ = (uint8_t)(0x80 | (code & 63));
	} else if (code < 0x10000) {
		*out++ = (uint8_t)(0xe0 | code >> 12);
		*out++ = (uint8_t)(0x80 | (code >> 6 & 63));
		*out++ = (uint8_t)(0x80 | (code & 63));
	} else {
		*out++ = (uint8_t)(0xf0 | code >> 18);
		*out++ = (uint8_t)(0x80 | (code >> 12 & 63));
		*out++ = (uint8_t)(0x80 | (code >> 6 & 63));
		*out++ = (uint8_t)(0x80 | (code & 63));
	}
	return out;
}

/* One escape, json->at behind the backslash. The result is never longer than the escape. */
static uint8_t *put_escape(struct rp_sim_json *json, uint8_t *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (json->at == json->end) {
		rp_sim_json_fail(json, "a string is not closed");
		return out;
	}
	if (*json->at == 'u') {
		json->at++;
		return put_unicode(json, out);
	}
	found = *json->at == '\0' ? NULL : strchr(from, *json->at);
	if (found == NULL) {
		rp_sim_json_fail(json, "unknown escape in a string");
		return out;
	}
	json->at++;
	*out++ = (uint8_t)to[found - from];
	return out;
}

struct rp_bytes rp_sim_json_string(struct rp_sim_json *json)
{
	struct rp_bytes none = {json->begin, 0};
	uint8_t *begin;
	uint8_t *out;

	if (!take(json, '"')) {
		rp_sim_json_fail(json, "a string is expected");
		return none;
	}
	begin = json->at;
	out = begin;
	while (json->error == NULL) {
		uint8_t *special = find_special(json->at, json->end);
		size_t run = (size_t)(special - json->at);

		if (out != json->at)
			memmove(out, json->at, run);
		out += run;
		json->at = special;
		if (special == json->end) {
			rp_sim_json_fail(json, "a string is not closed");
		} else if (*special == '"') {
			json->at++;
			return rp_bytes(begin, (size_t)(out - begin));
		} else if (*special == '\\') {
			json->at++;
			out = put_escape(json, out);
		} else {
			rp_sim_json_fail(json, "a control character in a string");
		}
	}
	return none;
}

static size_t skip_digits(struct rp_sim_json *json)
{
	uint8_t *from = json->at;

	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return (size_t)(json->at - from);
}

static bool take_raw(struct rp_sim_json *json, uint8_t a, uint8_t b)
{
	if (json->at == json->end || (*json->at != a && *json->at != b))
		return false;
	json->at++;
	return true;
}

/* The bytes of a number, checked against RFC 8259 6. */
static struct rp_bytes number(struct rp_sim_json *json)
{
	uint8_t *begin;
	bool is_good;

	if (rp_sim_json_peek(json) != RP_SIM_JSON_NUMBER) {
		rp_sim_json_fail(json, "a number is expected");
		return rp_bytes(json->begin, 0);
	}
	begin = json->at;
	take_raw(json, '-', '-');
	is_good = take_raw(json, '0', '0') || skip_digits(json) > 0;
	if (is_good && take_raw(json, '.', '.'))
		is_good = skip_digits(json) > 0;
	if (is_good && take_raw(json, 'e', 'E')) {
		take_raw(json, '+', '-');
		is_good = skip_digits(json) > 0;
	}
	if (!is_good) {
		rp_sim_json_fail(json, "malformed number");
		return rp_bytes(json->begin, 0);
	}
	return rp_bytes(begin, (size_t)(json->at - begin));
}

double rp_sim_json_double(struct rp_sim_json *json)
{
	struct rp_bytes digits = number(json);
	char text[64];

	if (digits.len >= sizeof(text)) {
		rp_sim_json_fail(json, "a number is too long");
		return 0;
	}
	memcpy(text, digits.ptr, digits.len);
	text[digits.len] = '\0';
	return strtod(text, NULL);
}

int64_t rp_sim_json_integer(struct rp_sim_json *json)
{
	struct rp_bytes digits = number(json);
	int64_t value = 0;
	bool is_negative = digits.len > 0 && digits.ptr[0] == '-';

	if (digits.len - is_negative > 15) {
		rp_sim_json_fail(json, "an integer is too long");
		return 0;
	}
	for (size_t i = is_negative; i < digits.len; i++) {
		if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
			rp_sim_json_fail(json, "an integer is expected");
			return 0;
		}
		value = value * 10 + (digits.ptr[i] - '0');
	}
	return is_negative ? -value : value;
}

static bool take_word(struct rp_sim_json *json, const char *word)
{
	size_t bytes = strlen(word);

	if ((size_t)(json->end - json->at) < bytes || memcmp(json->at, word, bytes) != 0) {
		rp_sim_json_fail(json, "unknown word");
		return false;
	}
	json->at += bytes;
	return true;
}

bool rp_sim_json_bool(struct rp_sim_json *json)
{
	enum rp_sim_json_kind kind = rp_sim_json_peek(json);

	if (kind == RP_SIM_JSON_TRUE)
		return take_word(json, "true");
	if (kind == RP_SIM_JSON_FALSE)
		take_word(json, "false");
	else
		rp_sim_json_fail(json, "true or false is expected");
	return false;
}

bool rp_sim_json_take_null(struct rp_sim_json *json)
{
	return rp_sim_json_peek(json) == RP_SIM_JSON_NULL && take_word(json, "null");
}

static void skip_scalar(struct rp_sim_json *json, enum rp_sim_json_kind kind)
{
	switch (kind) {
	case RP_SIM_JSON_STRING:
		rp_sim_json_string(json);
		break;
	case RP_SIM_JSON_NUMBER:
		number(json);
		break;
	case RP_SIM_JSON_TRUE:
		take_word(json, "true");
		break;
	case RP_SIM_JSON_FALSE:
		take_word(json, "false");
		break;
	case RP_SIM_JSON_NULL:
		take_word(json, "null");
		break;
	case RP_SIM_JSON_OBJECT:
	case RP_SIM_JSON_ARRAY:
	case RP_SIM_JSON_ERROR:
		rp_sim_json_fail(json, "a value is missing");
		break;
	}
}

void rp_sim_json_skip(struct rp_sim_json *json)
{
	bool is_object[RP_JSON_DEPTH_MAX];
	size_t depth = 0;
	struct rp_bytes key;

	do {
		enum rp_sim_json_kind kind = rp_sim_json_peek(json);

		if (kind == RP_SIM_JSON_OBJECT || kind == RP_SIM_JSON_ARRAY) {
			if (depth == RP_ARRAY_LEN(is_object)) {
				rp_sim_json_fail(json, "nested too deep");
				return;
			}
			rp_sim_json_enter(json, kind);
			is_object[depth++] = kind == RP_SIM_JSON_OBJECT;
		} else {
			skip_scalar(json, kind);
		}
		while (depth > 0 && json->error == NULL) {
			bool has_more = is_object[depth - 1] ? rp_sim_json_member(json, &key)
							     : rp_sim_json_item(json);

			if (has_more)
				break;
			depth--;
		}
	} while (depth > 0 && json->error == NULL);
}

int rp_sim_json_finish(struct rp_sim_json *json)
{
	skip_blanks(json);
	if (json->at != json->end)
		rp_sim_json_fail(json, "unexpected bytes behind the value");
	return json->error == NULL ? RP_OK : RP_EFORMAT;
}
