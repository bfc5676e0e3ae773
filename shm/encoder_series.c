/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/encoder_series.h"

const char *rp_encoder_modality_name(enum rp_encoder_modality modality)
{
	static const char *const name[] = {
#define RP_ENCODER_MODALITY_NAME(id, text) text,
		RP_ENCODER_MODALITIES(RP_ENCODER_MODALITY_NAME)
#undef RP_ENCODER_MODALITY_NAME
	};

	RP_ASSERT(modality < RP_ENCODER_MODALITY_COUNT);
	return name[modality];
}

static bool is_used(const struct rp_encoder_series *series)
{
	return atomic_load_explicit(&series->is_used, memory_order_relaxed) != 0;
}

static void set_name(struct rp_encoder_series *series, struct rp_bytes plugin)
{
	series->plugin_len =
		(uint32_t)rp_bytes_to_str(plugin, series->plugin, sizeof(series->plugin));
	/* Release: pairs with a reader's acquire, which then sees the whole name. */
	atomic_store_explicit(&series->is_used, 1, memory_order_release);
}

uint32_t rp_encoder_series_find(struct rp_encoder_series_table *table, struct rp_bytes plugin)
{
	struct rp_bytes name = rp_bytes_cut(plugin, RP_PLUGIN_NAME_MAX);

	for (uint32_t i = 0; i < RP_ENCODER_CACHES_MAX; i++) {
		struct rp_encoder_series *series = &table->series[i];

		if (!is_used(series))
			set_name(series, name);
		if (rp_bytes_equal(rp_bytes(series->plugin, series->plugin_len), name))
			return i;
	}
	if (!is_used(&table->series[RP_ENCODER_CACHES_MAX]))
		set_name(&table->series[RP_ENCODER_CACHES_MAX], RP_BYTES_LIT("other"));
	return RP_ENCODER_CACHES_MAX;
}

static void begin_generation(struct rp_encoder_hits *endpoint, uint32_t generation)
{
	/* None while it is cleared, so that a reader takes nothing of the old one for the new
	 * one's. Release: who reads a zero that follows sees that as well. */
	atomic_store_explicit(&endpoint->generation, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < RP_ENCODER_SERIES; i++) {
		for (uint32_t m = 0; m < RP_ENCODER_MODALITY_COUNT; m++)
			atomic_store_explicit(&endpoint->hits[i][m], 0, memory_order_release);
	}
	atomic_store_explicit(&endpoint->generation, generation, memory_order_release);
}

void rp_encoder_series_hit(struct rp_encoder_series_table *table, uint32_t series, uint32_t slot,
			   uint32_t generation, enum rp_encoder_modality modality, uint64_t items)
{
	struct rp_encoder_hits *endpoint = &table->endpoint[slot];

	RP_ASSERT(series < RP_ENCODER_SERIES && slot < RP_ENDPOINTS_MAX &&
		  modality < RP_ENCODER_MODALITY_COUNT);
	if (atomic_load_explicit(&endpoint->generation, memory_order_relaxed) != generation)
		begin_generation(endpoint, generation);
	rp_counter_add(&endpoint->hits[series][modality], items);
}

uint64_t rp_encoder_series_hits(const struct rp_encoder_series_table *table, uint32_t series,
				uint32_t slot, uint32_t generation,
				enum rp_encoder_modality modality)
{
	const struct rp_encoder_hits *endpoint = &table->endpoint[slot];
	uint64_t hits;

	RP_ASSERT(series < RP_ENCODER_SERIES && slot < RP_ENDPOINTS_MAX &&
		  modality < RP_ENCODER_MODALITY_COUNT);
	if (atomic_load_explicit(&endpoint->generation, memory_order_acquire) != generation)
		return 0;
	hits = atomic_load_explicit(&endpoint->hits[series][modality], memory_order_acquire);
	if (atomic_load_explicit(&endpoint->generation, memory_order_relaxed) != generation)
		return 0;
	return hits;
}
