/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/inflight_series.h"

static struct rp_inflight_series_table table;

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static struct rp_inflight_key key_of(uint32_t slot, uint32_t life, const char *fairness_id,
				     int32_t priority)
{
	return (struct rp_inflight_key){
		.instance = 1,
		.slot = slot,
		.life = life,
		.priority = priority,
		.fairness_id = rp_bytes_str(fairness_id),
	};
}

static struct rp_inflight_series_ref add_key(struct rp_inflight_key key, uint32_t series_max,
					     int64_t tokens)
{
	return rp_inflight_series_add(&table, series_max, &key, 1, tokens);
}

static struct rp_inflight_series_ref add(uint32_t slot, const char *fairness_id, int64_t tokens)
{
	return add_key(key_of(slot, 1, fairness_id, 0), RP_INFLIGHT_SERIES_MAX, tokens);
}

/* Requests and tokens of a key; -1: it has no cell. */
static int64_t requests_of(struct rp_inflight_key key, int64_t *ret_tokens)
{
	struct rp_inflight_sample sample;

	for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX; i++) {
		if (!rp_inflight_series_read(&table, i, &sample) ||
		    sample.key.instance != key.instance || sample.key.slot != key.slot ||
		    sample.key.life != key.life || sample.key.priority != key.priority ||
		    !rp_bytes_equal(sample.key.fairness_id, key.fairness_id))
			continue;
		if (ret_tokens != NULL)
			*ret_tokens = sample.tokens;
		return (int64_t)sample.requests;
	}
	return -1;
}

static void each_key_has_its_figures(void **state)
{
	struct rp_inflight_key low = key_of(7, 1, "a", -3);
	struct rp_inflight_series_ref ref;
	int64_t tokens = 0;

	(void)state;
	ref = add(7, "a", 10);
	(void)add(7, "a", 5);
	(void)add(7, "b", 1);
	(void)add_key(low, RP_INFLIGHT_SERIES_MAX, 2);
	assert_int_equal(requests_of(key_of(7, 1, "a", 0), &tokens), 2);
	assert_int_equal(tokens, 15);
	assert_int_equal(requests_of(key_of(7, 1, "b", 0), NULL), 1);
	assert_int_equal(requests_of(low, &tokens), 1);
	assert_int_equal(tokens, 2);
	assert_int_equal(requests_of(key_of(8, 1, "a", 0), NULL), -1);
	rp_inflight_series_sub(&table, ref, 0, 10);
	rp_inflight_series_sub(&table, ref, 1, 0);
	assert_int_equal(requests_of(key_of(7, 1, "a", 0), &tokens), 1);
	assert_int_equal(tokens, 5);
}

static void another_life_of_a_slot_is_another_key(void **state)
{
	struct rp_inflight_key now = key_of(7, 2, "a", 0);
	struct rp_inflight_series_ref old;

	(void)state;
	old = add(7, "a", 10);
	(void)add_key(now, RP_INFLIGHT_SERIES_MAX, 4);
	rp_inflight_series_sub(&table, old, 1, 10);
	assert_int_equal(requests_of(now, NULL), 1);
	assert_int_equal(requests_of(key_of(7, 1, "a", 0), NULL), 0);
}

static void a_long_fairness_id_is_cut(void **state)
{
	char text[RP_METRIC_LABEL_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)add(0, text, 0);
	text[RP_METRIC_LABEL_MAX] = '\0';
	assert_int_equal(requests_of(key_of(0, 1, text, 0), NULL), 1);
}

/* Whatever clients send: the table holds what it has room for, counts the rest as spilled, and is
 * empty once all is given back. */
static void what_finds_no_room_is_spilled(void **state)
{
	enum { COUNT = 3 * RP_INFLIGHT_SERIES_MAX };
	static struct rp_inflight_series_ref ref[COUNT];
	struct rp_inflight_sample sample;
	uint32_t cells = 0;

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		char text[16];

		snprintf(text, sizeof(text), "client-%u", i);
		ref[i] = add(i, text, 1);
	}
	for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX; i++)
		cells += rp_inflight_series_read(&table, i, &sample) && sample.requests == 1;
	assert_true(cells > RP_INFLIGHT_SERIES_MAX * 9 / 10);
	assert_int_equal(table.spilled, COUNT - cells);
	for (uint32_t i = 0; i < COUNT; i++)
		rp_inflight_series_sub(&table, ref[i], 1, 1);
	assert_int_equal(table.spilled, 0);
	for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX; i++) {
		if (rp_inflight_series_read(&table, i, &sample))
			assert_true(sample.requests == 0 && sample.tokens == 0);
	}
	/* Those are used again. */
	(void)add(0, "late", 1);
	assert_int_equal(requests_of(key_of(0, 1, "late", 0), NULL), 1);
	assert_int_equal(table.spilled, 0);
}

static void a_hold_does_not_touch_a_cell_that_is_anothers_by_now(void **state)
{
	struct rp_inflight_key key = key_of(0, 1, "a", 0);
	struct rp_inflight_series_ref first;

	(void)state;
	/* One bucket, so that its cells are used again. */
	first = add_key(key, 1, 1);
	rp_inflight_series_sub(&table, first, 1, 1);
	for (uint32_t slot = 1; slot <= RP_INFLIGHT_WAYS; slot++) {
		key.slot = slot;
		(void)add_key(key, 1, 1);
	}
	assert_int_equal(table.spilled, 0);
	rp_inflight_series_sub(&table, first, 1, 1);
	for (uint32_t slot = 1; slot <= RP_INFLIGHT_WAYS; slot++)
		assert_int_equal(requests_of(key_of(slot, 1, "a", 0), NULL), 1);
	key.slot = 0;
	assert_int_equal(add_key(key, 1, 1).cell, RP_INFLIGHT_SERIES_MAX);
}

static void clearing_forgets_all(void **state)
{
	(void)state;
	(void)add(7, "a", 10);
	table.spilled = 3;
	rp_inflight_series_clear(&table);
	assert_int_equal(requests_of(key_of(7, 1, "a", 0), NULL), -1);
	assert_int_equal(table.spilled, 0);
	(void)add(7, "a", 1);
	assert_int_equal(requests_of(key_of(7, 1, "a", 0), NULL), 1);
}

static void a_key_that_is_being_written_is_not_read(void **state)
{
	struct rp_inflight_sample sample;
	struct rp_inflight_series_ref ref = add(7, "a", 10);
	struct rp_inflight_series *cell =
		&table.bucket[ref.cell / RP_INFLIGHT_WAYS].cell[ref.cell % RP_INFLIGHT_WAYS];

	(void)state;
	cell->version++;
	assert_false(rp_inflight_series_read(&table, ref.cell, &sample));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_key_has_its_figures),
		TEST(another_life_of_a_slot_is_another_key),
		TEST(a_long_fairness_id_is_cut),
		TEST(what_finds_no_room_is_spilled),
		TEST(a_hold_does_not_touch_a_cell_that_is_anothers_by_now),
		TEST(clearing_forgets_all),
		TEST(a_key_that_is_being_written_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
