/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/control_params.h"
#include "config/param_decode.h"

int rp_params_check(const struct rp_param_reader *reader)
{
	static rp_param_check *const checks[RP_PARAMS_SETS] = {
		[RP_PARAMS_PICKER] = rp_params_check_picker,
		[RP_PARAMS_DISAGG_PROFILE_HANDLER] = rp_params_check_disagg,
		[RP_PARAMS_PD_PROFILE_HANDLER] = rp_params_check_pd,
		[RP_PARAMS_ENDPOINT_ATTRIBUTE_SCORER] = rp_params_check_attribute_scorer,
		[RP_PARAMS_ENDPOINT_ATTRIBUTE_FILTER] = rp_params_check_attribute_filter,
		[RP_PARAMS_UTILIZATION_FILTER] = rp_params_check_utilization,
		[RP_PARAMS_PREFIX_CACHE_SCORER] = rp_params_check_prefix_scorer,
		[RP_PARAMS_PREFIX_CACHE_AFFINITY_FILTER] = rp_params_check_prefix_affinity,
		[RP_PARAMS_APPROX_PREFIX_CACHE_PRODUCER] = rp_params_check_approx_producer,
		[RP_PARAMS_BURST_PREFIX_CACHE_PRODUCER] = rp_params_check_burst,
		[RP_PARAMS_INFLIGHT_LOAD_PRODUCER] = rp_params_check_inflight,
		[RP_PARAMS_TOKEN_PRODUCER] = rp_params_check_token_producer,
		[RP_PARAMS_SESSION_AFFINITY] = rp_params_check_session_affinity,
		[RP_PARAMS_SESSION_ID_PRODUCER] = rp_params_check_session_id,
		[RP_PARAMS_AGENT_IDENTITY] = rp_params_check_agent_identity,
		[RP_PARAMS_LABEL_SELECTOR] = rp_params_check_selector,
		[RP_PARAMS_BY_LABEL] = rp_params_check_by_label,
		[RP_PARAMS_DISAGGREGATEDSET_ROLLOUT_SCREENER] = rp_params_check_rollout,
		[RP_PARAMS_REQUEST_ATTRIBUTE_REPORTER] = rp_params_check_reporter,
		[RP_PARAMS_METRICS_DATA_SOURCE] = rp_params_check_metrics_source,
		[RP_PARAMS_CORE_METRICS_EXTRACTOR] = rp_params_check_core_extractor,
		[RP_PARAMS_FILE_DISCOVERY] = rp_params_check_file_discovery,
	};

	return checks[reader->set] == NULL ? RP_OK : checks[reader->set](reader);
}

static int read_params(struct rp_model *model, const struct rp_path *path,
		       struct rp_model_plugin *plugin, struct rp_config_control *control)
{
	union {
#define RP_PARAM_SET_CONTROL(id, name) struct rp_params_##name name;
#include "config/params.def"
	} of_control;
	uint32_t pool_bytes = model->pool.bytes;
	struct rp_param_reader reader = {
		.model = model,
		.plugin = plugin,
		.path = path,
		.set = rp_plugin_type_params(plugin->type),
		.params = &plugin->params,
		.control = control,
	};
	bool is_of_control = rp_config_params_bytes(plugin->type) == 0;
	int r;

	if (reader.set == RP_PARAMS_NONE)
		return RP_OK;
	if (is_of_control)
		reader.params = &of_control;
	r = rp_params_decode(&reader);
	if (r == RP_OK)
		r = rp_params_check(&reader);
	if (is_of_control)
		model->pool.bytes = pool_bytes; /* control has its copy */
	return r;
}

int rp_plugin_read_params(struct rp_model *model, struct rp_model_plugin *plugin,
			  struct rp_config_control *control)
{
	const struct rp_path list = {NULL, "plugins", 0};
	const struct rp_path element = {&list, NULL, plugin->index};
	const struct rp_path path = {&element, "parameters", 0};
	char reason[RP_DIAG_MESSAGE_MAX];
	int r = read_params(model, &path, plugin, control);

	if (r == RP_OK)
		return RP_OK;
	rp_bytes_to_str(rp_bytes_str(model->diag->message), reason, sizeof(reason));
	snprintf(model->diag->message, sizeof(model->diag->message),
		 "failed to create plugin '%.*s' (type: %.*s): %.512s", RP_SHOW(plugin->name),
		 RP_SHOW(plugin->type_name), reason);
	return r;
}
