/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/quantity.h"
#include "shm/clock.h"

struct number_case {
	const char *text;
	int err;
	int64_t value;
};

static void check_all(int (*parse)(struct rp_bytes, int64_t *), const struct number_case *cases,
		      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = 0;
		int r = parse(rp_bytes_str(cases[i].text), &value);

		if (r != cases[i].err || (r == RP_OK && value != cases[i].value))
			fail_msg("\"%s\": %d, %lld", cases[i].text, r, (long long)value);
	}
}

static void durations_parse_as_in_go(void **state)
{
	static const struct number_case cases[] = {
		{"0", RP_OK, 0},
		{"+0", RP_OK, 0},
		{"30s", RP_OK, 30 * RP_NS_PER_S},
		{"1h15m30.918s", RP_OK, 4530918 * RP_NS_PER_MS},
		{"-1.5h", RP_OK, -5400 * RP_NS_PER_S},
		{".5s", RP_OK, RP_NS_PER_S / 2},
		{"1.s", RP_OK, RP_NS_PER_S},
		{"100\xc2\xb5s", RP_OK, 100000},
		{"100us", RP_OK, 100000},
		{"3ns", RP_OK, 3},
		{"0.1ns", RP_OK, 0},
		{"9223372036854775807ns", RP_OK, INT64_MAX},
		{"9223372036854775808ns", RP_EFORMAT, 0},
		{"2562048h", RP_EFORMAT, 0},
		{"", RP_EFORMAT, 0},
		{"-", RP_EFORMAT, 0},
		{"3", RP_EFORMAT, 0},
		{"3 s", RP_EFORMAT, 0},
		{".s", RP_EFORMAT, 0},
		{"1d", RP_EFORMAT, 0},
		{"1s2", RP_EFORMAT, 0},
		{"--1s", RP_EFORMAT, 0},
	};

	(void)state;
	check_all(rp_duration_parse, cases, RP_ARRAY_LEN(cases));
}

static void quantities_parse_as_in_kubernetes(void **state)
{
	static const struct number_case cases[] = {
		{"0", RP_OK, 0},
		{"100", RP_OK, 100},
		{"1k", RP_OK, 1000},
		{"2.5G", RP_OK, 2500000000},
		{"1Gi", RP_OK, 1 << 30},
		{"0.5Ki", RP_OK, 512},
		{"1e3", RP_OK, 1000},
		{"1E3", RP_OK, 1000},
		{"1E", RP_OK, INT64_C(1000000000000000000)},
		{"5e-1", RP_OK, 1},
		{"100m", RP_OK, 1},
		{"1500m", RP_OK, 2},
		{"-1500m", RP_OK, -2},
		{"1n", RP_OK, 1},
		{"7Ei", RP_OK, INT64_C(7) << 60},
		{"9223372036854775807", RP_OK, INT64_MAX},
		{"1.0000000000000000000001", RP_OK, 2},
		{"9223372036854775808", RP_ETOOBIG, 0},
		{"8Ei", RP_ETOOBIG, 0},
		{"10E", RP_ETOOBIG, 0},
		{"99999999999999999999999999999", RP_ETOOBIG, 0},
		{"", RP_EFORMAT, 0},
		{".", RP_EFORMAT, 0},
		{"K", RP_EFORMAT, 0},
		{"1K", RP_EFORMAT, 0},
		{"1KB", RP_EFORMAT, 0},
		{"1e", RP_EFORMAT, 0},
		{"1e99", RP_EFORMAT, 0},
		{"1 k", RP_EFORMAT, 0},
		{"1.2.3", RP_EFORMAT, 0},
		{"0x10", RP_EFORMAT, 0},
	};

	(void)state;
	check_all(rp_quantity_parse, cases, RP_ARRAY_LEN(cases));
}

static void sizes_drop_blanks_and_one_b(void **state)
{
	static const struct number_case cases[] = {
		{" 10MiB ", RP_OK, 10 << 20}, {"7b", RP_OK, 7},	   {"7bB", RP_EFORMAT, 0},
		{"B", RP_EFORMAT, 0},	      {"", RP_EFORMAT, 0},
	};

	(void)state;
	check_all(rp_size_parse, cases, RP_ARRAY_LEN(cases));
}

static void ints_have_prefixes_and_bounds(void **state)
{
	static const struct number_case cases[] = {
		{"42", RP_OK, 42},
		{"-42", RP_OK, -42},
		{"+1", RP_OK, 1},
		{"0", RP_OK, 0},
		{"0x1F", RP_OK, 31},
		{"010", RP_OK, 8},
		{"0o17", RP_OK, 15},
		{"0b101", RP_OK, 5},
		{"9223372036854775807", RP_OK, INT64_MAX},
		{"9223372036854775808", RP_EFORMAT, 0},
		{"", RP_EFORMAT, 0},
		{"0x", RP_EFORMAT, 0},
		{"08", RP_EFORMAT, 0},
		{"1.5", RP_EFORMAT, 0},
		{"- 1", RP_EFORMAT, 0},
	};

	(void)state;
	check_all(rp_int_parse, cases, RP_ARRAY_LEN(cases));
}

static void bools_are_gos(void **state)
{
	bool value = false;

	(void)state;
	assert_int_equal(rp_bool_parse(RP_BYTES_LIT("True"), &value), RP_OK);
	assert_true(value);
	assert_int_equal(rp_bool_parse(RP_BYTES_LIT("0"), &value), RP_OK);
	assert_false(value);
	assert_int_equal(rp_bool_parse(RP_BYTES_LIT("tRUE"), &value), RP_EFORMAT);
	assert_int_equal(rp_bool_parse(RP_BYTES_LIT(""), &value), RP_EFORMAT);
}

static void durations_and_sizes_print_as_in_go(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ns"},
		{1500, "1.5us"},
		{50 * RP_NS_PER_MS, "50ms"},
		{1500 * RP_NS_PER_MS, "1.5s"},
		{100 * RP_NS_PER_S, "1m40s"},
		{3600 * RP_NS_PER_S, "1h0m0s"},
		{-3661 * RP_NS_PER_S, "-1h1m1s"},
		{INT64_MIN, "-2562047h47m16.854775808s"},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		rp_duration_format(cases[i].ns, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
	rp_size_format(4 << 20, text, sizeof(text));
	assert_string_equal(text, "4Mi");
	rp_size_format(1000, text, sizeof(text));
	assert_string_equal(text, "1000");
	rp_size_format(0, text, sizeof(text));
	assert_string_equal(text, "0");
}

/* Nothing is read behind the view: the sanitizer preset sees it on exact-size copies. */
static void every_prefix_of_a_number_is_safe(void **state)
{
	static const char text[] = "-1h15m30.918123456789123456789\xc2\xb5s";

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++) {
		char *copy = test_malloc(len);
		int64_t value;
		bool flag;

		memcpy(copy, text, len);
		assert_true(rp_duration_parse(rp_bytes(copy, len), &value) <= RP_OK);
		assert_true(rp_quantity_parse(rp_bytes(copy, len), &value) <= RP_OK);
		assert_true(rp_size_parse(rp_bytes(copy, len), &value) <= RP_OK);
		assert_true(rp_int_parse(rp_bytes(copy, len), &value) <= RP_OK);
		assert_true(rp_bool_parse(rp_bytes(copy, len), &flag) <= RP_OK);
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_parse_as_in_go),
		cmocka_unit_test(quantities_parse_as_in_kubernetes),
		cmocka_unit_test(sizes_drop_blanks_and_one_b),
		cmocka_unit_test(ints_have_prefixes_and_bounds),
		cmocka_unit_test(bools_are_gos),
		cmocka_unit_test(durations_and_sizes_print_as_in_go),
		cmocka_unit_test(every_prefix_of_a_number_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
