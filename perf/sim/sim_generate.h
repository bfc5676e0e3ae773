/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs completions calls: checks them, paces their tokens by the latency model and writes them out.
 */
#ifndef RP_PERF_SIM_GENERATE_H
#define RP_PERF_SIM_GENERATE_H

#include "perf/sim/sim_conn.h"

/** A request for a completion has come: refuse it, queue it or run it. */
void rp_sim_generate_handle(struct rp_sim_conn *conn, bool is_chat);
/** The call of the connection has got a slot. */
void rp_sim_generate_start(struct rp_sim_conn *conn);
/** The time of the next token, or of the whole answer, has come. */
void rp_sim_generate_on_timer(struct rp_sim_conn *conn);
/** Output was sent: go on with a stream that paused. True if it did. */
bool rp_sim_generate_resume(struct rp_sim_conn *conn);
/** The client is gone: free the slot. */
void rp_sim_generate_cancel(struct rp_sim_conn *conn);

#endif /* RP_PERF_SIM_GENERATE_H */
