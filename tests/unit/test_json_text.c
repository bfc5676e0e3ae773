/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rp_arena_pool arenas;
static struct rp_arena arena;
static struct rp_body_pool bodies;

static int set_up(void **state RP_UNUSED)
{
	rp_arena_pool_init(&arenas);
	rp_arena_init(&arena, &arenas);
	rp_body_pool_init(&bodies, 64u << 20);
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_arena_reset(&arena);
	rp_arena_pool_fini(&arenas);
	rp_body_pool_fini(&bodies);
	return 0;
}

/* Pad with blanks so that the text crosses from one buffer into the next at any place. */
static struct rp_body body_of(struct rp_bytes text, size_t pad)
{
	static const char blanks[RP_BODY_BUF_SMALL_BYTES];
	struct rp_body body = {0};

	assert_int_equal(rp_body_append(&body, &bodies, rp_bytes(blanks, pad)), RP_OK);
	assert_int_equal(rp_body_append(&body, &bodies, text), RP_OK);
	return body;
}

static void check(struct rp_bytes json, const char *expect, bool is_canonical)
{
	size_t expect_len = strlen(expect);

	for (size_t split = 0; split <= json.len; split++) {
		size_t pad = RP_BODY_BUF_SMALL_BYTES - split;
		struct rp_body body = body_of(json, pad);
		struct rp_body_cursor cursor = rp_body_cursor(&body);
		struct rp_text_sink sink;

		rp_arena_reset(&arena);
		sink = rp_text_sink(&arena, 4, 4096);
		if (is_canonical)
			assert_int_equal(
				rp_json_put_canonical(&arena, &sink, &cursor, pad, pad + json.len),
				RP_OK);
		else
			rp_json_put_string(&sink, &cursor, pad, pad + json.len);
		assert_int_equal(sink.err, RP_OK);
		assert_int_equal(sink.len, expect_len);
		assert_memory_equal(sink.out, expect, expect_len);
		rp_body_free(&body, &bodies);
	}
}

static void strings_are_unescaped_as_go_does(void **state RP_UNUSED)
{
	static const struct {
		const char *json;
		const char *text;
	} cases[] = {
		{"\"\"", ""},
		{"\"plain text longer than a word\"", "plain text longer than a word"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u20ac\\uFFFF\"", "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf"},
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
		{"\"\\ud83d\"", "\xef\xbf\xbd"},
		{"\"\\ud83dx\"", "\xef\xbf\xbdx"},
		{"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
		{"\"\\ud83d\\n\"", "\xef\xbf\xbd\n"},
		{"\"\xc3\xa9\xf0\x9f\x98\x80\"", "\xc3\xa9\xf0\x9f\x98\x80"},
		{"\"\xff\xc3\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\xe2\x82x\"", "\xef\xbf\xbd\xef\xbf\xbdx"},
		{"\"\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\"",
		 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
		 "\xbd"
		 "\xef\xbf\xbd\xef\xbf\xbd"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes raw = rp_bytes_str(cases[i].json);
		uint8_t out[128];
		size_t len;

		check(raw, cases[i].text, false);
		len = rp_json_unescape(rp_bytes_slice(raw, 1, raw.len - 2), out, sizeof(out));
		assert_true(rp_bytes_equal_str(rp_bytes(out, len), cases[i].text));
	}
}

struct collected {
	size_t len;
	uint8_t bytes[16384];
};

static void collect(void *user, struct rp_bytes piece)
{
	struct collected *to = user;

	assert_true(piece.len <= sizeof(to->bytes) - to->len);
	memcpy(to->bytes + to->len, piece.ptr, piece.len);
	to->len += piece.len;
}

/* In pieces of n bytes, behind a first one of `cut`. */
static void feed_in_pieces(struct collected *to, struct rp_bytes raw, size_t cut, size_t n)
{
	struct rp_text_sink sink = rp_text_sink_to(collect, to, sizeof(to->bytes));
	struct rp_json_text text = {.held_len = 0};
	size_t at = cut;

	to->len = 0;
	rp_json_text_feed(&text, &sink, rp_bytes_slice(raw, 0, cut), cut == raw.len);
	for (; at < raw.len; at += rp_min_size(n, raw.len - at))
		rp_json_text_feed(&text, &sink, rp_bytes_slice(raw, at, n), raw.len - at <= n);
	assert_int_equal(text.held_len, 0);
}

static void long_texts_are_the_same_however_cut(void **state RP_UNUSED)
{
	static const char *const parts[] = {
		"plain words of a line that is not long, ",
		"\\n",
		"\\\\\\\"",
		"\\u00e9\\ud83d\\ude00",
		"\xc3\xa9\xf0\x9f\x98\x80",
		"\xc3",
		"a tab:\\t",
		"\\\\\\\\\\\\\\\\",
		"a run of many words that is longer than two blocks of sixty-four bytes, which is "
		"what such runs are made of, more or less; ",
	};
	static struct collected expect;
	static struct collected ours;
	static char raw[8192];
	uint64_t seed = 3;

	for (int round = 0; round < 60; round++) {
		/* Escapes of one letter alone at first, everything later. */
		size_t kinds = round < 20 ? 3 : RP_ARRAY_LEN(parts);
		size_t target = round % 10 == 9 ? 7000 : 600;
		size_t n = 0;

		while (n < target) {
			const char *part;

			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			part = parts[(seed >> 33) % kinds];
			memcpy(raw + n, part, strlen(part));
			n += strlen(part);
		}
		feed_in_pieces(&expect, rp_bytes(raw, n), 0, 1);
		for (size_t cut = 0; cut <= n; cut += target > 1000 ? 61 : 1) {
			feed_in_pieces(&ours, rp_bytes(raw, n), cut, SIZE_MAX);
			assert_int_equal(ours.len, expect.len);
			assert_memory_equal(ours.bytes, expect.bytes, expect.len);
		}
		for (size_t piece = 2; piece < 300; piece += 7) {
			feed_in_pieces(&ours, rp_bytes(raw, n), 0, piece);
			assert_int_equal(ours.len, expect.len);
			assert_memory_equal(ours.bytes, expect.bytes, expect.len);
		}
	}
}

static void a_key_cut_inside_an_escape_does_no_harm(void **state RP_UNUSED)
{
	struct rp_bytes raw = RP_BYTES_LIT("a\\ud83d\\ude00\\n");
	uint8_t out[4];

	for (size_t n = 0; n <= raw.len; n++)
		assert_true(rp_json_unescape(rp_bytes_slice(raw, 0, n), out, sizeof(out)) <= 4);
}

static void values_are_written_as_go_writes_maps(void **state RP_UNUSED)
{
	static const struct {
		const char *json;
		const char *text;
	} cases[] = {
		{"{}", "{}"},
		{"[ ]", "[]"},
		{"7", "7"},
		{" \"a\" ", "\"a\""},
		{"{ \"b\" : [ 1 , { } , null ] , \"a\" : true , \"B\" : false }",
		 "{\"B\":false,\"a\":true,\"b\":[1,{},null]}"},
		{"{\"a\":1,\"b\":2,\"a\":{\"x\":1}}", "{\"a\":{\"x\":1},\"b\":2}"},
		{"{\"\\u0062\":1,\"a\":2,\"ab\":3,\"\":4}", "{\"\":4,\"a\":2,\"ab\":3,\"b\":1}"},
		{"{\"\xc3\xa9\":1,\"z\":2,\"<\":3}", "{\"\\u003c\":3,\"z\":2,\"\xc3\xa9\":1}"},
		{"\"<a href=\\\"x\\\">&\\u2028\xe2\x80\xa9\\u0001\\u007f\\b\\/\"",
		 "\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u2028\\u2029\\u0001\x7f\\b/\""},
		{"[1.0,-0,0.1,1e3,1E400000,100000000000000000000,1e21,0.000001,1e-7,1.50]", NULL},
		{"[1.0,-0,0.1,1e3,100000000000000000000,1e21,0.000001,1e-7,1.50,"
		 "12345678901234567890]",
		 "[1,-0,0.1,1000,100000000000000000000,1e+21,0.000001,1e-7,1.5,"
		 "12345678901234567000]"},
		{"[[[[\"x\"]],{\"a\":[[]]}]]", "[[[[\"x\"]],{\"a\":[[]]}]]"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes json = rp_bytes_str(cases[i].json);

		if (cases[i].text != NULL) {
			check(json, cases[i].text, true);
			continue;
		}
		struct rp_body body = body_of(json, 0);
		struct rp_body_cursor cursor = rp_body_cursor(&body);
		struct rp_text_sink sink = rp_text_sink(&arena, 4, 4096);

		/* A number that no float64 holds. */
		assert_int_equal(rp_json_put_canonical(&arena, &sink, &cursor, 0, json.len),
				 RP_ETOOBIG);
		rp_body_free(&body, &bodies);
	}
}

static void many_members_are_sorted(void **state RP_UNUSED)
{
	enum { MEMBERS = 500 };
	static char json[MEMBERS * 16];
	static char expect[MEMBERS * 16];
	size_t n = 0;
	size_t m = 0;

	for (int i = 0; i < MEMBERS; i++) {
		n += (size_t)snprintf(json + n, sizeof(json) - n, "%s\"%04d\":%d",
				      i == 0 ? "{" : ",", i * 7919 % MEMBERS, i * 7919 % MEMBERS);
		m += (size_t)snprintf(expect + m, sizeof(expect) - m, "%s\"%04d\":%d",
				      i == 0 ? "{" : ",", i, i);
	}
	n += (size_t)snprintf(json + n, sizeof(json) - n, "}");
	snprintf(expect + m, sizeof(expect) - m, "}");

	struct rp_body body = body_of(rp_bytes(json, n), 0);
	struct rp_body_cursor cursor = rp_body_cursor(&body);
	struct rp_text_sink sink;

	rp_arena_reset(&arena);
	sink = rp_text_sink(&arena, 4, sizeof(expect));
	assert_int_equal(rp_json_put_canonical(&arena, &sink, &cursor, 0, n), RP_OK);
	assert_true(rp_bytes_equal_str(rp_bytes(sink.out, sink.len), expect));
	rp_body_free(&body, &bodies);
}

static void a_sink_keeps_no_more_than_its_maximum(void **state RP_UNUSED)
{
	struct rp_bytes json = RP_BYTES_LIT("{\"a\":\"0123456789\",\"b\":[1,2,3]}");

	for (uint64_t max = 0; max <= json.len; max++) {
		struct rp_body body = body_of(json, 0);
		struct rp_body_cursor cursor = rp_body_cursor(&body);
		struct rp_text_sink sink;

		rp_arena_reset(&arena);
		sink = rp_text_sink(&arena, 0, max);
		assert_int_equal(rp_json_put_canonical(&arena, &sink, &cursor, 0, json.len), RP_OK);
		assert_int_equal(sink.len, max);
		assert_memory_equal(sink.out, json.ptr, max);
		rp_body_free(&body, &bodies);
	}
}

static void doubles_are_the_shortest_that_read_back(void **state RP_UNUSED)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0, "0"},
		{1e20, "100000000000000000000"},
		{1e21, "1e+21"},
		{-1.5e300, "-1.5e+300"},
		{1e-6, "0.000001"},
		{9.99e-7, "9.99e-7"},
		{1e-10, "1e-10"},
		{5e-324, "5e-324"},
		{1.7976931348623157e308, "1.7976931348623157e+308"},
		{0.1 + 0.2, "0.30000000000000004"},
		{123456789.125, "123456789.125"},
		{9007199254740993.0, "9007199254740992"},
		{4.35, "4.35"},
	};
	uint64_t seed = 5;

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		char out[RP_JSON_NUMBER_BYTES];
		size_t len = rp_json_format_double(cases[i].value, out);

		assert_true(rp_bytes_equal_str(rp_bytes(out, len), cases[i].text));
	}
	for (int i = 0; i < 20000; i++) {
		char out[RP_JSON_NUMBER_BYTES + 1];
		uint64_t bits;
		double value;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		bits = seed ^ seed >> 31;
		memcpy(&value, &bits, sizeof(value));
		if (value != value || value > 1.7e308 || value < -1.7e308)
			continue;
		out[rp_json_format_double(value, out)] = '\0';
		assert_true(strtod(out, NULL) == value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_unescaped_as_go_does),
		cmocka_unit_test(long_texts_are_the_same_however_cut),
		cmocka_unit_test(a_key_cut_inside_an_escape_does_no_harm),
		cmocka_unit_test(values_are_written_as_go_writes_maps),
		cmocka_unit_test(many_members_are_sorted),
		cmocka_unit_test(a_sink_keeps_no_more_than_its_maximum),
		cmocka_unit_test(doubles_are_the_shortest_that_read_back),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
