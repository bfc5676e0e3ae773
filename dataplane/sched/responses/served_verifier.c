/* SPDX-License-Identifier: Apache-2.0
 *
 * destination-endpoint-served-verifier: the answer says who the gateway says has served, for
 * conformance tests (ext_proc reference 5.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void pre_request(const struct rp_call *call)
{
	call->cycle->followup.says_served = true;
}

const struct rp_plugin_ops rp_destination_endpoint_served_verifier = {.pre_request = pre_request};
