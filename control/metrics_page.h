/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of /metrics: what workers counted, the pool's gauges, and figures of the processes
 * (operations reference 7 and 8).
 */
#ifndef RP_CONTROL_METRICS_PAGE_H
#define RP_CONTROL_METRICS_PAGE_H

#include "control/control.h"
#include "control/prom_write.h"

struct rp_metrics_page;

/** Runs a timer on control->loop: --refresh-prometheus-metrics-interval. */
RP_MUST_CHECK int rp_metrics_page_new(struct rp_control *control,
				      struct rp_metrics_page **ret_page);
void rp_metrics_page_free(struct rp_metrics_page *page);

/** Write a new page with the figures of now. The caller looks at prom->err. */
void rp_metrics_page_write(struct rp_metrics_page *page, struct rp_prom *prom);

#endif /* RP_CONTROL_METRICS_PAGE_H */
