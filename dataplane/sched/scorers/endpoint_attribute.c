/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint-attribute-scorer: by a custom metric, between two given numbers or between the
 * candidates' lowest and highest (scheduling reference 3.3).
 */
#include "dataplane/sched/scorers/attribute.h"

/* The place of a value in its range; 1 at the better end. */
static double place(const struct rp_params_endpoint_attribute_scorer *params,
		    const struct rp_attribute_range *range, double value)
{
	double at = (value - range->min) / (range->max - range->min);

	if (params->has_fixed_range != 0) {
		at = at < 1.0 ? at : 1.0;
		at = at > 0.0 ? at : 0.0;
	} else if (range->max == range->min) {
		return 1.0;
	}
	return params->algorithm == RP_ATTRIBUTE_LOWER_IS_BETTER ? 1.0 - at : at;
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_endpoint_attribute_scorer *params = call->params;
	struct rp_attribute_range range = rp_attribute_read(call, params->attribute, in, score);

	if (params->has_fixed_range != 0)
		range = (struct rp_attribute_range){params->fixed_range_min,
						    params->fixed_range_max};
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = isnan(score[i]) ? 0.0 : place(params, &range, score[i]);
}

const struct rp_plugin_ops rp_endpoint_attribute_scorer = {.score = score, .is_of_figures = true};
