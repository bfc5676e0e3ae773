/* SPDX-License-Identifier: Apache-2.0
 *
 * slo-headroom-tier-filter: only endpoints that are predicted to keep the objectives; now and then
 * only the others, so that they are tried again (scheduling reference 3.9).
 */
#include "dataplane/sched/sched_plugin.h"

static bool has_headroom(const struct rp_latency *latency)
{
	return latency->ttft_headroom >= 0 && latency->tpot_headroom >= 0;
}

static int keep_positive(const struct rp_latency *latency, const struct rp_candidates *in,
			 uint32_t *kept)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *it = &latency[in->table_idx[i]];

		kept[count] = i;
		count += it->is_present && has_headroom(it);
	}
	return (int)count;
}

/* Endpoints without a prediction come last. */
static int keep_negative(const struct rp_latency *latency, const struct rp_candidates *in,
			 uint32_t *kept)
{
	int count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *it = &latency[in->table_idx[i]];

		if (it->is_present && !has_headroom(it))
			kept[count++] = i;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		if (!latency[in->table_idx[i]].is_present)
			kept[count++] = i;
	}
	return count;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_slo_headroom_tier_filter *params = call->params;
	const struct rp_latency *latency =
		rp_cycle_data(call->cycle, params->latency_prediction_info_producer)->latency;
	uint32_t predicted = 0, positive = 0;

	if (in->count <= 1 || latency == NULL)
		return RP_KEEP_ALL;
	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *it = &latency[in->table_idx[i]];

		predicted += it->is_present;
		positive += it->is_present && has_headroom(it);
	}
	if (predicted == 0 || positive == in->count)
		return RP_KEEP_ALL;
	if (positive == 0 || rp_env_random_unit(call->cycle->env) < params->epsilon_explore_neg)
		return keep_negative(latency, in, kept);
	return keep_positive(latency, in, kept);
}

const struct rp_plugin_ops rp_slo_headroom_tier_filter = {.filter = filter};
