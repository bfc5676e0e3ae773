/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the workers' log records: pops all rings every 20 ms, and tells when records were lost.
 */
#ifndef RP_CONTROL_LOG_DRAIN_H
#define RP_CONTROL_LOG_DRAIN_H

#include "control/control.h"

RP_MUST_CHECK int rp_log_drain_new(struct rp_control *control, struct rp_log_drain **ret_drain);
/** Writes what is left first. */
void rp_log_drain_free(struct rp_log_drain *drain);

#endif /* RP_CONTROL_LOG_DRAIN_H */
