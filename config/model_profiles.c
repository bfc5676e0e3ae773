/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model.h"

#define RP_KIND_SCHEDULING ((uint32_t)(RP_KIND_FILTER | RP_KIND_SCORER | RP_KIND_PICKER))

static bool has_kind(const struct rp_model *model, uint32_t plugin, uint32_t kinds)
{
	return (rp_plugin_type_kinds(model->plugin[plugin].type) & kinds) != 0;
}

static uint32_t index_of(const struct rp_model *model, const struct rp_model_plugin *plugin)
{
	return (uint32_t)(plugin - model->plugin);
}

static int check_profile_name(struct rp_model *model, uint32_t index)
{
	const struct rp_model_profile *profile = &model->profile[index];

	if (profile->name.len == 0)
		return rp_decode_fail(model->diag, profile->node,
				      "schedulingProfiles[%u] is missing a name", index);
	for (uint32_t i = 0; i < index; i++) {
		if (rp_bytes_equal(model->profile[i].name, profile->name))
			return rp_decode_fail(model->diag, rp_yaml_get(profile->node, "name"),
					      "schedulingProfiles[%u] has duplicate name '%.*s'",
					      index, RP_SHOW(profile->name));
	}
	return RP_OK;
}

static int resolve_refs(struct rp_model *model, struct rp_model_profile *profile)
{
	for (uint32_t i = 0; i < profile->ref_count; i++) {
		struct rp_model_ref *ref = &profile->ref[i];
		const struct rp_model_plugin *plugin = rp_model_find(model, ref->name);

		if (ref->name.len == 0)
			return rp_decode_fail(model->diag, ref->node,
					      "schedulingProfiles[%.*s].plugins[%u] is missing a "
					      "'pluginRef'",
					      RP_SHOW(profile->name), i);
		if (plugin == NULL)
			return rp_decode_fail(
				model->diag, ref->node,
				"schedulingProfiles[%.*s] references undefined plugin "
				"'%.*s'; list it under plugins, a pluginRef is its name",
				RP_SHOW(profile->name), RP_SHOW(ref->name));
		ref->plugin = index_of(model, plugin);
	}
	return RP_OK;
}

/* Without profiles, one that refers to each filter, scorer and picker. */
static int add_default_profile(struct rp_model *model)
{
	struct rp_model_profile *profile = &model->profile[model->profile_count++];

	profile->name = RP_BYTES_LIT("default");
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (!has_kind(model, i, RP_KIND_SCHEDULING))
			continue;
		if (profile->ref_count == RP_PROFILE_PLUGINS_MAX) {
			rp_decode_fail(model->diag, model->plugin[i].node,
				       "more than %u plugins in the default profile",
				       RP_PROFILE_PLUGINS_MAX);
			return RP_ETOOBIG;
		}
		profile->ref[profile->ref_count++] = (struct rp_model_ref){
			.name = model->plugin[i].name,
			.node = model->plugin[i].node,
			.weight = 1.0,
			.plugin = i,
		};
	}
	return RP_OK;
}

static int find_profile_handler(struct rp_model *model)
{
	const struct rp_model_plugin *handler = NULL;

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (!has_kind(model, i, RP_KIND_PROFILE_HANDLER))
			continue;
		if (handler != NULL)
			return rp_decode_fail(model->diag, model->plugin[i].node,
					      "multiple profile handlers found: '%.*s' and '%.*s'; "
					      "leave one out",
					      RP_SHOW(handler->name),
					      RP_SHOW(model->plugin[i].name));
		handler = &model->plugin[i];
	}
	if (handler == NULL && model->profile_count > 1)
		return rp_decode_fail(model->diag, model->profile[1].node,
				      "no profile handler configured, which more than one profile "
				      "needs");
	if (handler == NULL)
		return rp_model_add(model, RP_PLUGIN_SINGLE_PROFILE_HANDLER, RP_ORIGIN_DEFAULT,
				    &model->profile_handler);
	if (handler->type == RP_PLUGIN_SINGLE_PROFILE_HANDLER && model->profile_count > 1)
		return rp_decode_fail(model->diag, model->profile[1].node,
				      "SingleProfileHandler cannot support multiple scheduling "
				      "profiles; leave one profile, or use another handler");
	model->profile_handler = index_of(model, handler);
	return RP_OK;
}

/* A picker that may stand in where a profile names none: any configured one, else max-score. */
static int find_default_picker(struct rp_model *model, uint32_t *ret_picker)
{
	for (uint32_t i = 0; i < model->plugin_count; i++) {
		if (has_kind(model, i, RP_KIND_PICKER)) {
			*ret_picker = i;
			return RP_OK;
		}
	}
	return rp_model_add(model, RP_PLUGIN_MAX_SCORE_PICKER, RP_ORIGIN_DEFAULT, ret_picker);
}

static int find_picker(struct rp_model *model, struct rp_model_profile *profile)
{
	const struct rp_model_ref *picker = NULL;

	for (uint32_t i = 0; i < profile->ref_count; i++) {
		const struct rp_model_ref *ref = &profile->ref[i];

		if (!has_kind(model, ref->plugin, RP_KIND_PICKER))
			continue;
		if (picker != NULL)
			return rp_decode_fail(model->diag, ref->node,
					      "failed to set '%.*s' as picker, already have a "
					      "registered picker plugin '%.*s'; a profile has one",
					      RP_SHOW(ref->name), RP_SHOW(picker->name));
		picker = ref;
	}
	if (picker == NULL)
		return find_default_picker(model, &profile->picker);
	profile->picker = picker->plugin;
	return RP_OK;
}

int rp_model_complete_profiles(struct rp_model *model)
{
	int r = RP_OK;

	for (uint32_t i = 0; i < model->profile_count && r == RP_OK; i++) {
		r = check_profile_name(model, i);
		if (r == RP_OK)
			r = resolve_refs(model, &model->profile[i]);
	}
	if (r == RP_OK && model->profile_count == 0)
		r = add_default_profile(model);
	if (r == RP_OK)
		r = find_profile_handler(model);
	for (uint32_t i = 0; i < model->profile_count && r == RP_OK; i++)
		r = find_picker(model, &model->profile[i]);
	return r;
}
