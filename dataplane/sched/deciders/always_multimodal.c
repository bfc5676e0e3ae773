/* SPDX-License-Identifier: Apache-2.0
 *
 * always-disagg-multimodal-decider: a stage of its own for every request with images, videos or
 * sound (scheduling reference 6.2).
 */
#include "dataplane/sched/sched_plugin.h"

static bool decide(const struct rp_call *call, uint32_t table_idx)
{
	const struct rp_request *request = call->cycle->request;

	(void)table_idx;
	for (uint32_t i = 0; i < request->prompt_count; i++) {
		if (request->prompts[i].feature_count > 0)
			return true;
	}
	return false;
}

const struct rp_plugin_ops rp_always_disagg_multimodal_decider = {.decide = decide};
