/* SPDX-License-Identifier: Apache-2.0
 *
 * latency-scorer: by how far the predicted latencies are below what was asked for; without
 * predictions by KV cache, queue and prefix together (scheduling reference 3.10).
 */
#include <math.h>

#include "dataplane/sched/sched_plugin.h"

#define RANGE_MIN 1e-9 /* headrooms this near to each other count as equal */

/* Which endpoints are scored: the first group that has any. */
enum group {
	GROUP_POSITIVE, /* within what was asked for, or not predicted */
	GROUP_IDLE,
	GROUP_TPOT_ONLY, /* only the time per token is above it */
	GROUP_TTFT_ONLY,
	GROUP_BOTH,
	GROUP_COUNT
};

static enum group group_of(const struct rp_latency *latency)
{
	bool is_ttft_late = latency->ttft_headroom < 0;
	bool is_tpot_late = latency->tpot_headroom < 0;

	if (!latency->is_present || (!is_ttft_late && !is_tpot_late))
		return GROUP_POSITIVE;
	if (latency->dispatched == 0)
		return GROUP_IDLE;
	if (is_ttft_late && is_tpot_late)
		return GROUP_BOTH;
	return is_ttft_late ? GROUP_TTFT_ONLY : GROUP_TPOT_ONLY;
}

/* A headroom's place between the smallest and the largest of its group. */
struct scale {
	double min;
	double max;
	double range;
};

static double ttft_of(const struct rp_latency *latency)
{
	return latency->is_present ? fabs(latency->ttft_headroom) : 0.0;
}

static double tpot_of(const struct rp_latency *latency)
{
	return latency->is_present ? fabs(latency->tpot_headroom) : 0.0;
}

static void widen(struct scale *scale, double value)
{
	scale->min = value < scale->min ? value : scale->min;
	scale->max = value > scale->max ? value : scale->max;
	scale->range = scale->max - scale->min;
}

static double place(const struct scale *scale, double value)
{
	return scale->range > RANGE_MIN ? (value - scale->min) / scale->range : 0.5;
}

static void score_group(const struct rp_params_latency_scorer *params,
			const struct rp_latency *latency, const struct rp_candidates *in,
			enum group group, double *score)
{
	struct scale ttft = {.min = INFINITY, .max = -INFINITY};
	struct scale tpot = ttft;
	double sum = params->ttft_weight + params->tpot_weight;
	double alpha = sum > 0 ? params->ttft_weight / sum : 1.0;
	double beta = sum > 0 ? params->tpot_weight / sum : 0.0;
	bool is_most =
		group == GROUP_POSITIVE && params->headroom_selection_strategy == RP_HEADROOM_MOST;

	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *one = &latency[in->table_idx[i]];

		if (group_of(one) != group)
			continue;
		widen(&ttft, ttft_of(one));
		widen(&tpot, tpot_of(one));
	}
	if (ttft.range <= RANGE_MIN && tpot.range > RANGE_MIN) {
		alpha = 0.0;
		beta = 1.0;
	} else if (tpot.range <= RANGE_MIN && ttft.range > RANGE_MIN) {
		alpha = 1.0;
		beta = 0.0;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *one = &latency[in->table_idx[i]];
		double both;

		score[i] = 0.0;
		if (group_of(one) != group)
			continue;
		both = alpha * place(&ttft, ttft_of(one)) + beta * place(&tpot, tpot_of(one));
		score[i] = (trunc((is_most ? both : 1.0 - both) * 100.0) + 1.0) / 100.0;
	}
}

static void score_composite(const struct rp_params_latency_scorer *params,
			    const struct rp_match_info *match, const struct rp_candidates *in,
			    double *score)
{
	double kv_weight = params->composite_kv_weight;
	double queue_weight = params->composite_queue_weight;
	double prefix_weight = params->composite_prefix_weight;
	double sum = kv_weight + queue_weight + prefix_weight;
	int64_t longest = 0;

	if (sum <= 0) {
		kv_weight = sum = 1.0;
		queue_weight = prefix_weight = 0.0;
	}
	kv_weight /= sum;
	queue_weight /= sum;
	prefix_weight /= sum;
	for (uint32_t i = 0; i < in->count; i++)
		longest = in->waiting[i] > longest ? in->waiting[i] : longest;
	for (uint32_t i = 0; i < in->count; i++) {
		double queue =
			longest > 0 ? (double)(longest - in->waiting[i]) / (double)longest : 1.0;
		double prefix = match->total_blocks > 0 ? (double)match->match_blocks[in->slot[i]] /
								  (double)match->total_blocks
							: 0.0;
		double composite = kv_weight * (1.0 - in->kv_usage[i]) + queue_weight * queue +
				   prefix_weight * prefix;

		/* + 0.0: upstream's way over an integer knows no negative zero. */
		score[i] = (round(0.0 + 100.0 * composite) + 0.0) / 100.0;
	}
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_latency_scorer *params = call->params;
	const struct rp_latency *latency =
		rp_cycle_data(call->cycle, params->latency_prediction_info_producer)->latency;
	const struct rp_match_info *match =
		&rp_cycle_data(call->cycle, params->prefix_match_info_producer)->match;
	bool is_predicted = false;
	uint32_t groups = 0;
	enum group group = GROUP_POSITIVE;

	for (uint32_t i = 0; latency != NULL && i < in->count; i++) {
		const struct rp_latency *one = &latency[in->table_idx[i]];

		is_predicted |= one->is_present;
		groups |= 1u << group_of(one);
	}
	if (!is_predicted) {
		score_composite(params, match, in, score);
		return;
	}
	while ((groups & 1u << group) == 0)
		group++;
	score_group(params, latency, in, group, score);
}

const struct rp_plugin_ops rp_latency_scorer = {.figures = RP_FIGURE_WAITING | RP_FIGURE_KV_USAGE,
						.score = score};
