/* SPDX-License-Identifier: Apache-2.0
 *
 * The workers' implementations against the catalogue.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/sched/sched_plugin.h"

static const uint32_t catalogue[] = {
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) (kinds),
#include "config/plugins.def"
#undef RP_PLUGIN
};

static void assert_kind(uint32_t type, uint32_t kinds, uint32_t kind, bool has)
{
	if (((kinds & kind) != 0) != has)
		fail_msg("%s: kind %#x is %s in the catalogue only, or in the workers only",
			 rp_plugin_type_name((enum rp_plugin_type)type), kind, has ? "not" : "");
}

static void an_implementation_has_the_functions_of_its_kinds(void **state RP_UNUSED)
{
	for (uint32_t i = 0; i < RP_PLUGIN_TYPE_COUNT; i++) {
		uint32_t kinds = catalogue[i];
		const struct rp_plugin_ops *ops = rp_sched_ops(i);

		if (ops == NULL)
			continue;
		assert_kind(i, kinds, RP_KIND_FILTER, ops->filter != NULL);
		assert_kind(i, kinds, RP_KIND_SCREENER, ops->screen != NULL);
		assert_kind(i, kinds, RP_KIND_SCORER, ops->score != NULL);
		assert_kind(i, kinds, RP_KIND_PICKER, ops->pick != NULL);
		assert_kind(i, kinds, RP_KIND_PROFILE_HANDLER, ops->choose != NULL);
		assert_kind(i, kinds, RP_KIND_PROFILE_HANDLER, ops->conclude != NULL);
		assert_kind(i, kinds, RP_KIND_DECIDER, ops->decide != NULL);
		assert_kind(i, kinds, RP_KIND_HEADER_PROCESSOR, ops->read_headers != NULL);
		assert_kind(i, kinds, RP_KIND_ADMITTER, ops->admit != NULL);
		assert_kind(i, kinds, RP_KIND_DETECTOR, ops->saturation != NULL);
		assert_kind(i, kinds, RP_KIND_PRODUCER, ops->produce != NULL);
		assert_true((ops->few == NULL) == (ops->score_slot == NULL));
		assert_true((ops->prepare == NULL) == (ops->prepared_bytes == 0));
	}
}

static void what_the_catalogue_calls_built_is_built(void **state RP_UNUSED)
{
	for (uint32_t i = 0; i < RP_PLUGIN_TYPE_COUNT; i++) {
		bool is_built = rp_plugin_type_state((enum rp_plugin_type)i) == RP_STATE_BUILT;

		if ((rp_sched_ops(i) != NULL || rp_sched_parser(i) != NULL) != is_built)
			fail_msg("%s: state and implementation disagree",
				 rp_plugin_type_name((enum rp_plugin_type)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_implementation_has_the_functions_of_its_kinds),
		cmocka_unit_test(what_the_catalogue_calls_built_is_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
