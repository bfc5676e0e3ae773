/* SPDX-License-Identifier: Apache-2.0 */
#include "config/token_params.h"

#include "config/param_decode.h"

static bool is_given(const struct rp_yaml_node *parameters, const char *field)
{
	const struct rp_yaml_node *value = rp_yaml_get(parameters, field);

	return value != NULL && value->kind != RP_YAML_NULL &&
	       (value->kind != RP_YAML_STR || value->text.len > 0);
}

/* An empty mapping names no socket, and chooses nothing. */
static bool has_socket(const struct rp_yaml_node *parameters)
{
	const struct rp_yaml_node *value = rp_yaml_get(parameters, "udsTokenizerConfig");

	return is_given(parameters, "udsTokenizerConfig") &&
	       (value->kind != RP_YAML_MAP || rp_yaml_first(value) != NULL);
}

const struct rp_yaml_node *rp_token_other_backend(const struct rp_yaml_node *parameters)
{
	static const char *const fields[] = {"vllm", "modelName"};

	if (has_socket(parameters))
		return rp_yaml_get(parameters, "udsTokenizerConfig");
	for (size_t i = 0; i < RP_ARRAY_LEN(fields); i++) {
		if (is_given(parameters, fields[i]))
			return rp_yaml_get(parameters, fields[i]);
	}
	return NULL;
}

int rp_params_check_token_producer(const struct rp_param_reader *reader)
{
	const struct rp_yaml_node *node = reader->plugin->parameters;
	bool has_uds = has_socket(node);
	bool has_vllm = is_given(node, "vllm") || (is_given(node, "modelName") && !has_uds);

	if (is_given(node, "estimate") + has_vllm + has_uds > 1)
		return rp_param_fail(reader, "",
				     "only one of 'estimate', 'vllm' or 'udsTokenizerConfig' may "
				     "be set; modelName belongs to the last two");
	if ((has_vllm || has_uds) && !is_given(node, "modelName"))
		return rp_param_fail(reader, "",
				     "'modelName' must be set beside vllm and "
				     "udsTokenizerConfig: the model whose tokens count");
	return RP_OK;
}
