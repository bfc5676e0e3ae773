/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched.h"

#include <stdlib.h>

#include "dataplane/sched/sched_plugin.h"
#include "dataplane/sched/subset.h"
#include "dataplane/sched/totals.h"
#include "shm/clock.h"

/* Arrays have room for capacity elements; large ones are mapped by calloc and touched as far as
 * used. */
struct rp_sched {
	struct rp_env *env;
	uint32_t capacity; /* --max-endpoints */

	/* what is published, as of this turn */
	const struct rp_config_blob *config; /* NULL: nothing yet */
	const struct rp_endpoint_table *table;
	uint64_t config_generation;
	uint64_t table_generation;
	uint64_t epoch;	  /* of the figures, as of this turn */
	bool has_figures; /* those below are of this epoch and table */
	uint32_t endpoint_count;

	/* by table index */
	uint32_t *idx; /* 0, 1, 2, … */
	uint32_t *slot;
	int32_t *waiting;
	double *kv_usage;

	/* by candidate, where the gateway restricts them */
	uint32_t *subset_idx;
	uint32_t *subset_slot;
	int32_t *subset_waiting;
	double *subset_kv_usage;
	struct rp_subset_filter *filter;

	struct rp_totals *totals; /* of all endpoints */

	/* by candidate of a subset, of the pick at hand */
	double *score;
	double *subset_total;
	struct rp_pick_score *pick_score;

	/* by plugin index */
	struct rp_prefix_lookup *lookup[RP_PLUGINS_MAX];
	struct rp_match_info match_info[RP_PLUGINS_MAX];

	int64_t lap_ns; /* when the last plugin call ended */
};

int rp_sched_new(struct rp_env *env, struct rp_sched **ret_sched)
{
	struct rp_sched *sched = calloc(1, sizeof(*sched));
	uint32_t n = env->settings->endpoints_max;

	RP_ASSERT(n > 0 && n <= RP_ENDPOINTS_MAX);
	if (sched == NULL)
		return RP_ENOMEM;
	sched->env = env;
	sched->capacity = n;
	sched->idx = calloc(n, sizeof(*sched->idx));
	sched->slot = calloc(n, sizeof(*sched->slot));
	sched->waiting = calloc(n, sizeof(*sched->waiting));
	sched->kv_usage = calloc(n, sizeof(*sched->kv_usage));
	sched->subset_idx = calloc(n, sizeof(*sched->subset_idx));
	sched->subset_slot = calloc(n, sizeof(*sched->subset_slot));
	sched->subset_waiting = calloc(n, sizeof(*sched->subset_waiting));
	sched->subset_kv_usage = calloc(n, sizeof(*sched->subset_kv_usage));
	sched->score = calloc(n, sizeof(*sched->score));
	sched->subset_total = calloc(n, sizeof(*sched->subset_total));
	sched->pick_score = calloc(n, sizeof(*sched->pick_score));
	if (rp_subset_filter_new(n, &sched->filter) != RP_OK ||
	    rp_totals_new(n, &sched->totals) != RP_OK || sched->idx == NULL ||
	    sched->slot == NULL || sched->waiting == NULL || sched->kv_usage == NULL ||
	    sched->subset_idx == NULL || sched->subset_slot == NULL ||
	    sched->subset_waiting == NULL || sched->subset_kv_usage == NULL ||
	    sched->score == NULL || sched->subset_total == NULL || sched->pick_score == NULL) {
		rp_sched_free(sched);
		return RP_ENOMEM;
	}
	*ret_sched = sched;
	return RP_OK;
}

void rp_sched_free(struct rp_sched *sched)
{
	if (sched == NULL)
		return;
	free(sched->idx);
	free(sched->slot);
	free(sched->waiting);
	free(sched->kv_usage);
	free(sched->subset_idx);
	free(sched->subset_slot);
	free(sched->subset_waiting);
	free(sched->subset_kv_usage);
	free(sched->score);
	free(sched->subset_total);
	rp_totals_free(sched->totals);
	free(sched->pick_score);
	rp_subset_filter_free(sched->filter);
	for (uint32_t i = 0; i < RP_PLUGINS_MAX; i++)
		free(sched->lookup[i]);
	free(sched);
}

const struct rp_config_blob *rp_sched_config(const struct rp_sched *sched)
{
	return sched->config;
}

/* Every reference leads to an implementation of its kind. */
static bool is_runnable(const struct rp_config_blob *config)
{
	const struct rp_config_plugin *handler =
		rp_config_blob_plugin(config, config->profile_handler);

	if (config->plugin_count > RP_PLUGINS_MAX ||
	    rp_sched_profile_handler(handler->type) == NULL)
		return false;
	for (uint32_t i = 0; i < config->producer_count; i++) {
		uint32_t plugin = rp_config_blob_producer(config, i);

		if (rp_sched_producer(rp_config_blob_plugin(config, plugin)->type) == NULL)
			return false;
	}
	for (uint32_t i = 0; i < config->profile_count; i++) {
		const struct rp_config_profile *profile = rp_config_blob_profile(config, i);

		if (rp_sched_picker(rp_config_blob_plugin(config, profile->picker)->type) == NULL)
			return false;
		for (uint32_t s = 0; s < profile->scorer_count; s++) {
			uint32_t plugin =
				rp_config_blob_ref(config, profile->scorer_first + s)->plugin;

			if (rp_sched_scorer(rp_config_blob_plugin(config, plugin)->type) == NULL)
				return false;
		}
	}
	return true;
}

/* Check a configuration and give its producers what they need. */
static int adopt_config(struct rp_sched *sched, const struct rp_config_blob *config)
{
	int err = rp_config_blob_check(config, RP_CONFIG_BLOB_BYTES);

	if (err != RP_OK)
		return err;
	if (!is_runnable(config))
		return RP_EFORMAT;
	for (uint32_t i = 0; i < config->producer_count; i++) {
		uint32_t plugin = rp_config_blob_producer(config, i);
		const struct rp_producer *ops =
			rp_sched_producer(rp_config_blob_plugin(config, plugin)->type);

		if (!ops->wants_lookup || sched->lookup[plugin] != NULL)
			continue;
		sched->lookup[plugin] = calloc(1, sizeof(*sched->lookup[plugin]));
		if (sched->lookup[plugin] == NULL)
			return RP_ENOMEM;
	}
	return RP_OK;
}

static void adopt_table(struct rp_sched *sched, const struct rp_endpoint_table *table)
{
	sched->endpoint_count = (uint32_t)rp_min_size(table->endpoint_count, sched->capacity);
	for (uint32_t i = 0; i < sched->endpoint_count; i++) {
		RP_ASSERT(table->endpoint[i].slot < RP_ENDPOINTS_MAX);
		sched->idx[i] = i;
		sched->slot[i] = table->endpoint[i].slot;
	}
	rp_subset_filter_forget_table(sched->filter);
	rp_totals_set_table(sched->totals, sched->slot, sched->endpoint_count);
}

/* Once a turn at most, and only if it picks. */
static void copy_figures(struct rp_sched *sched)
{
	const struct rp_endpoint_metrics *metrics = &sched->env->live->metrics;
	const uint32_t *slot = sched->slot;
	uint32_t count = sched->endpoint_count;
	int32_t *waiting = sched->waiting;
	/* The tree is compiled without strict aliasing: a double's bits may be stored as such. */
	uint64_t *kv_usage_bits = (void *)sched->kv_usage;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = slot[i];

		kv_usage_bits[i] =
			atomic_load_explicit(&metrics->kv_usage_bits[at], memory_order_relaxed);
		waiting[i] = atomic_load_explicit(&metrics->waiting[at], memory_order_relaxed);
	}
	sched->has_figures = true;
	rp_totals_forget(sched->totals);
}

bool rp_sched_refresh(struct rp_sched *sched)
{
	const struct rp_tables *tables = sched->env->tables;
	const struct rp_config_blob *config;
	const struct rp_endpoint_table *table;
	struct rp_published pair;
	uint64_t epoch;
	bool has_moved;

	if (!rp_publication_current(&sched->env->live->publication, &pair))
		return false;
	RP_ASSERT(pair.config_slot < RP_PUBLICATION_SLOTS);
	RP_ASSERT(pair.table_slot < RP_PUBLICATION_SLOTS);
	config = (const void *)tables->config[pair.config_slot];
	table = &tables->table[pair.table_slot];
	/* A slot may be filled anew between two turns: what counts is the generation. */
	if (config != sched->config || config->generation != sched->config_generation) {
		if (adopt_config(sched, config) != RP_OK) {
			/* The last one cannot be kept: control may be filling its slot. */
			rp_counter_add(&sched->env->counters->unexpected, 1);
			sched->config = NULL;
			return false;
		}
		sched->config = config;
		sched->config_generation = config->generation;
		rp_totals_forget(sched->totals);
	}
	has_moved = table != sched->table || table->table_generation != sched->table_generation;
	if (has_moved) {
		adopt_table(sched, table);
		sched->table = table;
		sched->table_generation = table->table_generation;
	}
	/* Pairs with the release in rp_endpoint_metrics_bump(). */
	epoch = atomic_load_explicit(&sched->env->live->metrics.epoch, memory_order_acquire);
	if (has_moved || epoch != sched->epoch) {
		sched->has_figures = false;
		sched->epoch = epoch;
	}
	return true;
}

/* The published endpoints, or those of them that the gateway allows. */
static struct rp_candidates find_candidates(struct rp_sched *sched, const struct rp_subset *subset)
{
	struct rp_candidates all = {
		.count = sched->endpoint_count,
		.table_idx = sched->idx,
		.slot = sched->slot,
		.waiting = sched->waiting,
		.kv_usage = sched->kv_usage,
	};
	struct rp_candidates some = {
		.table_idx = sched->subset_idx,
		.slot = sched->subset_slot,
		.waiting = sched->subset_waiting,
		.kv_usage = sched->subset_kv_usage,
	};

	if (subset == NULL || !subset->is_given || sched->env->settings->is_subset_filter_off)
		return all;
	some.count = rp_subset_filter_run(sched->filter, subset, sched->table,
					  sched->endpoint_count, sched->subset_idx);
	for (uint32_t i = 0; i < some.count; i++) {
		uint32_t idx = sched->subset_idx[i];

		sched->subset_slot[i] = sched->slot[idx];
		sched->subset_waiting[i] = sched->waiting[idx];
		sched->subset_kv_usage[i] = sched->kv_usage[idx];
	}
	return some;
}

/* Count a call of a plugin. `nth` counts the plugin's extension points. */
static void observe(struct rp_sched *sched, uint32_t plugin, uint32_t nth, int64_t ns)
{
	uint32_t first = rp_config_blob_plugin(sched->config, plugin)->stat_first;

	if (first < RP_PLUGIN_STATS_MAX - nth)
		rp_histogram_observe(&sched->env->counters->plugin_duration[first + nth],
				     RP_BUCKETS_FAST, (double)ns / (double)RP_NS_PER_S);
}

/* A plugin call ended now, the next one begins. */
static void lap(struct rp_sched *sched, uint32_t plugin, uint32_t nth)
{
	int64_t now_ns = rp_clock_monotonic_ns();

	observe(sched, plugin, nth, now_ns - sched->lap_ns);
	sched->lap_ns = now_ns;
}

static void scorer_lap(void *user, uint32_t plugin, bool is_kept)
{
	if (is_kept)
		observe(user, plugin, 0, 0);
	else
		lap(user, plugin, 0);
}

int32_t rp_produce_block_size(const struct rp_produce *produce)
{
	const struct rp_endpoint_metrics *metrics = &produce->env->live->metrics;

	if (produce->candidates->count == 0)
		return 0;
	return atomic_load_explicit(&metrics->cache_block_size[produce->candidates->slot[0]],
				    memory_order_relaxed);
}

static void select_producer(struct rp_sched *sched, struct rp_produce *produce, uint32_t plugin)
{
	produce->plugin = rp_config_blob_plugin(sched->config, plugin);
	produce->lookup = sched->lookup[plugin];
	produce->match_info = &sched->match_info[plugin];
}

/* The first error skips the producers after it; the request goes on. */
static void run_producers(struct rp_sched *sched, struct rp_produce *produce)
{
	const struct rp_config_blob *config = sched->config;

	for (uint32_t i = 0; i < config->producer_count; i++)
		sched->match_info[rp_config_blob_producer(config, i)] = (struct rp_match_info){0};
	for (uint32_t i = 0; i < config->producer_count; i++) {
		uint32_t plugin = rp_config_blob_producer(config, i);
		int err;

		select_producer(sched, produce, plugin);
		err = rp_sched_producer(produce->plugin->type)
			      ->produce(produce, rp_config_blob_params(config, produce->plugin));
		lap(sched, plugin, 0);
		if (err != RP_OK)
			return;
	}
}

static void run_pre_requests(struct rp_sched *sched, struct rp_produce *produce)
{
	const struct rp_config_blob *config = sched->config;

	for (uint32_t i = 0; i < config->producer_count; i++) {
		uint32_t plugin = rp_config_blob_producer(config, i);
		const struct rp_producer *ops;

		select_producer(sched, produce, plugin);
		ops = rp_sched_producer(produce->plugin->type);
		if (ops->pre_request == NULL)
			continue;
		ops->pre_request(produce, rp_config_blob_params(config, produce->plugin));
		lap(sched, plugin, 1);
	}
}

static void fill_pick(struct rp_sched *sched, const struct rp_candidates *candidates,
		      const double *total, const uint32_t *picked, uint32_t picked_count,
		      struct rp_pick *pick)
{
	pick->target_count = picked_count;
	for (uint32_t i = 0; i < picked_count; i++) {
		const struct rp_endpoint *endpoint =
			&sched->table->endpoint[candidates->table_idx[picked[i]]];

		pick->target[i] = (struct rp_pick_target){
			.slot = endpoint->slot,
			.generation = endpoint->generation,
			.address = rp_endpoint_address(endpoint),
		};
	}
	pick->score_count = 0;
	pick->score = sched->pick_score;
	if (!sched->env->settings->has_endpoint_scores)
		return;
	pick->score_count = candidates->count;
	for (uint32_t i = 0; i < candidates->count; i++)
		sched->pick_score[i] = (struct rp_pick_score){
			.address = rp_endpoint_address(
				&sched->table->endpoint[candidates->table_idx[i]]),
			.total = total[i],
		};
}

static uint32_t run_profile(struct rp_sched *sched, const struct rp_candidates *candidates,
			    const double **ret_total, uint32_t *picked)
{
	const struct rp_config_blob *config = sched->config;
	const struct rp_config_plugin *handler =
		rp_config_blob_plugin(config, config->profile_handler);
	uint32_t which = rp_sched_profile_handler(handler->type)->pick(config);
	const struct rp_config_profile *profile;
	const struct rp_config_plugin *picker;
	uint32_t count;

	/* It names a profile: less than a look at the clock. */
	observe(sched, config->profile_handler, 0, 0);
	if (which == RP_CONFIG_NONE)
		return 0;
	profile = rp_config_blob_profile(config, which);
	if (candidates->slot == sched->slot) {
		*ret_total = rp_totals_run(sched->totals, config, profile, candidates,
					   sched->match_info, scorer_lap, sched);
	} else {
		rp_sched_total(config, profile, candidates, sched->match_info, sched->score,
			       sched->subset_total, scorer_lap, sched);
		*ret_total = sched->subset_total;
	}
	picker = rp_config_blob_plugin(config, profile->picker);
	count = rp_sched_picker(picker->type)
			->pick(sched->env, rp_config_blob_params(config, picker), *ret_total,
			       candidates->count, picked);
	lap(sched, profile->picker, 0);
	/* One profile ran: there is nothing to choose from its results. */
	observe(sched, config->profile_handler, 1, 0);
	return count;
}

enum rp_sched_result rp_sched_pick(struct rp_sched *sched, struct rp_request_parser *parser,
				   const struct rp_body *body, const struct rp_request_hints *hints,
				   const struct rp_subset *subset, struct rp_request *request,
				   struct rp_pick *ret_pick)
{
	struct rp_candidates candidates;
	uint32_t picked[RP_PICKS_MAX];
	uint32_t picked_count;
	const double *total;
	struct rp_produce produce = {
		.env = sched->env,
		.config = sched->config,
		.candidates = &candidates,
		.parser = parser,
		.body = body,
		.hints = hints,
		.request = request,
	};

	if (sched->config == NULL)
		return RP_SCHED_NO_CANDIDATES;
	if (!sched->has_figures)
		copy_figures(sched);
	candidates = find_candidates(sched, subset);
	if (candidates.count == 0)
		return RP_SCHED_NO_CANDIDATES;
	sched->lap_ns = rp_clock_monotonic_ns();
	run_producers(sched, &produce);
	picked_count = run_profile(sched, &candidates, &total, picked);
	if (picked_count > 0)
		fill_pick(sched, &candidates, total, picked, picked_count, ret_pick);
	rp_totals_settle(sched->totals);
	if (picked_count == 0)
		return RP_SCHED_ALL_FILTERED;
	produce.target = &sched->table->endpoint[candidates.table_idx[picked[0]]];
	run_pre_requests(sched, &produce);
	return RP_SCHED_OK;
}
