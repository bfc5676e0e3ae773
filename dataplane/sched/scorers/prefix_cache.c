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

static void score(const struct rp_score_input *in, double *score)
{
	const struct rp_params_prefix_cache_scorer *params = in->params;
	const struct rp_match_info *info;

	RP_ASSERT(params->producer < RP_PLUGINS_MAX);
	info = &in->match_by_plugin[params->producer];
	for (uint32_t i = 0; i < in->candidates->count; i++) {
		score[i] = 0;
		if (info->total_blocks > 0)
			score[i] = score_one(params, info,
					     info->match_blocks[in->candidates->slot[i]]);
	}
}

extern const struct rp_scorer rp_prefix_cache_scorer;
const struct rp_scorer rp_prefix_cache_scorer = {.score = score};
