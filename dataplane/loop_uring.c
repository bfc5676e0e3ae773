/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop over io_uring: one io_uring_enter a turn, which submits what the last turn asked for and
 * waits for what comes. Accept, receive and poll are multishot: armed once, they report again and
 * again until the kernel ends them (a completion without IORING_CQE_F_MORE), and are then armed
 * anew.
 */
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "dataplane/loop_backend.h"
#include "dataplane/uring_abi.h"

enum {
	/* Small, because the whole ring passes through the cache again and again. Full ones are
	 * submitted early; completions that do not fit wait in the kernel. */
	SQ_ENTRIES = 128,
	CQ_ENTRIES = 1024,
	SQ_ENTRIES_CONSERVATIVE = 8,
	CQ_ENTRIES_CONSERVATIVE = 16,
	BUFFER_GROUP = 0,
	WORK_FLAGS = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW,
	LOOKS_PER_CLOCK = 16,
	/* Together they stay in a core's second cache. */
	RECV_BUFFERS = 4,
	RECV_BYTES = 128 * 1024,
	/* Where the kernel gives a whole buffer to each receive. */
	WHOLE_BUFFERS = 128,
	WHOLE_BYTES = 16384,
	/* Sockets that found no buffer are armed so many at a time: all at once they would find
	 * none again. */
	STARVED_PER_TURN = 8,
};

/* In the low bits of user_data, beside the io's address; OP_NONE: nobody wants to know. OP_TIMER
 * has no io. */
enum op { OP_NONE, OP_ACCEPT, OP_RECV, OP_SEND, OP_POLL, OP_TIMER, OP_MASK = 7 };

struct uring_loop {
	struct rp_loop loop;
	struct io_uring ring;
	struct rp_uring_buffers buffers;
	struct __kernel_timespec timer;
	struct rp_io *quiet; /* sends that completed unless a completion says no */
	struct rp_io *starved_first;
	struct rp_io *starved_last;
};

static_assert(alignof(struct rp_io) > OP_MASK, "an operation fits below an io's address");

static struct uring_loop *from_loop(struct rp_loop *loop)
{
	return RP_CONTAINER_OF(loop, struct uring_loop, loop);
}

static uint64_t user_data(const struct rp_io *io, enum op op)
{
	return (uint64_t)(uintptr_t)io | (uint64_t)op;
}

/* A free submission entry; a full queue is submitted first. NULL: the kernel takes no more for now.
 */
static struct io_uring_sqe *get_sqe(struct uring_loop *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);

	if (sqe != NULL)
		return sqe;
	(void)rp_uring_enter(&self->ring, 0, 0);
	return io_uring_get_sqe(&self->ring);
}

static void put_sqe(struct io_uring_sqe *sqe, struct rp_io *io, enum op op)
{
	sqe->user_data = user_data(io, op);
	io->pending++;
}

static int uring_accept(struct rp_loop *loop, struct rp_io *io)
{
	struct io_uring_sqe *sqe = get_sqe(from_loop(loop));

	if (sqe == NULL)
		return -EBUSY;
	io_uring_prep_multishot_accept(sqe, io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	put_sqe(sqe, io, OP_ACCEPT);
	return RP_OK;
}

static int uring_recv(struct rp_loop *loop, struct rp_io *io)
{
	if ((io->state & (RP_IO_RECV_ARMED | RP_IO_IS_STARVED)) != 0)
		return RP_OK; /* being cancelled, or in line: armed anew when that is over */
	struct io_uring_sqe *sqe = get_sqe(from_loop(loop));

	if (sqe == NULL)
		return -EBUSY;
	io_uring_prep_recv_multishot(sqe, io->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	put_sqe(sqe, io, OP_RECV);
	io->state |= RP_IO_RECV_ARMED;
	return RP_OK;
}

static void cancel(struct uring_loop *self, const struct rp_io *io, enum op op)
{
	struct io_uring_sqe *sqe = get_sqe(self);

	if (sqe == NULL) {
		(void)shutdown(io->fd, SHUT_RDWR); /* ends it too */
		return;
	}
	io_uring_prep_cancel64(sqe, user_data(io, op), 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = OP_NONE;
}

static void starved_push(struct uring_loop *self, struct rp_io *io)
{
	io->state |= RP_IO_IS_STARVED;
	rp_io_set_link(io, RP_IO_RESUME, NULL);
	rp_io_set_link(io, RP_IO_PREV, self->starved_last);
	if (self->starved_last != NULL)
		rp_io_set_link(self->starved_last, RP_IO_RESUME, io);
	else
		self->starved_first = io;
	self->starved_last = io;
}

static void starved_remove(struct uring_loop *self, struct rp_io *io)
{
	struct rp_io *next = rp_io_link(io, RP_IO_RESUME);
	struct rp_io *prev = rp_io_link(io, RP_IO_PREV);

	if ((io->state & RP_IO_IS_STARVED) == 0)
		return;
	io->state &= ~(uint32_t)RP_IO_IS_STARVED;
	if (prev != NULL)
		rp_io_set_link(prev, RP_IO_RESUME, next);
	else
		self->starved_first = next;
	if (next != NULL)
		rp_io_set_link(next, RP_IO_PREV, prev);
	else
		self->starved_last = prev;
}

static void uring_recv_stop(struct rp_loop *loop, struct rp_io *io)
{
	starved_remove(from_loop(loop), io);
	if ((io->state & (RP_IO_RECV_ARMED | RP_IO_RECV_CANCELLING)) != RP_IO_RECV_ARMED)
		return;
	io->state |= RP_IO_RECV_CANCELLING;
	cancel(from_loop(loop), io, OP_RECV);
}

/* A quiet send is tried once, when it is submitted, and completes in silence or fails: then it is
 * made again as one that waits for room. */
static int uring_send(struct rp_loop *loop, struct rp_io *io)
{
	struct uring_loop *self = from_loop(loop);
	struct io_uring_sqe *sqe = get_sqe(self);
	/* MSG_WAITALL: the kernel goes on after a partial send by itself, or calls it a failure. */
	const int flags = MSG_NOSIGNAL | MSG_WAITALL;
	bool is_quiet = io->sent_may_wait && (io->state & RP_IO_IS_RETRYING) == 0;

	if (sqe == NULL)
		return -EBUSY;
	io_uring_prep_send(sqe, io->fd, io->send_at, io->send_left,
			   is_quiet ? flags | MSG_DONTWAIT : flags);
	if (is_quiet) {
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		io->state |= RP_IO_IS_QUIET;
		rp_io_set_link(io, RP_IO_NEXT, self->quiet);
		self->quiet = io;
	}
	put_sqe(sqe, io, OP_SEND);
	return RP_OK;
}

static int uring_watch(struct rp_loop *loop, struct rp_io *io)
{
	struct io_uring_sqe *sqe = get_sqe(from_loop(loop));

	if (sqe == NULL)
		return -EBUSY;
	io_uring_prep_poll_multishot(sqe, io->fd, POLLIN);
	put_sqe(sqe, io, OP_POLL);
	return RP_OK;
}

/* Operations are cancelled one by one, by their user_data: by descriptor would be one entry, but a
 * descriptor's number may be another socket's by the time the kernel reads the entry. */
static bool uring_close(struct rp_loop *loop, struct rp_io *io)
{
	struct uring_loop *self = from_loop(loop);

	starved_remove(self, io);
	if (io->pending == 0)
		return true;
	if ((io->state & RP_IO_RECV_ARMED) != 0)
		cancel(self, io, OP_RECV);
	if ((io->state & RP_IO_IS_SENDING) != 0)
		cancel(self, io, OP_SEND);
	if ((io->state & RP_IO_IS_ACCEPT) != 0)
		cancel(self, io, OP_ACCEPT);
	if ((io->state & RP_IO_IS_WATCH) != 0)
		cancel(self, io, OP_POLL);
	return false;
}

static int uring_set_timer(struct rp_loop *loop, int64_t at_ns)
{
	struct uring_loop *self = from_loop(loop);
	struct io_uring_sqe *sqe = get_sqe(self);

	if (sqe == NULL)
		return -EBUSY;
	/* Read when it is submitted, which is before the next timer can be set. */
	self->timer = (struct __kernel_timespec){.tv_sec = at_ns / RP_NS_PER_S,
						 .tv_nsec = at_ns % RP_NS_PER_S};
	io_uring_prep_timeout(sqe, &self->timer, 0, IORING_TIMEOUT_ABS);
	sqe->user_data = user_data(NULL, OP_TIMER);
	return RP_OK;
}

static bool is_closing(const struct rp_io *io)
{
	return (io->state & RP_IO_IS_CLOSING) != 0;
}

/* ---- completions ---- */

/* Arm again; a socket for which that fails is reported as broken. */
static void rearm(struct rp_loop *loop, struct rp_io *io,
		  int (*arm)(struct rp_loop *, struct rp_io *))
{
	int err = arm(loop, io);

	if (err == RP_OK)
		return;
	if (io->ops->on_recv != NULL)
		io->ops->on_recv(io, rp_bytes(NULL, 0), err);
	else
		rp_loop_pause_accept(loop, io);
}

static void on_accept_done(struct rp_loop *loop, struct rp_io *io, int result, bool has_more)
{
	if (is_closing(io)) {
		if (result >= 0)
			close(result);
		return;
	}
	if (result >= 0)
		io->ops->on_accept(io, result);
	if (has_more || is_closing(io))
		return;
	if (result >= 0 || result == -ECONNABORTED || result == -EINTR || result == -EAGAIN)
		rearm(loop, io, uring_accept);
	else
		rp_loop_pause_accept(loop, io);
}

/* Arm those that wait for buffers, as many as will find some. @return true: some are left */
static bool feed_starved(struct uring_loop *self)
{
	for (int i = 0; i < STARVED_PER_TURN && self->starved_first != NULL; i++) {
		struct rp_io *io = self->starved_first;

		starved_remove(self, io);
		rearm(&self->loop, io, uring_recv);
	}
	return self->starved_first != NULL;
}

/* Errors that end a multishot receive and say nothing about the connection. */
static bool is_passing(int result)
{
	return result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN;
}

static void on_recv_done(struct uring_loop *self, struct rp_io *io, int result, uint32_t flags)
{
	bool has_more = (flags & IORING_CQE_F_MORE) != 0;

	if (!has_more)
		io->state &= ~(uint32_t)(RP_IO_RECV_ARMED | RP_IO_RECV_CANCELLING);
	if (result > 0 && (flags & IORING_CQE_F_BUFFER) != 0) {
		size_t n = (size_t)result;

		if (!is_closing(io))
			io->ops->on_recv(io, rp_uring_buffer(&self->buffers, flags, n), RP_OK);
		rp_uring_buffer_done(&self->buffers, flags, n);
	} else if (!is_closing(io) && !is_passing(result)) {
		io->state |= RP_IO_HAS_ENDED;
		io->state &= ~(uint32_t)RP_IO_WANTS_RECV;
		io->ops->on_recv(io, rp_bytes(NULL, 0), result < 0 ? result : RP_OK);
	}
	if (is_closing(io) ||
	    (io->state & (RP_IO_WANTS_RECV | RP_IO_RECV_ARMED)) != RP_IO_WANTS_RECV)
		return;
	if (result == -ENOBUFS)
		starved_push(self, io);
	else
		rearm(&self->loop, io, uring_recv);
}

/* A completion that came while report_quiet() could not tell. */
static void quiet_remove(struct uring_loop *self, struct rp_io *io)
{
	struct rp_io *previous = NULL;
	struct rp_io *at = self->quiet;

	while (at != io) {
		previous = at;
		at = rp_io_link(at, RP_IO_NEXT);
	}
	io->state &= ~(uint32_t)RP_IO_IS_QUIET;
	if (previous == NULL)
		self->quiet = rp_io_link(io, RP_IO_NEXT);
	else
		rp_io_set_link(previous, RP_IO_NEXT, rp_io_link(io, RP_IO_NEXT));
}

static void on_send_done(struct rp_loop *loop, struct rp_io *io, int result)
{
	if ((io->state & RP_IO_IS_QUIET) != 0)
		quiet_remove(from_loop(loop), io);
	if (is_closing(io))
		return;
	if (result > 0 || result == -EAGAIN || result == -EINTR) {
		size_t n = result > 0 ? (size_t)result : 0;

		io->send_at += n;
		io->send_left -= n;
		io->state |= RP_IO_IS_RETRYING;
		result = io->send_left > 0 ? uring_send(loop, io) : RP_OK;
		if (io->send_left > 0 && result == RP_OK)
			return;
	}
	io->state &= ~(uint32_t)(RP_IO_IS_SENDING | RP_IO_IS_RETRYING);
	io->ops->on_sent(io, result);
}

static void on_poll_done(struct rp_loop *loop, struct rp_io *io, int result, bool has_more)
{
	if (is_closing(io) || (result < 0 && result != -ECANCELED))
		return;
	io->ops->on_readable(io);
	if (!has_more && !is_closing(io))
		(void)uring_watch(loop, io);
}

static void on_completion(struct uring_loop *self, uint64_t data, int result, uint32_t flags)
{
	struct rp_io *io = (struct rp_io *)(uintptr_t)(data & ~(uint64_t)OP_MASK);
	bool has_more = (flags & IORING_CQE_F_MORE) != 0;

	if (io == NULL) { /* or a cancellation that found nothing */
		if (data == OP_TIMER)
			rp_loop_timer_fired(&self->loop);
		return;
	}
	if (!has_more)
		io->pending--;
	switch ((enum op)(data & OP_MASK)) {
	case OP_ACCEPT:
		on_accept_done(&self->loop, io, result, has_more);
		break;
	case OP_RECV:
		on_recv_done(self, io, result, flags);
		break;
	case OP_SEND:
		on_send_done(&self->loop, io, result);
		break;
	case OP_POLL:
		on_poll_done(&self->loop, io, result, has_more);
		break;
	case OP_NONE:
	case OP_TIMER:
	case OP_MASK:
		break;
	}
	/* The last of a closing io. One that was closed just now by its callback, with nothing
	 * pending, is gone already. */
	if (is_closing(io) && io->pending == 0 && io->fd >= 0)
		rp_loop_gone(&self->loop, io);
}

/* Quiet sends of which the completions that are there say nothing are complete. */
static void report_quiet(struct uring_loop *self)
{
	struct io_uring_cqe *cqe = NULL;
	unsigned head = 0;

	if (self->quiet == NULL)
		return;
	/* Some were not submitted, or completions did not fit: what is not there says nothing. */
	if (io_uring_sq_ready(&self->ring) != 0 || io_uring_cq_has_overflow(&self->ring))
		return;
	io_uring_for_each_cqe(&self->ring, head, cqe)
	{
		struct rp_io *io = (struct rp_io *)(uintptr_t)(cqe->user_data & ~(uint64_t)OP_MASK);

		if ((cqe->user_data & OP_MASK) == OP_SEND)
			io->state &= ~(uint32_t)RP_IO_IS_QUIET;
	}
	struct rp_io *io = self->quiet;

	self->quiet = NULL;
	while (io != NULL) {
		struct rp_io *next = rp_io_link(io, RP_IO_NEXT);

		if ((io->state & RP_IO_IS_QUIET) != 0) {
			io->state &= ~(uint32_t)RP_IO_IS_QUIET;
			on_completion(self, user_data(io, OP_SEND), (int)io->send_left, 0);
		}
		io = next;
	}
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Submit, then look at the ring, without a system call as long as the kernel has nothing to do.
 * @return RP_OK: completions are there; RP_EAGAIN: nothing came; -errno */
static int busy_poll(struct uring_loop *self, int64_t poll_ns)
{
	const struct io_uring *ring = &self->ring;
	int64_t end_ns = rp_clock_monotonic_ns() + poll_ns;
	bool has_work = io_uring_sq_ready(ring) > 0;

	do {
		int err = has_work ? rp_uring_enter(&self->ring, 0, 0) : RP_OK;

		if (err != RP_OK)
			return err;
		for (int i = 0; i < LOOKS_PER_CLOCK; i++) {
			if (io_uring_cq_ready(ring) > 0)
				return RP_OK;
			has_work = (IO_URING_READ_ONCE(*ring->sq.kflags) & WORK_FLAGS) != 0;
			if (has_work)
				break;
			relax();
		}
	} while (has_work || rp_clock_monotonic_ns() < end_ns);
	return RP_EAGAIN;
}

static int wait_for_completions(struct uring_loop *self, int64_t timeout_ns)
{
	int64_t poll_ns = rp_loop_poll_ns(&self->loop, timeout_ns);
	int err = poll_ns > 0 ? busy_poll(self, poll_ns) : RP_EAGAIN;

	if (err != RP_EAGAIN)
		return err;
	timeout_ns = rp_loop_time_left(timeout_ns, poll_ns);
	return rp_uring_enter(&self->ring, timeout_ns != 0 ? 1 : 0, timeout_ns);
}

/* Somebody has found something to do after a send that was to be quiet. */
static bool is_end_awaited(const struct uring_loop *self)
{
	for (const struct rp_io *io = self->quiet; io != NULL; io = rp_io_link(io, RP_IO_NEXT)) {
		if (!io->sent_may_wait)
			return true;
	}
	return false;
}

static int uring_wait(struct rp_loop *loop, int64_t timeout_ns)
{
	struct uring_loop *self = from_loop(loop);
	struct io_uring_cqe *cqe = NULL;
	bool must_not_wait = feed_starved(self) || loop->gone != NULL || is_end_awaited(self);
	int err = wait_for_completions(self, must_not_wait ? 0 : timeout_ns);

	/* EBUSY, EAGAIN: completions must be taken before the kernel takes more. */
	if (err < 0 && err != -ETIME && err != -EINTR && err != -EBUSY && err != -EAGAIN)
		return err;
	rp_loop_begin(loop);
	report_quiet(self);
	for (unsigned left = io_uring_cq_ready(&self->ring); left > 0; left--) {
		(void)io_uring_peek_cqe(&self->ring, &cqe);
		uint64_t data = cqe->user_data;
		int result = cqe->res;
		uint32_t flags = cqe->flags;

		io_uring_cqe_seen(&self->ring, cqe);
		on_completion(self, data, result, flags);
	}
	return RP_OK;
}

/* ---- setup ---- */

static void uring_free(struct rp_loop *loop)
{
	struct uring_loop *self = from_loop(loop);

	io_uring_queue_exit(&self->ring);
	rp_uring_buffers_fini(&self->buffers);
	free(self);
}

static const struct rp_loop_backend uring_backend = {
	.choice = RP_IO_URING,
	.free = uring_free,
	.accept = uring_accept,
	.recv = uring_recv,
	.recv_stop = uring_recv_stop,
	.send = uring_send,
	.watch = uring_watch,
	.close = uring_close,
	.set_timer = uring_set_timer,
	.wait = uring_wait,
};

static const char *setup_reason(int err)
{
	if (err == -ENOSYS)
		return "the kernel has no io_uring";
	if (err == -EPERM || err == -EACCES)
		return "io_uring is forbidden (seccomp profile or kernel.io_uring_disabled)";
	if (err == -EINVAL)
		return "the kernel's io_uring is older than Linux 6.1";
	if (err == -ENOMEM)
		return "io_uring is out of memory (limit of locked memory?)";
	return "io_uring cannot be set up";
}

static int enable(struct uring_loop *self, const char **ret_reason)
{
	static const uint8_t ops[] = {IORING_OP_ACCEPT,	      IORING_OP_RECV,
				      IORING_OP_SEND,	      IORING_OP_POLL_ADD,
				      IORING_OP_ASYNC_CANCEL, IORING_OP_TIMEOUT};
	int fd = self->ring.ring_fd;

	*ret_reason = "io_uring takes no ring of provided buffers";
	int err = self->loop.options.is_conservative
			  ? -EINVAL
			  : rp_uring_buffers_init(&self->buffers, fd, BUFFER_GROUP, RECV_BUFFERS,
						  RECV_BYTES, true);

	if (err == -EINVAL)
		err = rp_uring_buffers_init(&self->buffers, fd, BUFFER_GROUP, WHOLE_BUFFERS,
					    WHOLE_BYTES, false);
	if (err != RP_OK)
		return err;
	if (!self->loop.options.is_conservative)
		(void)io_uring_register_ring_fd(
			&self->ring); /* saves looking it up; goes without, too */
	*ret_reason = "io_uring takes no restrictions";
	err = rp_uring_restrict(fd, ops, RP_ARRAY_LEN(ops),
				IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS);
	return err == RP_OK ? rp_uring_enable(fd) : err;
}

int rp_loop_uring_new(const struct rp_loop_options *options, struct rp_loop **ret_loop,
		      const char **ret_reason)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = options->is_conservative ? CQ_ENTRIES_CONSERVATIVE : CQ_ENTRIES,
	};
	struct uring_loop *self = calloc(1, sizeof(*self));

	if (options->busy_poll_ns > 0)
		params.flags |= IORING_SETUP_TASKRUN_FLAG; /* seen without a system call */
	*ret_reason = "out of memory";
	if (self == NULL)
		return RP_ENOMEM;
	int err = io_uring_queue_init_params(options->is_conservative ? SQ_ENTRIES_CONSERVATIVE
								      : SQ_ENTRIES,
					     &self->ring, &params);

	if (err < 0) {
		*ret_reason = setup_reason(err);
		free(self);
		return err;
	}
	for (unsigned i = 0; i < self->ring.sq.ring_entries; i++)
		self->ring.sq.array[i] = i;
	self->loop.backend = &uring_backend;
	self->loop.options = *options;
	self->loop.deadline_ns = INT64_MAX;
	self->loop.timer_ns = INT64_MAX;
	const uint32_t features = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP;

	if ((params.features & features) != features) {
		*ret_reason = "the kernel's io_uring lacks timeouts of its waits";
		err = RP_EUNSUPPORTED;
	} else {
		err = enable(self, ret_reason);
	}
	if (err != RP_OK) {
		uring_free(&self->loop);
		return err;
	}
	rp_loop_begin(&self->loop);
	*ret_reason = "";
	*ret_loop = &self->loop;
	return RP_OK;
}
