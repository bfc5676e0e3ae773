/* SPDX-License-Identifier: Apache-2.0
 *
 * burst-prefix-cache-producer: a full match on the endpoint that the request's window gave it, none
 * elsewhere (scheduling reference 3.13). The waiting is done in dataplane/burst.h.
 */
#include "dataplane/burst.h"
#include "dataplane/sched/sched_plugin.h"

uint64_t rp_burst_blocks_max(const struct rp_params_burst_prefix_cache_producer *params)
{
	enum { UPSTREAM_BLOCKS_MAX = 2048 };
	uint64_t blocks = UPSTREAM_BLOCKS_MAX;

	if (params->max_prefix_tokens > 0)
		blocks = (uint64_t)(params->max_prefix_tokens / params->block_size_tokens);
	return rp_min_size(blocks, RP_PREFIX_BLOCKS_MAX);
}

static struct rp_prompt_shape shape(const void *params, int32_t reported_block_size RP_UNUSED)
{
	const struct rp_params_burst_prefix_cache_producer *burst = params;

	return (struct rp_prompt_shape){.block_tokens = (uint64_t)burst->block_size_tokens,
					.max_tokens = rp_burst_blocks_max(burst) *
						      (uint64_t)burst->block_size_tokens};
}

/* The slot of the endpoint if it is among the candidates still. */
static bool find_assigned(const struct rp_cycle *cycle, const struct rp_burst_place *place)
{
	for (uint32_t i = 0; place->is_assigned && i < cycle->candidates->count; i++) {
		const struct rp_endpoint *endpoint =
			&cycle->table->endpoint[cycle->candidates->table_idx[i]];

		if (endpoint->slot == place->slot && endpoint->generation == place->generation)
			return true;
	}
	return false;
}

static int match_assigned(const struct rp_call *call)
{
	const struct rp_params_burst_prefix_cache_producer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_burst_place *place = cycle->request->burst;
	struct rp_prefix_lookup *lookup = call->lookup;

	if (!cycle->request->has_prompts)
		return RP_EUNSUPPORTED;
	if (place == NULL || place->hash == NULL)
		return RP_ETOOBIG; /* the window was full */
	for (uint32_t i = 0; i < lookup->touched_count; i++)
		lookup->count[lookup->touched[i]] = 0;
	lookup->touched_count = 0;
	if (find_assigned(cycle, place)) {
		lookup->count[place->slot] = (uint16_t)place->hash_count;
		lookup->touched[lookup->touched_count++] = (uint16_t)place->slot;
	}
	call->data->match = (struct rp_match_info){
		.total_blocks = place->hash_count,
		.block_tokens = params->block_size_tokens,
		.match_blocks = lookup->count,
		.touched = lookup->touched,
		.touched_count = lookup->touched_count,
	};
	return RP_OK;
}

const struct rp_plugin_ops rp_burst_prefix_cache_producer = {
	.wants_lookup = true,
	.shape = shape,
	.produce = match_assigned,
};
