/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/plan.h"

#include <stdlib.h>

void rp_sched_plan_init(struct rp_sched_plan *plan, struct rp_profile_bed *bed,
			struct rp_counters *counters)
{
	memset(plan, 0, sizeof(*plan));
	plan->bed = bed;
	plan->counters = counters;
}

void rp_sched_plan_fini(struct rp_sched_plan *plan)
{
	for (uint32_t i = 0; i < RP_PLUGINS_MAX; i++) {
		free(plan->room[i].lookup);
		free(plan->room[i].load);
		free(plan->room[i].prepared);
		free(plan->room[i].state);
	}
	for (uint32_t i = 0; i < RP_PROFILES_MAX; i++)
		rp_profile_run_free(plan->profile[i]);
}

static bool has_ops(const struct rp_sched_plan *plan, const struct rp_config_blob *config,
		    uint32_t first, uint32_t count, bool is_scorer)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct rp_plugin_ops *ops =
			plan->call[rp_config_blob_ref(config, first + i)->plugin].ops;

		if (ops == NULL || (is_scorer ? ops->score == NULL : ops->filter == NULL))
			return false;
	}
	return count <= RP_PROFILE_PLUGINS_MAX;
}

/* Every reference of a profile leads to an implementation of its kind. */
static bool is_runnable(const struct rp_sched_plan *plan, const struct rp_config_blob *config)
{
	const struct rp_plugin_ops *handler = plan->call[config->profile_handler].ops;

	if (handler == NULL || handler->choose == NULL || config->profile_count > RP_PROFILES_MAX)
		return false;
	for (uint32_t i = 0; i < config->profile_count; i++) {
		const struct rp_config_profile *profile = rp_config_blob_profile(config, i);
		const struct rp_plugin_ops *picker = plan->call[profile->picker].ops;

		if (picker == NULL || picker->pick == NULL ||
		    !has_ops(plan, config, profile->filter_first, profile->filter_count, false) ||
		    !has_ops(plan, config, profile->scorer_first, profile->scorer_count, true))
			return false;
	}
	return true;
}

static void role_add(struct rp_plugin_role *role, uint32_t plugin)
{
	role->plugin[role->count++] = plugin;
}

static void assign_roles(struct rp_sched_plan *plan, const struct rp_config_blob *config)
{
	plan->burst = NULL;
	plan->producers.count = 0;
	plan->measurers.count = 0;
	plan->screeners.count = 0;
	plan->admitters.count = 0;
	plan->header_processors.count = 0;
	plan->pre_requests.count = 0;
	plan->noting.count = 0;
	plan->reporters.count = 0;
	for (uint32_t i = 0; i < config->producer_count; i++) {
		uint32_t plugin = rp_config_blob_producer(config, i);
		const struct rp_plugin_ops *ops = plan->call[plugin].ops;

		if (ops != NULL && ops->produce != NULL)
			role_add(&plan->producers, plugin);
		if (ops != NULL && ops->measure != NULL)
			role_add(&plan->measurers, plugin);
		if (ops != NULL && rp_config_blob_plugin(config, plugin)->type ==
					   RP_PLUGIN_BURST_PREFIX_CACHE_PRODUCER)
			plan->burst = &plan->call[plugin];
	}
	for (uint32_t i = 0; i < config->plugin_count; i++) {
		const struct rp_plugin_ops *ops = plan->call[i].ops;

		if (ops == NULL)
			continue;
		if (ops->screen != NULL)
			role_add(&plan->screeners, i);
		if (ops->admit != NULL)
			role_add(&plan->admitters, i);
		if (ops->read_headers != NULL)
			role_add(&plan->header_processors, i);
		if (ops->pre_request != NULL)
			role_add(&plan->pre_requests, i);
		if (ops->produce != NULL || ops->read_headers != NULL || ops->has_note)
			role_add(&plan->noting, i);
		if (ops->report != NULL)
			role_add(&plan->reporters, i);
	}
}

static void find_durations(struct rp_sched_plan *plan, const struct rp_config_blob *config,
			   uint32_t plugin)
{
	for (uint32_t point = 0; point < RP_EXTENSION_POINTS; point++) {
		uint32_t stat = rp_config_plugin_stat(rp_config_blob_plugin(config, plugin),
						      (enum rp_extension_point)point);

		plan->duration[plugin][point] =
			stat < RP_PLUGIN_STATS_MAX ? &plan->counters->plugin_duration[stat] : NULL;
	}
}

static int make_room(struct rp_sched_plan *plan, struct rp_call *call, struct rp_plugin_room *room)
{
	size_t n = plan->bed->capacity;
	const struct rp_plugin_ops *ops = call->ops;

	if (ops == NULL)
		return RP_OK;
	if (ops->wants_lookup && room->lookup == NULL)
		room->lookup = calloc(1, sizeof(*room->lookup));
	if (ops->wants_load && room->load == NULL)
		room->load = calloc(3 * n, sizeof(*room->load));
	if (ops->prepared_bytes > room->prepared_bytes) {
		free(room->prepared);
		room->prepared = calloc(n, ops->prepared_bytes);
		room->prepared_bytes = room->prepared != NULL ? ops->prepared_bytes : 0;
	}
	free(room->state);
	room->state = ops->state_bytes > 0 ? calloc(1, ops->state_bytes) : NULL;
	if ((ops->wants_lookup && room->lookup == NULL) ||
	    (ops->state_bytes > 0 && room->state == NULL) ||
	    (ops->wants_load && room->load == NULL) || ops->prepared_bytes > room->prepared_bytes)
		return RP_ENOMEM;
	call->lookup = room->lookup;
	call->state = room->state;
	call->prepared = room->prepared;
	for (size_t i = 0; i < RP_ARRAY_LEN(call->load); i++)
		call->load[i] = room->load != NULL ? room->load + i * n : NULL;
	return RP_OK;
}

int rp_sched_plan_adopt(struct rp_sched_plan *plan, const struct rp_config_blob *config,
			struct rp_cycle *cycle)
{
	int err = rp_config_blob_check(config, RP_CONFIG_BLOB_BYTES);

	if (err != RP_OK)
		return err;
	if (config->plugin_count > RP_PLUGINS_MAX)
		return RP_EFORMAT;
	plan->bed->figures = 0;
	cycle->wants_uncached = false;
	for (uint32_t i = 0; i < config->plugin_count && err == RP_OK; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(config, i);

		plan->call[i] = (struct rp_call){
			.cycle = cycle,
			.ops = rp_sched_ops(plugin->type),
			.params = rp_config_blob_params(config, plugin),
			.plugin = i,
			.data = &plan->data[i],
		};
		err = make_room(plan, &plan->call[i], &plan->room[i]);
		find_durations(plan, config, i);
		if (plan->call[i].ops == NULL)
			continue;
		/* Those of a detector are copied when it is asked, which is seldom. */
		if (i != config->detector)
			plan->bed->figures |= plan->call[i].ops->figures;
		cycle->wants_uncached |= plan->call[i].ops->reads_uncached;
	}
	if (err != RP_OK)
		return err;
	if (!is_runnable(plan, config))
		return RP_EFORMAT;
	memset(plan->data, 0, sizeof(plan->data));
	assign_roles(plan, config);
	plan->handler = &plan->call[config->profile_handler];
	plan->detector =
		config->detector < config->plugin_count ? &plan->call[config->detector] : NULL;
	if (plan->detector != NULL &&
	    (plan->detector->ops == NULL || plan->detector->ops->saturation == NULL))
		plan->detector = NULL;
	for (uint32_t i = 0; i < config->profile_count && err == RP_OK; i++) {
		if (plan->profile[i] == NULL)
			err = rp_profile_run_new(plan->bed, &plan->profile[i]);
		if (err == RP_OK)
			plan->bed->figures |=
				rp_profile_run_set_config(plan->profile[i], config, i, plan->call);
	}
	return err;
}

void rp_sched_plan_prepare(struct rp_sched_plan *plan, const struct rp_config_blob *config,
			   const struct rp_candidates *all)
{
	for (uint32_t i = 0; i < config->plugin_count; i++) {
		const struct rp_call *call = &plan->call[i];
		uint8_t *prepared = plan->room[i].prepared;

		if (call->ops == NULL || call->ops->prepare == NULL)
			continue;
		for (uint32_t e = 0; e < all->count; e++)
			call->ops->prepare(call, e,
					   prepared + (size_t)e * call->ops->prepared_bytes);
	}
	for (uint32_t i = 0; i < config->profile_count; i++)
		rp_profile_run_set_table(plan->profile[i], all);
}
