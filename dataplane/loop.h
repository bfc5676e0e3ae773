/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop behind one narrow interface with two back ends: io_uring and epoll. A socket is
 * described by a struct rp_io inside its owner; completions come back as calls from rp_loop_turn().
 *
 * A turn: wait for events (up to the next timer), call back for each, then `end_of_turn`, in which
 * the owner writes what the turn produced; sends are submitted with the next wait.
 */
#ifndef RP_DATAPLANE_LOOP_H
#define RP_DATAPLANE_LOOP_H

#include "shm/bytes.h"
#include "shm/settings.h"

struct rp_loop; /* opaque; loop_uring.c and loop_epoll.c derive from it */
struct rp_io;

struct rp_io_ops {
	/* A connection was accepted (multishot); the callee owns fd, non-blocking. */
	void (*on_accept)(struct rp_io *io, int fd);
	/* Bytes arrived; valid for the call only. len 0: end of stream. err < 0: -errno, no data.
	 */
	void (*on_recv)(struct rp_io *io, struct rp_bytes data, int err);
	/* The send is done: all bytes were written, or err < 0 (-errno). */
	void (*on_sent)(struct rp_io *io, int err);
	/* The descriptor is readable (rp_loop_watch). */
	void (*on_readable)(struct rp_io *io);
	/* After rp_loop_close: no further call will come, the kernel holds nothing of it. */
	void (*on_closed)(struct rp_io *io);
};

struct rp_io {
	const struct rp_io_ops *ops;
	int fd;
	/* Set by the owner before rp_loop_send() when nothing is to be done in on_sent but giving
	 * the memory back: it then comes with the next event, and end_of_turn is not called for it.
	 * Spares a completion and a turn. May be taken back before the turn ends. */
	bool sent_may_wait;
	uint32_t state;		/* back end's */
	uint32_t pending;	/* back end's: operations the kernel holds */
	const uint8_t *send_at; /* back end's: rest of the send under way */
	size_t send_left;
	uint64_t private_[4]; /* back end's */
};

struct rp_loop_options {
	enum rp_io_choice backend;
	uint32_t connections_max;
	int64_t busy_poll_ns; /* look for events so long before sleeping; 0: off */
	bool is_conservative; /* io_uring as of Linux 6.1, with tiny rings (tests) */
	void (*end_of_turn)(void *user, int64_t now_ns); /* after the callbacks of each turn */
	void *user;
};

/**
 * Make a loop; RP_IO_AUTO probes io_uring (setup, restrictions, buffer ring, multishot) and falls
 * back to epoll.
 * @param[out] ret_reason  why io_uring was not taken ("" if it was), a static string
 * @return RP_OK; -errno; RP_EUNSUPPORTED: io_uring was demanded and the kernel refuses it
 */
RP_MUST_CHECK int rp_loop_new(const struct rp_loop_options *options, struct rp_loop **ret_loop,
			      const char **ret_reason);
void rp_loop_free(struct rp_loop *loop);
/** RP_IO_URING or RP_IO_EPOLL: what is in use. */
enum rp_io_choice rp_loop_backend(const struct rp_loop *loop);

/** Start accepting on a listening, non-blocking socket; on_accept from then on. */
RP_MUST_CHECK int rp_loop_accept(struct rp_loop *loop, struct rp_io *io);
/** Start receiving; on_recv until end of stream, an error, rp_loop_recv_stop() or rp_loop_close().
 */
RP_MUST_CHECK int rp_loop_recv(struct rp_loop *loop, struct rp_io *io);
/** Stop receiving (back-pressure); on_recv may come for what has arrived already. */
void rp_loop_recv_stop(struct rp_loop *loop, struct rp_io *io);
/** Send all of data, which must stay in place until on_sent. One send at a time an io. */
RP_MUST_CHECK int rp_loop_send(struct rp_loop *loop, struct rp_io *io, struct rp_bytes data);
/** Watch any descriptor (eventfd, socketpair) for input, multishot; on_readable reads it itself. */
RP_MUST_CHECK int rp_loop_watch(struct rp_loop *loop, struct rp_io *io);
/** Cancel what is pending and close the descriptor; on_closed follows, maybe within this call. */
void rp_loop_close(struct rp_loop *loop, struct rp_io *io);

/** The one timer of the loop: absolute monotonic ns when a turn must happen at the latest. */
void rp_loop_set_deadline(struct rp_loop *loop, int64_t deadline_ns);
/** Time of this turn, read once. */
int64_t rp_loop_now_ns(const struct rp_loop *loop);
/** Wait for events and handle them once. @return RP_OK or -errno (the loop is broken) */
RP_MUST_CHECK int rp_loop_turn(struct rp_loop *loop);

#endif /* RP_DATAPLANE_LOOP_H */
