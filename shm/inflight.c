/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/inflight.h"

enum { LIFE_SHIFT = 32 };

static _Atomic uint32_t *cell(struct rp_inflight *inflight, uint32_t worker, uint32_t slot)
{
	RP_ASSERT(worker < RP_WORKERS_MAX);
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	return &inflight->row[worker].requests[slot];
}

void rp_inflight_add(struct rp_inflight *inflight, uint32_t worker, uint32_t slot)
{
	_Atomic uint32_t *requests = cell(inflight, worker, slot);

	atomic_store_explicit(requests, atomic_load_explicit(requests, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

void rp_inflight_remove(struct rp_inflight *inflight, uint32_t worker, uint32_t slot)
{
	_Atomic uint32_t *requests = cell(inflight, worker, slot);
	uint32_t now = atomic_load_explicit(requests, memory_order_relaxed);

	RP_ASSERT(now != 0);
	atomic_store_explicit(requests, now - 1, memory_order_relaxed);
}

uint32_t rp_inflight_sum(const struct rp_inflight *inflight, uint32_t worker_count, uint32_t slot)
{
	uint32_t sum = 0;

	RP_ASSERT(worker_count <= RP_WORKERS_MAX);
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	for (uint32_t i = 0; i < worker_count; i++)
		sum += atomic_load_explicit(&inflight->row[i].requests[slot], memory_order_relaxed);
	return sum;
}

/* ---- load ---- */

void rp_inflight_begin_life(struct rp_inflight *inflight, uint32_t slot)
{
	_Atomic uint32_t *life;

	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	life = &inflight->life[slot];
	/* Relaxed: the table's publication orders it for those who find the slot there. */
	atomic_store_explicit(life, atomic_load_explicit(life, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static struct rp_inflight_stripe *own_stripe(struct rp_inflight *inflight, uint32_t worker,
					     uint32_t instance, uint32_t slot)
{
	RP_ASSERT(worker < RP_WORKERS_MAX);
	RP_ASSERT(instance < RP_INFLIGHT_PRODUCERS_MAX);
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	return &inflight->row[worker].stripe[instance];
}

static int64_t bounded_tokens(int64_t tokens)
{
	RP_ASSERT(tokens >= 0);
	return tokens < RP_INFLIGHT_TOKENS_MAX ? tokens : RP_INFLIGHT_TOKENS_MAX;
}

uint32_t rp_inflight_load_add(struct rp_inflight *inflight, uint32_t worker, uint32_t instance,
			      uint32_t slot, uint32_t requests, int64_t tokens)
{
	struct rp_inflight_stripe *stripe = own_stripe(inflight, worker, instance, slot);
	_Atomic uint32_t *end = &inflight->row[worker].stripe_end[instance];
	uint32_t life = atomic_load_explicit(&inflight->life[slot], memory_order_relaxed);
	uint64_t word = atomic_load_explicit(&stripe->requests[slot], memory_order_relaxed);
	int64_t held = atomic_load_explicit(&stripe->tokens[slot], memory_order_relaxed);

	if (word >> LIFE_SHIFT != life) {
		word = (uint64_t)life << LIFE_SHIFT;
		held = 0;
	}
	/* First the end: a worker that dies in between must not leave figures beyond it. */
	if (atomic_load_explicit(end, memory_order_relaxed) <= slot)
		atomic_store_explicit(end, slot + 1, memory_order_relaxed);
	/* Release: who reads the new life does not see less than these tokens with it. */
	atomic_store_explicit(&stripe->tokens[slot], held + bounded_tokens(tokens),
			      memory_order_release);
	atomic_store_explicit(&stripe->requests[slot], word + requests, memory_order_release);
	return life;
}

void rp_inflight_load_sub(struct rp_inflight *inflight, uint32_t worker, uint32_t instance,
			  uint32_t slot, uint32_t life, uint32_t requests, int64_t tokens)
{
	struct rp_inflight_stripe *stripe = own_stripe(inflight, worker, instance, slot);
	uint64_t word = atomic_load_explicit(&stripe->requests[slot], memory_order_relaxed);
	int64_t held = atomic_load_explicit(&stripe->tokens[slot], memory_order_relaxed);

	if (word >> LIFE_SHIFT != life)
		return;
	if (requests > (uint32_t)word)
		requests = (uint32_t)word;
	tokens = bounded_tokens(tokens);
	atomic_store_explicit(&stripe->tokens[slot], tokens < held ? held - tokens : 0,
			      memory_order_relaxed);
	atomic_store_explicit(&stripe->requests[slot], word - requests, memory_order_relaxed);
}

/* What one worker holds of a slot in its present life. */
static inline struct rp_inflight_load
load_of(const struct rp_inflight *inflight, const struct rp_inflight_stripe *stripe, uint32_t slot)
{
	uint64_t word;
	int64_t held, mask;
	uint32_t life;

	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	/* Acquire: pairs with load_add(). */
	word = atomic_load_explicit(&stripe->requests[slot], memory_order_acquire);
	held = atomic_load_explicit(&stripe->tokens[slot], memory_order_relaxed);
	life = atomic_load_explicit(&inflight->life[slot], memory_order_relaxed);
	/* Without a branch: all ones if it counts. */
	mask = -(int64_t)(word >> LIFE_SHIFT == life);
	return (struct rp_inflight_load){(int64_t)(uint32_t)word & mask, held & mask};
}

void rp_inflight_load_sum_all(const struct rp_inflight *inflight, uint32_t worker_count,
			      uint32_t instance, const uint32_t *slots, uint32_t count,
			      int64_t *requests, int64_t *tokens)
{
	bool is_first = true;

	RP_ASSERT(worker_count <= RP_WORKERS_MAX);
	RP_ASSERT(instance < RP_INFLIGHT_PRODUCERS_MAX);
	for (uint32_t w = 0; w < worker_count; w++) {
		const struct rp_inflight_row *row = &inflight->row[w];
		const struct rp_inflight_stripe *stripe = &row->stripe[instance];

		if (atomic_load_explicit(&row->stripe_end[instance], memory_order_relaxed) == 0)
			continue;
		for (uint32_t i = 0; i < count && is_first; i++) {
			struct rp_inflight_load load = load_of(inflight, stripe, slots[i]);

			requests[i] = load.requests;
			tokens[i] = load.tokens;
		}
		for (uint32_t i = 0; i < count && !is_first; i++) {
			struct rp_inflight_load load = load_of(inflight, stripe, slots[i]);

			requests[i] += load.requests;
			tokens[i] += load.tokens;
		}
		is_first = false;
	}
	for (uint32_t i = 0; i < count && is_first; i++) {
		requests[i] = 0;
		tokens[i] = 0;
	}
}

void rp_inflight_load_sum(const struct rp_inflight *inflight, uint32_t worker_count,
			  uint32_t instance, uint32_t slot, struct rp_inflight_load *ret_load)
{
	rp_inflight_load_sum_all(inflight, worker_count, instance, &slot, 1, &ret_load->requests,
				 &ret_load->tokens);
}

/* ---- a dead worker ---- */

static void clear_stripe(struct rp_inflight_stripe *stripe, uint32_t end)
{
	for (uint32_t slot = 0; slot < end; slot++) {
		atomic_store_explicit(&stripe->tokens[slot], 0, memory_order_relaxed);
		atomic_store_explicit(&stripe->requests[slot], 0, memory_order_relaxed);
	}
}

void rp_inflight_clear_row(struct rp_inflight *inflight, uint32_t worker)
{
	struct rp_inflight_row *row;

	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++) {
		_Atomic uint32_t *requests = cell(inflight, worker, slot);

		if (atomic_load_explicit(requests, memory_order_relaxed) != 0)
			atomic_store_explicit(requests, 0, memory_order_relaxed);
	}
	row = &inflight->row[worker];
	for (uint32_t i = 0; i < RP_INFLIGHT_PRODUCERS_MAX; i++) {
		uint32_t end = atomic_load_explicit(&row->stripe_end[i], memory_order_relaxed);

		RP_ASSERT(end <= RP_ENDPOINTS_MAX);
		clear_stripe(&row->stripe[i], end);
		atomic_store_explicit(&row->stripe_end[i], 0, memory_order_relaxed);
	}
}
