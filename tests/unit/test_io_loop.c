/* SPDX-License-Identifier: Apache-2.0
 *
 * The same tests run on both back ends, with and without busy polling, and on io_uring as it was in
 * Linux 6.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/loop.h"
#include "shm/clock.h"

enum { BIG_BYTES = 4 * 1024 * 1024, MANY = 200 };

struct peer {
	struct rp_io io;
	struct rp_loop *loop;
	uint8_t *got;
	size_t got_bytes;
	size_t got_max;
	int recv_calls;
	int recv_err;
	int ends;
	int sent_calls;
	int sent_err;
	int accepted[MANY];
	int accept_calls;
	int readable_calls;
	int closed_calls;
	bool closes_on_recv;
	bool closes_on_sent;
	int sends_left; /* send again from on_sent */
	struct rp_bytes again;
};

static void on_accept(struct rp_io *io, int fd)
{
	struct peer *p = RP_CONTAINER_OF(io, struct peer, io);

	assert_true(p->accept_calls < MANY);
	p->accepted[p->accept_calls++] = fd;
}

static void on_recv(struct rp_io *io, struct rp_bytes data, int err)
{
	struct peer *p = RP_CONTAINER_OF(io, struct peer, io);

	p->recv_calls++;
	if (err != 0)
		p->recv_err = err;
	else if (data.len == 0)
		p->ends++;
	if (p->got != NULL && data.len > 0) {
		assert_true(data.len <= p->got_max - p->got_bytes);
		memcpy(p->got + p->got_bytes, data.ptr, data.len);
	}
	p->got_bytes += data.len;
	if (p->closes_on_recv)
		rp_loop_close(p->loop, io);
}

static void on_sent(struct rp_io *io, int err)
{
	struct peer *p = RP_CONTAINER_OF(io, struct peer, io);

	p->sent_calls++;
	p->sent_err = err;
	if (p->closes_on_sent)
		rp_loop_close(p->loop, io);
	else if (err == 0 && p->sends_left-- > 0)
		assert_int_equal(rp_loop_send(p->loop, io, p->again), RP_OK);
}

static void on_readable(struct rp_io *io)
{
	struct peer *p = RP_CONTAINER_OF(io, struct peer, io);
	uint64_t n = 0;

	p->readable_calls++;
	assert_int_equal(read(io->fd, &n, sizeof(n)), sizeof(n));
}

static void on_closed(struct rp_io *io)
{
	struct peer *p = RP_CONTAINER_OF(io, struct peer, io);

	p->closed_calls++;
}

static const struct rp_io_ops ops = {on_accept, on_recv, on_sent, on_readable, on_closed};

static int turn_ends;

static void end_of_turn(void *user, int64_t now_ns)
{
	assert_true(now_ns > 0);
	assert_non_null(user);
	turn_ends++;
}

enum { CONSERVATIVE = 1 << 8, POLLING = 1 << 9 }; /* beside the back end in a test's state */

static struct rp_loop *make_loop(void **state)
{
	uintptr_t choice = (uintptr_t)*state;
	struct rp_loop_options options = {
		.backend = (enum rp_io_choice)(choice & 0xff),
		.busy_poll_ns = (choice & POLLING) != 0 ? RP_NS_PER_MS : 0,
		.is_conservative = (choice & CONSERVATIVE) != 0,
		.connections_max = 1024,
		.end_of_turn = end_of_turn,
		.user = &turn_ends,
	};
	struct rp_loop *loop = NULL;
	const char *reason = NULL;

	assert_int_equal(rp_loop_new(&options, &loop, &reason), RP_OK);
	assert_int_equal(rp_loop_backend(loop), options.backend);
	return loop;
}

static void peer_init(struct peer *p, struct rp_loop *loop, int fd)
{
	*p = (struct peer){.loop = loop, .io = {.ops = &ops, .fd = fd}};
}

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
			 0);
}

/* Turn until *value reaches want, at most two seconds. */
static void turn_until(struct rp_loop *loop, const int *value, int want)
{
	int64_t end = rp_clock_monotonic_ns() + 2 * RP_NS_PER_S;

	while (*value < want && rp_clock_monotonic_ns() < end) {
		rp_loop_set_deadline(loop, rp_clock_monotonic_ns() + 50 * RP_NS_PER_MS);
		assert_int_equal(rp_loop_turn(loop), RP_OK);
	}
	assert_int_equal(*value, want);
}

static void turn_for(struct rp_loop *loop, int ms)
{
	int64_t end = rp_clock_monotonic_ns() + ms * RP_NS_PER_MS;

	while (rp_clock_monotonic_ns() < end) {
		rp_loop_set_deadline(loop, end);
		assert_int_equal(rp_loop_turn(loop), RP_OK);
	}
}

static void close_all(struct rp_loop *loop, struct peer *p)
{
	rp_loop_close(loop, &p->io);
	turn_until(loop, &p->closed_calls, 1);
	turn_for(loop, 5);
	assert_int_equal(p->closed_calls, 1);
}

static void received_bytes_come_in_order_and_then_the_end(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	uint8_t got[64];

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.got = got;
	p.got_max = sizeof(got);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(fds[1], "abcdef" + 2 * i, 2), 2);
		turn_until(loop, &p.recv_calls, i + 1);
	}
	assert_memory_equal(got, "abcdef", 6);
	close(fds[1]);
	turn_until(loop, &p.ends, 1);
	/* Ended is ended: nothing spins. */
	int calls = p.recv_calls;

	turn_for(loop, 20);
	assert_int_equal(p.recv_calls, calls);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void a_turn_ends_at_the_deadline(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int64_t start = rp_clock_monotonic_ns();

	turn_ends = 0;
	rp_loop_set_deadline(loop, start + 20 * RP_NS_PER_MS);
	/* A signal may end a wait early. */
	while (rp_clock_monotonic_ns() < start + 20 * RP_NS_PER_MS)
		assert_int_equal(rp_loop_turn(loop), RP_OK);
	assert_true(rp_loop_now_ns(loop) >= start);
	assert_in_range(turn_ends, 1, 4);
	rp_loop_free(loop);
}

static void a_deadline_may_move_to_either_side(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int64_t start = rp_clock_monotonic_ns();

	turn_ends = 0;
	rp_loop_set_deadline(loop, start + 60 * RP_NS_PER_MS);
	assert_int_equal(rp_loop_turn(loop), RP_OK); /* 60 ms, or a signal */
	/* A far one, then one before it, which must not wait for the far one's. */
	int64_t now = rp_clock_monotonic_ns();
	int fds[2];
	struct peer p;

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	assert_int_equal(write(fds[1], "x", 1), 1);
	rp_loop_set_deadline(loop, now + 10 * RP_NS_PER_S);
	turn_until(loop, &p.recv_calls, 1);
	rp_loop_set_deadline(loop, rp_clock_monotonic_ns() + 20 * RP_NS_PER_MS);
	assert_int_equal(rp_loop_turn(loop), RP_OK);
	/* Nothing to wait for at all: the far timer must not be taken for an event of p. */
	assert_true(rp_clock_monotonic_ns() - now < 2 * RP_NS_PER_S);
	assert_int_equal(p.recv_calls, 1);
	close(fds[1]);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static long sleeps(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

static void a_loop_sleeps_only_when_its_busy_poll_is_over(void **state)
{
	bool is_polling = ((uintptr_t)*state & POLLING) != 0;
	struct rp_loop *loop = make_loop(state);

	for (int ms = 0; ms <= 4; ms += 4) { /* half of the poll; four times the poll */
		long before = sleeps();
		int64_t start = rp_clock_monotonic_ns();
		int64_t end = start + (ms > 0 ? ms * RP_NS_PER_MS : RP_NS_PER_MS / 2);

		rp_loop_set_deadline(loop, end);
		assert_int_equal(rp_loop_turn(loop), RP_OK);
		assert_true(rp_clock_monotonic_ns() >= end);
		if (is_polling && ms == 0)
			assert_int_equal(sleeps(), before);
		else
			assert_true(sleeps() > before);
	}
	rp_loop_free(loop);
}

static void a_send_larger_than_the_socket_goes_out_whole(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	struct peer reader;
	uint8_t *data = malloc(BIG_BYTES);
	uint8_t *got = malloc(BIG_BYTES);

	for (size_t i = 0; i < BIG_BYTES; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	peer_init(&reader, loop, fds[1]);
	reader.got = got;
	reader.got_max = BIG_BYTES;
	assert_int_equal(rp_loop_send(loop, &p.io, rp_bytes(data, BIG_BYTES)), RP_OK);
	turn_for(loop, 20);
	assert_int_equal(p.sent_calls, 0); /* the socket holds far less */
	assert_int_equal(rp_loop_recv(loop, &reader.io), RP_OK);
	turn_until(loop, &p.sent_calls, 1);
	assert_int_equal(p.sent_err, 0);
	turn_for(loop, 20);
	assert_int_equal(reader.got_bytes, BIG_BYTES);
	assert_memory_equal(got, data, BIG_BYTES);
	close_all(loop, &p);
	close_all(loop, &reader);
	rp_loop_free(loop);
	free(data);
	free(got);
}

static void a_quiet_send_larger_than_the_socket_goes_out_whole(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	struct peer reader;
	uint8_t *data = malloc(BIG_BYTES);
	uint8_t *got = malloc(BIG_BYTES);

	for (size_t i = 0; i < BIG_BYTES; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 11);
	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	peer_init(&reader, loop, fds[1]);
	p.io.sent_may_wait = true;
	reader.got = got;
	reader.got_max = BIG_BYTES;
	for (int round = 1; round <= 3; round++) {
		reader.got_bytes = 0;
		assert_int_equal(rp_loop_send(loop, &p.io, rp_bytes(data, BIG_BYTES)), RP_OK);
		if (round == 1) {
			turn_for(loop, 20);
			assert_int_equal(p.sent_calls, 0); /* the socket holds far less */
			assert_int_equal(rp_loop_recv(loop, &reader.io), RP_OK);
		}
		turn_until(loop, &p.sent_calls, round);
		assert_int_equal(p.sent_err, 0);
		turn_for(loop, 20);
		assert_int_equal(reader.got_bytes, BIG_BYTES);
		assert_memory_equal(got, data, BIG_BYTES);
	}
	close_all(loop, &p);
	close_all(loop, &reader);
	rp_loop_free(loop);
	free(data);
	free(got);
}

static void a_quiet_send_costs_one_turn_only(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	char got[4];

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.io.sent_may_wait = true;
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	turn_for(loop, 20); /* the timer's first beat, too */
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(rp_loop_send(loop, &p.io, RP_BYTES_LIT("ping")), RP_OK);
		assert_int_equal(p.sent_calls, i - 1); /* never within the call */
		turn_ends = 0;
		turn_for(loop, 15);
		assert_in_range(turn_ends, 1, 3); /* sent, and the deadline */
		assert_int_equal(p.sent_calls, i);
		assert_int_equal(read(fds[1], got, sizeof(got)), 4);
	}
	close(fds[1]);
	turn_until(loop, &p.ends, 1);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void quiet_may_be_taken_back_before_the_turn_ends(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	for (int i = 1; i <= 3; i++) {
		int64_t start = rp_clock_monotonic_ns();

		p.io.sent_may_wait = true;
		assert_int_equal(rp_loop_send(loop, &p.io, RP_BYTES_LIT("ping")), RP_OK);
		p.io.sent_may_wait = false;
		rp_loop_set_deadline(loop, start + 2 * RP_NS_PER_S);
		assert_int_equal(rp_loop_turn(loop), RP_OK);
		assert_int_equal(p.sent_calls, i);
		assert_true(rp_clock_monotonic_ns() - start < RP_NS_PER_S);
	}
	close(fds[1]);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void an_error_of_the_peer_ends_a_quiet_send(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.io.sent_may_wait = true;
	close(fds[1]);
	assert_int_equal(rp_loop_send(loop, &p.io, RP_BYTES_LIT("anybody?")), RP_OK);
	turn_until(loop, &p.sent_calls, 1);
	assert_int_equal(p.sent_err, -EPIPE);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void closing_during_a_quiet_send_is_silent(void **state)
{
	struct rp_loop *loop = make_loop(state);
	uint8_t *data = calloc(1, BIG_BYTES);

	for (int turns = 0; turns < 3; turns++) { /* not submitted; tried; under way */
		int fds[2];
		struct peer p;

		make_pair(fds);
		peer_init(&p, loop, fds[0]);
		p.io.sent_may_wait = true;
		assert_int_equal(rp_loop_send(loop, &p.io, rp_bytes(data, BIG_BYTES)), RP_OK);
		for (int i = 0; i < turns; i++) {
			rp_loop_set_deadline(loop, 0);
			assert_int_equal(rp_loop_turn(loop), RP_OK);
		}
		close_all(loop, &p);
		assert_int_equal(p.sent_calls, 0);
		close(fds[1]);
	}
	free(data);
	rp_loop_free(loop);
}

static void a_send_may_follow_from_on_sent(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	char got[64];

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.sends_left = 9;
	p.again = RP_BYTES_LIT("xy");
	assert_int_equal(rp_loop_send(loop, &p.io, p.again), RP_OK);
	assert_int_equal(p.sent_calls, 0); /* never within the call */
	turn_until(loop, &p.sent_calls, 10);
	assert_int_equal(read(fds[1], got, sizeof(got)), 20);
	close(fds[1]);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void closing_during_a_send_is_silent(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	uint8_t *data = calloc(1, BIG_BYTES);

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	assert_int_equal(rp_loop_send(loop, &p.io, rp_bytes(data, BIG_BYTES)), RP_OK);
	turn_for(loop, 10);
	close_all(loop, &p);
	assert_int_equal(p.sent_calls, 0);
	assert_int_equal(p.recv_calls, 0);
	free(data);
	close(fds[1]);
	rp_loop_free(loop);
}

static void closing_in_a_callback_is_allowed(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.closes_on_recv = true;
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	assert_int_equal(rp_loop_send(loop, &p.io, RP_BYTES_LIT("bye")), RP_OK);
	assert_int_equal(write(fds[1], "x", 1), 1);
	turn_until(loop, &p.closed_calls, 1);
	close(fds[1]);

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	p.closes_on_sent = true;
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	assert_int_equal(rp_loop_send(loop, &p.io, RP_BYTES_LIT("bye")), RP_OK);
	turn_until(loop, &p.closed_calls, 1);
	turn_for(loop, 5);
	assert_int_equal(p.closed_calls, 1);
	close(fds[1]);
	rp_loop_free(loop);
}

static void an_error_of_the_peer_ends_the_send(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;
	uint8_t *data = calloc(1, BIG_BYTES);

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	assert_int_equal(rp_loop_send(loop, &p.io, rp_bytes(data, BIG_BYTES)), RP_OK);
	turn_for(loop, 10);
	close(fds[1]);
	turn_until(loop, &p.sent_calls, 1);
	assert_true(p.sent_err < 0);
	close_all(loop, &p);
	rp_loop_free(loop);
	free(data);
}

static void receiving_can_be_stopped_and_taken_up_again(void **state)
{
	struct rp_loop *loop = make_loop(state);
	int fds[2];
	struct peer p;

	make_pair(fds);
	peer_init(&p, loop, fds[0]);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	turn_for(loop, 5);
	rp_loop_recv_stop(loop, &p.io);
	turn_for(loop, 5);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	turn_for(loop, 20);
	assert_int_equal(p.recv_calls, 0);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	turn_until(loop, &p.recv_calls, 1);
	assert_int_equal(p.got_bytes, 3);
	/* Within one turn, too. */
	rp_loop_recv_stop(loop, &p.io);
	assert_int_equal(rp_loop_recv(loop, &p.io), RP_OK);
	assert_int_equal(write(fds[1], "def", 3), 3);
	turn_until(loop, &p.recv_calls, 2);
	/* A hang-up while stopped does not spin. */
	rp_loop_recv_stop(loop, &p.io);
	turn_for(loop, 5);
	close(fds[1]);
	turn_ends = 0;
	turn_for(loop, 30);
	assert_true(turn_ends < 10);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static int listen_on_loopback(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(listen(fd, MANY), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	return fd;
}

static void many_connections_are_accepted_and_echoed(void **state)
{
	struct rp_loop *loop = make_loop(state);
	struct sockaddr_in address;
	struct peer listener;
	struct peer *peers = calloc(MANY, sizeof(*peers));
	int clients[MANY];
	char byte = 0;

	peer_init(&listener, loop, listen_on_loopback(&address));
	assert_int_equal(rp_loop_accept(loop, &listener.io), RP_OK);
	for (int i = 0; i < MANY; i++)
		clients[i] = connect_to(&address);
	turn_until(loop, &listener.accept_calls, MANY);
	for (int i = 0; i < MANY; i++) {
		int flags = fcntl(listener.accepted[i], F_GETFL);

		assert_true((flags & O_NONBLOCK) != 0);
		peer_init(&peers[i], loop, listener.accepted[i]);
		assert_int_equal(rp_loop_recv(loop, &peers[i].io), RP_OK);
	}
	/* More at once than there are provided buffers. */
	for (int round = 1; round <= 3; round++) {
		for (int i = 0; i < MANY; i++)
			assert_int_equal(write(clients[i], "x", 1), 1);
		for (int i = 0; i < MANY; i++)
			turn_until(loop, &peers[i].recv_calls, round);
	}
	for (int i = 0; i < MANY; i++)
		assert_int_equal(rp_loop_send(loop, &peers[i].io, RP_BYTES_LIT("y")), RP_OK);
	for (int i = 0; i < MANY; i++) {
		turn_until(loop, &peers[i].sent_calls, 1);
		assert_int_equal(read(clients[i], &byte, 1), 1);
		close(clients[i]);
		turn_until(loop, &peers[i].ends, 1);
		close_all(loop, &peers[i]);
	}
	close_all(loop, &listener);
	rp_loop_free(loop);
	free(peers);
}

static void a_flood_larger_than_the_buffers_arrives_whole(void **state)
{
	struct rp_loop *loop = make_loop(state);
	struct sockaddr_in address;
	struct peer listener;
	struct peer sender;
	struct peer reader;
	uint8_t *data = calloc(1, BIG_BYTES);

	peer_init(&listener, loop, listen_on_loopback(&address));
	assert_int_equal(rp_loop_accept(loop, &listener.io), RP_OK);
	peer_init(&sender, loop, connect_to(&address));
	turn_until(loop, &listener.accept_calls, 1);
	peer_init(&reader, loop, listener.accepted[0]);
	assert_int_equal(rp_loop_send(loop, &sender.io, rp_bytes(data, BIG_BYTES)), RP_OK);
	turn_for(loop, 10);
	assert_int_equal(rp_loop_recv(loop, &reader.io), RP_OK);
	turn_until(loop, &sender.sent_calls, 1);
	close_all(loop, &sender);
	turn_until(loop, &reader.ends, 1);
	assert_int_equal(reader.got_bytes, BIG_BYTES);
	close_all(loop, &reader);
	close_all(loop, &listener);
	rp_loop_free(loop);
	free(data);
}

/* Far more waits in the sockets than there are buffers for: each gets its turn. */
static void floods_of_many_connections_arrive_whole(void **state)
{
	enum { CONNECTIONS = 64, EACH = 192 * 1024 };
	struct rp_loop *loop = make_loop(state);
	struct peer *readers = calloc(CONNECTIONS, sizeof(*readers));
	uint8_t *data = malloc(EACH + CONNECTIONS);
	int writers[CONNECTIONS];
	int written[CONNECTIONS] = {0};

	for (size_t i = 0; i < EACH + CONNECTIONS; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 9);
	for (int i = 0; i < CONNECTIONS; i++) {
		int fds[2];

		make_pair(fds);
		writers[i] = fds[1];
		peer_init(&readers[i], loop, fds[0]);
		readers[i].got = malloc(EACH);
		readers[i].got_max = EACH;
		assert_int_equal(rp_loop_recv(loop, &readers[i].io), RP_OK);
	}
	/* One is stopped and taken up, one is closed while they stand in line. */
	for (int round = 0, left = CONNECTIONS; left > 0; round++) {
		assert_true(round < 100000);
		left = 0;
		for (int i = 0; i < CONNECTIONS; i++) {
			ssize_t n = send(writers[i], data + i + written[i],
					 (size_t)(EACH - written[i]), MSG_NOSIGNAL);

			if (n > 0)
				written[i] += (int)n;
			if (i != 7)
				left += readers[i].got_bytes < EACH;
		}
		if (round == 2)
			rp_loop_recv_stop(loop, &readers[5].io);
		if (round == 4)
			assert_int_equal(rp_loop_recv(loop, &readers[5].io), RP_OK);
		if (round == 3)
			rp_loop_close(loop, &readers[7].io);
		rp_loop_set_deadline(loop, rp_clock_monotonic_ns() + 5 * RP_NS_PER_MS);
		assert_int_equal(rp_loop_turn(loop), RP_OK);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		if (i != 7) {
			assert_memory_equal(readers[i].got, data + i, EACH);
			close_all(loop, &readers[i]);
		}
		close(writers[i]);
		free(readers[i].got);
	}
	assert_int_equal(readers[7].closed_calls, 1);
	rp_loop_free(loop);
	free(readers);
	free(data);
}

/* More sends in a turn, and more of them stuck, than small rings hold. */
static void many_quiet_sends_of_a_turn_arrive_whole(void **state)
{
	enum { CONNECTIONS = 64, EACH = 1024 * 1024 };
	struct rp_loop *loop = make_loop(state);
	struct peer *senders = calloc(CONNECTIONS, sizeof(*senders));
	struct peer *readers = calloc(CONNECTIONS, sizeof(*readers));
	uint8_t *data = calloc(1, EACH);

	for (int i = 0; i < CONNECTIONS; i++) {
		int fds[2];

		make_pair(fds);
		peer_init(&senders[i], loop, fds[0]);
		peer_init(&readers[i], loop, fds[1]);
		senders[i].io.sent_may_wait = true;
		assert_int_equal(rp_loop_recv(loop, &readers[i].io), RP_OK);
	}
	for (int round = 1; round <= 3; round++) {
		/* Every other one is small: it completes in silence. */
		for (int i = 0; i < CONNECTIONS; i++)
			assert_int_equal(rp_loop_send(loop, &senders[i].io,
						      rp_bytes(data, i % 2 == 0 ? EACH : 10)),
					 RP_OK);
		for (int i = 0; i < CONNECTIONS; i++) {
			turn_until(loop, &senders[i].sent_calls, round);
			assert_int_equal(senders[i].sent_err, 0);
		}
		turn_for(loop, 20);
		for (int i = 0; i < CONNECTIONS; i++)
			assert_int_equal(readers[i].got_bytes,
					 (size_t)round * (i % 2 == 0 ? EACH : 10));
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		close_all(loop, &senders[i]);
		close_all(loop, &readers[i]);
	}
	rp_loop_free(loop);
	free(senders);
	free(readers);
	free(data);
}

static void accepting_goes_on_after_descriptors_ran_out(void **state)
{
	struct rp_loop *loop = make_loop(state);
	struct sockaddr_in address;
	struct peer listener;
	struct rlimit before;
	struct rlimit low;

	peer_init(&listener, loop, listen_on_loopback(&address));
	int client = connect_to(&address);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(rp_loop_accept(loop, &listener.io), RP_OK);
	turn_ends = 0;
	turn_for(loop, 50);
	assert_int_equal(listener.accept_calls, 0);
	assert_true(turn_ends < 20); /* it does not spin */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	turn_until(loop, &listener.accept_calls, 1);
	close(listener.accepted[0]);
	close(client);
	close_all(loop, &listener);
	rp_loop_free(loop);
}

static void a_watched_descriptor_is_reported_each_time(void **state)
{
	struct rp_loop *loop = make_loop(state);
	struct peer p;
	const uint64_t one = 1;

	peer_init(&p, loop, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	assert_int_equal(rp_loop_watch(loop, &p.io), RP_OK);
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(write(p.io.fd, &one, sizeof(one)), sizeof(one));
		turn_until(loop, &p.readable_calls, i);
	}
	turn_for(loop, 10);
	assert_int_equal(p.readable_calls, 5);
	close_all(loop, &p);
	rp_loop_free(loop);
}

static void auto_takes_io_uring_or_says_why_not(void **state)
{
	struct rp_loop_options options = {.backend = RP_IO_AUTO, .connections_max = 16};
	struct rp_loop *loop = NULL;
	const char *reason = NULL;

	(void)state;
	assert_int_equal(rp_loop_new(&options, &loop, &reason), RP_OK);
	if (rp_loop_backend(loop) == RP_IO_URING)
		assert_string_equal(reason, "");
	else
		assert_string_not_equal(reason, "");
	rp_loop_free(loop);
}

/* As the default profile of container runtimes does it. */
static bool forbid_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = RP_ARRAY_LEN(filter), .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child: exit codes, no assertions. */
static int run_under_seccomp(void)
{
	struct rp_loop_options options = {.backend = RP_IO_AUTO, .connections_max = 16};
	struct rp_loop *loop = NULL;
	const char *reason = "";

	if (!forbid_io_uring())
		return 2;
	if (rp_loop_new(&options, &loop, &reason) != RP_OK ||
	    rp_loop_backend(loop) != RP_IO_EPOLL || strstr(reason, "seccomp") == NULL)
		return 3;
	rp_loop_free(loop);
	options.backend = RP_IO_URING;
	return rp_loop_new(&options, &loop, &reason) == RP_EUNSUPPORTED ? 0 : 4;
}

static void a_seccomp_profile_leads_to_epoll(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(run_under_seccomp());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define ON(name, test, choice)                                                                     \
	{                                                                                          \
#test "/" name, test, NULL, NULL, (void *)(uintptr_t)(choice)                      \
	}
#define ALL(test)                                                                                  \
	ON("epoll", test, RP_IO_EPOLL), ON("io_uring", test, RP_IO_URING),                         \
		ON("io_uring of 6.1", test, RP_IO_URING | CONSERVATIVE),                           \
		ON("epoll, polling", test, RP_IO_EPOLL | POLLING),                                 \
		ON("io_uring, polling", test, RP_IO_URING | POLLING)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL(received_bytes_come_in_order_and_then_the_end),
		ALL(a_turn_ends_at_the_deadline),
		ALL(a_send_larger_than_the_socket_goes_out_whole),
		ALL(a_loop_sleeps_only_when_its_busy_poll_is_over),
		ALL(a_deadline_may_move_to_either_side),
		ALL(a_quiet_send_larger_than_the_socket_goes_out_whole),
		ALL(a_quiet_send_costs_one_turn_only),
		ALL(quiet_may_be_taken_back_before_the_turn_ends),
		ALL(an_error_of_the_peer_ends_a_quiet_send),
		ALL(closing_during_a_quiet_send_is_silent),
		ALL(floods_of_many_connections_arrive_whole),
		ALL(many_quiet_sends_of_a_turn_arrive_whole),
		ALL(a_send_may_follow_from_on_sent),
		ALL(closing_during_a_send_is_silent),
		ALL(closing_in_a_callback_is_allowed),
		ALL(an_error_of_the_peer_ends_the_send),
		ALL(receiving_can_be_stopped_and_taken_up_again),
		ALL(many_connections_are_accepted_and_echoed),
		ALL(a_flood_larger_than_the_buffers_arrives_whole),
		ALL(accepting_goes_on_after_descriptors_ran_out),
		ALL(a_watched_descriptor_is_reported_each_time),
		cmocka_unit_test(a_seccomp_profile_leads_to_epoll),
		cmocka_unit_test(auto_takes_io_uring_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
