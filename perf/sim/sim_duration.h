/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations of the command line and of /admin/config: whole milliseconds ("250"), or Go's form
 * ("1m30s", "2.5ms").
 */
#ifndef RP_PERF_SIM_DURATION_H
#define RP_PERF_SIM_DURATION_H

#include "shm/bytes.h"

/**
 * Read a duration that is not negative and at most a day.
 *
 * @param[out] ret_ns written on RP_OK only
 * @return RP_OK or RP_EFORMAT
 */
RP_MUST_CHECK int rp_sim_duration_parse(struct rp_bytes text, int64_t *ret_ns);

#endif /* RP_PERF_SIM_DURATION_H */
