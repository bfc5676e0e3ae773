/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/prefix_index.h"

#include <sys/mman.h>

#include "shm/clock.h"
#include "shm/prefix_index_parts.h"

enum {
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 29, /* positions have 32 bits */
	PASS_STEPS = 8,
};

static_assert(sizeof(struct rp_prefix_bucket) == RP_CACHE_LINE, "one bucket a line");
static_assert(sizeof(struct rp_prefix_ring) == RP_CACHE_LINE, "one ring head a line");
static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4, "plain words");
static_assert(sizeof(struct rp_prefix_index) % RP_CACHE_LINE == 0, "buckets begin on lines");
static_assert(RP_PREFIX_RING_MIN >= 4 * RP_WORKERS_MAX, "a quarter is kept free for stragglers");

static uint64_t floor_power_of_two(uint64_t n)
{
	return n == 0 ? 0 : UINT64_C(1) << (63 - __builtin_clzll(n));
}

static uint64_t bucket_count(uint64_t budget_bytes)
{
	uint64_t count = budget_bytes / RP_PREFIX_BUCKET_BYTES;

	if (count < BUCKETS_MIN)
		return BUCKETS_MIN;
	return count < BUCKETS_MAX ? count : BUCKETS_MAX;
}

size_t rp_prefix_index_bytes(uint64_t budget_bytes)
{
	return sizeof(struct rp_prefix_index) +
	       bucket_count(budget_bytes) * sizeof(struct rp_prefix_bucket) +
	       (size_t)RP_ENDPOINTS_MAX * RP_PREFIX_RING_MAX * sizeof(uint32_t);
}

uint64_t rp_prefix_index_memory(uint64_t budget_bytes)
{
	return sizeof(struct rp_prefix_index) + bucket_count(budget_bytes) * RP_PREFIX_BUCKET_BYTES;
}

static void init(struct rp_prefix_index *index, uint64_t buckets, uint32_t ring_max,
		 uint32_t pass_steps)
{
	index->bucket_count = buckets;
	atomic_store_explicit(&index->span, BUCKETS_MIN, memory_order_relaxed);
	atomic_store_explicit(&index->old_span, BUCKETS_MIN, memory_order_relaxed);
	/* Capacities are at most half of the rings: the table is never more than half full. */
	index->ring_budget = buckets * RP_PREFIX_BUCKET_ENTRIES;
	index->ring_max = ring_max;
	index->pass_steps = pass_steps;
	index->buckets_offset = sizeof(*index);
	index->rings_offset = index->buckets_offset + buckets * sizeof(struct rp_prefix_bucket);
}

void rp_prefix_index_init(struct rp_prefix_index *index, uint64_t budget_bytes)
{
	init(index, bucket_count(budget_bytes), RP_PREFIX_RING_MAX, PASS_STEPS);
}

void rp_prefix_index_init_items(struct rp_item_index *items)
{
	/* A whole pass with the first entry to be written. */
	init(&items->index, bucket_count(RP_ITEM_INDEX_BYTES), RP_ITEM_RING_MAX, RP_ITEM_RING_MAX);
	RP_ASSERT(items->index.buckets_offset == offsetof(struct rp_item_index, buckets));
	RP_ASSERT(items->index.rings_offset == offsetof(struct rp_item_index, rings));
}

void rp_prefix_index_use_huge_pages(struct rp_prefix_index *index)
{
	/* Rings are sparse, and given back by the page. */
	(void)madvise(index, index->rings_offset & ~(uint64_t)(RP_PAGE - 1), MADV_HUGEPAGE);
}

static void empty_ring(struct rp_prefix_ring *ring)
{
	uint64_t head = rp_prefix_load(&ring->head);

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
	uintptr_t begin = (uintptr_t)rp_prefix_ring_entry(index, slot, 0, index->ring_max);
	uintptr_t end = (begin + size * sizeof(uint32_t)) & ~(uintptr_t)(RP_PAGE - 1);

	begin = rp_align_up(begin, RP_PAGE);
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_REMOVE);
}

/* Ring entries that all slots together have now. Only used heads are read: the others have no
 * pages. */
static uint64_t count_given(const struct rp_prefix_index *index)
{
	uint64_t given = 0;

	RP_ASSERT(index->slot_end <= RP_ENDPOINTS_MAX);
	for (uint32_t slot = 0; slot < index->slot_end; slot++)
		given += atomic_load_explicit(&index->ring[slot].ring_size, memory_order_relaxed);
	return given;
}

/* If control dies in here, its successor's admit() finds another generation and sweeps again. */
void rp_prefix_index_sweep(struct rp_prefix_index *index, uint32_t slot)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	uint32_t size = atomic_load_explicit(&ring->ring_size, memory_order_relaxed);
	uint64_t tail = rp_prefix_load(&ring->tail);
	uint64_t head = rp_prefix_load(&ring->head);

	/* From here on nobody records for this slot or finds it. */
	atomic_store_explicit(&ring->generation, 0, memory_order_relaxed);
	/* Entries have their last use between tail and head: the table need not be walked. */
	for (uint32_t i = 0; i < size && tail + i < head; i++) {
		uint32_t position = atomic_load_explicit(
			rp_prefix_ring_entry(index, slot, tail + i, size), memory_order_relaxed);
		_Atomic uint64_t *word;
		uint64_t entry;

		if (!rp_prefix_is_position(index, position))
			continue;
		word = rp_prefix_word(index, position);
		entry = rp_prefix_load(word);
		if (entry != 0 && rp_prefix_slot(entry) == slot)
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

/* As many buckets as these ring entries need: no more than half of their words are in use. */
static void grow(struct rp_prefix_index *index, uint64_t ring_entries)
{
	uint64_t span = atomic_load_explicit(&index->span, memory_order_relaxed);
	uint64_t wanted = 2 * floor_power_of_two(ring_entries / RP_PREFIX_BUCKET_ENTRIES);

	if (wanted > index->bucket_count)
		wanted = index->bucket_count;
	if (wanted <= span)
		return;
	/* Before the first ring is given nothing stands anywhere. */
	if (atomic_load_explicit(&index->ring_entries_given, memory_order_relaxed) == 0)
		span = wanted;
	index->grown_ns = 0;
	atomic_store_explicit(&index->old_span, span, memory_order_relaxed);
	atomic_store_explicit(&index->span, wanted, memory_order_relaxed);
}

void rp_prefix_index_end_growth(struct rp_prefix_index *index, int64_t now_ns)
{
	if (index->grown_ns == 0)
		index->grown_ns = now_ns;
	if (now_ns - index->grown_ns >= RP_PREFIX_GROWTH_S * RP_NS_PER_S)
		atomic_store_explicit(&index->old_span,
				      atomic_load_explicit(&index->span, memory_order_relaxed),
				      memory_order_relaxed);
}

void rp_prefix_index_admit(struct rp_prefix_index *index, uint32_t slot, uint32_t generation,
			   uint32_t endpoint_count)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	struct rp_prefix_ring *ring = &index->ring[slot];
	uint32_t sharers = endpoint_count;
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
	if (sharers < RP_PREFIX_FAIR_ENDPOINTS_MIN)
		sharers = RP_PREFIX_FAIR_ENDPOINTS_MIN;
	size = floor_power_of_two(index->ring_budget / sharers);
	if (size < RP_PREFIX_RING_MIN)
		size = RP_PREFIX_RING_MIN;
	if (size > index->ring_max)
		size = index->ring_max;
	if (size > left)
		size = floor_power_of_two(left);
	if (size < RP_PREFIX_RING_MIN)
		size = 0;
	/* At once for all endpoints of the table, not step by step. */
	grow(index, rp_max_size(given + size, endpoint_count * size));
	if (index->slot_end <= slot)
		index->slot_end = slot + 1;
	empty_ring(ring); /* of what workers that were late have left since the sweep */
	atomic_store_explicit(&ring->generation, generation, memory_order_relaxed);
	atomic_store_explicit(&index->ring_entries_given, given + size, memory_order_relaxed);
	/* Release: pairs with record(), which then sees the generation. */
	atomic_store_explicit(&ring->ring_size, (uint32_t)size, memory_order_release);
}

uint32_t rp_prefix_index_generation(const struct rp_prefix_index *index, uint32_t slot)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	return atomic_load_explicit(&index->ring[slot].generation, memory_order_relaxed);
}

uint32_t rp_prefix_index_count(const struct rp_prefix_index *index, uint32_t slot)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	int32_t count = rp_prefix_live_count(&index->ring[slot]);

	return count > 0 ? (uint32_t)count : 0;
}
