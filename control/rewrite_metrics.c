/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rewrite_metrics.h"

enum { OBJECT, MODEL, TARGET, LABELS };

/* A worker's series as one row: first `other`, then the cells. */
enum { MEMBERS = 1 + RP_REWRITE_CELLS };

/* Series of all workers; as many as one of them may have, and "other". */
enum { MERGED_MAX = RP_REWRITE_SERIES_MAX + 1 };

int rp_rewrite_metrics_init(struct rp_rewrite_metrics *metrics, const struct rp_control *control)
{
	const struct rp_bytes other[LABELS] = {RP_BYTES_LIT("other"), RP_BYTES_LIT("other"),
					       RP_BYTES_LIT("other")};

	metrics->control = control;
	return rp_series_merge_init(&metrics->merge, LABELS,
				    control->settings->worker_count * MEMBERS, MERGED_MAX, other,
				    1);
}

void rp_rewrite_metrics_fini(struct rp_rewrite_metrics *metrics)
{
	rp_series_merge_fini(&metrics->merge);
}

static const struct rp_rewrite_series *series_of(const struct rp_rewrite_metrics *metrics,
						 uint32_t member)
{
	const struct rp_live *live = metrics->control->shared.live;
	const struct rp_rewrite_series_table *table = &live->worker[member / MEMBERS].rewrites;

	return member % MEMBERS == 0 ? &table->other : &table->cell[member % MEMBERS - 1];
}

static struct rp_bytes cut(const char *text, size_t len)
{
	return rp_bytes(text, rp_min_size(len, RP_METRIC_LABEL_MAX));
}

/* Is the model not of a client's choice? */
static bool is_ruled(const struct rp_rewrite_metrics *metrics, struct rp_bytes model)
{
	const struct rp_endpoint_table *table = metrics->control->table;
	const struct rp_rule_rewrite *rewrite =
		table != NULL ? rp_request_rules_rewrite(&table->rules, model) : NULL;

	return (rewrite != NULL && rewrite->model.len != 0) || rp_bytes_equal_str(model, "other");
}

static void collect_member(struct rp_rewrite_metrics *metrics, uint32_t member)
{
	const struct rp_rewrite_series *series = series_of(metrics, member);
	struct rp_bytes values[LABELS];

	/* Acquire: pairs with the worker's release once the key is whole. */
	if (rp_series_merge_has(&metrics->merge, member) ||
	    atomic_load_explicit(&series->key_hash, memory_order_acquire) == 0)
		return;
	values[OBJECT] = cut(series->object, series->object_len);
	values[MODEL] = cut(series->model, series->model_len);
	values[TARGET] = cut(series->target, series->target_len);
	rp_series_merge_limit(&metrics->merge,
			      is_ruled(metrics, values[MODEL]) ? MERGED_MAX : MERGED_MAX / 2);
	rp_series_merge_add(&metrics->merge, member, values, 0);
}

/* Tables that count nothing are not looked at whole: reading a hole of a memfd fills it. */
static void collect(struct rp_rewrite_metrics *metrics)
{
	const struct rp_live *live = metrics->control->shared.live;

	for (uint32_t w = 0; w < metrics->control->settings->worker_count; w++) {
		uint32_t count =
			atomic_load_explicit(&live->worker[w].rewrites.count, memory_order_relaxed);

		for (uint32_t i = 0; count > 0 && i < MEMBERS; i++)
			collect_member(metrics, w * MEMBERS + i);
	}
	rp_series_merge_sort(&metrics->merge);
}

static uint64_t sum(const struct rp_rewrite_metrics *metrics, uint32_t rank)
{
	const struct rp_series_merge *merge = &metrics->merge;
	uint64_t sum = 0;

	for (uint32_t m = rp_series_merge_first(merge, rank); m != RP_MERGE_NONE;
	     m = rp_series_merge_next(merge, m))
		sum += atomic_load_explicit(&series_of(metrics, m)->decisions,
					    memory_order_relaxed);
	return sum;
}

static void write_family(const struct rp_rewrite_metrics *metrics, struct rp_prom *prom,
			 const char *name)
{
	const struct rp_series_merge *merge = &metrics->merge;
	bool has_head = false;

	for (uint32_t rank = 0; rank < merge->count; rank++) {
		const struct rp_metric_label label[] = {
			{"model_rewrite_name", rp_series_merge_value(merge, rank, OBJECT)},
			{"model_name", rp_series_merge_value(merge, rank, MODEL)},
			{"target_model", rp_series_merge_value(merge, rank, TARGET)},
		};

		if (rp_series_merge_first(merge, rank) == RP_MERGE_NONE)
			continue;
		if (!has_head)
			rp_prom_family(prom, name, "counter",
				       "[ALPHA] Requests whose model a rewrite chose.");
		has_head = true;
		rp_prom_u64(prom, RP_METRIC_LABELS(label), sum(metrics, rank));
	}
}

void rp_rewrite_metrics_write(struct rp_rewrite_metrics *metrics, struct rp_prom *prom)
{
	collect(metrics);
	write_family(metrics, prom, "llm_d_epp_model_rewrite_decisions_total");
	write_family(metrics, prom, "inference_extension_model_rewrite_decisions_total");
}
