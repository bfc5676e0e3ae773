/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of profile handlers' and reporters' parameters that params.def cannot say.
 */
#include "config/expression.h"
#include "config/param_decode.h"

/* The nested form and the flat one of older releases do not mix. */
static int check_forms(const struct rp_param_reader *reader)
{
	static const char *const flat[] = {
		"decodeProfile",     "prefillProfile",		 "encodeProfile",
		"deciderPluginName", "prefillDeciderPluginName", "encodeDeciderPluginName",
	};

	if (rp_param_node(reader, "profiles") == NULL && rp_param_node(reader, "deciders") == NULL)
		return RP_OK;
	for (size_t i = 0; i < RP_ARRAY_LEN(flat); i++) {
		if (rp_param_node(reader, flat[i]) != NULL)
			return rp_param_fail(
				reader, flat[i],
				"unknown field \"%s\" beside profiles or deciders; use one format "
				"exclusively: either nested profiles and deciders, or the "
				"deprecated flat fields",
				flat[i]);
	}
	return RP_OK;
}

int rp_params_check_disagg(const struct rp_param_reader *reader)
{
	struct rp_params_disagg_profile_handler *params = reader->params;
	struct rp_bytes *prefill = &reader->plugin->names.decider[RP_DECIDER_PREFILL];
	const struct rp_yaml_node *flat = rp_param_node(reader, "prefillDeciderPluginName");
	int r = check_forms(reader);

	if (r != RP_OK)
		return r;
	if (flat != NULL && flat->kind == RP_YAML_STR && flat->text.len > 0)
		*prefill = flat->text; /* wins over deciderPluginName */
	params->stage_order %= 2; /* "decode" and "prefill" are short for the first two words */
	if (params->stage_order == RP_STAGE_PREFILL_FIRST && prefill->len > 0)
		return rp_param_fail(reader, "stageOrder",
				     "prefill decider is not supported in prefill-first stage "
				     "order; leave one of them out");
	return RP_OK;
}

/* prefixPluginName has no effect, but the plugin must be there; it stands for the type if unset. */
static struct rp_bytes unused_name(const struct rp_param_reader *reader)
{
	const struct rp_yaml_node *name = rp_param_node(reader, "prefixPluginName");

	if (name == NULL || name->kind != RP_YAML_STR || name->text.len == 0)
		name = rp_param_node(reader, "prefixPluginType");
	return name == NULL || name->kind != RP_YAML_STR ? RP_BYTES_LIT("") : name->text;
}

int rp_params_check_pd(const struct rp_param_reader *reader)
{
	reader->plugin->names.unused = unused_name(reader);
	if (reader->plugin->names.decider[RP_DECIDER_PREFILL].len == 0)
		return rp_param_fail(reader, "deciderPluginName",
				     "decider plugin name is not defined; leave deciderPluginName "
				     "out for prefix-based-pd-decider");
	return RP_OK;
}

/* Compile an expression into the pool. */
static int compile(const struct rp_param_reader *reader, const char *name,
		   struct rp_config_str text, struct rp_config_str *ret_code)
{
	struct rp_pool *pool = &reader->model->pool;
	struct rp_expression_error error;
	size_t bytes;

	if (text.len == 0)
		return RP_OK;
	if (rp_expression_compile(rp_pool_str(pool, text), pool->data + pool->bytes,
				  pool->room - pool->bytes, &bytes, &error) != RP_OK)
		return rp_decode_fail(
			reader->model->diag,
			rp_yaml_get(rp_param_element(rp_param_node(reader, "attributes"), 0), name),
			"failed to compile %s: %u:%u: %s", name, error.line, error.column,
			error.message);
	*ret_code = (struct rp_config_str){pool->bytes, (uint32_t)bytes};
	pool->bytes += (uint32_t)bytes;
	return RP_OK;
}

int rp_params_check_reporter(const struct rp_param_reader *reader)
{
	const struct rp_params_request_attribute_reporter *params = reader->params;
	struct rp_reported_attribute *attribute =
		rp_pool_list(&reader->model->pool, params->attributes);

	if (params->attributes.count != 1)
		return rp_param_fail(reader, "attributes",
				     "attributes must contain exactly one entry, got %u",
				     params->attributes.count);
	int r = compile(reader, "expression", attribute->expression, &attribute->expression_code);

	return r == RP_OK ? compile(reader, "condition", attribute->condition,
				    &attribute->condition_code)
			  : r;
}
