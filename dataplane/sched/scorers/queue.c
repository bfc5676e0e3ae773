/* SPDX-License-Identifier: Apache-2.0
 *
 * queue-scorer: the shortest queue of the candidates gets 1, the longest 0 (scheduling
 * reference 3.3).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_call *call RP_UNUSED, const struct rp_candidates *in,
		  double *score)
{
	const int32_t *waiting = in->waiting;
	uint32_t count = in->count;
	int32_t low = waiting[0];
	int32_t high = waiting[0];
	double top;
	double range;

	for (uint32_t i = 1; i < count; i++) {
		low = waiting[i] < low ? waiting[i] : low;
		high = waiting[i] > high ? waiting[i] : high;
	}
	top = high;
	range = top - low; /* exact, as every difference of two int32 is in a double */
	if (low == high) {
		for (uint32_t i = 0; i < count; i++)
			score[i] = 1.0;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		score[i] = (top - waiting[i]) / range;
}

const struct rp_plugin_ops rp_queue_scorer = {
	.figures = RP_FIGURE_WAITING,
	.score = score,
	.is_of_figures = true,
};
