/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/profile_run.h"

#include <stdlib.h>

struct rp_profile_run {
	struct rp_profile_bed *bed;
	uint32_t filter_count;
	uint32_t label_filter_count; /* leading ones that go by labels alone */
	const struct rp_call *filter[RP_PROFILE_PLUGINS_MAX];
	uint32_t scorer_count;
	uint32_t figures; /* that its scorers ask for */
	struct rp_weighted scorer[RP_PROFILE_PLUGINS_MAX];
	const struct rp_call *picker;
	struct rp_totals *totals; /* of those in base */

	/* whom the label filters keep of the table; with figures of this turn */
	struct rp_candidates base;
	bool is_base_all; /* base shares the bed's arrays */
	uint32_t *idx;
	uint32_t *slot;
	struct rp_figures figure;
};

static int new_figures(struct rp_figures *figure, uint32_t n)
{
	figure->waiting = calloc(n, sizeof(*figure->waiting));
	figure->running = calloc(n, sizeof(*figure->running));
	figure->kv_usage = calloc(n, sizeof(*figure->kv_usage));
	figure->updated_ns = calloc(n, sizeof(*figure->updated_ns));
	return figure->waiting != NULL && figure->running != NULL && figure->kv_usage != NULL &&
			       figure->updated_ns != NULL
		       ? RP_OK
		       : RP_ENOMEM;
}

static void free_figures(struct rp_figures *figure)
{
	free(figure->waiting);
	free(figure->running);
	free(figure->kv_usage);
	free(figure->updated_ns);
}

int rp_profile_bed_init(struct rp_profile_bed *bed, uint32_t capacity)
{
	size_t n = capacity;

	*bed = (struct rp_profile_bed){.capacity = capacity};
	bed->slot = calloc(n, sizeof(*bed->slot));
	bed->kept = calloc(n, sizeof(*bed->kept));
	for (int i = 0; i < 2; i++) {
		bed->idx[i] = calloc(n, sizeof(*bed->idx[i]));
		bed->idx_slot[i] = calloc(n, sizeof(*bed->idx_slot[i]));
	}
	bed->score = calloc(n, sizeof(*bed->score));
	bed->total = calloc(n, sizeof(*bed->total));
	if (new_figures(&bed->figure, capacity) != RP_OK ||
	    new_figures(&bed->gathered, capacity) != RP_OK || bed->slot == NULL ||
	    bed->kept == NULL || bed->idx[0] == NULL || bed->idx[1] == NULL ||
	    bed->idx_slot[0] == NULL || bed->idx_slot[1] == NULL || bed->score == NULL ||
	    bed->total == NULL)
		return RP_ENOMEM;
	return RP_OK;
}

void rp_profile_bed_fini(struct rp_profile_bed *bed)
{
	free_figures(&bed->figure);
	free_figures(&bed->gathered);
	free(bed->slot);
	free(bed->kept);
	for (int i = 0; i < 2; i++) {
		free(bed->idx[i]);
		free(bed->idx_slot[i]);
	}
	free(bed->score);
	free(bed->total);
}

static void gather_figures(const struct rp_figures *from, struct rp_figures *to,
			   const uint32_t *table_idx, uint32_t count, uint32_t figures)
{
	if ((figures & RP_FIGURE_WAITING) != 0) {
		for (uint32_t i = 0; i < count; i++)
			to->waiting[i] = from->waiting[table_idx[i]];
	}
	if ((figures & RP_FIGURE_RUNNING) != 0) {
		for (uint32_t i = 0; i < count; i++)
			to->running[i] = from->running[table_idx[i]];
	}
	if ((figures & RP_FIGURE_KV_USAGE) != 0) {
		for (uint32_t i = 0; i < count; i++)
			to->kv_usage[i] = from->kv_usage[table_idx[i]];
	}
	if ((figures & RP_FIGURE_UPDATED) != 0) {
		for (uint32_t i = 0; i < count; i++)
			to->updated_ns[i] = from->updated_ns[table_idx[i]];
	}
}

static struct rp_candidates candidates_of(uint32_t count, const uint32_t *table_idx,
					  const uint32_t *slot, const struct rp_figures *figure)
{
	return (struct rp_candidates){
		.count = count,
		.table_idx = table_idx,
		.slot = slot,
		.waiting = figure->waiting,
		.running = figure->running,
		.kv_usage = figure->kv_usage,
		.updated_ns = figure->updated_ns,
	};
}

struct rp_candidates rp_profile_bed_gather(struct rp_profile_bed *bed, const uint32_t *table_idx,
					   uint32_t count, uint32_t which, uint32_t figures)
{
	for (uint32_t i = 0; i < count; i++)
		bed->idx_slot[which][i] = bed->slot[table_idx[i]];
	gather_figures(&bed->figure, &bed->gathered, table_idx, count, figures);
	return candidates_of(count, table_idx, bed->idx_slot[which], &bed->gathered);
}

struct rp_candidates rp_profile_bed_keep(struct rp_profile_bed *bed, const struct rp_candidates *in,
					 int kept_count, uint32_t which)
{
	uint32_t count = (uint32_t)kept_count;

	if (kept_count == RP_KEEP_ALL)
		return *in;
	RP_ASSERT(count <= in->count);
	for (uint32_t i = 0; i < count; i++) {
		bed->idx[which][i] = in->table_idx[bed->kept[i]];
		bed->idx_slot[which][i] = in->slot[bed->kept[i]];
	}
	return (struct rp_candidates){
		.count = count, .table_idx = bed->idx[which], .slot = bed->idx_slot[which]};
}

int rp_profile_run_new(struct rp_profile_bed *bed, struct rp_profile_run **ret_run)
{
	struct rp_profile_run *run = calloc(1, sizeof(*run));
	uint32_t n = bed->capacity;

	if (run == NULL)
		return RP_ENOMEM;
	run->bed = bed;
	run->idx = calloc(n, sizeof(*run->idx));
	run->slot = calloc(n, sizeof(*run->slot));
	if (new_figures(&run->figure, n) != RP_OK || rp_totals_new(n, &run->totals) != RP_OK ||
	    run->idx == NULL || run->slot == NULL) {
		rp_profile_run_free(run);
		return RP_ENOMEM;
	}
	*ret_run = run;
	return RP_OK;
}

void rp_profile_run_free(struct rp_profile_run *run)
{
	if (run == NULL)
		return;
	rp_totals_free(run->totals);
	free_figures(&run->figure);
	free(run->idx);
	free(run->slot);
	free(run);
}

uint32_t rp_profile_run_set_config(struct rp_profile_run *run, const struct rp_config_blob *config,
				   uint32_t which, const struct rp_call *call)
{
	const struct rp_config_profile *profile = rp_config_blob_profile(config, which);
	uint32_t filter_figures = 0;

	RP_ASSERT(profile->filter_count <= RP_PROFILE_PLUGINS_MAX);
	RP_ASSERT(profile->scorer_count <= RP_PROFILE_PLUGINS_MAX);
	run->filter_count = profile->filter_count;
	run->label_filter_count = 0;
	run->figures = 0;
	for (uint32_t i = 0; i < profile->filter_count; i++) {
		run->filter[i] =
			&call[rp_config_blob_ref(config, profile->filter_first + i)->plugin];
		if (run->label_filter_count == i && run->filter[i]->ops->is_of_labels)
			run->label_filter_count++;
		filter_figures |= run->filter[i]->ops->figures;
	}
	run->scorer_count = profile->scorer_count;
	for (uint32_t i = 0; i < profile->scorer_count; i++) {
		const struct rp_config_ref *ref =
			rp_config_blob_ref(config, profile->scorer_first + i);

		run->scorer[i] = (struct rp_weighted){&call[ref->plugin], ref->weight};
		run->figures |= call[ref->plugin].ops->figures;
	}
	run->picker = &call[profile->picker];
	rp_totals_set_scorers(run->totals, run->scorer, run->scorer_count);
	return run->figures | filter_figures;
}

void rp_profile_run_set_table(struct rp_profile_run *run, const struct rp_candidates *all)
{
	struct rp_profile_bed *bed = run->bed;
	struct rp_candidates left = *all;

	for (uint32_t i = 0; i < run->label_filter_count; i++) {
		int kept = run->filter[i]->ops->filter(run->filter[i], &left, bed->kept);

		left = rp_profile_bed_keep(bed, &left, kept, i % 2);
	}
	run->is_base_all = left.table_idx == all->table_idx;
	if (run->is_base_all) {
		run->base = candidates_of(left.count, all->table_idx, all->slot, &bed->figure);
	} else {
		memcpy(run->idx, left.table_idx, left.count * sizeof(*run->idx));
		memcpy(run->slot, left.slot, left.count * sizeof(*run->slot));
		run->base = candidates_of(left.count, run->idx, run->slot, &run->figure);
	}
	rp_totals_set_candidates(run->totals, run->base.slot, run->base.count);
}

void rp_profile_run_set_figures(struct rp_profile_run *run)
{
	if (!run->is_base_all)
		gather_figures(&run->bed->figure, &run->figure, run->base.table_idx,
			       run->base.count, run->bed->figures);
	rp_totals_forget(run->totals);
}

/* The candidates with the figures that a plugin reads. */
static struct rp_candidates with_figures(struct rp_profile_bed *bed, struct rp_candidates in,
					 const struct rp_call *call)
{
	if (call->ops->figures == 0 || in.waiting != NULL)
		return in;
	return rp_profile_bed_gather(bed, in.table_idx, in.count, in.table_idx != bed->idx[0],
				     call->ops->figures);
}

/* Run the filters from the n-th one on. @return whom they leave; without figures if fewer */
static struct rp_candidates run_filters(struct rp_profile_run *run, struct rp_candidates left,
					uint32_t n, rp_sched_lap lap, void *user)
{
	struct rp_profile_bed *bed = run->bed;

	for (uint32_t i = n; i < run->filter_count && left.count > 0; i++) {
		const struct rp_call *call = run->filter[i];
		struct rp_candidates in = with_figures(bed, left, call);
		int kept = call->ops->filter(call, &in, bed->kept);

		/* Two turns about: what a filter reads and what it leaves are never one array. */
		left = rp_profile_bed_keep(bed, &left, kept, left.table_idx == bed->idx[0]);
		lap(user, call->plugin, RP_EXT_FILTER, false);
	}
	return left;
}

void rp_profile_run_pick(struct rp_profile_run *run, const struct rp_candidates *in, bool is_all,
			 rp_sched_lap lap, void *user, struct rp_profile_outcome *ret)
{
	struct rp_profile_bed *bed = run->bed;
	struct rp_candidates left = is_all ? run->base : *in;

	for (uint32_t i = 0; is_all && i < run->label_filter_count; i++)
		lap(user, run->filter[i]->plugin, RP_EXT_FILTER, true);
	left = run_filters(run, left, is_all ? run->label_filter_count : 0, lap, user);
	ret->pick_count = 0;
	ret->candidates = left;
	if (left.count == 0)
		return;
	if (is_all && left.table_idx == run->base.table_idx) {
		ret->total = rp_totals_run(run->totals, &run->base, lap, user);
	} else {
		uint32_t which = left.table_idx == bed->idx[0] ? 0 : 1;

		ret->candidates =
			rp_profile_bed_gather(bed, left.table_idx, left.count, which, run->figures);
		rp_sched_total(run->scorer, run->scorer_count, &ret->candidates, bed->score,
			       bed->total, lap, user);
		ret->total = bed->total;
	}
	ret->pick_count = run->picker->ops->pick(run->picker, ret->total, left.count, ret->pick);
	lap(user, run->picker->plugin, RP_EXT_PICKER, false);
}

void rp_profile_run_settle(struct rp_profile_run *run)
{
	rp_totals_settle(run->totals);
}
