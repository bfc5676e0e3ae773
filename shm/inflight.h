/* SPDX-License-Identifier: Apache-2.0
 *
 * What is under way per worker and endpoint slot. Worker w alone writes row w, with plain loads and
 * stores; readers sum the rows. The supervisor clears the row of a dead worker before it starts the
 * next one.
 *
 * A row has two accounts:
 *
 * - requests: one for each stream that holds the slot, whatever the configuration says. It decides
 *   when a slot may go to another endpoint, so it also counts streams of an endpoint that has left.
 * - load: requests and tokens for each instance of inflight-load-producer (scheduling reference
 *   3.4), which is what scorers see.
 *
 * Load is bound to the life of an endpoint: a slot's life moves each time that its endpoint joins
 * the set anew, whether the slot had another identity before or the same one (that one keeps slot
 * and generation, and what the prefix index knows of it). Each figure carries the life it was
 * counted in, the life of a request's figures is remembered by the request, and
 *
 * - adding to a figure of another life starts it at zero,
 * - taking back from a figure of another life does nothing,
 * - sums leave figures of another life out.
 *
 * So an endpoint that was away starts at zero, requests from before never lessen its figures, and
 * nobody has to write into another worker's row for that. A sum that runs while a worker turns a
 * figure over to a new life may miss that one figure, no more.
 */
#ifndef RP_SHM_INFLIGHT_H
#define RP_SHM_INFLIGHT_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

/* One producer instance's figures of one worker. */
struct rp_inflight_stripe {
	alignas(RP_CACHE_LINE) _Atomic uint64_t
		requests[RP_ENDPOINTS_MAX]; /* life << 32 | requests */
	_Atomic int64_t tokens[RP_ENDPOINTS_MAX];
};

struct rp_inflight_row {
	alignas(RP_CACHE_LINE) _Atomic uint32_t requests[RP_ENDPOINTS_MAX];
	/* Slots from here on were never added to, so that what is not used is not read either. */
	alignas(RP_CACHE_LINE) _Atomic uint32_t stripe_end[RP_INFLIGHT_PRODUCERS_MAX];
	struct rp_inflight_stripe stripe[RP_INFLIGHT_PRODUCERS_MAX];
};

struct rp_inflight {
	alignas(RP_CACHE_LINE) _Atomic uint32_t life[RP_ENDPOINTS_MAX]; /* control */
	struct rp_inflight_row row[RP_WORKERS_MAX];
};

/** Owner of the row only: plain load and store, no locked add. Removing at zero is our fault. */
void rp_inflight_add(struct rp_inflight *inflight, uint32_t worker, uint32_t slot);
void rp_inflight_remove(struct rp_inflight *inflight, uint32_t worker, uint32_t slot);
/** Sum over the first `worker_count` rows. */
uint32_t rp_inflight_sum(const struct rp_inflight *inflight, uint32_t worker_count, uint32_t slot);

/** The slot's endpoint joins the set: its load starts at zero. Control only, before the table that
 * lists it is published. */
void rp_inflight_begin_life(struct rp_inflight *inflight, uint32_t slot);

/**
 * Count a request in. Owner of the row only.
 *
 * @param instance  of the producer, < RP_INFLIGHT_PRODUCERS_MAX
 * @param tokens    >= 0; counted as RP_INFLIGHT_TOKENS_MAX at most, both ways
 * @return the life it was counted in, to be given to rp_inflight_load_sub()
 */
RP_MUST_CHECK uint32_t rp_inflight_load_add(struct rp_inflight *inflight, uint32_t worker,
					    uint32_t instance, uint32_t slot, uint32_t requests,
					    int64_t tokens);

/** Take back what was counted in; both figures end at zero at the lowest. Requests and tokens may
 * be taken back one after the other. Owner of the row only. */
void rp_inflight_load_sub(struct rp_inflight *inflight, uint32_t worker, uint32_t instance,
			  uint32_t slot, uint32_t life, uint32_t requests, int64_t tokens);

struct rp_inflight_load {
	int64_t requests;
	int64_t tokens;
};

/** Load of a slot in its present life, over the first `worker_count` rows. */
void rp_inflight_load_sum(const struct rp_inflight *inflight, uint32_t worker_count,
			  uint32_t instance, uint32_t slot, struct rp_inflight_load *ret_load);

/**
 * The same for many slots.
 *
 * @param[out] requests, tokens  `count` long each; overwritten
 * Context: worker turn, no allocation; worker by worker, so that each row is read in the order of
 * the slots.
 */
void rp_inflight_load_sum_all(const struct rp_inflight *inflight, uint32_t worker_count,
			      uint32_t instance, const uint32_t *slots, uint32_t count,
			      int64_t *requests, int64_t *tokens);

/** Forget what a dead worker had under way. Supervisor only, after waitpid(). */
void rp_inflight_clear_row(struct rp_inflight *inflight, uint32_t worker);

#endif /* RP_SHM_INFLIGHT_H */
