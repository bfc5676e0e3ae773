/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_header_label_affinity_scorer;

static void the_label_has_to_be_what_the_header_says(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(4);
	struct rp_params_header_label_affinity_scorer params;
	const struct rp_call *call;
	const double *score;

	plugin_bed_label(bed, 0, "tier", "gold");
	plugin_bed_label(bed, 1, "tier", "silver");
	plugin_bed_label(bed, 3, "tier", "");
	params.header_name = plugin_bed_str(bed, "x-tier");
	params.label_key = plugin_bed_str(bed, "tier");
	call = plugin_bed_set(bed, 0, "tier", &rp_header_label_affinity_scorer, &params);
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0 && score[1] == 0 && score[2] == 0 && score[3] == 0);
	plugin_bed_header(bed, "x-tier", "gold");
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 1 && score[1] == 0 && score[2] == 0 && score[3] == 0);
	plugin_bed_header(bed, "x-tier", "");
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0 && score[3] == 0);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_label_has_to_be_what_the_header_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
