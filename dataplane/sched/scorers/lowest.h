/* SPDX-License-Identifier: Apache-2.0
 *
 * The lowest of the candidates' figures gets 1, the highest 0 (scheduling reference 3.3).
 */
#ifndef RP_DATAPLANE_SCHED_SCORERS_LOWEST_H
#define RP_DATAPLANE_SCHED_SCORERS_LOWEST_H

#include "dataplane/sched/sched_plugin.h"

static inline void rp_score_lowest(const int32_t *figure, uint32_t count, double *score)
{
	int32_t low = figure[0];
	int32_t high = figure[0];
	double top;
	double range;

	for (uint32_t i = 1; i < count; i++) {
		low = figure[i] < low ? figure[i] : low;
		high = figure[i] > high ? figure[i] : high;
	}
	top = high;
	range = top - low; /* exact, as every difference of two int32 is in a double */
	if (low == high) {
		for (uint32_t i = 0; i < count; i++)
			score[i] = 1.0;
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		score[i] = (top - figure[i]) / range;
}

#endif /* RP_DATAPLANE_SCHED_SCORERS_LOWEST_H */
