/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_scan.h"

#include <stdio.h>

#include "dataplane/byte_runs.h"
#include "dataplane/string_runs.h"

static_assert(RP_JSON_DEPTH_MAX % 64 == 0, "the stack of container kinds is made of whole words");

static const char *const literal_text[] = {
	[RP_JSON_TRUE] = "true",
	[RP_JSON_FALSE] = "false",
	[RP_JSON_NULL] = "null",
};

void rp_json_scan_init(struct rp_json_scan *scan)
{
	memset(scan, 0, sizeof(*scan));
	scan->top = RP_JSON_NULL;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* A table: digits and letters come in no order that a branch could foresee. */
static bool is_hex(uint8_t c)
{
	static const bool is_digit_of_hex[256] = {
		['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
		['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true, ['a'] = true, ['b'] = true,
		['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true, ['A'] = true, ['B'] = true,
		['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
	};

	return is_digit_of_hex[c];
}

/* A byte the way Go's error texts show it. */
static void quote_byte(uint8_t c, char *out, size_t out_bytes)
{
	static const char *const control[] = {
		[7] = "\\a",  [8] = "\\b",  [9] = "\\t",  [10] = "\\n",
		[11] = "\\v", [12] = "\\f", [13] = "\\r",
	};

	if (c == '\'')
		snprintf(out, out_bytes, "'\\''");
	else if (c == '\\')
		snprintf(out, out_bytes, "'\\\\'");
	else if (c < RP_ARRAY_LEN(control) && control[c] != NULL)
		snprintf(out, out_bytes, "'%s'", control[c]);
	else if (c < 0x20 || c == 0x7f)
		snprintf(out, out_bytes, "'\\x%02x'", c);
	else if (c < 0x7f)
		snprintf(out, out_bytes, "'%c'", c);
	else if (c < 0xa1 || c == 0xad)
		snprintf(out, out_bytes, "'\\u%04x'", c);
	else
		snprintf(out, out_bytes, "'%c%c'", 0xc0 | (c >> 6), 0x80 | (c & 0x3f));
}

static int fail_at(struct rp_json_scan *scan, uint8_t c, const char *where)
{
	char quoted[16];

	quote_byte(c, quoted, sizeof(quoted));
	snprintf(scan->error, sizeof(scan->error), "invalid character %s %s", quoted, where);
	scan->err = RP_EFORMAT;
	return RP_EFORMAT;
}

static bool top_is_object(const struct rp_json_scan *scan)
{
	uint32_t i = scan->depth - 1;

	return scan->depth > 0 && (scan->is_object[i / 64] >> (i % 64) & 1) != 0;
}

/* A value is complete: what may follow it. */
static void value_done(struct rp_json_scan *scan)
{
	scan->expect = scan->depth == 0 ? RP_JSON_EXPECT_NOTHING : RP_JSON_EXPECT_COMMA;
	scan->lexeme = RP_JSON_BETWEEN;
}

static void emit(const struct rp_json_scan *scan, enum rp_json_kind kind, struct rp_json_token *ret)
{
	ret->kind = kind;
	ret->has_escape = scan->has_escape;
	ret->has_high = scan->has_high;
	ret->depth = scan->depth;
	ret->begin = scan->begin;
	ret->end = scan->offset;
}

static int push(struct rp_json_scan *scan, bool is_object, struct rp_json_token *ret)
{
	uint64_t bit = UINT64_C(1) << (scan->depth % 64);

	if (scan->depth >= RP_JSON_DEPTH_MAX) {
		snprintf(scan->error, sizeof(scan->error), "exceeded max depth");
		scan->err = RP_EFORMAT;
		return RP_EFORMAT;
	}
	emit(scan, is_object ? RP_JSON_OBJECT_BEGIN : RP_JSON_ARRAY_BEGIN, ret);
	if (is_object)
		scan->is_object[scan->depth / 64] |= bit;
	else
		scan->is_object[scan->depth / 64] &= ~bit;
	scan->depth++;
	scan->expect = is_object ? RP_JSON_EXPECT_KEY_OR_END : RP_JSON_EXPECT_VALUE_OR_END;
	return RP_OK;
}

static int pop(struct rp_json_scan *scan, struct rp_json_token *ret)
{
	bool is_object = top_is_object(scan);

	scan->depth--;
	emit(scan, is_object ? RP_JSON_OBJECT_END : RP_JSON_ARRAY_END, ret);
	value_done(scan);
	return RP_OK;
}

static void string_begin(struct rp_json_scan *scan, bool is_key)
{
	scan->lexeme = RP_JSON_IN_STRING;
	scan->is_key = is_key;
	scan->text_len = 0;
}

static void keep_text(struct rp_json_scan *scan, struct rp_bytes run)
{
	size_t n = rp_min_size(run.len, RP_JSON_TEXT_BYTES - scan->text_len);

	memcpy(scan->text + scan->text_len, run.ptr, n);
	scan->text_len = (uint8_t)(scan->text_len + n);
}

static int value_begin(struct rp_json_scan *scan, uint8_t c, struct rp_json_token *ret)
{
	enum rp_json_kind kind = RP_JSON_NUMBER;

	switch (c) {
	case '{':
		kind = RP_JSON_OBJECT_BEGIN;
		break;
	case '[':
		kind = RP_JSON_ARRAY_BEGIN;
		break;
	case '"':
		kind = RP_JSON_STRING;
		string_begin(scan, false);
		break;
	case 't':
		kind = RP_JSON_TRUE;
		break;
	case 'f':
		kind = RP_JSON_FALSE;
		break;
	case 'n':
		kind = RP_JSON_NULL;
		break;
	case '-':
		scan->lexeme = RP_JSON_IN_NUMBER_MINUS;
		break;
	case '0':
		scan->lexeme = RP_JSON_IN_NUMBER_ZERO;
		break;
	default:
		if (!is_digit(c))
			return fail_at(scan, c, "looking for beginning of value");
		scan->lexeme = RP_JSON_IN_NUMBER_INT;
		break;
	}
	if (!scan->has_value) {
		scan->has_value = true;
		scan->top = kind;
	}
	if (kind == RP_JSON_OBJECT_BEGIN || kind == RP_JSON_ARRAY_BEGIN)
		return push(scan, kind == RP_JSON_OBJECT_BEGIN, ret);
	if (kind == RP_JSON_NUMBER) {
		scan->text_len = 0;
		keep_text(scan, rp_bytes(&c, 1));
	} else if (kind != RP_JSON_STRING) {
		scan->lexeme = RP_JSON_IN_LITERAL;
		scan->literal = kind;
		scan->literal_at = 1;
	}
	return RP_EAGAIN;
}

static int key_begin(struct rp_json_scan *scan, uint8_t c)
{
	if (c != '"')
		return fail_at(scan, c, "looking for beginning of object key string");
	string_begin(scan, true);
	return RP_EAGAIN;
}

/* One byte between tokens. RP_EAGAIN: no token is complete yet. */
static int between(struct rp_json_scan *scan, uint8_t c, struct rp_json_token *ret)
{
	scan->begin = scan->offset - 1;
	scan->has_escape = false;
	scan->has_high = false;
	switch (scan->expect) {
	case RP_JSON_EXPECT_VALUE_OR_END:
		if (c == ']')
			return pop(scan, ret);
		return value_begin(scan, c, ret);
	case RP_JSON_EXPECT_VALUE:
		return value_begin(scan, c, ret);
	case RP_JSON_EXPECT_KEY_OR_END:
		return c == '}' ? pop(scan, ret) : key_begin(scan, c);
	case RP_JSON_EXPECT_KEY:
		return key_begin(scan, c);
	case RP_JSON_EXPECT_COLON:
		if (c != ':')
			return fail_at(scan, c, "after object key");
		scan->expect = RP_JSON_EXPECT_VALUE;
		return RP_EAGAIN;
	case RP_JSON_EXPECT_COMMA:
		if (c == (top_is_object(scan) ? '}' : ']'))
			return pop(scan, ret);
		if (c != ',')
			return fail_at(scan, c,
				       top_is_object(scan) ? "after object key:value pair"
							   : "after array element");
		scan->expect = top_is_object(scan) ? RP_JSON_EXPECT_KEY : RP_JSON_EXPECT_VALUE;
		return RP_EAGAIN;
	case RP_JSON_EXPECT_NOTHING:
		return fail_at(scan, c, "after top-level value");
	}
	RP_ASSERT(false);
}

static bool is_escape_letter(uint8_t c)
{
	static const bool is_letter[256] = {
		['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
		['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true,
	};

	return is_letter[c];
}

/* Length of the escape at the begin if it is there whole and right, else 0. */
static size_t whole_escape(struct rp_bytes in)
{
	if (in.len < 2)
		return 0;
	if (is_escape_letter(in.ptr[1]))
		return 2;
	if (in.len < 6 || in.ptr[1] != 'u')
		return 0;
	return is_hex(in.ptr[2]) & is_hex(in.ptr[3]) & is_hex(in.ptr[4]) & is_hex(in.ptr[5]) ? 6
											     : 0;
}

/* What a string holds up to its end, the chunk's, or an escape that is cut or wrong. */
static size_t string_run(struct rp_json_scan *scan, struct rp_bytes in)
{
	size_t at = 0;

	for (;;) {
		at += rp_run_plain(rp_bytes(in.ptr + at, in.len - at), &scan->has_high);
		if (at == in.len || in.ptr[at] != '\\')
			return at;
		scan->has_escape = true;
		if (in.len - at >= 2 && in.ptr[at + 1] != 'u')
			at += rp_string_skip(rp_bytes(in.ptr + at, in.len - at), &scan->has_high);
		while (at < in.len && in.ptr[at] == '\\') {
			size_t escape = whole_escape(rp_bytes(in.ptr + at, in.len - at));

			if (escape == 0)
				return at;
			at += escape;
		}
	}
}

static int in_string(struct rp_json_scan *scan, struct rp_bytes chunk, size_t *at,
		     struct rp_json_token *ret)
{
	struct rp_bytes run = rp_bytes(chunk.ptr + *at, chunk.len - *at);
	uint8_t c;

	run.len = string_run(scan, run);
	keep_text(scan, run);
	*at += run.len;
	scan->offset += run.len;
	if (*at == chunk.len)
		return RP_EAGAIN;
	c = chunk.ptr[(*at)++];
	scan->offset++;
	if (c == '\\') {
		scan->lexeme = RP_JSON_IN_ESCAPE;
		keep_text(scan, rp_bytes(&c, 1));
		return RP_EAGAIN;
	}
	if (c != '"')
		return fail_at(scan, c, "in string literal");
	if (!scan->is_key) {
		emit(scan, RP_JSON_STRING, ret);
		value_done(scan);
		return RP_OK;
	}
	emit(scan, RP_JSON_KEY, ret);
	scan->lexeme = RP_JSON_BETWEEN;
	scan->expect = RP_JSON_EXPECT_COLON;
	return RP_OK;
}

/* One byte of an escape that a chunk's end cuts, or that is wrong. */
static int in_escape(struct rp_json_scan *scan, uint8_t c)
{
	keep_text(scan, rp_bytes(&c, 1));
	if (scan->lexeme == RP_JSON_IN_HEX) {
		if (!is_hex(c))
			return fail_at(scan, c, "in \\u hexadecimal character escape");
		if (--scan->hex_left == 0)
			scan->lexeme = RP_JSON_IN_STRING;
		return RP_EAGAIN;
	}
	if (c == 'u') {
		scan->lexeme = RP_JSON_IN_HEX;
		scan->hex_left = 4;
		return RP_EAGAIN;
	}
	if (!is_escape_letter(c))
		return fail_at(scan, c, "in string escape code");
	scan->lexeme = RP_JSON_IN_STRING;
	return RP_EAGAIN;
}

static int in_literal(struct rp_json_scan *scan, uint8_t c, struct rp_json_token *ret)
{
	const char *text = literal_text[scan->literal];
	char where[48];

	if (c != (uint8_t)text[scan->literal_at]) {
		snprintf(where, sizeof(where), "in literal %s (expecting '%c')", text,
			 text[scan->literal_at]);
		return fail_at(scan, c, where);
	}
	if (text[++scan->literal_at] != '\0')
		return RP_EAGAIN;
	emit(scan, scan->literal, ret);
	value_done(scan);
	return RP_OK;
}

enum number_step { NUMBER_GOES_ON, NUMBER_ENDS, NUMBER_BROKEN };

static enum number_step number_step(struct rp_json_scan *scan, uint8_t c, const char **ret_where)
{
	enum rp_json_lexeme was = scan->lexeme;
	enum rp_json_lexeme next = RP_JSON_BETWEEN;

	if (is_digit(c)) {
		if (was == RP_JSON_IN_NUMBER_MINUS)
			next = c == '0' ? RP_JSON_IN_NUMBER_ZERO : RP_JSON_IN_NUMBER_INT;
		else if (was == RP_JSON_IN_NUMBER_INT)
			next = was;
		else if (was == RP_JSON_IN_NUMBER_DOT || was == RP_JSON_IN_NUMBER_FRACTION)
			next = RP_JSON_IN_NUMBER_FRACTION;
		else if (was != RP_JSON_IN_NUMBER_ZERO)
			next = RP_JSON_IN_NUMBER_EXPONENT;
	} else if (c == '.') {
		if (was == RP_JSON_IN_NUMBER_ZERO || was == RP_JSON_IN_NUMBER_INT)
			next = RP_JSON_IN_NUMBER_DOT;
	} else if (c == 'e' || c == 'E') {
		if (was == RP_JSON_IN_NUMBER_ZERO || was == RP_JSON_IN_NUMBER_INT ||
		    was == RP_JSON_IN_NUMBER_FRACTION)
			next = RP_JSON_IN_NUMBER_E;
	} else if ((c == '+' || c == '-') && was == RP_JSON_IN_NUMBER_E) {
		next = RP_JSON_IN_NUMBER_E_SIGN;
	}
	if (next != RP_JSON_BETWEEN) {
		scan->lexeme = next;
		return NUMBER_GOES_ON;
	}
	if (was == RP_JSON_IN_NUMBER_MINUS)
		*ret_where = "in numeric literal";
	else if (was == RP_JSON_IN_NUMBER_DOT)
		*ret_where = "after decimal point in numeric literal";
	else if (was == RP_JSON_IN_NUMBER_E || was == RP_JSON_IN_NUMBER_E_SIGN)
		*ret_where = "in exponent of numeric literal";
	else
		return NUMBER_ENDS;
	return NUMBER_BROKEN;
}

/* The byte that ends a number is not consumed. */
static int in_number(struct rp_json_scan *scan, struct rp_bytes chunk, size_t *at,
		     struct rp_json_token *ret)
{
	const char *where = "";

	while (*at < chunk.len) {
		uint8_t c = chunk.ptr[*at];

		switch (number_step(scan, c, &where)) {
		case NUMBER_GOES_ON:
			keep_text(scan, rp_bytes(&c, 1));
			(*at)++;
			scan->offset++;
			break;
		case NUMBER_BROKEN:
			return fail_at(scan, c, where);
		case NUMBER_ENDS:
			emit(scan, RP_JSON_NUMBER, ret);
			value_done(scan);
			return RP_OK;
		}
	}
	return RP_EAGAIN;
}

static int step(struct rp_json_scan *scan, struct rp_bytes chunk, size_t *at,
		struct rp_json_token *ret)
{
	switch (scan->lexeme) {
	case RP_JSON_IN_STRING:
		return in_string(scan, chunk, at, ret);
	case RP_JSON_IN_NUMBER_MINUS:
	case RP_JSON_IN_NUMBER_ZERO:
	case RP_JSON_IN_NUMBER_INT:
	case RP_JSON_IN_NUMBER_DOT:
	case RP_JSON_IN_NUMBER_FRACTION:
	case RP_JSON_IN_NUMBER_E:
	case RP_JSON_IN_NUMBER_E_SIGN:
	case RP_JSON_IN_NUMBER_EXPONENT:
		return in_number(scan, chunk, at, ret);
	case RP_JSON_BETWEEN:
		scan->offset++;
		if (is_blank(chunk.ptr[(*at)++]))
			return RP_EAGAIN;
		return between(scan, chunk.ptr[*at - 1], ret);
	case RP_JSON_IN_ESCAPE:
	case RP_JSON_IN_HEX:
		scan->offset++;
		return in_escape(scan, chunk.ptr[(*at)++]);
	case RP_JSON_IN_LITERAL:
		scan->offset++;
		return in_literal(scan, chunk.ptr[(*at)++], ret);
	}
	RP_ASSERT(false);
}

int rp_json_scan_next(struct rp_json_scan *scan, struct rp_bytes chunk, size_t *at,
		      struct rp_json_token *ret_token)
{
	if (scan->err != RP_OK)
		return scan->err;
	while (*at < chunk.len) {
		int err = step(scan, chunk, at, ret_token);

		if (err != RP_EAGAIN)
			return err;
	}
	return RP_EAGAIN;
}

int rp_json_scan_end(struct rp_json_scan *scan)
{
	if (scan->err != RP_OK)
		return scan->err;
	/* Go looks at the end as at a blank, which ends a number of the top level. */
	if (scan->depth == 0 &&
	    (scan->lexeme == RP_JSON_IN_NUMBER_ZERO || scan->lexeme == RP_JSON_IN_NUMBER_INT ||
	     scan->lexeme == RP_JSON_IN_NUMBER_FRACTION ||
	     scan->lexeme == RP_JSON_IN_NUMBER_EXPONENT))
		value_done(scan);
	if (scan->expect == RP_JSON_EXPECT_NOTHING && scan->lexeme == RP_JSON_BETWEEN)
		return RP_OK;
	snprintf(scan->error, sizeof(scan->error), "unexpected end of JSON input");
	scan->err = RP_EFORMAT;
	return RP_EFORMAT;
}
