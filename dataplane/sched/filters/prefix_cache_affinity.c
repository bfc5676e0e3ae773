/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix-cache-affinity-filter: only endpoints that hold most of the prompt, unless they would let
 * the first token wait too much longer than the others (scheduling reference 3.9).
 */
#include <float.h>

#include "dataplane/sched/sched_plugin.h"

/* Where the estimated times to first token come from; what is missing is NULL. */
struct ttft_source {
	bool is_predicted;
	const struct rp_latency *latency; /* by table index */
	const int64_t *tokens;		  /* under way, by table index */
	double tokens_per_s;
};

static double ttft_ms(const struct ttft_source *source, uint32_t table_idx)
{
	if (source->is_predicted)
		return source->latency != NULL && source->latency[table_idx].is_present
			       ? source->latency[table_idx].ttft
			       : DBL_MAX;
	if (source->tokens == NULL)
		return 0;
	return (double)source->tokens[table_idx] / source->tokens_per_s * 1000;
}

static struct ttft_source source_of(const struct rp_call *call)
{
	const struct rp_params_prefix_cache_affinity_filter *params = call->params;
	struct ttft_source source = {.is_predicted =
					     params->ttft_source == RP_TTFT_LATENCY_PREDICTOR,
				     .tokens_per_s = params->peak_prefill_throughput};

	source.latency =
		rp_cycle_data(call->cycle, params->latency_prediction_info_producer)->latency;
	source.tokens = rp_cycle_data(call->cycle, params->inflight_load_producer)->load.tokens;
	return source;
}

static int keep_sticky(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_prefix_cache_affinity_filter *params = call->params;
	const struct rp_match_info *match =
		&rp_cycle_data(call->cycle, params->prefix_match_info_producer)->match;
	struct ttft_source source = source_of(call);
	double total = (double)match->total_blocks;
	double best[2] = {DBL_MAX, DBL_MAX}; /* of the others, of the sticky ones */
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		bool is_sticky = (double)match->match_blocks[in->slot[i]] / total >=
				 params->affinity_threshold;

		kept[count] = i;
		count += is_sticky;
		if (params->max_ttft_penalty_ms > 0) {
			double ms = ttft_ms(&source, in->table_idx[i]);

			best[is_sticky] = ms < best[is_sticky] ? ms : best[is_sticky];
		}
	}
	if (count == 0)
		return RP_KEEP_ALL;
	if (params->max_ttft_penalty_ms > 0 && count < in->count &&
	    best[true] - best[false] > params->max_ttft_penalty_ms)
		return RP_KEEP_ALL;
	return (int)count;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_prefix_cache_affinity_filter *params = call->params;
	const struct rp_match_info *match =
		&rp_cycle_data(call->cycle, params->prefix_match_info_producer)->match;

	if (in->count <= 1 || params->affinity_threshold <= 0)
		return RP_KEEP_ALL;
	if (params->exploration_probability > 0 &&
	    rp_env_random_unit(call->cycle->env) < params->exploration_probability)
		return RP_KEEP_ALL;
	/* Nothing to match: nobody is sticky. */
	if (match->total_blocks == 0 || match->match_blocks == NULL)
		return RP_KEEP_ALL;
	return keep_sticky(call, in, kept);
}

const struct rp_plugin_ops rp_prefix_cache_affinity_filter = {.filter = filter};
