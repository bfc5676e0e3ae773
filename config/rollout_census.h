/* SPDX-License-Identifier: Apache-2.0
 *
 * The revisions of a rollout among the endpoints of a table, and how much each one weighs
 * (disaggregatedset-rollout-screener, scheduling reference 3.11). Workers draw by it, control shows
 * it.
 */
#ifndef RP_CONFIG_ROLLOUT_CENSUS_H
#define RP_CONFIG_ROLLOUT_CENSUS_H

#include "config/plugin_params.h"
#include "shm/endpoint_table.h"

struct rp_rollout_census {
	uint32_t count;
	uint64_t revision[RP_ROLLOUT_REVISIONS_MAX];  /* XXH64 of the label */
	uint32_t table_idx[RP_ROLLOUT_REVISIONS_MAX]; /* an endpoint of it */
	uint32_t weight[RP_ROLLOUT_REVISIONS_MAX];    /* 0: a role is missing */
	uint32_t role_count[RP_ROLLOUT_REVISIONS_MAX][RP_ROLLOUT_ROLES_MAX];
};

/** Are requests kept within one revision? */
bool rp_rollout_is_gated(const struct rp_params_disaggregatedset_rollout_screener *params);

/** Count and weigh. Revisions beyond RP_ROLLOUT_REVISIONS_MAX are left out. */
void rp_rollout_census_take(const struct rp_config_blob *config,
			    const struct rp_params_disaggregatedset_rollout_screener *params,
			    const struct rp_endpoint_table *table, uint32_t endpoint_count,
			    struct rp_rollout_census *census);

/**
 * Look a revision up.
 * @param guess  where it may well be
 * @return its index; RP_ROLLOUT_REVISIONS_MAX: there is none
 */
uint32_t rp_rollout_census_find(const struct rp_rollout_census *census, uint64_t revision,
				uint32_t guess);

#endif /* RP_CONFIG_ROLLOUT_CENSUS_H */
