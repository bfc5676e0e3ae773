/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix-cache-scorer: the matched part of the prompt, mixed with the match's absolute length if
 * asked for (scheduling reference 3.5).
 */
#include "dataplane/sched/sched_plugin.h"

static double score_one(const struct rp_params_prefix_cache_scorer *params,
			const struct rp_match_info *info, uint16_t match)
{
	double weight = params->match_length_weight;
	double ratio = (double)match / (double)info->total_blocks;
	double length = 0;

	if (weight > 0 && info->block_tokens > 0) {
		double x = (double)match * (double)info->block_tokens /
			   (double)params->match_length_scale_tokens;

		x = x < 1.0 ? x : 1.0;
		length = x * x;
	}
	return 0.0 + (weight * length + (1.0 - weight) * ratio);
}

static const struct rp_match_info *match_of(const struct rp_call *call)
{
	const struct rp_params_prefix_cache_scorer *params = call->params;

	return &rp_cycle_data(call->cycle, params->producer)->match;
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_match_info *info = match_of(call);

	for (uint32_t i = 0; i < in->count; i++) {
		score[i] = 0;
		if (info->total_blocks > 0)
			score[i] = score_one(call->params, info, info->match_blocks[in->slot[i]]);
	}
}

/* No match, no score: length and ratio are 0. */
static uint32_t few(const struct rp_call *call, const uint16_t **ret_slot)
{
	const struct rp_match_info *info = match_of(call);

	*ret_slot = info->touched;
	return info->total_blocks > 0 ? info->touched_count : 0;
}

static double score_slot(const struct rp_call *call, uint32_t slot)
{
	const struct rp_match_info *info = match_of(call);

	return info->total_blocks > 0 ? score_one(call->params, info, info->match_blocks[slot]) : 0;
}

const struct rp_plugin_ops rp_prefix_cache_scorer = {
	.score = score,
	.few = few,
	.score_slot = score_slot,
};
