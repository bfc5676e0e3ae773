/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/sched/pickers/draw.h"

extern const struct rp_plugin_ops rp_random_picker;

enum { RUNS = 20000 };

/* Every ordered pair of five is as likely as every other. */
static void picks_are_uniform_and_without_replacement(void **state RP_UNUSED)
{
	const struct rp_params_picker params = {.endpoints_max = 2};
	const double total[5] = {9, 0, 0, -1, 0};
	uint32_t seen[5][5] = {0};
	struct plugin_bed *bed = plugin_bed_new(5);
	const struct rp_call *call = plugin_bed_set(bed, 0, "any", &rp_random_picker, &params);
	double chi_square = 0;

	for (int n = 0; n < RUNS; n++) {
		uint32_t pick[RP_PICKS_MAX];

		assert_int_equal(call->ops->pick(call, total, 5, pick), 2);
		seen[pick[0]][pick[1]]++;
	}
	for (uint32_t a = 0; a < 5; a++) {
		assert_int_equal(seen[a][a], 0);
		for (uint32_t b = 0; b < 5; b++) {
			double off = seen[a][b] - RUNS / 20.0;

			chi_square += a == b ? 0 : off * off / (RUNS / 20.0);
		}
	}
	assert_true(chi_square < 43.8); /* 19 degrees of freedom, p > 0.001 */
	plugin_bed_free(bed);
}

static void all_are_returned_if_there_are_not_more(void **state RP_UNUSED)
{
	const struct rp_params_picker params = {.endpoints_max = 1000};
	const double total[40] = {0};
	struct plugin_bed *bed = plugin_bed_new(1);
	const struct rp_call *call = plugin_bed_set(bed, 0, "any", &rp_random_picker, &params);

	for (uint32_t count = 1; count <= 40; count++) {
		uint32_t wanted = count < RP_PICKS_MAX ? count : RP_PICKS_MAX;
		uint32_t pick[RP_PICKS_MAX];
		uint64_t seen = 0;

		assert_int_equal(call->ops->pick(call, total, count, pick), wanted);
		for (uint32_t i = 0; i < wanted; i++) {
			assert_true(pick[i] < count);
			seen |= UINT64_C(1) << pick[i];
		}
		assert_int_equal(__builtin_popcountll(seen), wanted);
	}
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_are_uniform_and_without_replacement),
		cmocka_unit_test(all_are_returned_if_there_are_not_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
