/* SPDX-License-Identifier: Apache-2.0
 *
 * agent-identity: the first session header of coding agents that a request has (scheduling
 * reference 3.7).
 */
#include "dataplane/sched/sched_plugin.h"

static void read_headers(const struct rp_call *call)
{
	const struct rp_params_agent_identity *params = call->params;
	const struct rp_config_blob *config = call->cycle->config;
	struct rp_config_array names =
		rp_config_blob_list(config, params->headers, sizeof(struct rp_config_str));
	const struct rp_config_str *name = names.ptr;

	for (uint32_t i = 0; i < names.count && call->data->text.len == 0; i++)
		call->data->text =
			rp_cycle_header(call->cycle, rp_config_blob_str(config, name[i]));
}

const struct rp_plugin_ops rp_agent_identity = {.read_headers = read_headers, .has_note = true};
