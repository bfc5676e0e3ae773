/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model.h"

/* One of engineConfigs' elements while it is read. */
struct engine_reader {
	struct rp_model *model;
	const struct rp_path *path;
	const struct rp_yaml_node *node;
	struct rp_engine_config *engine;
};

static int copy_name(const struct engine_reader *reader, const char *field, struct rp_bytes value,
		     char *out, size_t out_bytes)
{
	if (value.len >= out_bytes)
		return rp_decode_fail(reader->model->diag, rp_yaml_get(reader->node, field),
				      "%s has at most %zu bytes", field, out_bytes - 1);
	rp_bytes_to_str(value, out, out_bytes);
	return RP_OK;
}

/* A spec must parse; the message of the parser is put in its place in the file. */
static int check_spec(struct rp_model *model, const struct rp_yaml_node *node, const char *field,
		      struct rp_bytes value)
{
	struct rp_metric_spec spec;
	struct rp_diag why = {0};

	if (rp_metric_spec_parse(value, &spec, &why) == RP_OK)
		return RP_OK;
	return rp_decode_fail(model->diag, rp_yaml_get(node, field), "%s: %.600s", field,
			      why.message);
}

static int read_specs(const struct engine_reader *reader, const struct rp_bytes *specs)
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
		r = check_spec(reader->model, reader->node, names[i], specs[i]);
		if (r == RP_OK)
			r = copy_name(reader, names[i], specs[i], reader->engine->spec[i],
				      sizeof(reader->engine->spec[i]));
	}
	return r;
}

static int read_custom(const struct engine_reader *reader, const struct rp_path *path,
		       const struct rp_yaml_node *node, struct rp_engine_attributes *attributes)
{
	struct rp_bytes key = RP_BYTES_LIT("");
	struct rp_bytes spec = RP_BYTES_LIT("");
	const struct rp_field fields[] = {
		{"attributeKey", RP_FIELD_STR, &key},
		{"metricSpec", RP_FIELD_STR, &spec},
	};
	const struct engine_reader of_node = {reader->model, path, node, reader->engine};
	struct rp_diag *diag = reader->model->diag;
	uint32_t index;
	int r = rp_decode_object(diag, path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK && (key.len == 0 || rp_bytes_trim(spec).len == 0))
		return rp_decode_fail(diag, node,
				      "a custom metric needs attributeKey and metricSpec");
	if (r == RP_OK)
		r = check_spec(reader->model, node, "metricSpec", spec);
	if (r != RP_OK)
		return r;
	if (rp_engine_attribute_add(attributes, key, &index) != RP_OK)
		return rp_decode_fail(diag, node,
				      "customMetrics of all engines have at most %u different "
				      "attributeKeys of at most %u bytes",
				      RP_CUSTOM_FIGURES_MAX, RP_ATTRIBUTE_KEY_MAX - 1);
	if (reader->engine->custom_spec[index][0] != '\0')
		return rp_decode_fail(diag, node, "attributeKey '%.*s' is used twice in one engine",
				      RP_SHOW(key));
	return copy_name(&of_node, "metricSpec", spec, reader->engine->custom_spec[index],
			 sizeof(reader->engine->custom_spec[index]));
}

static int read_customs(const struct engine_reader *reader, const struct rp_yaml_node *list,
			struct rp_engine_attributes *attributes)
{
	const struct rp_path list_path = {reader->path, "customMetrics", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);

	memset(reader->engine->custom_spec, 0, sizeof(reader->engine->custom_spec));
	for (uint32_t i = 0; node != NULL; node = rp_yaml_next(list, node), i++) {
		const struct rp_path path = {&list_path, NULL, i};
		int r = read_custom(reader, &path, node, attributes);

		if (r != RP_OK)
			return r;
	}
	return RP_OK;
}

static int check_engine_name(const struct engine_reader *reader,
			     const struct rp_config_control *control)
{
	const struct rp_yaml_node *at = rp_yaml_get(reader->node, "name");
	struct rp_bytes name = rp_bytes_str(reader->engine->name);

	if (name.len == 0)
		return rp_decode_fail(reader->model->diag, reader->node,
				      "an element of engineConfigs needs a name");
	if (rp_bytes_equal_str(name, "default"))
		return rp_decode_fail(reader->model->diag, at,
				      "the engine name 'default' is reserved; set defaultEngine "
				      "instead");
	for (uint32_t i = 0; i < control->engine_count; i++) {
		if (rp_bytes_equal_str(name, control->engine[i].name))
			return rp_decode_fail(reader->model->diag, at,
					      "engine '%.*s' is configured twice", RP_SHOW(name));
	}
	return RP_OK;
}

static int read_engine(const struct engine_reader *reader, struct rp_config_control *control)
{
	struct rp_bytes name = RP_BYTES_LIT("");
	struct rp_bytes block_size = RP_BYTES_LIT("");
	struct rp_bytes num_blocks = RP_BYTES_LIT("");
	struct rp_bytes specs[RP_ENGINE_FIELDS] = {0};
	const struct rp_yaml_node *customs = NULL;
	const struct rp_field fields[] = {
		{"name", RP_FIELD_STR, &name},
		{"queuedRequestsSpec", RP_FIELD_STR, &specs[RP_ENGINE_QUEUED]},
		{"runningRequestsSpec", RP_FIELD_STR, &specs[RP_ENGINE_RUNNING]},
		{"kvUsageSpec", RP_FIELD_STR, &specs[RP_ENGINE_KV_USAGE]},
		{"loraSpec", RP_FIELD_STR, &specs[RP_ENGINE_LORA]},
		{"cacheInfoSpec", RP_FIELD_STR, &specs[RP_ENGINE_CACHE_INFO]},
		{"cacheBlockSizeLabelName", RP_FIELD_STR, &block_size},
		{"cacheNumBlocksLabelName", RP_FIELD_STR, &num_blocks},
		{"cacheBlockSizeSpec", RP_FIELD_STR, &specs[RP_ENGINE_BLOCK_SIZE]},
		{"cacheNumBlocksSpec", RP_FIELD_STR, &specs[RP_ENGINE_NUM_BLOCKS]},
		{"customMetrics", RP_FIELD_LIST, &customs},
	};
	struct rp_engine_config *engine = reader->engine;
	int r = rp_decode_object(reader->model->diag, reader->path, reader->node, fields,
				 RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK)
		r = copy_name(reader, "name", name, engine->name, sizeof(engine->name));
	if (r == RP_OK)
		r = check_engine_name(reader, control);
	if (r == RP_OK)
		r = copy_name(reader, "cacheBlockSizeLabelName", block_size,
			      engine->block_size_label, sizeof(engine->block_size_label));
	if (r == RP_OK)
		r = copy_name(reader, "cacheNumBlocksLabelName", num_blocks,
			      engine->num_blocks_label, sizeof(engine->num_blocks_label));
	if (r == RP_OK)
		r = read_specs(reader, specs);
	return r == RP_OK ? read_customs(reader, customs, &control->attributes) : r;
}

static int read_engines(struct rp_model *model, const struct rp_path *parent,
			const struct rp_yaml_node *list, struct rp_config_control *control)
{
	const struct rp_path list_path = {parent, "engineConfigs", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);

	control->engine_count = 0;
	control->attributes.count = 0;
	for (; node != NULL; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&list_path, NULL, control->engine_count};

		if (control->engine_count == RP_ENGINE_CONFIGS_MAX)
			return rp_decode_fail(model->diag, node, "more than %u engineConfigs",
					      RP_ENGINE_CONFIGS_MAX);
		const struct engine_reader reader = {model, &path, node,
						     &control->engine[control->engine_count]};
		int r = read_engine(&reader, control);

		if (r != RP_OK)
			return r;
		control->engine_count++;
	}
	return RP_OK;
}

int rp_engine_read_params(struct rp_model *model, const struct rp_path *path,
			  const struct rp_yaml_node *node, struct rp_config_control *control)
{
	struct rp_bytes label_key = RP_BYTES_LIT("llm-d.ai/engine-type");
	struct rp_bytes default_engine = RP_BYTES_LIT("vllm");
	const struct rp_yaml_node *engines = NULL;
	const struct rp_field fields[] = {
		{"engineLabelKey", RP_FIELD_STR, &label_key},
		{"defaultEngine", RP_FIELD_STR, &default_engine},
		{"engineConfigs", RP_FIELD_LIST, &engines},
	};
	const struct engine_reader reader = {model, path, node, NULL};
	int r = rp_decode_object(model->diag, path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK)
		r = copy_name(&reader, "engineLabelKey", label_key, control->engine_label_key,
			      sizeof(control->engine_label_key));
	const struct rp_yaml_node *place = rp_yaml_get(node, "defaultEngine");

	control->default_engine_line = place == NULL ? 0 : place->line;
	control->default_engine_column = place == NULL ? 0 : place->column;
	if (r == RP_OK)
		r = copy_name(&reader, "defaultEngine", default_engine, control->default_engine,
			      sizeof(control->default_engine));
	return r == RP_OK ? read_engines(model, path, engines, control) : r;
}
