/* SPDX-License-Identifier: Apache-2.0 */
#include "config/effective.h"

#include <math.h>
#include <stdlib.h>

#include "config/effective_model.h"

/* Without any configuration (scheduling reference 1.6). */
static const char built_in[] = "apiVersion: llm-d.ai/v1alpha1\n"
			       "kind: EndpointPickerConfig\n"
			       "plugins:\n"
			       "- type: queue-scorer\n"
			       "- type: kv-cache-utilization-scorer\n"
			       "- type: prefix-cache-scorer\n"
			       "schedulingProfiles:\n"
			       "- name: default\n"
			       "  plugins:\n"
			       "  - {pluginRef: queue-scorer, weight: 2}\n"
			       "  - {pluginRef: kv-cache-utilization-scorer, weight: 2}\n"
			       "  - {pluginRef: prefix-cache-scorer, weight: 3}\n";

static int run_pipeline(struct rp_model *model, const struct rp_yaml_node *root,
			bool has_experimental)
{
	int r = rp_model_decode(model, root);

	if (r == RP_OK)
		r = rp_model_instantiate(model);
	if (r == RP_OK)
		r = rp_model_complete_profiles(model);
	if (r == RP_OK)
		r = rp_model_complete_layers(model);
	if (r == RP_OK)
		r = rp_model_complete_producers(model);
	if (r == RP_OK)
		r = rp_model_complete_headers(model);
	return r == RP_OK ? rp_model_check_stability(model, has_experimental) : r;
}

/* The tree of the text, or of the built-in default if there is nothing in it. */
static int parse(struct rp_bytes text, struct rp_yaml_tree *tree, struct rp_diag *diag)
{
	int r;

	if (text.len > RP_CONFIG_FILE_BYTES_MAX)
		return rp_diag_set(diag, RP_ETOOBIG, 0, 0, "larger than %u bytes",
				   RP_CONFIG_FILE_BYTES_MAX);
	r = rp_yaml_parse(text, tree, diag);
	if (r != RP_OK)
		return r;
	const struct rp_yaml_node *root = rp_yaml_root(tree);

	if (root != NULL && root->kind != RP_YAML_NULL)
		return RP_OK;
	rp_yaml_free(tree);
	return rp_yaml_parse(rp_bytes_str(built_in), tree, diag);
}

int rp_effective_load(const char *file_name, struct rp_bytes text, bool has_experimental,
		      struct rp_effective **ret, struct rp_config_control *ret_control,
		      struct rp_diag *reterr)
{
	struct rp_effective *e = calloc(1, sizeof(*e));
	int r;

	rp_bytes_to_str(rp_bytes_str(file_name), reterr->file, sizeof(reterr->file));
	memset(ret_control, 0, sizeof(*ret_control));
	if (e == NULL)
		return rp_diag_set(reterr, RP_ENOMEM, 0, 0, "out of memory");
	e->model.diag = reterr;
	e->model.control = ret_control;
	e->model.scratch = &e->scratch;
	e->model.detector = RP_CONFIG_NONE;
	e->model.pool = (struct rp_pool){e->model.pool_room, 0, sizeof(e->model.pool_room)};
	r = parse(text, &e->tree, reterr);
	if (r == RP_OK)
		r = run_pipeline(&e->model, rp_yaml_root(&e->tree), has_experimental);
	if (r != RP_OK) {
		rp_effective_free(e);
		return r;
	}
	*ret = e;
	return RP_OK;
}

void rp_effective_free(struct rp_effective *effective)
{
	if (effective == NULL)
		return;
	rp_yaml_free(&effective->tree);
	free(effective);
}

static void note_response_reader(const struct rp_model *model)
{
	struct rp_config_control *control = model->control;

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];

		if ((rp_plugin_type_kinds(plugin->type) & RP_READS_RESPONSE) == 0 ||
		    rp_plugin_type_state(plugin->type) != RP_STATE_BUILT)
			continue;
		(void)rp_bytes_to_str(plugin->name, control->response_reader,
				      sizeof(control->response_reader));
		break;
	}
}

int rp_effective_check(struct rp_effective *effective, struct rp_diag *reterr)
{
	int r;

	effective->model.diag = reterr;
	r = rp_model_complete_discovery(&effective->model);
	if (r == RP_OK)
		r = rp_model_refuse_missing(&effective->model);
	if (r == RP_OK)
		note_response_reader(&effective->model);
	return r;
}

int rp_effective_compile(struct rp_effective *effective, uint64_t generation,
			 struct rp_config_blob *blob, size_t blob_bytes,
			 struct rp_plugin_stat *stats, struct rp_diag *reterr)
{
	effective->model.diag = reterr;
	return rp_model_compile(&effective->model, generation, blob, blob_bytes, stats);
}

/* A weight in as few digits as it is read back from, with an exponent only where it is very long.
 */
static void format_weight(double weight, char *out, size_t out_bytes)
{
	double size = fabs(weight);
	bool is_plain = size == 0 || (size >= 1e-4 && size < 1e21);
	int digits = 0;

	do
		snprintf(out, out_bytes, is_plain ? "%.*f" : "%.*e", digits, weight);
	while (strtod(out, NULL) != weight && ++digits < 24);
}

/* Does a profile's reference show a weight? Scorers always have one. */
bool rp_effective_weight(const struct rp_model *model, const struct rp_model_ref *ref, char *out,
			 size_t out_bytes)
{
	format_weight(ref->weight, out, out_bytes);
	return ref->has_weight ||
	       (rp_plugin_type_kinds(model->plugin[ref->plugin].type) & RP_KIND_SCORER) != 0;
}

/* Types that are another one under their own name. */
static const struct {
	enum rp_plugin_type type;
	enum rp_plugin_type shown;
} aliases[] = {
	{RP_PLUGIN_DECODE_FILTER, RP_PLUGIN_BY_LABEL},
	{RP_PLUGIN_PREFILL_FILTER, RP_PLUGIN_BY_LABEL},
	{RP_PLUGIN_ENCODE_FILTER, RP_PLUGIN_BY_LABEL},
	{RP_PLUGIN_TOKENIZER, RP_PLUGIN_TOKEN_PRODUCER},
	{RP_PLUGIN_PREFILL_HEADER_HANDLER, RP_PLUGIN_DISAGG_HEADERS_HANDLER},
};

void rp_model_shown_type(const struct rp_model *model, const struct rp_model_plugin *plugin,
			 char *out, size_t out_bytes)
{
	enum rp_plugin_type type = plugin->type;

	for (size_t i = 0; i < RP_ARRAY_LEN(aliases); i++) {
		if (aliases[i].type == plugin->type)
			type = aliases[i].shown;
	}
	/* It reads what a producer of the configuration finds out, if there is one. */
	if (type == RP_PLUGIN_PRECISE_PREFIX_CACHE_SCORER &&
	    rp_model_find_type(model, RP_PLUGIN_PRECISE_PREFIX_CACHE_PRODUCER) != NULL)
		type = RP_PLUGIN_PREFIX_CACHE_SCORER;
	if (type == RP_PLUGIN_STATIC_USAGE_LIMIT_POLICY)
		snprintf(out, out_bytes, "%.*s-type", RP_SHOW(plugin->name));
	else
		snprintf(out, out_bytes, "%s", rp_plugin_type_name(type));
}

enum { ITEM_BYTES = RP_PLUGIN_NAME_MAX + 256 };

/* Names of gates in the order of struct rp_feature_gates. */
static void list_gates(const struct rp_model *model,
		       void (*each)(void *, enum rp_effective_part, const char *), void *user)
{
	each(user, RP_EFFECTIVE_GATE,
	     model->gates.has_flow_control ? "flowControl=true" : "flowControl=false");
	each(user, RP_EFFECTIVE_GATE,
	     model->gates.has_non_leader_datastore ? "haPopulateNonLeaderDatastore=true"
						   : "haPopulateNonLeaderDatastore=false");
}

static void list_profile(const struct rp_model *model, const struct rp_model_profile *profile,
			 void (*each)(void *, enum rp_effective_part, const char *), void *user)
{
	bool has_picker = false;
	char item[ITEM_BYTES];

	snprintf(item, sizeof(item), "%.*s", RP_SHOW(profile->name));
	each(user, RP_EFFECTIVE_PROFILE, item);
	for (uint32_t i = 0; i < profile->ref_count; i++) {
		const struct rp_model_ref *ref = &profile->ref[i];
		char weight[32];
		bool is_shown = rp_effective_weight(model, ref, weight, sizeof(weight));

		snprintf(item, sizeof(item), "%.*s%s%s", RP_SHOW(ref->name), is_shown ? "*" : "",
			 is_shown ? weight : "");
		each(user, RP_EFFECTIVE_PROFILE_PLUGIN, item);
		has_picker |= ref->plugin == profile->picker;
	}
	if (has_picker)
		return;
	snprintf(item, sizeof(item), "%.*s", RP_SHOW(model->plugin[profile->picker].name));
	each(user, RP_EFFECTIVE_PROFILE_PLUGIN, item);
}

void rp_effective_list(const struct rp_effective *effective,
		       void (*each)(void *user, enum rp_effective_part part, const char *text),
		       void *user)
{
	const struct rp_model *model = &effective->model;
	char item[ITEM_BYTES];
	char type[ITEM_BYTES];

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		rp_model_shown_type(model, &model->plugin[i], type, sizeof(type));
		snprintf(item, sizeof(item), "%.*s (%.*s)", RP_SHOW(model->plugin[i].name),
			 (int)sizeof(item) / 2, type);
		each(user, RP_EFFECTIVE_PLUGIN, item);
	}
	for (uint32_t i = 0; i < model->profile_count; i++)
		list_profile(model, &model->profile[i], each, user);
	for (uint32_t i = 0; i < model->parser_count; i++) {
		snprintf(item, sizeof(item), "%.*s", RP_SHOW(model->parser[i].name));
		each(user, RP_EFFECTIVE_PARSER, item);
	}
	for (uint32_t i = 0; i < model->source_count; i++) {
		snprintf(item, sizeof(item), "%.*s", RP_SHOW(model->source[i].ref.name));
		each(user, RP_EFFECTIVE_SOURCE, item);
	}
	list_gates(model, each, user);
	snprintf(item, sizeof(item), "%.*s", RP_SHOW(model->saturation.name));
	each(user, RP_EFFECTIVE_DETECTOR, item);
}
