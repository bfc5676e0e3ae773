/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines in a binary heap. A timer is a part of what it wakes; setting and clearing are
 * O(log n).
 */
#ifndef RP_PERF_SIM_TIMER_H
#define RP_PERF_SIM_TIMER_H

#include "shm/base.h"

struct rp_sim_timer {
	int64_t deadline_ns;
	size_t place; /* in the heap, counted from 1; 0: not set */
};

struct rp_sim_timers {
	struct rp_sim_timer **heap;
	size_t count;
	size_t cap;
};

/** Make room for `count` timers at once; false without memory. */
bool rp_sim_timers_reserve(struct rp_sim_timers *timers, size_t count);
void rp_sim_timers_fini(struct rp_sim_timers *timers);
/** Set a timer anew or for the first time; room must have been reserved for it. */
void rp_sim_timer_set(struct rp_sim_timers *timers, struct rp_sim_timer *timer,
		      int64_t deadline_ns);
/** Clear a timer; nothing happens if it is not set. */
void rp_sim_timer_clear(struct rp_sim_timers *timers, struct rp_sim_timer *timer);
/** The earliest deadline, INT64_MAX if there is none. */
int64_t rp_sim_timers_next(const struct rp_sim_timers *timers);
/** Take out the earliest timer if it is due; NULL otherwise. */
struct rp_sim_timer *rp_sim_timers_take_due(struct rp_sim_timers *timers, int64_t now_ns);

#endif /* RP_PERF_SIM_TIMER_H */
