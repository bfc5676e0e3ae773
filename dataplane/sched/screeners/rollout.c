/* SPDX-License-Identifier: Apache-2.0
 *
 * disaggregatedset-rollout-screener: while several revisions of a set are there, a request stays
 * within one that has all roles; headers may name the endpoints it wants (scheduling
 * reference 3.11). Label values are compared by their hashes, which they get once a table.
 */
#include "dataplane/sched/selector.h"
#include "shm/hash.h"

struct place {
	uint64_t revision; /* XXH64; 0: none */
	uint32_t role;	   /* of the required ones; RP_ROLLOUT_ROLES_MAX: none of them */
	bool is_counted;   /* a pod of the set */
	uint64_t selected[RP_ROLLOUT_SELECTORS_MAX]; /* by selector: XXH64 of its label; 0: none */
};

/* The revisions of a table. */
struct census {
	uint64_t table_generation; /* 0: none yet */
	uint32_t count;
	uint64_t revision[RP_ROLLOUT_REVISIONS_MAX];
	uint32_t role_count[RP_ROLLOUT_REVISIONS_MAX][RP_ROLLOUT_ROLES_MAX];
	uint32_t weight[RP_ROLLOUT_REVISIONS_MAX]; /* 0: a role is missing */
};

static struct rp_config_array selectors_of(const struct rp_call *call)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array list = rp_config_blob_list(
		call->cycle->config, params->header_selectors, sizeof(struct rp_rollout_selector));

	if (list.count > RP_ROLLOUT_SELECTORS_MAX)
		list.count = RP_ROLLOUT_SELECTORS_MAX;
	return list;
}

static struct rp_config_array roles_of(const struct rp_call *call)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array list = rp_config_blob_list(
		call->cycle->config, params->require_roles, sizeof(struct rp_config_str));

	if (list.count > RP_ROLLOUT_ROLES_MAX)
		list.count = RP_ROLLOUT_ROLES_MAX;
	return list;
}

/* ---- once a table ---- */

static struct rp_bytes label_of(const struct rp_call *call, uint32_t table_idx,
				struct rp_config_str key)
{
	struct rp_bytes value = rp_bytes("", 0);

	(void)rp_cycle_label(call->cycle, table_idx, rp_config_blob_str(call->cycle->config, key),
			     &value);
	return value;
}

static uint64_t hash_of(struct rp_bytes value)
{
	return value.len == 0 ? 0 : rp_hash64_bytes(value);
}

static uint32_t find_role(const struct rp_call *call, struct rp_bytes role)
{
	struct rp_config_array roles = roles_of(call);
	const struct rp_config_str *str = roles.ptr;

	for (uint32_t i = 0; i < roles.count; i++) {
		if (rp_bytes_equal(rp_config_blob_str(call->cycle->config, str[i]), role))
			return i;
	}
	return RP_ROLLOUT_ROLES_MAX;
}

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array selectors = selectors_of(call);
	const struct rp_rollout_selector *selector = selectors.ptr;
	struct rp_bytes role = label_of(call, table_idx, params->role_label_key);
	struct place *place = prepared;

	*place = (struct place){
		.revision = hash_of(label_of(call, table_idx, params->revision_label_key)),
		.role = find_role(call, role)};
	/* A pod of several ranks is one pod. */
	place->is_counted = place->revision != 0 && role.len > 0 &&
			    call->cycle->table->endpoint[table_idx].rank == 0 &&
			    rp_selector_matches(call->cycle, params->scope_requirements, table_idx);
	for (uint32_t i = 0; i < selectors.count; i++)
		place->selected[i] = hash_of(label_of(call, table_idx, selector[i].label_key));
}

/* ---- which revision ---- */

/* @return its index; RP_ROLLOUT_REVISIONS_MAX: unknown, or one too many */
static uint32_t find_revision(const struct census *census, uint64_t revision, uint32_t guess)
{
	if (guess < census->count && census->revision[guess] == revision)
		return guess;
	for (uint32_t i = 0; i < census->count; i++) {
		if (census->revision[i] == revision)
			return i;
	}
	return RP_ROLLOUT_REVISIONS_MAX;
}

static void count_roles(const struct rp_call *call, struct census *census)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < call->cycle->endpoint_count; i++) {
		const struct place *place = RP_PREPARED(call, struct place, i);

		if (!place->is_counted || place->role == RP_ROLLOUT_ROLES_MAX)
			continue;
		at = find_revision(census, place->revision, at);
		if (at == RP_ROLLOUT_REVISIONS_MAX && census->count < RP_ROLLOUT_REVISIONS_MAX) {
			at = census->count++;
			census->revision[at] = place->revision;
		}
		if (at < RP_ROLLOUT_REVISIONS_MAX)
			census->role_count[at][place->role]++;
	}
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
static uint32_t largest_role(const struct census *census, uint32_t roles)
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

static void weigh(const struct rp_call *call, struct census *census)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	uint32_t roles = roles_of(call).count;
	uint32_t role;

	for (uint32_t i = 0; i < census->count; i++)
		census->weight[i] = sum_of_roles(census->role_count[i], roles);
	if (params->gating != RP_ROLLOUT_MAX_ROLE)
		return;
	role = largest_role(census, roles);
	for (uint32_t i = 0; i < census->count; i++)
		census->weight[i] = census->weight[i] > 0 ? census->role_count[i][role] : 0;
}

static const struct census *census_of(const struct rp_call *call)
{
	struct census *census = call->state;
	uint64_t generation = call->cycle->table->table_generation;

	if (census->table_generation == generation)
		return census;
	*census = (struct census){.table_generation = generation};
	count_roles(call, census);
	weigh(call, census);
	return census;
}

/* Draw one that a candidate is of. @return RP_ROLLOUT_REVISIONS_MAX: there is none */
static uint32_t draw(const struct rp_call *call, const struct census *census, const bool *is_seen)
{
	uint32_t total = 0, rest;

	for (uint32_t i = 0; i < census->count; i++)
		total += is_seen[i] ? census->weight[i] : 0;
	if (total == 0)
		return RP_ROLLOUT_REVISIONS_MAX;
	rest = rp_env_random_below(call->cycle->env, total);
	for (uint32_t i = 0; i < census->count; i++) {
		uint32_t weight = is_seen[i] ? census->weight[i] : 0;

		if (rest < weight)
			return i;
		rest -= weight;
	}
	return RP_ROLLOUT_REVISIONS_MAX;
}

/* Keep the endpoints of complete revisions: of one drawn, or of all. */
static uint32_t keep_revisions(const struct rp_call *call, const struct rp_candidates *in,
			       bool is_drawn, uint32_t *kept)
{
	const struct census *census = census_of(call);
	bool is_seen[RP_ROLLOUT_REVISIONS_MAX + 1] = {false}; /* the last one: unknown ones */
	uint32_t count = 0, at = 0, drawn;

	for (uint32_t i = 0; i < in->count; i++) {
		at = find_revision(census,
				   RP_PREPARED(call, struct place, in->table_idx[i])->revision, at);
		is_seen[at] = true;
	}
	drawn = draw(call, census, is_seen);
	for (uint32_t i = 0; i < in->count; i++) {
		at = find_revision(census,
				   RP_PREPARED(call, struct place, in->table_idx[i])->revision, at);
		kept[count] = i;
		count += at < RP_ROLLOUT_REVISIONS_MAX && census->weight[at] > 0 &&
			 (!is_drawn || at == drawn);
	}
	return count;
}

/* ---- what headers ask for ---- */

/* Empty: the selector is not a strict one, or not asked for. */
static struct rp_bytes wanted_by(const struct rp_call *call,
				 const struct rp_rollout_selector *selector)
{
	if (selector->mode != RP_ROLLOUT_STRICT)
		return rp_bytes("", 0);
	return rp_cycle_header(call->cycle,
			       rp_config_blob_str(call->cycle->config, selector->header_name));
}

static uint32_t keep_wanted(const struct rp_call *call, const struct rp_candidates *in,
			    uint32_t selector, uint64_t wanted, uint32_t *kept, uint32_t count)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct place *place = RP_PREPARED(call, struct place, in->table_idx[kept[i]]);

		kept[left] = kept[i];
		left += place->selected[selector] == wanted;
	}
	return left;
}

static int screen(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array selectors = selectors_of(call);
	const struct rp_rollout_selector *selector = selectors.ptr;
	bool is_gated = params->gating != RP_ROLLOUT_DISABLED && params->has_require_roles;
	bool has_wish = false;
	uint32_t count = in->count;

	for (uint32_t i = 0; i < selectors.count; i++)
		has_wish = has_wish || wanted_by(call, &selector[i]).len > 0;
	if (!is_gated && !has_wish)
		return RP_KEEP_ALL;
	for (uint32_t i = 0; i < count; i++)
		kept[i] = i;
	if (is_gated)
		count = keep_revisions(call, in, !has_wish, kept);
	for (uint32_t i = 0; i < selectors.count; i++) {
		struct rp_bytes wanted = wanted_by(call, &selector[i]);

		if (wanted.len > 0)
			count = keep_wanted(call, in, i, rp_hash64_bytes(wanted), kept, count);
	}
	return (int)count;
}

/* The answer says what was picked. */
static void pre_request(const struct rp_call *call)
{
	struct rp_config_array selectors = selectors_of(call);
	const struct rp_rollout_selector *selector = selectors.ptr;
	struct rp_cycle *cycle = call->cycle;
	uint32_t pick = rp_cycle_first_pick(cycle, cycle->primary);

	if (pick == RP_NO_ENDPOINT)
		return;
	for (uint32_t i = 0; i < selectors.count; i++) {
		struct rp_bytes value = label_of(call, pick, selector[i].label_key);

		if (value.len > 0)
			rp_followup_set_header(
				&cycle->followup,
				rp_config_blob_str(cycle->config, selector[i].header_name), value);
	}
}

const struct rp_plugin_ops rp_disaggregatedset_rollout_screener = {
	.prepared_bytes = sizeof(struct place),
	.prepare = prepare,
	.state_bytes = sizeof(struct census),
	.screen = screen,
	.pre_request = pre_request,
};
