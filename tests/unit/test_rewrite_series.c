/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/rewrite_series.h"

static struct rp_rewrite_series_table table;

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static void count(uint32_t max, const char *object, const char *model, const char *target,
		  bool is_ruled)
{
	rp_rewrite_series_count(&table, max, rp_bytes_str(object), rp_bytes_str(model),
				rp_bytes_str(target), is_ruled);
}

/* Decisions of a key; -1: it has no series. */
static int decisions(const char *object, const char *model, const char *target)
{
	for (int i = 0; i < RP_REWRITE_CELLS; i++) {
		const struct rp_rewrite_series *series = &table.cell[i];

		if (atomic_load(&series->key_hash) != 0 &&
		    rp_bytes_equal_str(rp_bytes(series->object, series->object_len), object) &&
		    rp_bytes_equal_str(rp_bytes(series->model, series->model_len), model) &&
		    rp_bytes_equal_str(rp_bytes(series->target, series->target_len), target))
			return (int)atomic_load(&series->decisions);
	}
	return -1;
}

static void each_key_has_its_counter(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		count(100, "r", "m", "x", true);
	count(100, "r", "m", "y", true);
	count(100, "s", "", "x", false);
	count(100, "s", "m", "", false);
	assert_int_equal(atomic_load(&table.count), 4);
	assert_int_equal(decisions("r", "m", "x"), 3);
	assert_int_equal(decisions("r", "m", "y"), 1);
	assert_int_equal(decisions("s", "", "x"), 1);
	assert_int_equal(decisions("s", "m", ""), 1);
}

static void labels_are_cut(void **state)
{
	char big[300];
	char label[RP_METRIC_LABEL_MAX + 1];

	(void)state;
	memset(big, 'a', sizeof(big));
	memset(label, 'a', sizeof(label));
	big[sizeof(big) - 1] = '\0';
	label[sizeof(label) - 1] = '\0';
	count(100, big, big, big, true);
	count(100, label, label, label, true);
	assert_int_equal(decisions(label, label, label), 2);
}

static void models_of_clients_leave_room_for_those_of_rewrites(void **state)
{
	char name[32];

	(void)state;
	for (int i = 0; i < 3 * RP_REWRITE_CELLS; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		count(UINT32_MAX, "g", name, "x", false);
	}
	assert_int_equal(atomic_load(&table.count), RP_REWRITE_SERIES_MAX / 2 + 1);
	assert_int_equal(decisions("g", "m7", "x"), 1);
	assert_int_equal(decisions("g", "other", "x"),
			 3 * RP_REWRITE_CELLS - RP_REWRITE_SERIES_MAX / 2);
	for (int i = 0; i < 3 * RP_REWRITE_CELLS; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		count(1, "r", name, "x", true);
	}
	assert_int_equal(decisions("r", "r7", "x"), 1);
	assert_int_equal(atomic_load(&table.count), RP_REWRITE_SERIES_MAX);
	assert_int_equal(atomic_load(&table.other.decisions),
			 3 * RP_REWRITE_CELLS - (RP_REWRITE_SERIES_MAX / 2 - 1));
	assert_memory_equal(table.other.object, "other", table.other.object_len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_key_has_its_counter, setup),
		cmocka_unit_test_setup(labels_are_cut, setup),
		cmocka_unit_test_setup(models_of_clients_leave_room_for_those_of_rewrites, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
