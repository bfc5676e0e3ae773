/* SPDX-License-Identifier: Apache-2.0
 *
 * running-requests-size-scorer: the fewest requests at work get 1, the most 0 (scheduling
 * reference 3.3).
 */
#include "dataplane/sched/scorers/lowest.h"

static void score(const struct rp_call *call RP_UNUSED, const struct rp_candidates *in,
		  double *score)
{
	rp_score_lowest(in->running, in->count, score);
}

const struct rp_plugin_ops rp_running_requests_size_scorer = {
	.figures = RP_FIGURE_RUNNING, .score = score, .is_of_figures = true};
