/* SPDX-License-Identifier: Apache-2.0 */
#include "config/feature_gates.h"
#include "config/model.h"

/* Sections of the top level. */
struct sections {
	struct rp_bytes api_version;
	struct rp_bytes kind;
	const struct rp_yaml_node *feature_gates;
	const struct rp_yaml_node *plugins;
	const struct rp_yaml_node *profiles;
	const struct rp_yaml_node *data_layer;
	const struct rp_yaml_node *flow_control;
	const struct rp_yaml_node *request_handler;
	const struct rp_yaml_node *saturation_detector;
	const struct rp_yaml_node *parser;
	const struct rp_yaml_node *ringpick;
};

static const struct rp_moved_field moved_top[] = {
	{"data", "the section is called dataLayer"},
	{NULL, NULL},
};

/* apiVersion and kind decide before anything else is looked at. */
static int check_version(struct rp_model *model, const struct rp_yaml_node *root)
{
	struct rp_bytes api = RP_BYTES_LIT("");
	struct rp_bytes kind = RP_BYTES_LIT("");
	const struct rp_bytes only_kind = RP_BYTES_LIT("EndpointPickerConfig");
	const struct rp_yaml_node *node = rp_yaml_get(root, "apiVersion");
	const struct rp_yaml_node *kind_node = rp_yaml_get(root, "kind");
	const struct rp_path api_path = {NULL, "apiVersion", 0};
	const struct rp_path kind_path = {NULL, "kind", 0};
	int r = RP_OK;

	if (node != NULL && node->kind != RP_YAML_NULL)
		r = rp_decode_str(model->diag, &api_path, node, &api);
	if (r == RP_OK && kind_node != NULL && kind_node->kind != RP_YAML_NULL)
		r = rp_decode_str(model->diag, &kind_path, kind_node, &kind);
	if (r != RP_OK)
		return r;
	if (kind.len == 0)
		kind = only_kind;
	bool is_old = rp_bytes_equal_str(api, "inference.networking.x-k8s.io/v1alpha1");
	bool is_api_good = api.len == 0 || is_old || rp_bytes_equal_str(api, "llm-d.ai/v1alpha1");

	if (!is_api_good || !rp_bytes_equal(kind, only_kind))
		return rp_decode_fail(
			model->diag, is_api_good ? kind_node : node,
			"no kind \"%.*s\" is registered for version \"%.*s\"; write "
			"apiVersion: llm-d.ai/v1alpha1 and kind: EndpointPickerConfig",
			RP_SHOW(kind), RP_SHOW(api));
	model->control->uses_deprecated_api = is_old;
	return RP_OK;
}

int rp_model_decode_ref(struct rp_model *model, const struct rp_path *path,
			const struct rp_yaml_node *node, const struct rp_moved_field *moved,
			struct rp_model_ref *ret)
{
	struct rp_model_ref ref = {.name = RP_BYTES_LIT(""), .node = node, .weight = 1.0};
	const struct rp_field fields[] = {{"pluginRef", RP_FIELD_STR, &ref.name}};
	int r = rp_decode_object(model->diag, path, node, fields, RP_ARRAY_LEN(fields), moved);
	const struct rp_yaml_node *value = node == NULL ? NULL : rp_yaml_get(node, "pluginRef");

	if (value != NULL)
		ref.node = value;
	*ret = ref;
	return r;
}

/* More elements than the model has room for. */
static int check_room(struct rp_model *model, const struct rp_yaml_node *node, uint32_t count,
		      uint32_t max, const char *what)
{
	if (count < max)
		return RP_OK;
	rp_decode_fail(model->diag, node, "more than %u %s", max, what);
	return RP_ETOOBIG;
}

static int decode_plugin(struct rp_model *model, const struct rp_path *list,
			 const struct rp_yaml_node *node)
{
	uint32_t index = model->plugin_count;
	const struct rp_path path = {list, NULL, index};
	struct rp_model_plugin plugin = {
		.name = RP_BYTES_LIT(""),
		.type_name = RP_BYTES_LIT(""),
		.node = node,
		.index = index,
	};
	const struct rp_field fields[] = {
		{"name", RP_FIELD_STR, &plugin.name},
		{"type", RP_FIELD_STR, &plugin.type_name},
		{"parameters", RP_FIELD_ANY, &plugin.parameters},
	};
	int r = check_room(model, node, index, RP_PLUGINS_MAX, "plugins");

	if (r == RP_OK)
		r = rp_decode_object(model->diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);
	if (r != RP_OK)
		return r;
	if (plugin.name.len == 0)
		plugin.name = plugin.type_name;
	model->plugin[model->plugin_count++] = plugin;
	return RP_OK;
}

static int decode_plugins(struct rp_model *model, const struct rp_yaml_node *list)
{
	const struct rp_path path = {NULL, "plugins", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);
	int r = RP_OK;

	for (; node != NULL && r == RP_OK; node = rp_yaml_next(list, node))
		r = decode_plugin(model, &path, node);
	return r;
}

static int decode_profile_refs(struct rp_model *model, const struct rp_path *profile_path,
			       const struct rp_yaml_node *list, struct rp_model_profile *profile)
{
	const struct rp_path list_path = {profile_path, "plugins", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);

	for (; node != NULL; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&list_path, NULL, profile->ref_count};
		struct rp_model_ref ref = {.name = RP_BYTES_LIT(""), .node = node, .weight = 1.0};
		const struct rp_field fields[] = {
			{"pluginRef", RP_FIELD_STR, &ref.name},
			{"weight", RP_FIELD_DOUBLE, &ref.weight},
		};
		const struct rp_yaml_node *weight = rp_yaml_get(node, "weight");
		int r = check_room(model, node, profile->ref_count, RP_PROFILE_PLUGINS_MAX,
				   "plugins in one profile");

		if (r == RP_OK)
			r = rp_decode_object(model->diag, &path, node, fields, RP_ARRAY_LEN(fields),
					     NULL);
		if (r != RP_OK)
			return r;
		const struct rp_yaml_node *value = rp_yaml_get(node, "pluginRef");

		if (value != NULL)
			ref.node = value;
		ref.has_weight = weight != NULL && weight->kind != RP_YAML_NULL;
		profile->ref[profile->ref_count++] = ref;
	}
	return RP_OK;
}

static int decode_profiles(struct rp_model *model, const struct rp_yaml_node *list)
{
	const struct rp_path list_path = {NULL, "schedulingProfiles", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);
	int r = RP_OK;

	for (; node != NULL && r == RP_OK; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&list_path, NULL, model->profile_count};
		struct rp_model_profile *profile = &model->profile[model->profile_count];
		const struct rp_yaml_node *refs = NULL;

		r = check_room(model, node, model->profile_count, RP_PROFILES_MAX,
			       "scheduling profiles");
		if (r != RP_OK)
			return r;
		profile->name = RP_BYTES_LIT("");
		profile->node = node;
		const struct rp_field fields[] = {
			{"name", RP_FIELD_STR, &profile->name},
			{"plugins", RP_FIELD_LIST, &refs},
		};

		r = rp_decode_object(model->diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);
		if (r == RP_OK)
			r = decode_profile_refs(model, &path, refs, profile);
		model->profile_count++;
	}
	return r;
}

static int decode_source(struct rp_model *model, const struct rp_path *path,
			 const struct rp_yaml_node *node, struct rp_model_source *source)
{
	const struct rp_yaml_node *list = NULL;
	const struct rp_yaml_node *extractor;

	source->ref = (struct rp_model_ref){.name = RP_BYTES_LIT(""), .node = node};
	const struct rp_field fields[] = {
		{"pluginRef", RP_FIELD_STR, &source->ref.name},
		{"extractors", RP_FIELD_LIST, &list},
	};
	const struct rp_path list_path = {path, "extractors", 0};
	int r = rp_decode_object(model->diag, path, node, fields, RP_ARRAY_LEN(fields), NULL);

	extractor = r != RP_OK || list == NULL ? NULL : rp_yaml_first(list);
	for (; extractor != NULL && r == RP_OK; extractor = rp_yaml_next(list, extractor)) {
		const struct rp_path here = {&list_path, NULL, source->extractor_count};

		r = check_room(model, extractor, source->extractor_count, RP_EXTRACTORS_MAX,
			       "extractors of one source");
		if (r == RP_OK)
			r = rp_model_decode_ref(model, &here, extractor, NULL,
						&source->extractor[source->extractor_count]);
		source->extractor_count++;
	}
	return r;
}

static int decode_sources(struct rp_model *model, const struct rp_path *layer,
			  const struct rp_yaml_node *list)
{
	const struct rp_path list_path = {layer, "sources", 0};
	const struct rp_yaml_node *node = list == NULL ? NULL : rp_yaml_first(list);
	int r = RP_OK;

	for (; node != NULL && r == RP_OK; node = rp_yaml_next(list, node)) {
		const struct rp_path path = {&list_path, NULL, model->source_count};

		r = check_room(model, node, model->source_count, RP_SOURCES_MAX, "data sources");
		if (r == RP_OK)
			r = decode_source(model, &path, node, &model->source[model->source_count]);
		model->source_count++;
	}
	return r;
}

static int decode_data_layer(struct rp_model *model, const struct rp_yaml_node *node)
{
	const struct rp_path path = {NULL, "dataLayer", 0};
	const struct rp_path discovery_path = {&path, "discovery", 0};
	const struct rp_path peer_path = {&path, "peerDiscovery", 0};
	const struct rp_yaml_node *sources = NULL;
	const struct rp_yaml_node *discovery = NULL;
	const struct rp_yaml_node *peer_discovery = NULL;
	struct rp_bytes syncer = RP_BYTES_LIT("");
	struct rp_model_ref peer;
	int64_t interval_ns;
	const struct rp_field fields[] = {
		{"injectDefaults", RP_FIELD_BOOL, &model->has_default_sources},
		{"sources", RP_FIELD_LIST, &sources},
		{"discovery", RP_FIELD_MAP, &discovery},
		{"peerDiscovery", RP_FIELD_MAP, &peer_discovery},
		{"crossReplicaSyncerPluginRef", RP_FIELD_STR, &syncer},
		{"crossReplicaSyncInterval", RP_FIELD_DURATION, &interval_ns},
	};
	int r = rp_decode_object(model->diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK)
		r = decode_sources(model, &path, sources);
	if (r == RP_OK)
		r = rp_model_decode_ref(model, &discovery_path, discovery, NULL, &model->discovery);
	if (r == RP_OK)
		r = rp_model_decode_ref(model, &peer_path, peer_discovery, NULL, &peer);
	if (r == RP_OK && peer.name.len > 0)
		model->peer_node = peer_discovery;
	if (r == RP_OK && syncer.len > 0)
		return rp_decode_fail(
			model->diag, rp_yaml_get(node, "crossReplicaSyncerPluginRef"),
			"the plugin '%.*s' is not a CrossReplicaSyncer: there is no such plugin "
			"yet; leave crossReplicaSyncerPluginRef out",
			RP_SHOW(syncer));
	return r;
}

static int decode_parsers(struct rp_model *model, const struct rp_yaml_node *handler)
{
	const struct rp_path path = {NULL, "requestHandler", 0};
	const struct rp_path list_path = {&path, "parsers", 0};
	const struct rp_yaml_node *list = NULL;
	const struct rp_yaml_node *node;
	const struct rp_field fields[] = {{"parsers", RP_FIELD_LIST, &list}};
	int r = rp_decode_object(model->diag, &path, handler, fields, RP_ARRAY_LEN(fields), NULL);

	node = r != RP_OK || list == NULL ? NULL : rp_yaml_first(list);
	for (; node != NULL && r == RP_OK; node = rp_yaml_next(list, node)) {
		const struct rp_path here = {&list_path, NULL, model->parser_count};

		r = check_room(model, node, model->parser_count, RP_PARSERS_MAX, "parsers");
		if (r == RP_OK)
			r = rp_model_decode_ref(model, &here, node, NULL,
						&model->parser[model->parser_count]);
		model->parser_count++;
	}
	return r;
}

/* The deprecated top-level fields; what stands in the new place wins. */
static int decode_deprecated(struct rp_model *model, const struct sections *sections)
{
	const struct rp_path parser_path = {NULL, "parser", 0};
	struct rp_model_ref parser;
	int r = rp_model_decode_old_detector(model, sections->saturation_detector);

	if (r == RP_OK)
		r = rp_model_decode_ref(model, &parser_path, sections->parser, NULL, &parser);
	if (r != RP_OK || sections->parser == NULL)
		return r;
	rp_config_warn(model->control,
		       "the top-level parser is deprecated; write requestHandler.parsers");
	if (model->parser_count == 0)
		model->parser[model->parser_count++] = parser;
	return RP_OK;
}

/* What upstream does not have: a file with this section is for ringpick only. */
static int decode_ours(struct rp_model *model, const struct rp_yaml_node *node)
{
	const struct rp_path path = {NULL, "ringpick", 0};
	struct rp_bytes processing = RP_BYTES_LIT("");
	const struct rp_field fields[] = {{"responseProcessing", RP_FIELD_STR, &processing}};
	int r = rp_decode_object(model->diag, &path, node, fields, RP_ARRAY_LEN(fields), NULL);

	if (r == RP_OK &&
	    rp_response_processing_parse(processing, &model->control->response_processing) != RP_OK)
		r = rp_decode_fail(model->diag, rp_yaml_get(node, "responseProcessing"),
				   "ringpick.responseProcessing must be full or skip, got '%.*s'",
				   RP_SHOW(processing));
	return r;
}

int rp_model_decode(struct rp_model *model, const struct rp_yaml_node *root)
{
	struct sections s = {0};
	const struct rp_field fields[] = {
		{"apiVersion", RP_FIELD_STR, &s.api_version},
		{"kind", RP_FIELD_STR, &s.kind},
		{"featureGates", RP_FIELD_LIST, &s.feature_gates},
		{"plugins", RP_FIELD_LIST, &s.plugins},
		{"schedulingProfiles", RP_FIELD_LIST, &s.profiles},
		{"dataLayer", RP_FIELD_MAP, &s.data_layer},
		{"flowControl", RP_FIELD_MAP, &s.flow_control},
		{"requestHandler", RP_FIELD_MAP, &s.request_handler},
		{"saturationDetector", RP_FIELD_MAP, &s.saturation_detector},
		{"parser", RP_FIELD_MAP, &s.parser},
		{"ringpick", RP_FIELD_MAP, &s.ringpick},
	};
	int r = RP_OK;

	model->has_default_sources = true;
	if (root->kind == RP_YAML_MAP)
		r = check_version(model, root);
	if (r == RP_OK)
		r = rp_decode_object(model->diag, NULL, root, fields, RP_ARRAY_LEN(fields),
				     moved_top);
	if (r == RP_OK)
		r = decode_plugins(model, s.plugins);
	if (r == RP_OK)
		r = decode_profiles(model, s.profiles);
	if (r == RP_OK)
		r = decode_data_layer(model, s.data_layer);
	if (r == RP_OK)
		r = rp_model_decode_flow(model, s.flow_control);
	if (r == RP_OK)
		r = decode_parsers(model, s.request_handler);
	if (r == RP_OK)
		r = decode_deprecated(model, &s);
	if (r == RP_OK)
		r = decode_ours(model, s.ringpick);
	model->gates_node = s.feature_gates;
	model->ours_node = s.ringpick;
	return r == RP_OK ? rp_feature_gates_read(s.feature_gates, &model->gates, model->diag) : r;
}
