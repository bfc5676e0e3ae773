/* SPDX-License-Identifier: Apache-2.0
 *
 * queue-scorer: the shortest queue of the candidates gets 1, the longest 0 (scheduling
 * reference 3.3).
 */
#include "dataplane/sched/scorers/lowest.h"

static void score(const struct rp_call *call RP_UNUSED, const struct rp_candidates *in,
		  double *score)
{
	rp_score_lowest(in->waiting, in->count, score);
}

const struct rp_plugin_ops rp_queue_scorer = {
	.figures = RP_FIGURE_WAITING,
	.score = score,
	.is_of_figures = true,
};
