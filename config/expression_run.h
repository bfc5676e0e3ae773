/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs an expression of request-attribute-reporter that config/expression.h compiled: a subset of
 * CEL (Common Expression Language) over `usage`, the token counts of an answer. The byte code is a
 * row of instructions for a stack, without jumps: an expression has no side effects, so both
 * branches of ?: and both sides of && are computed, and an error is a value like others until
 * something strict needs it. Linked into workers; no allocation, no recursion.
 */
#ifndef RP_CONFIG_EXPRESSION_RUN_H
#define RP_CONFIG_EXPRESSION_RUN_H

#include "shm/bytes.h"

/* Instructions. What follows the byte of one: i8 an integer or double of eight bytes in this
 * machine's order, f the byte of a field, s two bytes of length (this machine's order) and a text.
 */
enum rp_expression_op {
	RP_EXPR_USAGE,
	RP_EXPR_FALSE,
	RP_EXPR_TRUE,
	RP_EXPR_INT,	/* i8 */
	RP_EXPR_UINT,	/* i8 */
	RP_EXPR_DOUBLE, /* i8 */
	RP_EXPR_STRING, /* s */
	RP_EXPR_SELECT, /* f */
	RP_EXPR_HAS,	/* f */
	RP_EXPR_INDEX,
	RP_EXPR_NOT,
	RP_EXPR_NEGATE,
	RP_EXPR_TO_INT,
	RP_EXPR_TO_UINT,
	RP_EXPR_TO_DOUBLE,
	RP_EXPR_ADD,
	RP_EXPR_SUBTRACT,
	RP_EXPR_MULTIPLY,
	RP_EXPR_DIVIDE,
	RP_EXPR_MODULO,
	RP_EXPR_LESS,
	RP_EXPR_LESS_EQUAL,
	RP_EXPR_GREATER,
	RP_EXPR_GREATER_EQUAL,
	RP_EXPR_EQUAL,
	RP_EXPR_NOT_EQUAL,
	RP_EXPR_IN,
	RP_EXPR_AND,
	RP_EXPR_OR,
	RP_EXPR_CHOOSE, /* condition, then, else */
	RP_EXPR_OPS,
};

/* Members of usage and of usage.prompt_tokens_details. All counts are doubles. */
enum rp_expression_field {
	RP_EXPR_PROMPT_TOKENS,
	RP_EXPR_COMPLETION_TOKENS,
	RP_EXPR_TOTAL_TOKENS,
	RP_EXPR_DETAILS,
	RP_EXPR_CACHED_TOKENS,
	RP_EXPR_NO_FIELD, /* a name that no answer has */
};

enum rp_expression_kind {
	RP_EXPR_IS_ERROR,
	RP_EXPR_IS_BOOL,
	RP_EXPR_IS_INT,
	RP_EXPR_IS_UINT,
	RP_EXPR_IS_DOUBLE,
	RP_EXPR_IS_STRING,
	RP_EXPR_IS_MAP,
};

enum rp_expression_fault {
	RP_EXPR_NO_KEY,
	RP_EXPR_NO_OVERLOAD, /* values of types that the operator does not take */
	RP_EXPR_OVERFLOW,
	RP_EXPR_BY_ZERO,
	RP_EXPR_NAN_ORDER,
	RP_EXPR_BAD_CODE, /* control and worker disagree */
};

struct rp_expression_value {
	enum rp_expression_kind kind;
	union {
		enum rp_expression_fault fault;
		bool is_true;
		int64_t i;
		uint64_t u;
		double d;
		struct rp_bytes text; /* into the byte code */
		bool is_details;      /* of maps: usage.prompt_tokens_details, else usage */
	};
};

struct rp_expression_usage {
	uint64_t prompt_tokens;
	uint64_t completion_tokens;
	uint64_t total_tokens;
	uint64_t cached_tokens;
	bool has_details; /* usage.prompt_tokens_details exists */
};

/**
 * Compute an expression; any bytes are safe, those that are no code give RP_EXPR_BAD_CODE.
 *
 * As in CEL, integers overflow into an error, values of different types do not add up (`1 + 1.0`),
 * but compare; && and || swallow an error if the other side decides.
 *
 * Context: worker turn; O(code), at most RP_EXPRESSION_CODE_MAX bytes.
 * Source: CEL language definition, "Evaluation", "Logical Operators", "Overflow".
 */
struct rp_expression_value rp_expression_run(struct rp_bytes code,
					     const struct rp_expression_usage *usage);

/** Does this value of a condition let the attribute be reported? Only true does. */
bool rp_expression_is_met(const struct rp_expression_value *value);

/**
 * The number to report for a value, cut to an integer.
 *
 * As in the reference implementation -1 is not reported, and what int64_t cannot hold (NaN too) is
 * its minimum.
 * @return 0: report nothing (the value is 0, no int or double, or an error)
 */
int64_t rp_expression_amount(const struct rp_expression_value *value);

/** Why there is no value ("no such key"); a static string. */
const char *rp_expression_fault_text(enum rp_expression_fault fault);

/** Which member a name is, RP_EXPR_NO_FIELD if none. */
enum rp_expression_field rp_expression_field(struct rp_bytes name);

#endif /* RP_CONFIG_EXPRESSION_RUN_H */
