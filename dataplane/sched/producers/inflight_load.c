/* SPDX-License-Identifier: Apache-2.0
 *
 * inflight-load-producer: requests and tokens under way at each endpoint, of all workers, and the
 * tokens of this request that an endpoint would have to compute (scheduling reference 3.4).
 */
#include <math.h>

#include "dataplane/sched/sched_plugin.h"

enum { REQUESTS, TOKENS, UNCACHED, CHUNK = 64 };

/* A live attribute of the endpoints: there even if a producer before this one fails. */
static void measure(const struct rp_call *call)
{
	const struct rp_params_inflight_load_producer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_candidates *in = cycle->candidates;
	int64_t requests[CHUNK], tokens[CHUNK];

	for (uint32_t first = 0; first < in->count; first += CHUNK) {
		uint32_t count = in->count - first < CHUNK ? in->count - first : CHUNK;
		bool is_in_place = in->is_table;

		rp_inflight_load_sum_all(&cycle->env->live->inflight,
					 cycle->env->settings->worker_count, params->instance,
					 in->slot + first, count,
					 is_in_place ? &call->load[REQUESTS][first] : requests,
					 is_in_place ? &call->load[TOKENS][first] : tokens);
		for (uint32_t i = 0; i < count && !is_in_place; i++) {
			uint32_t at = in->table_idx[first + i];

			call->load[REQUESTS][at] = requests[i];
			call->load[TOKENS][at] = tokens[i];
		}
	}
	call->data->load.requests = call->load[REQUESTS];
	call->data->load.tokens = call->load[TOKENS];
}

/* What a request costs, endpoint by endpoint. */
struct cost {
	int64_t input;			   /* tokens of the prompt; 0: not tokenized */
	int64_t output;			   /* estimated, 0 if it is not counted */
	const struct rp_match_info *match; /* NULL: nobody knows what is cached */
};

static int64_t output_of(const struct rp_params_inflight_load_producer *params,
			 const struct rp_request *request, int64_t input)
{
	double estimate;

	if (params->add_estimated_output_tokens == 0 || input <= 0)
		return 0;
	estimate = round((double)input * params->output_ratio);
	if (request->max_tokens >= 0 && (double)request->max_tokens < estimate)
		estimate = (double)request->max_tokens;
	if (params->max_estimated_output_tokens >= 0 &&
	    (double)params->max_estimated_output_tokens < estimate)
		estimate = (double)params->max_estimated_output_tokens;
	return estimate < (double)RP_INFLIGHT_TOKENS_MAX ? (int64_t)estimate
							 : RP_INFLIGHT_TOKENS_MAX;
}

static struct cost cost_of(const struct rp_call *call)
{
	const struct rp_params_inflight_load_producer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_match_info *match =
		&rp_cycle_data(cycle, params->prefix_match_info_producer)->match;
	struct cost cost = {
		.input = (int64_t)rp_min_size(rp_cycle_token_count(cycle), RP_INFLIGHT_TOKENS_MAX)};

	cost.output = output_of(params, cycle->request, cost.input);
	if (match->match_blocks != NULL && match->block_tokens > 0)
		cost.match = match;
	return cost;
}

/* The partial block at a prompt's end counts as a whole one, so that it may be more than the prompt
 * has. */
static int64_t tokens_with(const struct cost *cost, int64_t matched)
{
	int64_t total, tail;

	if (cost->match == NULL)
		return cost->input + cost->output;
	total = (int64_t)cost->match->total_blocks;
	tail = cost->input - total * cost->match->block_tokens;
	return (total > matched ? total - matched : 0) * cost->match->block_tokens +
	       (tail > 0 ? tail : 0) + cost->output;
}

static int64_t matched_at(const struct cost *cost, uint32_t slot)
{
	return cost->match != NULL ? cost->match->match_blocks[slot] : 0;
}

static int produce(const struct rp_call *call)
{
	const struct rp_candidates *in = call->cycle->candidates;
	struct cost cost = cost_of(call);
	int64_t unmatched = tokens_with(&cost, 0);
	int64_t *uncached = call->load[UNCACHED];

	if (!call->cycle->wants_uncached)
		return RP_OK;
	/* Nearly all have nothing of it. */
	for (uint32_t i = 0; i < in->count; i++)
		uncached[in->table_idx[i]] = unmatched;
	for (uint32_t i = 0; i < in->count && cost.match != NULL; i++) {
		uint32_t matched = cost.match->match_blocks[in->slot[i]];

		if (RP_UNLIKELY(matched != 0))
			uncached[in->table_idx[i]] = tokens_with(&cost, matched);
	}
	call->data->load.uncached = call->load[UNCACHED];
	return RP_OK;
}

/* An answer has begun when the prompt has been computed: what was counted of it is done, and so is
 * the endpoint of a profile that is literally named "prefill". */
static uint32_t until(const struct rp_call *call, uint32_t profile)
{
	const struct rp_params_inflight_load_producer *params = call->params;

	if (rp_bytes_equal_str(rp_cycle_profile_name(call->cycle, profile), "prefill"))
		return RP_HOLD_UNTIL_CHUNK;
	return params->add_estimated_output_tokens != 0 ? RP_HOLD_UNTIL_END
							: RP_HOLD_TOKENS_UNTIL_CHUNK;
}

/* One request for the first endpoint of each profile that picked. */
static void hold(const struct rp_call *call)
{
	const struct rp_params_inflight_load_producer *params = call->params;
	struct rp_cycle *cycle = call->cycle;
	struct cost cost = cost_of(call);

	for (uint32_t i = 0; i < cycle->config->profile_count; i++) {
		uint32_t pick = rp_cycle_first_pick(cycle, i);
		struct rp_hold one = {
			.instance = params->instance, .until = until(call, i), .requests = 1};

		if (pick == RP_NO_ENDPOINT)
			continue;
		one.slot = cycle->table->endpoint[pick].slot;
		one.tokens = tokens_with(&cost, matched_at(&cost, one.slot));
		if (one.tokens > RP_INFLIGHT_TOKENS_MAX)
			one.tokens = RP_INFLIGHT_TOKENS_MAX;
		rp_followup_hold(&cycle->followup, cycle->env, &one, cycle->fairness_id,
				 cycle->priority);
	}
}

const struct rp_plugin_ops rp_inflight_load_producer = {
	.wants_load = true,
	.measure = measure,
	.produce = produce,
	.pre_request = hold,
};
