/* SPDX-License-Identifier: Apache-2.0
 *
 * topology-extractor: where an endpoint is, by its labels (data layer reference 18).
 */
#include "dataplane/sched/topology.h"
#include "shm/hash.h"

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_topology_extractor *params = call->params;
	struct rp_topology *topology = prepared;

	for (int i = 0; i < RP_TOPOLOGY_LEVELS; i++) {
		struct rp_bytes key = rp_config_blob_str(call->cycle->config, params->label[i]);
		struct rp_bytes value;

		topology->level[i] = 0;
		if (rp_cycle_label(call->cycle, table_idx, key, &value) && value.len > 0)
			topology->level[i] = rp_hash64_bytes(value);
	}
}

const struct rp_plugin_ops rp_topology_extractor = {.prepared_bytes = sizeof(struct rp_topology),
						    .prepare = prepare};
