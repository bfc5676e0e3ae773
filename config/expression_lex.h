/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a CEL expression (config/expression.h), one after the other.
 */
#ifndef RP_CONFIG_EXPRESSION_LEX_H
#define RP_CONFIG_EXPRESSION_LEX_H

#include "shm/bytes.h"

enum rp_expression_word {
	RP_WORD_END,
	RP_WORD_BAD, /* error says why */
	RP_WORD_NAME,
	RP_WORD_TRUE,
	RP_WORD_FALSE,
	RP_WORD_NULL,
	RP_WORD_INT,
	RP_WORD_UINT,
	RP_WORD_DOUBLE,
	RP_WORD_STRING,
	RP_WORD_DOT,
	RP_WORD_COMMA,
	RP_WORD_OPEN,
	RP_WORD_CLOSE,
	RP_WORD_OPEN_INDEX,
	RP_WORD_CLOSE_INDEX,
	RP_WORD_QUESTION,
	RP_WORD_COLON,
	RP_WORD_NOT,
	RP_WORD_PLUS,
	RP_WORD_MINUS,
	RP_WORD_TIMES,
	RP_WORD_DIVIDE,
	RP_WORD_MODULO,
	RP_WORD_LESS,
	RP_WORD_LESS_EQUAL,
	RP_WORD_GREATER,
	RP_WORD_GREATER_EQUAL,
	RP_WORD_EQUAL,
	RP_WORD_NOT_EQUAL,
	RP_WORD_IN,
	RP_WORD_AND,
	RP_WORD_OR,
};

struct rp_expression_token {
	enum rp_expression_word word;
	size_t at;	      /* in the text */
	struct rp_bytes text; /* view of it; of strings without the quotes */
	union {
		uint64_t magnitude; /* integers: a minus is a token of its own */
		double number;
		const char *error;
	};
};

/** The token at or behind *at; *at moves behind it. At the end of the text RP_WORD_END, ever on. */
struct rp_expression_token rp_expression_lex(struct rp_bytes text, size_t *at);

#endif /* RP_CONFIG_EXPRESSION_LEX_H */
