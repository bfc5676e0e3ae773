/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests under way per worker and endpoint slot. Worker w alone writes row w; readers sum the
 * rows. The supervisor clears the row of a dead worker before it starts the next one.
 */
#ifndef RP_SHM_INFLIGHT_H
#define RP_SHM_INFLIGHT_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

struct rp_inflight_row {
	alignas(RP_CACHE_LINE) _Atomic uint32_t requests[RP_ENDPOINTS_MAX];
};

struct rp_inflight {
	struct rp_inflight_row row[RP_WORKERS_MAX];
};

/** Owner of the row only: plain load and store, no locked add. Removing at zero is our fault. */
void rp_inflight_add(struct rp_inflight *inflight, uint32_t worker, uint32_t slot);
void rp_inflight_remove(struct rp_inflight *inflight, uint32_t worker, uint32_t slot);
/** Sum over the first `worker_count` rows. */
uint32_t rp_inflight_sum(const struct rp_inflight *inflight, uint32_t worker_count, uint32_t slot);
/** Forget what a dead worker had under way. Supervisor only, after waitpid(). */
void rp_inflight_clear_row(struct rp_inflight *inflight, uint32_t worker);

#endif /* RP_SHM_INFLIGHT_H */
