/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_latency.h"

#include "shm/clock.h"

/* A delay strays by at most this share of its mean. */
#define STRAY_MAX 0.7

static double load_factor(const struct rp_sim_endpoint *endpoint)
{
	const struct rp_sim_tuning *tuning = &endpoint->tuning;

	if (tuning->max_num_seqs <= 1 || endpoint->running == 0)
		return 1;
	return 1 + (tuning->time_factor_under_load - 1) * (double)(endpoint->running - 1) /
			   (double)(tuning->max_num_seqs - 1);
}

static int64_t jitter(struct rp_sim_random *random, double mean_ns, int64_t std_dev_ns)
{
	double value = mean_ns;

	if (std_dev_ns > 0)
		value = rp_sim_random_normal(random, mean_ns, (double)std_dev_ns);
	if (value < mean_ns * (1 - STRAY_MAX))
		value = mean_ns * (1 - STRAY_MAX);
	if (value > mean_ns * (1 + STRAY_MAX))
		value = mean_ns * (1 + STRAY_MAX);
	/* The half keeps a product like 1.1 * 100 ms from losing a millisecond. */
	return (int64_t)(value + 0.5) / RP_NS_PER_MS * RP_NS_PER_MS;
}

int64_t rp_sim_latency_first_token_ns(struct rp_sim_endpoint *endpoint, uint64_t prompt_tokens)
{
	const struct rp_sim_tuning *tuning = &endpoint->tuning;
	double factor = load_factor(endpoint);
	double mean;

	if (tuning->calculator == RP_SIM_CALCULATOR_CONSTANT ||
	    (tuning->calculator == RP_SIM_CALCULATOR_DEFAULT &&
	     (tuning->time_to_first_token_ns > 0 || tuning->time_to_first_token_std_dev_ns > 0)))
		return jitter(&endpoint->random, factor * (double)tuning->time_to_first_token_ns,
			      tuning->time_to_first_token_std_dev_ns);
	mean = factor * ((double)tuning->prefill_overhead_ns +
			 (double)prompt_tokens * (double)tuning->prefill_time_per_token_ns);
	return jitter(&endpoint->random, mean, tuning->prefill_time_std_dev_ns);
}

int64_t rp_sim_latency_inter_token_ns(struct rp_sim_endpoint *endpoint)
{
	const struct rp_sim_tuning *tuning = &endpoint->tuning;

	if (tuning->inter_token_latency_ns == 0)
		return 0;
	return jitter(&endpoint->random,
		      load_factor(endpoint) * (double)tuning->inter_token_latency_ns,
		      tuning->inter_token_latency_std_dev_ns);
}
