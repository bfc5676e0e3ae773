/* SPDX-License-Identifier: Apache-2.0
 *
 * inflight_requests and inflight_tokens of the inflight-load-producers, from the workers' series
 * (operations reference 7). What a worker had no room for to tell apart is shown with fairness_id
 * and priority "other", so that an endpoint's samples always add up to what is under way there.
 */
#ifndef RP_CONTROL_INFLIGHT_METRICS_H
#define RP_CONTROL_INFLIGHT_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"

struct rp_inflight_metrics;

/** @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_inflight_metrics_new(const struct rp_control *control,
					  struct rp_inflight_metrics **ret_metrics);
void rp_inflight_metrics_free(struct rp_inflight_metrics *metrics);

/** Write both families as far as there is a producer. Without memory they are left out. */
void rp_inflight_metrics_write(struct rp_inflight_metrics *metrics, struct rp_prom *prom);

#endif /* RP_CONTROL_INFLIGHT_METRICS_H */
