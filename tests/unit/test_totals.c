/* SPDX-License-Identifier: Apache-2.0
 *
 * Totals that are kept from pick to pick against those added up anew, by their bits.
 */
#include "dataplane/sched/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "tests/support/sched_bed.h"

enum { POOL = 37, SLOTS = 64 };

static struct rp_totals *totals;
static struct rp_params_prefix_cache_scorer prefix[2];

static uint32_t idx[POOL];
static uint32_t slot[POOL];
static int32_t waiting[POOL];
static double kv_usage[POOL];
static const struct rp_candidates candidates = {
	.count = POOL, .table_idx = idx, .slot = slot, .waiting = waiting, .kv_usage = kv_usage};

static uint16_t count[2][RP_ENDPOINTS_MAX];
static uint16_t touched[2][SLOTS];
static struct rp_plugin_data data[RP_PLUGINS_MAX];
static struct rp_cycle cycle = {.data = data};
static struct rp_call call[RP_BED_PLUGINS_MAX];
static struct rp_weighted scorer[RP_BED_PLUGINS_MAX];
static uint32_t scorer_count;

static uint32_t asked; /* laps of this run */
static uint32_t kept;

static void lap(void *user RP_UNUSED, uint32_t plugin RP_UNUSED,
		enum rp_extension_point point RP_UNUSED, bool is_kept)
{
	asked += !is_kept;
	kept += is_kept;
}

static int set_up(void **state RP_UNUSED)
{
	srandom(7);
	assert_int_equal(rp_totals_new(POOL, &totals), RP_OK);
	/* Not in the slots' order, and not all of them. */
	for (uint32_t i = 0; i < POOL; i++)
		slot[i] = (i * 5 + 3) % SLOTS;
	rp_totals_set_candidates(totals, slot, POOL);
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_totals_free(totals);
	return 0;
}

/* A scorer that looks at the request, and is none of few. */
static double of_request[POOL];

static void score_by_request(const struct rp_call *c RP_UNUSED, const struct rp_candidates *in,
			     double *score)
{
	memcpy(score, of_request, in->count * sizeof(*score));
}

static const struct rp_plugin_ops by_request = {.score = score_by_request};

/* LORA_AFFINITY_SCORER stands for any scorer by the request. */
static void set_scorers(const enum rp_plugin_type *types, const double *weights, uint32_t n)
{
	uint32_t nth = 0;

	for (uint32_t i = 0; i < n; i++) {
		bool is_prefix = types[i] == RP_PLUGIN_PREFIX_CACHE_SCORER;

		call[i] = (struct rp_call){.cycle = &cycle,
					   .ops = types[i] == RP_PLUGIN_LORA_AFFINITY_SCORER
							  ? &by_request
							  : rp_sched_ops(types[i]),
					   .params = &prefix[is_prefix ? nth++ % 2 : 0],
					   .plugin = i};
		scorer[i] = (struct rp_weighted){&call[i], weights[i]};
	}
	scorer_count = n;
	rp_totals_set_scorers(totals, scorer, n);
}

static void roll_figures(void)
{
	int32_t range = random() % 4 == 0 ? 1 : 1 + (int32_t)(random() % 1000);

	for (uint32_t i = 0; i < POOL; i++) {
		waiting[i] = (int32_t)(random() % range);
		kv_usage[i] = (double)(random() % 1300) / 1000 - 0.1; /* beyond both ends too */
	}
	if (random() % 8 == 0)
		kv_usage[random() % POOL] = NAN;
	if (random() % 8 == 0) {
		waiting[0] = INT32_MIN;
		waiting[1] = INT32_MAX;
	}
	rp_totals_forget(totals);
}

static void roll_matches(void)
{
	for (uint32_t i = 0; i < POOL; i++)
		of_request[i] = (double)(random() % 1300) / 1000 - 0.1;
	of_request[random() % POOL] = RP_NO_SCORE;
	for (uint32_t p = 0; p < 2; p++) {
		uint32_t n = (uint32_t)(random() % 4 == 0 ? SLOTS : random() % 4);

		memset(count[p], 0, sizeof(count[p]));
		data[p].match = (struct rp_match_info){.total_blocks = (uint64_t)(random() % 33),
						       .block_tokens = 64,
						       .match_blocks = count[p],
						       .touched = touched[p]};
		for (uint32_t k = 0; k < n && data[p].match.total_blocks > 0; k++) {
			uint32_t s = (k * 11 + 1) % SLOTS;

			count[p][s] = (uint16_t)(1 + random() % (long)data[p].match.total_blocks);
			touched[p][data[p].match.touched_count++] = (uint16_t)s;
		}
	}
}

static void assert_same_bits(void)
{
	double score[POOL], expect[POOL];
	const double *total;

	asked = kept = 0;
	rp_sched_total(scorer, scorer_count, &candidates, score, expect, NULL, NULL);
	total = rp_totals_run(totals, &candidates, lap, NULL);
	assert_memory_equal(total, expect, sizeof(expect));
	assert_int_equal(asked + kept, scorer_count);
	rp_totals_settle(totals);
}

static void kept_totals_have_the_bits_of_those_added_up_anew(void **state RP_UNUSED)
{
	static const enum rp_plugin_type all[] = {
		RP_PLUGIN_QUEUE_SCORER, RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER,
		RP_PLUGIN_PREFIX_CACHE_SCORER, RP_PLUGIN_LORA_AFFINITY_SCORER};

	for (int round = 0; round < 300; round++) {
		enum rp_plugin_type types[7];
		double weights[7];
		uint32_t n = (uint32_t)(random() % 8);

		for (uint32_t p = 0; p < 2; p++)
			prefix[p] = (struct rp_params_prefix_cache_scorer){
				.producer = p,
				.match_length_weight = (double)(random() % 3) / 2,
				.match_length_scale_tokens = 512};
		for (uint32_t i = 0; i < n; i++) {
			types[i] = all[random() % (round % 2 == 0 ? 3 : 4)];
			weights[i] = (double)(random() % 700) / 100 - 1;
		}
		roll_figures();
		set_scorers(types, weights, n);
		for (int pick = 0; pick < 8; pick++) {
			roll_matches();
			assert_same_bits();
			if (random() % 3 == 0)
				roll_figures();
		}
	}
}

static void figures_are_scored_once_until_they_move(void **state RP_UNUSED)
{
	static const enum rp_plugin_type types[] = {RP_PLUGIN_QUEUE_SCORER,
						    RP_PLUGIN_PREFIX_CACHE_SCORER,
						    RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER};
	static const double weights[] = {2, 3, 2};

	roll_figures();
	roll_matches();
	set_scorers(types, weights, 3);
	assert_same_bits();
	assert_int_equal(asked, 3);
	assert_same_bits();
	assert_int_equal(asked, 1); /* what goes by the prompt */
	assert_int_equal(kept, 2);
	rp_totals_set_candidates(totals, slot, POOL);
	assert_same_bits();
	assert_int_equal(asked, 3);
}

static void who_looks_at_the_request_is_asked_each_time(void **state RP_UNUSED)
{
	static const enum rp_plugin_type types[] = {
		RP_PLUGIN_QUEUE_SCORER, RP_PLUGIN_PREFIX_CACHE_SCORER,
		RP_PLUGIN_LORA_AFFINITY_SCORER, RP_PLUGIN_KV_CACHE_UTILIZATION_SCORER};
	static const double weights[] = {2, 3, 1, 2};

	roll_figures();
	roll_matches();
	set_scorers(types, weights, 4);
	assert_same_bits();
	assert_int_equal(asked, 4);
	roll_matches();
	assert_same_bits();
	assert_int_equal(asked, 2);
	assert_int_equal(kept, 2); /* of figures, before it and behind it */
}

static void weights_without_end_are_multiplied_out(void **state RP_UNUSED)
{
	static const enum rp_plugin_type types[] = {RP_PLUGIN_PREFIX_CACHE_SCORER};
	const double weights[] = {INFINITY};

	roll_figures();
	roll_matches();
	set_scorers(types, weights, 1);
	/* 0 times infinity is no number, for each that holds nothing. */
	assert_same_bits();
	assert_same_bits();
	assert_int_equal(kept, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(kept_totals_have_the_bits_of_those_added_up_anew),
		TEST(figures_are_scored_once_until_they_move),
		TEST(who_looks_at_the_request_is_asked_each_time),
		TEST(weights_without_end_are_multiplied_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
