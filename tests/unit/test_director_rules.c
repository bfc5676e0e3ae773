/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/director.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/body_edit.h"
#include "tests/support/sched_bed.h"

static struct rp_bed bed;
static struct rp_body body;
static struct rp_request request;
static struct rp_decision decision;
static struct rp_request_rules *rules;

static const struct rp_bed_endpoint two[] = {
	{.ip = "10.0.0.1", .port = 8000, .waiting = 10},
	{.ip = "10.0.0.2", .port = 8000, .waiting = 1},
};

static int set_up(void **state RP_UNUSED)
{
	rp_bed_init(&bed, NULL);
	rules = calloc(1, sizeof(*rules));
	bed.rules = rules;
	return rules == NULL;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_body_free(&body, &bed.env.bodies);
	rp_bed_fini(&bed);
	free(rules);
	return 0;
}

/* The pool is full for those who may wait. */
static void publish(void)
{
	static const struct rp_params_utilization_detector params = {
		.queue_depth_threshold = 5,
		.kv_cache_util_threshold = 0.8,
		.metrics_staleness_threshold_ns = INT64_MAX / 2,
	};
	struct rp_bed_config config = rp_bed_default_config();

	rp_bed_add(&config, RP_PLUGIN_UTILIZATION_DETECTOR, &params, sizeof(params), 0);
	rp_bed_publish(&bed, &config, two, RP_ARRAY_LEN(two));
}

static void add_objective(const char *name, int32_t priority)
{
	assert_int_equal(rp_request_rules_add_objective(rules, rp_bytes_str(name), priority),
			 RP_OK);
}

static void add_rewrite(const char *object, const char *model)
{
	assert_int_equal(
		rp_request_rules_add_rewrite(rules, rp_bytes_str(object), rp_bytes_str(model)),
		RP_OK);
}

static void add_target(const char *model, uint32_t weight)
{
	assert_int_equal(rp_request_rules_add_target(rules, rp_bytes_str(model), weight), RP_OK);
}

static void decide_with(struct rp_request_headers headers, const char *text)
{
	struct rp_decision_input input = {.headers = &headers, .body = &body};

	rp_arena_reset(&bed.arena);
	rp_body_free(&body, &bed.env.bodies);
	input.parser_error = rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched),
						   headers.path, &input.parser);
	assert_int_equal(input.parser_error, RP_OK);
	assert_int_equal(rp_body_append(&body, &bed.env.bodies, rp_bytes_str(text)), RP_OK);
	rp_request_parser_feed(input.parser, rp_bytes_str(text));
	rp_director_begin(&bed.env, &bed.arena, &input, &request, &decision);
	if (decision.http_status == 0)
		rp_director_pick(&bed.env, &bed.arena, &input, true, &request, &decision);
	if (decision.http_status == 200)
		rp_followup_end(decision.pick.followup, &bed.env);
}

/* Decide about a body of this model; NULL: it names none. @param rewrite  the header's */
static void decide(const char *model, const char *objective, const char *rewrite)
{
	char text[RP_MODEL_NAME_MAX + 64];

	snprintf(text, sizeof(text),
		 model != NULL ? "{\"prompt\":\"a\",\"model\":\"%s\"}" : "{\"prompt\":\"a\"}",
		 model);
	decide_with((struct rp_request_headers){.path = RP_BYTES_LIT("/v1/completions"),
						.objective = rp_bytes_str(objective),
						.model_rewrite = rp_bytes_str(rewrite)},
		    text);
}

static void targets(const char *model)
{
	assert_int_equal(decision.http_status, 200);
	assert_true(rp_bytes_equal_str(request.target_model, model));
	assert_true(rp_bytes_equal_str(
		rp_bytes(decision.series->target, decision.series->target_len), model));
}

static void has_no_model(void)
{
	assert_int_equal(decision.http_status, 400);
	assert_true(rp_bytes_equal_str(
		decision.message, "inference error: BadRequest - model not found in request body"));
}

static void body_becomes(const char *text)
{
	uint8_t whole[256];

	if (decision.is_model_renamed)
		assert_int_equal(rp_body_splice_model(&body, &bed.env.bodies, &bed.arena, &request),
				 RP_OK);
	assert_true(body.bytes <= sizeof(whole));
	rp_body_copy_out(&body, 0, whole, (size_t)body.bytes);
	assert_true(rp_bytes_equal_str(rp_bytes(whole, (size_t)body.bytes), text));
}

static uint64_t rewrites(const char *object, const char *model, const char *target)
{
	const struct rp_rewrite_series_table *table = &bed.shared.live->worker[0].rewrites;

	for (uint32_t i = 0; i < RP_REWRITE_CELLS; i++) {
		const struct rp_rewrite_series *series = &table->cell[i];

		if (atomic_load(&series->key_hash) != 0 &&
		    rp_bytes_equal_str(rp_bytes(series->object, series->object_len), object) &&
		    rp_bytes_equal_str(rp_bytes(series->model, series->model_len), model) &&
		    rp_bytes_equal_str(rp_bytes(series->target, series->target_len), target))
			return atomic_load(&series->decisions);
	}
	return 0;
}

/* K22, K23: what is not among the rules has priority 0. */
static void priority_is_the_objectives(void **state RP_UNUSED)
{
	add_objective("gold", 9);
	add_objective("low", -1);
	publish();
	decide("m", "gold", "");
	assert_int_equal(decision.http_status, 200);
	assert_int_equal(request.priority, 9);
	assert_int_equal(decision.series->priority, 9);
	decide("m", "low", "");
	assert_int_equal(decision.http_status, 429);
	assert_true(rp_bytes_equal_str(decision.message,
				       "inference error: ResourceExhausted - system saturated, "
				       "sheddable request dropped"));
	assert_int_equal(decision.series->priority, -1);
	decide("m", "GOLD", "");
	assert_int_equal(decision.http_status, 200);
	assert_int_equal(decision.series->priority, 0);
	decide("m", "", "");
	assert_int_equal(decision.series->priority, 0);
	decide(NULL, "gold", "");
	has_no_model();
	assert_int_equal(decision.series->priority, 0);
}

/* K25. */
static void rewrite_goes_by_the_bodys_model(void **state RP_UNUSED)
{
	add_rewrite("r1", "m1");
	add_target("x", 0);
	add_rewrite("r3", "");
	add_target("g", 0);
	publish();
	decide("m1", "", "");
	targets("x");
	body_becomes("{\"prompt\":\"a\",\"model\":\"x\"}");
	assert_true(rp_bytes_equal_str(request.incoming_model, "m1"));
	decide("m2", "", "");
	targets("g");
	assert_int_equal(rewrites("r1", "m1", "x"), 1);
	assert_int_equal(rewrites("r3", "m2", "g"), 1);
}

/* K26, K27. */
static void weights_are_kept_over_many_requests(void **state RP_UNUSED)
{
	enum { REQUESTS = 40000 };
	int b = 0;

	add_rewrite("r4", "m3");
	add_target("a", 1);
	add_target("b", 3);
	add_rewrite("r5", "m4");
	add_target("a", 5);
	add_target("b", 0);
	publish();
	for (int i = 0; i < REQUESTS; i++) {
		decide("m3", "", "");
		b += rp_bytes_equal_str(request.target_model, "b");
	}
	assert_in_range(b, 0.74 * REQUESTS, 0.76 * REQUESTS);
	assert_int_equal(rewrites("r4", "m3", "b"), b);
	for (int i = 0; i < 1000; i++) {
		decide("m4", "", "");
		targets("a");
	}
}

/* K28. */
static void rewrite_without_targets_refuses(void **state RP_UNUSED)
{
	add_rewrite("r", "m");
	publish();
	decide("m", "", "");
	has_no_model();
	decide("m", "", "q");
	has_no_model();
	assert_int_equal(rewrites("r", "m", ""), 2);
	decide("n", "", "");
	targets("n");
	assert_false(decision.is_model_renamed);
}

/* K29. */
static void rewrite_overrides_the_header(void **state RP_UNUSED)
{
	add_rewrite("r", "m1");
	add_target("x", 0);
	publish();
	decide("m1", "", "q");
	targets("x");
	assert_true(decision.is_model_renamed);
	/* The header's name is no key. */
	decide("m2", "", "m1");
	targets("m1");
}

/* K30. */
static void generic_rewrite_supplies_a_model(void **state RP_UNUSED)
{
	add_rewrite("r", "");
	add_target("g", 0);
	publish();
	decide(NULL, "", "");
	targets("g");
	body_becomes("{\"model\":\"g\",\"prompt\":\"a\"}");
	assert_int_equal(request.incoming_model.len, 0);
	assert_int_equal(rewrites("r", "", "g"), 1);
}

static void body_stays_if_the_target_is_its_model(void **state RP_UNUSED)
{
	add_rewrite("r", "m");
	add_target("m", 0);
	publish();
	decide("m", "", "q");
	targets("m");
	assert_false(decision.is_model_renamed);
	body_becomes("{\"prompt\":\"a\",\"model\":\"m\"}");
}

static void target_may_be_longer_than_any_model(void **state RP_UNUSED)
{
	static char big[RP_RULE_POOL_BYTES / 2];

	memset(big, 'x', sizeof(big) - 1);
	add_rewrite("r", "m");
	add_target(big, 0);
	publish();
	decide("m", "", "");
	assert_int_equal(decision.http_status, 200);
	assert_int_equal(request.target_model.len, sizeof(big) - 1);
	assert_int_equal(rp_body_splice_model(&body, &bed.env.bodies, &bed.arena, &request), RP_OK);
	assert_int_equal(body.bytes,
			 sizeof(big) - 1 + sizeof("{\"prompt\":\"a\",\"model\":\"\"}") - 1);
}

static void what_passes_through_is_not_rewritten(void **state RP_UNUSED)
{
	add_rewrite("r", "");
	add_target("g", 0);
	add_objective("gold", 9);
	publish();
	decide_with((struct rp_request_headers){.path = RP_BYTES_LIT("/v1/models"),
						.objective = RP_BYTES_LIT("gold"),
						.model_rewrite = RP_BYTES_LIT("q")},
		    "not json");
	targets("q");
	assert_false(decision.is_model_renamed);
	assert_int_equal(decision.series->priority, 9);
	assert_int_equal(atomic_load(&bed.shared.live->worker[0].rewrites.count), 0);
}

static void models_that_rewrites_name_have_series_whatever_clients_send(void **state RP_UNUSED)
{
	char name[32];

	add_rewrite("r", "mine");
	add_target("x", 0);
	publish();
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "client-%d", i);
		decide(name, "", "");
	}
	assert_true(rp_bytes_equal_str(rp_bytes(decision.series->model, decision.series->model_len),
				       "other"));
	decide("mine", "", "");
	assert_true(rp_bytes_equal_str(rp_bytes(decision.series->model, decision.series->model_len),
				       "mine"));
}

static void rules_change_with_the_next_publication(void **state RP_UNUSED)
{
	add_rewrite("r", "m");
	add_target("x", 0);
	add_objective("gold", 9);
	publish();
	decide("m", "gold", "");
	targets("x");
	rp_request_rules_reset(rules);
	add_objective("gold", 3);
	publish();
	decide("m", "gold", "");
	targets("m");
	assert_int_equal(decision.series->priority, 3);
}

/* Whatever memory is left, the answer is a pick or a refusal. */
static void rewrite_without_memory_refuses(void **state RP_UNUSED)
{
	static char big[40000];
	uint32_t refused_count = 0;

	memset(big, 'x', sizeof(big) - 1);
	add_rewrite("r", "m");
	add_target(big, 0);
	publish();
	for (size_t kept = 0; kept < (size_t)128 << 10; kept += 1024) {
		struct rp_request_headers headers = {.path = RP_BYTES_LIT("/v1/completions")};
		struct rp_decision_input input = {.headers = &headers, .body = &body};
		struct rp_bytes text = RP_BYTES_LIT("{\"prompt\":\"a\",\"model\":\"m\"}");

		rp_arena_reset(&bed.arena);
		rp_arena_pool_fini(&bed.env.arenas);
		rp_arena_pool_init(&bed.env.arenas);
		rp_body_free(&body, &bed.env.bodies);
		assert_int_equal(rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched),
						       headers.path, &input.parser),
				 RP_OK);
		assert_int_equal(rp_body_append(&body, &bed.env.bodies, text), RP_OK);
		rp_request_parser_feed(input.parser, text);
		bed.env.arenas.bytes_max = kept;
		rp_director_begin(&bed.env, &bed.arena, &input, &request, &decision);
		bed.env.arenas.bytes_max = SIZE_MAX;
		assert_true(decision.http_status == 0 || decision.http_status == 429);
		refused_count += decision.http_status == 429;
	}
	assert_true(refused_count > 0);
	assert_int_equal(decision.http_status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(priority_is_the_objectives),
		TEST(rewrite_goes_by_the_bodys_model),
		TEST(weights_are_kept_over_many_requests),
		TEST(rewrite_without_targets_refuses),
		TEST(rewrite_overrides_the_header),
		TEST(generic_rewrite_supplies_a_model),
		TEST(body_stays_if_the_target_is_its_model),
		TEST(target_may_be_longer_than_any_model),
		TEST(what_passes_through_is_not_rewritten),
		TEST(models_that_rewrites_name_have_series_whatever_clients_send),
		TEST(rules_change_with_the_next_publication),
		TEST(rewrite_without_memory_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
