/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_latency_scorer;

static struct rp_params_latency_scorer usual(void)
{
	return (struct rp_params_latency_scorer){
		.ttft_weight = 0.8,
		.tpot_weight = 0.2,
		.composite_kv_weight = 1,
		.composite_queue_weight = 1,
		.composite_prefix_weight = 1,
		.latency_prediction_info_producer = 1,
		.prefix_match_info_producer = 2,
	};
}

static struct rp_latency late(double ttft_headroom, double tpot_headroom, int64_t dispatched)
{
	return (struct rp_latency){.is_present = true,
				   .ttft_headroom = ttft_headroom,
				   .tpot_headroom = tpot_headroom,
				   .dispatched = dispatched};
}

static void check(const struct rp_latency *latency, uint32_t count,
		  enum rp_headroom_strategy strategy, const double *expected)
{
	struct rp_params_latency_scorer params = usual();
	struct plugin_bed *bed = plugin_bed_new(count);
	const struct rp_call *call = plugin_bed_set(bed, 0, "latency", &rp_latency_scorer, &params);
	const double *score;

	params.headroom_selection_strategy = strategy;
	bed->data[1].latency = latency;
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < count; i++)
		assert_true(score[i] == expected[i]);
	plugin_bed_free(bed);
}

static void the_one_nearest_to_what_was_asked_for_is_best(void **state RP_UNUSED)
{
	const struct rp_latency latency[] = {late(100, 10, 1), late(50, 20, 1), late(10, 5, 1)};

	check(latency, 3, RP_HEADROOM_LEAST, (const double[]){.14, .45, 1.01});
	check(latency, 3, RP_HEADROOM_MOST, (const double[]){.87, .56, .01});
}

static void late_ones_get_nothing_while_one_is_in_time(void **state RP_UNUSED)
{
	const struct rp_latency latency[] = {late(100, 10, 1), late(-5, 20, 0), {0}};

	check(latency, 3, RP_HEADROOM_LEAST, (const double[]){.01, 0, 1.01});
}

static void of_late_ones_idle_ones_are_scored_then_those_late_in_tokens_only(void **state RP_UNUSED)
{
	const struct rp_latency idle[] = {late(-100, -1, 0), late(-5, -2, 3), late(-50, -3, 0)};
	const struct rp_latency busy[] = {late(-100, 1, 1), late(5, -2, 3), late(7, -4, 2),
					  late(-5, -5, 1)};

	check(idle, 3, RP_HEADROOM_MOST, (const double[]){.2, 0, .81});
	check(busy, 4, RP_HEADROOM_MOST, (const double[]){0, 1.01, .01, 0});
}

/* The worked example of the reference. */
static void without_predictions_cache_queue_and_prefix_count(void **state RP_UNUSED)
{
	static const uint16_t match[2 * PLUGIN_BED_ENDPOINTS + 1] = {[1] = 5};
	static const struct rp_latency nobody[3];
	struct rp_params_latency_scorer params = usual();
	struct plugin_bed *bed = plugin_bed_new(3);
	const struct rp_call *call = plugin_bed_set(bed, 0, "latency", &rp_latency_scorer, &params);
	const double *score;

	bed->waiting[1] = 4;
	bed->waiting[2] = 2;
	bed->kv_usage[0] = 0.2;
	bed->kv_usage[1] = 0.5;
	bed->kv_usage[2] = 0.9;
	bed->data[2].match = (struct rp_match_info){.total_blocks = 10, .match_blocks = match};
	bed->data[1].latency = nobody;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0.77 && score[1] == 0.17 && score[2] == 0.2);
	params.latency_prediction_info_producer = RP_CONFIG_NONE;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0.77 && score[1] == 0.17 && score[2] == 0.2);
	params.composite_kv_weight = 2;
	params.composite_queue_weight = 0;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0.7 && score[1] == 0.33 && score[2] == 0.07);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_nearest_to_what_was_asked_for_is_best),
		cmocka_unit_test(late_ones_get_nothing_while_one_is_in_time),
		cmocka_unit_test(of_late_ones_idle_ones_are_scored_then_those_late_in_tokens_only),
		cmocka_unit_test(without_predictions_cache_queue_and_prefix_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
