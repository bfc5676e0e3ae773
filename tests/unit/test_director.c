/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/director.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/sched_bed.h"

static struct rp_bed bed;
static struct rp_body body;
static struct rp_request request;
static struct rp_decision decision;

static const struct rp_bed_endpoint three[] = {
	{.ip = "10.0.0.1", .port = 8000, .waiting = 5},
	{.ip = "10.0.0.2", .port = 8000, .waiting = 0},
	{.ip = "[fd00::1]", .port = 8000, .waiting = 2},
};

static int set_up(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();

	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_body_free(&body, &bed.env.bodies);
	rp_bed_fini(&bed);
	return 0;
}

static void begin_and_pick(const struct rp_decision_input *input)
{
	rp_director_begin(&bed.env, &bed.arena, input, &request, &decision);
	if (decision.http_status == 0)
		rp_director_pick(&bed.env, &bed.arena, input, true, &request, &decision);
}

/* Decide about a body, or about headers alone if text is NULL. */
static void decide(const char *path, const char *text, const char *rewrite,
		   const struct rp_subset *subset)
{
	struct rp_request_headers headers = {
		.path = rp_bytes_str(path),
		.model_rewrite = rp_bytes_str(rewrite),
	};
	struct rp_decision_input input = {.headers = &headers, .subset = subset};

	rp_arena_reset(&bed.arena);
	rp_body_free(&body, &bed.env.bodies);
	if (text != NULL) {
		input.parser_error = rp_request_parser_new(
			&bed.arena, rp_sched_config(bed.env.sched), headers.path, &input.parser);
		input.body = &body;
		assert_int_equal(rp_body_append(&body, &bed.env.bodies, rp_bytes_str(text)), RP_OK);
		if (input.parser_error == RP_OK)
			rp_request_parser_feed(input.parser, rp_bytes_str(text));
		else
			input.parser = NULL;
	}
	begin_and_pick(&input);
	assert_non_null(decision.series);
}

static void refused(int http_status, enum rp_request_error error, const char *message,
		    const char *reason)
{
	assert_int_equal(decision.http_status, http_status);
	assert_int_equal(decision.error, error);
	assert_true(rp_bytes_equal_str(decision.message, message));
	if (reason == NULL)
		assert_null(decision.dropped_reason);
	else
		assert_string_equal(decision.dropped_reason, reason);
}

static void the_best_endpoint_becomes_the_destination(void **state RP_UNUSED)
{
	decide("/v1/completions", "{\"model\":\"m\",\"prompt\":\"a\"}", "", NULL);
	assert_int_equal(decision.http_status, 200);
	assert_true(rp_bytes_equal_str(decision.destination, "10.0.0.2:8000"));
	assert_false(decision.is_model_renamed);
	assert_int_equal(decision.pick.target[0].slot, 1);
	assert_string_equal(decision.series->model, "m");
	assert_string_equal(decision.series->target, "m");
	assert_string_equal(decision.series->fairness, "default-flow");
}

static void several_endpoints_are_joined_best_first(void **state RP_UNUSED)
{
	static const struct rp_params_picker two = {.endpoints_max = 2};
	struct rp_bed_config config = rp_bed_default_config();

	for (uint32_t i = 0; i < config.plugin_count; i++) {
		if (config.plugin[i].type == RP_PLUGIN_MAX_SCORE_PICKER)
			config.plugin[i].params = &two;
	}
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
	decide("/v1/completions", "{\"model\":\"m2\",\"prompt\":\"b\"}", "", NULL);
	assert_true(rp_bytes_equal_str(decision.destination, "10.0.0.2:8000,[fd00::1]:8000"));
	config = rp_bed_default_config();
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
}

static void the_target_model_comes_from_header_or_body(void **state RP_UNUSED)
{
	static const struct {
		const char *text;
		const char *rewrite;
		const char *target; /* NULL: refused */
		bool is_renamed;
	} cases[] = {
		{"{\"model\":\"m\",\"prompt\":\"a\"}", "", "m", false},
		{"{\"model\":\"m\",\"prompt\":\"a\"}", "n", "n", true},
		{"{\"model\":\"m\",\"prompt\":\"a\"}", "m", "m", false},
		{"{\"prompt\":\"a\"}", "n", "n", true},
		{"{\"model\":7,\"prompt\":\"a\"}", "n", "n", true},
		{"{\"prompt\":\"a\"}", "", NULL, false},
		{"{\"model\":\"\",\"prompt\":\"a\"}", "", NULL, false},
		{"{\"model\":7,\"prompt\":\"a\"}", "", NULL, false},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		decide("/v1/completions", cases[i].text, cases[i].rewrite, NULL);
		if (cases[i].target == NULL) {
			refused(400, RP_REQUEST_ERROR_BAD_REQUEST,
				"inference error: BadRequest - model not found in request body",
				NULL);
			continue;
		}
		assert_int_equal(decision.http_status, 200);
		assert_true(rp_bytes_equal_str(request.target_model, cases[i].target));
		assert_int_equal(decision.is_model_renamed, cases[i].is_renamed);
	}
}

static void what_passes_through_needs_no_model(void **state RP_UNUSED)
{
	decide("/v1/models", "not json", "", NULL);
	assert_int_equal(decision.http_status, 200);
	decide("/v1/models", "not json", "n", NULL);
	assert_int_equal(decision.http_status, 200);
	assert_false(decision.is_model_renamed);
	assert_true(rp_bytes_equal_str(request.target_model, "n"));
}

static void headers_alone_are_scheduled(void **state RP_UNUSED)
{
	decide("/v1/completions", NULL, "", NULL);
	assert_int_equal(decision.http_status, 200);
	assert_true(rp_bytes_equal_str(decision.destination, "10.0.0.2:8000"));
}

static void bad_bodies_are_answered_with_their_cause(void **state RP_UNUSED)
{
	decide("/v1/completions", "", "", NULL);
	refused(400, RP_REQUEST_ERROR_BAD_REQUEST,
		"inference error: BadRequest - error unmarshaling request bodyMap: unexpected end "
		"of "
		"JSON input",
		NULL);
	decide("/v1/completions", "{\"model\":\"m\"}", "", NULL);
	refused(400, RP_REQUEST_ERROR_BAD_REQUEST,
		"inference error: BadRequest - invalid completions request: must have prompt field",
		NULL);
}

static void an_unclaimed_path_is_named(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();

	config.plugin_count--; /* passthrough-parser is the last */
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
	decide("/v1/models?a=b", "{}", "", NULL);
	refused(400, RP_REQUEST_ERROR_BAD_REQUEST,
		"inference error: BadRequest - no parser registered matching path suffix for: "
		"/v1/models",
		NULL);
	config = rp_bed_default_config();
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
}

static uint64_t attempts(enum rp_attempt_status status)
{
	const struct rp_attempt_series_table *table = &bed.shared.live->worker[0].attempts;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < RP_ATTEMPT_CELLS; i++) {
		if (table->cell[i].key_hash != 0 && table->cell[i].status == status)
			sum += table->cell[i].attempts;
	}
	return sum;
}

static void without_candidates_it_is_503(void **state RP_UNUSED)
{
	struct rp_subset subset = {.is_given = true};
	uint64_t before = attempts(RP_ATTEMPT_SUCCESS);

	decide("/v1/completions", "{\"model\":\"m\",\"prompt\":\"a\"}", "", &subset);
	refused(503, RP_REQUEST_ERROR_SERVICE_UNAVAILABLE,
		"inference error: ServiceUnavailable - failed to find endpoint candidates for "
		"serving "
		"the request",
		"rejected-no-endpoints");
	assert_int_equal(attempts(RP_ATTEMPT_SUCCESS), before);
}

static void scheduling_is_measured(void **state RP_UNUSED)
{
	uint64_t successes = attempts(RP_ATTEMPT_SUCCESS);
	uint64_t cycles = bed.env.counters->sched_e2e.count;
	uint64_t hits = bed.env.counters->prefix_hit_ratio.count;

	decide("/v1/completions", "{\"model\":\"m\",\"prompt\":\"measured\"}", "", NULL);
	assert_int_equal(attempts(RP_ATTEMPT_SUCCESS), successes + 1);
	assert_int_equal(bed.env.counters->sched_e2e.count, cycles + 1);
	assert_int_equal(bed.env.counters->prefix_hit_ratio.count, hits + 1);
	/* Each plugin of the default configuration has been called; a parser, the passing one. */
	for (uint32_t i = 0; i < 8; i++)
		assert_true(bed.env.counters->plugin_duration[2 * i].count > 0);
}

static void *report_block_sizes(void *user)
{
	const atomic_bool *is_over = user;
	struct rp_endpoint_metrics *metrics = &bed.shared.live->metrics;

	for (int32_t i = 0; !atomic_load_explicit(is_over, memory_order_relaxed); i++)
		atomic_store_explicit(&metrics->cache_block_size[0], i % 2 == 0 ? 128 : 256,
				      memory_order_relaxed);
	return NULL;
}

/* Control may write a model server's block size at any moment of a pick. */
static void a_pick_goes_by_one_block_size(void **state RP_UNUSED)
{
	atomic_bool is_over = false;
	pthread_t thread;
	uint32_t picked = 0;

	assert_int_equal(pthread_create(&thread, NULL, report_block_sizes, &is_over), 0);
	for (int i = 0; i < 20000; i++) {
		decide("/v1/completions", "{\"model\":\"m\",\"prompt\":\"a\"}", "", NULL);
		picked += decision.http_status == 200;
	}
	atomic_store_explicit(&is_over, true, memory_order_relaxed);
	assert_int_equal(pthread_join(thread, NULL), 0);
	atomic_store(&bed.shared.live->metrics.cache_block_size[0], 0);
	assert_int_equal(picked, 20000);
}

/* Wherever memory ends after the pick: what plugins counted for it is given back. */
static void what_was_counted_is_given_back_without_memory(void **state RP_UNUSED)
{
	static const struct rp_params_inflight_load_producer load = {.prefix_match_info_producer =
									     RP_CONFIG_NONE};
	static const struct rp_request_headers headers = {.path = {(const uint8_t *)"/", 1}};
	const struct rp_decision_input input = {.headers = &headers};
	struct rp_bed_config config = rp_bed_default_config();
	uint32_t refused_count = 0, picked_count = 0;

	rp_bed_add(&config, RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, &load, sizeof(load), 0);
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
	for (size_t used = 0; used < RP_ARENA_FIRST_BYTES; used += 8) {
		rp_arena_reset(&bed.arena);
		rp_arena_pool_fini(&bed.env.arenas); /* nothing is kept */
		rp_arena_pool_init(&bed.env.arenas);
		assert_non_null(rp_arena_alloc(&bed.arena, 8 + used));
		bed.env.arenas.bytes_max = 0;
		begin_and_pick(&input);
		bed.env.arenas.bytes_max = SIZE_MAX;
		if (decision.http_status == 200) {
			assert_int_equal(decision.pick.followup->hold_count, 1);
			rp_followup_end(decision.pick.followup, &bed.env);
			picked_count++;
		} else {
			refused_count++;
		}
		for (uint32_t slot = 0; slot < RP_ARRAY_LEN(three); slot++) {
			struct rp_inflight_load left;

			rp_inflight_load_sum(&bed.env.live->inflight, 1, 0, slot, &left);
			assert_int_equal(left.requests, 0);
		}
	}
	assert_true(refused_count > 0 && picked_count > 0);
	config = rp_bed_default_config();
	rp_bed_publish(&bed, &config, three, RP_ARRAY_LEN(three));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_endpoint_becomes_the_destination),
		cmocka_unit_test(several_endpoints_are_joined_best_first),
		cmocka_unit_test(the_target_model_comes_from_header_or_body),
		cmocka_unit_test(what_passes_through_needs_no_model),
		cmocka_unit_test(headers_alone_are_scheduled),
		cmocka_unit_test(bad_bodies_are_answered_with_their_cause),
		cmocka_unit_test(an_unclaimed_path_is_named),
		cmocka_unit_test(without_candidates_it_is_503),
		cmocka_unit_test(scheduling_is_measured),
		cmocka_unit_test(a_pick_goes_by_one_block_size),
		cmocka_unit_test(what_was_counted_is_given_back_without_memory),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
