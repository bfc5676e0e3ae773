/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawing without replacement, for pickers.
 */
#ifndef RP_DATAPLANE_SCHED_PICKERS_DRAW_H
#define RP_DATAPLANE_SCHED_PICKERS_DRAW_H

#include "dataplane/sched/sched_plugin.h"

/** How many a picker is to pick of so many candidates. */
static inline uint32_t rp_draw_wanted(const struct rp_params_picker *params, uint32_t count)
{
	uint32_t wanted =
		params->endpoints_max < RP_PICKS_MAX ? params->endpoints_max : RP_PICKS_MAX;

	return wanted < count ? wanted : count;
}

/** Different numbers below count, in uniformly random order; wanted <= count, RP_PICKS_MAX. */
static inline void rp_draw(struct rp_env *env, uint32_t count, uint32_t wanted, uint32_t *ret_drawn)
{
	RP_ASSERT(wanted <= count && wanted <= RP_PICKS_MAX);
	for (uint32_t n = 0; n < wanted; n++) {
		/* One of those left, counted without the ones drawn before: these are passed over
		 * in their order. */
		uint32_t drawn = rp_env_random_below(env, count - n);
		uint32_t passed = 0;
		bool is_moved = true;

		while (is_moved) {
			uint32_t below = 0;

			for (uint32_t i = 0; i < n; i++)
				below += ret_drawn[i] <= drawn + passed;
			is_moved = below != passed;
			passed = below;
		}
		ret_drawn[n] = drawn + passed;
	}
}

#endif /* RP_DATAPLANE_SCHED_PICKERS_DRAW_H */
