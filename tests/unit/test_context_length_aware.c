/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_context_length_aware;

static const char *const labels[] = {
	"0-2048",	 "0-8192", "4096-32768", NULL, "bogus",
	" 1000 - 1000 ", "-5-10",  "9-1",	 "1-", "1-99999999999999999999",
	"+1-5",		 "",
};

static struct plugin_bed *new_bed(struct rp_params_context_length_aware *params, uint64_t tokens)
{
	struct plugin_bed *bed = plugin_bed_new(RP_ARRAY_LEN(labels));

	for (uint32_t i = 0; i < RP_ARRAY_LEN(labels); i++) {
		if (labels[i] != NULL)
			plugin_bed_label(bed, i, "range", labels[i]);
	}
	params->label = plugin_bed_str(bed, "range");
	bed->request.token_count = tokens;
	bed->request.has_prompts = true;
	return bed;
}

/* The worked example of the reference, by bits. */
static void a_narrow_range_with_room_is_best(void **state RP_UNUSED)
{
	static const double expected[] = {.8141674448041167,
					  .7537143988428979,
					  .0732421875,
					  .5,
					  0,
					  1,
					  0,
					  0,
					  0,
					  0,
					  0.3 / (1.0 + 995 / 1000.0),
					  0};
	struct rp_params_context_length_aware params = {0};
	struct plugin_bed *bed = new_bed(&params, 1000);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "context", &rp_context_length_aware, &params);
	const double *score = plugin_bed_score(bed, call);

	for (uint32_t i = 0; i < RP_ARRAY_LEN(expected); i++)
		assert_true(score[i] == expected[i]);
	plugin_bed_free(bed);
}

static void the_filter_keeps_ranges_that_fit_and_the_unlabelled(void **state RP_UNUSED)
{
	static const uint32_t expected[] = {1, 2, 3};
	struct rp_params_context_length_aware params = {0};
	struct plugin_bed *bed = new_bed(&params, 5000);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "context", &rp_context_length_aware, &params);
	uint32_t kept[PLUGIN_BED_ENDPOINTS];

	assert_int_equal(call->ops->filter(call, &bed->candidates, kept), RP_KEEP_ALL);
	params.enable_filtering = 1;
	assert_int_equal(call->ops->filter(call, &bed->candidates, kept), 3);
	assert_memory_equal(kept, expected, sizeof(expected));
	/* of unknown length: as if it were empty */
	bed->request.has_prompts = false;
	assert_int_equal(call->ops->filter(call, &bed->candidates, kept), 3);
	assert_true(kept[0] == 0 && kept[1] == 1 && kept[2] == 3);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_narrow_range_with_room_is_best),
		cmocka_unit_test(the_filter_keeps_ranges_that_fit_and_the_unlabelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
