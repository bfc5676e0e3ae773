/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiles the expressions and conditions of request-attribute-reporter (scheduling reference
 * 3.11) for config/expression_run.h: CEL, the Common Expression Language, as far as token counts
 * can use it. There are the variable `usage`; numbers, strings and bools; members by dot or by
 * ["name"]; has(); ! - * / % + comparisons `in` && || ?: and parentheses; int(), uint(), double()
 * and dyn(). Types are checked as in CEL: what is a member of usage is known only when it runs.
 *
 * Not there, and refused with a sentence: null, lists, maps, messages, bytes, escapes, time,
 * macros but has(), other functions, and strings for anything but names and comparisons.
 */
#ifndef RP_CONFIG_EXPRESSION_H
#define RP_CONFIG_EXPRESSION_H

#include "shm/bytes.h"

/** Where in an expression and why. Both count from 1, the column in characters. */
struct rp_expression_error {
	uint32_t line;
	uint32_t column;
	char message[256]; /* with the remedy */
};

/**
 * Compile an expression.
 *
 * The code is position-independent and needs no alignment; the largest has RP_EXPRESSION_CODE_MAX
 * bytes.
 *
 * @param[out] ret_bytes  written on RP_OK only: bytes of code in out
 * @param[out] reterr     filled on failure
 * @return RP_OK; RP_ECONFIG: syntax, types, or not supported; RP_ETOOBIG: beyond a bound, or out
 * Context: control, O(text). Source: CEL language definition, "Syntax", "Gradual Type Checking".
 */
RP_MUST_CHECK int rp_expression_compile(struct rp_bytes text, uint8_t *out, size_t out_bytes,
					size_t *ret_bytes, struct rp_expression_error *reterr);

#endif /* RP_CONFIG_EXPRESSION_H */
