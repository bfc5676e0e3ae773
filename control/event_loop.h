/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop of supervisor and control: epoll for descriptors, a pairing heap for timers.
 * Watches and timers live in their owner's storage, so that nothing here can run out of memory once
 * a descriptor is watched. One thread.
 *
 * A callback may add, change and remove any watch or timer, its own included, and free its storage.
 */
#ifndef RP_CONTROL_EVENT_LOOP_H
#define RP_CONTROL_EVENT_LOOP_H

#include <sys/epoll.h>

#include "shm/err.h"

struct rp_events;

struct rp_events_watch;
typedef void rp_events_watch_fn(struct rp_events_watch *watch, uint32_t events);

/* A watched descriptor. Zeroed, it is not watched. */
struct rp_events_watch {
	rp_events_watch_fn *fn;
	void *user;
	int fd;
	bool is_watched;
};

struct rp_events_timer;
typedef void rp_events_timer_fn(struct rp_events_timer *timer);

/* A one-shot timer. Zeroed or initialised, it is not set. */
struct rp_events_timer {
	rp_events_timer_fn *fn;
	void *user;
	int64_t deadline_ns; /* CLOCK_MONOTONIC */
	bool is_set;
	/* pairing heap; private */
	struct rp_events_timer *child;
	struct rp_events_timer *next;
	struct rp_events_timer *prev; /* parent of a first child, else left sibling */
};

RP_MUST_CHECK int rp_events_new(struct rp_events **ret_loop);
/** Watches and timers that are left are forgotten; their descriptors stay open. NULL is fine. */
void rp_events_free(struct rp_events *loop);

/**
 * Call fn(watch, events) whenever fd is ready. The watch and its descriptor stay the caller's; call
 * rp_events_unwatch() before closing the descriptor.
 *
 * @param events  EPOLLIN, EPOLLOUT, … level-triggered unless EPOLLET is among them; EPOLLERR and
 *                EPOLLHUP are always reported
 * @return RP_OK or -errno
 */
RP_MUST_CHECK int rp_events_watch(struct rp_events *loop, struct rp_events_watch *watch, int fd,
				  uint32_t events, rp_events_watch_fn *fn, void *user);
/** Change the events of a watch that is active. @return RP_OK or -errno */
RP_MUST_CHECK int rp_events_rewatch(struct rp_events *loop, struct rp_events_watch *watch,
				    uint32_t events);
/** No call comes for this watch any more, not even for events already fetched. Idempotent. */
void rp_events_unwatch(struct rp_events *loop, struct rp_events_watch *watch);

void rp_events_timer_init(struct rp_events_timer *timer, rp_events_timer_fn *fn, void *user);
/**
 * Call timer->fn once at deadline_ns or as soon as possible after it (epoll's resolution: 1 ms). A
 * timer that is set already moves. One set from a timer callback runs in the next turn at the
 * earliest.
 */
void rp_events_timer_set(struct rp_events *loop, struct rp_events_timer *timer,
			 int64_t deadline_ns);
void rp_events_timer_cancel(struct rp_events *loop, struct rp_events_timer *timer);

/** CLOCK_MONOTONIC as read at the start of this turn. */
int64_t rp_events_now_ns(const struct rp_events *loop);

/**
 * Run one turn: wait at most timeout_ns (< 0: until something happens), then descriptors, then
 * timers.
 * @return RP_OK or -errno; EINTR is not an error
 */
RP_MUST_CHECK int rp_events_turn(struct rp_events *loop, int64_t timeout_ns);
/**
 * For a loop inside another one: call what watches descriptors that are ready, however many they
 * are. Neither waits nor looks at timers, and leaves rp_events_now_ns() as it is.
 * @return RP_OK or -errno
 */
RP_MUST_CHECK int rp_events_drain(struct rp_events *loop);
/** Readable when a watched descriptor is ready. Stays the loop's. */
int rp_events_fd(const struct rp_events *loop);
/** Turn until rp_events_stop(). @return RP_OK or -errno */
RP_MUST_CHECK int rp_events_run(struct rp_events *loop);
void rp_events_stop(struct rp_events *loop);

#endif /* RP_CONTROL_EVENT_LOOP_H */
