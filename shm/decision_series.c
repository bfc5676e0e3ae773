/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/decision_series.h"

#include "shm/counters.h"

const char *rp_stage_decision_name(enum rp_stage_decision decision)
{
	static const char *const name[] = {
#define RP_STAGE_DECISION_NAME(id, text) text,
		RP_STAGE_DECISIONS(RP_STAGE_DECISION_NAME)
#undef RP_STAGE_DECISION_NAME
	};

	RP_ASSERT(decision < RP_STAGE_DECISION_COUNT);
	return name[decision];
}

static void set_key(struct rp_decision_series *series, enum rp_decision_family family,
		    struct rp_bytes plugin, struct rp_bytes subject)
{
	series->family = family;
	series->plugin_len =
		(uint32_t)rp_bytes_to_str(plugin, series->plugin, sizeof(series->plugin));
	series->subject_len =
		(uint32_t)rp_bytes_to_str(subject, series->subject, sizeof(series->subject));
	/* Release: pairs with a reader's acquire, which then sees the whole key. */
	atomic_store_explicit(&series->is_used, 1, memory_order_release);
}

static bool has_key(const struct rp_decision_series *series, enum rp_decision_family family,
		    struct rp_bytes plugin, struct rp_bytes subject)
{
	return series->family == (uint32_t)family &&
	       rp_bytes_equal(rp_bytes(series->plugin, series->plugin_len), plugin) &&
	       rp_bytes_equal(rp_bytes(series->subject, series->subject_len), subject);
}

static struct rp_decision_series *other(struct rp_decision_series_table *table,
					enum rp_decision_family family)
{
	struct rp_decision_series *series = &table->other[family];

	if (atomic_load_explicit(&series->is_used, memory_order_relaxed) == 0)
		set_key(series, family, RP_BYTES_LIT("other"), RP_BYTES_LIT("other"));
	return series;
}

static struct rp_decision_series *intern(struct rp_decision_series_table *table,
					 enum rp_decision_family family, struct rp_bytes plugin,
					 struct rp_bytes subject)
{
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);

	for (uint32_t i = 0; i < count && i < RP_DECISION_SERIES_MAX; i++) {
		if (has_key(&table->cell[i], family, plugin, subject))
			return &table->cell[i];
	}
	if (count >= RP_DECISION_SERIES_MAX)
		return other(table, family);
	/* Counted first: a worker that dies here costs one key, never one too many. */
	atomic_store_explicit(&table->count, count + 1, memory_order_relaxed);
	set_key(&table->cell[count], family, plugin, subject);
	return &table->cell[count];
}

static void count(struct rp_decision_series_table *table, enum rp_decision_family family,
		  struct rp_bytes plugin, struct rp_bytes subject, uint32_t decision)
{
	struct rp_decision_series *series =
		intern(table, family, rp_bytes_cut(plugin, RP_PLUGIN_NAME_MAX),
		       rp_bytes_cut(subject, RP_METRIC_LABEL_MAX));

	rp_counter_add(&series->decisions[decision], 1);
}

void rp_decision_series_count(struct rp_decision_series_table *table,
			      enum rp_decision_family family, struct rp_bytes plugin,
			      struct rp_bytes model, enum rp_stage_decision decision)
{
	RP_ASSERT((family == RP_DECISION_DISAGG || family == RP_DECISION_PD) &&
		  decision < RP_STAGE_DECISION_COUNT);
	count(table, family, plugin, model.len != 0 ? model : RP_BYTES_LIT("unknown"), decision);
}

void rp_decision_series_count_no_match(struct rp_decision_series_table *table,
				       struct rp_bytes plugin, struct rp_bytes selector)
{
	count(table, RP_DECISION_NO_MATCH, plugin, selector, 0);
}
