/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_prefix_cache_affinity_filter, rp_slo_headroom_tier_filter;

enum { MATCHES = 5, LOADS = 6, LATENCIES = 7 };

static uint16_t match_blocks[2 * PLUGIN_BED_ENDPOINTS];
static int64_t tokens[PLUGIN_BED_ENDPOINTS];
static struct rp_latency latency[PLUGIN_BED_ENDPOINTS];

static struct plugin_bed *bed_of_matches(uint32_t count)
{
	struct plugin_bed *bed = plugin_bed_new(count);

	memset(match_blocks, 0, sizeof(match_blocks));
	memset(tokens, 0, sizeof(tokens));
	memset(latency, 0, sizeof(latency));
	bed->data[MATCHES].match = (struct rp_match_info){
		.total_blocks = 10, .block_tokens = 64, .match_blocks = match_blocks};
	bed->data[LOADS].load.tokens = tokens;
	return bed;
}

static struct rp_params_prefix_cache_affinity_filter usual_affinity(void)
{
	return (struct rp_params_prefix_cache_affinity_filter){
		.affinity_threshold = 0.8,
		.max_ttft_penalty_ms = 18000,
		.peak_prefill_throughput = 15928,
		.prefix_match_info_producer = MATCHES,
		.inflight_load_producer = LOADS,
		.latency_prediction_info_producer = LATENCIES,
	};
}

static void holders_of_the_prompt_are_kept(void **state RP_UNUSED)
{
	struct rp_params_prefix_cache_affinity_filter params = usual_affinity();
	struct plugin_bed *bed = bed_of_matches(3);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_prefix_cache_affinity_filter, &params);

	assert_string_equal(kept_of(bed, call), "all"); /* nobody is one */
	match_blocks[bed->slot[0]] = 8;
	match_blocks[bed->slot[1]] = 7;
	match_blocks[bed->slot[2]] = 10;
	assert_string_equal(kept_of(bed, call), "0 2");
	params.exploration_probability = 1;
	assert_string_equal(kept_of(bed, call), "all");
	params.exploration_probability = 0;
	params.affinity_threshold = 0;
	assert_string_equal(kept_of(bed, call), "all");
	params.affinity_threshold = 0.8;
	bed->data[MATCHES].match.total_blocks = 0;
	assert_string_equal(kept_of(bed, call), "all");
	bed->data[MATCHES].match = (struct rp_match_info){0};
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

static void a_wait_beyond_the_penalty_lets_all_in(void **state RP_UNUSED)
{
	struct rp_params_prefix_cache_affinity_filter params = usual_affinity();
	struct plugin_bed *bed = bed_of_matches(3);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_prefix_cache_affinity_filter, &params);

	match_blocks[bed->slot[0]] = match_blocks[bed->slot[1]] = 9;
	tokens[0] = 286704; /* 18,000.0 ms */
	tokens[1] = 1000000;
	assert_string_equal(kept_of(bed, call), "0 1");
	tokens[0]++;
	assert_string_equal(kept_of(bed, call), "all");
	params.max_ttft_penalty_ms = 0; /* never breaks */
	assert_string_equal(kept_of(bed, call), "0 1");
	params.max_ttft_penalty_ms = 18000;
	bed->data[LOADS].load.tokens = NULL;
	assert_string_equal(kept_of(bed, call), "0 1");
	plugin_bed_free(bed);
}

static void predictions_stand_in_for_throughput(void **state RP_UNUSED)
{
	struct rp_params_prefix_cache_affinity_filter params = usual_affinity();
	struct plugin_bed *bed = bed_of_matches(2);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_prefix_cache_affinity_filter, &params);

	params.ttft_source = RP_TTFT_LATENCY_PREDICTOR;
	match_blocks[bed->slot[0]] = 9;
	assert_string_equal(kept_of(bed, call), "0"); /* nothing is known of both */
	bed->data[LATENCIES].latency = latency;
	latency[1] = (struct rp_latency){.is_present = true, .ttft = 100};
	assert_string_equal(kept_of(bed, call), "all"); /* of the first one, nothing is */
	latency[0] = (struct rp_latency){.is_present = true, .ttft = 18100};
	assert_string_equal(kept_of(bed, call), "0");
	latency[0].ttft = 18101;
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

static void exploration_is_as_frequent_as_asked(void **state RP_UNUSED)
{
	struct rp_params_prefix_cache_affinity_filter params = usual_affinity();
	struct plugin_bed *bed = bed_of_matches(2);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_prefix_cache_affinity_filter, &params);
	int explored = 0;

	params.exploration_probability = 0.25;
	match_blocks[bed->slot[0]] = 9;
	for (int i = 0; i < 10000; i++)
		explored += strcmp(kept_of(bed, call), "all") == 0;
	assert_in_range(explored, 2500 - 5 * 43, 2500 + 5 * 43);
	plugin_bed_free(bed);
}

static void predict(uint32_t i, double ttft_headroom, double tpot_headroom)
{
	latency[i] = (struct rp_latency){
		.is_present = true, .ttft_headroom = ttft_headroom, .tpot_headroom = tpot_headroom};
}

static void tiers_go_by_both_headrooms(void **state RP_UNUSED)
{
	struct rp_params_slo_headroom_tier_filter params = {.latency_prediction_info_producer =
								    LATENCIES};
	struct plugin_bed *bed = bed_of_matches(4);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "t", &rp_slo_headroom_tier_filter, &params);

	assert_string_equal(kept_of(bed, call), "all");
	bed->data[LATENCIES].latency = latency;
	assert_string_equal(kept_of(bed, call), "all");
	predict(1, -1, 5);
	predict(3, 5, -1);
	/* Those without a prediction go with the negative ones, behind them. */
	assert_string_equal(kept_of(bed, call), "1 3 0 2");
	predict(2, 0, 0);
	assert_string_equal(kept_of(bed, call), "2");
	params.epsilon_explore_neg = 1;
	assert_string_equal(kept_of(bed, call), "1 3 0");
	for (uint32_t i = 0; i < 4; i++)
		predict(i, 1, 1);
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holders_of_the_prompt_are_kept),
		cmocka_unit_test(a_wait_beyond_the_penalty_lets_all_in),
		cmocka_unit_test(predictions_stand_in_for_throughput),
		cmocka_unit_test(exploration_is_as_frequent_as_asked),
		cmocka_unit_test(tiers_go_by_both_headrooms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
