/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

extern const struct rp_plugin_ops rp_endpoint_attribute_scorer;
extern const struct rp_plugin_ops rp_multicluster_queue_scorer;
extern const struct rp_plugin_ops rp_multicluster_kv_cache_utilization_scorer;

enum { FOO = 3 };

/* A bed whose endpoints have this figure, NaN: have it not. */
static struct plugin_bed *new_bed(uint32_t index, const double *values, uint32_t count)
{
	struct plugin_bed *bed = plugin_bed_new(count);

	for (uint32_t i = 0; i < count; i++) {
		struct rp_endpoint_figures figures = {0};

		if (!isnan(values[i])) {
			figures.custom_present = 1u << index;
			figures.custom[index] = values[i];
		}
		rp_endpoint_metrics_write(&bed->bed.shared.live->metrics, bed->slot[i], &figures);
	}
	return bed;
}

static void check(struct plugin_bed *bed, const struct rp_plugin_ops *ops, const void *params,
		  const double *expected)
{
	const double *score =
		plugin_bed_score(bed, plugin_bed_set(bed, 0, "attribute", ops, params));

	for (uint32_t i = 0; i < bed->candidates.count; i++)
		assert_true(score[i] == expected[i] || (isnan(score[i]) && isnan(expected[i])));
}

static void without_a_range_the_candidates_make_one(void **state RP_UNUSED)
{
	const double values[] = {1, 2, 4, (double)NAN};
	struct rp_params_endpoint_attribute_scorer params = {.attribute = FOO};
	struct plugin_bed *bed = new_bed(FOO, values, 4);

	check(bed, &rp_endpoint_attribute_scorer, &params,
	      (const double[]){1, 0.6666666666666667, 0, 0});
	params.algorithm = RP_ATTRIBUTE_HIGHER_IS_BETTER;
	check(bed, &rp_endpoint_attribute_scorer, &params,
	      (const double[]){0, 0.3333333333333333, 1, 0});
	plugin_bed_leave_out(bed, (const int[]){0, 1, -1});
	check(bed, &rp_endpoint_attribute_scorer, &params, (const double[]){1, 0});
	plugin_bed_free(bed);
}

static void beyond_a_given_range_there_is_nothing_to_win(void **state RP_UNUSED)
{
	const double values[] = {0.3, 0.95, -0.5, (double)NAN, 0};
	const struct rp_params_endpoint_attribute_scorer params = {
		.attribute = FOO, .has_fixed_range = 1, .fixed_range_max = 0.9};
	struct plugin_bed *bed = new_bed(FOO, values, 5);

	check(bed, &rp_endpoint_attribute_scorer, &params,
	      (const double[]){0.6666666666666667, 0, 1, 0, 1});
	plugin_bed_free(bed);
}

static void an_attribute_of_nobody_scores_nothing(void **state RP_UNUSED)
{
	const double values[] = {1, 2};
	struct rp_params_endpoint_attribute_scorer params = {.attribute = FOO + 1};
	struct plugin_bed *bed = new_bed(FOO, values, 2);

	check(bed, &rp_endpoint_attribute_scorer, &params, (const double[]){0, 0});
	params.attribute = RP_CONFIG_NONE;
	check(bed, &rp_endpoint_attribute_scorer, &params, (const double[]){0, 0});
	plugin_bed_free(bed);
}

static void pools_that_say_nothing_are_left_out(void **state RP_UNUSED)
{
	const double queue[] = {1, 3, (double)NAN, 2}, kv_usage[] = {0.1, 0.3, (double)NAN};
	struct plugin_bed *bed = new_bed(RP_CUSTOM_MULTICLUSTER_QUEUE, queue, 4);

	check(bed, &rp_multicluster_queue_scorer, NULL, (const double[]){1, 0, (double)NAN, 0.5});
	plugin_bed_leave_out(bed, (const int[]){1, 3, -1});
	check(bed, &rp_multicluster_queue_scorer, NULL, (const double[]){1, (double)NAN});
	plugin_bed_free(bed);
	bed = new_bed(RP_CUSTOM_MULTICLUSTER_KV_USAGE, kv_usage, 3);
	check(bed, &rp_multicluster_kv_cache_utilization_scorer, NULL,
	      (const double[]){0.9, 0.7, (double)NAN});
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_range_the_candidates_make_one),
		cmocka_unit_test(beyond_a_given_range_there_is_nothing_to_win),
		cmocka_unit_test(an_attribute_of_nobody_scores_nothing),
		cmocka_unit_test(pools_that_say_nothing_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
