/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/body_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct rp_arena_pool arenas;
static struct rp_arena arena;
static struct rp_body_pool pool;
static char text[70000];

static int set_up(void **state)
{
	(void)state;
	rp_arena_pool_init(&arenas);
	rp_arena_init(&arena, &arenas);
	rp_body_pool_init(&pool, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_arena_reset(&arena);
	rp_arena_pool_fini(&arenas);
	assert_int_equal(pool.bytes_used, 0);
	rp_body_pool_fini(&pool);
	return 0;
}

static const char *text_of(struct rp_body *body)
{
	assert_true(body->bytes < sizeof(text));
	rp_body_copy_out(body, 0, (uint8_t *)text, (size_t)body->bytes);
	text[body->bytes] = '\0';
	rp_body_free(body, &pool);
	return text;
}

static const char *splice(const char *before, const char *value, const char *target, bool is_empty)
{
	struct rp_bytes all = rp_bytes_str(before);
	struct rp_request request = {
		.target_model = rp_bytes_str(target),
		.object_begin_offset = rp_bytes_find(all, RP_BYTES_LIT("{")) + 1,
		.is_object_empty = is_empty,
	};
	struct rp_body body = {0};

	if (value != NULL) {
		request.model_value_offset = rp_bytes_find(all, rp_bytes_str(value));
		request.model_value_bytes = strlen(value);
	}
	assert_int_equal(rp_body_append(&body, &pool, all), RP_OK);
	assert_int_equal(rp_body_splice_model(&body, &pool, &arena, &request), RP_OK);
	return text_of(&body);
}

static void test_only_the_models_value_changes(void **state)
{
	(void)state;
	assert_string_equal(splice(" {\"a\": 1e0, \"model\" : \"m\" }\n", "\"m\"", "m-t", false),
			    " {\"a\": 1e0, \"model\" : \"m-t\" }\n");
	assert_string_equal(splice("{\"model\":12}", "12", "x", false), "{\"model\":\"x\"}");
}

static void test_a_missing_model_is_put_in_front(void **state)
{
	(void)state;
	assert_string_equal(splice(" { \"a\":1}", NULL, "m", false), " {\"model\":\"m\", \"a\":1}");
	assert_string_equal(splice("{ }", NULL, "m", true), "{\"model\":\"m\" }");
}

static void test_names_are_escaped(void **state)
{
	(void)state;
	assert_string_equal(splice("{\"model\":\"m\"}", "\"m\"", "a\"\\\n\xc3\xa9", false),
			    "{\"model\":\"a\\\"\\\\\\u000a\xc3\xa9\"}");
}

static void test_long_bodies_are_spliced_across_buffers(void **state)
{
	static char before[60000], after[60001];

	(void)state;
	for (size_t at = 16300; at < 16420; at++) {
		memset(before, 'x', sizeof(before));
		before[sizeof(before) - 1] = '\0';
		memcpy(before + at, "\"QQ\"", 4);
		memcpy(after, before, at);
		memcpy(after + at, "\"ABC\"", 5);
		memcpy(after + at + 5, before + at + 4, sizeof(before) - at - 4);
		assert_string_equal(splice(before, "\"QQ\"", "ABC", false), after);
	}
}

/* Feed in two pieces cut at `cut`; one byte at a time if it is SIZE_MAX. */
static const char *renamed(const char *from, const char *to, const char *in, size_t cut)
{
	struct rp_model_rename *rename =
		rp_model_rename_new(&arena, rp_bytes_str(from), rp_bytes_str(to));
	struct rp_bytes all = rp_bytes_str(in);
	struct rp_body out = {0};
	size_t step = cut == SIZE_MAX ? 1 : rp_max_size(cut, 1), at = 0;

	assert_non_null(rename);
	while (at < all.len) {
		assert_int_equal(
			rp_model_rename_feed(rename, rp_bytes_slice(all, at, step), &out, &pool),
			RP_OK);
		at += step;
		step = cut == SIZE_MAX ? 1 : all.len;
	}
	assert_int_equal(rp_model_rename_end(rename, &out, &pool), RP_OK);
	return text_of(&out);
}

static void expect_renamed(const char *from, const char *to, const char *in, const char *wanted)
{
	for (size_t cut = 0; cut <= strlen(in); cut++)
		assert_string_equal(renamed(from, to, in, cut), wanted);
	assert_string_equal(renamed(from, to, in, SIZE_MAX), wanted);
}

static void test_the_name_is_put_back_wherever_it_is_cut(void **state)
{
	(void)state;
	expect_renamed("m-t", "m",
		       "data: {\"model\":\"m-t\",\"x\":1}\n\ndata: {\"model\": \"m-t\"}\n\n",
		       "data: {\"model\":\"m\",\"x\":1}\n\ndata: {\"model\": \"m\"}\n\n");
}

static void test_what_only_resembles_it_stays(void **state)
{
	static const char same[] = "\"model\":  \"m-t\" \"model\" :\"m-t\" \"model\":\"m-tt\" "
				   "\\\"model\\\":\\\"m-t\\\" "
				   "\"Model\":\"m-t\" data: [DONE] \"model\":\"m-t";

	(void)state;
	expect_renamed("m-t", "m", same, same);
}

static void test_a_broken_match_may_begin_another(void **state)
{
	(void)state;
	expect_renamed("m-t", "m", "\"\"model\"model\"model\":\"model\":\"m-t\"\"",
		       "\"\"model\"model\"model\":\"model\":\"m\"\"");
	expect_renamed("model", "m", "\"model\":\"model\":\"model\"", "\"model\":\"m\":\"model\"");
	expect_renamed("model", "m", "\"model\": \"mode\"model\": \"model\"",
		       "\"model\": \"mode\"model\": \"m\"");
}

static void test_names_with_quotes_match_as_they_stand_in_json(void **state)
{
	(void)state;
	expect_renamed("a\"b", "c\\d", "\"model\":\"a\\\"b\"", "\"model\":\"c\\\\d\"");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_only_the_models_value_changes),
		TEST(test_a_missing_model_is_put_in_front),
		TEST(test_names_are_escaped),
		TEST(test_long_bodies_are_spliced_across_buffers),
		TEST(test_the_name_is_put_back_wherever_it_is_cut),
		TEST(test_what_only_resembles_it_stays),
		TEST(test_a_broken_match_may_begin_another),
		TEST(test_names_with_quotes_match_as_they_stand_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
