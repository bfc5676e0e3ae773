/* SPDX-License-Identifier: Apache-2.0 */
#include "control/decision_metrics.h"

/* In the order of sorting: the twins add up handlers of one type. */
enum { TYPE, SUBJECT, PLUGIN, LABELS };

/* A worker's series as one row: first `other`, then the cells. */
enum { MEMBERS = RP_DECISION_FAMILY_COUNT + RP_DECISION_SERIES_MAX };

static const struct {
	const char *plugin_type;
	const char *subject; /* label name */
	const char *name;
	const char *twin; /* NULL: none */
	const char *help;
	bool has_stages;
} families[RP_DECISION_FAMILY_COUNT] = {
	[RP_DECISION_DISAGG] = {"disagg-profile-handler", "model_name",
				"llm_d_epp_disagg_decision_total",
				"llm_d_inference_scheduler_disagg_decision_total",
				"[ALPHA] Requests by the stages that were disaggregated.", true},
	[RP_DECISION_PD] = {"pd-profile-handler", "model_name", "llm_d_epp_pd_decision_total",
			    "llm_d_inference_scheduler_pd_decision_total",
			    "[ALPHA] Requests by whether prefill was disaggregated.", true},
	[RP_DECISION_NO_MATCH] =
		{"disaggregatedset-rollout-screener", "selector",
		 "llm_d_epp_disaggregatedset_strict_header_no_match_total", NULL,
		 "[ALPHA] Requests whose strict header selection left no endpoint.", false},
};

int rp_decision_metrics_init(struct rp_decision_metrics *metrics, const struct rp_control *control)
{
	const struct rp_bytes other = RP_BYTES_LIT("other");
	struct rp_bytes others[RP_DECISION_FAMILY_COUNT * LABELS];

	for (int family = 0; family < RP_DECISION_FAMILY_COUNT; family++) {
		others[family * LABELS + TYPE] = rp_bytes_str(families[family].plugin_type);
		others[family * LABELS + SUBJECT] = other;
		others[family * LABELS + PLUGIN] = other;
	}
	metrics->control = control;
	return rp_series_merge_init(&metrics->merge, LABELS,
				    control->settings->worker_count * MEMBERS, MEMBERS, others,
				    RP_DECISION_FAMILY_COUNT);
}

void rp_decision_metrics_fini(struct rp_decision_metrics *metrics)
{
	rp_series_merge_fini(&metrics->merge);
}

static const struct rp_decision_series *series_of(const struct rp_decision_metrics *metrics,
						  uint32_t member)
{
	const struct rp_live *live = metrics->control->shared.live;
	const struct rp_decision_series_table *table = &live->worker[member / MEMBERS].decisions;
	uint32_t i = member % MEMBERS;

	return i < RP_DECISION_FAMILY_COUNT ? &table->other[i]
					    : &table->cell[i - RP_DECISION_FAMILY_COUNT];
}

static void collect_member(struct rp_decision_metrics *metrics, uint32_t member)
{
	const struct rp_decision_series *series = series_of(metrics, member);
	struct rp_bytes values[LABELS];

	/* Acquire: pairs with the worker's release once the key is whole. */
	if (rp_series_merge_has(&metrics->merge, member) ||
	    atomic_load_explicit(&series->is_used, memory_order_acquire) == 0 ||
	    series->family >= RP_DECISION_FAMILY_COUNT)
		return;
	values[TYPE] = rp_bytes_str(families[series->family].plugin_type);
	values[SUBJECT] = rp_bytes(series->subject,
				   rp_min_size(series->subject_len, sizeof(series->subject)));
	values[PLUGIN] =
		rp_bytes(series->plugin, rp_min_size(series->plugin_len, sizeof(series->plugin)));
	rp_series_merge_add(&metrics->merge, member, values, series->family);
}

/* Tables that count nothing are not looked at whole: reading a hole of a memfd fills it. */
static void collect(struct rp_decision_metrics *metrics)
{
	const struct rp_live *live = metrics->control->shared.live;
	uint32_t workers = metrics->merge.member_max / MEMBERS;

	for (uint32_t w = 0; w < workers; w++) {
		uint32_t count = atomic_load_explicit(&live->worker[w].decisions.count,
						      memory_order_relaxed);

		for (uint32_t i = 0; count > 0 && i < MEMBERS; i++)
			collect_member(metrics, w * MEMBERS + i);
	}
	rp_series_merge_sort(&metrics->merge);
}

static uint64_t sum(const struct rp_decision_metrics *metrics, uint32_t begin, uint32_t end,
		    enum rp_stage_decision decision)
{
	const struct rp_series_merge *merge = &metrics->merge;
	uint64_t sum = 0;

	for (uint32_t rank = begin; rank < end; rank++) {
		for (uint32_t m = rp_series_merge_first(merge, rank); m != RP_MERGE_NONE;
		     m = rp_series_merge_next(merge, m))
			sum += atomic_load_explicit(&series_of(metrics, m)->decisions[decision],
						    memory_order_relaxed);
	}
	return sum;
}

static bool has_members(const struct rp_series_merge *merge, uint32_t begin, uint32_t end)
{
	for (uint32_t rank = begin; rank < end; rank++) {
		if (rp_series_merge_first(merge, rank) != RP_MERGE_NONE)
			return true;
	}
	return false;
}

static void write_run(const struct rp_decision_metrics *metrics, struct rp_prom *prom,
		      enum rp_decision_family family, uint32_t begin, uint32_t end, bool is_twin)
{
	const struct rp_series_merge *merge = &metrics->merge;

	for (int d = 0; d < RP_STAGE_DECISION_COUNT; d++) {
		enum rp_stage_decision decision = (enum rp_stage_decision)d;
		const struct rp_metric_label label[] = {
			{"plugin_name", rp_series_merge_value(merge, begin, PLUGIN)},
			{"plugin_type", rp_series_merge_value(merge, begin, TYPE)},
			{families[family].subject, rp_series_merge_value(merge, begin, SUBJECT)},
			{"decision_type", rp_bytes_str(rp_stage_decision_name(decision))},
		};
		size_t first = is_twin ? 2 : 0;
		size_t last = families[family].has_stages ? 4 : 3;
		uint64_t count = sum(metrics, begin, end, decision);

		if (count > 0)
			rp_prom_u64(prom, (struct rp_metric_labels){label + first, last - first},
				    count);
	}
}

static void write_family(const struct rp_decision_metrics *metrics, struct rp_prom *prom,
			 enum rp_decision_family family, bool is_twin)
{
	const struct rp_series_merge *merge = &metrics->merge;
	bool has_head = false;
	uint32_t end;

	for (uint32_t begin = 0; begin < merge->count; begin = end) {
		end = rp_series_merge_run(merge, begin, is_twin ? SUBJECT + 1 : LABELS);
		if (!rp_bytes_equal_str(rp_series_merge_value(merge, begin, TYPE),
					families[family].plugin_type) ||
		    !has_members(merge, begin, end))
			continue;
		if (!has_head)
			rp_prom_family(prom,
				       is_twin ? families[family].twin : families[family].name,
				       "counter", families[family].help);
		has_head = true;
		write_run(metrics, prom, family, begin, end, is_twin);
	}
}

void rp_decision_metrics_write(struct rp_decision_metrics *metrics, struct rp_prom *prom)
{
	collect(metrics);
	for (int family = 0; family < RP_DECISION_FAMILY_COUNT; family++) {
		write_family(metrics, prom, (enum rp_decision_family)family, false);
		if (families[family].twin != NULL)
			write_family(metrics, prom, (enum rp_decision_family)family, true);
	}
}
