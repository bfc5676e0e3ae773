/* SPDX-License-Identifier: Apache-2.0
 *
 * single-profile-handler: runs the one profile (scheduling reference 2.5).
 */
#include "dataplane/sched/sched_plugin.h"

static uint32_t choose(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;

	return cycle->config->profile_count == 1 && !cycle->result[0].has_run ? 1 : 0;
}

static int conclude(const struct rp_call *call)
{
	struct rp_cycle *cycle = call->cycle;

	if (cycle->result[0].count == 0)
		return rp_cycle_refuse(cycle, "failed to run scheduler profile '",
				       rp_cycle_profile_name(cycle, 0), "'");
	cycle->primary = 0;
	return RP_OK;
}

const struct rp_plugin_ops rp_single_profile_handler = {.choose = choose, .conclude = conclude};
