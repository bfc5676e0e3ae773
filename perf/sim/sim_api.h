/* SPDX-License-Identifier: Apache-2.0
 *
 * The paths of the server, and the answers that are ready at once.
 */
#ifndef RP_PERF_SIM_API_H
#define RP_PERF_SIM_API_H

#include "perf/sim/sim_conn.h"

/** Answer the complete request in conn->in, or leave a call waiting or running behind. */
void rp_sim_api_handle(struct rp_sim_conn *conn);

#endif /* RP_PERF_SIM_API_H */
