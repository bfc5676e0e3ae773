/* SPDX-License-Identifier: Apache-2.0
 *
 * single-profile-handler: runs the one profile (scheduling reference 2.5).
 */
#include "dataplane/sched/sched_plugin.h"

static uint32_t pick(const struct rp_config_blob *config)
{
	return config->profile_count == 1 ? 0 : RP_CONFIG_NONE;
}

extern const struct rp_profile_handler rp_single_profile_handler;
const struct rp_profile_handler rp_single_profile_handler = {.pick = pick};
