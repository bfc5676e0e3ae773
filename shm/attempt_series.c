/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/attempt_series.h"

#include <assert.h>

#include "shm/counters.h"
#include "shm/hash.h"

static_assert((RP_ATTEMPT_CELLS & (RP_ATTEMPT_CELLS - 1)) == 0, "a power of two");

const char *rp_attempt_status_name(enum rp_attempt_status status)
{
	return status == RP_ATTEMPT_SUCCESS ? "success" : "failure";
}

static bool has_key(const struct rp_attempt_series *series, uint32_t status, struct rp_bytes target,
		    uint32_t slot, uint32_t generation)
{
	return series->slot == slot && series->generation == generation &&
	       series->status == status &&
	       rp_bytes_equal(rp_bytes(series->target, series->target_len), target);
}

static void set_key(struct rp_attempt_series *series, uint64_t hash, uint32_t status,
		    struct rp_bytes target, uint32_t slot, uint32_t generation)
{
	series->slot = slot;
	series->generation = generation;
	series->status = status;
	series->target_len = (uint32_t)target.len;
	if (target.len != 0)
		memcpy(series->target, target.ptr, target.len);
	/* Release: pairs with a reader's acquire, which then sees the whole key. */
	atomic_store_explicit(&series->key_hash, hash, memory_order_release);
}

static struct rp_attempt_series *other(struct rp_attempt_series_table *table, uint32_t status)
{
	struct rp_attempt_series *series = &table->other[status];

	if (atomic_load_explicit(&series->key_hash, memory_order_relaxed) == 0)
		set_key(series, 1, status, RP_BYTES_LIT("other"), RP_ATTEMPT_SLOT_NONE, 0);
	return series;
}

static struct rp_attempt_series *intern(struct rp_attempt_series_table *table, uint32_t series_max,
					uint32_t status, struct rp_bytes target, uint32_t slot,
					uint32_t generation)
{
	uint64_t hash = XXH64(target.ptr, target.len,
			      (uint64_t)slot << 32 ^ (uint64_t)generation << 1 ^ status);
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);

	if (hash == 0)
		hash = 1;
	for (uint32_t i = 0; i < RP_ATTEMPT_CELLS; i++) {
		struct rp_attempt_series *series =
			&table->cell[((uint32_t)hash + i) & (RP_ATTEMPT_CELLS - 1)];
		uint64_t held = atomic_load_explicit(&series->key_hash, memory_order_relaxed);

		if (held == hash && has_key(series, status, target, slot, generation))
			return series;
		if (held != 0)
			continue;
		if (count >= series_max)
			break;
		/* Counted first: a worker that dies here costs one key, never one too many. */
		atomic_store_explicit(&table->count, count + 1, memory_order_relaxed);
		set_key(series, hash, status, target, slot, generation);
		return series;
	}
	return other(table, status);
}

void rp_attempt_series_count(struct rp_attempt_series_table *table, uint32_t series_max,
			     enum rp_attempt_status status, struct rp_bytes target, uint32_t slot,
			     uint32_t generation)
{
	uint32_t max = (uint32_t)rp_min_size(series_max, RP_METRIC_SERIES_MAX);

	RP_ASSERT(status < RP_ATTEMPT_STATUS_COUNT);
	RP_ASSERT(slot < RP_ENDPOINTS_MAX || slot == RP_ATTEMPT_SLOT_NONE);
	if (slot == RP_ATTEMPT_SLOT_NONE)
		generation = 0;
	rp_counter_add(&intern(table, max, status, rp_bytes_cut(target, RP_METRIC_LABEL_MAX), slot,
			       generation)
				->attempts,
		       1);
}
