/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "shm/counters.h"

static double sum_of(const struct rp_histogram *histogram)
{
	uint64_t bits = atomic_load(&histogram->sum_bits);
	double sum;

	memcpy(&sum, &bits, sizeof(sum));
	return sum;
}

static void bounds_ascend_and_leave_room_for_infinity(void **state)
{
	(void)state;
	for (int set = RP_BUCKETS_LAT; set <= RP_BUCKETS_RESPONSE_PROCESSING; set++) {
		struct rp_bucket_bounds bounds = rp_bucket_bounds((enum rp_bucket_set)set);

		assert_true(bounds.count >= 2 && bounds.count < RP_HISTOGRAM_BUCKETS_MAX);
		for (uint32_t i = 1; i < bounds.count; i++)
			assert_true(bounds.bound[i] > bounds.bound[i - 1]);
	}
}

/* {set, count, first, last} as the operations reference lists them. */
static void bounds_are_upstreams(void **state)
{
	(void)state;
	static const struct {
		enum rp_bucket_set set;
		uint32_t count;
		double first;
		double last;
	} want[] = {
		{RP_BUCKETS_LAT, 35, 0.005, 3600},
		{RP_BUCKETS_SIZE, 25, 64, 1073741824},
		{RP_BUCKETS_RESP, 15, 1, 65536},
		{RP_BUCKETS_TOK, 19, 1, 1048576},
		{RP_BUCKETS_OUT, 12, 1, 8192},
		{RP_BUCKETS_FAST, 10, 0.0001, 0.1},
		{RP_BUCKETS_TTFT, 24, 0.005, 120},
		{RP_BUCKETS_TPOT, 19, 0.0005, 2},
		{RP_BUCKETS_ITL, 15, 0.001, 2},
		{RP_BUCKETS_NTPOT, 13, 0.001, 10},
		{RP_BUCKETS_RATIO, 11, 0, 1},
		{RP_BUCKETS_BYTES, 14, 0, 65536},
		{RP_BUCKETS_STREAM, 14, 0.001, 600},
		{RP_BUCKETS_REQUEST_PROCESSING, 16, 0.0005, 10},
		{RP_BUCKETS_RESPONSE_PROCESSING, 15, 0.0001, 5},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(want); i++) {
		struct rp_bucket_bounds bounds = rp_bucket_bounds(want[i].set);

		assert_int_equal(bounds.count, want[i].count);
		assert_true(bounds.bound[0] == want[i].first);
		assert_true(bounds.bound[bounds.count - 1] == want[i].last);
	}
	for (uint32_t i = 1; i < 25; i++)
		assert_true(rp_bucket_bounds(RP_BUCKETS_SIZE).bound[i] == 64.0 * (1u << i));
	for (uint32_t i = 0; i < 11; i++)
		assert_true(rp_bucket_bounds(RP_BUCKETS_RATIO).bound[i] == i / 10.0);
	assert_true(rp_bucket_bounds(RP_BUCKETS_RESP).bound[13] == 32778);
}

static void observation_goes_to_the_first_bound_not_below_it(void **state)
{
	(void)state;
	struct rp_histogram histogram = {0};

	rp_histogram_observe(&histogram, RP_BUCKETS_FAST, 0.0001);
	rp_histogram_observe(&histogram, RP_BUCKETS_FAST, 0.00011);
	rp_histogram_observe(&histogram, RP_BUCKETS_FAST, 0);
	rp_histogram_observe(&histogram, RP_BUCKETS_FAST, 0.2);
	assert_int_equal(atomic_load(&histogram.bucket[0]), 2);
	assert_int_equal(atomic_load(&histogram.bucket[1]), 1);
	assert_int_equal(atomic_load(&histogram.bucket[10]), 1);
	assert_int_equal(atomic_load(&histogram.count), 4);
	assert_true(fabs(sum_of(&histogram) - 0.20021) < 1e-12);
	rp_histogram_observe(&histogram, RP_BUCKETS_FAST, (double)NAN);
	assert_int_equal(atomic_load(&histogram.bucket[10]), 2);
}

static void reset_zeroes_gauges_only(void **state)
{
	(void)state;
	static struct rp_counters counters;

	rp_counter_add(&counters.streams_ok, 2);
	rp_counter_add(&counters.streams_ok, 3);
	rp_gauge_set(&counters.streams_inflight, 7);
	rp_histogram_observe(&counters.sched_e2e, RP_BUCKETS_FAST, 1);
	rp_counters_reset_gauges(&counters);
	assert_int_equal(atomic_load(&counters.streams_ok), 5);
	assert_int_equal(atomic_load(&counters.streams_inflight), 0);
	assert_int_equal(atomic_load(&counters.sched_e2e.count), 1);
}

static void extension_points_have_upstreams_names(void **state)
{
	(void)state;
	static const char *const want[RP_EXTENSION_POINTS] = {
		"ProfilePicker",	  "Filter",	    "Scorer",	    "Picker",
		"ProcessProfilesResults", "RequestParsing", "DataProducer", "PreRequest",
		"RequestHeader",	  "Screener",	    "Admission",
	};

	for (int i = 0; i < RP_EXTENSION_POINTS; i++)
		assert_string_equal(rp_extension_point_name((enum rp_extension_point)i), want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_ascend_and_leave_room_for_infinity),
		cmocka_unit_test(bounds_are_upstreams),
		cmocka_unit_test(observation_goes_to_the_first_bound_not_below_it),
		cmocka_unit_test(reset_zeroes_gauges_only),
		cmocka_unit_test(extension_points_have_upstreams_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
