/* SPDX-License-Identifier: Apache-2.0
 *
 * max-score-picker: the best totals; equal ones in uniformly random order, as a shuffle before a
 * stable sort would give (scheduling reference 2.3), without moving anything.
 */
#include "dataplane/sched/sched_plugin.h"

enum { BLOCK = 256, LANES = 8 };

static double best_of_block(const double *total, uint32_t count)
{
	double lane[LANES];
	double best = total[0];
	uint32_t i = 0;

	for (uint32_t k = 0; k < LANES; k++)
		lane[k] = total[0];
	for (; i + LANES <= count; i += LANES) {
		for (uint32_t k = 0; k < LANES; k++)
			lane[k] = total[i + k] > lane[k] ? total[i + k] : lane[k];
	}
	for (uint32_t k = 0; k < LANES; k++)
		best = lane[k] > best ? lane[k] : best;
	for (; i < count; i++)
		best = total[i] > best ? total[i] : best;
	return best;
}

/* One of the best: only blocks that have one are looked at again. */
static uint32_t pick_first(struct rp_env *env, const double *total, uint32_t count)
{
	double block_best[RP_ENDPOINTS_MAX / BLOCK];
	double best = total[0];
	uint32_t ties = 0;
	uint32_t last = 0;
	uint32_t nth;

	RP_ASSERT(count > 0 && count <= RP_ENDPOINTS_MAX);
	for (uint32_t i = 0; i < count; i += BLOCK) {
		double block = best_of_block(&total[i], (uint32_t)rp_min_size(BLOCK, count - i));

		block_best[i / BLOCK] = block;
		best = block > best ? block : best;
	}
	for (uint32_t at = 0; at < count; at += BLOCK) {
		if (block_best[at / BLOCK] < best)
			continue;
		for (uint32_t i = at; i < rp_min_size(at + BLOCK, count); i++) {
			if (total[i] == best) {
				last = i;
				ties++;
			}
		}
	}
	RP_ASSERT(ties > 0);
	if (ties == 1)
		return last;
	nth = rp_env_random_below(env, ties);
	for (uint32_t at = 0; at < count; at += BLOCK) {
		if (block_best[at / BLOCK] < best)
			continue;
		for (uint32_t i = at; i < rp_min_size(at + BLOCK, count); i++) {
			if (total[i] == best && nth-- == 0)
				return i;
		}
	}
	RP_ASSERT(false);
}

static bool is_picked(const uint32_t *pick, uint32_t count, uint32_t i)
{
	for (uint32_t k = 0; k < count; k++) {
		if (pick[k] == i)
			return true;
	}
	return false;
}

/* One of the best candidates not picked yet. */
static uint32_t pick_next(struct rp_env *env, const double *total, uint32_t count,
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

static uint32_t pick(const struct rp_call *call, const double *total, uint32_t count,
		     uint32_t *ret_pick)
{
	const struct rp_params_picker *picker = call->params;
	struct rp_env *env = call->cycle->env;
	uint32_t wanted = picker->endpoints_max;
	uint32_t picked = 0;

	wanted = wanted < RP_PICKS_MAX ? wanted : RP_PICKS_MAX;
	wanted = wanted < count ? wanted : count;
	if (wanted > 0)
		ret_pick[picked++] = pick_first(env, total, count);
	while (picked < wanted) {
		ret_pick[picked] = pick_next(env, total, count, ret_pick, picked);
		picked++;
	}
	return picked;
}

const struct rp_plugin_ops rp_max_score_picker = {.pick = pick};
