/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/request_series.h"

static struct rp_request_series_table table;

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static struct rp_request_series *get(const char *model, int32_t priority, uint32_t series_max)
{
	return rp_request_series_get(&table, series_max, rp_bytes_str(model),
				     RP_BYTES_LIT("target"), RP_BYTES_LIT("default"), priority);
}

static void same_labels_give_the_same_series(void **state)
{
	(void)state;
	struct rp_request_series *a = get("a", 0, 100);

	assert_ptr_equal(get("a", 0, 100), a);
	assert_ptr_not_equal(get("a", -1, 100), a);
	assert_ptr_not_equal(get("b", 0, 100), a);
	assert_int_equal(atomic_load(&table.count), 3);
	assert_true(atomic_load(&a->key_hash) != 0);
	assert_true(rp_bytes_equal_str(rp_bytes(a->model, a->model_len), "a"));
	assert_true(rp_bytes_equal_str(rp_bytes(a->target, a->target_len), "target"));
	assert_true(rp_bytes_equal_str(rp_bytes(a->fairness, a->fairness_len), "default"));
}

static void labels_do_not_run_into_each_other(void **state)
{
	(void)state;
	struct rp_request_series *a = rp_request_series_get(&table, 100, RP_BYTES_LIT("ab"),
							    RP_BYTES_LIT("c"), RP_BYTES_LIT(""), 0);
	struct rp_request_series *b = rp_request_series_get(
		&table, 100, RP_BYTES_LIT("a"), RP_BYTES_LIT("bc"), RP_BYTES_LIT(""), 0);

	assert_ptr_not_equal(a, b);
}

static void what_comes_too_late_is_other(void **state)
{
	(void)state;
	struct rp_request_series *other = &table.series[0];
	struct rp_request_series *first = get("m1", 0, RP_METRIC_SERIES_MAX + 5);
	char model[16];

	for (int i = 2; i < (int)RP_METRIC_SERIES_MAX; i++) {
		snprintf(model, sizeof(model), "m%d", i);
		assert_ptr_not_equal(get(model, 0, RP_METRIC_SERIES_MAX + 5), other);
	}
	assert_int_equal(atomic_load(&other->key_hash), 0);
	assert_ptr_equal(get("late", 0, RP_METRIC_SERIES_MAX + 5), other);
	assert_ptr_equal(get("later", 0, RP_METRIC_SERIES_MAX + 5), other);
	assert_true(rp_bytes_equal_str(rp_bytes(other->model, other->model_len), "other"));
	assert_ptr_equal(get("m1", 0, RP_METRIC_SERIES_MAX + 5), first);
	assert_int_equal(atomic_load(&table.count), RP_METRIC_SERIES_MAX - 1);
}

static void the_bound_may_be_lower(void **state)
{
	(void)state;
	assert_ptr_not_equal(get("a", 0, 2), &table.series[0]);
	assert_ptr_equal(get("b", 0, 2), &table.series[0]);
	assert_ptr_equal(get("a", 0, 0), &table.series[1]);
	assert_ptr_equal(get("c", 0, 0), &table.series[0]);
}

static void long_labels_are_cut_at_a_character(void **state)
{
	(void)state;
	char model[RP_METRIC_LABEL_MAX + 8];
	struct rp_request_series *series;

	memset(model, 'm', sizeof(model));
	memcpy(model + RP_METRIC_LABEL_MAX - 1, "\xc3\xa9", 2);
	model[sizeof(model) - 1] = '\0';
	series = get(model, 0, 100);
	assert_int_equal(series->model_len, RP_METRIC_LABEL_MAX - 1);
	assert_ptr_equal(get(model, 0, 100), series);
}

/* A worker died in intern(): after the cell, after the count, after the labels. */
static void next_worker_finishes_a_half_made_series(void **state)
{
	(void)state;
	struct rp_request_series *a = get("a", 0, 100);

	for (int i = 0; i < 3; i++) {
		atomic_store(&a->key_hash, 0);
		atomic_store(&table.count, i == 0 ? 0 : 1);
		assert_ptr_equal(get("a", 0, 100), a);
		assert_int_equal(atomic_load(&table.count), 1);
		assert_ptr_equal(get("a", 0, 100), a);
	}
	assert_ptr_not_equal(get("b", 0, 100), a);
}

static void observations_and_gauges_are_kept_apart(void **state)
{
	(void)state;
	struct rp_request_series *a = get("a", 0, 100);

	rp_request_series_observe(a, RP_SERIES_OUTPUT_TOKENS, 9);
	assert_int_equal(atomic_load(&a->histogram[RP_SERIES_OUTPUT_TOKENS].bucket[2]), 1);
	rp_counter_add(&a->requests, 1);
	rp_gauge_set(&a->running, 4);
	rp_request_series_reset_gauges(&table);
	assert_int_equal(atomic_load(&a->requests), 1);
	assert_int_equal(atomic_load(&a->running), 0);
}

static void error_names_are_the_label_values(void **state)
{
	(void)state;
	assert_string_equal(rp_request_error_name(RP_REQUEST_ERROR_UNKNOWN), "Unknown");
	assert_string_equal(rp_request_error_name(RP_REQUEST_ERROR_RESOURCE_EXHAUSTED),
			    "ResourceExhausted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(same_labels_give_the_same_series, setup),
		cmocka_unit_test_setup(labels_do_not_run_into_each_other, setup),
		cmocka_unit_test_setup(what_comes_too_late_is_other, setup),
		cmocka_unit_test_setup(the_bound_may_be_lower, setup),
		cmocka_unit_test_setup(long_labels_are_cut_at_a_character, setup),
		cmocka_unit_test_setup(next_worker_finishes_a_half_made_series, setup),
		cmocka_unit_test_setup(observations_and_gauges_are_kept_apart, setup),
		cmocka_unit_test_setup(error_names_are_the_label_values, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
