/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/inflight.h"

static struct rp_inflight inflight;

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
	rp_inflight_clear_row(&inflight, 1);
	assert_int_equal(rp_inflight_sum(&inflight, 2, 5), 1);
	assert_int_equal(rp_inflight_sum(&inflight, 2, RP_ENDPOINTS_MAX - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_runs_over_the_first_rows),
		cmocka_unit_test(clearing_a_row_leaves_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
