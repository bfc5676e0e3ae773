/* SPDX-License-Identifier: Apache-2.0
 *
 * The families with request labels and scheduler_attempts_total, from the workers' series, and
 * their deprecated twins, which are added up from the same figures when they are written.
 */
#ifndef RP_CONTROL_REQUEST_METRICS_H
#define RP_CONTROL_REQUEST_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"
#include "control/series_merge.h"

struct rp_request_metrics {
	const struct rp_control *control;
	struct rp_series_merge requests;
	struct rp_series_merge attempts;
};

/** @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_request_metrics_init(struct rp_request_metrics *metrics,
					  const struct rp_control *control);
void rp_request_metrics_fini(struct rp_request_metrics *metrics);

/**
 * Take in the workers' new series. An attempt's endpoint is looked up now, and its names stay when
 * it leaves: call this often enough that an endpoint does not come and go in between.
 */
void rp_request_metrics_collect(struct rp_request_metrics *metrics);

/** Write all families; collect first. */
void rp_request_metrics_write(struct rp_request_metrics *metrics, struct rp_prom *prom);

#endif /* RP_CONTROL_REQUEST_METRICS_H */
