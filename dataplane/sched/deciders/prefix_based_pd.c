/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix-based-pd-decider: prefill on its own if the decode pick would have to compute too much of
 * the prompt (scheduling reference 6.2).
 */
#include "dataplane/sched/sched_plugin.h"

static bool decide(const struct rp_call *call, uint32_t table_idx)
{
	const struct rp_params_prefix_based_pd_decider *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_match_info *match =
		&rp_cycle_data(cycle, params->prefix_match_info_producer)->match;
	int64_t tokens, cached;

	if (params->non_cached_tokens == 0 || table_idx == RP_NO_ENDPOINT)
		return false;
	tokens = (int64_t)rp_cycle_token_count(cycle);
	if (tokens < params->prompt_tokens || tokens < params->non_cached_tokens ||
	    match->match_blocks == NULL)
		return false;
	/* May be more than there are: the last block counts as a whole one. */
	cached = match->match_blocks[cycle->table->endpoint[table_idx].slot] * match->block_tokens;
	return tokens - cached >= params->non_cached_tokens;
}

const struct rp_plugin_ops rp_prefix_based_pd_decider = {.decide = decide};
