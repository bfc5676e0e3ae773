/* SPDX-License-Identifier: Apache-2.0
 *
 * The map of the two shared segments. Offsets, not pointers; every region starts on a page; who
 * writes a region stands beside it. Readers of a region check nothing but bounds: writers are ours.
 *
 *   tables (control writes; workers map it read-only)
 *     head | settings (supervisor, once) | config blob x 4 | endpoint table x 4
 *   live (all map it writable)
 *     head
 *     process          phase, worker states                     supervisor; worker i its own line
 *     publication      {config slot, table slot}, reader[i]     control; reader i its own line
 *     registry         identity -> endpoint slot                control
 *     plugin stats     names of plugin_duration series          control
 *     metrics          live figures by endpoint slot            control
 *     inflight         row w: requests and tokens under way     worker w
 *     keyed table      session bindings and the like            all workers (lock-free)
 *     cold order       last cold picks, no-hit-lru-scorer       all workers (lock-free)
 *     detector         what the saturation detector found       worker w its line; the last
 *                                                               log line: all (lock-free)
 *     worker[w]        counters, series, log ring               worker w (ring tail: control)
 *     item index       the same for multimodal items            all workers (lock-free)
 *     prefix index     buckets, rings                           all workers (lock-free)
 */
#ifndef RP_SHM_LAYOUT_H
#define RP_SHM_LAYOUT_H

#include "shm/attempt_series.h"
#include "shm/cold_order.h"
#include "shm/counters.h"
#include "shm/decision_series.h"
#include "shm/detector_state.h"
#include "shm/encoder_series.h"
#include "shm/endpoint_metrics.h"
#include "shm/endpoint_registry.h"
#include "shm/endpoint_table.h"
#include "shm/inflight.h"
#include "shm/inflight_series.h"
#include "shm/keyed_table.h"
#include "shm/prefix_index.h"
#include "shm/process.h"
#include "shm/publication.h"
#include "shm/request_series.h"
#include "shm/rewrite_series.h"
#include "shm/segment.h"
#include "shm/settings.h"
#include "shm/spsc_ring.h"

#define RP_LAYOUT_VERSION 10u

struct rp_tables {
	alignas(RP_PAGE) struct rp_segment_head head;
	alignas(RP_PAGE) struct rp_settings settings;
	alignas(RP_PAGE) uint8_t config[RP_PUBLICATION_SLOTS][RP_CONFIG_BLOB_BYTES];
	alignas(RP_PAGE) struct rp_endpoint_table table[RP_PUBLICATION_SLOTS];
};

struct rp_worker_region {
	alignas(RP_PAGE) struct rp_counters counters;
	alignas(RP_PAGE) struct rp_request_series_table series;
	alignas(RP_PAGE) struct rp_attempt_series_table attempts;
	alignas(RP_PAGE) struct rp_decision_series_table decisions;
	alignas(RP_PAGE) struct rp_rewrite_series_table rewrites;
	alignas(RP_PAGE) struct rp_encoder_series_table encoder;
	alignas(RP_PAGE) struct rp_inflight_series_table inflight_series;
	alignas(RP_PAGE) struct rp_spsc_ring log;
};

struct rp_live {
	alignas(RP_PAGE) struct rp_segment_head head;
	alignas(RP_PAGE) struct rp_process_state process;
	alignas(RP_PAGE) struct rp_publication publication;
	alignas(RP_PAGE) struct rp_endpoint_registry registry;
	alignas(RP_PAGE) struct rp_plugin_stat plugin_stat[RP_PLUGIN_STATS_MAX];
	alignas(RP_PAGE) struct rp_endpoint_metrics metrics;
	alignas(RP_PAGE) struct rp_inflight inflight;
	alignas(RP_PAGE) struct rp_keyed_table keyed;
	alignas(RP_PAGE) struct rp_cold_order cold;
	alignas(RP_PAGE) struct rp_detector_state detector;
	alignas(RP_PAGE) struct rp_worker_region worker[RP_WORKERS_MAX];
	alignas(RP_PAGE) struct rp_item_index items;
	alignas(RP_PAGE) struct rp_prefix_index prefix; /* its arrays follow the struct */
};

/** Hash over the size and offset of everything above, and the index geometry; never 0. */
uint64_t rp_layout_hash(void);

/** Bytes of the live segment with an index of this budget. */
size_t rp_live_bytes(uint64_t prefix_index_bytes);

/* Both segments as one process has them mapped. */
struct rp_shared {
	struct rp_segment tables_segment;
	struct rp_segment live_segment;
	struct rp_tables *tables; /* read-only in workers: writing it is a fault */
	struct rp_live *live;
};

/** Create both, write settings, initialise every region. Supervisor only. */
RP_MUST_CHECK int rp_shared_create(const struct rp_settings *settings,
				   struct rp_shared *ret_shared);

/** Attach to the inherited descriptors RP_FD_TABLES and RP_FD_LIVE. */
RP_MUST_CHECK int rp_shared_attach(bool may_write_tables, struct rp_shared *ret_shared,
				   struct rp_diag *reterr);

void rp_shared_detach(struct rp_shared *shared);

#endif /* RP_SHM_LAYOUT_H */
