/* SPDX-License-Identifier: Apache-2.0
 *
 * inflight-load-producer, and how its holds are given back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dataplane/sched/sched_plugin.h"
#include "tests/support/sched_bed.h"

extern const struct rp_plugin_ops rp_inflight_load_producer;

enum { ENDPOINTS = 3, INSTANCE = 2, OTHER_WORKER = 1 };

static struct rp_bed bed;

/* A cycle of one request at hand, with a match result as plugin 1. */
static struct rp_params_inflight_load_producer params;
static struct rp_plugin_data data[2];
static struct rp_cycle cycle;
static struct rp_call call;
static struct rp_candidates candidates;
static struct rp_request request;
static int64_t load[3][ENDPOINTS];
static const uint32_t index_of[ENDPOINTS] = {0, 1, 2};

static void publish(const char *profile_name)
{
	static const struct rp_bed_endpoint endpoints[ENDPOINTS] = {
		{.ip = "10.0.0.1", .port = 8000},
		{.ip = "10.0.0.2", .port = 8000},
		{.ip = "10.0.0.3", .port = 8000},
	};
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_published pair;

	config.profile_name = profile_name;
	rp_bed_publish(&bed, &config, endpoints, ENDPOINTS);
	assert_true(rp_publication_current(&bed.shared.live->publication, &pair));
	cycle.config = rp_sched_config(bed.env.sched);
	cycle.table = &bed.shared.tables->table[pair.table_slot];
}

static int setup(void **state)
{
	struct rp_settings settings = {
		.worker_count = 2,
		.endpoints_max = 64,
		.metric_series_max = RP_METRIC_SERIES_MAX,
		.prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
		.body_bytes_max = RP_BODY_BYTES_MAX,
		.body_memory_bytes = RP_BODY_BYTES_MAX,
	};

	(void)state;
	rp_bed_init(&bed, &settings);
	params = (struct rp_params_inflight_load_producer){
		.output_ratio = 1.5,
		.max_estimated_output_tokens = -1,
		.prefix_match_info_producer = RP_CONFIG_NONE,
		.instance = INSTANCE,
	};
	memset(data, 0, sizeof(data));
	memset(load, 0x55, sizeof(load));
	request = (struct rp_request){.token_count = 100, .has_prompts = true, .max_tokens = -1};
	candidates =
		(struct rp_candidates){.count = ENDPOINTS, .table_idx = index_of, .slot = index_of};
	cycle = (struct rp_cycle){
		.env = &bed.env,
		.data = data,
		.request = &request,
		.candidates = &candidates,
		.wants_uncached = true,
		.fairness_id = RP_BYTES_LIT("someone"),
	};
	call = (struct rp_call){
		.cycle = &cycle,
		.ops = &rp_inflight_load_producer,
		.params = &params,
		.data = &data[0],
		.load = {load[0], load[1], load[2]},
	};
	publish(NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rp_bed_fini(&bed);
	return 0;
}

static void give_match(uint64_t total, int64_t block_tokens, const uint16_t *match_blocks)
{
	params.prefix_match_info_producer = 1;
	data[1].match = (struct rp_match_info){
		.total_blocks = total, .block_tokens = block_tokens, .match_blocks = match_blocks};
}

static void produce_expects(int64_t a, int64_t b, int64_t c)
{
	assert_int_equal(call.ops->produce(&call), RP_OK);
	assert_ptr_equal(data[0].load.uncached, load[2]);
	assert_int_equal(load[2][0], a);
	assert_int_equal(load[2][1], b);
	assert_int_equal(load[2][2], c);
}

static void add(uint32_t worker, uint32_t instance, uint32_t slot, uint32_t requests,
		int64_t tokens)
{
	uint32_t life = rp_inflight_load_add(&bed.env.live->inflight, worker, instance, slot,
					     requests, tokens);

	assert_int_equal(life, 0);
}

static void load_at(uint32_t slot, int64_t requests, int64_t tokens)
{
	struct rp_inflight_load now;

	rp_inflight_load_sum(&bed.env.live->inflight, 2, INSTANCE, slot, &now);
	assert_int_equal(now.requests, requests);
	assert_int_equal(now.tokens, tokens);
}

/* The profile picked these, and the producer counted. */
static void pick(uint32_t first, uint32_t second)
{
	cycle.result[0] =
		(struct rp_profile_result){.has_run = true, .count = 2, .pick = {first, second}};
	cycle.followup.hold_count = 0;
	call.ops->pre_request(&call);
}

static void figures_are_those_of_all_workers(void **state)
{
	(void)state;
	add(0, INSTANCE, 1, 2, 20);
	add(OTHER_WORKER, INSTANCE, 1, 3, 30);
	add(OTHER_WORKER, INSTANCE, 2, 1, 0);
	add(0, INSTANCE + 1, 0, 7, 7);
	call.ops->measure(&call);
	assert_ptr_equal(data[0].load.requests, load[0]);
	assert_ptr_equal(data[0].load.tokens, load[1]);
	assert_int_equal(load[0][0], 0);
	assert_int_equal(load[1][0], 0);
	assert_int_equal(load[0][1], 5);
	assert_int_equal(load[1][1], 50);
	assert_int_equal(load[0][2], 1);
	assert_int_equal(load[1][2], 0);
}

static void only_candidates_are_looked_at(void **state)
{
	static const uint32_t one[] = {2};
	const int64_t untouched = load[0][0];

	(void)state;
	candidates = (struct rp_candidates){.count = 1, .table_idx = one, .slot = one};
	call.ops->measure(&call);
	assert_int_equal(call.ops->produce(&call), RP_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(load[i][0], untouched);
	assert_int_equal(load[0][2], 0);
	assert_int_equal(load[2][2], 100);
}

static void what_is_cached_need_not_be_computed(void **state)
{
	static const uint16_t match[] = {0, 4, 9};

	(void)state;
	produce_expects(100, 100, 100);
	/* 7 blocks of 16 are 112 tokens: the last one is not full. */
	give_match(7, 16, match);
	produce_expects(112, 48, 0);
	/* The index was cut: what lies behind it is computed by everybody. */
	give_match(5, 16, match);
	produce_expects(100, 36, 20);
	give_match(0, 16, match);
	produce_expects(100, 100, 100);
	give_match(5, 16, NULL);
	produce_expects(100, 100, 100);
	request.has_prompts = false;
	give_match(5, 16, match);
	produce_expects(80, 16, 0);
}

static void the_answers_tokens_are_estimated_if_wanted(void **state)
{
	static const uint16_t match[] = {0, 4, 9};

	(void)state;
	params.add_estimated_output_tokens = 1;
	produce_expects(250, 250, 250);
	/* Of the whole prompt, whatever is cached of it. */
	give_match(7, 16, match);
	produce_expects(262, 198, 150);
	params.prefix_match_info_producer = RP_CONFIG_NONE;
	request.token_count = 101; /* 151.5: half away from zero */
	produce_expects(253, 253, 253);
	request.max_tokens = 40;
	produce_expects(141, 141, 141);
	params.max_estimated_output_tokens = 8;
	produce_expects(109, 109, 109);
	request.max_tokens = 0;
	produce_expects(101, 101, 101);
	request.max_tokens = -1;
	params.max_estimated_output_tokens = -1;
	params.output_ratio = 1e300;
	produce_expects(RP_INFLIGHT_TOKENS_MAX + 101, RP_INFLIGHT_TOKENS_MAX + 101,
			RP_INFLIGHT_TOKENS_MAX + 101);
	request.token_count = 0;
	produce_expects(0, 0, 0);
}

static void only_the_first_endpoint_of_a_profile_is_counted(void **state)
{
	(void)state;
	pick(1, 2);
	assert_int_equal(cycle.followup.hold_count, 1);
	load_at(1, 1, 100);
	load_at(2, 0, 0);
	cycle.result[0].count = 0;
	cycle.followup.hold_count = 0;
	call.ops->pre_request(&call);
	assert_int_equal(cycle.followup.hold_count, 0);
}

static void tokens_go_with_the_first_chunk_and_requests_with_the_end(void **state)
{
	(void)state;
	pick(1, 0);
	pick(1, 0);
	load_at(1, 2, 200);
	rp_followup_first_chunk(&cycle.followup, &bed.env);
	load_at(1, 2, 100);
	rp_followup_first_chunk(&cycle.followup, &bed.env);
	load_at(1, 2, 100);
	rp_followup_end(&cycle.followup, &bed.env);
	rp_followup_end(&cycle.followup, &bed.env);
	load_at(1, 1, 100);
}

static void an_estimate_of_the_answer_is_held_until_its_end(void **state)
{
	(void)state;
	params.add_estimated_output_tokens = 1;
	pick(1, 0);
	rp_followup_first_chunk(&cycle.followup, &bed.env);
	load_at(1, 1, 250);
	rp_followup_end(&cycle.followup, &bed.env);
	load_at(1, 0, 0);
}

static void a_profile_named_prefill_is_done_with_the_first_chunk(void **state)
{
	(void)state;
	publish("prefill");
	for (uint32_t with_output = 0; with_output < 2; with_output++) {
		params.add_estimated_output_tokens = with_output;
		pick(1, 0);
		load_at(1, 1, with_output != 0 ? 250 : 100);
		rp_followup_first_chunk(&cycle.followup, &bed.env);
		load_at(1, 0, 0);
		rp_followup_end(&cycle.followup, &bed.env);
		load_at(1, 0, 0);
	}
}

static void what_ends_before_it_was_answered_gives_everything_back(void **state)
{
	(void)state;
	pick(1, 0);
	rp_followup_end(&cycle.followup, &bed.env);
	load_at(1, 0, 0);
}

static void an_endpoint_that_was_away_begins_at_zero(void **state)
{
	struct rp_followup old;

	(void)state;
	pick(1, 0);
	old = cycle.followup;
	rp_inflight_begin_life(&bed.env.live->inflight, 1);
	load_at(1, 0, 0);
	pick(1, 0);
	rp_followup_end(&old, &bed.env);
	load_at(1, 1, 100);
	rp_followup_end(&cycle.followup, &bed.env);
	load_at(1, 0, 0);
}

static void the_series_of_the_request_follows(void **state)
{
	const struct rp_inflight_series_table *table = &bed.env.live->worker[0].inflight_series;
	struct rp_inflight_sample sample;
	uint32_t cell;

	(void)state;
	cycle.priority = -2;
	pick(1, 0);
	cell = cycle.followup.hold[0].series.cell;
	assert_true(rp_inflight_series_read(table, cell, &sample));
	assert_true(rp_bytes_equal_str(sample.key.fairness_id, "someone"));
	assert_int_equal(sample.key.priority, -2);
	assert_int_equal(sample.key.instance, INSTANCE);
	assert_int_equal(sample.key.slot, 1);
	assert_int_equal(sample.requests, 1);
	assert_int_equal(sample.tokens, 100);
	rp_followup_first_chunk(&cycle.followup, &bed.env);
	assert_true(rp_inflight_series_read(table, cell, &sample));
	assert_int_equal(sample.requests, 1);
	assert_int_equal(sample.tokens, 0);
	rp_followup_end(&cycle.followup, &bed.env);
	assert_true(rp_inflight_series_read(table, cell, &sample));
	assert_int_equal(sample.requests, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(figures_are_those_of_all_workers),
		TEST(only_candidates_are_looked_at),
		TEST(what_is_cached_need_not_be_computed),
		TEST(the_answers_tokens_are_estimated_if_wanted),
		TEST(only_the_first_endpoint_of_a_profile_is_counted),
		TEST(tokens_go_with_the_first_chunk_and_requests_with_the_end),
		TEST(an_estimate_of_the_answer_is_held_until_its_end),
		TEST(a_profile_named_prefill_is_done_with_the_first_chunk),
		TEST(what_ends_before_it_was_answered_gives_everything_back),
		TEST(an_endpoint_that_was_away_begins_at_zero),
		TEST(the_series_of_the_request_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
