/* SPDX-License-Identifier: Apache-2.0
 *
 * model_rewrite_decisions_total with its deprecated twin, from the workers' series (operations
 * reference 7.5, 8).
 */
#ifndef RP_CONTROL_REWRITE_METRICS_H
#define RP_CONTROL_REWRITE_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"
#include "control/series_merge.h"

struct rp_rewrite_metrics {
	const struct rp_control *control;
	struct rp_series_merge merge;
};

/** @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_rewrite_metrics_init(struct rp_rewrite_metrics *metrics,
					  const struct rp_control *control);
void rp_rewrite_metrics_fini(struct rp_rewrite_metrics *metrics);

/** Take in the workers' new series and write the family, if it has any. */
void rp_rewrite_metrics_write(struct rp_rewrite_metrics *metrics, struct rp_prom *prom);

#endif /* RP_CONTROL_REWRITE_METRICS_H */
