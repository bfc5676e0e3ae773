/* SPDX-License-Identifier: Apache-2.0
 *
 * header-label-affinity-scorer: 1 to endpoints whose label has the value of a request header
 * (scheduling reference 3.8). Values are compared by their 64-bit hashes, which labels get once a
 * table: whoever finds another value of the same hash could have sent the label itself.
 */
#include "dataplane/sched/sched_plugin.h"
#include "shm/hash.h"

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_header_label_affinity_scorer *params = call->params;
	struct rp_bytes key = rp_config_blob_str(call->cycle->config, params->label_key);
	uint64_t *hash = prepared;
	struct rp_bytes value;

	*hash = 0;
	if (rp_cycle_label(call->cycle, table_idx, key, &value))
		*hash = rp_hash64_bytes(value);
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_header_label_affinity_scorer *params = call->params;
	struct rp_bytes name = rp_config_blob_str(call->cycle->config, params->header_name);
	struct rp_bytes wanted = rp_cycle_header(call->cycle, name);
	uint64_t hash = rp_hash64_bytes(wanted);

	for (uint32_t i = 0; i < in->count; i++)
		score[i] = *RP_PREPARED(call, uint64_t, in->table_idx[i]) == hash ? 1.0 : 0.0;
	if (wanted.len == 0)
		memset(score, 0, in->count * sizeof(*score));
}

const struct rp_plugin_ops rp_header_label_affinity_scorer = {
	.prepared_bytes = sizeof(uint64_t), .prepare = prepare, .score = score};
