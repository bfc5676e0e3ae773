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

static int look_up(struct rp_produce *produce, const void *params)
{
	int64_t tokens = rp_prefix_block_tokens(params, rp_produce_block_size(produce));

	if (!produce->request->has_prompts)
		return RP_EUNSUPPORTED;
	rp_prefix_lookup_run(produce->lookup, &produce->env->live->prefix, produce->request, tokens,
			     rp_prefix_blocks_max(params, tokens));
	produce->match_info->total_blocks = produce->lookup->hash_count;
	produce->match_info->block_tokens = tokens;
	produce->match_info->match_blocks = produce->lookup->count;
	produce->match_info->touched = produce->lookup->touched;
	produce->match_info->touched_count = produce->lookup->touched_count;
	return RP_OK;
}

static void record(struct rp_produce *produce, const void *params)
{
	const struct rp_match_info *info = produce->match_info;
	const struct rp_endpoint_metrics *metrics = &produce->env->live->metrics;
	struct rp_counters *counters = produce->env->counters;
	uint32_t slot = produce->target->slot;
	double match;

	if (info->match_blocks == NULL)
		return;
	match = (double)info->match_blocks[slot];
	if (info->total_blocks > 0) {
		int32_t blocks = atomic_load_explicit(&metrics->cache_num_blocks[slot],
						      memory_order_relaxed);

		rp_prefix_index_record(&produce->env->live->prefix, slot,
				       produce->target->generation,
				       rp_prefix_capacity(params, blocks), produce->lookup->hash,
				       produce->lookup->hash_count);
		rp_histogram_observe(&counters->prefix_hit_ratio, RP_BUCKETS_RATIO,
				     match / (double)info->total_blocks);
	}
	rp_histogram_observe(&counters->prefix_hit_bytes, RP_BUCKETS_BYTES,
			     match * (double)info->block_tokens * 4);
}

extern const struct rp_producer rp_approx_prefix_cache_producer;
const struct rp_producer rp_approx_prefix_cache_producer = {
	.wants_lookup = true,
	.shape = shape,
	.produce = look_up,
	.pre_request = record,
};
