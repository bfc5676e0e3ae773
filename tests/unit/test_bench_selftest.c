/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_broken.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_fault_of_a_picker_is_caught(void **state)
{
	(void)state;
	assert_true(rp_bench_self_test());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_fault_of_a_picker_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
