/* SPDX-License-Identifier: Apache-2.0
 *
 * The timers of the event loop, for one test program: time passes when the test says so. Stands
 * before control/event_loop.c, so that nothing else of it may be used.
 */
#ifndef RP_TESTS_UNIT_PLAYED_TIMERS_H
#define RP_TESTS_UNIT_PLAYED_TIMERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/event_loop.h"

enum { TIMERS_MAX = 16 };

static int64_t now_ns;
static struct rp_events_timer *timers[TIMERS_MAX];

void rp_events_timer_init(struct rp_events_timer *timer, rp_events_timer_fn *fn, void *user)
{
	*timer = (struct rp_events_timer){.fn = fn, .user = user};
}

void rp_events_timer_cancel(struct rp_events *loop RP_UNUSED, struct rp_events_timer *timer)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i] == timer)
			timers[i] = NULL;
	}
	timer->is_set = false;
}

void rp_events_timer_set(struct rp_events *loop, struct rp_events_timer *timer, int64_t deadline_ns)
{
	rp_events_timer_cancel(loop, timer);
	timer->deadline_ns = deadline_ns;
	timer->is_set = true;
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i] == NULL) {
			timers[i] = timer;
			return;
		}
	}
	fail();
}

int64_t rp_events_now_ns(const struct rp_events *loop RP_UNUSED)
{
	return now_ns;
}

/* Let time pass, and run what falls due. */
static void pass(int64_t duration_ns)
{
	int64_t end_ns = now_ns + duration_ns;

	for (;;) {
		struct rp_events_timer *first = NULL;

		for (size_t i = 0; i < TIMERS_MAX; i++) {
			if (timers[i] != NULL && timers[i]->deadline_ns <= end_ns &&
			    (first == NULL || timers[i]->deadline_ns < first->deadline_ns))
				first = timers[i];
		}
		if (first == NULL)
			break;
		if (first->deadline_ns > now_ns)
			now_ns = first->deadline_ns;
		rp_events_timer_cancel(NULL, first);
		first->fn(first);
	}
	now_ns = end_ns;
}

static void expect_no_timers(void)
{
	for (size_t i = 0; i < TIMERS_MAX; i++)
		assert_null(timers[i]);
}

#endif /* RP_TESTS_UNIT_PLAYED_TIMERS_H */
