/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "config/model.h"

static const struct {
	uint32_t kinds;
	enum rp_stability stability;
	const char *text;
} catalogue[] = {
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) {kinds, stability, text},
#include "config/plugins.def"
#undef RP_PLUGIN
};

uint32_t rp_plugin_type_kinds(enum rp_plugin_type type)
{
	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return catalogue[type].kinds;
}

enum rp_stability rp_plugin_type_stability(enum rp_plugin_type type)
{
	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return catalogue[type].stability;
}

const char *rp_plugin_type_text(enum rp_plugin_type type)
{
	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return catalogue[type].text;
}

bool rp_plugin_type_find(struct rp_bytes name, enum rp_plugin_type *ret_type)
{
	for (uint32_t i = 0; i < RP_PLUGIN_TYPE_COUNT; i++) {
		if (rp_bytes_equal_str(name, rp_plugin_type_name((enum rp_plugin_type)i))) {
			*ret_type = (enum rp_plugin_type)i;
			return true;
		}
	}
	return false;
}

int rp_plugin_type_check_built(struct rp_diag *diag, const struct rp_yaml_node *node,
			       enum rp_plugin_type type)
{
	enum rp_plugin_state state = rp_plugin_type_state(type);

	if (state == RP_STATE_PENDING)
		return rp_decode_fail(diag, node,
				      "plugin type '%s' is known but not built yet; leave it out",
				      rp_plugin_type_name(type));
	if (state == RP_STATE_MISSING)
		return rp_decode_fail(diag, node,
				      "plugin type '%s' is known but not built yet: %s; leave "
				      "it out until then",
				      rp_plugin_type_name(type), rp_plugin_type_text(type));
	return RP_OK;
}

void rp_config_warn(struct rp_config_control *control, const char *format, ...)
{
	char text[sizeof(control->warning[0])] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Parameters of the chosen plugins are read twice. */
	for (uint32_t i = 0; i < control->warning_count; i++) {
		if (strcmp(control->warning[i], text) == 0)
			return;
	}
	if (control->warning_count < RP_CONFIG_WARNINGS_MAX)
		memcpy(control->warning[control->warning_count++], text, sizeof(text));
}

struct rp_model_plugin *rp_model_find(struct rp_model *model, struct rp_bytes name)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (rp_bytes_equal(model->plugin[i].name, name))
			return &model->plugin[i];
	}
	return NULL;
}

const struct rp_model_plugin *rp_model_find_type(const struct rp_model *model,
						 enum rp_plugin_type type)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (model->plugin[i].type == type)
			return &model->plugin[i];
	}
	return NULL;
}

static int check_type(struct rp_model *model, struct rp_model_plugin *plugin)
{
	const struct rp_yaml_node *at = rp_yaml_get(plugin->node, "type");

	if (plugin->type_name.len == 0)
		return rp_decode_fail(
			model->diag, plugin->node,
			"plugin '%.*s' is missing a type; `ringpick plugins` lists them",
			RP_SHOW(plugin->name));
	if (rp_plugin_type_find(plugin->type_name, &plugin->type))
		return RP_OK;
	return rp_decode_fail(model->diag, at,
			      "plugin type '%.*s' is not registered; `ringpick plugins` lists the "
			      "types",
			      RP_SHOW(plugin->type_name));
}

static int check_name(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	const struct rp_yaml_node *at = rp_yaml_get(plugin->node, "name");
	const struct rp_model_plugin *first = rp_model_find(model, plugin->name);

	if (at == NULL)
		at = plugin->node;
	if (plugin->name.len > RP_PLUGIN_NAME_MAX)
		return rp_decode_fail(model->diag, at, "plugin names have at most %u bytes",
				      RP_PLUGIN_NAME_MAX);
	if (first != plugin)
		return rp_decode_fail(
			model->diag, at,
			"duplicate plugin name '%.*s', first used on line %u; give one "
			"of them another name",
			RP_SHOW(plugin->name), first->node->line);
	return RP_OK;
}

static int check_precise_producer(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	const struct rp_yaml_node *indexer = rp_yaml_get(plugin->parameters, "indexerConfig");
	const struct rp_yaml_node *pool = rp_yaml_get(indexer, "tokenizersPoolConfig");

	if (pool == NULL || pool->kind == RP_YAML_NULL)
		return RP_OK;
	return rp_decode_fail(model->diag, pool,
			      "failed to create plugin '%.*s' (type: %.*s): tokenizersPoolConfig "
			      "is not supported; configure a token-producer plugin instead",
			      RP_SHOW(plugin->name), RP_SHOW(plugin->type_name));
}

/* It reads what the precise producer of the configuration finds out, if there is one. */
static int check_precise_scorer(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	const struct rp_model_plugin *found =
		rp_model_find_type(model, RP_PLUGIN_PRECISE_PREFIX_CACHE_PRODUCER);

	for (uint32_t i = 0; found != NULL && i < model->plugin_count; i++) {
		const struct rp_model_plugin *other = &model->plugin[i];

		if (other->type == found->type && other != found)
			return rp_decode_fail(
				model->diag, plugin->node,
				"failed to create plugin '%.*s': multiple "
				"precise-prefix-cache-producer instances configured ('%.*s', "
				"'%.*s'); use prefix-cache-scorer, which names its producer",
				RP_SHOW(plugin->name), RP_SHOW(found->name), RP_SHOW(other->name));
	}
	return RP_OK;
}

static void read_name(const struct rp_model_plugin *plugin, const char *field,
		      struct rp_bytes *ret_name)
{
	const struct rp_yaml_node *value = rp_yaml_get(plugin->parameters, field);

	if (value != NULL && value->kind == RP_YAML_STR)
		*ret_name = value->text;
}

static void read_predictor(struct rp_model_plugin *plugin)
{
	const struct rp_yaml_node *media =
		rp_yaml_get(plugin->parameters, "useEncoderCacheFeatures");
	struct rp_bytes *producer = plugin->names.producer;
	bool has_media;

	read_name(plugin, "prefixMatchInfoProducerName", &producer[RP_DATA_PREFIX]);
	read_name(plugin, "inFlightLoadProducerName", &producer[RP_DATA_INFLIGHT]);
	read_name(plugin, "encoderCacheMatchInfoProducerName", &producer[RP_DATA_MEDIA]);
	if (media != NULL && rp_yaml_bool(media, &has_media) == RP_OK && has_media)
		plugin->names.wanted |= 1u << RP_DATA_MEDIA;
}

/* Of types that are not built, as much of the parameters as other plugins depend on. */
static int read_missing(struct rp_model *model, struct rp_model_plugin *plugin)
{
	if (plugin->type == RP_PLUGIN_PRECISE_PREFIX_CACHE_PRODUCER)
		return check_precise_producer(model, plugin);
	if (plugin->type == RP_PLUGIN_PRECISE_PREFIX_CACHE_SCORER)
		return check_precise_scorer(model, plugin);
	if (plugin->type == RP_PLUGIN_PREDICTED_LATENCY_PRODUCER)
		read_predictor(plugin);
	return RP_OK;
}

int rp_model_instantiate(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++) {
		r = check_type(model, &model->plugin[i]);
		if (r == RP_OK)
			r = check_name(model, &model->plugin[i]);
	}
	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++)
		r = rp_plugin_read_params(model, &model->plugin[i], model->scratch);
	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++)
		r = read_missing(model, &model->plugin[i]);
	return r == RP_OK ? rp_model_link_deciders(model) : r;
}

int rp_model_add(struct rp_model *model, enum rp_plugin_type type, enum rp_origin origin,
		 uint32_t *ret_index)
{
	struct rp_bytes name = rp_bytes_str(rp_plugin_type_name(type));
	const struct rp_model_plugin *other = rp_model_find(model, name);

	if (other != NULL)
		return rp_decode_fail(
			model->diag, other->node,
			"the name '%.*s' is needed for a default plugin of that type; "
			"give this one another name",
			RP_SHOW(name));
	if (model->plugin_count == RP_PLUGINS_MAX) {
		rp_decode_fail(model->diag, NULL, "more than %u plugins, defaults included",
			       RP_PLUGINS_MAX);
		return RP_ETOOBIG;
	}
	struct rp_model_plugin *plugin = &model->plugin[model->plugin_count];

	*plugin = (struct rp_model_plugin){
		.name = name,
		.type_name = name,
		.type = type,
		.origin = origin,
		.index = model->plugin_count,
	};
	*ret_index = model->plugin_count++;
	return rp_plugin_read_params(model, plugin, model->scratch);
}
