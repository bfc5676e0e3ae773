/* SPDX-License-Identifier: Apache-2.0 */
#include "config/rollout_census.h"

#include "config/label_match.h"
#include "shm/hash.h"

struct taker {
	const struct rp_config_blob *config;
	const struct rp_params_disaggregatedset_rollout_screener *params;
	const struct rp_endpoint_table *table;
	uint32_t role_count;
	const struct rp_config_str *role;
	struct rp_rollout_census *census;
};

bool rp_rollout_is_gated(const struct rp_params_disaggregatedset_rollout_screener *params)
{
	return params->gating != RP_ROLLOUT_DISABLED && params->has_require_roles;
}

static struct rp_bytes label_of(const struct taker *taker, uint32_t table_idx,
				struct rp_config_str key)
{
	struct rp_bytes value = rp_bytes("", 0);

	(void)rp_endpoint_table_find_label(taker->table, table_idx,
					   rp_config_blob_str(taker->config, key), &value);
	return value;
}

uint32_t rp_rollout_census_find(const struct rp_rollout_census *census, uint64_t revision,
				uint32_t guess)
{
	if (guess < census->count && census->revision[guess] == revision)
		return guess;
	for (uint32_t i = 0; i < census->count; i++) {
		if (census->revision[i] == revision)
			return i;
	}
	return RP_ROLLOUT_REVISIONS_MAX;
}

/* @return RP_ROLLOUT_ROLES_MAX: it is not required */
static uint32_t find_role(const struct taker *taker, struct rp_bytes role)
{
	for (uint32_t i = 0; i < taker->role_count; i++) {
		if (rp_bytes_equal(rp_config_blob_str(taker->config, taker->role[i]), role))
			return i;
	}
	return RP_ROLLOUT_ROLES_MAX;
}

/* @return the revision's index */
static uint32_t count_endpoint(const struct taker *taker, uint32_t table_idx, uint32_t guess)
{
	struct rp_rollout_census *census = taker->census;
	struct rp_bytes revision = label_of(taker, table_idx, taker->params->revision_label_key);
	struct rp_bytes role = label_of(taker, table_idx, taker->params->role_label_key);
	uint32_t required, at;

	/* A pod of several ranks is one pod. */
	if (revision.len == 0 || role.len == 0 || taker->table->endpoint[table_idx].rank != 0 ||
	    !rp_label_match(taker->config, taker->params->scope_requirements, taker->table,
			    table_idx))
		return guess;
	at = rp_rollout_census_find(census, rp_hash64_bytes(revision), guess);
	if (at == RP_ROLLOUT_REVISIONS_MAX) {
		if (census->count == RP_ROLLOUT_REVISIONS_MAX)
			return guess;
		at = census->count++;
		census->revision[at] = rp_hash64_bytes(revision);
		census->table_idx[at] = table_idx;
	}
	required = find_role(taker, role);
	if (required < RP_ROLLOUT_ROLES_MAX)
		census->role_count[at][required]++;
	return at;
}

static uint32_t sum_of_roles(const uint32_t *role_count, uint32_t roles)
{
	uint32_t sum = 0;

	for (uint32_t role = 0; role < roles; role++) {
		if (role_count[role] == 0)
			return 0;
		sum += role_count[role];
	}
	return sum;
}

/* The role most pods of complete revisions have; the first of equal ones. */
static uint32_t largest_role(const struct rp_rollout_census *census, uint32_t roles)
{
	uint32_t largest = 0, most = 0;

	for (uint32_t role = 0; role < roles; role++) {
		uint32_t sum = 0;

		for (uint32_t i = 0; i < census->count; i++)
			sum += census->weight[i] > 0 ? census->role_count[i][role] : 0;
		if (sum > most) {
			largest = role;
			most = sum;
		}
	}
	return largest;
}

static void weigh(const struct taker *taker)
{
	struct rp_rollout_census *census = taker->census;
	uint32_t role;

	for (uint32_t i = 0; i < census->count; i++)
		census->weight[i] = sum_of_roles(census->role_count[i], taker->role_count);
	if (taker->params->gating != RP_ROLLOUT_MAX_ROLE)
		return;
	role = largest_role(census, taker->role_count);
	for (uint32_t i = 0; i < census->count; i++)
		census->weight[i] = census->weight[i] > 0 ? census->role_count[i][role] : 0;
}

void rp_rollout_census_take(const struct rp_config_blob *config,
			    const struct rp_params_disaggregatedset_rollout_screener *params,
			    const struct rp_endpoint_table *table, uint32_t endpoint_count,
			    struct rp_rollout_census *census)
{
	struct rp_config_array roles =
		rp_config_blob_list(config, params->require_roles, sizeof(struct rp_config_str));
	struct taker taker = {
		.config = config,
		.params = params,
		.table = table,
		.role_count = (uint32_t)rp_min_size(roles.count, RP_ROLLOUT_ROLES_MAX),
		.role = roles.ptr,
		.census = census,
	};
	uint32_t at = 0;

	*census = (struct rp_rollout_census){.count = 0};
	for (uint32_t i = 0; i < endpoint_count; i++)
		at = count_endpoint(&taker, i, at);
	weigh(&taker);
}
