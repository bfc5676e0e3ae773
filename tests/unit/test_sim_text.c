/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "perf/sim/sim_duration.h"
#include "perf/sim/sim_uuid.h"
#include "shm/clock.h"

static size_t count(const char *text)
{
	return rp_sim_text_count(rp_bytes_str(text));
}

static size_t count_by_next(struct rp_bytes text)
{
	struct rp_bytes token;
	size_t at = 0;
	size_t tokens = 0;

	while (rp_sim_text_next(text, &at, &token))
		tokens++;
	return tokens;
}

static void tokens_are_counted_as_upstream(void **state)
{
	(void)state;
	assert_int_equal(count(""), 0);
	assert_int_equal(count("   "), 0);
	assert_int_equal(count("What do reviewers think about The Comedy of Errors?"), 10);
	assert_int_equal(count("Testing@, #testing 1$ ,2%,3^, [4"), 16);
	assert_int_equal(count("_a_b"), 2);
	assert_int_equal(count("a_b c"), 2);
	assert_int_equal(count("a\xe2\x82\xac"
			       "b"),
			 2);
}

static void counting_and_walking_agree(void **state)
{
	struct rp_sim_random random = {.state = 7};
	uint8_t text[200];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			static const char alphabet[] = "ab_ .,'\n\t\x80\xff{}Z9";

			text[i] = (uint8_t)alphabet[rp_sim_random_range(
				&random, 0, (uint32_t)sizeof(alphabet) - 2)];
		}
		assert_int_equal(rp_sim_text_count(rp_bytes(text, sizeof(text))),
				 count_by_next(rp_bytes(text, sizeof(text))));
	}
}

static void a_token_keeps_the_blanks_behind_it(void **state)
{
	struct rp_bytes text = rp_bytes_str("  one \t two,");
	struct rp_bytes token;
	size_t at = 0;

	(void)state;
	assert_true(rp_sim_text_next(text, &at, &token));
	assert_true(rp_bytes_equal_str(token, "one \t "));
	assert_true(rp_sim_text_next(text, &at, &token));
	assert_true(rp_bytes_equal_str(token, "two"));
	assert_true(rp_sim_text_next(text, &at, &token));
	assert_true(rp_bytes_equal_str(token, ","));
	assert_false(rp_sim_text_next(text, &at, &token));
}

static void token_ids_are_fnv_1a(void **state)
{
	(void)state;
	assert_int_equal(rp_sim_text_token_id(rp_bytes_str("a")), 0xe40c292c);
	assert_int_equal(rp_sim_text_token_id(rp_bytes_str("foobar")), 0xbf9cf968);
}

static void written_texts_have_the_wanted_length(void **state)
{
	struct rp_sim_random random = {.state = 1};
	struct rp_sim_buf out = {0};

	(void)state;
	for (uint32_t tokens = 0; tokens < 500; tokens++) {
		out.len = 0;
		rp_sim_text_write(&random, tokens, &out);
		assert_int_equal(rp_sim_text_count(rp_sim_buf_bytes(&out)), tokens);
	}
	rp_sim_buf_fini(&out);
}

static void lengths_stay_within_the_limit(void **state)
{
	struct rp_sim_random random = {.state = 3};
	const uint32_t limits[] = {1, 2, 6, 7, 50, 100, 101, 102, 103, 500};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(limits); i++) {
		uint32_t full = 0;

		for (int round = 0; round < 10000; round++) {
			bool is_length;
			uint32_t tokens = rp_sim_text_draw_length(&random, limits[i], 1000, false,
								  &is_length);

			assert_in_range(tokens, 1, limits[i]);
			assert_int_equal(is_length, tokens == limits[i]);
			full += is_length;
		}
		/* 15 % use a larger limit up. */
		if (limits[i] > 6)
			assert_in_range(full, 1300, 1700);
	}
}

static void without_a_limit_the_room_is_the_limit(void **state)
{
	struct rp_sim_random random = {.state = 4};
	double sum = 0;
	bool is_length;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		uint32_t tokens = rp_sim_text_draw_length(&random, 0, 1000, false, &is_length);

		assert_in_range(tokens, 1, 1000);
		sum += tokens;
		assert_in_range(rp_sim_text_draw_length(&random, 0, 5, false, &is_length), 1, 5);
	}
	assert_in_range((int)(sum / 10000), 38, 43);
	assert_int_equal(rp_sim_text_draw_length(&random, 77, 1000, true, &is_length), 77);
	assert_true(is_length);
}

static void uuids_are_version_5_of_the_name(void **state)
{
	char text[RP_SIM_UUID_CHARS + 1];
	char name[RP_SIM_UUID_NAME_MAX];

	(void)state;
	rp_sim_uuid_write(rp_bytes_str("http://python.org/"), text);
	assert_string_equal(text, "4c565f0d-3f5a-5890-b41b-20cf47701c5e");
	memset(name, 'x', sizeof(name));
	rp_sim_uuid_write(rp_bytes(name, sizeof(name)), text);
	assert_string_equal(text, "5bc00cf8-172e-5ec5-a83b-880b0bb07b4a");
}

static int64_t duration_ns(const char *text)
{
	int64_t ns = -1;

	return rp_sim_duration_parse(rp_bytes_str(text), &ns) == RP_OK ? ns : -1;
}

static void durations_are_milliseconds_or_go_style(void **state)
{
	(void)state;
	assert_int_equal(duration_ns("0"), 0);
	assert_int_equal(duration_ns("250"), 250 * RP_NS_PER_MS);
	assert_int_equal(duration_ns("2.5ms"), 2500 * RP_NS_PER_US);
	assert_int_equal(duration_ns("1m30s"), 90 * RP_NS_PER_S);
	assert_int_equal(duration_ns("1h"), 3600 * RP_NS_PER_S);
	assert_int_equal(duration_ns("15us"), 15 * RP_NS_PER_US);
	assert_int_equal(duration_ns("15\xc2\xb5s"), 15 * RP_NS_PER_US);
	assert_int_equal(duration_ns(".5s"), 500 * RP_NS_PER_MS);
	assert_int_equal(duration_ns(""), -1);
	assert_int_equal(duration_ns("-1s"), -1);
	assert_int_equal(duration_ns("1.5"), -1);
	assert_int_equal(duration_ns("1x"), -1);
	assert_int_equal(duration_ns("s"), -1);
	assert_int_equal(duration_ns("1s5"), -1);
	assert_int_equal(duration_ns("100h"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_counted_as_upstream),
		cmocka_unit_test(counting_and_walking_agree),
		cmocka_unit_test(a_token_keeps_the_blanks_behind_it),
		cmocka_unit_test(token_ids_are_fnv_1a),
		cmocka_unit_test(written_texts_have_the_wanted_length),
		cmocka_unit_test(lengths_stay_within_the_limit),
		cmocka_unit_test(without_a_limit_the_room_is_the_limit),
		cmocka_unit_test(uuids_are_version_5_of_the_name),
		cmocka_unit_test(durations_are_milliseconds_or_go_style),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
