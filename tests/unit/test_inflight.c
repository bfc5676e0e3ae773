/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/inflight.h"

static struct rp_inflight inflight;

static int setup(void **state)
{
	(void)state;
	memset(&inflight, 0, sizeof(inflight));
	return 0;
}

static struct rp_inflight_load load_of(uint32_t worker_count, uint32_t instance, uint32_t slot)
{
	struct rp_inflight_load load;

	rp_inflight_load_sum(&inflight, worker_count, instance, slot, &load);
	return load;
}

static uint32_t add(uint32_t worker, uint32_t instance, uint32_t slot, uint32_t requests,
		    int64_t tokens)
{
	return rp_inflight_load_add(&inflight, worker, instance, slot, requests, tokens);
}

#define ASSERT_LOAD(worker_count, instance, slot, wanted_requests, wanted_tokens)                  \
	do {                                                                                       \
		struct rp_inflight_load load_ = load_of((worker_count), (instance), (slot));       \
		assert_int_equal(load_.requests, (wanted_requests));                               \
		assert_int_equal(load_.tokens, (wanted_tokens));                                   \
	} while (0)

static void sum_runs_over_the_first_rows(void **state)
{
	(void)state;
	rp_inflight_add(&inflight, 0, 5);
	rp_inflight_add(&inflight, 0, 5);
	rp_inflight_add(&inflight, 1, 5);
	rp_inflight_add(&inflight, RP_WORKERS_MAX - 1, 5);
	rp_inflight_add(&inflight, 1, RP_ENDPOINTS_MAX - 1);
	assert_int_equal(rp_inflight_sum(&inflight, 0, 5), 0);
	assert_int_equal(rp_inflight_sum(&inflight, 1, 5), 2);
	assert_int_equal(rp_inflight_sum(&inflight, 2, 5), 3);
	assert_int_equal(rp_inflight_sum(&inflight, RP_WORKERS_MAX, 5), 4);
	rp_inflight_remove(&inflight, 0, 5);
	assert_int_equal(rp_inflight_sum(&inflight, 2, 5), 2);
}

static void clearing_a_row_leaves_the_others(void **state)
{
	(void)state;
	rp_inflight_add(&inflight, 0, 5);
	rp_inflight_add(&inflight, 1, 5);
	rp_inflight_add(&inflight, 1, RP_ENDPOINTS_MAX - 1);
	rp_inflight_clear_row(&inflight, 1);
	assert_int_equal(rp_inflight_sum(&inflight, 2, 5), 1);
	assert_int_equal(rp_inflight_sum(&inflight, 2, RP_ENDPOINTS_MAX - 1), 0);
}

static void load_is_counted_apart_by_producer_and_summed_over_workers(void **state)
{
	(void)state;
	uint32_t life = add(0, 0, 7, 1, 100);

	add(1, 0, 7, 1, 30);
	add(1, RP_INFLIGHT_PRODUCERS_MAX - 1, 7, 2, 5);
	ASSERT_LOAD(1, 0, 7, 1, 100);
	ASSERT_LOAD(2, 0, 7, 2, 130);
	ASSERT_LOAD(2, 1, 7, 0, 0);
	ASSERT_LOAD(RP_WORKERS_MAX, RP_INFLIGHT_PRODUCERS_MAX - 1, 7, 2, 5);
	rp_inflight_load_sub(&inflight, 0, 0, 7, life, 0, 100); /* tokens first */
	ASSERT_LOAD(2, 0, 7, 2, 30);
	rp_inflight_load_sub(&inflight, 0, 0, 7, life, 1, 0);
	ASSERT_LOAD(2, 0, 7, 1, 30);
	/* The account of slots is another one. */
	assert_int_equal(rp_inflight_sum(&inflight, RP_WORKERS_MAX, 7), 0);
}

static void load_ends_at_zero_at_the_lowest(void **state)
{
	(void)state;
	uint32_t life = add(0, 0, 1, 1, 10);

	rp_inflight_load_sub(&inflight, 0, 0, 1, life, 3, 11);
	ASSERT_LOAD(1, 0, 1, 0, 0);
	rp_inflight_load_sub(&inflight, 0, 0, 1, life, 1, 1);
	ASSERT_LOAD(1, 0, 1, 0, 0);
}

static void tokens_of_a_request_are_bounded_both_ways(void **state)
{
	(void)state;
	uint32_t life = add(0, 0, 1, 1, 7);

	add(0, 0, 1, 1, INT64_MAX);
	ASSERT_LOAD(1, 0, 1, 2, RP_INFLIGHT_TOKENS_MAX + 7);
	rp_inflight_load_sub(&inflight, 0, 0, 1, life, 1, INT64_MAX);
	ASSERT_LOAD(1, 0, 1, 1, 7);
}

static void endpoint_that_comes_back_starts_at_zero(void **state)
{
	(void)state;
	uint32_t old;
	uint32_t new;

	rp_inflight_begin_life(&inflight, 3);
	old = add(0, 0, 3, 1, 50);
	add(1, 0, 3, 1, 60);
	rp_inflight_begin_life(&inflight, 3);
	ASSERT_LOAD(2, 0, 3, 0, 0);
	/* The second worker's figure still is of the old life. */
	new = add(0, 0, 3, 1, 8);
	assert_int_not_equal(new, old);
	ASSERT_LOAD(2, 0, 3, 1, 8);
}

static void requests_of_an_old_life_take_nothing_from_the_new_one(void **state)
{
	(void)state;
	uint32_t old = add(0, 0, 3, 1, 50);
	uint32_t new;

	rp_inflight_begin_life(&inflight, 3);
	new = add(0, 0, 3, 1, 8);
	rp_inflight_load_sub(&inflight, 0, 0, 3, old, 1, 50);
	ASSERT_LOAD(1, 0, 3, 1, 8);
	rp_inflight_load_sub(&inflight, 0, 0, 3, new, 1, 8);
	ASSERT_LOAD(1, 0, 3, 0, 0);
}

/* Back and away and back, with a request of each life, given back in any order. */
static void lives_are_kept_apart_through_many_flaps(void **state)
{
	enum { FLAPS = 20 };
	uint32_t life[FLAPS];

	(void)state;
	for (uint32_t i = 0; i < FLAPS; i++) {
		rp_inflight_begin_life(&inflight, 3);
		life[i] = add(0, 0, 3, 1, i + 1);
		ASSERT_LOAD(1, 0, 3, 1, i + 1);
	}
	for (uint32_t i = 0; i < FLAPS - 1; i++) {
		rp_inflight_load_sub(&inflight, 0, 0, 3, life[i * 7 % (FLAPS - 1)], 1, 1);
		ASSERT_LOAD(1, 0, 3, 1, FLAPS);
	}
	rp_inflight_load_sub(&inflight, 0, 0, 3, life[FLAPS - 1], 1, FLAPS);
	ASSERT_LOAD(1, 0, 3, 0, 0);
}

static void dead_workers_load_is_forgotten_and_its_successor_counts_on(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RP_INFLIGHT_PRODUCERS_MAX; i++) {
		add(1, i, 0, 1, 9);
		add(1, i, RP_ENDPOINTS_MAX - 1, 1, 9);
		add(0, i, 0, 1, 4);
	}
	rp_inflight_clear_row(&inflight, 1);
	for (uint32_t i = 0; i < RP_INFLIGHT_PRODUCERS_MAX; i++) {
		ASSERT_LOAD(2, i, 0, 1, 4);
		ASSERT_LOAD(2, i, RP_ENDPOINTS_MAX - 1, 0, 0);
		add(1, i, 0, 1, 3);
		ASSERT_LOAD(2, i, 0, 2, 7);
	}
}

static void sum_over_many_slots_is_the_sum_of_each(void **state)
{
	enum { SLOTS = 1000, WORKERS = 5 };
	static uint32_t slots[SLOTS];
	static int64_t requests[SLOTS];
	static int64_t tokens[SLOTS];
	uint32_t seed = 1;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t slot;

		seed = seed * 1664525 + 1013904223;
		slot = (seed >> 8) % (2 * SLOTS);
		if (seed >> 30 == 0)
			rp_inflight_begin_life(&inflight, slot);
		else
			add((seed >> 20) % WORKERS, 2, slot, 1, seed % 100);
	}
	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = (i * 7) % (2 * SLOTS);
	rp_inflight_load_sum_all(&inflight, WORKERS, 2, slots, SLOTS, requests, tokens);
	for (uint32_t i = 0; i < SLOTS; i++)
		ASSERT_LOAD(WORKERS, 2, slots[i], requests[i], tokens[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sum_runs_over_the_first_rows, setup),
		cmocka_unit_test_setup(clearing_a_row_leaves_the_others, setup),
		cmocka_unit_test_setup(load_is_counted_apart_by_producer_and_summed_over_workers,
				       setup),
		cmocka_unit_test_setup(load_ends_at_zero_at_the_lowest, setup),
		cmocka_unit_test_setup(tokens_of_a_request_are_bounded_both_ways, setup),
		cmocka_unit_test_setup(endpoint_that_comes_back_starts_at_zero, setup),
		cmocka_unit_test_setup(requests_of_an_old_life_take_nothing_from_the_new_one,
				       setup),
		cmocka_unit_test_setup(lives_are_kept_apart_through_many_flaps, setup),
		cmocka_unit_test_setup(dead_workers_load_is_forgotten_and_its_successor_counts_on,
				       setup),
		cmocka_unit_test_setup(sum_over_many_slots_is_the_sum_of_each, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
