/* SPDX-License-Identifier: Apache-2.0
 *
 * probabilistic-admitter: the fuller the endpoints, the likelier a request that may be shed is
 * refused (scheduling reference 3.11).
 */
#include <math.h>
#include <stdio.h>

#include "dataplane/sched/sched_plugin.h"

static double saturation_of(const struct rp_params_probabilistic_admitter *params,
			    const struct rp_candidates *in)
{
	double sum = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		double queue = in->waiting[i] / (double)params->queue_depth_threshold;
		double kv = in->kv_usage[i] / params->kv_cache_util_threshold;

		sum += queue > kv ? queue : kv;
	}
	return sum / in->count;
}

static struct rp_bytes reason(struct rp_arena *arena, double saturation, double probability)
{
	enum { TEXT_BYTES = 160 };
	char *text = rp_arena_alloc(arena, TEXT_BYTES);

	if (text == NULL)
		return RP_BYTES_LIT("probabilistic-admitter: rejected");
	(void)snprintf(text, TEXT_BYTES,
		       "inference error: ResourceExhausted - probabilistic-admitter: rejected, "
		       "saturation=%.3f prob=%.2f",
		       saturation, probability);
	return rp_bytes_str(text);
}

static bool admit(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_probabilistic_admitter *params = call->params;
	struct rp_cycle *cycle = call->cycle;
	double saturation, probability;

	if (cycle->priority >= 0 || in->count == 0)
		return true;
	saturation = saturation_of(params, in);
	probability = pow(saturation, params->power) * params->k;
	if (probability > 1.0)
		probability = 1.0;
	if (!(rp_env_random_unit(cycle->env) < probability))
		return true;
	cycle->reason = reason(cycle->arena, saturation, probability);
	return false;
}

const struct rp_plugin_ops rp_probabilistic_admitter = {
	.figures = RP_FIGURE_WAITING | RP_FIGURE_KV_USAGE, .admit = admit};
