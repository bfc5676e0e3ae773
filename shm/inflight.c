/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/inflight.h"

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

void rp_inflight_clear_row(struct rp_inflight *inflight, uint32_t worker)
{
	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++) {
		_Atomic uint32_t *requests = cell(inflight, worker, slot);

		if (atomic_load_explicit(requests, memory_order_relaxed) != 0)
			atomic_store_explicit(requests, 0, memory_order_relaxed);
	}
}
