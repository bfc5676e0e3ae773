/* SPDX-License-Identifier: Apache-2.0
 *
 * Which operands the operators and functions of an expression take (config/expression.h), as far as
 * that can be told before it runs.
 */
#ifndef RP_CONFIG_EXPRESSION_TYPES_H
#define RP_CONFIG_EXPRESSION_TYPES_H

#include "config/expression_run.h"

/* RP_TYPE_ANY is what only running tells. It is never a string: where that would come of a string
 * the expression is refused, so running needs no memory for new ones. */
enum rp_expression_type {
	RP_TYPE_ANY,
	RP_TYPE_BOOL,
	RP_TYPE_INT,
	RP_TYPE_UINT,
	RP_TYPE_DOUBLE,
	RP_TYPE_STRING,
	RP_TYPE_MAP,
};

/* The function dyn(), beside enum rp_expression_op: it makes no code. */
enum { RP_EXPR_DYN = RP_EXPR_OPS };

/**
 * The type of an operation's result.
 *
 * @param op         RP_EXPR_DYN, or enum rp_expression_op but constants and RP_EXPR_HAS
 * @param a          types of its operands in their order, as many as it takes
 * @param[out] ret   written on true only
 * @param[out] error a message with the remedy, written on false only
 * @return false: it does not take them
 * Source: CEL language definition, "List of Standard Definitions"; no int is a double.
 */
RP_MUST_CHECK bool rp_expression_type_check(uint32_t op, const enum rp_expression_type *a,
					    enum rp_expression_type *ret, char *error,
					    size_t error_bytes);

#endif /* RP_CONFIG_EXPRESSION_TYPES_H */
