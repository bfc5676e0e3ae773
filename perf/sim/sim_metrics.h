/* SPDX-License-Identifier: Apache-2.0
 *
 * What an endpoint counts, and its page in the Prometheus text format 0.0.4. The page is kept until
 * a figure changes.
 */
#ifndef RP_PERF_SIM_METRICS_H
#define RP_PERF_SIM_METRICS_H

#include "perf/sim/sim_endpoint.h"

/** Count `samples` samples of the same value (seconds or tokens). */
void rp_sim_metrics_observe(struct rp_sim_endpoint *endpoint, enum rp_sim_histogram_id id,
			    double value, uint64_t samples);
/** Count a call whose last token was made now. */
void rp_sim_metrics_finish(struct rp_sim_endpoint *endpoint, const struct rp_sim_call *call,
			   int64_t now_ns);
/** The page; the view lives until the endpoint changes. Empty without memory. */
struct rp_bytes rp_sim_metrics_page(struct rp_sim_endpoint *endpoint);

#endif /* RP_PERF_SIM_METRICS_H */
