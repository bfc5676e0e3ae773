/* SPDX-License-Identifier: Apache-2.0
 *
 * load-aware-scorer: half a point for an empty queue, nothing from the threshold on (scheduling
 * reference 3.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_load_aware_scorer *params = call->params;
	const int32_t *waiting = in->waiting;
	double threshold = (double)params->threshold;

	for (uint32_t i = 0; i < in->count; i++) {
		double queue = (double)waiting[i];

		queue = queue < threshold ? queue : threshold;
		/* An empty queue comes out as 0.5 as well. */
		score[i] = 0.5 * (1.0 - queue / threshold);
	}
}

const struct rp_plugin_ops rp_load_aware_scorer = {
	.figures = RP_FIGURE_WAITING, .score = score, .is_of_figures = true};
