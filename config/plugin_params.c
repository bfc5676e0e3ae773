/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "config/model.h"
#include "config/quantity.h"
#include "config/token_params.h"
#include "shm/clock.h"

static const struct rp_moved_field moved_prefix[] = {
	{"hashBlockSize", "it is blockSizeTokens of a plugin of type approx-prefix-cache-producer"},
	{"blockSize", "it is blockSizeTokens of a plugin of type approx-prefix-cache-producer"},
	{"maxPrefixBlocksToMatch", "it belongs to a plugin of type approx-prefix-cache-producer"},
	{"lruCapacityPerServer", "it belongs to a plugin of type approx-prefix-cache-producer"},
	{"autoTune", "it belongs to a plugin of type approx-prefix-cache-producer"},
	{NULL, NULL},
};

static int read_prefix_scorer(struct rp_model *model, const struct rp_path *path,
			      struct rp_model_plugin *plugin)
{
	struct rp_params_prefix_cache_scorer *params = &plugin->params.prefix_cache_scorer;
	const struct rp_field fields[] = {
		{"prefixMatchInfoProducerName", RP_FIELD_STR,
		 &plugin->names.producer[RP_DATA_PREFIX]},
		{"matchLengthWeight", RP_FIELD_DOUBLE, &params->match_length_weight},
		{"matchLengthScaleTokens", RP_FIELD_INT, &params->match_length_scale_tokens},
	};

	*params = (struct rp_params_prefix_cache_scorer){.match_length_scale_tokens = 8192};
	int r = rp_decode_object(model->diag, path, plugin->parameters, fields,
				 RP_ARRAY_LEN(fields), moved_prefix);

	if (r != RP_OK)
		return r;
	if (!(params->match_length_weight >= 0.0 && params->match_length_weight <= 1.0))
		return rp_decode_fail(model->diag,
				      rp_yaml_get(plugin->parameters, "matchLengthWeight"),
				      "matchLengthWeight must be between 0.0 and 1.0, got %f",
				      params->match_length_weight);
	if (params->match_length_weight > 0.0 && params->match_length_scale_tokens <= 0)
		return rp_decode_fail(
			model->diag, rp_yaml_get(plugin->parameters, "matchLengthScaleTokens"),
			"matchLengthScaleTokens must be above 0 when matchLengthWeight "
			"is");
	return RP_OK;
}

static int read_approx_producer(struct rp_model *model, const struct rp_path *path,
				struct rp_model_plugin *plugin)
{
	struct rp_params_approx_prefix_cache_producer *params =
		&plugin->params.approx_prefix_cache_producer;
	bool has_auto_tune = true;
	int64_t old_block_size = 0;
	const struct rp_field fields[] = {
		{"autoTune", RP_FIELD_BOOL, &has_auto_tune},
		{"blockSizeTokens", RP_FIELD_INT, &params->block_size_tokens},
		{"blockSize", RP_FIELD_INT, &old_block_size},
		{"maxPrefixTokensToMatch", RP_FIELD_INT, &params->max_prefix_tokens},
		{"maxPrefixBlocksToMatch", RP_FIELD_INT, &params->max_prefix_blocks},
		{"lruCapacityPerServer", RP_FIELD_INT, &params->lru_capacity_per_server},
	};

	*params = (struct rp_params_approx_prefix_cache_producer){
		.block_size_tokens = 16,
		.max_prefix_tokens = 131072,
		.max_prefix_blocks = 2048,
		.lru_capacity_per_server = RP_PREFIX_CAPACITY,
	};
	int r = rp_decode_object(model->diag, path, plugin->parameters, fields,
				 RP_ARRAY_LEN(fields), NULL);

	if (r != RP_OK)
		return r;
	params->has_auto_tune = has_auto_tune;
	if (old_block_size > 0 && params->block_size_tokens == 16) {
		params->block_size_tokens = old_block_size;
		rp_config_warn(model->control,
			       "blockSize of %.*s is deprecated; write blockSizeTokens",
			       RP_SHOW(plugin->name));
	}
	if (params->max_prefix_tokens < 0)
		return rp_decode_fail(model->diag,
				      rp_yaml_get(plugin->parameters, "maxPrefixTokensToMatch"),
				      "maxPrefixTokensToMatch must not be negative");
	if (!has_auto_tune && params->block_size_tokens <= 0)
		return rp_decode_fail(model->diag,
				      rp_yaml_get(plugin->parameters, "blockSizeTokens"),
				      "blockSizeTokens must be above 0 when autoTune is off");
	if (params->max_prefix_blocks < 0)
		params->max_prefix_blocks = 0;
	if (params->lru_capacity_per_server <= 0)
		params->lru_capacity_per_server = RP_PREFIX_CAPACITY;
	return RP_OK;
}

static int read_picker(struct rp_model *model, const struct rp_path *path,
		       struct rp_model_plugin *plugin)
{
	int64_t max = 1;
	const struct rp_field fields[] = {{"maxNumOfEndpoints", RP_FIELD_INT, &max}};
	int r = rp_decode_object(model->diag, path, plugin->parameters, fields,
				 RP_ARRAY_LEN(fields), NULL);

	if (max < 1)
		max = 1;
	plugin->params.picker = (struct rp_params_picker){
		.endpoints_max = max > RP_ENDPOINTS_MAX ? RP_ENDPOINTS_MAX : (uint32_t)max};
	return r;
}

/* Copy a string parameter into a fixed field. */
static int copy_str(struct rp_model *model, const struct rp_model_plugin *plugin, const char *field,
		    struct rp_bytes value, char *out, size_t out_bytes)
{
	if (value.len >= out_bytes)
		return rp_decode_fail(model->diag, rp_yaml_get(plugin->parameters, field),
				      "%s has at most %zu bytes", field, out_bytes - 1);
	rp_bytes_to_str(value, out, out_bytes);
	return RP_OK;
}

static bool is_path_safe(struct rp_bytes path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (path.ptr[i] <= ' ' || path.ptr[i] == 0x7f)
			return false;
	}
	return path.len > 0 && path.ptr[0] == '/';
}

static int check_scheme(struct rp_model *model, const struct rp_model_plugin *plugin,
			struct rp_bytes scheme)
{
	const struct rp_yaml_node *at = rp_yaml_get(plugin->parameters, "scheme");

	if (rp_bytes_equal_str(scheme, "http"))
		return RP_OK;
	if (rp_bytes_equal_str(scheme, "https"))
		return rp_decode_fail(model->diag, at,
				      "scheme https of %.*s is known but not built yet; use http",
				      RP_SHOW(plugin->type_name));
	return rp_decode_fail(model->diag, at, "scheme must be http, got '%.*s'", RP_SHOW(scheme));
}

static int check_source(struct rp_model *model, const struct rp_model_plugin *plugin,
			struct rp_bytes scheme, struct rp_bytes url_path, int64_t port,
			int64_t interval_ns)
{
	const struct rp_yaml_node *node = plugin->parameters;
	int r = check_scheme(model, plugin, scheme);

	if (r != RP_OK)
		return r;
	if (!is_path_safe(url_path))
		return rp_decode_fail(model->diag, rp_yaml_get(node, "path"),
				      "path must begin with / and contain no blanks, got '%.*s'",
				      RP_SHOW(url_path));
	if (port < 0 || port > 65535 ||
	    (port == 0 && rp_yaml_get(node, "port") != NULL &&
	     rp_yaml_get(node, "port")->kind != RP_YAML_NULL))
		return rp_decode_fail(model->diag, rp_yaml_get(node, "port"),
				      "port must be between 1 and 65535");
	if (interval_ns < 0)
		return rp_decode_fail(model->diag, rp_yaml_get(node, "interval"),
				      "interval must not be negative");
	return RP_OK;
}

/* metrics-data-source; its https settings are checked in form, and unused while http is all there
 * is. */
static int read_source(struct rp_model *model, const struct rp_path *path,
		       const struct rp_model_plugin *plugin, struct rp_config_control *control)
{
	struct rp_bytes scheme = RP_BYTES_LIT("http");
	struct rp_bytes url_path = RP_BYTES_LIT("/metrics");
	struct rp_bytes interval = RP_BYTES_LIT("");
	struct rp_bytes file;
	bool flag;
	int64_t port = 0;
	int64_t interval_ns = 0;
	const struct rp_field fields[] = {
		{"scheme", RP_FIELD_STR, &scheme},
		{"path", RP_FIELD_STR, &url_path},
		{"port", RP_FIELD_INT, &port},
		{"insecureSkipVerify", RP_FIELD_BOOL, &flag},
		{"caCertPath", RP_FIELD_STR, &file},
		{"clientCertPath", RP_FIELD_STR, &file},
		{"clientKeyPath", RP_FIELD_STR, &file},
		{"interval", RP_FIELD_STR, &interval},
	};
	int r = rp_decode_object(model->diag, path, plugin->parameters, fields,
				 RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK && interval.len > 0 && rp_duration_parse(interval, &interval_ns) != RP_OK)
		return rp_decode_fail(model->diag, rp_yaml_get(plugin->parameters, "interval"),
				      "interval must be a duration such as \"200ms\", got '%.*s'",
				      RP_SHOW(interval));
	if (r == RP_OK)
		r = check_source(model, plugin, scheme, url_path, port, interval_ns);
	if (r == RP_OK)
		r = copy_str(model, plugin, "path", url_path, control->scrape_path,
			     sizeof(control->scrape_path));
	if (r != RP_OK)
		return r;
	rp_bytes_to_str(scheme, control->scrape_scheme, sizeof(control->scrape_scheme));
	control->scrape_port = (uint16_t)port;
	control->scrape_interval_ns = interval_ns;
	return RP_OK;
}

static int read_discovery(struct rp_model *model, const struct rp_path *path,
			  const struct rp_model_plugin *plugin, struct rp_config_control *control)
{
	struct rp_bytes file = RP_BYTES_LIT("");
	bool is_watched = false;
	const struct rp_field fields[] = {
		{"path", RP_FIELD_STR, &file},
		{"watchFile", RP_FIELD_BOOL, &is_watched},
	};
	int r = rp_decode_object(model->diag, path, plugin->parameters, fields,
				 RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK && file.len == 0)
		return rp_decode_fail(
			model->diag, plugin->node,
			"file-discovery needs the parameter path, the file that lists "
			"the endpoints");
	if (r == RP_OK)
		r = copy_str(model, plugin, "path", file, control->discovery_path,
			     sizeof(control->discovery_path));
	control->has_discovery_watch = is_watched;
	return r;
}

static int read_by_type(struct rp_model *model, const struct rp_path *path,
			struct rp_model_plugin *plugin, struct rp_config_control *control)
{
	switch ((uint32_t)plugin->type) {
	case RP_PLUGIN_PREFIX_CACHE_SCORER:
		return read_prefix_scorer(model, path, plugin);
	case RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER:
		return read_approx_producer(model, path, plugin);
	case RP_PLUGIN_TOKEN_PRODUCER:
		return rp_token_read_params(model->diag, path, plugin->parameters,
					    &plugin->params.token_producer);
	case RP_PLUGIN_MAX_SCORE_PICKER:
		return read_picker(model, path, plugin);
	case RP_PLUGIN_METRICS_DATA_SOURCE:
		return read_source(model, path, plugin, control);
	case RP_PLUGIN_CORE_METRICS_EXTRACTOR:
		return rp_engine_read_params(model, path, plugin->parameters, control);
	case RP_PLUGIN_FILE_DISCOVERY:
		return read_discovery(model, path, plugin, control);
	default:
		break; /* these never look at their parameters */
	}
	return RP_OK;
}

int rp_plugin_read_params(struct rp_model *model, struct rp_model_plugin *plugin,
			  struct rp_config_control *control)
{
	const struct rp_path list = {NULL, "plugins", 0};
	const struct rp_path element = {&list, NULL, plugin->index};
	const struct rp_path path = {&element, "parameters", 0};
	char reason[RP_DIAG_MESSAGE_MAX];
	int r = read_by_type(model, &path, plugin, control);

	if (r == RP_OK)
		return RP_OK;
	rp_bytes_to_str(rp_bytes_str(model->diag->message), reason, sizeof(reason));
	snprintf(model->diag->message, sizeof(model->diag->message),
		 "failed to create plugin '%.*s' (type: %.*s): %.512s", RP_SHOW(plugin->name),
		 RP_SHOW(plugin->type_name), reason);
	return r;
}
