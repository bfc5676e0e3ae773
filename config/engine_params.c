/* SPDX-License-Identifier: Apache-2.0
 *
 * core-metrics-extractor: from its parameters to the engines that control reads metrics by.
 */
#include "config/control_params.h"
#include "config/param_decode.h"

/* One of engineConfigs' elements. */
struct engine_reader {
	const struct rp_param_reader *reader;
	const struct rp_params_engine *params;
	const struct rp_yaml_node *node;
	struct rp_engine_config *engine;
};

static int copy_str(const struct rp_param_reader *reader, const struct rp_yaml_node *node,
		    const char *field, struct rp_config_str str, char *out, size_t out_bytes)
{
	if (str.len >= out_bytes)
		return rp_decode_fail(reader->model->diag, rp_yaml_get(node, field),
				      "%s has at most %zu bytes", field, out_bytes - 1);
	rp_bytes_to_str(rp_param_str(reader, str), out, out_bytes);
	return RP_OK;
}

/* A spec must parse; the message of the parser is put in its place in the file. */
static int check_spec(const struct rp_param_reader *reader, const struct rp_yaml_node *node,
		      const char *field, struct rp_config_str value)
{
	struct rp_metric_spec spec;
	struct rp_diag why = {0};

	if (rp_metric_spec_parse(rp_param_str(reader, value), &spec, &why) == RP_OK)
		return RP_OK;
	return rp_decode_fail(reader->model->diag, rp_yaml_get(node, field), "%s: %.600s", field,
			      why.message);
}

static int read_specs(const struct engine_reader *e)
{
	static const char *const names[RP_ENGINE_FIELDS] = {
		[RP_ENGINE_QUEUED] = "queuedRequestsSpec",
		[RP_ENGINE_RUNNING] = "runningRequestsSpec",
		[RP_ENGINE_KV_USAGE] = "kvUsageSpec",
		[RP_ENGINE_LORA] = "loraSpec",
		[RP_ENGINE_CACHE_INFO] = "cacheInfoSpec",
		[RP_ENGINE_BLOCK_SIZE] = "cacheBlockSizeSpec",
		[RP_ENGINE_NUM_BLOCKS] = "cacheNumBlocksSpec",
	};
	int r = RP_OK;

	for (uint32_t i = 0; i < RP_ENGINE_FIELDS && r == RP_OK; i++) {
		r = check_spec(e->reader, e->node, names[i], e->params->spec[i]);
		if (r == RP_OK)
			r = copy_str(e->reader, e->node, names[i], e->params->spec[i],
				     e->engine->spec[i], sizeof(e->engine->spec[i]));
	}
	return r;
}

static int read_custom(const struct engine_reader *e, const struct rp_yaml_node *node,
		       const struct rp_params_custom_metric *custom)
{
	struct rp_bytes key = rp_param_str(e->reader, custom->attribute_key);
	struct rp_diag *diag = e->reader->model->diag;
	uint32_t index;
	int r = check_spec(e->reader, node, "metricSpec", custom->metric_spec);

	if (r == RP_OK && rp_bytes_trim(rp_param_str(e->reader, custom->metric_spec)).len == 0)
		r = rp_decode_fail(diag, node, "a custom metric needs attributeKey and metricSpec");
	if (r != RP_OK)
		return r;
	if (rp_engine_attribute_add(&e->reader->control->attributes, key, &index) != RP_OK)
		return rp_decode_fail(diag, node,
				      "customMetrics of all engines have at most %u different "
				      "attributeKeys of at most %u bytes",
				      RP_CUSTOM_FIGURES_MAX, RP_ATTRIBUTE_KEY_MAX - 1);
	if (e->engine->custom_spec[index][0] != '\0')
		return rp_decode_fail(diag, node, "attributeKey '%.*s' is used twice in one engine",
				      RP_SHOW(key));
	return copy_str(e->reader, node, "metricSpec", custom->metric_spec,
			e->engine->custom_spec[index], sizeof(e->engine->custom_spec[index]));
}

static int read_customs(const struct engine_reader *e)
{
	const struct rp_yaml_node *list = rp_yaml_get(e->node, "customMetrics");
	const struct rp_params_custom_metric *custom =
		rp_pool_list(&e->reader->model->pool, e->params->customs);
	int r = RP_OK;

	memset(e->engine->custom_spec, 0, sizeof(e->engine->custom_spec));
	for (uint32_t i = 0; i < e->params->customs.count && r == RP_OK; i++)
		r = read_custom(e, rp_param_element(list, i), &custom[i]);
	return r;
}

static int check_name(const struct engine_reader *e)
{
	const struct rp_config_control *control = e->reader->control;
	const struct rp_yaml_node *at = rp_yaml_get(e->node, "name");
	struct rp_bytes name = rp_bytes_str(e->engine->name);

	if (rp_bytes_equal_str(name, "default"))
		return rp_decode_fail(e->reader->model->diag, at,
				      "the engine name 'default' is reserved; set defaultEngine "
				      "instead");
	for (uint32_t i = 0; i < control->engine_count; i++) {
		if (rp_bytes_equal_str(name, control->engine[i].name))
			return rp_decode_fail(e->reader->model->diag, at,
					      "engine '%.*s' is configured twice", RP_SHOW(name));
	}
	return RP_OK;
}

static int read_engine(const struct engine_reader *e)
{
	struct rp_engine_config *engine = e->engine;
	int r = copy_str(e->reader, e->node, "name", e->params->name, engine->name,
			 sizeof(engine->name));

	if (r == RP_OK)
		r = check_name(e);
	if (r == RP_OK)
		r = copy_str(e->reader, e->node, "cacheBlockSizeLabelName",
			     e->params->block_size_label, engine->block_size_label,
			     sizeof(engine->block_size_label));
	if (r == RP_OK)
		r = copy_str(e->reader, e->node, "cacheNumBlocksLabelName",
			     e->params->num_blocks_label, engine->num_blocks_label,
			     sizeof(engine->num_blocks_label));
	if (r == RP_OK)
		r = read_specs(e);
	return r == RP_OK ? read_customs(e) : r;
}

int rp_params_check_core_extractor(const struct rp_param_reader *reader)
{
	const struct rp_params_core_metrics_extractor *params = reader->params;
	const struct rp_yaml_node *node = reader->plugin->parameters;
	const struct rp_yaml_node *list = rp_param_node(reader, "engineConfigs");
	const struct rp_params_engine *engine = rp_pool_list(&reader->model->pool, params->engines);
	const struct rp_yaml_node *place = rp_yaml_get(node, "defaultEngine");
	struct rp_config_control *control = reader->control;
	int r = copy_str(reader, node, "engineLabelKey", params->engine_label_key,
			 control->engine_label_key, sizeof(control->engine_label_key));

	control->default_engine_line = place == NULL ? 0 : place->line;
	control->default_engine_column = place == NULL ? 0 : place->column;
	if (r == RP_OK)
		r = copy_str(reader, node, "defaultEngine", params->default_engine,
			     control->default_engine, sizeof(control->default_engine));
	if (r == RP_OK && params->engines.count > RP_ENGINE_CONFIGS_MAX)
		r = rp_param_fail(reader, "engineConfigs", "more than %u engineConfigs",
				  RP_ENGINE_CONFIGS_MAX);
	control->engine_count = 0;
	control->attributes.count = 0;
	for (uint32_t i = 0; i < params->engines.count && r == RP_OK; i++) {
		const struct engine_reader e = {reader, &engine[i], rp_param_element(list, i),
						&control->engine[i]};

		r = read_engine(&e);
		control->engine_count++;
	}
	return r;
}
