/* SPDX-License-Identifier: Apache-2.0
 *
 * disaggregatedset_revision_gating_share: the share of requests that goes to each revision of the
 * endpoints published (operations reference 7.6).
 */
#ifndef RP_CONTROL_ROLLOUT_METRICS_H
#define RP_CONTROL_ROLLOUT_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"

/** Write the family if a screener is configured that keeps requests within a revision. */
void rp_rollout_metrics_write(const struct rp_control *control, struct rp_prom *prom);

#endif /* RP_CONTROL_ROLLOUT_METRICS_H */
