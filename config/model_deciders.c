/* SPDX-License-Identifier: Apache-2.0
 *
 * Profile handlers name the plugins that decide for them, wherever those stand in the file. As
 * deciders name nobody, what they name can form no cycle.
 */
#include "config/model_keys.h"

/* Where the parameters say that name, or the plugin itself if a default says it. */
static const struct rp_yaml_node *place_of(const struct rp_model_plugin *plugin,
					   struct rp_bytes name)
{
	const struct rp_yaml_node *node = plugin->parameters;

	for (uint32_t i = 0; node != NULL && i < node->span; i++) {
		if (node[i].kind == RP_YAML_STR && rp_bytes_equal(node[i].text, name))
			return &node[i];
	}
	return plugin->node;
}

static int link_decider(struct rp_model *model, struct rp_model_plugin *handler,
			enum rp_decider decider)
{
	struct rp_bytes name = handler->names.decider[decider];
	const struct rp_model_plugin *plugin = rp_model_find(model, name);
	uint32_t index = plugin == NULL ? RP_CONFIG_NONE : (uint32_t)(plugin - model->plugin);

	if (name.len > 0 && plugin == NULL)
		return rp_decode_fail(model->diag, place_of(handler, name),
				      "a plugin has a dependency on the unregistered plugin %.*s; "
				      "'%.*s' needs it as its decider: list it under plugins",
				      RP_SHOW(name), RP_SHOW(handler->name));
	if (name.len > 0 && (rp_plugin_type_kinds(plugin->type) & RP_KIND_DECIDER) == 0)
		return rp_decode_fail(model->diag, place_of(handler, name),
				      "plugin '%.*s' (type: %.*s) is no decider, and '%.*s' needs "
				      "one; use a type such as prefix-based-pd-decider",
				      RP_SHOW(name), RP_SHOW(plugin->type_name),
				      RP_SHOW(handler->name));
	rp_params_set_index(handler, rp_decider_offset(handler->type, decider), index);
	return RP_OK;
}

/* A name that is asked for and never used (pd-profile-handler's prefixPluginName). */
static int check_unused(struct rp_model *model, const struct rp_model_plugin *plugin)
{
	struct rp_bytes name = plugin->names.unused;

	const struct rp_model_plugin *named = rp_model_find(model, name);

	if (name.len == 0 || (named != NULL && named != plugin))
		return RP_OK;
	return rp_decode_fail(model->diag, place_of(plugin, name),
			      "a plugin has a dependency on %s %.*s; '%.*s' names it without "
			      "need: leave it out",
			      named == NULL ? "the unregistered plugin" : "itself,", RP_SHOW(name),
			      RP_SHOW(plugin->name));
}

int rp_model_link_deciders(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->plugin_count && r == RP_OK; i++) {
		r = check_unused(model, &model->plugin[i]);
		for (uint32_t d = 0; d < RP_DECIDER_COUNT && r == RP_OK; d++)
			r = link_decider(model, &model->plugin[i], (enum rp_decider)d);
	}
	return r;
}
