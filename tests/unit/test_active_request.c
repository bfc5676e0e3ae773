/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_active_request_scorer;

static const struct rp_params_active_request_scorer usual = {.max_busy_score = 1.0,
							     .inflight_load_producer = 1};

static void idle_ones_get_1_and_the_busiest_0(void **state RP_UNUSED)
{
	static const int64_t requests[] = {0, 2, 4, 8};
	const struct rp_params_active_request_scorer params = {
		.idle_threshold = 2, .max_busy_score = 0.5, .inflight_load_producer = 1};
	struct plugin_bed *bed = plugin_bed_new(4);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "active", &rp_active_request_scorer, &params);
	const double *score;

	bed->data[1].load.requests = requests;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1 && score[1] == 1 && score[2] == 0.25 && score[3] == 0);
	plugin_bed_free(bed);
}

static void without_counts_all_are_idle(void **state RP_UNUSED)
{
	static const int64_t none[2];
	struct plugin_bed *bed = plugin_bed_new(2);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "active", &rp_active_request_scorer, &usual);
	const double *score = plugin_bed_score(bed, call);

	assert_true(score[0] == 1 && score[1] == 1);
	bed->data[1].load.requests = none;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1 && score[1] == 1);
	plugin_bed_free(bed);
}

static void equally_busy_ones_get_nothing(void **state RP_UNUSED)
{
	static const int64_t requests[] = {4, 4, 9};
	struct plugin_bed *bed = plugin_bed_new(3);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "active", &rp_active_request_scorer, &usual);
	const double *score;

	/* the busiest of the candidates counts, not of the table */
	plugin_bed_leave_out(bed, (const int[]){2, -1});
	bed->data[1].load.requests = requests;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0 && score[1] == 0);
	plugin_bed_free(bed);
}

/* As many candidates as counts are another way to the same bits. */
static void large_pools_have_the_scores_of_small_ones(void **state RP_UNUSED)
{
	enum { MANY = 20, BUSIEST = 7 };
	int64_t requests[MANY];
	struct plugin_bed *bed = plugin_bed_new(MANY);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "active", &rp_active_request_scorer, &usual);
	const double *score;

	for (int64_t i = 0; i < MANY; i++)
		requests[i] = i * 3 % (BUSIEST + 1);
	bed->data[1].load.requests = requests;
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < MANY; i++) {
		double expect = (double)(BUSIEST - requests[i]) / (double)BUSIEST * 1.0;

		assert_true(score[i] == (requests[i] <= 0 ? 1.0 : expect));
	}
	requests[3] = -2; /* nothing to index an array with */
	score = plugin_bed_score(bed, call);
	assert_true(score[3] == 1.0);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_ones_get_1_and_the_busiest_0),
		cmocka_unit_test(without_counts_all_are_idle),
		cmocka_unit_test(equally_busy_ones_get_nothing),
		cmocka_unit_test(large_pools_have_the_scores_of_small_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
