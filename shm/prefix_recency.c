/* SPDX-License-Identifier: Apache-2.0
 *
 * Recency of the entries of one endpoint: a ring of positions, see prefix_index.h.
 */
#include "shm/prefix_index_parts.h"

enum { PASS_STEPS = 8 }; /* ring entries looked at for each one to be written during a pass */

/* Give the entry this ring index, unless its stamp is no longer `stamp`. */
static bool restamp(const struct rp_prefix_use *use, uint32_t position, uint32_t stamp,
		    uint64_t ring_idx)
{
	return atomic_compare_exchange_strong_explicit(rp_prefix_stamp(use->index, position),
						       &stamp, (uint32_t)ring_idx,
						       memory_order_relaxed, memory_order_relaxed);
}

/* seq_cst: pairs with take_oldest(), which moves the tail and then reads the ring entry. */
static bool is_passed(const struct rp_prefix_use *use, uint64_t ring_idx)
{
	return atomic_load_explicit(&use->ring->tail, memory_order_seq_cst) > ring_idx;
}

/* An index taken in advance, or the next one. Room was seen to. */
static uint64_t next_index(struct rp_prefix_use *use)
{
	if (use->next < use->end)
		return use->next++;
	return atomic_fetch_add_explicit(&use->ring->head, 1, memory_order_relaxed);
}

void rp_prefix_push(struct rp_prefix_use *use, uint32_t position, bool is_new, uint32_t stamp)
{
	for (;;) {
		uint64_t ring_idx = next_index(use);
		_Atomic uint32_t *place =
			rp_prefix_ring_entry(use->index, use->slot, ring_idx, use->size);
		/* Acquire: before the tail is looked at. What is there then is older than we are.
		 */
		uint32_t held = atomic_load_explicit(place, memory_order_acquire);

		if (is_passed(use, ring_idx))
			continue;
		if (is_new)
			atomic_store_explicit(rp_prefix_stamp(use->index, position),
					      (uint32_t)ring_idx, memory_order_relaxed);
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
static bool settle(struct rp_prefix_use *use, uint64_t ring_idx, uint32_t position)
{
	_Atomic uint64_t *word;
	uint64_t entry;

	if (!rp_prefix_is_position(use->index, position))
		return false;
	if (atomic_load_explicit(rp_prefix_stamp(use->index, position), memory_order_acquire) !=
	    (uint32_t)ring_idx)
		return false; /* used again since */
	word = rp_prefix_word(use->index, position);
	entry = rp_prefix_load(word);
	if (entry == 0 || rp_prefix_slot(entry) != use->slot ||
	    rp_prefix_is_stale(use->index, entry))
		return true; /* another endpoint's by now */
	if (rp_prefix_live_count(use->ring) <= (int32_t)use->capacity) {
		rp_prefix_push(use, position, false, (uint32_t)ring_idx);
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
static bool take_oldest(struct rp_prefix_use *use, uint64_t end)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t ring_idx = rp_prefix_load(&ring->tail);
	_Atomic uint32_t *place = rp_prefix_ring_entry(use->index, use->slot, ring_idx, use->size);
	/* Read twice: now, because once it is taken the others may go round the ring before this
	 * worker runs again, and then, because it may be written only now; see push(). */
	uint32_t before = atomic_load_explicit(place, memory_order_relaxed);
	uint32_t after;

	if (ring_idx >= end || ring_idx >= rp_prefix_load(&ring->head))
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

/* The buckets are read at random: ask for one well before take_oldest() comes to it. */
static void prefetch_oldest(const struct rp_prefix_use *use, uint64_t ring_idx)
{
	uint32_t position = atomic_load_explicit(
		rp_prefix_ring_entry(use->index, use->slot, ring_idx, use->size),
		memory_order_relaxed);

	if (rp_prefix_is_position(use->index, position))
		__builtin_prefetch(rp_prefix_bucket(use->index, position / RP_PREFIX_POSITIONS), 1);
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

	if (rp_prefix_load(&ring->tail) >= end) {
		if (ring_used(ring) + hash_count <= use->size / 8 * 5)
			return;
		end = rp_prefix_load(&ring->head);
		atomic_store_explicit(&ring->pass_end, end, memory_order_relaxed);
	}
	for (size_t i = 0; i < PASS_STEPS * hash_count; i++) {
		prefetch_oldest(use, rp_prefix_load(&ring->tail) + RP_PREFIX_PREFETCH_AHEAD);
		if (!take_oldest(use, end))
			break;
	}
}

size_t rp_prefix_take_indices(struct rp_prefix_use *use, size_t count)
{
	struct rp_prefix_ring *ring = use->ring;
	uint64_t head = rp_prefix_load(&ring->head);

	do {
		uint64_t used = head - rp_min_size(rp_prefix_load(&ring->tail), head);
		/* Every worker may have one push under way that this one has not seen. */
		uint64_t room = use->size - RP_WORKERS_MAX;

		count = rp_min_size(count, used < room ? room - used : 0);
	} while (!atomic_compare_exchange_weak_explicit(
		&ring->head, &head, head + count, memory_order_relaxed, memory_order_relaxed));
	use->next = head;
	use->end = head + count;
	return count;
}

void rp_prefix_enforce_capacity(struct rp_prefix_use *use, uint64_t own_from)
{
	/* Bounded although others go on recording: nobody owes the ring more than one round. */
	for (uint32_t i = 0;
	     i < use->size && rp_prefix_live_count(use->ring) > (int32_t)use->capacity; i++) {
		prefetch_oldest(use, rp_prefix_load(&use->ring->tail) + RP_PREFIX_PREFETCH_AHEAD);
		if (!take_oldest(use, own_from))
			break;
	}
}
