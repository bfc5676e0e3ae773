/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint-attribute-filter: endpoints whose custom metric compares well with a threshold
 * (scheduling reference 3.9).
 */
#include "dataplane/sched/sched_plugin.h"

static bool compares(enum rp_compare_operator operator, double value, double threshold)
{
	switch (operator) {
	case RP_COMPARE_LESS_THAN:
		return value < threshold;
	case RP_COMPARE_LESS_THAN_OR_EQUAL:
		return value <= threshold;
	case RP_COMPARE_GREATER_THAN:
		return value > threshold;
	case RP_COMPARE_GREATER_THAN_OR_EQUAL:
		return value >= threshold;
	case RP_COMPARE_EQUAL:
		return value == threshold;
	case RP_COMPARE_NOT_EQUAL:
		return value != threshold;
	}
	return false;
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	const struct rp_params_endpoint_attribute_filter *params = call->params;
	const struct rp_endpoint_metrics *metrics = &call->cycle->env->live->metrics;
	bool is_known = params->attribute < RP_CUSTOM_FIGURES_MAX;
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->count; i++) {
		double value;
		bool is_kept = params->is_missing_failed == 0;

		if (is_known &&
		    rp_endpoint_metrics_custom(metrics, in->slot[i], params->attribute, &value))
			is_kept = compares(params->op, value, params->value);
		kept[count] = i;
		count += is_kept;
	}
	return count == 0 && params->fallback_on_empty ? RP_KEEP_ALL : (int)count;
}

const struct rp_plugin_ops rp_endpoint_attribute_filter = {.filter = filter};
