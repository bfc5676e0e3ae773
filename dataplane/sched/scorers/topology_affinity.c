/* SPDX-License-Identifier: Apache-2.0
 *
 * topology-affinity-scorer: near to the endpoint that the other half of the request goes to
 * (scheduling reference 3.9).
 */
#include "dataplane/sched/topology.h"

static const double level_score[] = {
	[RP_TOPOLOGY_HOST] = 1.00,   [RP_TOPOLOGY_RACK] = 0.20,	  [RP_TOPOLOGY_ZONE] = 0.05,
	[RP_TOPOLOGY_REGION] = 0.02, [RP_TOPOLOGY_LEVELS] = 0.00,
};

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_topology_affinity_scorer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_topology *place = rp_cycle_prepared(cycle, params->topology_producer);

	memset(score, 0, in->count * sizeof(*score));
	if (cycle->peer == RP_NO_ENDPOINT || place == NULL)
		return;
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = level_score[rp_topology_shared(&place[cycle->peer],
							  &place[in->table_idx[i]])];
}

const struct rp_plugin_ops rp_topology_affinity_scorer = {.score = score};
