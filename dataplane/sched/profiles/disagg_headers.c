/* SPDX-License-Identifier: Apache-2.0
 *
 * disagg-headers-handler, prefill-header-handler: the headers of disagg-profile-handler beside
 * another handler (scheduling reference 6.1).
 */
#include "dataplane/sched/profiles/profiles.h"

static void pre_request(const struct rp_call *call)
{
	const struct rp_params_disagg_headers_handler *params = call->params;

	rp_profiles_set_stage_headers(call->cycle, params->prefill_profile, params->encode_profile);
}

const struct rp_plugin_ops rp_disagg_headers_handler = {.pre_request = pre_request};
