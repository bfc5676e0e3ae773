/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of the pipeline: what is experimental, what is deprecated, and what this build does not
 * have.
 */
#include <stdio.h>

#include "config/model.h"
#include "config/token_params.h"

static void append(char *out, size_t out_bytes, size_t *len, const struct rp_model_plugin *plugin)
{
	int n;

	if (*len >= out_bytes)
		return;
	n = snprintf(out + *len, out_bytes - *len, "%s'%.*s' (type: %s)", *len == 0 ? "" : ", ",
		     (int)rp_min_size(plugin->name.len, 80), (const char *)plugin->name.ptr,
		     rp_plugin_type_name(plugin->type));
	*len += n < 0 ? 0 : (size_t)n;
}

static void warn_deprecated(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	if (plugin->type == RP_PLUGIN_DATA_PARALLEL_PROFILE_HANDLER)
		rp_config_warn(model->control,
			       "plugin type data-parallel-profile-handler is deprecated: gateways "
			       "of Istio 1.28.1 and later know several target ports");
	if (rp_plugin_type_stability(plugin->type) == RP_DEPRECATED)
		rp_config_warn(model->control, "plugin '%.*s': type %s is deprecated; use %s",
			       RP_SHOW(plugin->name), rp_plugin_type_name(plugin->type),
			       rp_plugin_type_text(plugin->type));
}

int rp_model_check_stability(struct rp_model *model, bool has_experimental)
{
	const struct rp_model_plugin *first = NULL;
	char list[600] = "";
	uint32_t count = 0;
	size_t len = 0;

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];

		warn_deprecated(model, plugin);
		if (rp_plugin_type_stability(plugin->type) != RP_ALPHA)
			continue;
		first = first == NULL ? plugin : first;
		append(list, sizeof(list), &len, plugin);
		count++;
	}
	if (count == 0 || has_experimental)
		return RP_OK;
	return rp_decode_fail(model->diag, first->node,
			      "%s experimental: %s; start with --allow-experimental-plugins to "
			      "permit %s",
			      count == 1 ? "this plugin is" : "these plugins are", list,
			      count == 1 ? "it" : "them");
}

/* Types that are built, but not for all that their parameters may ask for. */
static int refuse_parameters(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	const struct rp_yaml_node *scheme = rp_yaml_get(plugin->parameters, "scheme");
	const struct rp_yaml_node *backend = NULL;

	if (plugin->type == RP_PLUGIN_METRICS_DATA_SOURCE && scheme != NULL &&
	    rp_bytes_equal_str(scheme->text, "https"))
		return rp_decode_fail(model->diag, scheme,
				      "scheme https of %.*s is known but not built yet; use http",
				      RP_SHOW(plugin->type_name));
	if (plugin->type == RP_PLUGIN_TOKEN_PRODUCER || plugin->type == RP_PLUGIN_TOKENIZER)
		backend = rp_token_other_backend(plugin->parameters);
	if (backend == NULL)
		return RP_OK;
	return rp_decode_fail(model->diag, backend,
			      "plugin '%.*s' asks for a tokenizer outside, and this build talks to "
			      "none yet: leave the backend out, and tokens are estimated from the "
			      "prompt's bytes",
			      RP_SHOW(plugin->name));
}

int rp_model_refuse_missing(struct rp_model *model)
{
	int r = RP_OK;

	if (model->gates.has_flow_control)
		return rp_decode_fail(
			model->diag, model->gates_node,
			"feature gate flowControl is known but not built yet: it needs "
			"the queueing layer, which this build has not; leave it out "
			"or write flowControl=false, and requests are admitted at "
			"once, those of negative priority while the pool has room");
	if (model->peer_node != NULL)
		return rp_decode_fail(
			model->diag, model->peer_node,
			"dataLayer.peerDiscovery is known but not built yet: replicas "
			"do not tell each other their load; leave it out");
	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];
		const struct rp_yaml_node *at = rp_yaml_get(plugin->node, "type");

		/* What a default brought in has no part in any decision, or is told of. */
		if (plugin->origin == RP_ORIGIN_FILE)
			r = rp_plugin_type_check_built(model->diag, at == NULL ? plugin->node : at,
						       plugin->type);
		if (r == RP_OK)
			r = refuse_parameters(model, plugin);
	}
	for (uint32_t i = 0; i < model->parser_count && r == RP_OK; i++) {
		if (model->parser[i].node != NULL)
			r = rp_plugin_type_check_built(model->diag, model->parser[i].node,
						       model->plugin[model->parser[i].plugin].type);
	}
	return r;
}
