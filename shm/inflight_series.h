/* SPDX-License-Identifier: Apache-2.0
 *
 * inflight_requests and inflight_tokens{endpoint_name, namespace, producer_name, fairness_id,
 * priority}: what is under way, by who asked for it; one table a worker. shm/inflight.h has the
 * same figures without fairness id and priority, and picks go by those.
 *
 * Fairness ids come from clients, so a table is small and its cells are used again: one whose
 * figures are zero may go to another key. A request that finds no cell is counted as spilled; the
 * reader knows what is under way in all and shows the difference as "other".
 *
 * Only the owner writes. A cell's version is odd while its key is written, and moves on with every
 * new key, so that a reader takes no mixture of two and a request does not take back from a cell
 * that is another's by now.
 */
#ifndef RP_SHM_INFLIGHT_SERIES_H
#define RP_SHM_INFLIGHT_SERIES_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_inflight_key {
	uint32_t instance; /* of the producer */
	uint32_t slot;
	uint32_t life; /* of the slot (shm/inflight.h) */
	int32_t priority;
	struct rp_bytes fairness_id; /* cut at RP_METRIC_LABEL_MAX */
};

/* Instance and slot, life and priority, length of the fairness id, its bytes. */
enum { RP_INFLIGHT_KEY_WORDS = 3 + RP_METRIC_LABEL_MAX / 8, RP_INFLIGHT_WAYS = 8 };

struct rp_inflight_series {
	_Atomic uint32_t version; /* 0: never used */
	uint32_t reserved;
	_Atomic uint64_t requests;
	_Atomic int64_t tokens;
	_Atomic uint64_t key[RP_INFLIGHT_KEY_WORDS];
};

/* A key's hash says in which bucket its cell is. */
struct rp_inflight_bucket {
	alignas(RP_CACHE_LINE) uint64_t hash[RP_INFLIGHT_WAYS]; /* owner only; 0: free */
	struct rp_inflight_series cell[RP_INFLIGHT_WAYS];
};

enum { RP_INFLIGHT_BUCKETS = RP_INFLIGHT_SERIES_MAX / RP_INFLIGHT_WAYS };

struct rp_inflight_series_table {
	_Atomic uint32_t used;	  /* cells that have had a key; 0: nothing to look at */
	_Atomic uint32_t spilled; /* holds under way without a cell */
	struct rp_inflight_bucket bucket[RP_INFLIGHT_BUCKETS];
};

/* Where a hold was counted. */
struct rp_inflight_series_ref {
	uint32_t cell; /* RP_INFLIGHT_SERIES_MAX: spilled */
	uint32_t version;
};

/* A cell as it was read. */
struct rp_inflight_sample {
	struct rp_inflight_key key;
	uint64_t requests;
	int64_t tokens;
	uint64_t words[RP_METRIC_LABEL_MAX / 8]; /* key.fairness_id lies in them */
};

/**
 * Count a hold. Owner only.
 *
 * @param series_max  cells to use, at most RP_INFLIGHT_SERIES_MAX; a bucket at least
 * @param tokens      >= 0
 * Context: worker turn, no allocation, O(1).
 */
RP_MUST_CHECK struct rp_inflight_series_ref
rp_inflight_series_add(struct rp_inflight_series_table *table, uint32_t series_max,
		       const struct rp_inflight_key *key, uint64_t requests, int64_t tokens);

/** Take back part of it, or all. Owner only. A hold gives back its requests last. */
void rp_inflight_series_sub(struct rp_inflight_series_table *table,
			    struct rp_inflight_series_ref ref, uint64_t requests, int64_t tokens);

/** Forget what a dead worker had under way. Supervisor only, after waitpid(). */
void rp_inflight_series_clear(struct rp_inflight_series_table *table);

/** Read cell i, 0..RP_INFLIGHT_SERIES_MAX-1. @return false: it has no key, or gets another one */
bool rp_inflight_series_read(const struct rp_inflight_series_table *table, uint32_t i,
			     struct rp_inflight_sample *ret_sample);

#endif /* RP_SHM_INFLIGHT_SERIES_H */
