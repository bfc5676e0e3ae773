/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the prefix index share: where things are, what an entry says, recency. Nobody
 * else includes it.
 */
#ifndef RP_SHM_PREFIX_INDEX_PARTS_H
#define RP_SHM_PREFIX_INDEX_PARTS_H

#include "shm/endpoint_registry.h"
#include "shm/prefix_index.h"

enum {
	RP_PREFIX_SLOT_BITS = 14,
	RP_PREFIX_GENERATION_BITS = 10,
	RP_PREFIX_TAG_SHIFT = RP_PREFIX_SLOT_BITS + RP_PREFIX_GENERATION_BITS,
	RP_PREFIX_PREFETCH_AHEAD =
		16, /* buckets: a read of memory takes longer than a few blocks */
};

static_assert(RP_ENDPOINTS_MAX == 1u << RP_PREFIX_SLOT_BITS, "a slot fits its bits");
static_assert(RP_ENDPOINT_GENERATION_MASK == (1u << RP_PREFIX_GENERATION_BITS) - 1,
	      "as the registry says");

/* ---- where things are ---- */

/* bucket * 8 + nth entry + 1, so that 0 is no position. */
enum { RP_PREFIX_POSITIONS = 8 };
#define RP_PREFIX_NO_POSITION 0u

static inline struct rp_prefix_bucket *rp_prefix_bucket(const struct rp_prefix_index *index,
							uint64_t i)
{
	return (struct rp_prefix_bucket *)((uintptr_t)index + index->buckets_offset) + i;
}

static inline uint32_t rp_prefix_position(uint64_t bucket, uint32_t nth)
{
	return (uint32_t)(bucket * RP_PREFIX_POSITIONS) + nth + 1;
}

/* A ring may hold anything where a worker died. */
static inline bool rp_prefix_is_position(const struct rp_prefix_index *index, uint32_t position)
{
	uint32_t nth = position % RP_PREFIX_POSITIONS;

	return nth >= 1 && nth <= RP_PREFIX_BUCKET_ENTRIES &&
	       position / RP_PREFIX_POSITIONS < index->bucket_count;
}

static inline _Atomic uint64_t *rp_prefix_word(const struct rp_prefix_index *index,
					       uint32_t position)
{
	return &rp_prefix_bucket(index, position / RP_PREFIX_POSITIONS)
			->word[position % RP_PREFIX_POSITIONS - 1];
}

static inline _Atomic uint32_t *rp_prefix_stamp(const struct rp_prefix_index *index,
						uint32_t position)
{
	return &rp_prefix_bucket(index, position / RP_PREFIX_POSITIONS)
			->stamp[position % RP_PREFIX_POSITIONS - 1];
}

/* The ring's place for a ring index; each slot has ring_max, of which `size` are used. */
static inline _Atomic uint32_t *rp_prefix_ring_entry(const struct rp_prefix_index *index,
						     uint32_t slot, uint64_t ring_idx,
						     uint32_t size)
{
	return (_Atomic uint32_t *)((uintptr_t)index + index->rings_offset) +
	       (size_t)slot * index->ring_max + (ring_idx & (size - 1));
}

/* By the low half of the hash; multiplied, as its upper bits are also in the tag. */
static inline uint64_t rp_prefix_home_in(uint64_t span, uint64_t hash)
{
	return (uint64_t)((uint32_t)hash * 0x9e3779b1u) * span >> 32;
}

static inline uint64_t rp_prefix_home(const struct rp_prefix_index *index, uint64_t hash)
{
	/* Relaxed: with a span that has just grown an entry may be missed, no more. */
	return rp_prefix_home_in(atomic_load_explicit(&index->span, memory_order_relaxed), hash);
}

static inline uint64_t rp_prefix_bucket_after(const struct rp_prefix_index *index, uint64_t home,
					      uint64_t distance)
{
	uint64_t i = home + distance;

	return i < index->bucket_count ? i : i - index->bucket_count;
}

/* ---- what an entry says ---- */

static inline uint64_t rp_prefix_tag(uint64_t hash)
{
	uint64_t tag = hash >> RP_PREFIX_TAG_SHIFT;

	return tag != 0 ? tag : 1; /* so that no entry is 0 */
}

static inline uint64_t rp_prefix_entry(uint64_t hash, uint32_t slot, uint32_t generation)
{
	return rp_prefix_tag(hash) << RP_PREFIX_TAG_SHIFT |
	       (uint64_t)slot << RP_PREFIX_GENERATION_BITS |
	       (generation & RP_ENDPOINT_GENERATION_MASK);
}

static inline uint32_t rp_prefix_slot(uint64_t word)
{
	return (uint32_t)(word >> RP_PREFIX_GENERATION_BITS) & (RP_ENDPOINTS_MAX - 1);
}

/* Left by a worker that was late or died: its endpoint has another generation by now. */
static inline bool rp_prefix_is_stale(const struct rp_prefix_index *index, uint64_t word)
{
	uint32_t generation = atomic_load_explicit(&index->ring[rp_prefix_slot(word)].generation,
						   memory_order_relaxed);

	return ((generation ^ (uint32_t)word) & RP_ENDPOINT_GENERATION_MASK) != 0;
}

static inline uint64_t rp_prefix_load(const _Atomic uint64_t *word)
{
	/* Relaxed: a word is all there is to an entry, nothing else is reached through it. */
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* How many buckets after `home` may hold its entries. */
static inline uint32_t rp_prefix_reach(const struct rp_prefix_index *index, uint64_t home)
{
	/* Acquire: pairs with the raise before an insert. */
	uint32_t reach =
		atomic_load_explicit(&rp_prefix_bucket(index, home)->reach, memory_order_acquire);

	return reach < RP_PREFIX_PROBE_MAX ? reach : RP_PREFIX_PROBE_MAX - 1;
}

static inline void rp_prefix_prefetch_home(const struct rp_prefix_index *index, uint64_t hash)
{
	__builtin_prefetch(rp_prefix_bucket(index, rp_prefix_home(index, hash)));
}

/* Signed: between a foreign eviction and the inserter's own count it may be below zero. */
static inline int32_t rp_prefix_live_count(const struct rp_prefix_ring *ring)
{
	return (int32_t)atomic_load_explicit(&ring->count, memory_order_relaxed);
}

/*
 * Compare all words of a bucket, without branches: which one it is, or which is free, is as good as
 * random, and a branch that goes wrong costs more than the comparisons.
 *
 * @param[out] ret_free  first word that is 0, or RP_PREFIX_BUCKET_ENTRIES
 * @return first word that is the entry, or RP_PREFIX_BUCKET_ENTRIES
 */
static inline uint32_t rp_prefix_compare(const struct rp_prefix_bucket *bucket, uint64_t entry,
					 uint32_t *ret_free)
{
	uint32_t equal = RP_PREFIX_BUCKET_ENTRIES;
	uint32_t free = RP_PREFIX_BUCKET_ENTRIES;

#pragma GCC unroll 5
	for (uint32_t i = RP_PREFIX_BUCKET_ENTRIES; i-- > 0;) {
		uint64_t word = rp_prefix_load(&bucket->word[i]);

		equal = word == entry ? i : equal;
		free = word == 0 ? i : free;
	}
	*ret_free = free;
	return equal;
}

/* ---- recency ---- */

/* Ring entries written, or taken from the tail, for one locked instruction. */
enum { RP_PREFIX_BATCH = 16 };

/* What one call of record() works with. */
struct rp_prefix_use {
	struct rp_prefix_index *index;
	struct rp_prefix_ring *ring;
	_Atomic uint32_t *places; /* of the ring */
	uint32_t size;		  /* of the ring */
	uint32_t slot;
	uint32_t generation;
	uint32_t capacity;

	/* Ring indices taken in advance. */
	uint64_t next;
	uint64_t checked;		  /* from here to `next` the tail may have gone past us */
	uint32_t pushed[RP_PREFIX_BATCH]; /* positions written there */

	/* A walk along the oldest ring entries. */
	uint64_t walk_begin;		/* the tail, as far as we know */
	uint64_t walk_at;		/* entries before it are dealt with */
	uint32_t live[RP_PREFIX_BATCH]; /* positions of those that were live */
	uint32_t keep_max;		/* how many go to the head again at once */
	uint32_t kept_count;
	uint64_t kept[RP_PREFIX_BATCH]; /* ring indices of those that are to */
};

static inline _Atomic uint32_t *rp_prefix_place(const struct rp_prefix_use *use, uint64_t ring_idx)
{
	return &use->places[ring_idx & (use->size - 1)];
}

/**
 * Keep the ring from running full: begin a pass or go on with one, in proportion to what is about
 * to be recorded. This comes first, so that a request's own entries are younger than all the
 * others.
 */
void rp_prefix_tidy(struct rp_prefix_use *use, size_t hash_count);

/** Take as many ring indices in advance, or as many as there is room for. @return how many */
size_t rp_prefix_take_indices(struct rp_prefix_use *use, size_t count);

/** Make the entry the most recent one, see push(), with an index from the head. */
void rp_prefix_push_at_head(struct rp_prefix_use *use, uint32_t position, bool is_new,
			    uint32_t stamp);

/** Push again what the tail has gone past before it was written. */
void rp_prefix_check_pushed(struct rp_prefix_use *use);

/* Give the entry this ring index, unless its stamp is no longer `stamp`. */
static inline bool rp_prefix_restamp(const struct rp_prefix_use *use, uint32_t position,
				     uint32_t stamp, uint64_t ring_idx)
{
	return atomic_compare_exchange_strong_explicit(rp_prefix_stamp(use->index, position),
						       &stamp, (uint32_t)ring_idx,
						       memory_order_relaxed, memory_order_relaxed);
}

/**
 * Make the entry the most recent one, with an index taken in advance: there must be one left.
 * check_pushed() is due when all is pushed.
 *
 * @param is_new  just inserted: whatever stamp the last entry at this position left does not count
 * @param stamp   of a known entry: if it has another one when it comes to it, then somebody has
 * just done the same, or the position holds another endpoint's entry by now
 */
static inline void rp_prefix_push(struct rp_prefix_use *use, uint32_t position, bool is_new,
				  uint32_t stamp)
{
	uint64_t ring_idx = use->next++;
	uint32_t *pushed = &use->pushed[ring_idx - use->checked];

	*pushed = RP_PREFIX_NO_POSITION;
	if (RP_UNLIKELY(rp_prefix_load(&use->ring->tail) > ring_idx)) {
		rp_prefix_push_at_head(use, position, is_new, stamp);
	} else {
		if (is_new)
			atomic_store_explicit(rp_prefix_stamp(use->index, position),
					      (uint32_t)ring_idx, memory_order_relaxed);
		if (is_new || rp_prefix_restamp(use, position, stamp, ring_idx)) {
			*pushed = position;
			/* Release: the stamp before it. */
			atomic_store_explicit(rp_prefix_place(use, ring_idx), position,
					      memory_order_release);
		}
	}
	if (use->next - use->checked == RP_PREFIX_BATCH)
		rp_prefix_check_pushed(use);
}

/** Begin a walk at the tail, and to fetch the first entries if so many are likely to be read. */
void rp_prefix_begin_walk(struct rp_prefix_use *use, size_t likely);

/**
 * Evict the oldest entry that is there, but none from this ring index on. The count stays: the
 * caller has just inserted another.
 * @return false: there is none
 */
bool rp_prefix_evict_for_new(struct rp_prefix_use *use, uint64_t own_from);

/** Evict the oldest until they are few enough, but none from this ring index on; ends the walk. */
void rp_prefix_enforce_capacity(struct rp_prefix_use *use, uint64_t own_from);

#endif /* RP_SHM_PREFIX_INDEX_PARTS_H */
