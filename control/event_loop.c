/* SPDX-License-Identifier: Apache-2.0 */
#include "control/event_loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "shm/clock.h"

enum {
	EVENTS_PER_TURN = 256,
	DRAIN_ROUNDS_MAX = 64, /* descriptors that are always ready must not keep us here */
};

struct rp_events {
	int epoll_fd;
	bool is_stopped;
	bool is_in_timers;
	int64_t now_ns;
	struct rp_events_timer *root;
	/* The batch being dispatched, so that unwatch can take events out of it. */
	int event_idx;
	int event_count;
	struct epoll_event event[EVENTS_PER_TURN];
};

int rp_events_new(struct rp_events **ret_loop)
{
	struct rp_events *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int err = -errno;

		free(loop);
		return err;
	}
	loop->now_ns = rp_clock_monotonic_ns();
	*ret_loop = loop;
	return RP_OK;
}

void rp_events_free(struct rp_events *loop)
{
	if (loop == NULL)
		return;
	close(loop->epoll_fd);
	free(loop);
}

int rp_events_watch(struct rp_events *loop, struct rp_events_watch *watch, int fd, uint32_t events,
		    rp_events_watch_fn *fn, void *user)
{
	struct epoll_event event = {.events = events, .data = {.ptr = watch}};

	RP_ASSERT(!watch->is_watched);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -errno;
	*watch = (struct rp_events_watch){.fn = fn, .user = user, .fd = fd, .is_watched = true};
	return RP_OK;
}

int rp_events_rewatch(struct rp_events *loop, struct rp_events_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.ptr = watch}};

	RP_ASSERT(watch->is_watched);
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0 ? RP_OK : -errno;
}

void rp_events_unwatch(struct rp_events *loop, struct rp_events_watch *watch)
{
	if (!watch->is_watched)
		return;
	watch->is_watched = false;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = loop->event_idx; i < loop->event_count; i++) {
		if (loop->event[i].data.ptr == watch)
			loop->event[i].data.ptr = NULL;
	}
}

/* Join two heaps; either may be NULL. The later one becomes the first child of the earlier one. */
static struct rp_events_timer *meld(struct rp_events_timer *a, struct rp_events_timer *b)
{
	if (a == NULL)
		return b;
	if (b == NULL)
		return a;
	if (b->deadline_ns < a->deadline_ns) {
		struct rp_events_timer *swap = a;

		a = b;
		b = swap;
	}
	b->next = a->child;
	if (b->next != NULL)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	return a;
}

/* Join a list of siblings: in pairs from the left, then all pairs from the right. */
static struct rp_events_timer *meld_siblings(struct rp_events_timer *first)
{
	struct rp_events_timer *pairs = NULL; /* a stack, linked by next */
	struct rp_events_timer *heap = NULL;

	while (first != NULL) {
		struct rp_events_timer *a = first;
		struct rp_events_timer *b = a->next;

		first = b != NULL ? b->next : NULL;
		a->next = NULL;
		a->prev = NULL;
		if (b != NULL) {
			b->next = NULL;
			b->prev = NULL;
		}
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct rp_events_timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		heap = meld(heap, a);
	}
	return heap;
}

void rp_events_timer_init(struct rp_events_timer *timer, rp_events_timer_fn *fn, void *user)
{
	*timer = (struct rp_events_timer){.fn = fn, .user = user};
}

void rp_events_timer_set(struct rp_events *loop, struct rp_events_timer *timer, int64_t deadline_ns)
{
	RP_ASSERT(timer->fn != NULL);
	rp_events_timer_cancel(loop, timer);
	if (loop->is_in_timers && deadline_ns <= loop->now_ns)
		deadline_ns = loop->now_ns + 1;
	timer->deadline_ns = deadline_ns;
	timer->is_set = true;
	loop->root = meld(loop->root, timer);
}

void rp_events_timer_cancel(struct rp_events *loop, struct rp_events_timer *timer)
{
	if (!timer->is_set)
		return;
	if (timer == loop->root) {
		loop->root = meld_siblings(timer->child);
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next != NULL)
			timer->next->prev = timer->prev;
		loop->root = meld(loop->root, meld_siblings(timer->child));
	}
	timer->child = NULL;
	timer->next = NULL;
	timer->prev = NULL;
	timer->is_set = false;
}

int64_t rp_events_now_ns(const struct rp_events *loop)
{
	return loop->now_ns;
}

/* Milliseconds to wait in epoll, rounded up so that no timer is met early by a busy loop. */
static int wait_ms(const struct rp_events *loop, int64_t timeout_ns)
{
	int64_t ms;

	if (loop->root != NULL) {
		int64_t left = loop->root->deadline_ns - rp_clock_monotonic_ns();

		if (left < 0)
			left = 0;
		if (timeout_ns < 0 || left < timeout_ns)
			timeout_ns = left;
	}
	if (timeout_ns < 0)
		return -1;
	ms = timeout_ns / RP_NS_PER_MS + (timeout_ns % RP_NS_PER_MS != 0);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* A timer set by a callback is never due in the same turn: one that keeps setting itself for the
 * past must not keep the loop from its descriptors. */
static void run_timers(struct rp_events *loop)
{
	loop->is_in_timers = true;
	while (loop->root != NULL && loop->root->deadline_ns <= loop->now_ns) {
		struct rp_events_timer *timer = loop->root;

		rp_events_timer_cancel(loop, timer);
		timer->fn(timer);
	}
	loop->is_in_timers = false;
}

static void dispatch(struct rp_events *loop, int count)
{
	loop->event_count = count;
	for (loop->event_idx = 0; loop->event_idx < loop->event_count; loop->event_idx++) {
		struct epoll_event *event = &loop->event[loop->event_idx];
		struct rp_events_watch *watch = event->data.ptr;

		if (watch != NULL)
			watch->fn(watch, event->events);
	}
	loop->event_count = 0;
}

int rp_events_turn(struct rp_events *loop, int64_t timeout_ns)
{
	int n = epoll_wait(loop->epoll_fd, loop->event, EVENTS_PER_TURN, wait_ms(loop, timeout_ns));

	loop->now_ns = rp_clock_monotonic_ns();
	if (n < 0 && errno != EINTR)
		return -errno;
	dispatch(loop, n < 0 ? 0 : n);
	run_timers(loop);
	return RP_OK;
}

int rp_events_drain(struct rp_events *loop)
{
	for (int i = 0; i < DRAIN_ROUNDS_MAX; i++) {
		int n = epoll_wait(loop->epoll_fd, loop->event, EVENTS_PER_TURN, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		dispatch(loop, n < 0 ? 0 : n);
		if (n >= 0 && n < EVENTS_PER_TURN)
			break;
	}
	return RP_OK;
}

int rp_events_fd(const struct rp_events *loop)
{
	return loop->epoll_fd;
}

int rp_events_run(struct rp_events *loop)
{
	int err = RP_OK;

	loop->is_stopped = false;
	while (!loop->is_stopped && err == RP_OK)
		err = rp_events_turn(loop, -1);
	return err;
}

void rp_events_stop(struct rp_events *loop)
{
	loop->is_stopped = true;
}
