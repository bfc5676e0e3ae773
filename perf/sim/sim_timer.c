/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_timer.h"

#include <stdlib.h>

enum { FIRST_TIMERS = 64 };

bool rp_sim_timers_reserve(struct rp_sim_timers *timers, size_t count)
{
	size_t cap = rp_max_size(timers->cap, FIRST_TIMERS);
	struct rp_sim_timer **heap;

	while (cap < count)
		cap *= 2;
	if (cap == timers->cap)
		return true;
	heap = reallocarray(timers->heap, cap, sizeof(struct rp_sim_timer *));
	if (heap == NULL)
		return false;
	timers->heap = heap;
	timers->cap = cap;
	return true;
}

void rp_sim_timers_fini(struct rp_sim_timers *timers)
{
	free(timers->heap);
	*timers = (struct rp_sim_timers){0};
}

static void put(struct rp_sim_timers *timers, size_t at, struct rp_sim_timer *timer)
{
	timers->heap[at] = timer;
	timer->place = at + 1;
}

static void sift_up(struct rp_sim_timers *timers, size_t at, struct rp_sim_timer *timer)
{
	while (at > 0) {
		size_t parent = (at - 1) / 2;

		if (timers->heap[parent]->deadline_ns <= timer->deadline_ns)
			break;
		put(timers, at, timers->heap[parent]);
		at = parent;
	}
	put(timers, at, timer);
}

static void sift_down(struct rp_sim_timers *timers, size_t at, struct rp_sim_timer *timer)
{
	for (size_t child = 2 * at + 1; child < timers->count; child = 2 * at + 1) {
		if (child + 1 < timers->count &&
		    timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns)
			child++;
		if (timer->deadline_ns <= timers->heap[child]->deadline_ns)
			break;
		put(timers, at, timers->heap[child]);
		at = child;
	}
	put(timers, at, timer);
}

void rp_sim_timer_set(struct rp_sim_timers *timers, struct rp_sim_timer *timer, int64_t deadline_ns)
{
	rp_sim_timer_clear(timers, timer);
	RP_ASSERT(timers->count < timers->cap);
	timer->deadline_ns = deadline_ns;
	sift_up(timers, timers->count++, timer);
}

void rp_sim_timer_clear(struct rp_sim_timers *timers, struct rp_sim_timer *timer)
{
	size_t at = timer->place - 1;
	struct rp_sim_timer *last;

	if (timer->place == 0)
		return;
	RP_ASSERT(at < timers->count && timers->heap[at] == timer);
	timer->place = 0;
	last = timers->heap[--timers->count];
	if (last == timer)
		return;
	if (at > 0 && timers->heap[(at - 1) / 2]->deadline_ns > last->deadline_ns)
		sift_up(timers, at, last);
	else
		sift_down(timers, at, last);
}

int64_t rp_sim_timers_next(const struct rp_sim_timers *timers)
{
	return timers->count == 0 ? INT64_MAX : timers->heap[0]->deadline_ns;
}

struct rp_sim_timer *rp_sim_timers_take_due(struct rp_sim_timers *timers, int64_t now_ns)
{
	struct rp_sim_timer *timer;

	if (rp_sim_timers_next(timers) > now_ns)
		return NULL;
	timer = timers->heap[0];
	rp_sim_timer_clear(timers, timer);
	return timer;
}
