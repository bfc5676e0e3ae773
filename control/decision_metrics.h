/* SPDX-License-Identifier: Apache-2.0
 *
 * disagg_decision_total and pd_decision_total with their deprecated twins, and
 * disaggregatedset_strict_header_no_match_total, from the workers' series (operations reference
 * 7.6, 8).
 */
#ifndef RP_CONTROL_DECISION_METRICS_H
#define RP_CONTROL_DECISION_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"
#include "control/series_merge.h"

struct rp_decision_metrics {
	const struct rp_control *control;
	struct rp_series_merge merge;
};

/** @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_decision_metrics_init(struct rp_decision_metrics *metrics,
					   const struct rp_control *control);
void rp_decision_metrics_fini(struct rp_decision_metrics *metrics);

/** Take in the workers' new series and write the families that have any. */
void rp_decision_metrics_write(struct rp_decision_metrics *metrics, struct rp_prom *prom);

#endif /* RP_CONTROL_DECISION_METRICS_H */
