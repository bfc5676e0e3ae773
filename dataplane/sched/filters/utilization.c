/* SPDX-License-Identifier: Apache-2.0
 *
 * utilization-filter: endpoints all of whose figures are within their caps (scheduling
 * reference 3.9).
 */
#include "dataplane/sched/sched_plugin.h"

static double value_of(enum rp_utilization_metric metric, const struct rp_candidates *in,
		       const int64_t *requests, uint32_t i)
{
	switch (metric) {
	case RP_UTILIZATION_ACTIVE_REQUESTS:
		return requests == NULL ? 0 : (double)requests[in->table_idx[i]];
	case RP_UTILIZATION_RUNNING_REQUESTS:
		return in->running[i];
	case RP_UTILIZATION_WAITING_QUEUE:
		return in->waiting[i];
	case RP_UTILIZATION_KV_CACHE:
		return in->kv_usage[i];
	}
	return 0;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_utilization_filter *params = call->params;
	struct rp_config_array conditions = rp_config_blob_list(
		call->cycle->config, params->conditions, sizeof(struct rp_utilization_condition));
	const struct rp_utilization_condition *condition = conditions.ptr;
	const int64_t *requests =
		rp_cycle_data(call->cycle, params->inflight_load_producer)->load.requests;
	uint32_t count = in->count;

	for (uint32_t i = 0; i < count; i++)
		kept[i] = i;
	for (uint32_t c = 0; c < conditions.count; c++) {
		uint32_t left = 0;

		for (uint32_t i = 0; i < count; i++) {
			double value = value_of(condition[c].metric, in, requests, kept[i]);

			kept[left] = kept[i];
			left += !(value > condition[c].max_value);
		}
		count = left;
	}
	return count == 0 && params->fallback_on_empty ? RP_KEEP_ALL : (int)count;
}

const struct rp_plugin_ops rp_utilization_filter = {
	.figures = RP_FIGURE_WAITING | RP_FIGURE_RUNNING | RP_FIGURE_KV_USAGE, .filter = filter};
