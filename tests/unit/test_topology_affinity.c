/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/sched/topology.h"

extern const struct rp_plugin_ops rp_topology_affinity_scorer;

static void put_place(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	static const struct rp_topology places[] = {
		{{1, 2, 3, 4}}, {{9, 2, 3, 4}}, {{0, 8, 3, 4}},
		{{7, 8, 9, 4}}, {{0, 0, 0, 0}}, {{0, 0, 0, 9}},
	};

	(void)call;
	memcpy(prepared, &places[table_idx], sizeof(places[0]));
}

static const struct rp_plugin_ops extractor = {.prepared_bytes = sizeof(struct rp_topology),
					       .prepare = put_place};

static void the_tightest_level_shared_with_the_peer_counts(void **state RP_UNUSED)
{
	static const double expected[] = {1.0, 0.2, 0.05, 0.02, 0, 0};
	struct rp_params_topology_affinity_scorer params = {.topology_producer = 1};
	struct plugin_bed *bed = plugin_bed_new(RP_ARRAY_LEN(expected));
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "near", &rp_topology_affinity_scorer, &params);
	const double *score;

	plugin_bed_set(bed, 1, "where", &extractor, NULL);
	score = plugin_bed_score(bed, call);
	assert_true(score[0] == 0 && score[1] == 0); /* no peer */
	bed->cycle.peer = 0;
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < RP_ARRAY_LEN(expected); i++)
		assert_true(score[i] == expected[i]);
	/* a peer of which nothing is known is near to nobody, not even to itself */
	bed->cycle.peer = 4;
	assert_true(plugin_bed_score(bed, call)[4] == 0);
	bed->cycle.peer = 0;
	params.topology_producer = RP_CONFIG_NONE;
	assert_true(plugin_bed_score(bed, call)[0] == 0);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tightest_level_shared_with_the_peer_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
