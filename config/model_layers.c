/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model.h"

static const enum rp_plugin_type default_parsers[] = {
	RP_PLUGIN_OPENAI_PARSER,
	RP_PLUGIN_ANTHROPIC_PARSER,
	RP_PLUGIN_VLLMHTTP_PARSER,
	RP_PLUGIN_PASSTHROUGH_PARSER,
};

/* Always there under these names, whatever the feature gate says. */
static const enum rp_plugin_type default_policies[] = {
	RP_PLUGIN_FCFS_ORDERING_POLICY,
	RP_PLUGIN_GLOBAL_STRICT_FAIRNESS_POLICY,
	RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY,
};

static int complete_policies(struct rp_model *model)
{
	uint32_t index;
	int r = RP_OK;

	for (size_t i = 0; i < RP_ARRAY_LEN(default_policies) && r == RP_OK; i++) {
		if (rp_model_find(model, rp_bytes_str(rp_plugin_type_name(default_policies[i]))) ==
		    NULL)
			r = rp_model_add(model, default_policies[i], RP_ORIGIN_DEFAULT, &index);
	}
	return r;
}

/* A reference that no plugin of that name answers is taken for a type. */
static int resolve_parser(struct rp_model *model, struct rp_model_ref *ref)
{
	const struct rp_model_plugin *plugin = rp_model_find(model, ref->name);
	enum rp_plugin_type type;
	int r = RP_OK;

	if (ref->name.len == 0)
		return rp_decode_fail(model->diag, ref->node,
				      "a parser is missing its 'pluginRef'");
	if (plugin == NULL && !rp_plugin_type_find(ref->name, &type))
		return rp_decode_fail(
			model->diag, ref->node,
			"plugin type '%.*s' not found in registry; a parser's pluginRef is the "
			"name of a plugin or a type",
			RP_SHOW(ref->name));
	if (plugin != NULL)
		ref->plugin = (uint32_t)(plugin - model->plugin);
	else
		r = rp_model_add(model, type, RP_ORIGIN_DEFAULT, &ref->plugin);
	if (r != RP_OK)
		return r;
	if ((rp_plugin_type_kinds(model->plugin[ref->plugin].type) & RP_KIND_PARSER) == 0)
		return rp_decode_fail(model->diag, ref->node,
				      "plugin '%.*s' is not a parser; name one that is",
				      RP_SHOW(ref->name));
	return RP_OK;
}

static int complete_parsers(struct rp_model *model)
{
	int r = RP_OK;

	if (model->parser_count == 0) {
		for (size_t i = 0; i < RP_ARRAY_LEN(default_parsers); i++)
			model->parser[model->parser_count++].name =
				rp_bytes_str(rp_plugin_type_name(default_parsers[i]));
	}
	for (uint32_t i = 0; i < model->parser_count && r == RP_OK; i++)
		r = resolve_parser(model, &model->parser[i]);
	return r;
}

static int resolve_source_ref(struct rp_model *model, struct rp_model_ref *ref)
{
	const struct rp_model_plugin *plugin = rp_model_find(model, ref->name);

	if (ref->name.len == 0)
		return rp_decode_fail(model->diag, ref->node,
				      "a data source or extractor is missing its 'pluginRef'");
	if (plugin == NULL)
		return rp_decode_fail(model->diag, ref->node,
				      "the plugin '%.*s' is not registered; list it under plugins",
				      RP_SHOW(ref->name));
	ref->plugin = (uint32_t)(plugin - model->plugin);
	return RP_OK;
}

static int resolve_source(struct rp_model *model, struct rp_model_source *source)
{
	int r = resolve_source_ref(model, &source->ref);

	if (r == RP_OK &&
	    (rp_plugin_type_kinds(model->plugin[source->ref.plugin].type) & RP_KIND_SOURCE) == 0)
		rp_config_warn(model->control,
			       "'%.*s' in dataLayer.sources is no data source and is ignored",
			       RP_SHOW(source->ref.name));
	for (uint32_t i = 0; i < source->extractor_count && r == RP_OK; i++)
		r = resolve_source_ref(model, &source->extractor[i]);
	return r;
}

/* The plugin of that type's own name: the configured one, or a new one. */
static int find_or_add(struct rp_model *model, enum rp_plugin_type type, uint32_t *ret_index)
{
	struct rp_bytes name = rp_bytes_str(rp_plugin_type_name(type));
	const struct rp_model_plugin *plugin = rp_model_find(model, name);

	if (plugin == NULL || plugin->type != type)
		return rp_model_add(model, type, RP_ORIGIN_DEFAULT, ret_index);
	*ret_index = (uint32_t)(plugin - model->plugin);
	return RP_OK;
}

/* The reference decides whether the default is wanted, not the type; as upstream. */
static bool needs_default_source(const struct rp_model *model)
{
	for (uint32_t i = 0; i < model->source_count; i++) {
		if (rp_bytes_equal_str(model->source[i].ref.name, "metrics-data-source"))
			return false;
	}
	return model->has_default_sources;
}

static int add_default_source(struct rp_model *model)
{
	struct rp_model_source source = {.extractor_count = 1};
	int r = find_or_add(model, RP_PLUGIN_METRICS_DATA_SOURCE, &source.ref.plugin);

	if (r == RP_OK)
		r = find_or_add(model, RP_PLUGIN_CORE_METRICS_EXTRACTOR,
				&source.extractor[0].plugin);
	if (r != RP_OK)
		return r;
	if (model->source_count == RP_SOURCES_MAX) {
		rp_decode_fail(model->diag, NULL, "more than %u data sources, defaults included",
			       RP_SOURCES_MAX);
		return RP_ETOOBIG;
	}
	source.ref.name = model->plugin[source.ref.plugin].name;
	source.extractor[0].name = model->plugin[source.extractor[0].plugin].name;
	model->source[model->source_count++] = source;
	return RP_OK;
}

static const struct rp_model_ref *find_core_extractor(const struct rp_model *model,
						      const struct rp_model_source *source)
{
	if (model->plugin[source->ref.plugin].type != RP_PLUGIN_METRICS_DATA_SOURCE)
		return NULL;
	for (uint32_t i = 0; i < source->extractor_count; i++) {
		if (model->plugin[source->extractor[i].plugin].type ==
		    RP_PLUGIN_CORE_METRICS_EXTRACTOR)
			return &source->extractor[i];
	}
	return NULL;
}

/* One metrics source is scraped: the first that has the core extractor. */
static int choose_metrics_source(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->source_count && r == RP_OK; i++) {
		const struct rp_model_source *source = &model->source[i];
		const struct rp_model_ref *extractor = find_core_extractor(model, source);

		if (extractor == NULL)
			continue;
		if (model->control->has_metrics_source) {
			rp_config_warn(model->control,
				       "endpoints are scraped once: data source '%.*s' is ignored",
				       RP_SHOW(source->ref.name));
			continue;
		}
		model->control->has_metrics_source = true;
		r = rp_plugin_read_params(model, &model->plugin[source->ref.plugin],
					  model->control);
		if (r == RP_OK)
			r = rp_plugin_read_params(model, &model->plugin[extractor->plugin],
						  model->control);
	}
	return r;
}

static int complete_sources(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->source_count && r == RP_OK; i++)
		r = resolve_source(model, &model->source[i]);
	if (r == RP_OK && needs_default_source(model))
		r = add_default_source(model);
	return r == RP_OK ? choose_metrics_source(model) : r;
}

/* The default detector is created; another one must be listed. */
static int resolve_saturation(struct rp_model *model)
{
	struct rp_model_ref *ref = &model->saturation;
	const struct rp_model_plugin *plugin;

	if (ref->name.len == 0)
		ref->name = rp_bytes_str(rp_plugin_type_name(RP_PLUGIN_UTILIZATION_DETECTOR));
	plugin = rp_model_find(model, ref->name);
	if (plugin == NULL && rp_bytes_equal_str(ref->name, "utilization-detector"))
		return rp_model_add(model, RP_PLUGIN_UTILIZATION_DETECTOR, RP_ORIGIN_DEFAULT,
				    &ref->plugin);
	if (plugin == NULL)
		return rp_decode_fail(
			model->diag, ref->node,
			"saturation detector references undefined plugin '%.*s'; list it under "
			"plugins",
			RP_SHOW(ref->name));
	if ((rp_plugin_type_kinds(plugin->type) & RP_KIND_DETECTOR) == 0)
		return rp_decode_fail(model->diag, ref->node != NULL ? ref->node : plugin->node,
				      "plugin '%.*s' is not a SaturationDetector; use one of type "
				      "utilization-detector or concurrency-detector",
				      RP_SHOW(ref->name));
	ref->plugin = (uint32_t)(plugin - model->plugin);
	return RP_OK;
}

static int complete_saturation(struct rp_model *model)
{
	int r = resolve_saturation(model);

	if (r == RP_OK &&
	    rp_plugin_type_state(model->plugin[model->saturation.plugin].type) == RP_STATE_BUILT)
		model->detector = model->saturation.plugin;
	return r;
}

int rp_model_complete_layers(struct rp_model *model)
{
	int r = complete_policies(model);

	if (r == RP_OK)
		r = complete_parsers(model);
	if (r == RP_OK)
		r = complete_saturation(model);
	if (r == RP_OK)
		r = complete_sources(model);
	return r == RP_OK ? rp_model_check_flow(model) : r;
}

int rp_model_complete_discovery(struct rp_model *model)
{
	struct rp_model_plugin *plugin;

	if (model->discovery.name.len == 0)
		return RP_OK;
	plugin = rp_model_find(model, model->discovery.name);
	if (plugin == NULL)
		return rp_decode_fail(
			model->diag, model->discovery.node,
			"dataLayer.discovery references undefined plugin '%.*s'; list "
			"it under plugins",
			RP_SHOW(model->discovery.name));
	if ((rp_plugin_type_kinds(plugin->type) & RP_KIND_DISCOVERY) == 0)
		return rp_decode_fail(model->diag, model->discovery.node,
				      "plugin '%.*s' is not a discovery plugin; use one of type "
				      "file-discovery",
				      RP_SHOW(plugin->name));
	return rp_plugin_read_params(model, plugin, model->control);
}
