/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures that endpoints need not have (shm/endpoint_metrics.h): those of the candidates, and what
 * they lie between.
 */
#ifndef RP_DATAPLANE_SCHED_SCORERS_ATTRIBUTE_H
#define RP_DATAPLANE_SCHED_SCORERS_ATTRIBUTE_H

#include <math.h>

#include "dataplane/sched/sched_plugin.h"

/* NaN stands for an endpoint that lacks the figure, which is never NaN itself. */
struct rp_attribute_range {
	double min; /* +infinity if nobody has it */
	double max;
};

/** Read a figure of all candidates. @param index  of the attribute; any other number: nobody has it
 */
static inline struct rp_attribute_range rp_attribute_read(const struct rp_call *call,
							  uint32_t index,
							  const struct rp_candidates *in,
							  double *ret_value)
{
	const struct rp_endpoint_metrics *metrics = &call->cycle->env->live->metrics;
	struct rp_attribute_range range = {INFINITY, -INFINITY};

	for (uint32_t i = 0; i < in->count; i++) {
		double value;

		ret_value[i] = (double)NAN;
		if (index >= RP_CUSTOM_ALL ||
		    !rp_endpoint_metrics_custom(metrics, in->slot[i], index, &value))
			continue;
		ret_value[i] = value;
		range.min = value < range.min ? value : range.min;
		range.max = value > range.max ? value : range.max;
	}
	return range;
}

#endif /* RP_DATAPLANE_SCHED_SCORERS_ATTRIBUTE_H */
