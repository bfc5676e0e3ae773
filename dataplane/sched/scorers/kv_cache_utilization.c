/* SPDX-License-Identifier: Apache-2.0
 *
 * kv-cache-utilization-scorer: the free part of the KV cache, not relative to the other candidates
 * (scheduling reference 3.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_score_input *in, double *score)
{
	for (uint32_t i = 0; i < in->candidates->count; i++)
		score[i] = 1 - in->candidates->kv_usage[i];
}

extern const struct rp_scorer rp_kv_cache_utilization_scorer;
const struct rp_scorer rp_kv_cache_utilization_scorer = {.score = score};
