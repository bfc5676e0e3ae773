/* SPDX-License-Identifier: Apache-2.0
 *
 * Key -> endpoint, for plugins whose state all workers share: session bindings, burst assignments.
 * One lock-free table of a fixed size for all plugin instances; what belongs to whom is in the key,
 * a 64-bit hash that the caller salts with its instance.
 *
 * A bucket is one cache line of five entries with their stamps, so that every operation reads and
 * writes one line. An entry is one word, so none is ever seen half written: 33 bits of key (16 more
 * are in the bucket's number: a lookup takes another key's entry once in 2^30), endpoint slot, 10
 * bits of its generation, and a count of what stood in this place before, so that a compare and
 * swap by a worker that was held up does not take what it expects for something else. A full bucket
 * loses the entry that was unused for longest.
 *
 * A key has one entry at most, whoever binds it at the same time. A new entry is put in as pending,
 * which lookups do not see; then the bucket is read again, and only if nobody else has an entry for
 * the key, it is made valid. Who finds another's pending entry waits a moment and then takes it
 * away; its owner notices and begins again. So nobody depends on a worker that died: a pending
 * entry it left is taken away by the next one to bind the key, or grows old.
 *
 * Stamps are coarse time (16.8 ms) and only ever rise. They wrap after 834 days; an entry nobody
 * touched for so long may come to life again.
 */
#ifndef RP_SHM_KEYED_TABLE_H
#define RP_SHM_KEYED_TABLE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

enum { RP_KEYED_BUCKET_ENTRIES = 5 };

struct rp_keyed_bucket {
	alignas(RP_CACHE_LINE) _Atomic uint64_t word[RP_KEYED_BUCKET_ENTRIES];
	_Atomic uint32_t stamp[RP_KEYED_BUCKET_ENTRIES];
	uint32_t reserved;
};

/* A zeroed region is an empty table. */
struct rp_keyed_table {
	struct rp_keyed_bucket bucket[RP_KEYED_TABLE_BUCKETS];
};

/* What a key is bound to. */
struct rp_keyed_value {
	uint32_t slot;
	uint32_t generation; /* of the slot; its low bits, RP_ENDPOINT_GENERATION_MASK, are kept */
};

/** Is it bound to this endpoint? */
bool rp_keyed_value_is(struct rp_keyed_value value, uint32_t slot, uint32_t generation);

/*
 * For all of these:
 * @param key     hash of the plugin instance and what it calls a key
 * @param now_ns  monotonic, of the turn
 * @param ttl_ns  an entry not touched for longer is not there; precise to 17 ms
 * Context: worker turn, no allocation, any worker.
 */

/** Look a key up without touching it. @return false: not bound, or expired */
RP_MUST_CHECK bool rp_keyed_table_get(const struct rp_keyed_table *table, uint64_t key,
				      int64_t now_ns, int64_t ttl_ns,
				      struct rp_keyed_value *ret_value);

/** Bind the key whatever it was bound to. */
void rp_keyed_table_put(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value value,
			int64_t now_ns);

/**
 * Bind the key unless it is bound. Of workers that do so at the same time one binds it, and all
 * others are told what it is bound to.
 *
 * @param[out] ret_bound  always written: what it is bound to now
 * @return true: bound by this call. If others get in the way without end, *ret_bound is `value` and
 *         false is returned: nothing was recorded
 */
bool rp_keyed_table_put_if_unbound(struct rp_keyed_table *table, uint64_t key,
				   struct rp_keyed_value value, int64_t now_ns, int64_t ttl_ns,
				   struct rp_keyed_value *ret_bound);

/** Bind the key to `to` if it still is bound to `from`, expired or not. @return whether it was */
bool rp_keyed_table_rebind(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value from,
			   struct rp_keyed_value to, int64_t now_ns);

/** Touch the key if it still is bound to this. @return whether it was */
bool rp_keyed_table_refresh(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value value,
			    int64_t now_ns);

/** Unbind the key. @return whether it was bound */
bool rp_keyed_table_remove(struct rp_keyed_table *table, uint64_t key);

#endif /* RP_SHM_KEYED_TABLE_H */
