/* SPDX-License-Identifier: Apache-2.0
 *
 * max-score-picker: the best totals; equal ones in uniformly random order, as a shuffle before a
 * stable sort would give (scheduling reference 2.3), without moving anything.
 */
#include "dataplane/sched/sched_plugin.h"

static bool is_picked(const uint32_t *pick, uint32_t count, uint32_t i)
{
	for (uint32_t k = 0; k < count; k++) {
		if (pick[k] == i)
			return true;
	}
	return false;
}

/* One of the best candidates not picked yet. */
static uint32_t pick_one(struct rp_env *env, const double *total, uint32_t count,
			 const uint32_t *picked, uint32_t picked_count)
{
	double best = 0;
	uint32_t ties = 0;
	uint32_t nth;

	for (uint32_t i = 0; i < count; i++) {
		if ((ties > 0 && total[i] < best) || is_picked(picked, picked_count, i))
			continue;
		if (ties == 0 || total[i] > best) {
			best = total[i];
			ties = 0;
		}
		ties++;
	}
	RP_ASSERT(ties > 0);
	nth = ties > 1 ? rp_env_random_below(env, ties) : 0;
	for (uint32_t i = 0; i < count; i++) {
		if (total[i] == best && !is_picked(picked, picked_count, i) && nth-- == 0)
			return i;
	}
	RP_ASSERT(false);
}

static uint32_t pick(struct rp_env *env, const void *params, const double *total, uint32_t count,
		     uint32_t *ret_pick)
{
	const struct rp_params_picker *picker = params;
	uint32_t wanted = picker->endpoints_max;
	uint32_t picked = 0;

	wanted = wanted < RP_PICKS_MAX ? wanted : RP_PICKS_MAX;
	wanted = wanted < count ? wanted : count;
	while (picked < wanted) {
		ret_pick[picked] = pick_one(env, total, count, ret_pick, picked);
		picked++;
	}
	return picked;
}

extern const struct rp_picker rp_max_score_picker;
const struct rp_picker rp_max_score_picker = {.pick = pick};
