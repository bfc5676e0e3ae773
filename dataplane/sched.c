/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched.h"

#include <stdlib.h>

#include "dataplane/director.h"
#include "dataplane/sched/plan.h"
#include "dataplane/sched/subset.h"
#include "shm/clock.h"
#include "shm/log.h"

/* Arrays have room for capacity elements; large ones are mapped by calloc and touched as far as
 * used. */
struct rp_sched {
	struct rp_env *env;
	struct rp_profile_bed bed;

	/* what is published, as of this turn */
	const struct rp_config_blob *config; /* NULL: nothing yet */
	const struct rp_endpoint_table *table;
	uint64_t config_generation;
	uint64_t table_generation;
	uint64_t epoch;	  /* of the figures, as of this turn */
	bool has_figures; /* those in bed are of this epoch and table */
	bool has_table;	  /* what depends on labels is of this table and configuration */
	uint32_t endpoint_count;

	struct rp_sched_plan plan; /* of the configuration */

	uint32_t *idx; /* 0, 1, 2, … */
	struct rp_candidates all;
	uint32_t *subset_idx[2]; /* of a subset, and of what screeners leave of it */
	uint32_t *subset_slot[2];
	struct rp_subset_filter *filter;
	struct rp_pick_score *pick_score[RP_PROFILES_MAX];

	/* of the request at hand */
	struct rp_cycle cycle;
	const struct rp_subset *subset;
	struct rp_candidates candidates;
	bool is_all;			       /* they are all of the table */
	uint32_t score_count[RP_PROFILES_MAX]; /* in pick_score */
	int64_t lap_ns;			       /* when the last plugin call ended */
};

int rp_sched_new(struct rp_env *env, struct rp_sched **ret_sched)
{
	struct rp_sched *sched = calloc(1, sizeof(*sched));
	uint32_t n = env->settings->endpoints_max;
	int err;

	RP_ASSERT(n > 0 && n <= RP_ENDPOINTS_MAX);
	if (sched == NULL)
		return RP_ENOMEM;
	sched->env = env;
	rp_sched_plan_init(&sched->plan, &sched->bed, env->counters);
	err = rp_profile_bed_init(&sched->bed, n);
	if (err == RP_OK)
		err = rp_subset_filter_new(n, &sched->filter);
	sched->idx = calloc(n, sizeof(*sched->idx));
	for (int i = 0; i < 2; i++) {
		sched->subset_idx[i] = calloc(n, sizeof(*sched->subset_idx[i]));
		sched->subset_slot[i] = calloc(n, sizeof(*sched->subset_slot[i]));
	}
	if (err != RP_OK || sched->idx == NULL || sched->subset_idx[0] == NULL ||
	    sched->subset_idx[1] == NULL || sched->subset_slot[0] == NULL ||
	    sched->subset_slot[1] == NULL) {
		rp_sched_free(sched);
		return RP_ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		sched->idx[i] = i;
	*ret_sched = sched;
	return RP_OK;
}

void rp_sched_free(struct rp_sched *sched)
{
	if (sched == NULL)
		return;
	rp_sched_plan_fini(&sched->plan);
	for (uint32_t i = 0; i < RP_PROFILES_MAX; i++)
		free(sched->pick_score[i]);
	for (int i = 0; i < 2; i++) {
		free(sched->subset_idx[i]);
		free(sched->subset_slot[i]);
	}
	free(sched->idx);
	rp_subset_filter_free(sched->filter);
	rp_profile_bed_fini(&sched->bed);
	free(sched);
}

const struct rp_config_blob *rp_sched_config(const struct rp_sched *sched)
{
	return sched->config;
}

const struct rp_request_rules *rp_sched_rules(const struct rp_sched *sched)
{
	return sched->config != NULL ? &sched->table->rules : NULL;
}

/* ---- what is published ---- */

static int adopt_config(struct rp_sched *sched, const struct rp_config_blob *config)
{
	int err = rp_sched_plan_adopt(&sched->plan, config, &sched->cycle);

	for (uint32_t i = 0; err == RP_OK && i < config->profile_count; i++) {
		if (sched->pick_score[i] == NULL)
			sched->pick_score[i] =
				calloc(sched->bed.capacity, sizeof(*sched->pick_score[i]));
		if (sched->pick_score[i] == NULL)
			err = RP_ENOMEM;
	}
	return err;
}

static double seconds_since(int64_t then_ns)
{
	return then_ns == 0 ? 0 : (double)(rp_clock_monotonic_ns() - then_ns) / (double)RP_NS_PER_S;
}

static void adopt_table(struct rp_sched *sched, const struct rp_endpoint_table *table)
{
	sched->endpoint_count = (uint32_t)rp_min_size(table->endpoint_count, sched->bed.capacity);
	for (uint32_t i = 0; i < sched->endpoint_count; i++) {
		RP_ASSERT(table->endpoint[i].slot < RP_ENDPOINTS_MAX);
		sched->bed.slot[i] = table->endpoint[i].slot;
	}
	sched->all = (struct rp_candidates){
		.count = sched->endpoint_count,
		.table_idx = sched->idx,
		.slot = sched->bed.slot,
		.is_table = true,
	};
	rp_subset_filter_forget_table(sched->filter);
	RP_LOG(RP_V3, "scheduler", "Endpoints adopted",
	       RP_F_INT("tableGeneration", table->table_generation),
	       RP_F_INT("endpoints", sched->endpoint_count),
	       RP_F_NUM("sinceEventSeconds", seconds_since(table->event_ns)),
	       RP_F_NUM("sincePublicationSeconds", seconds_since(table->published_ns)));
}

/* What goes by labels: once for a table and a configuration, at the first pick. */
static void prepare_table(struct rp_sched *sched)
{
	rp_sched_plan_prepare(&sched->plan, sched->config, &sched->all);
	sched->has_table = true;
	sched->has_figures = false;
}

/* Figures that not every configuration reads. */
static void copy_rare_figures(struct rp_sched *sched, uint32_t figures)
{
	const struct rp_endpoint_metrics *metrics = &sched->env->live->metrics;
	const uint32_t *slot = sched->bed.slot;
	struct rp_figures *to = &sched->bed.figure;
	uint32_t count = sched->endpoint_count;

	for (uint32_t i = 0; i < count && (figures & RP_FIGURE_RUNNING) != 0; i++)
		to->running[i] =
			atomic_load_explicit(&metrics->running[slot[i]], memory_order_relaxed);
	for (uint32_t i = 0; i < count && (figures & RP_FIGURE_UPDATED) != 0; i++)
		to->updated_ns[i] =
			atomic_load_explicit(&metrics->updated_ns[slot[i]], memory_order_relaxed);
}

/* Once a turn at most, and only if it picks. */
static void copy_figures(struct rp_sched *sched)
{
	const struct rp_endpoint_metrics *metrics = &sched->env->live->metrics;
	const uint32_t *slot = sched->bed.slot;
	struct rp_figures *to = &sched->bed.figure;
	uint32_t count = sched->endpoint_count;
	int32_t *waiting = to->waiting;
	/* The tree is compiled without strict aliasing: a double's bits may be stored as such. */
	uint64_t *kv_usage_bits = (void *)to->kv_usage;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = slot[i];

		kv_usage_bits[i] =
			atomic_load_explicit(&metrics->kv_usage_bits[at], memory_order_relaxed);
		waiting[i] = atomic_load_explicit(&metrics->waiting[at], memory_order_relaxed);
	}
	copy_rare_figures(sched, sched->bed.figures);
	for (uint32_t i = 0; i < sched->config->profile_count; i++)
		rp_profile_run_set_figures(sched->plan.profile[i]);
	sched->has_figures = true;
}

bool rp_sched_refresh(struct rp_sched *sched)
{
	const struct rp_tables *tables = sched->env->tables;
	const struct rp_config_blob *config;
	const struct rp_endpoint_table *table;
	struct rp_published pair;
	uint64_t epoch;

	if (!rp_publication_current(&sched->env->live->publication, &pair))
		return false;
	RP_ASSERT(pair.config_slot < RP_PUBLICATION_SLOTS);
	RP_ASSERT(pair.table_slot < RP_PUBLICATION_SLOTS);
	config = (const void *)tables->config[pair.config_slot];
	table = &tables->table[pair.table_slot];
	/* A slot may be filled anew between two turns: what counts is the generation. */
	if (config != sched->config || config->generation != sched->config_generation) {
		sched->has_table = false;
		if (adopt_config(sched, config) != RP_OK) {
			/* The last one cannot be kept: control may be filling its slot. */
			rp_counter_add(&sched->env->counters->unexpected, 1);
			sched->config = NULL;
			return false;
		}
		sched->config = config;
		sched->config_generation = config->generation;
	}
	if (table != sched->table || table->table_generation != sched->table_generation) {
		adopt_table(sched, table);
		sched->table = table;
		sched->table_generation = table->table_generation;
		sched->has_table = false;
	}
	/* Pairs with the release in rp_endpoint_metrics_bump(). */
	epoch = atomic_load_explicit(&sched->env->live->metrics.epoch, memory_order_acquire);
	if (epoch != sched->epoch) {
		sched->has_figures = false;
		sched->epoch = epoch;
	}
	return true;
}

/* ---- a pick ---- */

/* Count a call of a plugin. */
static void observe(struct rp_sched *sched, uint32_t plugin, enum rp_extension_point point,
		    int64_t ns)
{
	struct rp_histogram *duration = sched->plan.duration[plugin][point];

	if (duration != NULL)
		rp_histogram_observe(duration, RP_BUCKETS_FAST, (double)ns / (double)RP_NS_PER_S);
}

/* A plugin call ended now, the next one begins. What is kept took less than a look at the clock. */
static void lap(void *user, uint32_t plugin, enum rp_extension_point point, bool is_kept)
{
	struct rp_sched *sched = user;
	int64_t now_ns;

	if (is_kept) {
		observe(sched, plugin, point, 0);
		return;
	}
	now_ns = rp_clock_monotonic_ns();
	observe(sched, plugin, point, now_ns - sched->lap_ns);
	sched->lap_ns = now_ns;
}

struct rp_bytes rp_sched_begin(struct rp_sched *sched, const struct rp_sched_input *input)
{
	struct rp_cycle *cycle = &sched->cycle;

	cycle->env = sched->env;
	cycle->sched = sched;
	cycle->arena = input->arena;
	cycle->config = sched->config;
	cycle->table = sched->table;
	cycle->endpoint_count = sched->endpoint_count;
	cycle->call = sched->plan.call;
	cycle->data = sched->plan.data;
	cycle->request = input->request;
	cycle->parser = input->parser;
	cycle->body = input->body;
	cycle->headers = input->headers;
	cycle->priority = input->priority;
	cycle->candidates = &sched->candidates;
	cycle->peer = RP_NO_ENDPOINT;
	cycle->primary = RP_CONFIG_NONE;
	cycle->reason = rp_bytes("", 0);
	cycle->destination_port = rp_bytes("", 0);
	cycle->header_count = 0;
	cycle->followup.hold_count = 0;
	cycle->followup.header_count = 0;
	cycle->followup.wants_usage = false;
	cycle->followup.says_served = false;
	cycle->fairness_id = input->headers->fairness_id;
	if (cycle->fairness_id.len == 0)
		cycle->fairness_id = RP_BYTES_LIT("default-flow");
	sched->subset = input->subset;
	if (sched->config == NULL)
		return cycle->fairness_id;
	for (uint32_t i = 0; i < sched->config->profile_count; i++) {
		cycle->result[i].has_run = false;
		cycle->result[i].count = 0;
	}
	for (uint32_t i = 0; i < sched->plan.noting.count; i++)
		sched->plan.data[sched->plan.noting.plugin[i]] = (struct rp_plugin_data){0};
	if (sched->plan.header_processors.count > 0)
		sched->lap_ns = rp_clock_monotonic_ns();
	for (uint32_t i = 0; i < sched->plan.header_processors.count; i++) {
		const struct rp_call *call =
			&sched->plan.call[sched->plan.header_processors.plugin[i]];

		call->ops->read_headers(call);
		lap(sched, call->plugin, RP_EXT_REQUEST_HEADER, false);
		if (call->data->text.len > 0 && input->headers->fairness_id.len == 0)
			cycle->fairness_id = call->data->text;
	}
	return cycle->fairness_id;
}

/* The published endpoints, or those of them that the gateway allows. */
static void find_candidates(struct rp_sched *sched)
{
	const struct rp_subset *subset = sched->subset;
	uint32_t count;

	sched->candidates = sched->all;
	sched->is_all = true;
	if (subset == NULL || !subset->is_given || sched->env->settings->is_subset_filter_off)
		return;
	count = rp_subset_filter_run(sched->filter, subset, sched->table, sched->endpoint_count,
				     sched->subset_idx[0]);
	for (uint32_t i = 0; i < count; i++)
		sched->subset_slot[0][i] = sched->bed.slot[sched->subset_idx[0][i]];
	sched->candidates = (struct rp_candidates){
		.count = count, .table_idx = sched->subset_idx[0], .slot = sched->subset_slot[0]};
	sched->is_all = false;
}

static void run_measurers(struct rp_sched *sched)
{
	for (uint32_t i = 0; i < sched->plan.measurers.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.measurers.plugin[i]];

		call->ops->measure(call);
	}
}

/* Legacy admission (flow control reference 1.1): who may wait is turned away from a full pool. */
static bool is_shed(struct rp_sched *sched)
{
	const struct rp_call *detector = sched->plan.detector;
	struct rp_candidates in;

	if (sched->cycle.priority >= 0 || detector == NULL)
		return false;
	copy_rare_figures(sched, detector->ops->figures & ~sched->bed.figures);
	in = rp_profile_bed_gather(&sched->bed, sched->candidates.table_idx,
				   sched->candidates.count, 1, detector->ops->figures);
	return detector->ops->saturation(detector, &in) >= 1.0;
}

/* Each screener sees the same candidates; who is left was kept by all of them, in order. */
static void run_screeners(struct rp_sched *sched)
{
	const struct rp_candidates *in = &sched->candidates;
	uint32_t *idx = sched->subset_idx[1], *slot = sched->subset_slot[1];
	uint32_t *votes = sched->bed.idx[0];
	uint32_t wanted = 0, count = 0;

	for (uint32_t i = 0; i < sched->plan.screeners.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.screeners.plugin[i]];
		int kept = call->ops->screen(call, in, sched->bed.kept);

		lap(sched, call->plugin, RP_EXT_SCREENER, false);
		if (kept == RP_KEEP_ALL)
			continue;
		if (wanted++ == 0)
			memset(votes, 0, in->count * sizeof(*votes));
		for (uint32_t k = 0; k < (uint32_t)kept; k++)
			votes[sched->bed.kept[k]]++;
	}
	if (wanted == 0)
		return;
	for (uint32_t i = 0; i < in->count; i++) {
		if (votes[i] < wanted)
			continue;
		idx[count] = in->table_idx[i];
		slot[count++] = in->slot[i];
	}
	sched->candidates = (struct rp_candidates){.count = count, .table_idx = idx, .slot = slot};
	sched->is_all = false;
}

/* Once, for all producers: it may be scraped anew between two of them. */
static void read_block_size(struct rp_sched *sched)
{
	const struct rp_endpoint_metrics *metrics = &sched->env->live->metrics;
	const struct rp_candidates *candidates = &sched->candidates;

	sched->cycle.block_size = 0;
	if (candidates->count > 0)
		sched->cycle.block_size = atomic_load_explicit(
			&metrics->cache_block_size[candidates->slot[0]], memory_order_relaxed);
}

/* The first error skips the producers after it; the request goes on. */
static void run_producers(struct rp_sched *sched)
{
	for (uint32_t i = 0; i < sched->plan.producers.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.producers.plugin[i]];
		int err = call->ops->produce(call);

		lap(sched, call->plugin, RP_EXT_DATA_PRODUCER, false);
		if (err != RP_OK)
			return;
	}
}

static bool run_admitters(struct rp_sched *sched)
{
	bool is_admitted = true;

	for (uint32_t i = 0; i < sched->plan.admitters.count && is_admitted; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.admitters.plugin[i]];
		struct rp_candidates in = sched->candidates;

		if (call->ops->figures != 0)
			in = rp_profile_bed_gather(&sched->bed, in.table_idx, in.count, 1,
						   call->ops->figures);
		is_admitted = call->ops->admit(call, &in);
		lap(sched, call->plugin, RP_EXT_ADMISSION, false);
	}
	return is_admitted;
}

static void keep_scores(struct rp_sched *sched, uint32_t which,
			const struct rp_profile_outcome *outcome)
{
	const struct rp_candidates *candidates = &outcome->candidates;

	sched->score_count[which] = candidates->count;
	for (uint32_t i = 0; i < candidates->count; i++)
		sched->pick_score[which][i] = (struct rp_pick_score){
			.address = rp_endpoint_address(
				&sched->table->endpoint[candidates->table_idx[i]]),
			.total = outcome->total[i],
		};
}

static void run_profile(struct rp_sched *sched, uint32_t which)
{
	struct rp_profile_result *result = &sched->cycle.result[which];
	struct rp_profile_outcome outcome;

	rp_profile_run_pick(sched->plan.profile[which], &sched->candidates, sched->is_all, lap,
			    sched, &outcome);
	result->has_run = true;
	result->count = outcome.pick_count;
	for (uint32_t i = 0; i < outcome.pick_count; i++)
		result->pick[i] = outcome.candidates.table_idx[outcome.pick[i]];
	sched->score_count[which] = 0;
	if (sched->env->settings->has_endpoint_scores && outcome.pick_count > 0)
		keep_scores(sched, which, &outcome);
	rp_profile_run_settle(sched->plan.profile[which]);
}

/* @return RP_SCHED_OK: cycle->primary is the profile that was picked for */
static enum rp_sched_result run_profiles(struct rp_sched *sched)
{
	const struct rp_call *handler = sched->plan.handler;
	const struct rp_config_blob *config = sched->config;
	bool has_run = false, has_failed = false;

	for (uint32_t round = 0; round <= config->profile_count; round++) {
		uint32_t chosen = handler->ops->choose(handler);

		lap(sched, handler->plugin, RP_EXT_PROFILE_PICKER, true);
		if (chosen == 0)
			break;
		for (uint32_t i = 0; i < config->profile_count; i++) {
			if ((chosen >> i & 1) == 0)
				continue;
			run_profile(sched, i);
			has_run = true;
			has_failed = has_failed || sched->cycle.result[i].count == 0;
		}
	}
	if (!has_run) {
		(void)rp_cycle_refuse(
			&sched->cycle, "failed to run any scheduler profile for request ",
			sched->cycle.headers != NULL ? sched->cycle.headers->request_id
						     : rp_bytes("", 0),
			"");
		return RP_SCHED_NO_RESULT;
	}
	if (handler->ops->conclude(handler) != RP_OK)
		return has_failed ? RP_SCHED_ALL_FILTERED : RP_SCHED_NO_RESULT;
	lap(sched, handler->plugin, RP_EXT_PROCESS_RESULTS, true);
	RP_ASSERT(sched->cycle.primary < config->profile_count &&
		  sched->cycle.result[sched->cycle.primary].count > 0);
	return RP_SCHED_OK;
}

static void run_pre_requests(struct rp_sched *sched)
{
	for (uint32_t i = 0; i < sched->plan.pre_requests.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.pre_requests.plugin[i]];

		call->ops->pre_request(call);
		lap(sched, call->plugin, RP_EXT_PRE_REQUEST, false);
	}
}

static void fill_pick(struct rp_sched *sched, struct rp_pick *pick)
{
	const struct rp_cycle *cycle = &sched->cycle;
	const struct rp_profile_result *result = &cycle->result[cycle->primary];

	pick->target_count = result->count;
	for (uint32_t i = 0; i < result->count; i++) {
		const struct rp_endpoint *endpoint = &sched->table->endpoint[result->pick[i]];

		pick->target[i] = (struct rp_pick_target){
			.slot = endpoint->slot,
			.generation = endpoint->generation,
			.address = rp_endpoint_address(endpoint),
			.ip = rp_endpoint_ip(endpoint),
		};
	}
	pick->score_count = sched->score_count[cycle->primary];
	pick->score = sched->pick_score[cycle->primary];
	pick->port = cycle->destination_port;
	pick->header_count = cycle->header_count;
	pick->header = cycle->header;
	pick->followup = &sched->cycle.followup;
}

/* "Prefer: if-available" (RFC 7240): only to an endpoint that holds part of the prompt. */
static bool wants_cached(const struct rp_cycle *cycle)
{
	struct rp_bytes list = cycle->headers->prefer;

	while (list.len > 0) {
		size_t comma = rp_bytes_find(list, RP_BYTES_LIT(","));
		struct rp_bytes token = rp_bytes_slice(list, 0, comma);

		list = comma == SIZE_MAX ? rp_bytes("", 0)
					 : rp_bytes_slice(list, comma + 1, list.len);
		token = rp_bytes_slice(token, 0, rp_bytes_find(token, RP_BYTES_LIT(";")));
		if (rp_bytes_equal_nocase(rp_bytes_trim(token), RP_BYTES_LIT("if-available")))
			return true;
	}
	return false;
}

static bool is_refused_uncached(const struct rp_sched *sched)
{
	const struct rp_cycle *cycle = &sched->cycle;
	uint32_t target = rp_cycle_first_pick(cycle, cycle->primary);

	if (!wants_cached(cycle))
		return false;
	for (uint32_t i = 0; i < sched->plan.producers.count; i++) {
		uint32_t plugin = sched->plan.producers.plugin[i];
		const struct rp_match_info *match = &sched->plan.data[plugin].match;

		if (rp_bytes_equal_str(
			    rp_config_blob_str(sched->config,
					       rp_config_blob_plugin(sched->config, plugin)->name),
			    "approx-prefix-cache-producer"))
			return match->match_blocks == NULL ||
			       match->match_blocks[sched->bed.slot[target]] == 0;
	}
	return true;
}

enum rp_sched_result rp_sched_pick(struct rp_sched *sched, struct rp_pick *ret_pick)
{
	enum rp_sched_result result;

	ret_pick->target_count = 0;
	ret_pick->reason = rp_bytes("", 0);
	if (sched->config == NULL)
		return RP_SCHED_NO_CANDIDATES;
	if (!sched->has_table)
		prepare_table(sched);
	if (!sched->has_figures)
		copy_figures(sched);
	find_candidates(sched);
	run_measurers(sched);
	if (is_shed(sched))
		return RP_SCHED_SHED;
	if (sched->candidates.count == 0)
		return RP_SCHED_NO_CANDIDATES;
	sched->lap_ns = rp_clock_monotonic_ns();
	run_screeners(sched);
	if (sched->candidates.count == 0)
		return RP_SCHED_SCREENED_OUT;
	read_block_size(sched);
	run_producers(sched);
	result = run_admitters(sched) ? run_profiles(sched) : RP_SCHED_DENIED;
	if (result == RP_SCHED_OK && is_refused_uncached(sched))
		result = RP_SCHED_NOT_CACHED;
	ret_pick->reason = sched->cycle.reason;
	if (result != RP_SCHED_OK)
		return result;
	run_pre_requests(sched);
	fill_pick(sched, ret_pick);
	return RP_SCHED_OK;
}

const struct rp_call *rp_sched_burst_producer(const struct rp_sched *sched)
{
	return sched->config != NULL ? sched->plan.burst : NULL;
}

bool rp_sched_tokenize(struct rp_sched *sched)
{
	find_candidates(sched);
	read_block_size(sched);
	for (uint32_t i = 0; i < sched->plan.producers.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.producers.plugin[i]];
		uint32_t type = rp_config_blob_plugin(sched->config, call->plugin)->type;

		if ((type == RP_PLUGIN_TOKEN_PRODUCER || type == RP_PLUGIN_TOKENIZER) &&
		    call->ops->produce(call) != RP_OK)
			return false;
	}
	return sched->cycle.request->has_prompts;
}

const struct rp_candidates *rp_sched_find_candidates(struct rp_sched *sched,
						     const struct rp_subset *subset)
{
	if (sched->config == NULL)
		return NULL;
	/* No cycle need have begun since the table was published. */
	sched->cycle.table = sched->table;
	sched->subset = subset;
	find_candidates(sched);
	return &sched->candidates;
}

uint32_t rp_sched_report(struct rp_sched *sched, const struct rp_usage *usage,
			 struct rp_report *report)
{
	uint32_t count = 0;

	if (sched->config == NULL)
		return 0;
	sched->cycle.config = sched->config;
	for (uint32_t i = 0; i < sched->plan.reporters.count; i++) {
		const struct rp_call *call = &sched->plan.call[sched->plan.reporters.plugin[i]];

		count += call->ops->report(call, usage, &report[count]);
	}
	return count;
}
