/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/attempt_series.h"

static struct rp_attempt_series_table table;

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static void count(const char *target, uint32_t slot, enum rp_attempt_status status)
{
	rp_attempt_series_count(&table, RP_METRIC_SERIES_MAX, status, rp_bytes_str(target), slot,
				1);
}

/* Attempts of all used cells, and how many of them there are. */
static uint64_t total(uint32_t *ret_used)
{
	uint64_t sum = 0;

	*ret_used = 0;
	for (uint32_t i = 0; i < RP_ATTEMPT_CELLS; i++) {
		if (atomic_load(&table.cell[i].key_hash) == 0)
			continue;
		++*ret_used;
		sum += atomic_load(&table.cell[i].attempts);
	}
	return sum;
}

static void each_key_has_its_counter(void **state)
{
	(void)state;
	uint32_t used;

	count("m", 1, RP_ATTEMPT_SUCCESS);
	count("m", 1, RP_ATTEMPT_SUCCESS);
	count("m", 2, RP_ATTEMPT_SUCCESS);
	count("n", 1, RP_ATTEMPT_SUCCESS);
	count("n", RP_ATTEMPT_SLOT_NONE, RP_ATTEMPT_FAILURE);
	assert_int_equal(total(&used), 5);
	assert_int_equal(used, 4);
	assert_int_equal(atomic_load(&table.count), 4);
}

static void what_comes_too_late_is_other_without_endpoint(void **state)
{
	(void)state;
	const struct rp_attempt_series *other = &table.other[RP_ATTEMPT_SUCCESS];
	uint32_t used;

	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++)
		count("m", slot, RP_ATTEMPT_SUCCESS);
	assert_int_equal(total(&used), RP_METRIC_SERIES_MAX);
	assert_int_equal(used, RP_METRIC_SERIES_MAX);
	assert_int_equal(atomic_load(&other->attempts), RP_ENDPOINTS_MAX - RP_METRIC_SERIES_MAX);
	assert_int_equal(other->slot, RP_ATTEMPT_SLOT_NONE);
	assert_int_equal(other->status, RP_ATTEMPT_SUCCESS);
	assert_true(rp_bytes_equal_str(rp_bytes(other->target, other->target_len), "other"));
	assert_int_equal(atomic_load(&table.other[RP_ATTEMPT_FAILURE].key_hash), 0);
	/* Those who came in time still have theirs. */
	count("m", 0, RP_ATTEMPT_SUCCESS);
	assert_int_equal(total(&used), RP_METRIC_SERIES_MAX + 1);
}

static void status_names_are_the_label_values(void **state)
{
	(void)state;
	assert_string_equal(rp_attempt_status_name(RP_ATTEMPT_SUCCESS), "success");
	assert_string_equal(rp_attempt_status_name(RP_ATTEMPT_FAILURE), "failure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_key_has_its_counter, setup),
		cmocka_unit_test_setup(what_comes_too_late_is_other_without_endpoint, setup),
		cmocka_unit_test_setup(status_names_are_the_label_values, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
