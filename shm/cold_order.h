/* SPDX-License-Identifier: Apache-2.0
 *
 * In which order endpoints were last picked for cold requests, for no-hit-lru-scorer (scheduling
 * reference 3.5): what all workers share of its LRU of endpoint identities.
 *
 * Each pick takes the next number of its scorer instance and stores it with the endpoint's slot. An
 * LRU of n entries holds just the n identities picked last, so that nothing has to be evicted:
 * whoever ranks looks at the n highest numbers. An endpoint that is away keeps its number, and
 * finds it again when it comes back, as upstream. When its slot is given to another endpoint, that
 * one begins as never picked, while the entry counts for the ranks of others until it is
 * overwritten by the new endpoint's first pick or gets too old; upstream would keep both.
 *
 * Every worker keeps a view: the order as it last saw it. Ranking compares all numbers with those
 * of the view and moves the few that changed, so that nothing is sorted but what was picked since.
 * One writer's picks are ranked exactly; of several a pick is seen when its number is stored.
 *
 * The counter and the numbers are written by all workers, once for each cold request.
 */
#ifndef RP_SHM_COLD_ORDER_H
#define RP_SHM_COLD_ORDER_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

/* Of one scorer instance. */
struct rp_cold_account {
	alignas(RP_CACHE_LINE) _Atomic uint64_t newest; /* the last number given; they begin at 1 */
	_Atomic uint32_t slot_end;			/* no slot from here on was ever picked */
	/* number << 10 | low bits of the slot's generation; 0: never picked */
	alignas(RP_CACHE_LINE) _Atomic uint64_t picked[RP_ENDPOINTS_MAX];
};

/* A zeroed region is an order without entries. */
struct rp_cold_order {
	struct rp_cold_account account[RP_COLD_ORDERS_MAX];
};

/* One process's view of one account; zeroed to begin with. About 320 KiB, used as far as there are
 * endpoints. */
struct rp_cold_view {
	uint32_t count;			  /* entries in the order */
	uint64_t seen[RP_ENDPOINTS_MAX];  /* by slot: rp_cold_account.picked as last read */
	uint16_t order[RP_ENDPOINTS_MAX]; /* slots, oldest first */
	uint16_t place[RP_ENDPOINTS_MAX]; /* by slot: index in order */
	uint64_t moved[RP_ENDPOINTS_MAX]; /* scratch */
};

/**
 * An endpoint was picked for a cold request: it is the newest now.
 * @param instance    of the scorer, < RP_COLD_ORDERS_MAX
 * @param generation  of the slot
 * Context: worker turn, any worker, no allocation.
 */
void rp_cold_order_touch(struct rp_cold_order *order, uint32_t instance, uint32_t slot,
			 uint32_t generation);

/**
 * Rank endpoints among all entries of an LRU of lru_size entries, those included that are not asked
 * for.
 *
 * @param view         of this process and instance; brought up to date
 * @param lru_size     > 0
 * @param slots, generations  `count` long each
 * @param[out] ret_rank  0: the oldest entry; -1: never picked, or no longer in the LRU
 * Context: worker turn, no allocation, O(slots ever picked + count).
 */
void rp_cold_order_rank(const struct rp_cold_order *order, uint32_t instance,
			struct rp_cold_view *view, uint32_t lru_size, const uint32_t *slots,
			const uint32_t *generations, uint32_t count, int32_t *ret_rank);

#endif /* RP_SHM_COLD_ORDER_H */
