/* SPDX-License-Identifier: Apache-2.0
 *
 * Recency of the entries of one endpoint: a ring of positions, see prefix_index.h.
 */
#include "shm/prefix_index_parts.h"

/* seq_cst: pairs with end_walk(), which moves the tail and then reads the ring entry. */
static bool is_passed(const struct rp_prefix_use *use, uint64_t ring_idx)
{
	return atomic_load_explicit(&use->ring->tail, memory_order_seq_cst) > ring_idx;
}

void rp_prefix_push_at_head(struct rp_prefix_use *use, uint32_t position, bool is_new,
			    uint32_t stamp)
{
	for (;;) {
		uint64_t ring_idx =
			atomic_fetch_add_explicit(&use->ring->head, 1, memory_order_relaxed);
		_Atomic uint32_t *place = rp_prefix_place(use, ring_idx);
		/* Acquire: before the tail is looked at. What is there then is older than we are.
		 */
		uint32_t held = atomic_load_explicit(place, memory_order_acquire);

		if (is_passed(use, ring_idx))
			continue;
		if (is_new)
			atomic_store_explicit(rp_prefix_stamp(use->index, position),
					      (uint32_t)ring_idx, memory_order_relaxed);
		else if (!rp_prefix_restamp(use, position, stamp, ring_idx))
			return;
		is_new = false;
		stamp = (uint32_t)ring_idx;
		/* By CAS, because a worker that was held up while the others went round the ring
		 * must not write over what is younger. Write-then-read against end_walk(),
		 * seq_cst on both sides: either it sees our entry, or we see that it went past us
		 * and need a new ring index. */
		if (atomic_compare_exchange_strong_explicit(
			    place, &held, position, memory_order_seq_cst, memory_order_relaxed) &&
		    !is_passed(use, ring_idx))
			return;
	}
}

void rp_prefix_check_pushed(struct rp_prefix_use *use)
{
	/* Adding nothing gives this a place in the order of the tail's changes: end_walk() either
	 * comes before it, and we see that it went past us, or after it, and sees our entries. */
	uint64_t tail = atomic_fetch_add_explicit(&use->ring->tail, 0, memory_order_acq_rel);

	for (uint64_t i = use->checked; RP_UNLIKELY(i < use->next && i < tail); i++) {
		uint32_t position = use->pushed[i - use->checked];

		if (position != RP_PREFIX_NO_POSITION)
			rp_prefix_push_at_head(use, position, false, (uint32_t)i);
	}
	use->checked = use->next;
}

/*
 * Is this the last use of a live entry of ours?
 * @param[out] ret_entry  the entry, if so
 */
static inline bool is_last_use(const struct rp_prefix_use *use, uint64_t ring_idx,
			       uint32_t position, uint64_t *ret_entry)
{
	const uint64_t mask = (UINT64_C(1) << RP_PREFIX_TAG_SHIFT) - 1;
	uint64_t entry;

	if (!rp_prefix_is_position(use->index, position))
		return false;
	if (atomic_load_explicit(rp_prefix_stamp(use->index, position), memory_order_acquire) !=
	    (uint32_t)ring_idx)
		return false; /* used again since */
	entry = rp_prefix_load(rp_prefix_word(use->index, position));
	*ret_entry = entry;
	return entry != 0 && ((entry ^ rp_prefix_entry(0, use->slot, use->generation)) & mask) == 0;
}

/* @return false: another worker was first */
static bool evict(const struct rp_prefix_use *use, uint32_t position, uint64_t entry)
{
	return atomic_compare_exchange_strong_explicit(rp_prefix_word(use->index, position), &entry,
						       0, memory_order_acq_rel,
						       memory_order_relaxed);
}

static bool is_over(const struct rp_prefix_use *use)
{
	return rp_prefix_live_count(use->ring) > (int32_t)use->capacity;
}

static void evict_and_count(const struct rp_prefix_use *use, uint32_t position, uint64_t entry)
{
	if (evict(use, position, entry))
		atomic_fetch_sub_explicit(&use->ring->count, 1, memory_order_relaxed);
}

/* Put what the walk keeps to the head again, in order. */
static void put_back(struct rp_prefix_use *use)
{
	if (use->kept_count == 0)
		return;
	use->next =
		atomic_fetch_add_explicit(&use->ring->head, use->kept_count, memory_order_relaxed);
	use->checked = use->next;
	for (uint32_t i = 0; i < use->kept_count; i++)
		rp_prefix_push(use, use->live[use->kept[i] - use->walk_begin], false,
			       (uint32_t)use->kept[i]);
	rp_prefix_check_pushed(use);
	use->kept_count = 0;
}

/*
 * Move the tail past what the walk has dealt with. Only now: had it been moved before, a worker
 * that died in between would leave entries that nobody comes to any more.
 */
static void end_walk(struct rp_prefix_use *use)
{
	uint64_t tail = use->walk_begin;

	put_back(use);
	/* seq_cst: pairs with push_at_head(). */
	while (tail < use->walk_at &&
	       !atomic_compare_exchange_weak_explicit(&use->ring->tail, &tail, use->walk_at,
						      memory_order_seq_cst, memory_order_relaxed))
		;
	/* Read again: it may have been written since. What is before `tail` by now another worker
	 * looks after. */
	for (uint64_t i = tail; i < use->walk_at; i++) {
		uint32_t position =
			atomic_load_explicit(rp_prefix_place(use, i), memory_order_seq_cst);
		uint64_t entry;

		if (RP_LIKELY(position == use->live[i - use->walk_begin]) ||
		    !is_last_use(use, i, position, &entry))
			continue;
		if (is_over(use))
			evict_and_count(use, position, entry);
		else
			rp_prefix_push_at_head(use, position, false, (uint32_t)i);
	}
	use->walk_at = rp_max_size(use->walk_at, tail);
	use->walk_begin = use->walk_at;
}

/* The buckets are read at random: ask for one well before the walk comes to it. */
static inline void prefetch_oldest(const struct rp_prefix_use *use, uint64_t ring_idx)
{
	uint32_t position =
		atomic_load_explicit(rp_prefix_place(use, ring_idx), memory_order_relaxed);

	/* No harm if it is no position: nothing is read. */
	__builtin_prefetch(rp_prefix_bucket(use->index, position / RP_PREFIX_POSITIONS), 1);
}

void rp_prefix_begin_walk(struct rp_prefix_use *use, size_t likely)
{
	use->walk_begin = rp_prefix_load(&use->ring->tail);
	use->walk_at = use->walk_begin;
	for (uint64_t i = 0; i < rp_min_size(likely, RP_PREFIX_PREFETCH_AHEAD); i++)
		prefetch_oldest(use, use->walk_at + i);
}

/*
 * Walk on to the next live entry.
 * @return false: nothing below `end`
 */
static inline bool walk(struct rp_prefix_use *use, uint64_t end, uint32_t *ret_position,
			uint64_t *ret_entry)
{
	for (;;) {
		uint64_t ring_idx;
		uint32_t position;
		bool is_live;

		if (use->walk_at - use->walk_begin == RP_PREFIX_BATCH)
			end_walk(use);
		ring_idx = use->walk_at;
		if (ring_idx >= end)
			return false;
		prefetch_oldest(use, ring_idx + RP_PREFIX_PREFETCH_AHEAD);
		position =
			atomic_load_explicit(rp_prefix_place(use, ring_idx), memory_order_acquire);
		use->walk_at++;
		*ret_position = position;
		is_live = is_last_use(use, ring_idx, position, ret_entry);
		use->live[ring_idx - use->walk_begin] = is_live ? position : RP_PREFIX_NO_POSITION;
		if (is_live)
			return true;
	}
}

static uint64_t ring_used(const struct rp_prefix_ring *ring)
{
	uint64_t tail = rp_prefix_load(&ring->tail); /* before the head: never above it */

	return rp_prefix_load(&ring->head) - tail;
}

void rp_prefix_tidy(struct rp_prefix_use *use, size_t hash_count)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t end = rp_prefix_load(&ring->pass_end);
	uint32_t position;
	uint64_t entry;

	if (rp_prefix_load(&ring->tail) >= end) {
		if (ring_used(ring) + hash_count <= use->size / 8 * 5)
			return;
		end = rp_prefix_load(&ring->head);
		atomic_store_explicit(&ring->pass_end, end, memory_order_relaxed);
	}
	rp_prefix_begin_walk(use, RP_PREFIX_PREFETCH_AHEAD);
	end = rp_min_size(end, use->walk_at + use->index->pass_steps * hash_count);
	while (walk(use, end, &position, &entry)) {
		if (is_over(use))
			evict_and_count(use, position, entry);
		else
			use->kept[use->kept_count++] = use->walk_at - 1;
		if (use->kept_count == use->keep_max)
			end_walk(use);
	}
	end_walk(use);
}

size_t rp_prefix_take_indices(struct rp_prefix_use *use, size_t count)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t head = rp_prefix_load(&ring->head);

	do {
		uint64_t used = head - rp_min_size(rp_prefix_load(&ring->tail), head);
		/* Every worker may have pushes under way that this one has not seen. */
		uint64_t room = use->size - RP_WORKERS_MAX * use->keep_max;

		count = rp_min_size(count, used < room ? room - used : 0);
	} while (!atomic_compare_exchange_weak_explicit(
		&ring->head, &head, head + count, memory_order_relaxed, memory_order_relaxed));
	use->next = head;
	use->checked = head;
	return count;
}

bool rp_prefix_evict_for_new(struct rp_prefix_use *use, uint64_t own_from)
{
	uint32_t position;
	uint64_t entry;

	while (walk(use, own_from, &position, &entry)) {
		if (evict(use, position, entry))
			return true;
	}
	return false;
}

void rp_prefix_enforce_capacity(struct rp_prefix_use *use, uint64_t own_from)
{
	/* Bounded although others go on recording: nobody owes the ring more than one round. */
	uint64_t end = rp_min_size(own_from, use->walk_at + use->size);
	uint32_t position;
	uint64_t entry;

	while (is_over(use) && walk(use, end, &position, &entry))
		evict_and_count(use, position, entry);
	end_walk(use);
}
