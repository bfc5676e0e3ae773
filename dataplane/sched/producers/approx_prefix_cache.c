/* SPDX-License-Identifier: Apache-2.0
 *
 * approx-prefix-cache-producer: looks up who served the prompt's blocks before, and records them
 * for the endpoint that gets the request (scheduling reference 4).
 */
#include "dataplane/sched/sched_plugin.h"

static struct rp_prompt_shape shape(const void *params, int32_t reported_block_size)
{
	int64_t tokens = rp_prefix_block_tokens(params, reported_block_size);

	return (struct rp_prompt_shape){.block_tokens = (uint64_t)tokens,
					.max_tokens = rp_prefix_blocks_max(params, tokens) *
						      (uint64_t)tokens};
}

static int look_up(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;
	struct rp_prefix_lookup *lookup = call->lookup;
	int64_t tokens = rp_prefix_block_tokens(call->params, cycle->block_size);

	if (!cycle->request->has_prompts)
		return RP_EUNSUPPORTED;
	rp_prefix_lookup_run(lookup, &cycle->env->live->prefix, cycle->request, tokens,
			     rp_prefix_blocks_max(call->params, tokens));
	call->data->match = (struct rp_match_info){
		.total_blocks = lookup->hash_count,
		.block_tokens = tokens,
		.match_blocks = lookup->count,
		.touched = lookup->touched,
		.touched_count = lookup->touched_count,
	};
	return RP_OK;
}

static void record_for(const struct rp_call *call, uint32_t table_idx)
{
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_endpoint *endpoint = &cycle->table->endpoint[table_idx];
	struct rp_live *live = cycle->env->live;
	int32_t blocks = atomic_load_explicit(&live->metrics.cache_num_blocks[endpoint->slot],
					      memory_order_relaxed);

	rp_prefix_index_record(&live->prefix, endpoint->slot, endpoint->generation,
			       rp_prefix_capacity(call->params, blocks), call->lookup->hash,
			       call->lookup->hash_count);
}

static void observe(const struct rp_call *call, uint32_t table_idx)
{
	const struct rp_match_info *info = &call->data->match;
	struct rp_counters *counters = call->cycle->env->counters;
	double match = info->match_blocks[call->cycle->table->endpoint[table_idx].slot];

	if (info->total_blocks > 0)
		rp_histogram_observe(&counters->prefix_hit_ratio, RP_BUCKETS_RATIO,
				     match / (double)info->total_blocks);
	rp_histogram_observe(&counters->prefix_hit_bytes, RP_BUCKETS_BYTES,
			     match * (double)info->block_tokens * 4);
}

/* For who gets the request, and for who computes its prompt if that is another one (4.5). */
static void record(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;
	uint32_t target = rp_cycle_first_pick(cycle, cycle->primary);
	uint32_t prefill = rp_cycle_find_profile(cycle, RP_BYTES_LIT("prefill"));

	if (call->data->match.match_blocks == NULL)
		return;
	observe(call, target);
	if (call->data->match.total_blocks == 0)
		return;
	record_for(call, target);
	if (prefill != RP_CONFIG_NONE && prefill != cycle->primary &&
	    rp_cycle_first_pick(cycle, prefill) != RP_NO_ENDPOINT)
		record_for(call, rp_cycle_first_pick(cycle, prefill));
}

const struct rp_plugin_ops rp_approx_prefix_cache_producer = {
	.wants_lookup = true,
	.shape = shape,
	.produce = look_up,
	.pre_request = record,
};
