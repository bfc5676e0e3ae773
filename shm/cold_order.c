/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/cold_order.h"

#include "shm/endpoint_registry.h"

enum {
	GENERATION_BITS = 10,
	SLOT_BITS = 14,
	MOVED = UINT16_MAX, /* no place */
};

static_assert(RP_ENDPOINT_GENERATION_MASK == (1u << GENERATION_BITS) - 1, "as the registry says");
static_assert(RP_ENDPOINTS_MAX == 1u << SLOT_BITS && RP_ENDPOINTS_MAX < MOVED, "a slot fits");

static void raise_slot_end(struct rp_cold_account *account, uint32_t end)
{
	uint32_t seen = atomic_load_explicit(&account->slot_end, memory_order_relaxed);

	while (seen < end &&
	       !atomic_compare_exchange_weak_explicit(&account->slot_end, &seen, end,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

void rp_cold_order_touch(struct rp_cold_order *order, uint32_t instance, uint32_t slot,
			 uint32_t generation)
{
	struct rp_cold_account *account;
	uint64_t seen;
	uint64_t word;

	RP_ASSERT(instance < RP_COLD_ORDERS_MAX);
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	account = &order->account[instance];
	raise_slot_end(account, slot + 1);
	word = atomic_fetch_add_explicit(&account->newest, 1, memory_order_relaxed) + 1;
	word = word << GENERATION_BITS | (generation & RP_ENDPOINT_GENERATION_MASK);
	seen = atomic_load_explicit(&account->picked[slot], memory_order_relaxed);
	/* Never back: another worker may have picked it after us and been faster. */
	while (seen < word &&
	       !atomic_compare_exchange_weak_explicit(&account->picked[slot], &seen, word,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/* ---- the view ---- */

static uint64_t number_of(uint64_t word)
{
	return word >> GENERATION_BITS;
}

/* Shell's: nearly always a few, all of them only in a view's first call. */
static void sort(uint64_t *keys, uint32_t count)
{
	static const uint32_t gaps[] = {3548, 1577, 701, 301, 132, 57, 23, 10, 4, 1};

	for (size_t g = 0; g < RP_ARRAY_LEN(gaps); g++) {
		uint32_t gap = gaps[g];

		for (uint32_t i = gap; i < count; i++) {
			uint64_t key = keys[i];
			uint32_t at = i;

			for (; at >= gap && keys[at - gap] > key; at -= gap)
				keys[at] = keys[at - gap];
			keys[at] = key;
		}
	}
}

/* Read all numbers; what changed leaves its place. @return how many are in view->moved */
static uint32_t find_moved(const struct rp_cold_account *account, struct rp_cold_view *view)
{
	uint32_t end = atomic_load_explicit(&account->slot_end, memory_order_relaxed);
	uint32_t count = 0;

	RP_ASSERT(end <= RP_ENDPOINTS_MAX);
	for (uint32_t slot = 0; slot < end; slot++) {
		uint64_t word = atomic_load_explicit(&account->picked[slot], memory_order_relaxed);

		if (RP_LIKELY(word == view->seen[slot]))
			continue;
		view->seen[slot] = word;
		view->place[slot] = MOVED;
		view->moved[count++] = number_of(word) << SLOT_BITS | slot;
	}
	return count;
}

/* Close the gaps that those that moved left. */
static void drop_moved(struct rp_cold_view *view)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < view->count; i++) {
		uint16_t slot = view->order[i];

		if (view->place[slot] == MOVED)
			continue;
		view->order[kept] = slot;
		view->place[slot] = (uint16_t)kept;
		kept++;
	}
	view->count = kept;
}

/* From the end: hardly ever is one of them older than one that did not move. */
static void merge_moved(struct rp_cold_view *view, uint32_t moved_count)
{
	uint32_t kept = view->count;
	uint32_t left = moved_count;

	view->count += moved_count;
	while (left > 0) {
		uint64_t key = view->moved[left - 1];
		uint16_t slot = (uint16_t)(key & (RP_ENDPOINTS_MAX - 1));

		if (kept > 0 && number_of(view->seen[view->order[kept - 1]]) > key >> SLOT_BITS)
			slot = view->order[--kept];
		else
			left--;
		view->order[kept + left] = slot;
		view->place[slot] = (uint16_t)(kept + left);
	}
}

void rp_cold_order_rank(const struct rp_cold_order *order, uint32_t instance,
			struct rp_cold_view *view, uint32_t lru_size, const uint32_t *slots,
			const uint32_t *generations, uint32_t count, int32_t *ret_rank)
{
	uint32_t moved_count;
	uint32_t evicted;

	RP_ASSERT(instance < RP_COLD_ORDERS_MAX);
	RP_ASSERT(lru_size > 0);
	moved_count = find_moved(&order->account[instance], view);
	if (moved_count != 0) {
		sort(view->moved, moved_count);
		drop_moved(view);
		merge_moved(view, moved_count);
	}
	evicted = view->count > lru_size ? view->count - lru_size : 0;
	for (uint32_t i = 0; i < count; i++) {
		RP_ASSERT(slots[i] < RP_ENDPOINTS_MAX);
		uint64_t word = view->seen[slots[i]];
		bool is_own = ((word ^ generations[i]) & RP_ENDPOINT_GENERATION_MASK) == 0;
		uint32_t place = view->place[slots[i]];

		ret_rank[i] =
			word != 0 && is_own && place >= evicted ? (int32_t)(place - evicted) : -1;
	}
}
