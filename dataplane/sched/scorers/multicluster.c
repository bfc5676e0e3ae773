/* SPDX-License-Identifier: Apache-2.0
 *
 * multicluster-queue-scorer and multicluster-kv-cache-utilization-scorer: queue-scorer and
 * kv-cache-utilization-scorer over what another cluster's gateway says of its pool; who says
 * nothing gets no score (scheduling reference 3.3).
 */
#include "dataplane/sched/scorers/attribute.h"

static void score_queue(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	struct rp_attribute_range range =
		rp_attribute_read(call, RP_CUSTOM_MULTICLUSTER_QUEUE, in, score);

	for (uint32_t i = 0; i < in->count; i++) {
		if (isnan(score[i]))
			score[i] = RP_NO_SCORE;
		else if (range.max == range.min)
			score[i] = 1.0;
		else
			score[i] = (range.max - score[i]) / (range.max - range.min);
	}
}

static void score_kv_usage(const struct rp_call *call, const struct rp_candidates *in,
			   double *score)
{
	(void)rp_attribute_read(call, RP_CUSTOM_MULTICLUSTER_KV_USAGE, in, score);
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = 1.0 - score[i]; /* of NaN: NaN, no score */
}

const struct rp_plugin_ops rp_multicluster_queue_scorer = {.score = score_queue,
							   .is_of_figures = true};
const struct rp_plugin_ops rp_multicluster_kv_cache_utilization_scorer = {.score = score_kv_usage,
									  .is_of_figures = true};
