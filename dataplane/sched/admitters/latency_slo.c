/* SPDX-License-Identifier: Apache-2.0
 *
 * latency-slo-admitter: a request that may be shed is refused if nobody is predicted to keep its
 * latency objectives, and nobody is idle or cold (scheduling reference 3.11).
 */
#include <math.h>
#include <stdlib.h>

#include "dataplane/sched/sched_plugin.h"

static const double cold_kv_usage = 0.02;

/* A decimal number above 0, an endless one included. */
static bool is_positive(struct rp_bytes text)
{
	char copy[64];
	char *end;
	double value;

	if (text.len > 0 && text.ptr[0] == '+')
		text = rp_bytes_slice(text, 1, text.len);
	if (rp_bytes_equal_nocase(text, RP_BYTES_LIT("inf")) ||
	    rp_bytes_equal_nocase(text, RP_BYTES_LIT("infinity")))
		return true;
	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	/* strtod() also takes blanks, hexadecimal and words. */
	for (size_t i = 0; i < text.len; i++) {
		if (memchr("0123456789.eE+-", text.ptr[i], 15) == NULL)
			return false;
	}
	rp_bytes_to_str(text, copy, sizeof(copy));
	value = strtod(copy, &end);
	return *end == '\0' && isfinite(value) && value > 0;
}

/* The old name counts where the new one is absent. */
static bool has_objective(const struct rp_cycle *cycle, struct rp_bytes name, struct rp_bytes alias)
{
	struct rp_bytes value = rp_cycle_header(cycle, name);

	return is_positive(value.len > 0 ? value : rp_cycle_header(cycle, alias));
}

static bool admit(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_latency_slo_admitter *params = call->params;
	struct rp_cycle *cycle = call->cycle;
	const struct rp_latency *latency;
	bool has_predictions = false;

	if (cycle->priority >= 0)
		return true;
	if (!has_objective(cycle, RP_BYTES_LIT("x-llm-d-slo-ttft-ms"),
			   RP_BYTES_LIT("x-slo-ttft-ms")) &&
	    !has_objective(cycle, RP_BYTES_LIT("x-llm-d-slo-tpot-ms"),
			   RP_BYTES_LIT("x-slo-tpot-ms")))
		return true;
	latency = rp_cycle_data(cycle, params->latency_prediction_info_producer)->latency;
	if (latency == NULL)
		return true;
	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_latency *it = &latency[in->table_idx[i]];

		if (in->kv_usage[i] < cold_kv_usage || in->running[i] == 0 ||
		    (it->is_present && it->is_ttft_valid && it->is_tpot_valid))
			return true;
		has_predictions = has_predictions || it->is_present;
	}
	if (!has_predictions)
		return true;
	cycle->reason = RP_BYTES_LIT("no valid endpoint available to serve the request");
	return false;
}

const struct rp_plugin_ops rp_latency_slo_admitter = {
	.figures = RP_FIGURE_RUNNING | RP_FIGURE_KV_USAGE, .admit = admit};
