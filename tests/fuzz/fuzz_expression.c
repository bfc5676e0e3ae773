/* SPDX-License-Identifier: Apache-2.0
 *
 * An expression is refused with a place and a message, or its code runs, and gives the same
 * wherever it lies and however many parentheses are around it; and any bytes are safe as code.
 */
#include <math.h>
#include <stdlib.h>

#include "config/expression.h"
#include "config/expression_run.h"
#include "shm/limits.h"
#include "tests/fuzz/fuzz.h"

static const struct rp_expression_usage usages[] = {
	{0, 0, 0, 0, false},
	{100, 7, 107, 64, true},
};

static void check_equal(struct rp_bytes code, struct rp_bytes other)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(usages); i++) {
		struct rp_expression_value a = rp_expression_run(code, &usages[i]);
		struct rp_expression_value b = rp_expression_run(other, &usages[i]);

		RP_ASSERT(a.kind == b.kind);
		RP_ASSERT(rp_expression_amount(&a) == rp_expression_amount(&b));
		RP_ASSERT(rp_expression_is_met(&a) == rp_expression_is_met(&b));
		if (a.kind == RP_EXPR_IS_ERROR)
			RP_ASSERT(a.fault == b.fault && a.fault != RP_EXPR_BAD_CODE);
		else if (a.kind == RP_EXPR_IS_STRING)
			RP_ASSERT(rp_bytes_equal(a.text, b.text));
		else if (a.kind == RP_EXPR_IS_INT || a.kind == RP_EXPR_IS_UINT)
			RP_ASSERT(a.u == b.u);
		else if (a.kind == RP_EXPR_IS_DOUBLE)
			RP_ASSERT(a.d == b.d || (isnan(a.d) && isnan(b.d)));
	}
}

/* In memory of its own size, so that a sanitizer sees what is read or written beyond. */
static void check_room(struct rp_bytes text, struct rp_bytes code)
{
	struct rp_expression_error error = {0};
	uint8_t *exact = malloc(code.len);
	size_t bytes = 0;

	RP_ASSERT(exact != NULL);
	RP_ASSERT(rp_expression_compile(text, exact, code.len - 1, &bytes, &error) == RP_ETOOBIG);
	RP_ASSERT(rp_expression_compile(text, exact, code.len, &bytes, &error) == RP_OK);
	RP_ASSERT(rp_bytes_equal(rp_bytes(exact, bytes), code));
	check_equal(code, rp_bytes(exact, bytes));
	free(exact);
}

static void check_parentheses(struct rp_bytes text, struct rp_bytes code)
{
	static uint8_t around[RP_EXPRESSION_BYTES_MAX + 3];
	static uint8_t other[RP_EXPRESSION_CODE_MAX];
	struct rp_writer w = rp_writer(around, sizeof(around));
	struct rp_expression_error error = {0};
	size_t bytes = 0;
	int err;

	rp_write_u8(&w, '(');
	rp_write_bytes(&w, text);
	rp_write_bytes(&w, RP_BYTES_LIT("\n)")); /* the text may end in a comment */
	err = rp_expression_compile(rp_writer_bytes(&w), other, sizeof(other), &bytes, &error);
	if (err == RP_ETOOBIG)
		return;
	RP_ASSERT(err == RP_OK);
	RP_ASSERT(rp_bytes_equal(rp_bytes(other, bytes), code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[RP_EXPRESSION_CODE_MAX];
	struct rp_bytes text = rp_bytes(data, size);
	struct rp_expression_error error = {0};
	size_t bytes = 0;
	int err = rp_expression_compile(text, out, sizeof(out), &bytes, &error);

	for (size_t i = 0; i < RP_ARRAY_LEN(usages); i++)
		(void)rp_expression_run(text, &usages[i]);
	if (err != RP_OK) {
		RP_ASSERT(err == RP_ECONFIG || err == RP_ETOOBIG);
		RP_ASSERT(error.message[0] != '\0' && error.line >= 1 && error.column >= 1);
		return 0;
	}
	RP_ASSERT(bytes > 0 && bytes <= sizeof(out));
	check_room(text, rp_bytes(out, bytes));
	check_parentheses(text, rp_bytes(out, bytes));
	return 0;
}
