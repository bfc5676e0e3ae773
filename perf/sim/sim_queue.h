/* SPDX-License-Identifier: Apache-2.0
 *
 * Who runs and who waits on an endpoint: max_num_seqs slots, max_loras places for adapters, and
 * first come first served but for calls whose adapter has no place.
 */
#ifndef RP_PERF_SIM_QUEUE_H
#define RP_PERF_SIM_QUEUE_H

#include "perf/sim/sim_endpoint.h"

/**
 * Let a call run at once, or wait.
 *
 * @return RP_OK: call->state tells which; RP_ETOOBIG: the queue is full
 */
RP_MUST_CHECK int rp_sim_queue_submit(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call,
				      int64_t wall_s);
/** End a call that runs or waits; its place is free. endpoint->needs_scan may be set. */
void rp_sim_queue_release(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call,
			  int64_t wall_s);
/** Take the next waiting call that can run; it is then running. NULL if there is none. */
struct rp_sim_call *rp_sim_queue_take(struct rp_sim_endpoint *endpoint, int64_t wall_s);

#endif /* RP_PERF_SIM_QUEUE_H */
