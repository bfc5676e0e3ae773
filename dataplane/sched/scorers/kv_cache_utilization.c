/* SPDX-License-Identifier: Apache-2.0
 *
 * kv-cache-utilization-scorer: the free part of the KV cache, not relative to the other candidates
 * (scheduling reference 3.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_call *call RP_UNUSED, const struct rp_candidates *in,
		  double *score)
{
	const double *kv_usage = in->kv_usage;
	uint32_t count = in->count;

	for (uint32_t i = 0; i < count; i++)
		score[i] = 1 - kv_usage[i];
}

const struct rp_plugin_ops rp_kv_cache_utilization_scorer = {
	.figures = RP_FIGURE_KV_USAGE,
	.score = score,
	.is_of_figures = true,
};
