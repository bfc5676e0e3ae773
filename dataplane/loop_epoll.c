/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop over epoll, for machines whose kernel or seccomp profile refuses io_uring.
 * Level-triggered; a socket is asked for output only while a send is stuck.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dataplane/loop_backend.h"

enum { RECV_BYTES = 64 * 1024, EVENTS_PER_TURN = 256, ACCEPTS_PER_TURN = 64 };

struct epoll_loop {
	struct rp_loop loop;
	int epoll_fd;
	int timer_fd;
	struct rp_io *sent_first; /* sends that are over, on_sent is due */
	struct rp_io *sent_last;
	size_t sent_count;
	struct epoll_event events[EVENTS_PER_TURN];
	uint8_t recv_buf[RECV_BYTES];
};

static struct epoll_loop *from_loop(struct rp_loop *loop)
{
	return RP_CONTAINER_OF(loop, struct epoll_loop, loop);
}

/* Tell epoll what the io waits for. One that waits for nothing is taken out, because epoll would go
 * on reporting a hang-up of it. */
static int update(struct epoll_loop *self, struct rp_io *io)
{
	const uint32_t polls = RP_IO_POLLS_IN | RP_IO_POLLS_OUT;
	uint32_t wanted = 0;

	if ((io->state & (RP_IO_IS_ACCEPT | RP_IO_WANTS_RECV | RP_IO_IS_WATCH)) != 0)
		wanted |= RP_IO_POLLS_IN;
	if ((io->state & RP_IO_IS_SENDING) != 0 && (io->state & RP_IO_IS_SENT) == 0)
		wanted |= RP_IO_POLLS_OUT;
	if (wanted == (io->state & polls))
		return RP_OK;

	int op = EPOLL_CTL_MOD;

	if (wanted == 0)
		op = EPOLL_CTL_DEL;
	else if ((io->state & RP_IO_REGISTERED) == 0)
		op = EPOLL_CTL_ADD;
	struct epoll_event event = {.data.ptr = io};

	if ((wanted & RP_IO_POLLS_IN) != 0)
		event.events |= EPOLLIN;
	if ((wanted & RP_IO_POLLS_OUT) != 0)
		event.events |= EPOLLOUT;
	if (epoll_ctl(self->epoll_fd, op, io->fd, &event) != 0)
		return -errno;
	io->state = (io->state & ~(polls | RP_IO_REGISTERED)) | wanted;
	if (wanted != 0)
		io->state |= RP_IO_REGISTERED;
	return RP_OK;
}

/* An io that cannot be waited for any more: its owner learns it as an error of the socket. */
static void update_or_fail(struct epoll_loop *self, struct rp_io *io)
{
	int err = update(self, io);

	if (err == RP_OK)
		return;
	io->state |= RP_IO_HAS_ENDED;
	io->state &= ~(uint32_t)RP_IO_WANTS_RECV;
	if (io->ops->on_recv != NULL)
		io->ops->on_recv(io, rp_bytes(NULL, 0), err);
}

static int epoll_update(struct rp_loop *loop, struct rp_io *io)
{
	return update(from_loop(loop), io);
}

static void epoll_recv_stop(struct rp_loop *loop, struct rp_io *io)
{
	update_or_fail(from_loop(loop), io);
}

static void sent_push(struct epoll_loop *self, struct rp_io *io, int err)
{
	io->state |= RP_IO_IS_SENT;
	io->private_[RP_IO_RESULT] = (uint64_t)(int64_t)err;
	rp_io_set_link(io, RP_IO_NEXT, NULL);
	rp_io_set_link(io, RP_IO_PREV, self->sent_last);
	if (self->sent_last != NULL)
		rp_io_set_link(self->sent_last, RP_IO_NEXT, io);
	else
		self->sent_first = io;
	self->sent_last = io;
	self->sent_count++;
}

static void sent_remove(struct epoll_loop *self, struct rp_io *io)
{
	struct rp_io *next = rp_io_link(io, RP_IO_NEXT);
	struct rp_io *prev = rp_io_link(io, RP_IO_PREV);

	if (prev != NULL)
		rp_io_set_link(prev, RP_IO_NEXT, next);
	else
		self->sent_first = next;
	if (next != NULL)
		rp_io_set_link(next, RP_IO_PREV, prev);
	else
		self->sent_last = prev;
	self->sent_count--;
	io->state &= ~(uint32_t)RP_IO_IS_SENT;
}

/* Write what the socket takes; the end of the send goes to the list of sent ios. */
static void send_some(struct epoll_loop *self, struct rp_io *io)
{
	while (io->send_left > 0) {
		ssize_t n = send(io->fd, io->send_at, io->send_left, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			sent_push(self, io, -errno);
			return;
		}
		io->send_at += n;
		io->send_left -= (size_t)n;
	}
	sent_push(self, io, RP_OK);
}

static int epoll_send(struct rp_loop *loop, struct rp_io *io)
{
	struct epoll_loop *self = from_loop(loop);

	send_some(self, io);
	int err = update(self, io);

	if (err != RP_OK && (io->state & RP_IO_IS_SENT) == 0)
		sent_push(self, io, err);
	return RP_OK;
}

static bool epoll_close(struct rp_loop *loop, struct rp_io *io)
{
	struct epoll_loop *self = from_loop(loop);

	if ((io->state & RP_IO_IS_SENT) != 0)
		sent_remove(self, io);
	/* Not left to close(): the descriptor may be open in another process too. */
	if ((io->state & RP_IO_REGISTERED) != 0)
		(void)epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	return true;
}

static void on_accept_ready(struct epoll_loop *self, struct rp_io *io)
{
	for (int i = 0; i < ACCEPTS_PER_TURN && (io->state & RP_IO_IS_CLOSING) == 0; i++) {
		int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			io->ops->on_accept(io, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno != EAGAIN) {
			/* EMFILE and the like: epoll would report it again at once. */
			io->state &= ~(uint32_t)RP_IO_IS_ACCEPT;
			(void)update(self, io);
			io->state |= RP_IO_IS_ACCEPT;
			rp_loop_pause_accept(&self->loop, io);
		}
		return;
	}
}

static void on_recv_ready(struct epoll_loop *self, struct rp_io *io)
{
	ssize_t n = recv(io->fd, self->recv_buf, sizeof(self->recv_buf), MSG_DONTWAIT);
	int err = n < 0 ? -errno : RP_OK;

	if (err == -EAGAIN || err == -EINTR)
		return;
	if (n <= 0) {
		io->state |= RP_IO_HAS_ENDED;
		io->state &= ~(uint32_t)RP_IO_WANTS_RECV;
		(void)update(self, io);
		io->ops->on_recv(io, rp_bytes(NULL, 0), err);
		return;
	}
	io->ops->on_recv(io, rp_bytes(self->recv_buf, (size_t)n), RP_OK);
}

static void on_event(struct epoll_loop *self, struct rp_io *io, uint32_t events)
{
	const uint32_t failed = EPOLLERR | EPOLLHUP;

	if ((events & (EPOLLOUT | failed)) != 0 && (io->state & RP_IO_IS_SENDING) != 0 &&
	    (io->state & RP_IO_IS_SENT) == 0) {
		send_some(self, io);
		update_or_fail(self, io);
	}
	if ((events & (EPOLLIN | failed)) == 0 || (io->state & RP_IO_IS_CLOSING) != 0)
		return;
	if ((io->state & RP_IO_IS_ACCEPT) != 0)
		on_accept_ready(self, io);
	else if ((io->state & RP_IO_IS_WATCH) != 0)
		io->ops->on_readable(io);
	else if ((io->state & RP_IO_WANTS_RECV) != 0)
		on_recv_ready(self, io);
}

/* on_sent for as many as were over when this began; what the callees send meanwhile waits.
 * @return true: one of them may want another end_of_turn */
static bool report_sent(struct epoll_loop *self)
{
	size_t count = self->sent_count;
	bool is_awaited = false;

	for (size_t i = 0; i < count && self->sent_first != NULL; i++) {
		struct rp_io *io = self->sent_first;
		int err = (int)(int64_t)io->private_[RP_IO_RESULT];

		sent_remove(self, io);
		io->state &= ~(uint32_t)RP_IO_IS_SENDING;
		is_awaited = is_awaited || err != RP_OK || !io->sent_may_wait;
		io->ops->on_sent(io, err);
	}
	return is_awaited;
}

static int epoll_set_timer(struct rp_loop *loop, int64_t at_ns)
{
	const struct itimerspec at = {
		.it_value = {.tv_sec = at_ns / RP_NS_PER_S, .tv_nsec = at_ns % RP_NS_PER_S}};

	return timerfd_settime(from_loop(loop)->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0
		       ? RP_OK
		       : -errno;
}

static void on_timer(struct epoll_loop *self)
{
	uint64_t count = 0;

	(void)!read(self->timer_fd, &count, sizeof(count));
	rp_loop_timer_fired(&self->loop);
}

static int wait_for_events(struct epoll_loop *self, int64_t timeout_ns)
{
	if (timeout_ns <= 0) /* 0 and RP_LOOP_FOREVER mean the same here */
		return epoll_wait(self->epoll_fd, self->events, EVENTS_PER_TURN, (int)timeout_ns);
	struct timespec timeout = {.tv_sec = timeout_ns / RP_NS_PER_S,
				   .tv_nsec = timeout_ns % RP_NS_PER_S};
	int count = epoll_pwait2(self->epoll_fd, self->events, EVENTS_PER_TURN, &timeout, NULL);

	if (count < 0 && errno == ENOSYS) /* Linux before 5.11 */
		count = epoll_wait(self->epoll_fd, self->events, EVENTS_PER_TURN,
				   (int)((timeout_ns + RP_NS_PER_MS - 1) / RP_NS_PER_MS));
	return count;
}

/* @return as epoll_wait(); 0: nothing came */
static int busy_poll(struct epoll_loop *self, int64_t poll_ns)
{
	int64_t end_ns = rp_clock_monotonic_ns() + poll_ns;

	for (;;) {
		int count = wait_for_events(self, 0);

		if (count != 0 || rp_clock_monotonic_ns() >= end_ns)
			return count;
	}
}

static int epoll_wait_turn(struct rp_loop *loop, int64_t timeout_ns)
{
	struct epoll_loop *self = from_loop(loop);

	if (self->sent_first != NULL) /* sent outside of a turn */
		timeout_ns = 0;
	int64_t poll_ns = rp_loop_poll_ns(loop, timeout_ns);
	int count = poll_ns > 0 ? busy_poll(self, poll_ns) : 0;

	if (count == 0)
		count = wait_for_events(self, rp_loop_time_left(timeout_ns, poll_ns));

	if (count < 0 && errno != EINTR)
		return -errno;
	rp_loop_begin(loop);
	(void)report_sent(self);
	for (int i = 0; i < count; i++) {
		struct rp_io *io = self->events[i].data.ptr;

		/* Closed by a callback of this batch; it is freed after the batch only. */
		if (io == NULL)
			on_timer(self);
		else if ((io->state & RP_IO_IS_CLOSING) == 0)
			on_event(self, io, self->events[i].events);
	}
	loop->is_busy = self->sent_first != NULL;
	return RP_OK;
}

static bool epoll_finish(struct rp_loop *loop)
{
	struct epoll_loop *self = from_loop(loop);
	bool has_reported = report_sent(self);

	loop->is_busy = self->sent_first != NULL;
	return has_reported;
}

static void epoll_free(struct rp_loop *loop)
{
	struct epoll_loop *self = from_loop(loop);

	if (self->timer_fd >= 0)
		close(self->timer_fd);
	if (self->epoll_fd >= 0)
		close(self->epoll_fd);
	free(self);
}

static const struct rp_loop_backend epoll_backend = {
	.choice = RP_IO_EPOLL,
	.free = epoll_free,
	.accept = epoll_update,
	.recv = epoll_update,
	.recv_stop = epoll_recv_stop,
	.send = epoll_send,
	.watch = epoll_update,
	.close = epoll_close,
	.set_timer = epoll_set_timer,
	.wait = epoll_wait_turn,
	.finish = epoll_finish,
};

int rp_loop_epoll_new(const struct rp_loop_options *options, struct rp_loop **ret_loop)
{
	struct epoll_loop *self = calloc(1, sizeof(*self));

	if (self == NULL)
		return RP_ENOMEM;
	struct epoll_event timer = {.events = EPOLLIN}; /* the one without an io */

	self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	self->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (self->epoll_fd < 0 || self->timer_fd < 0 ||
	    epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, self->timer_fd, &timer) != 0) {
		int err = -errno;

		epoll_free(&self->loop);
		return err;
	}
	self->loop.backend = &epoll_backend;
	self->loop.options = *options;
	self->loop.deadline_ns = INT64_MAX;
	self->loop.timer_ns = INT64_MAX;
	rp_loop_begin(&self->loop);
	*ret_loop = &self->loop;
	return RP_OK;
}
