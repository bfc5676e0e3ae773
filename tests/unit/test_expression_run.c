/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "config/expression_run.h"
#include "shm/limits.h"

static const struct rp_expression_usage usage = {100, 7, 107, 64, true};

static void assert_bad(const uint8_t *code, size_t bytes)
{
	struct rp_expression_value value = rp_expression_run(rp_bytes(code, bytes), &usage);

	assert_int_equal(value.kind, RP_EXPR_IS_ERROR);
	assert_int_equal(value.fault, RP_EXPR_BAD_CODE);
}

static void damaged_code_is_an_error(void **state)
{
	static const uint8_t too_few[] = {RP_EXPR_TRUE, RP_EXPR_AND};
	static const uint8_t too_many[] = {RP_EXPR_TRUE, RP_EXPR_TRUE};
	static const uint8_t unknown[] = {RP_EXPR_OPS};
	static const uint8_t short_int[] = {RP_EXPR_INT, 1, 2, 3, 4, 5, 6, 7};
	static const uint8_t short_string[] = {RP_EXPR_STRING, 2, 0, 'a'};
	static const uint8_t no_length[] = {RP_EXPR_STRING, 2};
	static const uint8_t no_field[] = {RP_EXPR_USAGE, RP_EXPR_SELECT};
	uint8_t deep[RP_EXPRESSION_DEPTH_MAX + 1];

	(void)state;
	assert_bad(NULL, 0);
	assert_bad(too_few, sizeof(too_few));
	assert_bad(too_many, sizeof(too_many));
	assert_bad(unknown, sizeof(unknown));
	assert_bad(short_int, sizeof(short_int));
	assert_bad(short_string, sizeof(short_string));
	assert_bad(no_length, sizeof(no_length));
	assert_bad(no_field, sizeof(no_field));
	memset(deep, RP_EXPR_TRUE, sizeof(deep));
	assert_bad(deep, sizeof(deep));
}

static void a_field_out_of_range_is_no_member(void **state)
{
	static const uint8_t code[] = {RP_EXPR_USAGE, RP_EXPR_SELECT, 255};
	struct rp_expression_value value = rp_expression_run(rp_bytes(code, sizeof(code)), &usage);

	(void)state;
	assert_int_equal(value.kind, RP_EXPR_IS_ERROR);
	assert_int_equal(value.fault, RP_EXPR_NO_KEY);
}

static void only_true_meets_a_condition(void **state)
{
	const struct rp_expression_value yes = {.kind = RP_EXPR_IS_BOOL, .is_true = true};
	const struct rp_expression_value no = {.kind = RP_EXPR_IS_BOOL, .is_true = false};
	const struct rp_expression_value number = {.kind = RP_EXPR_IS_DOUBLE, .d = 1.0};
	const struct rp_expression_value error = {.kind = RP_EXPR_IS_ERROR};

	(void)state;
	assert_true(rp_expression_is_met(&yes));
	assert_false(rp_expression_is_met(&no));
	assert_false(rp_expression_is_met(&number));
	assert_false(rp_expression_is_met(&error));
}

static int64_t amount_of_double(double d)
{
	const struct rp_expression_value value = {.kind = RP_EXPR_IS_DOUBLE, .d = d};

	return rp_expression_amount(&value);
}

static int64_t amount_of_int(int64_t i)
{
	const struct rp_expression_value value = {.kind = RP_EXPR_IS_INT, .i = i};

	return rp_expression_amount(&value);
}

static void amounts_are_cut_to_integers(void **state)
{
	const struct rp_expression_value unsigned_one = {.kind = RP_EXPR_IS_UINT, .u = 1};
	const struct rp_expression_value text = {.kind = RP_EXPR_IS_STRING};
	const struct rp_expression_value error = {.kind = RP_EXPR_IS_ERROR};

	(void)state;
	assert_int_equal(amount_of_double(107.9), 107);
	assert_int_equal(amount_of_double(-107.9), -107);
	assert_int_equal(amount_of_double(0.9), 0);
	assert_int_equal(amount_of_double(-1.5), 0);
	assert_int_equal(amount_of_int(-1), 0);
	assert_int_equal(amount_of_int(-2), -2);
	assert_int_equal(amount_of_int(42), 42);
	/* by way of a double */
	assert_int_equal(amount_of_int((INT64_C(1) << 53) + 1), INT64_C(1) << 53);
	assert_int_equal(amount_of_int(INT64_MAX), INT64_MIN);
	assert_int_equal(amount_of_double((double)NAN), INT64_MIN);
	assert_int_equal(amount_of_double((double)INFINITY), INT64_MIN);
	assert_int_equal(rp_expression_amount(&unsigned_one), 0);
	assert_int_equal(rp_expression_amount(&text), 0);
	assert_int_equal(rp_expression_amount(&error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_code_is_an_error),
		cmocka_unit_test(a_field_out_of_range_is_no_member),
		cmocka_unit_test(only_true_meets_a_condition),
		cmocka_unit_test(amounts_are_cut_to_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
