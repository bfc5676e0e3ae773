/* SPDX-License-Identifier: Apache-2.0
 *
 * How long tokens take. Delays are whole milliseconds: what is below vanishes, as upstream.
 */
#ifndef RP_PERF_SIM_LATENCY_H
#define RP_PERF_SIM_LATENCY_H

#include "perf/sim/sim_endpoint.h"

/** Nanoseconds from the start of a call to its first token. */
int64_t rp_sim_latency_first_token_ns(struct rp_sim_endpoint *endpoint, uint64_t prompt_tokens);
/** Nanoseconds between two tokens. */
int64_t rp_sim_latency_inter_token_ns(struct rp_sim_endpoint *endpoint);

#endif /* RP_PERF_SIM_LATENCY_H */
