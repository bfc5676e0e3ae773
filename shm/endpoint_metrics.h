/* SPDX-License-Identifier: Apache-2.0
 *
 * Live figures of the endpoints, as arrays by field over endpoint slots. Control writes after each
 * scrape, workers read; each figure is a relaxed atomic of its own, and the epoch word tells that
 * something changed since the last look. Custom figures are read one by one, as only plugins that a
 * configuration names want them.
 */
#ifndef RP_SHM_ENDPOINT_METRICS_H
#define RP_SHM_ENDPOINT_METRICS_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

/* Figures that an endpoint need not have, by index: custom metrics, then what another cluster's
 * gateway says of its pool, which nothing scrapes yet. */
enum {
	RP_CUSTOM_MULTICLUSTER_QUEUE = RP_CUSTOM_FIGURES_MAX,
	RP_CUSTOM_MULTICLUSTER_KV_USAGE,
	RP_CUSTOM_ALL
};

/* One endpoint's figures, by value. */
struct rp_endpoint_figures {
	int32_t waiting;	  /* WaitingQueueSize */
	int32_t running;	  /* RunningRequestsSize */
	double kv_usage;	  /* KVCacheUsagePercent: a fraction, bits kept as scraped */
	int32_t cache_block_size; /* CacheBlockSize, tokens; 0: unknown */
	int32_t cache_num_blocks; /* CacheNumBlocks; 0: unknown */
	int32_t lora_max;	  /* MaxActiveModels */
	uint32_t lora_active_count;
	uint32_t lora_waiting_count;
	uint32_t custom_present;		 /* bit i: custom[i] was scraped */
	uint64_t lora_active[RP_LORA_NAMES_MAX]; /* XXH64 of the adapter's name */
	uint64_t lora_waiting[RP_LORA_NAMES_MAX];
	int64_t updated_ns;	      /* monotonic; 0: never scraped */
	double custom[RP_CUSTOM_ALL]; /* by index, never NaN */
};

struct rp_endpoint_metrics {
	alignas(RP_CACHE_LINE) _Atomic uint64_t epoch; /* moves after each batch of writes */
	alignas(RP_CACHE_LINE) _Atomic int32_t waiting[RP_ENDPOINTS_MAX];
	_Atomic int32_t running[RP_ENDPOINTS_MAX];
	_Atomic uint64_t kv_usage_bits[RP_ENDPOINTS_MAX];
	_Atomic int32_t cache_block_size[RP_ENDPOINTS_MAX];
	_Atomic int32_t cache_num_blocks[RP_ENDPOINTS_MAX];
	_Atomic int64_t updated_ns[RP_ENDPOINTS_MAX];
	/* rp_lora_bit() of each name below, and RP_LORA_HAS_ROOM: most endpoints list a name not at
	 * all, and one look tells. */
	_Atomic uint64_t lora_bits[RP_ENDPOINTS_MAX];
	_Atomic int32_t lora_max[RP_ENDPOINTS_MAX];
	_Atomic uint32_t lora_active_count[RP_ENDPOINTS_MAX];
	_Atomic uint32_t lora_waiting_count[RP_ENDPOINTS_MAX];
	_Atomic uint64_t lora_active[RP_ENDPOINTS_MAX][RP_LORA_NAMES_MAX];
	_Atomic uint64_t lora_waiting[RP_ENDPOINTS_MAX][RP_LORA_NAMES_MAX];
	_Atomic uint32_t custom_present[RP_ENDPOINTS_MAX];
	_Atomic uint64_t custom_bits[RP_CUSTOM_ALL][RP_ENDPOINTS_MAX];
};

#define RP_LORA_HAS_ROOM (UINT64_C(1) << 63)

/** A name's bit of lora_bits. @param name  XXH64 of it */
static inline uint64_t rp_lora_bit(uint64_t name)
{
	return UINT64_C(1) << name % 63;
}

/** Store the figures of a slot. Control only; call rp_endpoint_metrics_bump() after a batch. */
void rp_endpoint_metrics_write(struct rp_endpoint_metrics *metrics, uint32_t slot,
			       const struct rp_endpoint_figures *figures);
void rp_endpoint_metrics_bump(struct rp_endpoint_metrics *metrics);

/** Load the figures of a slot; fields of two scrapes may mix, none is torn. */
void rp_endpoint_metrics_read(const struct rp_endpoint_metrics *metrics, uint32_t slot,
			      struct rp_endpoint_figures *ret_figures);

/**
 * One custom figure of a slot (customMetrics of core-metrics-extractor).
 * @param index  of the attribute, as rp_engine_attribute_index() has it, or one of those above
 * @return false: never scraped since the endpoint joined the set
 */
RP_MUST_CHECK bool rp_endpoint_metrics_custom(const struct rp_endpoint_metrics *metrics,
					      uint32_t slot, uint32_t index, double *ret_value);

/** All zero, never scraped: what a fresh endpoint looks like. Control only. */
void rp_endpoint_metrics_clear(struct rp_endpoint_metrics *metrics, uint32_t slot);

#endif /* RP_SHM_ENDPOINT_METRICS_H */
