/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shm/limits.h"

/* In a heap block of exactly its size, so that a sanitizer sees each byte too far. */
static uint8_t *copy(const char *text, size_t bytes)
{
	uint8_t *block = malloc(bytes > 0 ? bytes : 1);

	assert_non_null(block);
	memcpy(block, text, bytes);
	return block;
}

static bool is_valid(const char *text, size_t bytes)
{
	uint8_t *block = copy(text, bytes);
	struct rp_sim_json json;
	bool is_good;

	rp_sim_json_init(&json, block, bytes);
	rp_sim_json_skip(&json);
	is_good = rp_sim_json_finish(&json) == RP_OK;
	free(block);
	return is_good;
}

static void values_of_every_kind_are_skipped(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"null",
		"true",
		"false",
		"0",
		"-0.5e+3",
		"\"\"",
		" [ 1 , { } , [ ] ] ",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"\\u00e9\\n\"}",
		"\"\xc3\xa9\"",
	};
	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(good); i++)
		assert_true(is_valid(good[i], strlen(good[i])));
}

static void malformed_texts_are_refused(void **state)
{
	static const char *const bad[] = {
		"",	      "{",     "}",  "[1,]",	"[,1]",	       "{\"a\"}", "{\"a\":}",
		"{\"a\":1,}", "{a:1}", "01", "1.",	"-",	       "+1",	  "1e",
		"tru",	      "nul",   "\"", "\"\\x\"", "\"\\u12g4\"", "\"\n\"",  "{} {}",
		"[1 2]",      "[}",    "{]", "\"\\",	"1 x",
	};
	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++)
		if (is_valid(bad[i], strlen(bad[i])))
			fail_msg("accepted: %s", bad[i]);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
	static const char text[] =
		"{\"a\":[1.5,\"x\\ud83d\\ude00y\",true,{\"b\":null}],\"c\":-2e3}";

	(void)state;
	assert_true(is_valid(text, sizeof(text) - 1));
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		assert_false(is_valid(text, i));
}

static void nesting_has_a_bound(void **state)
{
	char text[2 * RP_JSON_DEPTH_MAX + 2];

	(void)state;
	memset(text, '[', RP_JSON_DEPTH_MAX);
	memset(text + RP_JSON_DEPTH_MAX, ']', RP_JSON_DEPTH_MAX);
	assert_true(is_valid(text, 2 * RP_JSON_DEPTH_MAX));
	memset(text, '[', RP_JSON_DEPTH_MAX + 1);
	memset(text + RP_JSON_DEPTH_MAX + 1, ']', RP_JSON_DEPTH_MAX + 1);
	assert_false(is_valid(text, sizeof(text)));
}

static void assert_string(const char *text, const char *expected)
{
	uint8_t *block = copy(text, strlen(text));
	struct rp_sim_json json;
	struct rp_bytes value;

	rp_sim_json_init(&json, block, strlen(text));
	value = rp_sim_json_string(&json);
	assert_int_equal(rp_sim_json_finish(&json), RP_OK);
	assert_int_equal(value.len, strlen(expected));
	assert_memory_equal(value.ptr, expected, value.len);
	free(block);
}

static void strings_are_unescaped(void **state)
{
	(void)state;
	assert_string("\"plain text that is longer than a word\"",
		      "plain text that is longer than a word");
	assert_string("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz and more\"", "a\"\\/\b\f\n\r\tz and more");
	assert_string("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
		      "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void lone_surrogates_are_replaced(void **state)
{
	(void)state;
	assert_string("\"\\ud83dx\"", "\xef\xbf\xbdx");
	assert_string("\"\\ude00\"", "\xef\xbf\xbd");
	assert_string("\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
					    "A");
}

static void members_and_elements_are_walked(void **state)
{
	static const char text[] = "{\"x\":{},\"n\":[3,[],-4],\"b\":true,\"z\":null}";
	uint8_t *block = copy(text, sizeof(text) - 1);
	struct rp_sim_json json;
	struct rp_bytes key;
	int64_t sum = 0;
	int members = 0;

	(void)state;
	rp_sim_json_init(&json, block, sizeof(text) - 1);
	rp_sim_json_enter(&json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&json, &key)) {
		members++;
		if (rp_bytes_equal_str(key, "n")) {
			rp_sim_json_enter(&json, RP_SIM_JSON_ARRAY);
			while (rp_sim_json_item(&json)) {
				if (rp_sim_json_peek(&json) == RP_SIM_JSON_NUMBER)
					sum = sum * 10 + rp_sim_json_integer(&json);
				else
					rp_sim_json_skip(&json);
			}
		} else if (rp_bytes_equal_str(key, "b")) {
			assert_true(rp_sim_json_bool(&json));
		} else if (rp_bytes_equal_str(key, "z")) {
			assert_true(rp_sim_json_take_null(&json));
		} else {
			rp_sim_json_skip(&json);
		}
	}
	assert_int_equal(rp_sim_json_finish(&json), RP_OK);
	assert_int_equal(members, 4);
	assert_int_equal(sum, 26);
	free(block);
}

static void fractions_are_not_integers(void **state)
{
	uint8_t text[] = "1.5";
	uint8_t longer[] = "1234567890123456";
	struct rp_sim_json json;

	(void)state;
	rp_sim_json_init(&json, text, sizeof(text) - 1);
	rp_sim_json_integer(&json);
	assert_non_null(json.error);
	rp_sim_json_init(&json, longer, sizeof(longer) - 1);
	rp_sim_json_integer(&json);
	assert_non_null(json.error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_every_kind_are_skipped),
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(a_text_cut_anywhere_is_refused),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(lone_surrogates_are_replaced),
		cmocka_unit_test(members_and_elements_are_walked),
		cmocka_unit_test(fractions_are_not_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
