/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/prefix_index.h"

#include <assert.h>
#include <sys/mman.h>

#include "shm/endpoint_registry.h"

enum {
	BUCKET_WORDS = 8, /* a cache line: the reach, then seven entries */
	SLOT_BITS = 14,
	GENERATION_BITS = 10,
	TAG_SHIFT = SLOT_BITS + GENERATION_BITS,
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 29, /* positions have 32 bits */
	PREFETCH_AHEAD = 4,
	PREFETCH_STAMPS = 8,
	PASS_STEPS = 8, /* ring entries looked at for each one to be written during a pass */
	INSERT_TRIES = 4,
};

static_assert(RP_ENDPOINTS_MAX == 1u << SLOT_BITS, "a slot fits its bits");
static_assert(RP_ENDPOINT_GENERATION_MASK == (1u << GENERATION_BITS) - 1, "as the registry says");
static_assert(sizeof(struct rp_prefix_ring) == RP_CACHE_LINE, "one ring head a line");
static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4, "plain words");
static_assert(RP_PREFIX_RING_MIN >= 4 * RP_WORKERS_MAX, "a quarter is kept free for stragglers");

/* A position is bucket * BUCKET_WORDS + word; word 0 of a bucket is its reach, thus no entry. */
#define NO_POSITION 0u

/* ---- where things are ---- */

static _Atomic uint64_t *words_of(const struct rp_prefix_index *index)
{
	return (_Atomic uint64_t *)((uintptr_t)index + index->words_offset);
}

static _Atomic uint32_t *stamp_at(const struct rp_prefix_index *index, uint32_t position)
{
	return (_Atomic uint32_t *)((uintptr_t)index + index->stamps_offset) + position;
}

/* The ring's place for a ring index; each slot has RP_PREFIX_RING_MAX, of which `size` are used. */
static _Atomic uint32_t *ring_entry(const struct rp_prefix_index *index, uint32_t slot,
				    uint64_t ring_idx, uint32_t size)
{
	return (_Atomic uint32_t *)((uintptr_t)index + index->rings_offset) +
	       (size_t)slot * RP_PREFIX_RING_MAX + (ring_idx & (size - 1));
}

static uint64_t home_of(const struct rp_prefix_index *index, uint64_t hash)
{
	return hash & (index->bucket_count - 1);
}

static uint64_t bucket_at(const struct rp_prefix_index *index, uint64_t home, uint64_t distance)
{
	return (home + distance) & (index->bucket_count - 1);
}

static uint64_t tag_of(uint64_t hash)
{
	uint64_t tag = hash >> TAG_SHIFT;

	return tag != 0 ? tag : 1; /* so that no entry is 0 */
}

static uint64_t entry_word(uint64_t hash, uint32_t slot, uint32_t generation)
{
	return tag_of(hash) << TAG_SHIFT | (uint64_t)slot << GENERATION_BITS |
	       (generation & RP_ENDPOINT_GENERATION_MASK);
}

static uint32_t slot_of(uint64_t word)
{
	return (uint32_t)(word >> GENERATION_BITS) & (RP_ENDPOINTS_MAX - 1);
}

/* Left by a worker that was late or died: its endpoint has another generation by now. */
static bool is_stale(const struct rp_prefix_index *index, uint64_t word)
{
	uint32_t generation =
		atomic_load_explicit(&index->ring[slot_of(word)].generation, memory_order_relaxed);

	return ((generation ^ (uint32_t)word) & RP_ENDPOINT_GENERATION_MASK) != 0;
}

static uint64_t load_word(const _Atomic uint64_t *word)
{
	/* Relaxed: a word is all there is to an entry, nothing else is reached through it. */
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint64_t load_index(const _Atomic uint64_t *ring_idx)
{
	return atomic_load_explicit(ring_idx, memory_order_relaxed);
}

/* How many buckets after `home` may hold its entries. */
static uint64_t reach_of(const struct rp_prefix_index *index, uint64_t home)
{
	/* Acquire: pairs with raise_reach(). */
	uint64_t reach =
		atomic_load_explicit(&words_of(index)[home * BUCKET_WORDS], memory_order_acquire);

	return reach < RP_PREFIX_PROBE_MAX ? reach : RP_PREFIX_PROBE_MAX - 1;
}

static void raise_reach(struct rp_prefix_index *index, uint64_t home, uint64_t distance)
{
	_Atomic uint64_t *reach = &words_of(index)[home * BUCKET_WORDS];
	uint64_t now = load_word(reach);

	while (now < distance &&
	       !atomic_compare_exchange_weak_explicit(reach, &now, distance, memory_order_acq_rel,
						      memory_order_relaxed))
		;
}

/* ---- set-up ---- */

static uint64_t floor_power_of_two(uint64_t n)
{
	return n == 0 ? 0 : UINT64_C(1) << (63 - __builtin_clzll(n));
}

/* Half of the budget for words, a quarter for stamps, a quarter for rings. */
static uint64_t bucket_count(uint64_t budget_bytes)
{
	uint64_t count = floor_power_of_two(budget_bytes / (2 * RP_CACHE_LINE));

	if (count < BUCKETS_MIN)
		return BUCKETS_MIN;
	return count < BUCKETS_MAX ? count : BUCKETS_MAX;
}

size_t rp_prefix_index_bytes(uint64_t budget_bytes)
{
	uint64_t words = bucket_count(budget_bytes) * BUCKET_WORDS;

	return sizeof(struct rp_prefix_index) + words * sizeof(uint64_t) +
	       words * sizeof(uint32_t) +
	       (size_t)RP_ENDPOINTS_MAX * RP_PREFIX_RING_MAX * sizeof(uint32_t);
}

uint64_t rp_prefix_index_memory(uint64_t budget_bytes)
{
	uint64_t words = bucket_count(budget_bytes) * BUCKET_WORDS;

	return sizeof(struct rp_prefix_index) +
	       words * (sizeof(uint64_t) + 2 * sizeof(uint32_t)); /* word, stamp, ring entry */
}

void rp_prefix_index_init(struct rp_prefix_index *index, uint64_t budget_bytes)
{
	uint64_t words;

	index->bucket_count = bucket_count(budget_bytes);
	words = index->bucket_count * BUCKET_WORDS;
	/* Capacities are at most half of the rings: the table is never more than half full. */
	index->ring_budget = index->bucket_count * (BUCKET_WORDS - 1);
	index->words_offset = sizeof(*index);
	index->stamps_offset = index->words_offset + words * sizeof(uint64_t);
	index->rings_offset = index->stamps_offset + words * sizeof(uint32_t);
}

static void empty_ring(struct rp_prefix_ring *ring)
{
	uint64_t head = load_index(&ring->head);

	atomic_store_explicit(&ring->tail, head, memory_order_relaxed);
	atomic_store_explicit(&ring->pass_end, head, memory_order_relaxed);
	atomic_store_explicit(&ring->count, 0, memory_order_relaxed);
}

/*
 * Return the whole pages of a ring to the system: else each slot that ever had one would keep its
 * memory. A late worker finds places that hold no position, as in a new ring.
 */
static void give_back(const struct rp_prefix_index *index, uint32_t slot, uint32_t size)
{
	uintptr_t begin = (uintptr_t)ring_entry(index, slot, 0, RP_PREFIX_RING_MAX);
	uintptr_t end = (begin + size * sizeof(uint32_t)) & ~(uintptr_t)(RP_PAGE - 1);

	begin = rp_align_up(begin, RP_PAGE);
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_REMOVE);
}

/* Ring entries that all slots together have now. */
static uint64_t count_given(const struct rp_prefix_index *index)
{
	uint64_t given = 0;

	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++)
		given += atomic_load_explicit(&index->ring[slot].ring_size, memory_order_relaxed);
	return given;
}

/* If control dies in here, its successor's admit() finds another generation and sweeps again. */
void rp_prefix_index_sweep(struct rp_prefix_index *index, uint32_t slot)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	uint32_t size = atomic_load_explicit(&ring->ring_size, memory_order_relaxed);
	uint64_t tail = load_index(&ring->tail);
	uint64_t head = load_index(&ring->head);

	/* From here on nobody records for this slot or finds it. */
	atomic_store_explicit(&ring->generation, 0, memory_order_relaxed);
	/* Entries have their last use between tail and head: the table need not be walked. */
	for (uint32_t i = 0; i < size && tail + i < head; i++) {
		uint32_t position = atomic_load_explicit(ring_entry(index, slot, tail + i, size),
							 memory_order_relaxed);
		_Atomic uint64_t *word = &words_of(index)[position];
		uint64_t entry;

		if (position >= index->bucket_count * BUCKET_WORDS || position % BUCKET_WORDS == 0)
			continue;
		entry = load_word(word);
		if (entry != 0 && slot_of(entry) == slot)
			(void)atomic_compare_exchange_strong_explicit(
				word, &entry, 0, memory_order_acq_rel, memory_order_relaxed);
	}
	empty_ring(ring);
	give_back(index, slot, size);
	atomic_store_explicit(&ring->ring_size, 0, memory_order_relaxed);
	/* Counted anew: this mends what a control that died in admit() or here left wrong. */
	if (size != 0)
		atomic_store_explicit(&index->ring_entries_given, count_given(index),
				      memory_order_relaxed);
}

void rp_prefix_index_admit(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			   uint32_t endpoint_count)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	uint64_t given;
	uint64_t left;
	uint64_t size;

	if (atomic_load_explicit(&ring->ring_size, memory_order_relaxed) != 0) {
		if (atomic_load_explicit(&ring->generation, memory_order_relaxed) == generation)
			return;
		rp_prefix_index_sweep(index, slot);
	}
	given = atomic_load_explicit(&index->ring_entries_given, memory_order_relaxed);
	left = index->ring_budget > given ? index->ring_budget - given : 0;
	if (endpoint_count < RP_PREFIX_FAIR_ENDPOINTS_MIN)
		endpoint_count = RP_PREFIX_FAIR_ENDPOINTS_MIN;
	size = floor_power_of_two(index->ring_budget / endpoint_count);
	if (size < RP_PREFIX_RING_MIN)
		size = RP_PREFIX_RING_MIN;
	if (size > RP_PREFIX_RING_MAX)
		size = RP_PREFIX_RING_MAX;
	if (size > left)
		size = floor_power_of_two(left);
	if (size < RP_PREFIX_RING_MIN)
		size = 0;
	empty_ring(ring); /* of what workers that were late have left since the sweep */
	atomic_store_explicit(&ring->generation, generation, memory_order_relaxed);
	atomic_store_explicit(&index->ring_entries_given, given + size, memory_order_relaxed);
	/* Release: pairs with record(), which then sees the generation. */
	atomic_store_explicit(&ring->ring_size, (uint32_t)size, memory_order_release);
}

/* ---- recency ---- */

/* What one call of record() works with. */
struct use {
	struct rp_prefix_index *index;
	struct rp_prefix_ring *ring;
	uint32_t slot;
	uint32_t size; /* of the ring */
	uint32_t capacity;
};

/* Signed: between a foreign eviction and the inserter's own count it may be below zero. */
static int32_t live_count(const struct rp_prefix_ring *ring)
{
	return (int32_t)atomic_load_explicit(&ring->count, memory_order_relaxed);
}

/* Give the entry this ring index, unless its stamp is no longer `stamp`. */
static bool restamp(const struct use *use, uint32_t position, uint32_t stamp, uint64_t ring_idx)
{
	return atomic_compare_exchange_strong_explicit(stamp_at(use->index, position), &stamp,
						       (uint32_t)ring_idx, memory_order_relaxed,
						       memory_order_relaxed);
}

/* seq_cst: pairs with take_oldest(), which moves the tail and then reads the ring entry. */
static bool is_passed(const struct use *use, uint64_t ring_idx)
{
	return atomic_load_explicit(&use->ring->tail, memory_order_seq_cst) > ring_idx;
}

/*
 * Make the entry the most recent one. The caller has seen to room in the ring.
 *
 * @param is_new  just inserted: whatever stamp the last entry at this position left does not count
 * @param stamp   of a known entry: if it has another one when it comes to it, then somebody has
 * just done the same, or the position holds another endpoint's entry by now
 */
static void push(const struct use *use, uint32_t position, bool is_new, uint32_t stamp)
{
	for (;;) {
		uint64_t ring_idx =
			atomic_fetch_add_explicit(&use->ring->head, 1, memory_order_relaxed);
		_Atomic uint32_t *place = ring_entry(use->index, use->slot, ring_idx, use->size);
		/* Acquire: before the tail is looked at. What is there then is older than we are.
		 */
		uint32_t held = atomic_load_explicit(place, memory_order_acquire);

		if (is_passed(use, ring_idx))
			continue;
		if (is_new)
			atomic_store_explicit(stamp_at(use->index, position), (uint32_t)ring_idx,
					      memory_order_relaxed);
		else if (!restamp(use, position, stamp, ring_idx))
			return;
		is_new = false;
		stamp = (uint32_t)ring_idx;
		/* By CAS, because a worker that was held up while the others went round the ring
		 * must not write over what is younger. Write-then-read against take_oldest(),
		 * seq_cst on both sides: either it sees our entry, or we see that it went past us
		 * and need a new ring index. */
		if (atomic_compare_exchange_strong_explicit(
			    place, &held, position, memory_order_seq_cst, memory_order_relaxed) &&
		    !is_passed(use, ring_idx))
			return;
	}
}

/*
 * The caller has taken the ring index. If it is the last use of a live entry at this position,
 * evict that one when there are too many, else put it to the head again.
 *
 * @return false: the position has another stamp, so nothing is to be done with it
 */
static bool settle(const struct use *use, uint64_t ring_idx, uint32_t position)
{
	_Atomic uint64_t *word;
	uint64_t entry;

	if (position >= use->index->bucket_count * BUCKET_WORDS || position % BUCKET_WORDS == 0)
		return false;
	if (atomic_load_explicit(stamp_at(use->index, position), memory_order_acquire) !=
	    (uint32_t)ring_idx)
		return false; /* used again since */
	word = &words_of(use->index)[position];
	entry = load_word(word);
	if (entry == 0 || slot_of(entry) != use->slot || is_stale(use->index, entry))
		return true; /* another endpoint's by now */
	if (live_count(use->ring) <= (int32_t)use->capacity) {
		push(use, position, false, (uint32_t)ring_idx);
		return true;
	}
	if (atomic_compare_exchange_strong_explicit(word, &entry, 0, memory_order_acq_rel,
						    memory_order_relaxed))
		atomic_fetch_sub_explicit(&use->ring->count, 1, memory_order_relaxed);
	return true;
}

/*
 * Take the ring entry at the tail and settle it.
 * @return false: nothing below `end`
 */
static bool take_oldest(const struct use *use, uint64_t end)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t ring_idx = load_index(&ring->tail);
	_Atomic uint32_t *place = ring_entry(use->index, use->slot, ring_idx, use->size);
	/* Read twice: now, because once it is taken the others may go round the ring before this
	 * worker runs again, and then, because it may be written only now; see push(). */
	uint32_t before = atomic_load_explicit(place, memory_order_relaxed);
	uint32_t after;

	if (ring_idx >= end || ring_idx >= load_index(&ring->head))
		return false;
	/* seq_cst: pairs with push(). */
	if (!atomic_compare_exchange_strong_explicit(&ring->tail, &ring_idx, ring_idx + 1,
						     memory_order_seq_cst, memory_order_relaxed))
		return true; /* another worker took it */
	after = atomic_load_explicit(place, memory_order_seq_cst);
	if (!settle(use, ring_idx, after) && before != after)
		(void)settle(use, ring_idx, before);
	return true;
}

/* The stamps are read at random: ask for one well before take_oldest() comes to it. */
static void prefetch_stamp(const struct use *use, uint64_t ring_idx)
{
	uint32_t position = atomic_load_explicit(
		ring_entry(use->index, use->slot, ring_idx, use->size), memory_order_relaxed);

	if (position < use->index->bucket_count * BUCKET_WORDS)
		__builtin_prefetch((const void *)(uintptr_t)stamp_at(use->index, position));
}

static uint64_t ring_used(const struct rp_prefix_ring *ring)
{
	uint64_t tail = load_index(&ring->tail); /* before the head: never above it */

	return load_index(&ring->head) - tail;
}

/*
 * Keep the ring from running full: begin a pass or go on with one, in proportion to what is about
 * to be recorded. This comes first, so that a request's own entries are younger than all the
 * others.
 */
static void tidy(const struct use *use, size_t hash_count)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t end = load_index(&ring->pass_end);

	if (load_index(&ring->tail) >= end) {
		if (ring_used(ring) + hash_count <= use->size / 8 * 5)
			return;
		end = load_index(&ring->head);
		atomic_store_explicit(&ring->pass_end, end, memory_order_relaxed);
	}
	for (size_t i = 0; i < PASS_STEPS * hash_count; i++) {
		prefetch_stamp(use, load_index(&ring->tail) + PREFETCH_STAMPS);
		if (!take_oldest(use, end))
			break;
	}
}

/* Every worker may have one push under way that this one has not seen. */
static bool has_room(const struct use *use)
{
	return ring_used(use->ring) < use->size - RP_WORKERS_MAX;
}

/* Evict the oldest until they are few enough, but none of this request's own. */
static void enforce_capacity(const struct use *use, uint64_t own_from)
{
	/* Bounded although others go on recording: nobody owes the ring more than one round. */
	for (uint32_t i = 0; i < use->size && live_count(use->ring) > (int32_t)use->capacity; i++) {
		prefetch_stamp(use, load_index(&use->ring->tail) + PREFETCH_STAMPS);
		if (!take_oldest(use, own_from))
			break;
	}
}

/* ---- recording ---- */

/*
 * Find the entry in the buckets it may be in.
 * @param[out] ret_free  first free position among them, or NO_POSITION
 */
static uint32_t find(const struct rp_prefix_index *index, uint64_t home, uint64_t entry,
		     uint32_t *ret_free)
{
	uint64_t reach = reach_of(index, home);

	*ret_free = NO_POSITION;
	for (uint64_t distance = 0; distance <= reach; distance++) {
		uint64_t first = bucket_at(index, home, distance) * BUCKET_WORDS;

		for (uint64_t at = first + 1; at < first + BUCKET_WORDS; at++) {
			uint64_t word = load_word(&words_of(index)[at]);

			if (word == entry)
				return (uint32_t)at;
			if (word == 0 && *ret_free == NO_POSITION)
				*ret_free = (uint32_t)at;
		}
	}
	return NO_POSITION;
}

/* Put the entry where a stale one is, or into a bucket further on. */
static uint32_t insert_beyond(struct rp_prefix_index *index, uint64_t home, uint64_t entry)
{
	for (uint64_t distance = 0; distance < RP_PREFIX_PROBE_MAX; distance++) {
		uint64_t first = bucket_at(index, home, distance) * BUCKET_WORDS;

		for (uint64_t at = first + 1; at < first + BUCKET_WORDS; at++) {
			_Atomic uint64_t *word = &words_of(index)[at];
			uint64_t held = load_word(word);

			if (held != 0 && !is_stale(index, held))
				continue;
			/* Before the entry: who looks for it must come this far. */
			raise_reach(index, home, distance);
			if (atomic_compare_exchange_strong_explicit(
				    word, &held, entry, memory_order_acq_rel, memory_order_relaxed))
				return (uint32_t)at;
		}
	}
	return NO_POSITION;
}

/*
 * Find or insert. Two workers that insert the same entry at once may both succeed, in two places:
 * match() counts one, and either goes its way through the ring.
 *
 * @return its position, or NO_POSITION if all buckets it may be in are full
 */
static uint32_t obtain(struct rp_prefix_index *index, uint64_t home, uint64_t entry,
		       bool *ret_is_new)
{
	uint32_t place;

	for (int i = 0; i < INSERT_TRIES; i++) {
		uint32_t position = find(index, home, entry, &place);
		uint64_t none = 0;

		*ret_is_new = position == NO_POSITION;
		if (position != NO_POSITION)
			return position;
		if (place == NO_POSITION)
			return insert_beyond(index, home, entry);
		if (atomic_compare_exchange_strong_explicit(&words_of(index)[place], &none, entry,
							    memory_order_acq_rel,
							    memory_order_relaxed))
			return place;
	}
	return NO_POSITION;
}

static void prefetch_home(const struct rp_prefix_index *index, uint64_t hash)
{
	__builtin_prefetch(
		(const void *)(uintptr_t)&words_of(index)[home_of(index, hash) * BUCKET_WORDS]);
}

/* @return false: no room, or lost to evictions of others at each try */
static bool record_one(const struct use *use, uint64_t home, uint64_t entry)
{
	for (int i = 0; i < INSERT_TRIES; i++) {
		bool is_new = false;
		uint32_t position = obtain(use->index, home, entry, &is_new);
		uint32_t stamp;

		if (position == NO_POSITION)
			return false;
		if (is_new) {
			push(use, position, true, 0);
			atomic_fetch_add_explicit(&use->ring->count, 1, memory_order_relaxed);
			return true;
		}
		/* Acquire: the entry is looked at after its stamp. If it is there still, the stamp
		 * was its own; if not, the stamp may be another's. */
		stamp = atomic_load_explicit(stamp_at(use->index, position), memory_order_acquire);
		if (load_word(&words_of(use->index)[position]) != entry)
			continue;
		push(use, position, false, stamp);
		return true;
	}
	return false;
}

void rp_prefix_index_record(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			    uint32_t capacity, const uint64_t *hashes, size_t hash_count)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	/* Acquire: pairs with admit(). */
	uint32_t size = atomic_load_explicit(&ring->ring_size, memory_order_acquire);
	struct use use = {
		.index = index,
		.ring = ring,
		.slot = slot,
		.size = size,
		.capacity = (uint32_t)rp_min_size(capacity, size / 2),
	};
	uint64_t own_from;

	if (size == 0 ||
	    atomic_load_explicit(&ring->generation, memory_order_relaxed) != generation)
		return;
	RP_ASSERT(size <= RP_PREFIX_RING_MAX && (size & (size - 1)) == 0);
	hash_count = rp_min_size(hash_count, size / 4);
	tidy(&use, hash_count);
	own_from = load_index(&ring->head);
	for (size_t i = 0; i < hash_count; i++) {
		if (i + PREFETCH_AHEAD < hash_count)
			prefetch_home(index, hashes[i + PREFETCH_AHEAD]);
		/* Swept while this worker was held up: what is left is not for the new endpoint. */
		if (atomic_load_explicit(&ring->generation, memory_order_relaxed) != generation)
			break;
		if (!has_room(&use) || !record_one(&use, home_of(index, hashes[i]),
						   entry_word(hashes[i], slot, generation)))
			atomic_fetch_add_explicit(&index->drops, 1, memory_order_relaxed);
	}
	enforce_capacity(&use, own_from);
}

/* ---- matching ---- */

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

/* @return whether anybody holds the hash */
static bool match_one(const struct rp_prefix_index *index, uint64_t hash, const struct tally *tally)
{
	uint64_t home = home_of(index, hash);
	uint64_t reach = reach_of(index, home);
	uint64_t tag = tag_of(hash);
	bool is_held = false;

	for (uint64_t distance = 0; distance <= reach; distance++) {
		const _Atomic uint64_t *bucket =
			&words_of(index)[bucket_at(index, home, distance) * BUCKET_WORDS];

		for (int i = 1; i < BUCKET_WORDS; i++) {
			uint64_t word = load_word(&bucket[i]);

			if (word >> TAG_SHIFT != tag || is_stale(index, word))
				continue;
			count_slot(tally, slot_of(word));
			is_held = true;
		}
	}
	return is_held;
}

void rp_prefix_index_match(const struct rp_prefix_index *index, const uint64_t *hashes,
			   size_t hash_count, uint16_t *counts, uint16_t *touched,
			   uint32_t *touched_count)
{
	struct tally tally = {counts, touched, touched_count, 0};

	for (size_t i = 0; i < hash_count; i++) {
		if (i + PREFETCH_AHEAD < hash_count)
			prefetch_home(index, hashes[i + PREFETCH_AHEAD]);
		if (++serial == 0) /* what nobody was counted for yet */
			serial = 1;
		tally.serial = serial;
		if (!match_one(index, hashes[i], &tally))
			break;
	}
}

uint32_t rp_prefix_index_count(const struct rp_prefix_index *index, uint32_t slot)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	int32_t count = live_count(&index->ring[slot]);

	return count > 0 ? (uint32_t)count : 0;
}
