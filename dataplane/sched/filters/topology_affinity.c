/* SPDX-License-Identifier: Apache-2.0
 *
 * topology-affinity-filter: endpoints near to the one that the other half of the request goes to;
 * all if none is (scheduling reference 3.9).
 */
#include "dataplane/sched/topology.h"

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_topology_affinity_filter *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_topology *place = rp_cycle_prepared(cycle, params->topology_producer);
	uint32_t count = 0;

	if (cycle->peer == RP_NO_ENDPOINT || place == NULL)
		return RP_KEEP_ALL;
	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t level = rp_topology_shared(&place[cycle->peer], &place[in->table_idx[i]]);

		kept[count] = i;
		count += level <= params->min_affinity;
	}
	return count == 0 ? RP_KEEP_ALL : (int)count;
}

const struct rp_plugin_ops rp_topology_affinity_filter = {.filter = filter};
