/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/clock.h"
#include "shm/hash.h"
#include "shm/keyed_table.h"

#define TTL_NS	(300 * RP_NS_PER_S)
#define TICK_NS (INT64_C(1) << 24)

static struct rp_keyed_table table;
static int64_t now_ns;

static const struct rp_keyed_value a = {7, 1};
static const struct rp_keyed_value b = {16383, 1023};

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	now_ns = 5 * RP_NS_PER_S;
	return 0;
}

/* The nth key of a bucket. */
static uint64_t key_in(uint32_t bucket, uint32_t nth)
{
	return rp_hash64(&nth, sizeof(nth)) / RP_KEYED_TABLE_BUCKETS * RP_KEYED_TABLE_BUCKETS +
	       bucket;
}

static bool is_bound(uint64_t key, struct rp_keyed_value wanted)
{
	struct rp_keyed_value value;

	return rp_keyed_table_get(&table, key, now_ns, TTL_NS, &value) &&
	       rp_keyed_value_is(value, wanted.slot, wanted.generation);
}

static bool is_unbound(uint64_t key)
{
	struct rp_keyed_value value;

	return !rp_keyed_table_get(&table, key, now_ns, TTL_NS, &value);
}

static void bound_key_is_found_and_others_are_not(void **state)
{
	(void)state;
	assert_true(is_unbound(key_in(0, 1)));
	rp_keyed_table_put(&table, key_in(0, 1), a, now_ns);
	rp_keyed_table_put(&table, 0, b, now_ns);
	rp_keyed_table_put(&table, UINT64_MAX, a, now_ns);
	assert_true(is_bound(key_in(0, 1), a));
	assert_true(is_bound(0, b));
	assert_true(is_bound(UINT64_MAX, a));
	assert_true(is_unbound(key_in(0, 2)));
	assert_true(is_unbound(key_in(1, 1)));
	rp_keyed_table_put(&table, key_in(0, 1), b, now_ns);
	assert_true(is_bound(key_in(0, 1), b));
}

static void only_the_first_binds_an_unbound_key(void **state)
{
	struct rp_keyed_value bound;

	(void)state;
	assert_true(rp_keyed_table_put_if_unbound(&table, 9, a, now_ns, TTL_NS, &bound));
	assert_true(rp_keyed_value_is(bound, a.slot, a.generation));
	assert_false(rp_keyed_table_put_if_unbound(&table, 9, b, now_ns, TTL_NS, &bound));
	assert_true(rp_keyed_value_is(bound, a.slot, a.generation));
	assert_true(is_bound(9, a));
}

static void entry_expires_when_untouched_for_its_time(void **state)
{
	struct rp_keyed_value bound;

	(void)state;
	rp_keyed_table_put(&table, 9, a, now_ns);
	now_ns += TTL_NS - TICK_NS;
	assert_true(is_bound(9, a));
	now_ns += 3 * TICK_NS;
	assert_true(is_unbound(9));
	assert_true(rp_keyed_table_put_if_unbound(&table, 9, b, now_ns, TTL_NS, &bound));
	assert_true(is_bound(9, b));
}

static void refresh_lengthens_the_life_of_what_it_expects(void **state)
{
	(void)state;
	rp_keyed_table_put(&table, 9, a, now_ns);
	now_ns += TTL_NS / 2;
	assert_true(rp_keyed_table_refresh(&table, 9, a, now_ns));
	now_ns += TTL_NS * 3 / 4;
	assert_true(is_bound(9, a));
	assert_false(rp_keyed_table_refresh(&table, 9, b, now_ns));
	assert_false(rp_keyed_table_refresh(&table, 8, a, now_ns));
	now_ns += TTL_NS / 2;
	assert_true(is_unbound(9));
}

static void lookup_does_not_touch(void **state)
{
	(void)state;
	rp_keyed_table_put(&table, 9, a, now_ns);
	now_ns += TTL_NS - TICK_NS;
	assert_true(is_bound(9, a));
	now_ns += TTL_NS / 2;
	assert_true(is_unbound(9));
}

static void rebind_changes_only_what_it_expects(void **state)
{
	(void)state;
	assert_false(rp_keyed_table_rebind(&table, 9, a, b, now_ns));
	rp_keyed_table_put(&table, 9, a, now_ns);
	assert_false(rp_keyed_table_rebind(&table, 9, b, a, now_ns));
	assert_true(rp_keyed_table_rebind(&table, 9, a, b, now_ns));
	assert_false(rp_keyed_table_rebind(&table, 9, a, b, now_ns));
	assert_true(is_bound(9, b));
}

static void removed_key_is_unbound(void **state)
{
	(void)state;
	assert_false(rp_keyed_table_remove(&table, 9));
	rp_keyed_table_put(&table, 9, a, now_ns);
	assert_true(rp_keyed_table_remove(&table, 9));
	assert_true(is_unbound(9));
	assert_false(rp_keyed_table_remove(&table, 9));
}

static void full_bucket_loses_what_was_untouched_for_longest(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		rp_keyed_table_put(&table, key_in(3, i), a, now_ns);
		now_ns += 2 * TICK_NS;
	}
	assert_true(rp_keyed_table_refresh(&table, key_in(3, 0), a, now_ns));
	now_ns += 2 * TICK_NS;
	rp_keyed_table_put(&table, key_in(3, 100), b, now_ns);
	assert_true(is_unbound(key_in(3, 1)));
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++)
		assert_int_equal(is_bound(key_in(3, i), a), i != 1);
	assert_true(is_bound(key_in(3, 100), b));
}

/* What a worker that died between two steps leaves. */
static void pending_entry_of_a_dead_worker_is_not_seen_and_gives_way(void **state)
{
	struct rp_keyed_value bound;

	(void)state;
	rp_keyed_table_put(&table, key_in(4, 1), a, now_ns);
	table.bucket[4].word[0] |= UINT64_C(1) << 30;
	assert_true(is_unbound(key_in(4, 1)));
	assert_false(rp_keyed_table_rebind(&table, key_in(4, 1), a, b, now_ns));
	assert_false(rp_keyed_table_remove(&table, key_in(4, 1)));
	assert_true(rp_keyed_table_put_if_unbound(&table, key_in(4, 1), b, now_ns, TTL_NS, &bound));
	assert_true(is_bound(key_in(4, 1), b));
	assert_int_equal(table.bucket[4].word[1], 0);
}

/* Stamps are 32 bits of ticks: 834 days. */
static void clock_may_wrap_and_start_anywhere(void **state)
{
	const int64_t wrap_ns = INT64_C(1) << 56;
	const int64_t starts[] = {0, wrap_ns / 2 - RP_NS_PER_S, wrap_ns / 2 + RP_NS_PER_S,
				  wrap_ns - RP_NS_PER_S, 3 * wrap_ns - RP_NS_PER_S};

	for (size_t i = 0; i < RP_ARRAY_LEN(starts); i++) {
		setup(state);
		now_ns = starts[i];
		rp_keyed_table_put(&table, 9, a, now_ns);
		assert_true(is_bound(9, a));
		now_ns += 2 * RP_NS_PER_S;
		assert_true(is_bound(9, a));
		assert_true(rp_keyed_table_refresh(&table, 9, a, now_ns));
		now_ns += TTL_NS - RP_NS_PER_S;
		assert_true(is_bound(9, a));
		now_ns += 2 * RP_NS_PER_S;
		assert_true(is_unbound(9));
	}
}

/* The other worker read its clock a little later. */
static void clock_that_is_a_little_behind_does_no_harm(void **state)
{
	(void)state;
	rp_keyed_table_put(&table, 9, a, now_ns);
	now_ns -= RP_NS_PER_S;
	assert_true(is_bound(9, a));
	assert_true(rp_keyed_table_refresh(&table, 9, a, now_ns));
	now_ns += RP_NS_PER_S + TTL_NS - TICK_NS;
	assert_true(is_bound(9, a));
}

static void as_many_keys_as_buckets_are_nearly_all_kept(void **state)
{
	uint32_t lost = 0;

	(void)state;
	for (uint32_t i = 0; i < RP_KEYED_TABLE_BUCKETS; i++)
		rp_keyed_table_put(&table, rp_hash64(&i, sizeof(i)),
				   (struct rp_keyed_value){i % RP_ENDPOINTS_MAX, i}, now_ns);
	for (uint32_t i = 0; i < RP_KEYED_TABLE_BUCKETS; i++) {
		struct rp_keyed_value wanted = {i % RP_ENDPOINTS_MAX, i};

		lost += !is_bound(rp_hash64(&i, sizeof(i)), wanted);
	}
	print_message("%u of %u keys lost\n", lost, RP_KEYED_TABLE_BUCKETS);
	assert_in_range(lost, 0, RP_KEYED_TABLE_BUCKETS / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bound_key_is_found_and_others_are_not, setup),
		cmocka_unit_test_setup(only_the_first_binds_an_unbound_key, setup),
		cmocka_unit_test_setup(entry_expires_when_untouched_for_its_time, setup),
		cmocka_unit_test_setup(refresh_lengthens_the_life_of_what_it_expects, setup),
		cmocka_unit_test_setup(lookup_does_not_touch, setup),
		cmocka_unit_test_setup(rebind_changes_only_what_it_expects, setup),
		cmocka_unit_test_setup(removed_key_is_unbound, setup),
		cmocka_unit_test_setup(full_bucket_loses_what_was_untouched_for_longest, setup),
		cmocka_unit_test_setup(pending_entry_of_a_dead_worker_is_not_seen_and_gives_way,
				       setup),
		cmocka_unit_test_setup(clock_may_wrap_and_start_anywhere, setup),
		cmocka_unit_test_setup(clock_that_is_a_little_behind_does_no_harm, setup),
		cmocka_unit_test_setup(as_many_keys_as_buckets_are_nearly_all_kept, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
