/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: its turn, its listeners, what it tells the others through the segment, and its end.
 * Never blocks but in the loop's wait; the tables it reads stay in place between two quiescent
 * reports.
 */
#ifndef RP_DATAPLANE_WORKER_H
#define RP_DATAPLANE_WORKER_H

#include "shm/err.h"

/**
 * Run worker `index` over the inherited descriptors until the phase is STOPPING and its last
 * connection is gone.
 *
 * @return RP_OK: an orderly end; else what it failed of (logged)
 */
RP_MUST_CHECK int rp_worker_run(uint32_t index);

#endif /* RP_DATAPLANE_WORKER_H */
