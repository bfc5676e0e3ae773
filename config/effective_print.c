/* SPDX-License-Identifier: Apache-2.0 */
#include "config/effective.h"
#include "config/effective_model.h"
#include "config/yaml_emit.h"

static const char added[] = "  # added by default";

/* Brought in by a default and not built: named in a comment, since a file that asks for it would be
 * refused. */
static bool is_left_out(const struct rp_model_plugin *plugin)
{
	enum rp_plugin_state state = rp_plugin_type_state(plugin->type);

	return plugin->origin != RP_ORIGIN_FILE &&
	       (state == RP_STATE_PENDING || state == RP_STATE_MISSING);
}

static void print_ref(FILE *out, const char *before, struct rp_bytes name, const char *after)
{
	fprintf(out, "%s", before);
	rp_yaml_emit_str(out, name);
	fprintf(out, "%s\n", after);
}

static void print_gates(const struct rp_model *model, FILE *out)
{
	const char *mark = model->gates_node == NULL ? added : "";

	fprintf(out, "featureGates:%s\n- flowControl=%s\n- haPopulateNonLeaderDatastore=%s\n", mark,
		model->gates.has_flow_control ? "true" : "false",
		model->gates.has_non_leader_datastore ? "true" : "false");
}

static void print_plugin(const struct rp_model_plugin *plugin, FILE *out)
{
	const char *type = rp_plugin_type_name(plugin->type);

	if (is_left_out(plugin)) {
		fprintf(out,
			"# - name: %s  # added by default, and not built yet: it does nothing\n",
			type);
		return;
	}
	print_ref(out, "- name: ", plugin->name,
		  plugin->origin == RP_ORIGIN_FILE	? ""
		  : plugin->origin == RP_ORIGIN_DEFAULT ? added
							: "  # added, as its data is consumed");
	fprintf(out, "  type: %s\n", type);
	if (plugin->parameters == NULL)
		return;
	fputs("  parameters:", out);
	rp_yaml_emit_value(out, plugin->parameters, 4);
}

static void print_profile_ref(const struct rp_model *model, const struct rp_model_profile *profile,
			      const struct rp_model_ref *ref, FILE *out)
{
	char weight[32];

	print_ref(out, "  - pluginRef: ", ref->name,
		  profile->node != NULL && ref->node == NULL ? added : "");
	if (rp_effective_weight(model, ref, weight, sizeof(weight)))
		fprintf(out, "    weight: %s%s\n", weight,
			ref->has_weight || profile->node == NULL ? "" : added);
}

static void print_profile(const struct rp_model *model, const struct rp_model_profile *profile,
			  FILE *out)
{
	bool has_picker = false;

	print_ref(out, "- name: ", profile->name, profile->node == NULL ? added : "");
	fputs("  plugins:\n", out);
	for (uint32_t i = 0; i < profile->ref_count; i++) {
		print_profile_ref(model, profile, &profile->ref[i], out);
		has_picker |= profile->ref[i].plugin == profile->picker;
	}
	if (!has_picker)
		print_ref(out, "  - pluginRef: ", model->plugin[profile->picker].name, added);
}

static void print_source(const struct rp_model_source *source, FILE *out)
{
	print_ref(out, "  - pluginRef: ", source->ref.name, source->ref.node == NULL ? added : "");
	if (source->extractor_count > 0)
		fputs("    extractors:\n", out);
	for (uint32_t i = 0; i < source->extractor_count; i++)
		print_ref(out, "    - pluginRef: ", source->extractor[i].name, "");
}

static void print_data_layer(const struct rp_model *model, FILE *out)
{
	fputs("dataLayer:\n", out);
	fprintf(out, "  injectDefaults: %s\n", model->has_default_sources ? "true" : "false");
	if (model->source_count > 0)
		fputs("  sources:\n", out);
	for (uint32_t i = 0; i < model->source_count; i++)
		print_source(&model->source[i], out);
	if (model->discovery.name.len > 0)
		print_ref(out, "  discovery:\n    pluginRef: ", model->discovery.name, "");
	if (model->peer_node != NULL) {
		fputs("  peerDiscovery:", out);
		rp_yaml_emit_value(out, model->peer_node, 4);
	}
}

/* The section as it is written, with the detector in use. */
static void print_flow(const struct rp_model *model, FILE *out)
{
	const struct rp_yaml_node *key =
		model->flow_node == NULL ? NULL : rp_yaml_first(model->flow_node);
	bool is_left = is_left_out(&model->plugin[model->saturation.plugin]);
	bool has_detector = rp_yaml_get(model->flow_node, "saturationDetector") != NULL;

	if (is_left && (key == NULL || (has_detector && model->flow_node->count == 2)))
		return;
	fputs("flowControl:\n", out);
	while (key != NULL) {
		const struct rp_yaml_node *value = rp_yaml_next(model->flow_node, key);

		if (!rp_bytes_equal_str(key->text, "saturationDetector")) {
			fprintf(out, "  %.*s:", RP_SHOW(key->text));
			rp_yaml_emit_value(out, value, 4);
		}
		key = rp_yaml_next(model->flow_node, value);
	}
	print_ref(out,
		  is_left ? "  # saturationDetector: " : "  saturationDetector:\n    pluginRef: ",
		  model->saturation.name, model->saturation.node == NULL ? added : "");
}

static void print_parsers(const struct rp_model *model, FILE *out)
{
	fputs("requestHandler:\n  parsers:\n", out);
	for (uint32_t i = 0; i < model->parser_count; i++) {
		const struct rp_model_ref *ref = &model->parser[i];

		print_ref(out,
			  is_left_out(&model->plugin[ref->plugin]) ? "  # - pluginRef: "
								   : "  - pluginRef: ",
			  ref->name, ref->node == NULL ? added : "");
	}
}

void rp_effective_print(const struct rp_effective *effective, FILE *out)
{
	const struct rp_model *model = &effective->model;

	fputs("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n", out);
	print_gates(model, out);
	fputs("plugins:\n", out);
	for (uint32_t i = 0; i < model->plugin_count; i++)
		print_plugin(&model->plugin[i], out);
	fputs("schedulingProfiles:\n", out);
	for (uint32_t i = 0; i < model->profile_count; i++)
		print_profile(model, &model->profile[i], out);
	print_data_layer(model, out);
	print_flow(model, out);
	print_parsers(model, out);
	if (model->ours_node != NULL) {
		fputs("ringpick:", out);
		rp_yaml_emit_value(out, model->ours_node, 2);
	}
}
