/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two back ends of loop.h share; included by loop.c, loop_epoll.c and loop_uring.c only.
 */
#ifndef RP_DATAPLANE_LOOP_BACKEND_H
#define RP_DATAPLANE_LOOP_BACKEND_H

#include "dataplane/loop.h"
#include "shm/clock.h"

/* Bits of rp_io.state. */
enum {
	RP_IO_IS_ACCEPT = 1 << 0,  /* rp_loop_accept was called */
	RP_IO_WANTS_RECV = 1 << 1, /* between rp_loop_recv and its end */
	RP_IO_IS_WATCH = 1 << 2,
	RP_IO_IS_SENDING = 1 << 3,
	RP_IO_IS_CLOSING = 1 << 4, /* rp_loop_close was called */
	RP_IO_HAS_ENDED = 1 << 5,  /* end of stream or an error was reported */
	RP_IO_RECV_ARMED = 1 << 6, /* io_uring: a multishot receive is with the kernel */
	RP_IO_RECV_CANCELLING = 1 << 7,
	RP_IO_REGISTERED = 1 << 8, /* epoll: known to the epoll instance, */
	RP_IO_POLLS_IN = 1 << 9,   /* with these events */
	RP_IO_POLLS_OUT = 1 << 10,
	RP_IO_IS_SENT = 1 << 11, /* epoll: on_sent is due, in the list of them */
	/* io_uring: */
	RP_IO_IS_QUIET = 1 << 12,    /* the send is complete unless a completion says no */
	RP_IO_IS_STARVED = 1 << 13,  /* found no buffer; in the list of those */
	RP_IO_IS_RETRYING = 1 << 14, /* the rest of a send, with a completion of its own */
};

/* Words of rp_io.private_. */
enum {
	RP_IO_NEXT,   /* in the list of closed, of sent or of quietly sending ios */
	RP_IO_PREV,   /* in the list of sent or of starved ios */
	RP_IO_RESULT, /* of the send */
	RP_IO_RESUME, /* next in the list of paused listeners, or of starved ios */
};

struct rp_loop_backend {
	enum rp_io_choice choice;
	void (*free)(struct rp_loop *loop);
	int (*accept)(struct rp_loop *loop, struct rp_io *io);
	int (*recv)(struct rp_loop *loop, struct rp_io *io);
	void (*recv_stop)(struct rp_loop *loop, struct rp_io *io);
	int (*send)(struct rp_loop *loop, struct rp_io *io);
	int (*watch)(struct rp_loop *loop, struct rp_io *io);
	/* Forget the descriptor; true: the kernel holds nothing any more, else rp_loop_gone()
	 * later. */
	bool (*close)(struct rp_loop *loop, struct rp_io *io);
	/* Start the timer, which is not running; rp_loop_timer_fired() when it has. */
	int (*set_timer)(struct rp_loop *loop, int64_t at_ns);
	/* Wait at most timeout_ns (RP_LOOP_FOREVER: until something happens) for events; call
	 * rp_loop_begin() after the wait; handle them. */
	int (*wait)(struct rp_loop *loop, int64_t timeout_ns);
	/* After end_of_turn: true if callbacks were made, so that end_of_turn must run again. */
	bool (*finish)(struct rp_loop *loop);
};

struct rp_loop {
	const struct rp_loop_backend *backend;
	struct rp_loop_options options;
	int64_t now_ns;
	int64_t deadline_ns;
	int64_t timer_ns;     /* when the running timer fires; INT64_MAX: none runs */
	int64_t resume_ns;    /* when listeners that ran out of descriptors go on */
	struct rp_io *paused; /* those listeners */
	struct rp_io *gone;   /* closed; on_closed is due */
	bool is_busy;	      /* callbacks are due: do not wait */
};

#define RP_LOOP_FOREVER INT64_C(-1)

/* How much of a wait is a busy poll. */
static inline int64_t rp_loop_poll_ns(const struct rp_loop *loop, int64_t timeout_ns)
{
	int64_t poll_ns = loop->options.busy_poll_ns;

	return timeout_ns >= 0 && timeout_ns < poll_ns ? timeout_ns : poll_ns;
}

/* What is left of a wait after its busy poll. */
static inline int64_t rp_loop_time_left(int64_t timeout_ns, int64_t poll_ns)
{
	return timeout_ns == RP_LOOP_FOREVER ? timeout_ns : timeout_ns - poll_ns;
}

int rp_loop_epoll_new(const struct rp_loop_options *options, struct rp_loop **ret_loop);
/** @param[out] ret_reason  static text, written on failure */
int rp_loop_uring_new(const struct rp_loop_options *options, struct rp_loop **ret_loop,
		      const char **ret_reason);

/* For back ends. */
void rp_loop_begin(struct rp_loop *loop);
static inline void rp_loop_timer_fired(struct rp_loop *loop)
{
	loop->timer_ns = INT64_MAX;
}
/** The kernel holds nothing of a closing io: close its descriptor, on_closed after this batch. */
void rp_loop_gone(struct rp_loop *loop, struct rp_io *io);
/** Accepting failed for want of resources: try again in a while. */
void rp_loop_pause_accept(struct rp_loop *loop, struct rp_io *io);

static inline struct rp_io *rp_io_link(const struct rp_io *io, int word)
{
	return (struct rp_io *)(uintptr_t)io->private_[word];
}

static inline void rp_io_set_link(struct rp_io *io, int word, struct rp_io *to)
{
	io->private_[word] = (uintptr_t)to;
}

#endif /* RP_DATAPLANE_LOOP_BACKEND_H */
