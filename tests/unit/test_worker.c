/* SPDX-License-Identifier: Apache-2.0
 *
 * Real workers in child processes, with this test in the supervisor's place; on both back ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/pb_wire.h"
#include "dataplane/worker.h"
#include "shm/clock.h"
#include "shm/layout.h"

enum { WORKERS = 2, CLIENTS = 8, HIGH_FD = 300, STALL_STREAMS = 100, STALL_BYTES = 150000 };

static struct {
	struct rp_shared shared;
	int tables_fd;
	int ext_proc_fd;
	int health_fd;
	struct sockaddr_in ext_proc;
	struct sockaddr_in health;
	int wake[WORKERS];
	int secrets[WORKERS][2];
	int handoff[WORKERS][2];
	pid_t pid[WORKERS];
} sup;

/* ---- the supervisor's part ---- */

static int bind_loopback(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

static struct rp_worker_state *state_of(int i)
{
	return &sup.shared.live->process.worker[i];
}

static void give(int fd, int number)
{
	int high = fcntl(fd, F_DUPFD, HIGH_FD);

	if (high < 0 || dup2(high, number) < 0)
		_exit(99);
}

static void start_worker(int i)
{
	atomic_store(&state_of(i)->connections, 0);
	atomic_store(&state_of(i)->is_ready, 0);
	atomic_fetch_add(&state_of(i)->generation, 1);
	sup.pid[i] = fork();
	assert_true(sup.pid[i] >= 0);
	if (sup.pid[i] == 0) {
		const int from[] = {sup.tables_fd,     sup.shared.live_segment.fd,
				    sup.ext_proc_fd,   sup.health_fd,
				    sup.wake[i],       sup.secrets[i][0],
				    sup.handoff[i][0], sup.handoff[0][1],
				    sup.handoff[1][1]};
		const int to[] = {RP_FD_TABLES,	 RP_FD_LIVE,	      RP_FD_EXT_PROC,
				  RP_FD_HEALTH,	 RP_FD_WAKE,	      RP_FD_SECRETS,
				  RP_FD_HANDOFF, RP_FD_HANDOFF_FIRST, RP_FD_HANDOFF_FIRST + 1};
		int high[RP_ARRAY_LEN(from)];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		for (size_t k = 0; k < RP_ARRAY_LEN(from); k++)
			high[k] = fcntl(from[k], F_DUPFD, HIGH_FD);
		for (size_t k = 0; k < RP_ARRAY_LEN(from); k++)
			give(high[k], to[k]);
		for (int fd = RP_FD_HANDOFF_FIRST + WORKERS; fd < 1024; fd++)
			close(fd);
		_exit(rp_worker_run((uint32_t)i) == RP_OK ? 0 : 1);
	}
	atomic_store(&state_of(i)->pid, (uint32_t)sup.pid[i]);
}

static void set_phase(enum rp_phase phase)
{
	const uint64_t one = 1;

	atomic_store(&sup.shared.live->process.phase, phase);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(write(sup.wake[i], &one, sizeof(one)), sizeof(one));
}

static int reap(int i)
{
	int status = 0;

	assert_int_equal(waitpid(sup.pid[i], &status, 0), sup.pid[i]);
	sup.pid[i] = 0;
	atomic_store(&state_of(i)->pid, 0);
	atomic_store(&state_of(i)->is_ready, 0);
	atomic_store(&state_of(i)->connections, 0);
	return status;
}

static void wait_until_ready(int i)
{
	for (int tries = 0; tries < 500 && atomic_load(&state_of(i)->is_ready) == 0; tries++)
		usleep(10000);
	assert_int_equal(atomic_load(&state_of(i)->is_ready), 1);
}

static int setup(void **state)
{
	const struct rp_settings settings = {
		.worker_count = WORKERS,
		.io_backend = (uint32_t)(uintptr_t)*state,
		.endpoints_max = 64,
		.metric_series_max = 64,
		.prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
		.body_bytes_max = 1 << 20,
		.body_memory_bytes = 16 << 20,
		.recv_message_max = 1 << 20,
		.streams_max = 1000,
		.verbosity = 4,
	};

	assert_int_equal(rp_shared_create(&settings, &sup.shared), RP_OK);
	sup.tables_fd = rp_segment_reopen_readonly(&sup.shared.tables_segment);
	assert_true(sup.tables_fd >= 0);
	sup.ext_proc_fd = bind_loopback(&sup.ext_proc);
	sup.health_fd = bind_loopback(&sup.health);
	assert_int_equal(listen(sup.health_fd, 64), 0);
	for (int i = 0; i < WORKERS; i++) {
		sup.wake[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sup.secrets[i]), 0);
		assert_int_equal(
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sup.handoff[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++)
		start_worker(i);
	for (int i = 0; i < WORKERS; i++)
		wait_until_ready(i);
	assert_int_equal(listen(sup.ext_proc_fd, 64), 0);
	set_phase(RP_PHASE_SERVING);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < WORKERS; i++) {
		if (sup.pid[i] > 0) {
			kill(sup.pid[i], SIGKILL);
			(void)reap(i);
		}
		close(sup.wake[i]);
		for (int k = 0; k < 2; k++) {
			close(sup.secrets[i][k]);
			close(sup.handoff[i][k]);
		}
	}
	close(sup.ext_proc_fd);
	close(sup.health_fd);
	close(sup.tables_fd);
	close(sup.shared.tables_segment.fd);
	close(sup.shared.live_segment.fd);
	rp_shared_detach(&sup.shared);
	return 0;
}

/* ---- a gateway's idle connections, by hand ---- */

struct client {
	int fd;
	uint8_t in[65536];
	size_t in_bytes;
	int settings;
	int goaways;
	int acks;
	int times_connected;
	int ends;			   /* of streams */
	uint32_t taken[2 * STALL_STREAMS]; /* DATA bytes by stream id, not given back */
	bool is_open;
};

static struct client clients[CLIENTS];

static void client_connect(struct client *c, const struct sockaddr_in *address)
{
	static const uint8_t hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	int times = c->times_connected;

	*c = (struct client){.times_connected = times + 1};
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (const struct sockaddr *)address, sizeof(*address)), 0);
	c->is_open = true;
	assert_int_equal(send(c->fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL), sizeof(hello) - 1);
}

static void on_frame(struct client *c, const uint8_t *frame, size_t n)
{
	uint8_t ack[17];

	if (frame[3] == 4 && (frame[4] & 1) == 0)
		c->settings++;
	if (frame[3] == 7)
		c->goaways++;
	if (frame[3] == 0 && frame[8] < RP_ARRAY_LEN(c->taken))
		c->taken[frame[8]] += (uint32_t)(n - 9);
	if (frame[3] == 1 && (frame[4] & 1) != 0)
		c->ends++;
	if (frame[3] == 6 && (frame[4] & 1) != 0)
		c->acks++;
	if (frame[3] == 6 && (frame[4] & 1) == 0) {
		assert_int_equal(n, sizeof(ack));
		memcpy(ack, frame, n);
		ack[4] = 1;
		(void)send(c->fd, ack, sizeof(ack), MSG_NOSIGNAL);
	}
}

static void client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_bytes, sizeof(c->in) - c->in_bytes, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close(c->fd);
		c->is_open = false;
		return;
	}
	c->in_bytes += (size_t)n;
	size_t at = 0;

	while (c->in_bytes - at >= 9) {
		const uint8_t *frame = c->in + at;
		size_t length = 9 + ((size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2]);

		if (c->in_bytes - at < length)
			break;
		on_frame(c, frame, length);
		at += length;
	}
	memmove(c->in, c->in + at, c->in_bytes - at);
	c->in_bytes -= at;
}

/* Let the clients live for a while; with reconnect, those that were sent away come back. */
static void live(int ms, bool reconnects)
{
	int64_t end = rp_clock_monotonic_ns() + ms * RP_NS_PER_MS;

	while (rp_clock_monotonic_ns() < end) {
		for (int i = 0; i < CLIENTS; i++) {
			if (clients[i].is_open)
				client_read(&clients[i]);
			else if (reconnects)
				client_connect(&clients[i], &sup.ext_proc);
		}
		usleep(2000);
	}
}

static bool is_even(void)
{
	return atomic_load(&state_of(0)->connections) == CLIENTS / 2 &&
	       atomic_load(&state_of(1)->connections) == CLIENTS / 2;
}

static void connect_all(void)
{
	memset(clients, 0, sizeof(clients));
	for (int i = 0; i < CLIENTS; i++)
		client_connect(&clients[i], &sup.ext_proc);
	live(300, false);
	for (int i = 0; i < CLIENTS; i++) {
		assert_true(clients[i].is_open);
		assert_int_equal(clients[i].settings, 1);
		assert_int_equal(clients[i].goaways, 0);
	}
}

static void close_clients(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i].is_open)
			close(clients[i].fd);
		clients[i].is_open = false;
	}
}

/* ---- tests ---- */

static void connections_are_spread_evenly(void **state)
{
	(void)state;
	connect_all();
	assert_true(is_even());
	assert_int_equal(atomic_load(&state_of(0)->accepted), CLIENTS / 2);
	assert_int_equal(atomic_load(&state_of(1)->accepted), CLIENTS / 2);
	close_clients();
	live(300, false);
	assert_int_equal(atomic_load(&state_of(0)->connections), 0);
	assert_int_equal(atomic_load(&state_of(1)->connections), 0);
}

static void the_balance_is_back_soon_after_a_worker_was_killed(void **state)
{
	int64_t start = 0;

	(void)state;
	connect_all();
	assert_int_equal(kill(sup.pid[1], SIGKILL), 0);
	(void)reap(1);
	live(200, true);
	assert_int_equal(atomic_load(&state_of(0)->connections), CLIENTS);
	start_worker(1);
	wait_until_ready(1);
	start = rp_clock_monotonic_ns();
	while (!is_even() && rp_clock_monotonic_ns() - start < 10 * RP_NS_PER_S)
		live(50, true);
	print_message("even after %lld ms\n",
		      (long long)((rp_clock_monotonic_ns() - start) / RP_NS_PER_MS));
	assert_true(is_even());
	/* And it stays so. */
	uint64_t rebalanced = atomic_load(&sup.shared.live->worker[0].counters.rebalanced);

	assert_true(rebalanced >= 3 && rebalanced <= 6);
	live(3000, true);
	assert_true(is_even());
	assert_int_equal(atomic_load(&sup.shared.live->worker[0].counters.rebalanced), rebalanced);
	close_clients();
}

static void stopping_says_good_bye_and_ends(void **state)
{
	(void)state;
	connect_all();
	/* A slow one does not answer the PING: the time limit takes its place. */
	set_phase(RP_PHASE_STOPPING);
	live(500, false);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(clients[i].goaways, 2);
		assert_false(clients[i].is_open);
	}
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(reap(i), 0);
}

static void an_idle_worker_reports_and_does_not_spin(void **state)
{
	const struct rp_counters *counters = &sup.shared.live->worker[0].counters;
	const struct rp_publication_reader *readers = sup.shared.live->publication.reader;
	uint32_t reader = RP_WORKERS_MAX * (atomic_load(&state_of(0)->generation) & 1);

	(void)state;
	uint64_t before = atomic_load(&counters->turns);
	int64_t reported = atomic_load(&readers[reader].turn_ns);

	usleep(1000000);
	uint64_t turns = atomic_load(&counters->turns) - before;

	assert_true(turns >= 3 && turns <= 8);
	assert_true(atomic_load(&readers[reader].turn_ns) - reported >= 500 * RP_NS_PER_MS);
	assert_true(rp_clock_monotonic_ns() - atomic_load(&readers[reader].turn_ns) <
		    600 * RP_NS_PER_MS);
}

/* Deadlines of calls that are over must not wake the worker, neither at once nor when they pass. */
static void a_worker_does_not_spin_after_a_timed_call(void **state)
{
	static const uint8_t call[] = "\x83\x86\x01\x01h"
				      "\x04\x1c/grpc.health.v1.Health/Watch"
				      "\x0f\x10\x10"
				      "application/grpc"
				      "\x00\x0cgrpc-timeout\x04"
				      "200m";
	static const uint8_t head[] = {0, 0, sizeof(call) - 1, 1, 4, 0, 0, 0, 1};
	static const uint8_t reset[] = {0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8};
	static struct client c;
	uint64_t before[WORKERS];

	(void)state;
	memset(&c, 0, sizeof(c));
	client_connect(&c, &sup.health);
	assert_int_equal(send(c.fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	assert_int_equal(send(c.fd, call, sizeof(call) - 1, MSG_NOSIGNAL), sizeof(call) - 1);
	usleep(50000); /* the deadline is in force when the call ends */
	assert_int_equal(send(c.fd, reset, sizeof(reset), MSG_NOSIGNAL), sizeof(reset));
	usleep(500000);
	for (int i = 0; i < WORKERS; i++)
		before[i] = atomic_load(&sup.shared.live->worker[i].counters.turns);
	usleep(1000000);
	for (int i = 0; i < WORKERS; i++)
		assert_in_range(atomic_load(&sup.shared.live->worker[i].counters.turns) - before[i],
				3, 12);
	client_read(&c);
	assert_true(c.is_open);
	assert_int_equal(c.goaways, 0);
	close(c.fd);
}

static void pings_are_answered_and_earn_no_goaway(void **state)
{
	static const uint8_t ping[17] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 'x'};
	static struct client c;

	(void)state;
	memset(&c, 0, sizeof(c));
	client_connect(&c, &sup.health);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(send(c.fd, ping, sizeof(ping), MSG_NOSIGNAL), sizeof(ping));
		usleep(10000);
		client_read(&c);
	}
	usleep(50000);
	client_read(&c);
	assert_int_equal(c.acks, 50);
	assert_int_equal(c.goaways, 0);
	assert_true(c.is_open);
	close(c.fd);
}

static void garbage_is_closed_cleanly(void **state)
{
	char reply[256];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ssize_t n = 0;

		assert_int_equal(
			connect(fd, (const struct sockaddr *)&sup.ext_proc, sizeof(sup.ext_proc)),
			0);
		assert_int_equal(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
		do {
			n = recv(fd, reply, sizeof(reply), 0);
		} while (n > 0);
		assert_int_equal(n, 0); /* an end, not a reset */
		close(fd);
	}
	usleep(300000);
	assert_int_equal(atomic_load(&state_of(0)->connections), 0);
	assert_int_equal(atomic_load(&state_of(1)->connections), 0);
}

/* Answers to PINGs pile up in front of a peer that does not read: it is cut off, others are served.
 */
static void a_peer_that_does_not_read_is_cut_off(void **state)
{
	static uint8_t pings[17 * 1000];
	static struct client c;
	int64_t end = 0;
	ssize_t n = 0;

	(void)state;
	for (size_t at = 0; at < sizeof(pings); at += 17)
		memcpy(pings + at, "\0\0\10\6\0\0\0\0\0abcdefgh", 17);
	memset(&c, 0, sizeof(c));
	client_connect(&c, &sup.ext_proc);
	int small = 4096;

	(void)setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	end = rp_clock_monotonic_ns() + 15 * RP_NS_PER_S;
	do {
		n = send(c.fd, pings, sizeof(pings), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			usleep(5000);
	} while ((n >= 0 || errno == EAGAIN) && rp_clock_monotonic_ns() < end);
	assert_true(n < 0 && errno != EAGAIN);
	close(c.fd);
	connect_all();
	assert_true(is_even());
	close_clients();
}

static void put(struct rp_writer *w, uint8_t type, uint8_t flags, uint32_t stream,
		struct rp_bytes payload)
{
	rp_write_be32(w, (uint32_t)payload.len << 8 | type);
	rp_write_u8(w, flags);
	rp_write_be32(w, stream);
	rp_write_bytes(w, payload);
}

/* Streams whose answers are larger than their windows. */
static struct rp_bytes stalling_calls(uint8_t *out, size_t out_bytes)
{
	static const uint8_t call[] = "\x83\x86\x01\x01h"
				      "\x04\x34"
				      "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
				      "\x0f\x10\x10"
				      "application/grpc";
	static uint8_t message[STALL_BYTES];
	struct rp_writer m = rp_writer(message, sizeof(message));
	struct rp_writer w = rp_writer(out, out_bytes);
	size_t body = STALL_BYTES - 13;

	rp_write_u8(&m, 0);
	rp_write_be32(&m, STALL_BYTES - 5);
	rp_write_u8(&m, 0x2a); /* response_body */
	rp_pb_write_varint(&m, body + 4);
	rp_write_u8(&m, 0x0a);
	rp_pb_write_varint(&m, body);
	assert_int_equal(m.err, RP_OK);
	assert_int_equal(rp_written(&m) + body, STALL_BYTES);
	for (uint32_t id = 1; id < 2 * STALL_STREAMS; id += 2) {
		put(&w, 1, 4, id, rp_bytes(call, sizeof(call) - 1));
		for (size_t at = 0; at < STALL_BYTES; at += 16384)
			put(&w, 0, at + 16384 >= STALL_BYTES, id,
			    rp_bytes_slice(rp_bytes(message, STALL_BYTES), at, 16384));
	}
	assert_int_equal(w.err, RP_OK);
	return rp_writer_bytes(&w);
}

static void give_back_windows(struct client *c)
{
	uint8_t bytes[13];
	uint8_t count[4];

	for (uint32_t id = 1; id < 2 * STALL_STREAMS; id += 2) {
		struct rp_writer w = rp_writer(bytes, sizeof(bytes));
		struct rp_writer n = rp_writer(count, sizeof(count));

		if (c->taken[id] == 0)
			continue;
		rp_write_be32(&n, c->taken[id]);
		put(&w, 8, 0, id, rp_bytes(count, sizeof(count)));
		c->taken[id] = 0;
		assert_int_equal(send(c->fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	}
}

/* While the peer sleeps its answers pile up and it is not listened to. When it is awake again, all
 * that its windows allow leaves; then its WINDOW_UPDATEs must be heard. */
static void a_peer_that_slept_gets_all_its_answers(void **state)
{
	static const uint8_t opening[] = {0, 0, 0, 4, 1, 0, 0, 0, 0, /* acknowledged SETTINGS */
					  0, 0, 4, 8, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0};
	const size_t bytes = (size_t)STALL_STREAMS * (STALL_BYTES + 1024);
	uint8_t *storage = malloc(bytes);
	static struct client c;
	int waits = 0;

	(void)state;
	memset(&c, 0, sizeof(c));
	client_connect(&c, &sup.ext_proc);
	for (int i = 0; i < 200 && c.settings == 0; i++) {
		usleep(10000);
		client_read(&c);
	}
	assert_int_equal(c.settings, 1);
	assert_int_equal(send(c.fd, opening, sizeof(opening), MSG_NOSIGNAL), sizeof(opening));
	usleep(50000);
	struct rp_bytes left = stalling_calls(storage, bytes);

	for (int64_t end = rp_clock_monotonic_ns() + 20 * RP_NS_PER_S;
	     c.ends < STALL_STREAMS && c.is_open && rp_clock_monotonic_ns() < end;) {
		ssize_t n = left.len > 0
				    ? send(c.fd, left.ptr, left.len, MSG_NOSIGNAL | MSG_DONTWAIT)
				    : 0;

		if (n > 0)
			left = rp_bytes_slice(left, (size_t)n, left.len);
		if (n < 0 || left.len == 0)
			waits++;
		if (waits < 50)
			usleep(n > 0 ? 0 : 10000); /* asleep */
		else
			client_read(&c);
		if (left.len == 0)
			give_back_windows(&c);
	}
	assert_int_equal(left.len, 0);
	assert_int_equal(c.ends, STALL_STREAMS);
	assert_int_equal(c.goaways, 0);
	close(c.fd);
	free(storage);
}

static void the_chosen_back_end_is_reported(void **state)
{
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(atomic_load(&state_of(i)->io_backend), (uintptr_t)*state);
}

#define BOTH(test)                                                                                 \
	{#test "/epoll", test, setup, teardown, (void *)(uintptr_t)RP_IO_EPOLL},                   \
	{                                                                                          \
#test "/io_uring", test, setup, teardown, (void *)(uintptr_t)RP_IO_URING           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(connections_are_spread_evenly),
		BOTH(the_balance_is_back_soon_after_a_worker_was_killed),
		BOTH(stopping_says_good_bye_and_ends),
		BOTH(an_idle_worker_reports_and_does_not_spin),
		BOTH(a_worker_does_not_spin_after_a_timed_call),
		BOTH(pings_are_answered_and_earn_no_goaway),
		BOTH(garbage_is_closed_cleanly),
		BOTH(a_peer_that_does_not_read_is_cut_off),
		BOTH(a_peer_that_slept_gets_all_its_answers),
		BOTH(the_chosen_back_end_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
