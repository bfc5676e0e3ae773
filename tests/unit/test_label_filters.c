/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_decode_filter, rp_prefill_filter, rp_encode_filter;
extern const struct rp_plugin_ops rp_label_selector_filter, rp_by_label;

static void roles_take_part_in_their_stages(void **state RP_UNUSED)
{
	static const char *const role[] = {"decode",
					   "prefill",
					   "encode",
					   "prefill-decode",
					   "both",
					   "encode-prefill",
					   "encode-prefill-decode",
					   "encode-decode",
					   ""};
	struct plugin_bed *bed = plugin_bed_new(RP_ARRAY_LEN(role) + 1);

	for (uint32_t i = 0; i < RP_ARRAY_LEN(role); i++)
		plugin_bed_label(bed, i, "llm-d.ai/role", role[i]);
	/* The last one has no role. */
	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 0, "d", &rp_decode_filter, NULL)),
			    "0 3 4 6 9");
	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 1, "p", &rp_prefill_filter, NULL)),
			    "1 3 4 5 6");
	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 2, "e", &rp_encode_filter, NULL)),
			    "2 5 6");
	plugin_bed_free(bed);
}

static struct rp_config_list values(struct plugin_bed *bed, const char *a, const char *b)
{
	struct rp_config_str str[2] = {plugin_bed_str(bed, a)};

	if (b != NULL)
		str[1] = plugin_bed_str(bed, b);
	return plugin_bed_list(bed, str, b != NULL ? 2 : 1, sizeof(str[0]));
}

static struct plugin_bed *bed_of_tiers(void)
{
	struct plugin_bed *bed = plugin_bed_new(4);

	plugin_bed_label(bed, 0, "tier", "gold");
	plugin_bed_label(bed, 1, "tier", "");
	plugin_bed_label(bed, 2, "tier", "7");
	plugin_bed_label(bed, 2, "zone", "a");
	return bed; /* the last one has no label */
}

static const char *select(struct plugin_bed *bed, struct rp_selector_requirement requirement)
{
	struct rp_params_label_selector params;

	requirement.key = plugin_bed_str(bed, "tier");
	params.requirements = plugin_bed_list(bed, &requirement, 1, sizeof(requirement));
	return kept_of(bed, plugin_bed_set(bed, 0, "s", &rp_label_selector_filter, &params));
}

static void selectors_match_as_in_kubernetes(void **state RP_UNUSED)
{
	static const char *const expected[] = {
		[RP_SELECTOR_IN] = "0 2",	  [RP_SELECTOR_NOT_IN] = "1 3",
		[RP_SELECTOR_EXISTS] = "0 1 2",	  [RP_SELECTOR_DOES_NOT_EXIST] = "3",
		[RP_SELECTOR_GREATER_THAN] = "2", [RP_SELECTOR_LESS_THAN] = "",
	};
	struct plugin_bed *bed = bed_of_tiers();

	for (uint32_t i = 0; i < RP_ARRAY_LEN(expected); i++) {
		bool is_number = i == RP_SELECTOR_GREATER_THAN || i == RP_SELECTOR_LESS_THAN;
		struct rp_selector_requirement requirement = {.op = i};

		requirement.values = is_number ? values(bed, "-3", NULL) : values(bed, "gold", "7");
		assert_string_equal(select(bed, requirement), expected[i]);
	}
	plugin_bed_free(bed);
}

static void all_requirements_must_hold_and_none_match_all(void **state RP_UNUSED)
{
	struct plugin_bed *bed = bed_of_tiers();
	struct rp_selector_requirement requirement[] = {
		{.key = plugin_bed_str(bed, "tier"), .op = RP_SELECTOR_EXISTS},
		{.key = plugin_bed_str(bed, "zone"), .op = RP_SELECTOR_DOES_NOT_EXIST},
	};
	struct rp_params_label_selector params = {
		plugin_bed_list(bed, requirement, 2, sizeof(requirement[0]))};
	struct rp_params_label_selector empty = {{0, 0}};

	assert_string_equal(
		kept_of(bed, plugin_bed_set(bed, 0, "s", &rp_label_selector_filter, &params)),
		"0 1");
	assert_string_equal(
		kept_of(bed, plugin_bed_set(bed, 1, "n", &rp_label_selector_filter, &empty)),
		"0 1 2 3");
	plugin_bed_free(bed);
}

static void by_label_knows_missing_from_empty(void **state RP_UNUSED)
{
	struct plugin_bed *bed = bed_of_tiers();
	struct rp_params_by_label params = {.label = plugin_bed_str(bed, "tier"),
					    .valid_values = values(bed, "gold", "8")};

	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 0, "b", &rp_by_label, &params)), "0");
	params.allows_no_label = 1;
	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 0, "b", &rp_by_label, &params)),
			    "0 3");
	params.allows_no_label = 0;
	/* A missing label reads as an empty one where that is a valid value. */
	params.valid_values = values(bed, "", NULL);
	assert_string_equal(kept_of(bed, plugin_bed_set(bed, 0, "b", &rp_by_label, &params)),
			    "1 3");
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roles_take_part_in_their_stages),
		cmocka_unit_test(selectors_match_as_in_kubernetes),
		cmocka_unit_test(all_requirements_must_hold_and_none_match_all),
		cmocka_unit_test(by_label_knows_missing_from_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
