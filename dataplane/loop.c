/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/loop.h"

#include <unistd.h>

#include "dataplane/loop_backend.h"

enum {
	ACCEPT_PAUSE_MS = 100,
	WAIT_MS_MAX = 3600 * 1000,
	/* A wait that ends sooner gets a timeout of its own. */
	TIMER_MS_MIN = 10,
};

int rp_loop_new(const struct rp_loop_options *options, struct rp_loop **ret_loop,
		const char **ret_reason)
{
	*ret_reason = "";
	if (options->backend == RP_IO_EPOLL) {
		*ret_reason = "epoll was asked for";
		return rp_loop_epoll_new(options, ret_loop);
	}
	int err = rp_loop_uring_new(options, ret_loop, ret_reason);

	if (err == RP_OK)
		return RP_OK;
	if (options->backend == RP_IO_URING)
		return RP_EUNSUPPORTED;
	return rp_loop_epoll_new(options, ret_loop);
}

void rp_loop_free(struct rp_loop *loop)
{
	if (loop != NULL)
		loop->backend->free(loop);
}

enum rp_io_choice rp_loop_backend(const struct rp_loop *loop)
{
	return loop->backend->choice;
}

int rp_loop_accept(struct rp_loop *loop, struct rp_io *io)
{
	RP_ASSERT((io->state & RP_IO_IS_CLOSING) == 0);
	io->state |= RP_IO_IS_ACCEPT;
	return loop->backend->accept(loop, io);
}

int rp_loop_recv(struct rp_loop *loop, struct rp_io *io)
{
	RP_ASSERT((io->state & RP_IO_IS_CLOSING) == 0);
	if ((io->state & (RP_IO_WANTS_RECV | RP_IO_HAS_ENDED)) != 0)
		return RP_OK;
	io->state |= RP_IO_WANTS_RECV;
	return loop->backend->recv(loop, io);
}

void rp_loop_recv_stop(struct rp_loop *loop, struct rp_io *io)
{
	if ((io->state & RP_IO_WANTS_RECV) == 0 || (io->state & RP_IO_IS_CLOSING) != 0)
		return;
	io->state &= ~(uint32_t)RP_IO_WANTS_RECV;
	loop->backend->recv_stop(loop, io);
}

int rp_loop_send(struct rp_loop *loop, struct rp_io *io, struct rp_bytes data)
{
	RP_ASSERT((io->state & (RP_IO_IS_CLOSING | RP_IO_IS_SENDING)) == 0);
	RP_ASSERT(data.len > 0);
	io->state |= RP_IO_IS_SENDING;
	io->send_at = data.ptr;
	io->send_left = data.len;
	return loop->backend->send(loop, io);
}

int rp_loop_watch(struct rp_loop *loop, struct rp_io *io)
{
	RP_ASSERT((io->state & RP_IO_IS_CLOSING) == 0);
	io->state |= RP_IO_IS_WATCH;
	return loop->backend->watch(loop, io);
}

static void unpause(struct rp_loop *loop, const struct rp_io *io)
{
	struct rp_io *previous = NULL;

	for (struct rp_io *at = loop->paused; at != NULL; at = rp_io_link(at, RP_IO_RESUME)) {
		if (at == io) {
			if (previous == NULL)
				loop->paused = rp_io_link(at, RP_IO_RESUME);
			else
				rp_io_set_link(previous, RP_IO_RESUME,
					       rp_io_link(at, RP_IO_RESUME));
			return;
		}
		previous = at;
	}
}

void rp_loop_close(struct rp_loop *loop, struct rp_io *io)
{
	if ((io->state & RP_IO_IS_CLOSING) != 0)
		return;
	unpause(loop, io);
	io->state |= RP_IO_IS_CLOSING;
	if (loop->backend->close(loop, io))
		rp_loop_gone(loop, io);
}

void rp_loop_set_deadline(struct rp_loop *loop, int64_t deadline_ns)
{
	loop->deadline_ns = deadline_ns;
}

int64_t rp_loop_now_ns(const struct rp_loop *loop)
{
	return loop->now_ns;
}

void rp_loop_begin(struct rp_loop *loop)
{
	loop->now_ns = rp_clock_monotonic_ns();
}

void rp_loop_gone(struct rp_loop *loop, struct rp_io *io)
{
	close(io->fd);
	io->fd = -1;
	rp_io_set_link(io, RP_IO_NEXT, loop->gone);
	loop->gone = io;
}

void rp_loop_pause_accept(struct rp_loop *loop, struct rp_io *io)
{
	if (loop->paused == NULL)
		loop->resume_ns = loop->now_ns + ACCEPT_PAUSE_MS * RP_NS_PER_MS;
	unpause(loop, io);
	rp_io_set_link(io, RP_IO_RESUME, loop->paused);
	loop->paused = io;
}

/* The callees may free their ios: nothing of the batch points to them any more. */
static void report_closed(struct rp_loop *loop)
{
	while (loop->gone != NULL) {
		struct rp_io *io = loop->gone;

		loop->gone = rp_io_link(io, RP_IO_NEXT);
		io->ops->on_closed(io);
	}
}

static int resume_accepts(struct rp_loop *loop)
{
	struct rp_io *io = loop->paused;

	loop->paused = NULL;
	while (io != NULL) {
		struct rp_io *next = rp_io_link(io, RP_IO_RESUME);
		int err = loop->backend->accept(loop, io);

		if (err != RP_OK)
			return err;
		io = next;
	}
	return RP_OK;
}

/* A timeout costs the kernel a timer at each wait. The worker's tick is due at the same time for
 * many turns: one timer is left running for it, and waits that end no sooner have no timeout. */
static int64_t time_to_wait(struct rp_loop *loop)
{
	if (loop->is_busy || loop->gone != NULL)
		return 0;
	int64_t deadline = loop->deadline_ns;

	if (loop->paused != NULL && loop->resume_ns < deadline)
		deadline = loop->resume_ns;
	if (deadline >= loop->timer_ns)
		return RP_LOOP_FOREVER;
	int64_t left = deadline - rp_clock_monotonic_ns();

	if (left <= 0)
		return 0;
	if (left > WAIT_MS_MAX * RP_NS_PER_MS)
		left = WAIT_MS_MAX * RP_NS_PER_MS;
	if (loop->timer_ns == INT64_MAX && left >= TIMER_MS_MIN * RP_NS_PER_MS &&
	    loop->backend->set_timer(loop, deadline) == RP_OK) {
		loop->timer_ns = deadline;
		return RP_LOOP_FOREVER;
	}
	return left;
}

int rp_loop_turn(struct rp_loop *loop)
{
	int err = loop->backend->wait(loop, time_to_wait(loop));

	if (err != RP_OK)
		return err;
	report_closed(loop);
	if (loop->paused != NULL && loop->now_ns >= loop->resume_ns) {
		err = resume_accepts(loop);
		if (err != RP_OK)
			return err;
	}
	if (loop->options.end_of_turn != NULL)
		loop->options.end_of_turn(loop->options.user, loop->now_ns);
	if (loop->backend->finish != NULL && loop->backend->finish(loop) &&
	    loop->options.end_of_turn != NULL)
		loop->options.end_of_turn(loop->options.user, loop->now_ns);
	report_closed(loop);
	return RP_OK;
}
