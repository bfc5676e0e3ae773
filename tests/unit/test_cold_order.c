/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/cold_order.h"

static struct rp_cold_order order;
static struct rp_cold_view view;

static int setup(void **state)
{
	(void)state;
	memset(&order, 0, sizeof(order));
	memset(&view, 0, sizeof(view));
	return 0;
}

static int32_t rank_of(uint32_t lru_size, uint32_t slot, uint32_t generation)
{
	int32_t rank = -2;

	rp_cold_order_rank(&order, 0, &view, lru_size, &slot, &generation, 1, &rank);
	return rank;
}

static void endpoints_are_ranked_by_their_last_pick(void **state)
{
	(void)state;
	assert_int_equal(rank_of(1024, 2, 1), -1);
	rp_cold_order_touch(&order, 0, 2, 1);
	rp_cold_order_touch(&order, 0, RP_ENDPOINTS_MAX - 1, 1);
	rp_cold_order_touch(&order, 0, 0, 1);
	assert_int_equal(rank_of(1024, 2, 1), 0);
	assert_int_equal(rank_of(1024, RP_ENDPOINTS_MAX - 1, 1), 1);
	assert_int_equal(rank_of(1024, 0, 1), 2);
	assert_int_equal(rank_of(1024, 1, 1), -1);
	rp_cold_order_touch(&order, 0, 2, 1);
	assert_int_equal(rank_of(1024, RP_ENDPOINTS_MAX - 1, 1), 0);
	assert_int_equal(rank_of(1024, 0, 1), 1);
	assert_int_equal(rank_of(1024, 2, 1), 2);
}

static void instances_have_orders_of_their_own(void **state)
{
	(void)state;
	rp_cold_order_touch(&order, 1, 2, 1);
	assert_int_equal(rank_of(1024, 2, 1), -1);
}

static void oldest_is_out_when_the_lru_is_full(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < 5; slot++)
		rp_cold_order_touch(&order, 0, slot, 1);
	assert_int_equal(rank_of(3, 0, 1), -1);
	assert_int_equal(rank_of(3, 1, 1), -1);
	assert_int_equal(rank_of(3, 2, 1), 0);
	assert_int_equal(rank_of(3, 4, 1), 2);
	rp_cold_order_touch(&order, 0, 0, 1);
	assert_int_equal(rank_of(3, 2, 1), -1);
	assert_int_equal(rank_of(3, 3, 1), 0);
	assert_int_equal(rank_of(3, 0, 1), 2);
}

static void reused_slot_was_never_picked_but_counts_until_it_is(void **state)
{
	(void)state;
	rp_cold_order_touch(&order, 0, 7, 1);
	rp_cold_order_touch(&order, 0, 8, 1);
	assert_int_equal(rank_of(1024, 7, 2), -1);
	assert_int_equal(rank_of(1024, 8, 1), 1);
	rp_cold_order_touch(&order, 0, 7, 2);
	assert_int_equal(rank_of(1024, 8, 1), 0);
	assert_int_equal(rank_of(1024, 7, 2), 1);
	assert_int_equal(rank_of(1024, 7, 1), -1);
}

static void late_pick_of_a_slow_worker_does_not_make_it_older(void **state)
{
	(void)state;
	rp_cold_order_touch(&order, 0, 1, 1);
	rp_cold_order_touch(&order, 0, 2, 1);
	order.account[0].newest = 0; /* its number was taken before the others' */
	rp_cold_order_touch(&order, 0, 2, 1);
	assert_int_equal(rank_of(1024, 1, 1), 0);
	assert_int_equal(rank_of(1024, 2, 1), 1);
}

/* A number may be seen after a higher one: it still gets its place. */
static void number_stored_late_is_ranked_where_it_belongs(void **state)
{
	(void)state;
	rp_cold_order_touch(&order, 0, 1, 1);
	order.account[0].newest = 2;
	rp_cold_order_touch(&order, 0, 3, 1);
	assert_int_equal(rank_of(1024, 3, 1), 1);
	order.account[0].newest = 1;
	rp_cold_order_touch(&order, 0, 2, 1);
	assert_int_equal(rank_of(1024, 1, 1), 0);
	assert_int_equal(rank_of(1024, 2, 1), 1);
	assert_int_equal(rank_of(1024, 3, 1), 2);
}

/* ---- against a plain list ---- */

enum { SLOTS = 300, STEPS = 4000 };

static uint32_t list[SLOTS]; /* oldest first */
static uint32_t list_count;

static void list_touch(uint32_t slot, uint32_t lru_size)
{
	uint32_t at = 0;

	while (at < list_count && list[at] != slot)
		at++;
	if (at == list_count && list_count == lru_size)
		at = 0; /* evict the oldest */
	if (at < list_count) {
		memmove(&list[at], &list[at + 1], (list_count - at - 1) * sizeof(list[0]));
		list_count--;
	}
	list[list_count++] = slot;
}

static int32_t list_rank(uint32_t slot)
{
	for (uint32_t i = 0; i < list_count; i++) {
		if (list[i] == slot)
			return (int32_t)i;
	}
	return -1;
}

static void ranks_equal_those_of_a_list(void **state)
{
	static const uint32_t lru_sizes[] = {1, 2, 50, SLOTS - 1, SLOTS, 1024};
	static uint32_t slots[SLOTS];
	static uint32_t generations[SLOTS];
	static int32_t ranks[SLOTS];
	uint32_t seed = 7;

	for (uint32_t i = 0; i < SLOTS; i++) {
		slots[i] = i;
		generations[i] = 5;
	}
	for (size_t size = 0; size < RP_ARRAY_LEN(lru_sizes); size++) {
		setup(state);
		list_count = 0;
		for (uint32_t step = 0; step < STEPS; step++) {
			uint32_t slot;

			seed = seed * 1664525 + 1013904223;
			slot = (seed >> 8) % SLOTS;
			rp_cold_order_touch(&order, 0, slot, 5);
			list_touch(slot, lru_sizes[size]);
			if (seed >> 29 != 0 && step != STEPS - 1)
				continue;
			rp_cold_order_rank(&order, 0, &view, lru_sizes[size], slots, generations,
					   SLOTS, ranks);
			for (uint32_t i = 0; i < SLOTS; i++)
				assert_int_equal(ranks[i], list_rank(i));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(endpoints_are_ranked_by_their_last_pick, setup),
		cmocka_unit_test_setup(instances_have_orders_of_their_own, setup),
		cmocka_unit_test_setup(oldest_is_out_when_the_lru_is_full, setup),
		cmocka_unit_test_setup(reused_slot_was_never_picked_but_counts_until_it_is, setup),
		cmocka_unit_test_setup(late_pick_of_a_slow_worker_does_not_make_it_older, setup),
		cmocka_unit_test_setup(number_stored_late_is_ranked_where_it_belongs, setup),
		cmocka_unit_test_setup(ranks_equal_those_of_a_list, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
