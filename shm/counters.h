/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters, gauges and histograms. Each worker adds to its own block with plain loads and stores;
 * the reader sums the blocks. A block stays when its worker dies and the next one goes on adding to
 * it, so counters are monotonic; gauges are zeroed by the new worker.
 */
#ifndef RP_SHM_COUNTERS_H
#define RP_SHM_COUNTERS_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

enum rp_bucket_set {
	RP_BUCKETS_LAT,
	RP_BUCKETS_SIZE,
	RP_BUCKETS_RESP,
	RP_BUCKETS_TOK,
	RP_BUCKETS_OUT,
	RP_BUCKETS_FAST,
	RP_BUCKETS_TTFT,
	RP_BUCKETS_TPOT,
	RP_BUCKETS_ITL,
	RP_BUCKETS_NTPOT,
	RP_BUCKETS_RATIO,
	RP_BUCKETS_BYTES,
	RP_BUCKETS_STREAM,
	RP_BUCKETS_REQUEST_PROCESSING,
	RP_BUCKETS_RESPONSE_PROCESSING,
};

struct rp_bucket_bounds {
	const double *bound; /* ascending upper bounds; +Inf is implied */
	uint32_t count;
};

/** Bounds of a set, exactly upstream's (operations reference 7). */
struct rp_bucket_bounds rp_bucket_bounds(enum rp_bucket_set set);

enum { RP_HISTOGRAM_BUCKETS_MAX = 40 };

struct rp_histogram {
	_Atomic uint64_t sum_bits; /* a double */
	_Atomic uint64_t count;
	_Atomic uint64_t
		bucket[RP_HISTOGRAM_BUCKETS_MAX]; /* not cumulative; the last used is +Inf */
};

/** Count one observation. Owner only. */
void rp_histogram_observe(struct rp_histogram *histogram, enum rp_bucket_set set, double value);
/** Count the same one several times. */
void rp_histogram_observe_times(struct rp_histogram *histogram, enum rp_bucket_set set,
				double value, uint64_t times);

static inline void rp_counter_add(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no locked add needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void rp_gauge_set(_Atomic uint64_t *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

/* Durations of plugin calls: names are control's (struct rp_plugin_stat), figures each worker's. */
enum { RP_PLUGIN_STATS_MAX = 128 };

enum rp_extension_point {
	RP_EXT_PROFILE_PICKER,
	RP_EXT_FILTER,
	RP_EXT_SCORER,
	RP_EXT_PICKER,
	RP_EXT_PROCESS_RESULTS,
	RP_EXT_REQUEST_PARSING,
	RP_EXT_DATA_PRODUCER,
	RP_EXT_PRE_REQUEST,
	RP_EXT_REQUEST_HEADER,
	RP_EXT_SCREENER,
	RP_EXT_ADMISSION,
	RP_EXTENSION_POINTS,
};

/** "Scorer", "Filter", … as in the plugin_duration_seconds label. */
const char *rp_extension_point_name(enum rp_extension_point point);

struct rp_plugin_stat {
	uint32_t extension_point; /* enum rp_extension_point */
	char plugin_type[80];
	char plugin_name[172];
};

struct rp_counters {
#define RP_COUNTER(id, name, labels, help)	  _Atomic uint64_t id;
#define RP_GAUGE(id, name, labels, help)	  _Atomic uint64_t id;
#define RP_HISTOGRAM(id, name, labels, set, help) struct rp_histogram id;
#include "shm/counters.def"
#undef RP_COUNTER
#undef RP_GAUGE
#undef RP_HISTOGRAM
	struct rp_histogram plugin_duration[RP_PLUGIN_STATS_MAX];
};

/** Zero the gauges of a dead worker's block; counters and histograms stay. */
void rp_counters_reset_gauges(struct rp_counters *counters);

#endif /* RP_SHM_COUNTERS_H */
