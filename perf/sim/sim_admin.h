/* SPDX-License-Identifier: Apache-2.0
 *
 * /admin/config: look at an endpoint and change it while it runs. A change concerns the endpoint
 * whose port it was sent to, nobody else:
 *
 *	{"fake-metrics": {"waiting-requests": 7}}   merged into what was set before
 *	{"fake-metrics": null}                      real figures again
 *	{"time-to-first-token": "200ms"}            also inter-token-latency, max-num-seqs,
 *	                                            failure-injection-rate
 */
#ifndef RP_PERF_SIM_ADMIN_H
#define RP_PERF_SIM_ADMIN_H

#include "perf/sim/sim_conn.h"

/** GET: the present settings. */
void rp_sim_admin_show(struct rp_sim_conn *conn);
/** POST: all of the changes or, with 400, none; answers with the settings. */
void rp_sim_admin_change(struct rp_sim_conn *conn);

#endif /* RP_PERF_SIM_ADMIN_H */
