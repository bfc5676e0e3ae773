/* SPDX-License-Identifier: Apache-2.0
 *
 * concurrency-detector: full when as much is under way as the endpoints may have, as this picker
 * counts it; as a filter it drops those that have it, all if need be (flow-control reference 2.2).
 */
#include "dataplane/sched/sched_plugin.h"

static const struct rp_load_info *load_of(const struct rp_call *call)
{
	const struct rp_params_concurrency_detector *params = call->params;

	return &rp_cycle_data(call->cycle, params->inflight_load_producer)->load;
}

static int64_t at(const int64_t *load, uint32_t table_idx)
{
	return load == NULL ? 0 : load[table_idx];
}

static double ratio(int64_t load, int64_t capacity)
{
	return (double)load / (double)capacity;
}

/* Of all candidates together; a capacity that does not fit is endless. */
static double ratio_of_sums(const int64_t *load, int64_t each, const struct rp_candidates *in)
{
	int64_t sum = 0, capacity;

	if (__builtin_mul_overflow(each, (int64_t)in->count, &capacity))
		capacity = INT64_MAX;
	for (uint32_t i = 0; i < in->count; i++)
		sum += at(load, in->table_idx[i]);
	return ratio(sum, capacity);
}

static double saturation(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_concurrency_detector *params = call->params;
	const struct rp_load_info *load = load_of(call);
	double sum = 0;

	if (in->count == 0)
		return 1.0;
	if (params->concurrency_mode == RP_CONCURRENCY_REQUESTS)
		return ratio_of_sums(load->requests, params->max_concurrency, in);
	if (params->concurrency_mode == RP_CONCURRENCY_TOKENS)
		return ratio_of_sums(load->tokens, params->max_token_concurrency, in);
	for (uint32_t i = 0; i < in->count; i++) {
		double requests =
			ratio(at(load->requests, in->table_idx[i]), params->max_concurrency);
		double tokens =
			ratio(at(load->tokens, in->table_idx[i]), params->max_token_concurrency);

		sum += requests > tokens ? requests : tokens;
	}
	return sum / in->count;
}

static int64_t limit(int64_t capacity, double headroom)
{
	double value = (double)capacity * (1.0 + headroom);

	return value < 0x1p63 ? (int64_t)value : INT64_MAX;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_concurrency_detector *params = call->params;
	const struct rp_load_info *load = load_of(call);
	bool by_requests = params->concurrency_mode != RP_CONCURRENCY_TOKENS;
	bool by_tokens = params->concurrency_mode != RP_CONCURRENCY_REQUESTS;
	int64_t requests_limit = limit(params->max_concurrency, params->headroom);
	int64_t tokens_limit = limit(params->max_token_concurrency, params->headroom);
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t table_idx = in->table_idx[i];

		kept[count] = i;
		count += (!by_requests || at(load->requests, table_idx) < requests_limit) &&
			 (!by_tokens || at(load->tokens, table_idx) < tokens_limit);
	}
	return (int)count;
}

const struct rp_plugin_ops rp_concurrency_detector = {.filter = filter, .saturation = saturation};
