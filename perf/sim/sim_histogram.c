/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_histogram.h"

static const double first_token_bounds[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
					    0.25,  0.5,	  0.75, 1,    2.5,  5,	  7.5,	10,
					    20,	   40,	  80,	160,  640,  2560};
static const double per_token_bounds[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
					  0.75, 1,     2.5,  5,	    7.5, 10,   20,  40,	 80};
static const double request_bounds[] = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
					30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
/* Powers 1-2-5; a model's length cuts the list. */
static const double token_bounds[] = {1,   2,	5,   10,  20,  50,  100, 200, 500, 1000,
				      2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6,
				      5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9};

static_assert(RP_ARRAY_LEN(token_bounds) < RP_SIM_BUCKETS_MAX, "room for +Inf");

uint32_t rp_sim_histogram_bounds(enum rp_sim_bounds bounds, uint32_t max_model_len,
				 const double **ret_bounds)
{
	uint32_t count = 0;

	switch (bounds) {
	case RP_SIM_BOUNDS_FIRST_TOKEN:
		*ret_bounds = first_token_bounds;
		return RP_ARRAY_LEN(first_token_bounds);
	case RP_SIM_BOUNDS_PER_TOKEN:
		*ret_bounds = per_token_bounds;
		return RP_ARRAY_LEN(per_token_bounds);
	case RP_SIM_BOUNDS_REQUEST:
		*ret_bounds = request_bounds;
		return RP_ARRAY_LEN(request_bounds);
	case RP_SIM_BOUNDS_TOKENS:
		break;
	}
	while (count < RP_ARRAY_LEN(token_bounds) && token_bounds[count] <= max_model_len)
		count++;
	*ret_bounds = token_bounds;
	return count;
}

void rp_sim_histogram_add(struct rp_sim_histogram *histogram, const double *bounds,
			  uint32_t bound_count, double value, uint64_t samples)
{
	uint32_t bucket = 0;

	while (bucket < bound_count && value > bounds[bucket])
		bucket++;
	histogram->buckets[bucket] += samples;
	histogram->count += samples;
	histogram->sum += value * (double)samples;
}

const char *rp_sim_finish_name(enum rp_sim_finish finish)
{
	switch (finish) {
	case RP_SIM_FINISH_CACHE_THRESHOLD:
		return "cache_threshold";
	case RP_SIM_FINISH_LENGTH:
		return "length";
	case RP_SIM_FINISH_REMOTE_DECODE:
		return "remote_decode";
	case RP_SIM_FINISH_STOP:
		return "stop";
	case RP_SIM_FINISH_TOOL_CALLS:
		return "tool_calls";
	case RP_SIM_FINISH_COUNT:
		break;
	}
	return "unknown";
}
