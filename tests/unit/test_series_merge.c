/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "control/series_merge.h"

static struct rp_series_merge merge;

static int set_up(void **state)
{
	const struct rp_bytes other[] = {RP_BYTES_LIT("other"), RP_BYTES_LIT("1"),
					 RP_BYTES_LIT("other"), RP_BYTES_LIT("2")};

	(void)state;
	return rp_series_merge_init(&merge, 2, 10, 5, other, 2) != RP_OK;
}

static int tear_down(void **state)
{
	(void)state;
	rp_series_merge_fini(&merge);
	return 0;
}

static void add(uint32_t member, const char *first, const char *second)
{
	const struct rp_bytes values[] = {rp_bytes_str(first), rp_bytes_str(second)};

	rp_series_merge_add(&merge, member, values, 1);
	assert_true(rp_series_merge_has(&merge, member));
}

/* "first/second:members " for each rank. */
static void assert_series(const char *want)
{
	char text[512] = "";
	size_t n = 0;

	rp_series_merge_sort(&merge);
	for (uint32_t rank = 0; rank < merge.count; rank++) {
		struct rp_bytes first = rp_series_merge_value(&merge, rank, 0);
		struct rp_bytes second = rp_series_merge_value(&merge, rank, 1);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s/%.*s:", (int)first.len,
				      (const char *)first.ptr, (int)second.len,
				      (const char *)second.ptr);
		for (uint32_t m = rp_series_merge_first(&merge, rank); m != RP_MERGE_NONE;
		     m = rp_series_merge_next(&merge, m))
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%u", m);
		n += (size_t)snprintf(text + n, sizeof(text) - n, " ");
	}
	assert_string_equal(text, want);
}

static void equal_labels_come_together_in_order(void **state)
{
	(void)state;
	assert_false(rp_series_merge_has(&merge, 3));
	add(3, "b", "x");
	add(0, "a", "y");
	add(9, "b", "x");
	assert_series("a/y:0 b/x:93 other/1: other/2: ");
	add(1, "a", "x");
	assert_series("a/x:1 a/y:0 b/x:93 other/1: other/2: ");
}

static void labels_are_not_confused_by_where_they_end(void **state)
{
	(void)state;
	add(0, "ab", "c");
	add(1, "a", "bc");
	add(2, "", "abc");
	assert_series("/abc:2 a/bc:1 ab/c:0 other/1: other/2: ");
}

static void what_comes_too_late_belongs_to_other(void **state)
{
	(void)state;
	add(0, "a", "");
	add(1, "b", "");
	add(2, "c", "");
	add(3, "d", "");
	add(4, "other", "1"); /* somebody's own label */
	add(5, "a", "");
	assert_series("a/:50 b/:1 c/:2 other/1:4 other/2:3 ");
}

static void values_that_look_the_same_when_cleaned_are_one(void **state)
{
	(void)state;
	add(0, "\xff", "x");
	add(1, "\xfe", "x");
	add(2, "?", "x");
	assert_series("?/x:210 other/1: other/2: ");
}

static void runs_end_where_the_first_labels_change(void **state)
{
	(void)state;
	add(0, "a", "x");
	add(1, "a", "y");
	add(2, "b", "y");
	rp_series_merge_sort(&merge);
	assert_int_equal(rp_series_merge_run(&merge, 0, 1), 2);
	assert_int_equal(rp_series_merge_run(&merge, 2, 1), 3);
	assert_int_equal(rp_series_merge_run(&merge, 3, 1), 5);
	assert_int_equal(rp_series_merge_run(&merge, 0, 2), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(equal_labels_come_together_in_order),
		TEST(labels_are_not_confused_by_where_they_end),
		TEST(what_comes_too_late_belongs_to_other),
		TEST(values_that_look_the_same_when_cleaned_are_one),
		TEST(runs_end_where_the_first_labels_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
