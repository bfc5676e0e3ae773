/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking blocks up in the prefix index.
 */
#include "shm/prefix_index_parts.h"

enum { FETCHED_AT_ONCE = 64 }; /* buckets: what fits the first cache beside everything else */

/* What match() adds up. */
struct tally {
	uint16_t *counts;
	uint16_t *touched;
	uint32_t *touched_count;
	uint32_t serial; /* of the hash */
};

/* Hash for which a slot was counted last: an entry may be there twice, see obtain(). */
static _Thread_local uint32_t counted_for[RP_ENDPOINTS_MAX];
static _Thread_local uint32_t serial;

static void count_slot(const struct tally *tally, uint32_t slot)
{
	if (counted_for[slot] == tally->serial)
		return;
	counted_for[slot] = tally->serial;
	if (tally->counts[slot]++ == 0) {
		RP_DEBUG_ASSERT(*tally->touched_count < RP_ENDPOINTS_MAX);
		tally->touched[(*tally->touched_count)++] = (uint16_t)slot;
	}
}

/* @return whether anybody holds the hash in the buckets from `home` on */
static inline bool match_at(const struct rp_prefix_index *index, uint64_t home, uint64_t hash,
			    const struct tally *tally)
{
	uint32_t reach = rp_prefix_reach(index, home);
	uint64_t tag = rp_prefix_tag(hash);
	bool is_held = false;

	for (uint32_t distance = 0; distance <= reach; distance++) {
		const struct rp_prefix_bucket *bucket =
			rp_prefix_bucket(index, rp_prefix_bucket_after(index, home, distance));

#pragma GCC unroll 5
		for (uint32_t i = 0; i < RP_PREFIX_BUCKET_ENTRIES; i++) {
			uint64_t word = rp_prefix_load(&bucket->word[i]);

			if (word >> RP_PREFIX_TAG_SHIFT != tag || rp_prefix_is_stale(index, word))
				continue;
			count_slot(tally, rp_prefix_slot(word));
			is_held = true;
		}
	}
	return is_held;
}

/* Also where it stood before the index grew. */
static bool match_both(const struct rp_prefix_index *index, uint64_t span, uint64_t old_span,
		       uint64_t hash, const struct tally *tally)
{
	bool is_held = match_at(index, rp_prefix_home_in(span, hash), hash, tally);

	return match_at(index, rp_prefix_home_in(old_span, hash), hash, tally) || is_held;
}

void rp_prefix_index_prefetch(const struct rp_prefix_index *index, const uint64_t *hashes,
			      size_t hash_count)
{
	for (size_t i = 0; i < rp_min_size(hash_count, FETCHED_AT_ONCE); i++)
		rp_prefix_prefetch_home(index, hashes[i]);
}

static inline void match(const struct rp_prefix_index *index, const uint64_t *hashes,
			 size_t hash_count, bool is_chain, struct tally tally)
{
	uint64_t span = atomic_load_explicit(&index->span, memory_order_relaxed);
	uint64_t old_span = atomic_load_explicit(&index->old_span, memory_order_relaxed);

	for (size_t i = 0; i < hash_count; i++) {
		bool is_held;

		if (i + RP_PREFIX_PREFETCH_AHEAD < hash_count)
			rp_prefix_prefetch_home(index, hashes[i + RP_PREFIX_PREFETCH_AHEAD]);
		if (++serial == 0) /* what nobody was counted for yet */
			serial = 1;
		tally.serial = serial;
		if (RP_LIKELY(span == old_span))
			is_held = match_at(index, rp_prefix_home_in(span, hashes[i]), hashes[i],
					   &tally);
		else
			is_held = match_both(index, span, old_span, hashes[i], &tally);
		if (is_chain && !is_held)
			break;
	}
}

void rp_prefix_index_match(const struct rp_prefix_index *index, const uint64_t *hashes,
			   size_t hash_count, uint16_t *counts, uint16_t *touched,
			   uint32_t *touched_count)
{
	match(index, hashes, hash_count, true, (struct tally){counts, touched, touched_count, 0});
}

void rp_prefix_index_match_each(const struct rp_prefix_index *index, const uint64_t *hashes,
				size_t hash_count, uint16_t *counts, uint16_t *touched,
				uint32_t *touched_count)
{
	match(index, hashes, hash_count, false, (struct tally){counts, touched, touched_count, 0});
}
