/* SPDX-License-Identifier: Apache-2.0 */
#include "config/rp_config.h"

#include <stdlib.h>

#include "config/model.h"

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

static int check_stability(struct rp_model *model, bool has_experimental)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];

		if (rp_plugin_type_stability(plugin->type) == RP_ALPHA && !has_experimental)
			return rp_decode_fail(
				model->diag, plugin->node,
				"plugin '%.*s' (type: %.*s) is experimental; start with "
				"--allow-experimental-plugins to permit it",
				RP_SHOW(plugin->name), RP_SHOW(plugin->type_name));
	}
	return RP_OK;
}

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
	return r == RP_OK ? check_stability(model, has_experimental) : r;
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

static void note_response_reader(const struct rp_model *model)
{
	struct rp_config_control *control = model->control;

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];

		if ((rp_plugin_type_kinds(plugin->type) & RP_READS_RESPONSE) == 0)
			continue;
		(void)rp_bytes_to_str(plugin->name, control->response_reader,
				      sizeof(control->response_reader));
		break;
	}
}

int rp_response_processing_parse(struct rp_bytes word, enum rp_response_processing *ret)
{
	*ret = RP_RESPONSE_UNSET;
	if (rp_bytes_equal_str(word, "full"))
		*ret = RP_RESPONSE_FULL;
	else if (rp_bytes_equal_str(word, "skip"))
		*ret = RP_RESPONSE_SKIP;
	else if (word.len > 0)
		return RP_EFORMAT;
	return RP_OK;
}

void rp_config_decide_responses(struct rp_config_control *control, struct rp_config_blob *blob,
				enum rp_response_processing flag)
{
	enum rp_response_processing wanted =
		flag != RP_RESPONSE_UNSET ? flag : control->response_processing;

	blob->is_response_skipped =
		wanted == RP_RESPONSE_SKIP && control->response_reader[0] == '\0';
	if (wanted == RP_RESPONSE_SKIP && control->response_reader[0] != '\0')
		rp_config_warn(control,
			       "response processing: skip has no effect, plugin '%s' reads answers",
			       control->response_reader);
	else if (wanted == RP_RESPONSE_SKIP)
		rp_config_warn(control, "response processing: skip: load, token, duration and "
					"status figures do not cover answers");
}

int rp_config_load(const char *file_name, struct rp_bytes text, bool has_experimental,
		   uint64_t generation, struct rp_config_blob *blob, size_t blob_bytes,
		   struct rp_plugin_stat *stats, struct rp_config_control *ret_control,
		   struct rp_diag *reterr)
{
	struct rp_diag unused;
	struct rp_yaml_tree tree = {0};
	struct rp_model *model = calloc(1, sizeof(*model));
	struct rp_config_control *scratch = calloc(1, sizeof(*scratch));
	int r = RP_ENOMEM;

	if (reterr == NULL)
		reterr = &unused;
	rp_bytes_to_str(rp_bytes_str(file_name), reterr->file, sizeof(reterr->file));
	memset(ret_control, 0, sizeof(*ret_control));
	if (model == NULL || scratch == NULL) {
		rp_diag_set(reterr, r, 0, 0, "out of memory");
		goto out;
	}
	model->diag = reterr;
	model->control = ret_control;
	model->scratch = scratch;
	model->detector = RP_CONFIG_NONE;
	model->pool = (struct rp_pool){model->pool_room, 0, sizeof(model->pool_room)};
	r = parse(text, &tree, reterr);
	if (r == RP_OK)
		r = run_pipeline(model, rp_yaml_root(&tree), has_experimental);
	if (r == RP_OK)
		note_response_reader(model);
	if (r == RP_OK)
		r = rp_model_compile(model, generation, blob, blob_bytes, stats);
out:
	rp_yaml_free(&tree);
	free(scratch);
	free(model);
	return r;
}
