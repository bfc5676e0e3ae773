/* SPDX-License-Identifier: Apache-2.0
 *
 * data-parallel-profile-handler: the gateway is sent to the pods' primary port, a header names the
 * rank behind it (scheduling reference 2.5).
 */
#include "dataplane/sched/profiles/profiles.h"

static uint32_t choose(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;

	return cycle->config->profile_count == 1 && rp_profiles_run(cycle) == 0 ? 1 : 0;
}

static int conclude(const struct rp_call *call)
{
	const struct rp_params_data_parallel_profile_handler *params = call->params;
	int err = rp_profiles_conclude_one(call);

	if (err == RP_OK)
		rp_profiles_point_at_rank(call->cycle, params->primary_port);
	return err;
}

const struct rp_plugin_ops rp_data_parallel_profile_handler = {.choose = choose,
							       .conclude = conclude};
