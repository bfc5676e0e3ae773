/* SPDX-License-Identifier: Apache-2.0
 *
 * flow_control_stale_endpoints{detector}: how many endpoints the saturation detector last took for
 * full because their figures were missing or old (flow-control reference 2.1). A worker writes its
 * own line; the reader takes the newest.
 */
#ifndef RP_SHM_DETECTOR_STATE_H
#define RP_SHM_DETECTOR_STATE_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

struct rp_detector_line {
	alignas(RP_CACHE_LINE) _Atomic int64_t taken_ns; /* monotonic; 0: never */
	_Atomic uint64_t config_generation;		 /* whose detector it was */
	_Atomic uint64_t stale;
};

struct rp_detector_state {
	alignas(RP_CACHE_LINE) _Atomic int64_t told_ns; /* last log line of any worker; 0: none */
	struct rp_detector_line worker[RP_WORKERS_MAX];
};

/** Keep what a detector found. Owner of the line only. @param now_ns  monotonic, not 0 */
void rp_detector_state_note(struct rp_detector_state *state, uint32_t worker,
			    uint64_t config_generation, int64_t now_ns, uint32_t stale);

/** May a log line be written about it? Once in RP_DETECTOR_TELL_S for all workers together. */
bool rp_detector_state_may_tell(struct rp_detector_state *state, int64_t now_ns);

/** The newest finding of this configuration. @return false: there is none */
bool rp_detector_state_read(const struct rp_detector_state *state, uint32_t worker_count,
			    uint64_t config_generation, uint64_t *ret_stale);

#endif /* RP_SHM_DETECTOR_STATE_H */
