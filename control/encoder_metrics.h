/* SPDX-License-Identifier: Apache-2.0
 *
 * encoder_cache_queries_total, encoder_cache_hits_total and encoder_cache_hit_ratio from the
 * workers' series (operations reference 7.6).
 */
#ifndef RP_CONTROL_ENCODER_METRICS_H
#define RP_CONTROL_ENCODER_METRICS_H

#include "control/control.h"
#include "control/prom_write.h"

/** Write the families if a worker has counted anything. Hits are shown of the endpoints there are.
 */
void rp_encoder_metrics_write(const struct rp_control *control, struct rp_prom *prom);

#endif /* RP_CONTROL_ENCODER_METRICS_H */
