/* SPDX-License-Identifier: Apache-2.0
 *
 * flow_control_stale_endpoints, of the utilization-detector that admission asks (operations
 * reference 7.5).
 */
#ifndef RP_CONTROL_DETECTOR_METRICS_H
#define RP_CONTROL_DETECTOR_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"

/** Write the gauge once the configured detector was asked. */
void rp_detector_metrics_write(const struct rp_control *control, struct rp_prom *prom);

#endif /* RP_CONTROL_DETECTOR_METRICS_H */
