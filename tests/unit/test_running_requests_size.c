/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_running_requests_size_scorer;

static void the_fewest_at_work_get_1_and_the_most_0(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(3);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "running", &rp_running_requests_size_scorer, NULL);
	const double *score;

	bed->running[0] = 2;
	bed->running[1] = 8;
	bed->running[2] = 4;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1 && score[1] == 0 && score[2] == 4.0 / 6);
	bed->running[0] = bed->running[1] = 4;
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1 && score[1] == 1 && score[2] == 1);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fewest_at_work_get_1_and_the_most_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
