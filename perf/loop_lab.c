/* SPDX-License-Identifier: Apache-2.0
 *
 * loop-lab: what the event loop alone costs. A server on dataplane/loop.h echoes messages (one send
 * a connection at the end of a turn, as a worker does); a client process on another core plays
 * ping-pong with it over loopback. Both back ends take turns, and the server's CPU time per message
 * (user and system, from schedstat) is printed with the median and the least of the runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/loop.h"
#include "shm/clock.h"

enum {
	SERVER_CPU = 0,
	CLIENT_CPU = 1,
	RUNS_MAX = 51,
	CONNECTIONS_MAX = 2000,
	EVENTS = 256,
	SAMPLES_MAX = 200000,
	TICK_MS = 250, /* as a worker's */
	EXIT_USAGE = 2,
};

struct options {
	long connections; /* 0: the matrix */
	long bytes;
	long rate; /* messages a second, 0: closed loop */
	long millis;
	long runs;
	long busy_poll_us;
	long is_one_cpu;     /* the client shares the server's: no wake-ups of a halted CPU */
	const char *backend; /* both, io_uring, epoll */
};

static void fail(const char *what)
{
	fprintf(stderr, "loop-lab: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one); /* one CPU only: they share it */
}

/* ---- the server ---- */

struct echo {
	struct rp_io io;
	struct echo *next_dirty;
	uint8_t *data;
	size_t used;
};

static struct rp_loop *server_loop;
static struct echo *dirty;
static size_t message_bytes;

static void on_recv(struct rp_io *io, struct rp_bytes data, int err)
{
	struct echo *echo = RP_CONTAINER_OF(io, struct echo, io);

	if (err != RP_OK || data.len == 0) {
		rp_loop_close(server_loop, io);
		return;
	}
	if (data.len > message_bytes - echo->used)
		fail("the client sent more than a message");
	memcpy(echo->data + echo->used, data.ptr, data.len);
	echo->used += data.len;
	if (echo->used == message_bytes) {
		echo->next_dirty = dirty;
		dirty = echo;
	}
}

static void on_sent(struct rp_io *io, int err)
{
	if (err != RP_OK)
		rp_loop_close(server_loop, io);
}

static void on_closed(struct rp_io *io)
{
	struct echo *echo = RP_CONTAINER_OF(io, struct echo, io);

	free(echo->data);
	free(echo);
}

static const struct rp_io_ops echo_ops = {
	.on_recv = on_recv, .on_sent = on_sent, .on_closed = on_closed};

static void on_accept(struct rp_io *io, int fd)
{
	struct echo *echo = calloc(1, sizeof(*echo));
	const int on = 1;

	(void)io;
	if (echo == NULL)
		fail("memory");
	echo->io = (struct rp_io){.ops = &echo_ops, .fd = fd, .sent_may_wait = true};
	echo->data = malloc(message_bytes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (echo->data == NULL || rp_loop_recv(server_loop, &echo->io) != RP_OK)
		fail("receive");
}

static const struct rp_io_ops listen_ops = {.on_accept = on_accept, .on_closed = on_closed};

static void end_of_turn(void *user, int64_t now_ns)
{
	uint64_t *turns = user;

	++*turns;
	while (dirty != NULL) {
		struct echo *echo = dirty;

		dirty = echo->next_dirty;
		echo->used = 0;
		if (rp_loop_send(server_loop, &echo->io, rp_bytes(echo->data, message_bytes)) !=
		    RP_OK)
			fail("send");
	}
	rp_loop_set_deadline(server_loop, now_ns + TICK_MS * RP_NS_PER_MS);
}

static _Noreturn void serve(int listener, enum rp_io_choice backend, const struct options *options,
			    uint64_t *turns)
{
	const struct rp_loop_options loop_options = {
		.backend = backend,
		.connections_max = CONNECTIONS_MAX,
		.busy_poll_ns = options->busy_poll_us * RP_NS_PER_US,
		.end_of_turn = end_of_turn,
		.user = turns,
	};
	struct rp_io io = {.ops = &listen_ops, .fd = listener};
	const char *reason = "";

	pin_to(SERVER_CPU);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (rp_loop_new(&loop_options, &server_loop, &reason) != RP_OK) {
		fprintf(stderr, "loop-lab: %s\n", reason);
		exit(1);
	}
	if (rp_loop_accept(server_loop, &io) != RP_OK)
		fail("accept");
	rp_loop_set_deadline(server_loop, 0);
	while (rp_loop_turn(server_loop) == RP_OK)
		;
	exit(1);
}

/* ---- the client ---- */

struct result {
	uint64_t messages;
	double cpu_ns; /* of the server, a message */
	double turns;  /* a message */
	double per_second;
	double p50_us;
	double p99_us;
	long rss_kib;
};

struct flow {
	int fd;
	size_t left; /* of the answer */
	int64_t sent_ns;
};

static struct flow flows[CONNECTIONS_MAX];
static int64_t samples[SAMPLES_MAX];
static size_t sample_count;
static uint8_t *out;
static uint8_t *in;

static int64_t server_cpu_ns(pid_t pid)
{
	char path[64];
	long long ns = 0;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	FILE *file = fopen(path, "re");

	if (file == NULL || fscanf(file, "%lld", &ns) != 1)
		fail("schedstat");
	fclose(file);
	return ns;
}

static long server_rss_kib(pid_t pid)
{
	char path[64];
	long pages = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	FILE *file = fopen(path, "re");

	if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
		fail("statm");
	fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void send_message(struct flow *flow)
{
	size_t done = 0;

	flow->left = message_bytes;
	flow->sent_ns = rp_clock_monotonic_ns();
	while (done < message_bytes) {
		ssize_t n = send(flow->fd, out + done, message_bytes - done, MSG_NOSIGNAL);

		if (n <= 0)
			fail("client's send");
		done += (size_t)n;
	}
}

/* @return true: the answer is complete */
static bool take_answer(struct flow *flow)
{
	ssize_t n = recv(flow->fd, in, message_bytes, MSG_DONTWAIT);

	if (n <= 0 || (size_t)n > flow->left)
		fail("client's receive");
	flow->left -= (size_t)n;
	if (flow->left > 0)
		return false;
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = rp_clock_monotonic_ns() - flow->sent_ns;
	return true;
}

static int make_flows(const struct sockaddr_in *address, long count)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	const int on = 1;

	for (long i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &flows[i]};

		flows[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(flows[i].fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
			fail("connect");
		(void)setsockopt(flows[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, flows[i].fd, &event);
	}
	return epoll_fd;
}

/* Each flow sends again as soon as it is answered. */
static uint64_t closed_loop(int epoll_fd, int64_t end_ns)
{
	struct epoll_event events[EVENTS];
	uint64_t messages = 0;

	while (rp_clock_monotonic_ns() < end_ns) {
		int count = epoll_wait(epoll_fd, events, EVENTS, 1000);

		for (int i = 0; i < count; i++) {
			struct flow *flow = events[i].data.ptr;

			if (!take_answer(flow))
				continue;
			messages++;
			send_message(flow);
		}
	}
	return messages;
}

static uint64_t at_rate(const struct options *options, int epoll_fd, int64_t end_ns)
{
	uint64_t messages = 0;
	int64_t due = rp_clock_monotonic_ns();

	while (due < end_ns) {
		struct timespec at = {.tv_sec = due / RP_NS_PER_S, .tv_nsec = due % RP_NS_PER_S};
		struct flow *flow = &flows[messages % (uint64_t)options->connections];

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			;
		send_message(flow);
		while (flow->left > 0) {
			struct epoll_event event;

			if (epoll_wait(epoll_fd, &event, 1, 1000) == 1)
				(void)take_answer(event.data.ptr);
		}
		messages++;
		due += RP_NS_PER_S / options->rate;
	}
	return messages;
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static struct result measure(const struct options *options, pid_t server, uint64_t *turns,
			     int epoll_fd)
{
	struct result result = {0};
	int64_t start = rp_clock_monotonic_ns();
	int64_t length = options->millis * RP_NS_PER_MS;

	if (options->rate == 0)
		for (long i = 0; i < options->connections; i++)
			send_message(&flows[i]);
	if (options->rate == 0) /* warm up */
		(void)closed_loop(epoll_fd, start + length / 4);
	else
		(void)at_rate(options, epoll_fd, start + length / 4);
	sample_count = 0;
	int64_t begin = rp_clock_monotonic_ns();
	int64_t cpu = server_cpu_ns(server);
	uint64_t turns_before = __atomic_load_n(turns, __ATOMIC_RELAXED);

	result.messages = options->rate == 0 ? closed_loop(epoll_fd, begin + length)
					     : at_rate(options, epoll_fd, begin + length);
	double seconds = (double)(rp_clock_monotonic_ns() - begin) / RP_NS_PER_S;

	result.cpu_ns = (double)(server_cpu_ns(server) - cpu) / (double)result.messages;
	result.turns = (double)(__atomic_load_n(turns, __ATOMIC_RELAXED) - turns_before) /
		       (double)result.messages;
	result.per_second = (double)result.messages / seconds;
	qsort(samples, sample_count, sizeof(samples[0]), compare_ns);
	result.p50_us = (double)samples[sample_count / 2] / 1000;
	result.p99_us = (double)samples[sample_count * 99 / 100] / 1000;
	result.rss_kib = server_rss_kib(server);
	return result;
}

static struct result run_once(const struct options *options, enum rp_io_choice backend,
			      uint64_t *turns)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, CONNECTIONS_MAX) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		fail("listen");
	pid_t server = fork();

	if (server < 0)
		fail("fork");
	if (server == 0)
		serve(listener, backend, options, turns);
	close(listener);
	int epoll_fd = make_flows(&address, options->connections);
	struct result result = measure(options, server, turns, epoll_fd);

	kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	for (long i = 0; i < options->connections; i++)
		close(flows[i].fd);
	close(epoll_fd);
	return result;
}

/* ---- the report ---- */

static int compare_cpu(const void *a, const void *b)
{
	double x = ((const struct result *)a)->cpu_ns;
	double y = ((const struct result *)b)->cpu_ns;

	return (x > y) - (x < y);
}

static void run_case(const struct options *options, uint64_t *turns)
{
	static const struct {
		enum rp_io_choice choice;
		const char *name;
	} backends[] = {{RP_IO_EPOLL, "epoll"}, {RP_IO_URING, "io_uring"}};
	struct result results[2][RUNS_MAX];
	double medians[2] = {0};

	message_bytes = (size_t)options->bytes;
	for (long run = 0; run < options->runs; run++)
		for (size_t b = 0; b < 2; b++)
			if (strcmp(options->backend, "both") == 0 ||
			    strcmp(options->backend, backends[b].name) == 0)
				results[b][run] = run_once(options, backends[b].choice, turns);
	for (size_t b = 0; b < 2; b++) {
		if (strcmp(options->backend, "both") != 0 &&
		    strcmp(options->backend, backends[b].name) != 0)
			continue;
		qsort(results[b], (size_t)options->runs, sizeof(results[b][0]), compare_cpu);
		const struct result *m = &results[b][options->runs / 2];

		medians[b] = m->cpu_ns;
		printf("%5ld x %6ld B %5ld/s  %-8s %8.0f ns/msg  least %8.0f  turns %5.2f  "
		       "%8.0f msg/s  p50 %8.1f us  p99 %8.1f us  RSS %5ld KiB",
		       options->connections, options->bytes, options->rate, backends[b].name,
		       m->cpu_ns, results[b][0].cpu_ns, m->turns, m->per_second, m->p50_us,
		       m->p99_us, m->rss_kib);
		if (b == 1 && medians[0] > 0)
			printf("  ratio %.3f (least %.3f)", medians[1] / medians[0],
			       results[1][0].cpu_ns / results[0][0].cpu_ns);
		printf("\n");
	}
	fflush(stdout);
}

static void run_matrix(struct options options, uint64_t *turns)
{
	static const long connections[] = {1, 4, 64, 1000};
	static const long bytes[] = {300, 8192, 65536};

	for (size_t b = 0; b < RP_ARRAY_LEN(bytes); b++) {
		for (size_t c = 0; c < RP_ARRAY_LEN(connections); c++) {
			options.bytes = bytes[b];
			options.connections = connections[c];
			run_case(&options, turns);
		}
	}
	options.connections = 4;
	options.rate = 1000;
	for (size_t b = 0; b < RP_ARRAY_LEN(bytes); b++) {
		options.bytes = bytes[b];
		run_case(&options, turns);
	}
}

static void usage(void)
{
	fputs("Usage: loop-lab [-c CONNECTIONS -b BYTES [-r MESSAGES_A_SECOND]] [-t MILLISECONDS]\n"
	      "                [-n RUNS] [-p BUSY_POLL_US] [-i both|io_uring|epoll]\n"
	      "Without -c: a matrix of connections and message sizes.\n",
	      stderr);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	struct options options = {.bytes = 8192, .millis = 300, .runs = 5, .backend = "both"};
	long *const values[] = {&options.connections, &options.bytes, &options.rate,
				&options.millis,      &options.runs,  &options.busy_poll_us,
				&options.is_one_cpu};
	static const char letters[] = "cbrtnpo";

	for (int c = getopt(argc, argv, "c:b:r:t:n:p:o:i:"); c != -1;
	     c = getopt(argc, argv, "c:b:r:t:n:p:o:i:")) {
		const char *at = strchr(letters, c);

		if (c == 'i')
			options.backend = optarg;
		else if (at == NULL || c == '?')
			usage();
		else
			*values[at - letters] = strtol(optarg, NULL, 10);
	}
	if (options.connections < 0 || options.connections >= CONNECTIONS_MAX || options.runs < 1 ||
	    options.runs > RUNS_MAX || options.bytes < 1 || options.millis < 1 || options.rate < 0)
		usage();
	out = calloc(1, (size_t)1 << 24);
	in = calloc(1, (size_t)1 << 24);
	/* Written by the server's process. */
	uint64_t *turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (out == NULL || in == NULL || turns == MAP_FAILED)
		fail("memory");
	pin_to(options.is_one_cpu != 0 ? SERVER_CPU : CLIENT_CPU);
	if (options.connections > 0)
		run_case(&options, turns);
	else
		run_matrix(options, turns);
	return 0;
}
