/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/clock.h"
#include "shm/detector_state.h"

static struct rp_detector_state state_under_test;

static int set_up(void **state)
{
	(void)state;
	memset(&state_under_test, 0, sizeof(state_under_test));
	return 0;
}

static void the_newest_finding_of_the_configuration_counts(void **state)
{
	uint64_t stale = 77;

	(void)state;
	assert_false(rp_detector_state_read(&state_under_test, RP_WORKERS_MAX, 1, &stale));
	rp_detector_state_note(&state_under_test, 0, 1, 100, 5);
	rp_detector_state_note(&state_under_test, 2, 1, 102, 0);
	rp_detector_state_note(&state_under_test, RP_WORKERS_MAX - 1, 2, 103, 9);
	assert_true(rp_detector_state_read(&state_under_test, RP_WORKERS_MAX, 1, &stale));
	assert_int_equal(stale, 0);
	assert_true(rp_detector_state_read(&state_under_test, RP_WORKERS_MAX, 2, &stale));
	assert_int_equal(stale, 9);
	rp_detector_state_note(&state_under_test, 0, 1, 104, 6);
	assert_true(rp_detector_state_read(&state_under_test, RP_WORKERS_MAX, 1, &stale));
	assert_int_equal(stale, 6);
	assert_false(rp_detector_state_read(&state_under_test, RP_WORKERS_MAX, 3, &stale));
}

static void one_worker_may_tell_once_in_a_while(void **state)
{
	const int64_t pause = RP_DETECTOR_TELL_S * RP_NS_PER_S;

	(void)state;
	assert_true(rp_detector_state_may_tell(&state_under_test, 5));
	assert_false(rp_detector_state_may_tell(&state_under_test, 5));
	assert_false(rp_detector_state_may_tell(&state_under_test, 4));
	assert_false(rp_detector_state_may_tell(&state_under_test, 4 + pause));
	assert_true(rp_detector_state_may_tell(&state_under_test, 5 + pause));
	assert_false(rp_detector_state_may_tell(&state_under_test, 6 + pause));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_newest_finding_of_the_configuration_counts, set_up),
		cmocka_unit_test_setup(one_worker_may_tell_once_in_a_while, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
