/* SPDX-License-Identifier: Apache-2.0
 *
 * encoder_cache_queries_total, encoder_cache_hits_total and encoder_cache_hit_ratio: what the
 * instances of mm-embeddings-cache-producer were asked for and found; one table a worker, instances
 * interned by name. What comes later than RP_ENCODER_CACHES_MAX of them is counted as "other".
 *
 * Hits go by endpoint slot: a cell belongs to the generation that stands in it, and starts at zero
 * with a new one.
 */
#ifndef RP_SHM_ENCODER_SERIES_H
#define RP_SHM_ENCODER_SERIES_H

#include "shm/bytes.h"
#include "shm/counters.h"

#define RP_ENCODER_MODALITIES(X)                                                                   \
	X(IMAGE, "image")                                                                          \
	X(AUDIO, "audio")                                                                          \
	X(VIDEO, "video")

enum rp_encoder_modality {
#define RP_ENCODER_MODALITY_ENUM(id, text) RP_ENCODER_##id,
	RP_ENCODER_MODALITIES(RP_ENCODER_MODALITY_ENUM)
#undef RP_ENCODER_MODALITY_ENUM
		RP_ENCODER_MODALITY_COUNT
};

/* Instances with the last one, "other". */
enum { RP_ENCODER_SERIES = RP_ENCODER_CACHES_MAX + 1 };

/** "image", …: the label value. */
const char *rp_encoder_modality_name(enum rp_encoder_modality modality);

struct rp_encoder_series {
	_Atomic uint32_t is_used; /* set last (release), so that readers see whole names */
	uint32_t plugin_len;
	char plugin[RP_PLUGIN_NAME_MAX + 1];
	uint32_t reserved;
	_Atomic uint64_t queries[RP_ENCODER_MODALITY_COUNT]; /* items looked up */
	struct rp_histogram hit_ratio;			     /* RP_BUCKETS_RATIO */
};

struct rp_encoder_hits {
	_Atomic uint32_t generation; /* of the slot; 0: nothing is counted */
	uint32_t reserved;
	_Atomic uint64_t hits[RP_ENCODER_SERIES][RP_ENCODER_MODALITY_COUNT];
};

struct rp_encoder_series_table {
	struct rp_encoder_series series[RP_ENCODER_SERIES];
	struct rp_encoder_hits endpoint[RP_ENDPOINTS_MAX]; /* by slot */
};

/**
 * Which of the table's series an instance has. Owner only.
 *
 * @param plugin  its name
 * Context: worker turn, no allocation, O(1).
 */
uint32_t rp_encoder_series_find(struct rp_encoder_series_table *table, struct rp_bytes plugin);

/** Count items that an endpoint has seen. Owner only. @param generation  of the slot, not 0 */
void rp_encoder_series_hit(struct rp_encoder_series_table *table, uint32_t series, uint32_t slot,
			   uint32_t generation, enum rp_encoder_modality modality, uint64_t items);

/** Hits at an endpoint, 0 if the cell is of another generation. */
uint64_t rp_encoder_series_hits(const struct rp_encoder_series_table *table, uint32_t series,
				uint32_t slot, uint32_t generation,
				enum rp_encoder_modality modality);

#endif /* RP_SHM_ENCODER_SERIES_H */
