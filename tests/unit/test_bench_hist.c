/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shm/clock.h"

static struct rp_bench_hist hist;
static struct rp_bench_hist other;

static int empty(void **state)
{
	(void)state;
	memset(&hist, 0, sizeof(hist));
	memset(&other, 0, sizeof(other));
	return 0;
}

static void an_empty_histogram_is_all_zero(void **state)
{
	(void)state;
	assert_int_equal(rp_bench_hist_at(&hist, 0.5), 0);
	assert_int_equal(rp_bench_hist_at(&hist, 1), 0);
	assert_true(rp_bench_hist_mean(&hist) <= 0);
}

static void small_durations_are_exact(void **state)
{
	(void)state;
	for (int64_t ns = 0; ns <= 100; ns++)
		rp_bench_hist_add(&hist, ns);
	assert_int_equal(rp_bench_hist_at(&hist, 0), 0);
	assert_int_equal(rp_bench_hist_at(&hist, 0.5), 50);
	assert_int_equal(rp_bench_hist_at(&hist, 0.99), 99);
	assert_int_equal(rp_bench_hist_at(&hist, 1), 100);
	assert_true(rp_bench_hist_mean(&hist) > 49.99 && rp_bench_hist_mean(&hist) < 50.01);
}

static void every_duration_is_found_within_one_percent(void **state)
{
	(void)state;
	for (int64_t ns = 1; ns < RP_BENCH_HIST_MAX_NS; ns += ns / 97 + 1) {
		memset(&hist, 0, sizeof(hist));
		rp_bench_hist_add(&hist, ns);
		rp_bench_hist_add(&hist, INT64_MAX); /* so that max does not help */
		int64_t got = rp_bench_hist_at(&hist, 0.5);

		assert_true(got >= ns);
		assert_true((double)(got - ns) <= (double)ns * 0.01);
	}
}

static void buckets_follow_each_other_without_a_gap(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < RP_BENCH_HIST_BUCKETS; i++) {
		int64_t upper = rp_bench_hist_upper(i - 1);

		assert_true(rp_bench_hist_upper(i) > upper);
		/* The largest of a bucket and the next one up are counted in neighbours. */
		memset(&hist, 0, sizeof(hist));
		rp_bench_hist_add(&hist, upper);
		rp_bench_hist_add(&hist, upper + 1);
		assert_int_equal(hist.buckets[i - 1], 1);
		assert_int_equal(hist.buckets[i], 1);
	}
	assert_int_equal(rp_bench_hist_upper(RP_BENCH_HIST_BUCKETS - 1), RP_BENCH_HIST_MAX_NS);
}

static void extremes_are_kept(void **state)
{
	(void)state;
	rp_bench_hist_add(&hist, -5);
	rp_bench_hist_add(&hist, 300 * RP_NS_PER_S);
	assert_int_equal(hist.count, 2);
	assert_int_equal(hist.buckets[0], 1);
	assert_int_equal(rp_bench_hist_at(&hist, 0.5), 0);
	assert_int_equal(rp_bench_hist_at(&hist, 1), 300 * RP_NS_PER_S);
	assert_int_equal(hist.max_ns, 300 * RP_NS_PER_S);
}

static void a_percentile_never_exceeds_the_largest(void **state)
{
	(void)state;
	rp_bench_hist_add(&hist, 1000001);
	assert_int_equal(rp_bench_hist_at(&hist, 0.5), 1000001);
	assert_int_equal(rp_bench_hist_at(&hist, 0.999), 1000001);
}

static void merged_histograms_are_as_one(void **state)
{
	static struct rp_bench_hist all;

	(void)state;
	memset(&all, 0, sizeof(all));
	srand(7);
	for (int i = 0; i < 10000; i++) {
		int64_t ns = rand() % 1000 * (rand() % 100000);

		rp_bench_hist_add(i % 3 == 0 ? &hist : &other, ns);
		rp_bench_hist_add(&all, ns);
	}
	rp_bench_hist_merge(&hist, &other);
	assert_int_equal(hist.count, all.count);
	assert_int_equal(hist.max_ns, all.max_ns);
	assert_memory_equal(hist.buckets, all.buckets, sizeof(all.buckets));
	assert_int_equal(rp_bench_hist_at(&hist, 0.9), rp_bench_hist_at(&all, 0.9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_histogram_is_all_zero, empty),
		cmocka_unit_test_setup(small_durations_are_exact, empty),
		cmocka_unit_test_setup(every_duration_is_found_within_one_percent, empty),
		cmocka_unit_test_setup(buckets_follow_each_other_without_a_gap, empty),
		cmocka_unit_test_setup(extremes_are_kept, empty),
		cmocka_unit_test_setup(a_percentile_never_exceeds_the_largest, empty),
		cmocka_unit_test_setup(merged_histograms_are_as_one, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
