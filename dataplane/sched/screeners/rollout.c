/* SPDX-License-Identifier: Apache-2.0
 *
 * disaggregatedset-rollout-screener: while several revisions of a set are there, a request stays
 * within one that has all roles; headers may name the endpoints it wants (scheduling
 * reference 3.11). Label values are compared by their hashes, which they get once a table.
 */
#include "config/rollout_census.h"
#include "dataplane/sched/sched_plugin.h"
#include "shm/hash.h"

struct place {
	uint64_t revision;			     /* XXH64; 0: none */
	uint64_t selected[RP_ROLLOUT_SELECTORS_MAX]; /* by selector: XXH64 of its label; 0: none */
};

struct state {
	uint64_t table_generation; /* of the census; 0: none yet */
	struct rp_rollout_census census;
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

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array selectors = selectors_of(call);
	const struct rp_rollout_selector *selector = selectors.ptr;
	struct place *place = prepared;

	*place = (struct place){
		.revision = hash_of(label_of(call, table_idx, params->revision_label_key))};
	for (uint32_t i = 0; i < selectors.count; i++)
		place->selected[i] = hash_of(label_of(call, table_idx, selector[i].label_key));
}

/* ---- which revision ---- */

static const struct rp_rollout_census *census_of(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;
	struct state *state = call->state;

	if (state->table_generation != cycle->table->table_generation)
		rp_rollout_census_take(cycle->config, call->params, cycle->table,
				       cycle->endpoint_count, &state->census);
	state->table_generation = cycle->table->table_generation;
	return &state->census;
}

/* Draw one that a candidate is of. @return RP_ROLLOUT_REVISIONS_MAX: there is none */
static uint32_t draw(const struct rp_call *call, const struct rp_rollout_census *census,
		     const bool *is_seen)
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
	const struct rp_rollout_census *census = census_of(call);
	bool is_seen[RP_ROLLOUT_REVISIONS_MAX + 1] = {false}; /* the last one: unknown ones */
	uint32_t count = 0, at = 0, drawn;

	for (uint32_t i = 0; i < in->count; i++) {
		at = rp_rollout_census_find(
			census, RP_PREPARED(call, struct place, in->table_idx[i])->revision, at);
		is_seen[at] = true;
	}
	drawn = draw(call, census, is_seen);
	for (uint32_t i = 0; i < in->count; i++) {
		at = rp_rollout_census_find(
			census, RP_PREPARED(call, struct place, in->table_idx[i])->revision, at);
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

static void count_no_match(const struct rp_call *call, const struct rp_rollout_selector *selector)
{
	const struct rp_cycle *cycle = call->cycle;

	rp_decision_series_count_no_match(&cycle->env->live->worker[cycle->env->worker].decisions,
					  rp_cycle_plugin_name(cycle, call->plugin),
					  rp_config_blob_str(cycle->config, selector->name));
}

static int screen(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_disaggregatedset_rollout_screener *params = call->params;
	struct rp_config_array selectors = selectors_of(call);
	const struct rp_rollout_selector *selector = selectors.ptr;
	bool is_gated = rp_rollout_is_gated(params);
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
	for (uint32_t i = 0; i < selectors.count && count > 0; i++) {
		struct rp_bytes wanted = wanted_by(call, &selector[i]);

		if (wanted.len == 0)
			continue;
		count = keep_wanted(call, in, i, rp_hash64_bytes(wanted), kept, count);
		if (count == 0)
			count_no_match(call, &selector[i]);
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
	.state_bytes = sizeof(struct state),
	.screen = screen,
	.pre_request = pre_request,
};
