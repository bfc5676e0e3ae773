/* SPDX-License-Identifier: Apache-2.0
 *
 * p2p-source-producer: names a peer that holds more of the prompt than the endpoint which will
 * compute it (scheduling reference 3.13).
 */
#include "dataplane/director.h"
#include "dataplane/sched/sched_plugin.h"

static const struct rp_match_info *match_of(const struct rp_call *call)
{
	const struct rp_params_p2p_source_producer *params = call->params;

	return &rp_cycle_data(call->cycle, params->prefix_match_info_producer)->match;
}

static int64_t cached_tokens(const struct rp_match_info *match, uint32_t slot)
{
	return match->match_blocks[slot] * match->block_tokens;
}

/* In [0, 1), the same for each try of a request: FNV-1a of its id. */
static double spread(struct rp_bytes request_id)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < request_id.len; i++)
		hash = (hash ^ request_id.ptr[i]) * 16777619u;
	return hash / 0x1p32;
}

/* Among those within a block of the best, shorter queues are likelier. */
static double weight(const struct rp_call *call, const struct rp_match_info *match, uint32_t slot,
		     int64_t most)
{
	const struct rp_endpoint_metrics *metrics = &call->cycle->env->live->metrics;
	int64_t cached = cached_tokens(match, slot);

	if (cached == 0 || cached + match->block_tokens < most)
		return 0;
	return 1.0 / (1.0 + atomic_load_explicit(&metrics->waiting[slot], memory_order_relaxed));
}

/* Leaves the table index of the peer, plus one, in its note. */
static int produce(const struct rp_call *call)
{
	const struct rp_match_info *match = match_of(call);
	const struct rp_candidates *in = call->cycle->candidates;
	int64_t most = 0;
	double total = 0, target;

	if (match->match_blocks == NULL || match->touched_count == 0)
		return RP_OK;
	for (uint32_t i = 0; i < in->count; i++) {
		int64_t cached = cached_tokens(match, in->slot[i]);

		most = cached > most ? cached : most;
	}
	for (uint32_t i = 0; i < in->count; i++)
		total += weight(call, match, in->slot[i], most);
	target = spread(call->cycle->headers->request_id) * total;
	for (uint32_t i = 0; i < in->count; i++) {
		double w = weight(call, match, in->slot[i], most);

		/* The last one is taken if rounding leaves a rest. */
		if (w > 0)
			call->data->note = in->table_idx[i] + 1u;
		if (target < w)
			break;
		target -= w;
	}
	return RP_OK;
}

static void pre_request(const struct rp_call *call)
{
	const struct rp_params_p2p_source_producer *params = call->params;
	const struct rp_match_info *match = match_of(call);
	struct rp_cycle *cycle = call->cycle;
	const struct rp_endpoint *endpoint = cycle->table->endpoint;
	const struct rp_endpoint *best, *computing;
	uint32_t pick = RP_NO_ENDPOINT;

	if (call->data->note == 0)
		return;
	if (params->prefill_profile != RP_CONFIG_NONE)
		pick = rp_cycle_first_pick(cycle, params->prefill_profile);
	if (pick == RP_NO_ENDPOINT)
		pick = rp_cycle_first_pick(cycle, cycle->primary);
	if (pick == RP_NO_ENDPOINT)
		return;
	best = &endpoint[call->data->note - 1];
	computing = &endpoint[pick];
	if (cached_tokens(match, best->slot) - cached_tokens(match, computing->slot) <
	    params->min_cached_token_delta)
		return;
	rp_cycle_set_header(cycle, "x-kv-cache-source-host-port",
			    rp_arena_copy(cycle->arena, rp_endpoint_address(best)));
}

const struct rp_plugin_ops rp_p2p_source_producer = {.produce = produce,
						     .pre_request = pre_request};
