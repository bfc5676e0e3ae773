/* SPDX-License-Identifier: Apache-2.0
 *
 * kv-cache-utilization-scorer: the free part of the KV cache, not relative to the other candidates
 * (scheduling reference 3.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_score_input *in, double *score)
{
	const double *kv_usage = in->candidates->kv_usage;
	uint32_t count = in->candidates->count;

	for (uint32_t i = 0; i < count; i++)
		score[i] = 1 - kv_usage[i];
}

extern const struct rp_scorer rp_kv_cache_utilization_scorer;
const struct rp_scorer rp_kv_cache_utilization_scorer = {.score = score, .is_of_figures = true};
