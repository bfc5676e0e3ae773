/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/sched/sched_plugin.h"
#include "tests/support/sched_bed.h"

static struct rp_bed bed;

static const struct rp_bed_endpoint four[] = {
	{.ip = "10.0.0.1", .port = 8000},
	{.ip = "10.0.0.1", .port = 8001},
	{.ip = "10.0.0.2", .port = 8000},
	{.ip = "[fd00::1]", .port = 8000},
};

static int set_up(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();

	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, four, RP_ARRAY_LEN(four));
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_bed_fini(&bed);
	return 0;
}

/* Schedule without a body; returns the slot, or -1 if nothing was picked. */
static int pick_of(const struct rp_subset *subset, struct rp_pick *pick)
{
	struct rp_request request = {0};

	if (rp_bed_pick(&bed, NULL, NULL, subset, &request, pick) != RP_SCHED_OK)
		return -1;
	return (int)pick->target[0].slot;
}

/* Which slots a subset of these entries lets through, as a bit set. */
static unsigned allowed(const char *const *entries, uint32_t count)
{
	struct rp_bytes entry[8];
	struct rp_subset subset = {.is_given = true, .count = count, .entry = entry};
	struct rp_pick pick;
	unsigned slots = 0;

	for (uint32_t i = 0; i < count; i++)
		entry[i] = rp_bytes_str(entries[i]);
	for (int i = 0; i < 200; i++) {
		int slot = pick_of(&subset, &pick);

		if (slot < 0)
			return 0;
		slots |= 1u << slot;
	}
	return slots;
}

static void a_subset_goes_by_port_and_else_by_ip(void **state RP_UNUSED)
{
	static const struct {
		const char *entry[3];
		unsigned slots;
	} cases[] = {
		{{"10.0.0.1:8000"}, 1},
		{{"10.0.0.1:8001", "10.0.0.2:8000"}, 2 | 4},
		{{"10.0.0.1"}, 1 | 2},
		{{"10.0.0.1:9999"}, 1 | 2},
		{{"10.0.0.1:9999", "10.0.0.2:8000"}, 4},
		{{"10.0.0.1:9999", "10.0.0.2"}, 1 | 2 | 4},
		{{"[fd00::1]:8000"}, 8},
		{{"[fd00::1]"}, 8},
		{{"fd00::1"}, 8},
		{{"[fd00::1]:1"}, 8},
		{{" 10.0.0.2:8000 "}, 4},
		{{"10.0.0.9"}, 0},
		{{"10.0.0"}, 0},
		{{""}, 0},
		{{":"}, 0},
		{{"["}, 0},
		{{"]:8000"}, 0},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		uint32_t count = 0;

		while (count < 3 && cases[i].entry[count] != NULL)
			count++;
		assert_int_equal(allowed(cases[i].entry, count), cases[i].slots);
	}
	assert_int_equal(allowed(NULL, 0), 0);
}

static void the_subset_filter_can_be_turned_off(void **state RP_UNUSED)
{
	static const char *const none[] = {"10.0.0.9"};

	bed.shared.tables->settings.is_subset_filter_off = 1;
	assert_int_equal(allowed(none, 1), 15);
	bed.shared.tables->settings.is_subset_filter_off = 0;
}

static void without_endpoints_there_is_nobody(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_pick pick;
	struct rp_request request = {0};

	rp_bed_publish(&bed, &config, NULL, 0);
	assert_int_equal(rp_bed_pick(&bed, NULL, NULL, NULL, &request, &pick),
			 RP_SCHED_NO_CANDIDATES);
}

static void figures_are_followed_when_their_epoch_moves(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_endpoint_metrics *metrics = &bed.shared.live->metrics;
	struct rp_endpoint_figures busy = {.waiting = 9};
	struct rp_pick pick;

	rp_bed_publish(&bed, &config, four, 2);
	rp_endpoint_metrics_write(metrics, 0, &busy);
	rp_endpoint_metrics_bump(metrics);
	assert_true(rp_sched_refresh(bed.env.sched));
	for (int i = 0; i < 50; i++)
		assert_int_equal(pick_of(NULL, &pick), 1);
	assert_true(rp_bytes_equal_str(pick.target[0].address, "10.0.0.1:8001"));
	assert_int_equal(pick.target[0].generation, 1);
}

static void scores_of_all_candidates_are_given_on_request(void **state RP_UNUSED)
{
	static const struct rp_bed_endpoint two[] = {
		{.ip = "10.0.0.1", .port = 1, .waiting = 0, .kv_usage = 0.5},
		{.ip = "10.0.0.2", .port = 2, .waiting = 4, .kv_usage = 0},
	};
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_pick pick;

	rp_bed_publish(&bed, &config, two, 2);
	assert_int_equal(pick_of(NULL, &pick), 0);
	assert_int_equal(pick.score_count, 0);
	bed.shared.tables->settings.has_endpoint_scores = 1;
	assert_int_equal(pick_of(NULL, &pick), 0);
	assert_int_equal(pick.score_count, 2);
	assert_true(rp_bytes_equal_str(pick.score[1].address, "10.0.0.2:2"));
	assert_true(pick.score[0].total == 3.0);
	assert_true(pick.score[1].total == 2.0);
	bed.shared.tables->settings.has_endpoint_scores = 0;
}

static void a_figure_that_is_no_number_scores_nothing(void **state RP_UNUSED)
{
	struct rp_bed_endpoint two[] = {
		{.ip = "10.0.0.1", .port = 1, .kv_usage = 0},
		{.ip = "10.0.0.2", .port = 2, .kv_usage = 0.9},
	};
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_pick pick;

	two[0].kv_usage = strtod("nan", NULL);
	rp_bed_publish(&bed, &config, two, 2);
	for (int i = 0; i < 50; i++)
		assert_int_equal(pick_of(NULL, &pick), 1);
}

/* ---- legacy admission (flow control reference 1.1) ---- */

static enum rp_sched_result pick_with_priority(int32_t priority, const struct rp_subset *subset)
{
	static const struct rp_request_headers headers;
	struct rp_request request = {0};
	const struct rp_sched_input input = {
		.arena = &bed.arena,
		.headers = &headers,
		.subset = subset,
		.priority = priority,
		.request = &request,
	};
	struct rp_pick pick;

	(void)rp_sched_begin(bed.env.sched, &input);
	return rp_sched_pick(bed.env.sched, &pick);
}

static void publish_with_detector(const struct rp_bed_endpoint *endpoint, uint32_t count)
{
	static const struct rp_params_utilization_detector params = {
		.queue_depth_threshold = 5,
		.kv_cache_util_threshold = 0.8,
		.metrics_staleness_threshold_ns = INT64_MAX / 2,
	};
	struct rp_bed_config config = rp_bed_default_config();

	rp_bed_add(&config, RP_PLUGIN_UTILIZATION_DETECTOR, &params, sizeof(params), 0);
	rp_bed_publish(&bed, &config, endpoint, count);
}

static void only_who_may_wait_is_turned_away_from_a_full_pool(void **state RP_UNUSED)
{
	static const struct rp_bed_endpoint full[] = {
		{.ip = "10.0.0.1", .port = 1, .waiting = 10},
		{.ip = "10.0.0.2", .port = 1, .waiting = 1},
	};
	struct rp_bytes second = RP_BYTES_LIT("10.0.0.2:1");
	const struct rp_subset idle = {.is_given = true, .count = 1, .entry = &second};
	const struct rp_subset nobody = {.is_given = true};

	/* (2 + 0.2) / 2 is full; of the second alone, 0.2 is not. */
	publish_with_detector(full, 2);
	assert_int_equal(pick_with_priority(0, NULL), RP_SCHED_OK);
	assert_int_equal(pick_with_priority(7, NULL), RP_SCHED_OK);
	assert_int_equal(pick_with_priority(-1, NULL), RP_SCHED_SHED);
	assert_int_equal(pick_with_priority(-1, &idle), RP_SCHED_OK);
	/* Nobody there counts as full. */
	assert_int_equal(pick_with_priority(-1, &nobody), RP_SCHED_SHED);
	assert_int_equal(pick_with_priority(0, &nobody), RP_SCHED_NO_CANDIDATES);
	publish_with_detector(NULL, 0);
	assert_int_equal(pick_with_priority(-1, NULL), RP_SCHED_SHED);
	assert_int_equal(pick_with_priority(0, NULL), RP_SCHED_NO_CANDIDATES);
}

static void a_pool_with_room_takes_everybody(void **state RP_UNUSED)
{
	static const struct rp_bed_endpoint busy[] = {
		{.ip = "10.0.0.1", .port = 1, .waiting = 9},
		{.ip = "10.0.0.2", .port = 1, .waiting = 0},
	};

	publish_with_detector(busy, 2);
	assert_int_equal(pick_with_priority(-1, NULL), RP_SCHED_OK);
}

/* ---- prefixes through the whole cycle ---- */

static struct rp_body body;

static int pick_for(const char *text, struct rp_pick *pick)
{
	struct rp_request_parser *parser;
	struct rp_request request;
	struct rp_bytes error;

	rp_arena_reset(&bed.arena);
	rp_body_free(&body, &bed.env.bodies);
	assert_int_equal(rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched),
					       rp_bytes_str("/v1/completions"), &parser),
			 RP_OK);
	assert_int_equal(rp_body_append(&body, &bed.env.bodies, rp_bytes_str(text)), RP_OK);
	rp_request_parser_feed(parser, rp_bytes_str(text));
	assert_int_equal(rp_request_parser_finish(parser, &body, &request, &error), RP_OK);
	request.target_model = request.incoming_model;
	assert_int_equal(rp_bed_pick(&bed, parser, &body, NULL, &request, pick), RP_SCHED_OK);
	return (int)pick->target[0].slot;
}

static void a_prompt_comes_back_to_who_served_it(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();
	unsigned used = 0;
	struct rp_pick pick;

	rp_bed_publish(&bed, &config, four, RP_ARRAY_LEN(four));
	for (int i = 0; i < 20; i++) {
		char text[2048];
		char prompt[1024];
		int first;

		memset(prompt, 'a' + i, sizeof(prompt));
		prompt[sizeof(prompt) - 1] = '\0';
		snprintf(text, sizeof(text), "{\"model\":\"m\",\"prompt\":\"%s\"}", prompt);
		first = pick_for(text, &pick);
		used |= 1u << first;
		for (int k = 0; k < 5; k++)
			assert_int_equal(pick_for(text, &pick), first);
	}
	assert_true((used & (used - 1)) != 0);
	rp_body_free(&body, &bed.env.bodies);
}

/* ---- the picker alone ---- */

static void ties_are_broken_uniformly_at_every_place(void **state RP_UNUSED)
{
	enum { RUNS = 60000 };
	static const double total[] = {1, 5, 5, 2, 5};
	const struct rp_params_picker params = {.endpoints_max = 4};
	struct rp_cycle cycle = {.env = &bed.env};
	const struct rp_call picker = {.cycle = &cycle,
				       .ops = rp_sched_ops(RP_PLUGIN_MAX_SCORE_PICKER),
				       .params = &params};
	uint32_t first[5] = {0};
	uint32_t third[5] = {0};

	for (int run = 0; run < RUNS; run++) {
		uint32_t picked[RP_PICKS_MAX];

		assert_int_equal(picker.ops->pick(&picker, total, 5, picked), 4);
		assert_int_equal(picked[3], 3);
		first[picked[0]]++;
		third[picked[2]]++;
	}
	for (uint32_t i = 0; i < 5; i++) {
		bool is_best = total[i] == 5;

		/* five standard deviations */
		assert_in_range(first[i], is_best ? RUNS / 3 - 580 : 0,
				is_best ? RUNS / 3 + 580 : 0);
		assert_in_range(third[i], is_best ? RUNS / 3 - 580 : 0,
				is_best ? RUNS / 3 + 580 : 0);
	}
}

static void no_more_are_picked_than_there_are(void **state RP_UNUSED)
{
	const struct rp_params_picker params = {.endpoints_max = 1000};
	struct rp_cycle cycle = {.env = &bed.env};
	const struct rp_call picker = {.cycle = &cycle,
				       .ops = rp_sched_ops(RP_PLUGIN_MAX_SCORE_PICKER),
				       .params = &params};
	double total[2 * RP_PICKS_MAX] = {0};
	uint32_t picked[RP_PICKS_MAX];

	assert_int_equal(picker.ops->pick(&picker, total, 1, picked), 1);
	assert_int_equal(picker.ops->pick(&picker, total, 2 * RP_PICKS_MAX, picked), RP_PICKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subset_goes_by_port_and_else_by_ip),
		cmocka_unit_test(the_subset_filter_can_be_turned_off),
		cmocka_unit_test(without_endpoints_there_is_nobody),
		cmocka_unit_test(figures_are_followed_when_their_epoch_moves),
		cmocka_unit_test(scores_of_all_candidates_are_given_on_request),
		cmocka_unit_test(a_figure_that_is_no_number_scores_nothing),
		cmocka_unit_test(only_who_may_wait_is_turned_away_from_a_full_pool),
		cmocka_unit_test(a_pool_with_room_takes_everybody),
		cmocka_unit_test(a_prompt_comes_back_to_who_served_it),
		cmocka_unit_test(ties_are_broken_uniformly_at_every_place),
		cmocka_unit_test(no_more_are_picked_than_there_are),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
