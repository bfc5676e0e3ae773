/* SPDX-License-Identifier: Apache-2.0
 *
 * utilization-detector: full when queues or KV caches are, as last scraped; as a filter it keeps
 * endpoints that are not, or all (flow-control reference 2.1).
 */
#include "dataplane/sched/sched_plugin.h"

static bool is_stale(const struct rp_call *call, int64_t updated_ns)
{
	const struct rp_params_utilization_detector *params = call->params;

	return updated_ns == 0 ||
	       call->cycle->env->now_ns - updated_ns > params->metrics_staleness_threshold_ns;
}

static double saturation(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_utilization_detector *params = call->params;
	double sum = 0;

	if (in->count == 0)
		return 1.0;
	for (uint32_t i = 0; i < in->count; i++) {
		double queue = in->waiting[i] / (double)params->queue_depth_threshold;
		double kv = in->kv_usage[i] / params->kv_cache_util_threshold;

		if (is_stale(call, in->updated_ns[i]))
			sum += 1.0;
		else
			sum += queue > kv ? queue : kv;
	}
	return sum / in->count;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_utilization_detector *params = call->params;
	double queue_limit = (double)params->queue_depth_threshold * (1.0 + params->headroom);
	double kv_limit = params->kv_cache_util_threshold * (1.0 + params->headroom);
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		kept[count] = i;
		count += !is_stale(call, in->updated_ns[i]) && in->waiting[i] < queue_limit &&
			 in->kv_usage[i] < kv_limit;
	}
	return count == 0 ? RP_KEEP_ALL : (int)count;
}

const struct rp_plugin_ops rp_utilization_detector = {
	.figures = RP_FIGURE_WAITING | RP_FIGURE_KV_USAGE | RP_FIGURE_UPDATED,
	.filter = filter,
	.saturation = saturation};
