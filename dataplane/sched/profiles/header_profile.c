/* SPDX-License-Identifier: Apache-2.0
 *
 * header-profile-handler: runs the profile that a request header names (scheduling reference 2.5).
 */
#include "dataplane/sched/profiles/profiles.h"

static uint32_t choose(const struct rp_call *call)
{
	const struct rp_params_header_profile_handler *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	struct rp_bytes wanted;

	if (rp_profiles_run(cycle) != 0)
		return 0;
	if (cycle->config->profile_count == 1)
		return 1;
	wanted = rp_bytes_trim(
		rp_cycle_header(cycle, rp_config_blob_str(cycle->config, params->header_name)));
	return rp_profile_bit(wanted.len == 0 ? params->default_profile
					      : rp_cycle_find_profile(cycle, wanted));
}

const struct rp_plugin_ops rp_header_profile_handler = {.choose = choose,
							.conclude = rp_profiles_conclude_one};
