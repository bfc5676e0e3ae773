/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "dataplane/pb_wire.h"

static struct rp_bench_options options;
static struct rp_bench_plan plan;
static struct rp_diag diag;

static int defaults(void **state)
{
	(void)state;
	rp_bench_options_init(&options);
	return 0;
}

static int fini(void **state)
{
	(void)state;
	rp_bench_plan_fini(&plan);
	return 0;
}

static void make(void)
{
	assert_int_equal(rp_bench_plan_init(&plan, &options, &diag), RP_OK);
}

/* Bytes of a text as stream `number` has them; the caller frees. */
static char *text_of(const struct rp_bench_text *text, uint64_t number)
{
	uint8_t digits[RP_BENCH_DIGITS];
	char *out = malloc(text->len + 1);

	assert_non_null(out);
	rp_bench_plan_digits(&plan, number, digits);
	rp_bench_text_copy(text, digits, 0, text->len, (uint8_t *)out);
	out[text->len] = '\0';
	return out;
}

static char *prompt_of(uint64_t number)
{
	char *text = text_of(&plan.request, number);
	cJSON *json = cJSON_Parse(text);

	assert_non_null(json);
	const cJSON *prompt = cJSON_GetObjectItem(json, "prompt");

	if (prompt == NULL)
		prompt = cJSON_GetObjectItem(
			cJSON_GetArrayItem(cJSON_GetObjectItem(json, "messages"), 0), "content");
	assert_true(cJSON_IsString(prompt));
	char *copy = strdup(prompt->valuestring);

	cJSON_Delete(json);
	free(text);
	return copy;
}

static void bodies_are_json_of_exactly_the_bytes_wanted(void **state)
{
	(void)state;
	for (uint32_t n = 100; n < 400; n++) {
		options.body_bytes = n;
		options.is_chat = n % 2;
		if (n % 2 && n < 160)
			continue;
		make();
		assert_int_equal(plan.request.len, n);
		free(prompt_of(n));
		rp_bench_plan_fini(&plan);
	}
}

static void the_least_body_is_named(void **state)
{
	(void)state;
	options.body_bytes = 20;
	assert_int_equal(rp_bench_plan_init(&plan, &options, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "--body-bytes"));
	options.body_bytes = 8192;
	options.shared_bytes = 7;
	assert_int_equal(rp_bench_plan_init(&plan, &options, &diag), RP_ECONFIG);
	options.shared_bytes = 9000;
	assert_int_equal(rp_bench_plan_init(&plan, &options, &diag), RP_ECONFIG);
}

static void streams_of_a_prefix_share_its_bytes_and_no_more(void **state)
{
	(void)state;
	options.shared_bytes = 3000;
	options.prefixes = 5;
	make();
	char *a = prompt_of(3);
	char *same = prompt_of(8);
	char *other = prompt_of(4);

	/* A line break is two bytes of JSON: fewer characters are certain to be shared. */
	assert_memory_equal(a, same, 2800);
	assert_string_not_equal(a, same);
	assert_memory_not_equal(a, other, 8);
	free(a);
	free(same);
	free(other);
}

static void without_shared_bytes_prompts_differ_from_the_begin(void **state)
{
	(void)state;
	make();
	char *a = prompt_of(1);
	char *b = prompt_of(2);

	assert_memory_not_equal(a, b, 16);
	free(a);
	free(b);
}

static void copies_of_parts_make_up_the_whole(void **state)
{
	(void)state;
	options.body_bytes = 300;
	options.shared_bytes = 40;
	make();
	uint8_t digits[RP_BENCH_DIGITS];
	char *whole = text_of(&plan.request, 0x123456789abc);

	rp_bench_plan_digits(&plan, 0x123456789abc, digits);
	for (uint32_t at = 0; at < plan.request.len; at++) {
		for (uint32_t n = 0; n <= plan.request.len - at; n++) {
			uint8_t part[300];
			struct rp_bytes view = rp_bytes(whole + at, n);

			rp_bench_text_copy(&plan.request, digits, at, n, part);
			assert_memory_equal(part, whole + at, n);
			assert_true(rp_bench_text_equals(&plan.request, digits, at, view));
		}
	}
	free(whole);
}

static void one_other_byte_is_noticed_wherever_it_is(void **state)
{
	(void)state;
	options.body_bytes = 300;
	options.shared_bytes = 40;
	make();
	uint8_t digits[RP_BENCH_DIGITS];
	char *text = text_of(&plan.request, 77);
	struct rp_bytes view = rp_bytes(text, plan.request.len);

	rp_bench_plan_digits(&plan, 77, digits);
	for (uint32_t i = 0; i < plan.request.len; i++) {
		text[i] ^= 1;
		assert_false(rp_bench_text_equals(&plan.request, digits, 0, view));
		text[i] ^= 1;
	}
	assert_true(rp_bench_text_equals(&plan.request, digits, 0, view));
	assert_false(rp_bench_text_equals(&plan.request, digits, 1, view));
	assert_false(rp_bench_text_equals(&plan.request, digits, plan.request.len + 1,
					  (struct rp_bytes){0}));
	free(text);
}

static void a_json_answer_holds_a_usage_object(void **state)
{
	(void)state;
	options.answer_bytes = 5000;
	options.chunk_bytes = 2000;
	make();
	assert_int_equal(plan.answer.len, 5000);
	assert_int_equal(plan.answer_chunks, 3);
	char *text = text_of(&plan.answer, 0);
	cJSON *json = cJSON_Parse(text);

	assert_non_null(json);
	assert_true(cJSON_IsNumber(
		cJSON_GetObjectItem(cJSON_GetObjectItem(json, "usage"), "prompt_tokens")));
	cJSON_Delete(json);
	free(text);
}

static void sse_chunks_are_whole_events_and_the_last_one_is_done(void **state)
{
	(void)state;
	options.answer = RP_BENCH_ANSWER_SSE;
	options.sse_chunks = 30;
	make();
	assert_int_equal(plan.answer.len, 30 * 200);
	assert_int_equal(plan.answer_chunks, 30);
	for (uint32_t i = 0; i < 30; i++) {
		struct rp_bytes chunk = rp_bytes(plan.answer.bytes + i * 200, 200);
		struct rp_bytes event =
			rp_bytes_slice(chunk, 6, rp_bytes_find(chunk, RP_BYTES_LIT("\n\n")) - 6);
		cJSON *json = cJSON_ParseWithLength((const char *)event.ptr, event.len);

		assert_true(rp_bytes_starts_with(chunk, RP_BYTES_LIT("data: ")));
		assert_non_null(json);
		assert_int_equal(cJSON_HasObjectItem(json, "usage"), i == 29);
		assert_int_equal(rp_bytes_ends_with(chunk, RP_BYTES_LIT("\n\ndata: [DONE]\n\n")),
				 i == 29);
		assert_true(i == 0 || memcmp(chunk.ptr, chunk.ptr - 200, 200) != 0);
		cJSON_Delete(json);
	}
}

/* The value of a header in a message's map, searched where field `number` is the HttpHeaders. */
static struct rp_bytes header_of(struct rp_bytes message, uint32_t number, const char *name)
{
	struct rp_reader outer = rp_reader(message);
	struct rp_pb_field field;
	struct rp_bytes found = {0};

	while (rp_pb_next(&outer, &field)) {
		if (field.number != number)
			continue;
		struct rp_reader headers = rp_reader(field.bytes);

		assert_true(rp_pb_next(&headers, &field));
		struct rp_reader map = rp_reader(field.bytes);

		while (rp_pb_next(&map, &field)) {
			struct rp_reader header = rp_reader(field.bytes);
			struct rp_pb_field key;
			struct rp_pb_field value;

			assert_true(rp_pb_next(&header, &key) && rp_pb_next(&header, &value));
			assert_int_equal(value.number, 3);
			if (rp_bytes_equal_str(key.bytes, name))
				found = value.bytes;
		}
		assert_int_equal(map.err, RP_OK);
	}
	assert_int_equal(outer.err, RP_OK);
	return found;
}

static void request_ids_are_unique(void **state)
{
	(void)state;
	make();
	char *a = text_of(&plan.request_headers, 0xabc);
	char *b = text_of(&plan.request_headers, 0xabd);
	struct rp_bytes first = rp_bytes(a, plan.request_headers.len);
	struct rp_bytes second = rp_bytes(b, plan.request_headers.len);

	assert_true(rp_bytes_equal_str(header_of(first, 2, "x-request-id"),
				       "6b9d7f3c-1a2e-4b5d-8c7f-000000000abc"));
	assert_true(rp_bytes_equal_str(header_of(second, 2, "x-request-id"),
				       "6b9d7f3c-1a2e-4b5d-8c7f-000000000abd"));
	assert_true(rp_bytes_equal_str(header_of(first, 2, ":path"), "/v1/completions"));
	assert_true(rp_bytes_equal_str(header_of(first, 2, "content-length"), "8192"));
	free(a);
	free(b);
}

static void the_answer_says_what_it_is(void **state)
{
	(void)state;
	make();
	struct rp_bytes json = rp_bytes(plan.response_headers.bytes, plan.response_headers.len);
	struct rp_bytes feed = rp_bytes(plan.feed_headers.bytes, plan.feed_headers.len);

	assert_true(rp_bytes_equal_str(header_of(json, 3, ":status"), "200"));
	assert_true(rp_bytes_equal_str(header_of(json, 3, "content-type"), "application/json"));
	assert_true(rp_bytes_equal_str(header_of(feed, 3, "content-type"), "text/event-stream"));
}

static void metadata_of_the_longest_pick_fits(void **state)
{
	uint8_t out[RP_BENCH_SUFFIX_BYTES];
	char pick[RP_BENCH_PICK_MAX];

	(void)state;
	memset(pick, 'p', sizeof(pick));
	uint32_t n = rp_bench_plan_metadata(rp_bytes(pick, sizeof(pick)), out);
	struct rp_reader r = rp_reader(rp_bytes(out, n));
	struct rp_pb_field field;

	assert_true(rp_pb_next(&r, &field));
	assert_int_equal(field.number, 8);
	assert_false(rp_pb_next(&r, &field));
	assert_int_equal(r.err, RP_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_are_json_of_exactly_the_bytes_wanted,
						defaults, fini),
		cmocka_unit_test_setup_teardown(the_least_body_is_named, defaults, fini),
		cmocka_unit_test_setup_teardown(streams_of_a_prefix_share_its_bytes_and_no_more,
						defaults, fini),
		cmocka_unit_test_setup_teardown(without_shared_bytes_prompts_differ_from_the_begin,
						defaults, fini),
		cmocka_unit_test_setup_teardown(copies_of_parts_make_up_the_whole, defaults, fini),
		cmocka_unit_test_setup_teardown(one_other_byte_is_noticed_wherever_it_is, defaults,
						fini),
		cmocka_unit_test_setup_teardown(a_json_answer_holds_a_usage_object, defaults, fini),
		cmocka_unit_test_setup_teardown(
			sse_chunks_are_whole_events_and_the_last_one_is_done, defaults, fini),
		cmocka_unit_test_setup_teardown(request_ids_are_unique, defaults, fini),
		cmocka_unit_test_setup_teardown(the_answer_says_what_it_is, defaults, fini),
		cmocka_unit_test_setup_teardown(metadata_of_the_longest_pick_fits, defaults, fini),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
