/* SPDX-License-Identifier: Apache-2.0
 *
 * weighted-random-picker: each with a probability in proportion to its total (scheduling
 * reference 2.3). An endpoint's key is U^(1/total), the largest keys win; what is kept here is the
 * key's logarithm, which does not vanish for small totals. Instead of a draw for each endpoint, one
 * tells how much of the totals is passed over until the next key that is large enough: algorithm
 * A-ExpJ (Efraimidis, Spirakis: Weighted random sampling with a reservoir, 2006), which picks with
 * the same probabilities as a key for each.
 */
#include <math.h>

#include "dataplane/sched/pickers/draw.h"

/* The best so far, by falling key. */
struct reservoir {
	uint32_t count;
	uint32_t wanted;
	uint32_t pick[RP_PICKS_MAX];
	double key[RP_PICKS_MAX]; /* below 0 */
};

static double uniform(struct rp_env *env)
{
	uint64_t bits = rp_env_random(env) >> 11;

	return bits == 0 ? 1e-10 : (double)bits * 0x1p-53;
}

static void insert(struct reservoir *best, uint32_t pick, double key)
{
	uint32_t at = best->count < best->wanted ? best->count++ : best->wanted - 1;

	for (; at > 0 && best->key[at - 1] < key; at--) {
		best->key[at] = best->key[at - 1];
		best->pick[at] = best->pick[at - 1];
	}
	best->key[at] = key;
	best->pick[at] = pick;
}

/* How much of the totals goes by before a key is above the lowest kept. */
static double next_jump(struct rp_env *env, const struct reservoir *best)
{
	return log(uniform(env)) / best->key[best->wanted - 1];
}

/* A key that is known to be above the lowest kept. */
static double key_above_lowest(struct rp_env *env, const struct reservoir *best, double total)
{
	double floor = exp(best->key[best->wanted - 1] * total);

	return log(floor + (1 - floor) * uniform(env)) / total;
}

static void draw_positive(struct rp_env *env, const double *total, uint32_t count,
			  struct reservoir *best)
{
	uint32_t i = 0;
	double jump;

	for (; i < count && best->count < best->wanted; i++) {
		if (total[i] > 0)
			insert(best, i, log(uniform(env)) / total[i]);
	}
	if (best->count < best->wanted)
		return;
	jump = next_jump(env, best);
	for (; i < count; i++) {
		if (!(total[i] > 0))
			continue;
		jump -= total[i];
		if (jump > 0)
			continue;
		insert(best, i, key_above_lowest(env, best, total[i]));
		jump = next_jump(env, best);
	}
}

/* After all that have a positive total: the others, in any order. */
static void draw_rest(struct rp_env *env, const double *total, uint32_t count, uint32_t positive,
		      uint32_t wanted, uint32_t *ret_pick)
{
	uint32_t rank[RP_PICKS_MAX];
	uint32_t seen = 0;

	rp_draw(env, count - positive, wanted - positive, rank);
	for (uint32_t i = 0; i < count; i++) {
		if (total[i] > 0)
			continue;
		for (uint32_t k = positive; k < wanted; k++) {
			if (rank[k - positive] == seen)
				ret_pick[k] = i;
		}
		seen++;
	}
}

static uint32_t pick(const struct rp_call *call, const double *total, uint32_t count,
		     uint32_t *ret_pick)
{
	struct rp_env *env = call->cycle->env;
	struct reservoir best = {.wanted = rp_draw_wanted(call->params, count)};

	if (best.wanted == 0)
		return 0;
	draw_positive(env, total, count, &best);
	memcpy(ret_pick, best.pick, best.count * sizeof(*ret_pick));
	if (best.count < best.wanted)
		draw_rest(env, total, count, best.count, best.wanted, ret_pick);
	return best.wanted;
}

const struct rp_plugin_ops rp_weighted_random_picker = {.pick = pick};
