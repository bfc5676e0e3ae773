/* SPDX-License-Identifier: Apache-2.0
 *
 * Recording blocks in the prefix index.
 */
#include "shm/prefix_index_parts.h"

enum { INSERT_TRIES = 4 };

static void raise_reach(struct rp_prefix_index *index, uint64_t home, uint32_t distance)
{
	_Atomic uint32_t *reach = &rp_prefix_bucket(index, home)->reach;
	uint32_t now = atomic_load_explicit(reach, memory_order_relaxed);

	while (now < distance &&
	       !atomic_compare_exchange_weak_explicit(reach, &now, distance, memory_order_acq_rel,
						      memory_order_relaxed))
		;
}

/*
 * Find the entry in the buckets it may be in.
 * @param[out] ret_free  first free position among them, or RP_PREFIX_NO_POSITION
 */
static uint32_t find(const struct rp_prefix_index *index, uint64_t home, uint64_t entry,
		     uint32_t *ret_free)
{
	uint32_t reach = rp_prefix_reach(index, home);

	*ret_free = RP_PREFIX_NO_POSITION;
	for (uint32_t distance = 0; distance <= reach; distance++) {
		uint64_t at = rp_prefix_bucket_after(index, home, distance);
		const struct rp_prefix_bucket *bucket = rp_prefix_bucket(index, at);
		uint32_t free;
		uint32_t equal = rp_prefix_compare(bucket, entry, &free);

		if (equal != RP_PREFIX_BUCKET_ENTRIES)
			return rp_prefix_position(at, equal);
		if (free != RP_PREFIX_BUCKET_ENTRIES && *ret_free == RP_PREFIX_NO_POSITION)
			*ret_free = rp_prefix_position(at, free);
	}
	return RP_PREFIX_NO_POSITION;
}

/* Put the entry where a stale one is, or into a bucket further on. */
static uint32_t insert_beyond(struct rp_prefix_index *index, uint64_t home, uint64_t entry)
{
	uint32_t probes = (uint32_t)rp_min_size(RP_PREFIX_PROBE_MAX, index->bucket_count);

	for (uint32_t distance = 0; distance < probes; distance++) {
		uint64_t at = rp_prefix_bucket_after(index, home, distance);
		struct rp_prefix_bucket *bucket = rp_prefix_bucket(index, at);

		for (uint32_t i = 0; i < RP_PREFIX_BUCKET_ENTRIES; i++) {
			uint64_t held = rp_prefix_load(&bucket->word[i]);

			if (held != 0 && !rp_prefix_is_stale(index, held))
				continue;
			/* Before the entry: who looks for it must come this far. */
			raise_reach(index, home, distance);
			if (atomic_compare_exchange_strong_explicit(&bucket->word[i], &held, entry,
								    memory_order_acq_rel,
								    memory_order_relaxed))
				return rp_prefix_position(at, i);
		}
	}
	return RP_PREFIX_NO_POSITION;
}

/*
 * Find or insert. Two workers that insert the same entry at once may both succeed, in two places:
 * match() counts one, and either goes its way through the ring.
 *
 * @return its position, or RP_PREFIX_NO_POSITION if all buckets it may be in are full
 */
static uint32_t obtain(struct rp_prefix_index *index, uint64_t home, uint64_t entry,
		       bool *ret_is_new)
{
	uint32_t place;

	for (int i = 0; i < INSERT_TRIES; i++) {
		uint32_t position = find(index, home, entry, &place);
		uint64_t none = 0;

		*ret_is_new = position == RP_PREFIX_NO_POSITION;
		if (position != RP_PREFIX_NO_POSITION)
			return position;
		if (place == RP_PREFIX_NO_POSITION)
			return insert_beyond(index, home, entry);
		if (atomic_compare_exchange_strong_explicit(rp_prefix_word(index, place), &none,
							    entry, memory_order_acq_rel,
							    memory_order_relaxed))
			return place;
	}
	return RP_PREFIX_NO_POSITION;
}

/* @return false: no room, or lost to evictions of others at each try */
static bool record_one(struct rp_prefix_use *use, uint64_t home, uint64_t entry, bool *ret_is_new)
{
	for (int i = 0; i < INSERT_TRIES; i++) {
		uint32_t position = obtain(use->index, home, entry, ret_is_new);
		uint32_t stamp = 0;

		if (position == RP_PREFIX_NO_POSITION)
			return false;
		if (!*ret_is_new) {
			/* Acquire: the entry is looked at after its stamp. If it is there still,
			 * the stamp was its own; if not, the stamp may be another's. */
			stamp = atomic_load_explicit(rp_prefix_stamp(use->index, position),
						     memory_order_acquire);
			if (rp_prefix_load(rp_prefix_word(use->index, position)) != entry)
				continue;
		}
		rp_prefix_push(use, position, *ret_is_new, stamp);
		return true;
	}
	return false;
}

/*
 * Record the blocks. With an index that is full each new entry is followed by the eviction of the
 * oldest, one by one, so that the count need not be touched and is never off by more than one.
 *
 * @return how many were dropped
 */
static size_t record_all(struct rp_prefix_use *use, const uint64_t *hashes, size_t hash_count,
			 size_t room)
{
	struct rp_prefix_index *index = use->index;
	struct rp_prefix_ring *ring = use->ring;
	int64_t spare = (int64_t)use->capacity - rp_prefix_live_count(ring);
	uint64_t own_from = use->next;
	size_t drops = 0;

	rp_prefix_begin_walk(use, spare < (int64_t)hash_count ? hash_count : 0);
	for (size_t i = 0; i < hash_count; i++) {
		bool is_new;

		if (i + RP_PREFIX_PREFETCH_AHEAD < hash_count)
			rp_prefix_prefetch_home(index, hashes[i + RP_PREFIX_PREFETCH_AHEAD]);
		/* Swept while this worker was held up: what is left is not for the new endpoint. */
		if (atomic_load_explicit(&ring->generation, memory_order_relaxed) !=
		    use->generation)
			break;
		if (i >= room ||
		    !record_one(use, rp_prefix_home(index, hashes[i]),
				rp_prefix_entry(hashes[i], use->slot, use->generation), &is_new)) {
			drops++;
			continue;
		}
		if (is_new && (spare > 0 || !rp_prefix_evict_for_new(use, own_from))) {
			spare--;
			atomic_fetch_add_explicit(&ring->count, 1, memory_order_relaxed);
		}
	}
	rp_prefix_check_pushed(use);
	rp_prefix_enforce_capacity(use, own_from);
	return drops;
}

void rp_prefix_index_record(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			    uint32_t capacity, const uint64_t *hashes, size_t hash_count)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	/* Acquire: pairs with admit(). */
	uint32_t size = atomic_load_explicit(&ring->ring_size, memory_order_acquire);
	struct rp_prefix_use use = {
		.index = index,
		.ring = ring,
		.places = rp_prefix_ring_entry(index, slot, 0, index->ring_max),
		.slot = slot,
		.generation = generation,
		.size = size,
		.capacity = (uint32_t)rp_min_size(capacity, size / 2),
	};
	size_t room;
	size_t drops;

	if (size == 0 ||
	    atomic_load_explicit(&ring->generation, memory_order_relaxed) != generation)
		return;
	RP_ASSERT(size <= index->ring_max && (size & (size - 1)) == 0);
	hash_count = rp_min_size(hash_count, size / 4);
	/* Of all workers together never more than a quarter of the ring, mostly a sixteenth. */
	use.keep_max = (uint32_t)rp_min_size(rp_max_size(size / (16 * RP_WORKERS_MAX), 1),
					     RP_PREFIX_BATCH);
	rp_prefix_tidy(&use, hash_count);
	room = rp_prefix_take_indices(&use, hash_count);
	drops = record_all(&use, hashes, hash_count, room);
	if (drops != 0)
		atomic_fetch_add_explicit(&index->drops, drops, memory_order_relaxed);
}
