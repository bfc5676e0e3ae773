/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expression_lex.h"

#include <math.h>
#include <stdlib.h>

enum { NUMBER_BYTES_MAX = 64 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_begin(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The byte at `at`, 0 behind the end. */
static uint8_t peek(struct rp_bytes text, size_t at)
{
	return at < text.len ? text.ptr[at] : 0;
}

static size_t skip_blanks(struct rp_bytes text, size_t at)
{
	while (at < text.len) {
		uint8_t c = text.ptr[at];

		if (c == '/' && peek(text, at + 1) == '/') {
			while (at < text.len && text.ptr[at] != '\n')
				at++;
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
			at++;
		} else {
			break;
		}
	}
	return at;
}

static size_t skip_digits(struct rp_bytes text, size_t at)
{
	while (is_digit(peek(text, at)))
		at++;
	return at;
}

static void set_error(struct rp_expression_token *token, const char *error)
{
	token->word = RP_WORD_BAD;
	token->error = error;
}

static int hex_digit(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 0x…: the end of its digits, or `at` if none follow */
static size_t lex_hex(struct rp_bytes text, size_t at, struct rp_expression_token *token)
{
	size_t end = at + 2;
	int digit;

	token->word = RP_WORD_INT;
	token->magnitude = 0;
	for (; (digit = hex_digit(peek(text, end))) >= 0; end++) {
		if (token->magnitude >> 60 != 0) {
			set_error(token, "this number is too large: 64 bits hold it");
			return end;
		}
		token->magnitude = token->magnitude << 4 | (uint64_t)digit;
	}
	return end;
}

static void to_double(struct rp_expression_token *token)
{
	char copy[NUMBER_BYTES_MAX + 1];

	if (token->text.len > NUMBER_BYTES_MAX) {
		set_error(token, "this number is too long: write fewer digits");
		return;
	}
	rp_bytes_to_str(token->text, copy, sizeof(copy));
	token->word = RP_WORD_DOUBLE;
	token->number = strtod(copy, NULL);
	if (isinf(token->number))
		set_error(token, "this number is too large for a double: stay below 1.8e308");
}

/* Behind the digits: fraction and exponent, each only with digits of its own. */
static size_t skip_fraction(struct rp_bytes text, size_t at)
{
	size_t exponent;

	if (peek(text, at) == '.' && is_digit(peek(text, at + 1)))
		at = skip_digits(text, at + 1);
	if (peek(text, at) == 'e' || peek(text, at) == 'E') {
		exponent = at + 1;
		if (peek(text, exponent) == '+' || peek(text, exponent) == '-')
			exponent++;
		if (is_digit(peek(text, exponent)))
			at = skip_digits(text, exponent);
	}
	return at;
}

static size_t lex_number(struct rp_bytes text, size_t at, struct rp_expression_token *token)
{
	size_t digits = skip_digits(text, at);
	size_t end = skip_fraction(text, digits);

	if (peek(text, at) == '0' && peek(text, at + 1) == 'x' &&
	    hex_digit(peek(text, at + 2)) >= 0) {
		end = lex_hex(text, at, token);
	} else if (end > digits) {
		token->text = rp_bytes_slice(text, at, end - at);
		to_double(token);
		return end;
	} else {
		token->word = RP_WORD_INT;
		if (rp_bytes_to_u64(rp_bytes_slice(text, at, end - at), UINT64_MAX,
				    &token->magnitude) != RP_OK)
			set_error(token, "this number is too large: 64 bits hold it");
	}
	if (token->word == RP_WORD_INT && (peek(text, end) == 'u' || peek(text, end) == 'U')) {
		token->word = RP_WORD_UINT;
		end++;
	}
	return end;
}

static size_t lex_string(struct rp_bytes text, size_t at, struct rp_expression_token *token)
{
	uint8_t quote = text.ptr[at];
	size_t end = at + 1;

	for (; end < text.len && text.ptr[end] != quote; end++) {
		if (text.ptr[end] == '\\') {
			set_error(token, "escapes in strings are not supported: names of members "
					 "need none");
			return end;
		}
		if (text.ptr[end] == '\n' || text.ptr[end] == '\r')
			break;
	}
	if (peek(text, end) != quote) {
		set_error(token, "this string has no end: write the closing quote");
		return end;
	}
	if (end == at + 1 && peek(text, end + 1) == quote) {
		set_error(token, "triple quotes are not supported: write one quote");
		return end;
	}
	token->word = RP_WORD_STRING;
	token->text = rp_bytes_slice(text, at + 1, end - at - 1);
	return end + 1;
}

static size_t lex_name(struct rp_bytes text, size_t at, struct rp_expression_token *token)
{
	static const struct {
		const char *name;
		enum rp_expression_word word;
	} words[] = {
		{"true", RP_WORD_TRUE},
		{"false", RP_WORD_FALSE},
		{"null", RP_WORD_NULL},
		{"in", RP_WORD_IN},
	};
	size_t end = at;

	while (is_name_begin(peek(text, end)) || is_digit(peek(text, end)))
		end++;
	token->word = RP_WORD_NAME;
	token->text = rp_bytes_slice(text, at, end - at);
	for (size_t i = 0; i < RP_ARRAY_LEN(words); i++) {
		if (rp_bytes_equal_str(token->text, words[i].name))
			token->word = words[i].word;
	}
	if (peek(text, end) == '"' || peek(text, end) == '\'')
		set_error(token, "raw strings and bytes are not supported: write a plain string");
	return end;
}

static size_t lex_sign(struct rp_bytes text, size_t at, struct rp_expression_token *token)
{
	/* the longer ones first */
	static const struct {
		const char *text;
		enum rp_expression_word word;
	} signs[] = {
		{"==", RP_WORD_EQUAL},	    {"!=", RP_WORD_NOT_EQUAL},
		{"<=", RP_WORD_LESS_EQUAL}, {">=", RP_WORD_GREATER_EQUAL},
		{"&&", RP_WORD_AND},	    {"||", RP_WORD_OR},
		{"<", RP_WORD_LESS},	    {">", RP_WORD_GREATER},
		{"!", RP_WORD_NOT},	    {"+", RP_WORD_PLUS},
		{"-", RP_WORD_MINUS},	    {"*", RP_WORD_TIMES},
		{"/", RP_WORD_DIVIDE},	    {"%", RP_WORD_MODULO},
		{".", RP_WORD_DOT},	    {",", RP_WORD_COMMA},
		{"(", RP_WORD_OPEN},	    {")", RP_WORD_CLOSE},
		{"[", RP_WORD_OPEN_INDEX},  {"]", RP_WORD_CLOSE_INDEX},
		{"?", RP_WORD_QUESTION},    {":", RP_WORD_COLON},
	};
	struct rp_bytes rest = rp_bytes_slice(text, at, SIZE_MAX);

	for (size_t i = 0; i < RP_ARRAY_LEN(signs); i++) {
		if (rp_bytes_starts_with(rest, rp_bytes_str(signs[i].text))) {
			token->word = signs[i].word;
			return at + strlen(signs[i].text);
		}
	}
	if (rest.ptr[0] == '=')
		set_error(token, "there is no assignment: compare with ==");
	else if (rest.ptr[0] == '&' || rest.ptr[0] == '|')
		set_error(token, "there are no bit operators: write && or ||");
	else if (rest.ptr[0] == '{' || rest.ptr[0] == '}')
		set_error(token, "maps and messages are not supported: take them out");
	else
		set_error(token, "this character belongs to no expression: take it out");
	return at;
}

struct rp_expression_token rp_expression_lex(struct rp_bytes text, size_t *at)
{
	struct rp_expression_token token = {.word = RP_WORD_END};
	uint8_t c;

	*at = skip_blanks(text, *at);
	token.at = *at;
	if (*at == text.len)
		return token;
	c = text.ptr[*at];
	if (is_digit(c) || (c == '.' && is_digit(peek(text, *at + 1))))
		*at = lex_number(text, *at, &token);
	else if (is_name_begin(c))
		*at = lex_name(text, *at, &token);
	else if (c == '"' || c == '\'')
		*at = lex_string(text, *at, &token);
	else
		*at = lex_sign(text, *at, &token);
	return token;
}
