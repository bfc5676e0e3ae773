/* SPDX-License-Identifier: Apache-2.0
 *
 * request-attribute-reporter: a number worked out from an answer's usage, for the gateway's dynamic
 * metadata (scheduling reference 3.11).
 */
#include "config/expression_run.h"
#include "dataplane/sched/sched_plugin.h"
#include "shm/log.h"

static void pre_request(const struct rp_call *call)
{
	call->cycle->followup.wants_usage = true;
}

static struct rp_expression_value run(const struct rp_config_blob *config,
				      struct rp_config_str code,
				      const struct rp_expression_usage *usage, const char *what)
{
	struct rp_expression_value value =
		rp_expression_run(rp_config_blob_str(config, code), usage);

	if (value.kind == RP_EXPR_IS_ERROR)
		RP_LOG(RP_V1, "", "Failed to evaluate", RP_F_TEXT("what", what),
		       RP_F_TEXT("error", rp_expression_fault_text(value.fault)));
	return value;
}

static bool report(const struct rp_call *call, const struct rp_usage *usage,
		   struct rp_report *ret_report)
{
	const struct rp_params_request_attribute_reporter *params = call->params;
	const struct rp_config_blob *config = call->cycle->config;
	const struct rp_config_array list = rp_config_blob_list(
		config, params->attributes, sizeof(struct rp_reported_attribute));
	const struct rp_reported_attribute *attribute = list.ptr;
	const struct rp_expression_usage counts = {
		.prompt_tokens = usage->prompt_tokens,
		.completion_tokens = usage->completion_tokens,
		.total_tokens = usage->total_tokens,
		.cached_tokens = usage->cached_tokens,
		.has_details = usage->has_cached,
	};
	struct rp_expression_value value;

	if (list.count == 0)
		return false;
	if (attribute->condition_code.len > 0) {
		value = run(config, attribute->condition_code, &counts, "condition");
		if (!rp_expression_is_met(&value))
			return false;
	}
	value = run(config, attribute->expression_code, &counts, "expression");
	*ret_report = (struct rp_report){
		.space = rp_config_blob_str(config, attribute->key_namespace),
		.key = rp_config_blob_str(config, attribute->key_name),
		.value = rp_expression_amount(&value),
	};
	return ret_report->value != 0;
}

const struct rp_plugin_ops rp_request_attribute_reporter = {
	.pre_request = pre_request,
	.report = report,
};
