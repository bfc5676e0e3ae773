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
	SQ_ENTRIES = 1024,
	CQ_ENTRIES = 8192, /* more completions wait in the kernel: nothing is lost */
	RECV_BUFFERS = 128,
	RECV_BYTES = 16384,
	BUFFER_GROUP = 0,
};

/* In the low bits of user_data, beside the io's address; OP_NONE: nobody wants to know. */
enum op { OP_NONE, OP_ACCEPT, OP_RECV, OP_SEND, OP_POLL, OP_MASK = 7 };

struct uring_loop {
	struct rp_loop loop;
	struct io_uring ring;
	struct rp_uring_buffers buffers;
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
	(void)io_uring_submit(&self->ring);
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
	if ((io->state & RP_IO_RECV_ARMED) != 0)
		return RP_OK; /* being cancelled: armed anew when that is over */
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

static void uring_recv_stop(struct rp_loop *loop, struct rp_io *io)
{
	if ((io->state & (RP_IO_RECV_ARMED | RP_IO_RECV_CANCELLING)) != RP_IO_RECV_ARMED)
		return;
	io->state |= RP_IO_RECV_CANCELLING;
	cancel(from_loop(loop), io, OP_RECV);
}

static int uring_send(struct rp_loop *loop, struct rp_io *io)
{
	struct io_uring_sqe *sqe = get_sqe(from_loop(loop));

	if (sqe == NULL)
		return -EBUSY;
	/* MSG_WAITALL: the kernel goes on after a partial send by itself. */
	io_uring_prep_send(sqe, io->fd, io->send_at, io->send_left, MSG_NOSIGNAL | MSG_WAITALL);
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
		uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;

		if (!is_closing(io))
			io->ops->on_recv(
				io, rp_bytes(rp_uring_buffer(&self->buffers, id), (size_t)result),
				RP_OK);
		rp_uring_buffer_put(&self->buffers, id);
	} else if (!is_closing(io) && !is_passing(result)) {
		io->state |= RP_IO_HAS_ENDED;
		io->state &= ~(uint32_t)RP_IO_WANTS_RECV;
		io->ops->on_recv(io, rp_bytes(NULL, 0), result < 0 ? result : RP_OK);
	}
	if (!is_closing(io) &&
	    (io->state & (RP_IO_WANTS_RECV | RP_IO_RECV_ARMED)) == RP_IO_WANTS_RECV)
		rearm(&self->loop, io, uring_recv);
}

static void on_send_done(struct rp_loop *loop, struct rp_io *io, int result)
{
	if (is_closing(io))
		return;
	if (result > 0 || result == -EAGAIN || result == -EINTR) {
		size_t n = result > 0 ? (size_t)result : 0;

		io->send_at += n;
		io->send_left -= n;
		result = io->send_left > 0 ? uring_send(loop, io) : RP_OK;
		if (io->send_left > 0 && result == RP_OK)
			return;
	}
	io->state &= ~(uint32_t)RP_IO_IS_SENDING;
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

	if (io == NULL)
		return; /* a cancellation that found nothing */
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
	case OP_MASK:
		break;
	}
	/* The last of a closing io. One that was closed just now by its callback, with nothing
	 * pending, is gone already. */
	if (is_closing(io) && io->pending == 0 && io->fd >= 0)
		rp_loop_gone(&self->loop, io);
}

static int uring_wait(struct rp_loop *loop, int64_t timeout_ns)
{
	struct uring_loop *self = from_loop(loop);
	struct io_uring_cqe *cqe = NULL;
	struct __kernel_timespec timeout = {.tv_sec = timeout_ns / RP_NS_PER_S,
					    .tv_nsec = timeout_ns % RP_NS_PER_S};
	int err = io_uring_submit_and_wait_timeout(&self->ring, &cqe, 1, &timeout, NULL);

	/* EBUSY, EAGAIN: completions must be taken before the kernel takes more. */
	if (err < 0 && err != -ETIME && err != -EINTR && err != -EBUSY && err != -EAGAIN)
		return err;
	rp_loop_begin(loop);
	while (io_uring_peek_cqe(&self->ring, &cqe) == 0 && cqe != NULL) {
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
	static const uint8_t ops[] = {IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,
				      IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
	int fd = self->ring.ring_fd;

	*ret_reason = "io_uring takes no ring of provided buffers";
	int err = rp_uring_buffers_init(&self->buffers, fd, BUFFER_GROUP, RECV_BUFFERS, RECV_BYTES);

	if (err != RP_OK)
		return err;
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
		.cq_entries = CQ_ENTRIES,
	};
	struct uring_loop *self = calloc(1, sizeof(*self));

	*ret_reason = "out of memory";
	if (self == NULL)
		return RP_ENOMEM;
	int err = io_uring_queue_init_params(SQ_ENTRIES, &self->ring, &params);

	if (err < 0) {
		*ret_reason = setup_reason(err);
		free(self);
		return err;
	}
	self->loop.backend = &uring_backend;
	self->loop.options = *options;
	self->loop.deadline_ns = INT64_MAX;
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
