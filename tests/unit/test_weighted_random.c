/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

extern const struct rp_plugin_ops rp_weighted_random_picker;

enum { RUNS = 70000, POOL = 5 };

static uint32_t seen[POOL][POOL]; /* first and second pick */

static void run(const double *total, uint32_t count)
{
	const struct rp_params_picker params = {.endpoints_max = 2};
	struct plugin_bed *bed = plugin_bed_new(count);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "dice", &rp_weighted_random_picker, &params);

	memset(seen, 0, sizeof(seen));
	for (int n = 0; n < RUNS; n++) {
		uint32_t pick[RP_PICKS_MAX];

		assert_int_equal(call->ops->pick(call, total, count, pick), 2);
		seen[pick[0]][pick[1]]++;
	}
	plugin_bed_free(bed);
}

/* Draws in proportion to the positive totals, without replacement: chi-square over all pairs. */
static void check(const double *total, uint32_t count, double chi_square_max)
{
	double sum = 0, chi_square = 0;

	for (uint32_t i = 0; i < count; i++)
		sum += total[i];
	run(total, count);
	for (uint32_t a = 0; a < count; a++) {
		assert_int_equal(seen[a][a], 0);
		for (uint32_t b = 0; b < count; b++) {
			double expected = RUNS * (total[a] / sum) * (total[b] / (sum - total[a]));
			double off = seen[a][b] - expected;

			chi_square += a == b ? 0 : off * off / expected;
		}
	}
	assert_true(chi_square < chi_square_max);
}

static void probabilities_are_as_the_totals(void **state RP_UNUSED)
{
	check((const double[]){2, 1, 0.5}, 3, 20.5);		 /* 5 degrees of freedom */
	check((const double[]){0.1, 3, 0.7, 1.2, 0.4}, 5, 43.8); /* 19 */
	/* where U^(1/total) would be 0 for all */
	check((const double[]){2e-5, 1e-5, 5e-6}, 3, 20.5);
	check((const double[]){2e9, 1e9, 5e8}, 3, 20.5);
}

static void the_others_come_after_those_with_a_total(void **state RP_UNUSED)
{
	const double total[] = {0, -3, 0.5, (double)NAN, 0};

	run(total, 5);
	for (uint32_t a = 0; a < 5; a++) {
		for (uint32_t b = 0; b < 5; b++) {
			if (a == 2 && b != 2)
				assert_in_range(seen[a][b], RUNS / 4 - 600, RUNS / 4 + 600);
			else
				assert_int_equal(seen[a][b], 0);
		}
	}
}

static void without_totals_all_are_alike(void **state RP_UNUSED)
{
	const double total[] = {0, 0, -1};

	run(total, 3);
	for (uint32_t a = 0; a < 3; a++) {
		for (uint32_t b = 0; b < 3; b++) {
			if (a != b)
				assert_in_range(seen[a][b], RUNS / 6 - 500, RUNS / 6 + 500);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probabilities_are_as_the_totals),
		cmocka_unit_test(the_others_come_after_those_with_a_total),
		cmocka_unit_test(without_totals_all_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
