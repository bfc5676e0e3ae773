/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_load_aware_scorer;

static void half_a_point_is_lost_up_to_the_threshold(void **state RP_UNUSED)
{
	static const struct {
		int32_t waiting;
		double score;
	} rows[] = {{0, 0.5}, {1, 0.45}, {3, 0.35}, {10, 0}, {11, 0}, {INT32_MAX, 0}};
	const struct rp_params_load_aware_scorer params = {.threshold = 10};
	struct plugin_bed *bed = plugin_bed_new(RP_ARRAY_LEN(rows));
	const struct rp_call *call = plugin_bed_set(bed, 0, "load", &rp_load_aware_scorer, &params);
	const double *score;

	for (uint32_t i = 0; i < RP_ARRAY_LEN(rows); i++)
		bed->waiting[i] = rows[i].waiting;
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < RP_ARRAY_LEN(rows); i++)
		assert_true(score[i] == rows[i].score);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_a_point_is_lost_up_to_the_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
