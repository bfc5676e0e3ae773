/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration made ready for scheduling: a struct rp_call for each plugin, with the memory it
 * asked for, the plugins of each role, and the profiles.
 */
#ifndef RP_DATAPLANE_SCHED_PLAN_H
#define RP_DATAPLANE_SCHED_PLAN_H

#include "dataplane/sched/profile_run.h"

/* What a plugin needs of memory; kept from configuration to configuration, but for the state. */
struct rp_plugin_room {
	struct rp_prefix_lookup *lookup;
	int64_t *load;	/* three arrays */
	void *prepared; /* prepared_bytes for each endpoint */
	size_t prepared_bytes;
	void *state;
};

/* Plugins of one role, in the configuration's order; producers in the order of their data. */
struct rp_plugin_role {
	uint32_t count;
	uint32_t plugin[RP_PLUGINS_MAX];
};

struct rp_sched_plan {
	struct rp_profile_bed *bed;
	struct rp_counters *counters;

	/* by plugin index */
	struct rp_call call[RP_PLUGINS_MAX];
	struct rp_plugin_data data[RP_PLUGINS_MAX];
	struct rp_plugin_room room[RP_PLUGINS_MAX];
	/* Where its calls are counted; NULL: nowhere. */
	struct rp_histogram *duration[RP_PLUGINS_MAX][RP_EXTENSION_POINTS];

	struct rp_plugin_role producers, measurers, screeners, admitters, header_processors,
		pre_requests, noting, reporters;
	const struct rp_call *handler;
	const struct rp_call *detector; /* NULL: none */
	const struct rp_call *burst;	/* burst-prefix-cache-producer; NULL: none */
	struct rp_profile_run *profile[RP_PROFILES_MAX];
};

/** @param bed, counters  outlive the plan */
void rp_sched_plan_init(struct rp_sched_plan *plan, struct rp_profile_bed *bed,
			struct rp_counters *counters);
void rp_sched_plan_fini(struct rp_sched_plan *plan);

/**
 * Check a configuration and make its plugins ready to be called, in that cycle.
 * @return RP_OK; RP_EFORMAT: control and worker disagree; RP_ENOMEM. Else there is no plan
 */
RP_MUST_CHECK int rp_sched_plan_adopt(struct rp_sched_plan *plan,
				      const struct rp_config_blob *config, struct rp_cycle *cycle);

/** Another table, or another configuration: what goes by labels and names is worked out. */
void rp_sched_plan_prepare(struct rp_sched_plan *plan, const struct rp_config_blob *config,
			   const struct rp_candidates *all);

#endif /* RP_DATAPLANE_SCHED_PLAN_H */
