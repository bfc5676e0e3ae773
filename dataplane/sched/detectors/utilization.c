/* SPDX-License-Identifier: Apache-2.0
 *
 * utilization-detector: full when queues or KV caches are, as last scraped; as a filter it keeps
 * endpoints that are not, or all (flow-control reference 2.1).
 */
#include <stdio.h>

#include "dataplane/sched/sched_plugin.h"
#include "shm/clock.h"
#include "shm/log.h"

static bool is_stale(const struct rp_call *call, int64_t updated_ns)
{
	const struct rp_params_utilization_detector *params = call->params;

	return updated_ns == 0 ||
	       call->cycle->env->now_ns - updated_ns > params->metrics_staleness_threshold_ns;
}

/* For the gauge, and once in a while for the log: a pool that nobody scrapes looks like a full one.
 */
static void tell_stale(const struct rp_call *call, uint32_t stale, uint32_t total)
{
	const struct rp_params_utilization_detector *params = call->params;
	const struct rp_env *env = call->cycle->env;
	char threshold[32];

	rp_detector_state_note(&env->live->detector, env->worker, call->cycle->config->generation,
			       env->now_ns, stale);
	if (stale == 0 || !rp_log_is_on(RP_V2) ||
	    !rp_detector_state_may_tell(&env->live->detector, env->now_ns))
		return;
	snprintf(threshold, sizeof(threshold), "%.12gms",
		 (double)params->metrics_staleness_threshold_ns / RP_NS_PER_MS);
	RP_LOG(RP_V2, "utilization-detector",
	       "Endpoints without fresh figures count as full: if requests are refused, look at "
	       "how endpoints are scraped",
	       RP_F_STR("detector", rp_cycle_plugin_name(call->cycle, call->plugin)),
	       RP_F_INT("staleEndpoints", stale), RP_F_INT("totalEndpoints", total),
	       RP_F_TEXT("metricsStalenessThreshold", threshold));
}

static double saturation(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_utilization_detector *params = call->params;
	uint32_t stale = 0;
	double sum = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		double queue = in->waiting[i] / (double)params->queue_depth_threshold;
		double kv = in->kv_usage[i] / params->kv_cache_util_threshold;

		if (is_stale(call, in->updated_ns[i])) {
			sum += 1.0;
			stale++;
		} else {
			sum += queue > kv ? queue : kv;
		}
	}
	tell_stale(call, stale, in->count);
	return in->count == 0 ? 1.0 : sum / in->count;
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
