/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "perf/sim/sim_conn.h"
#include "perf/sim/sim_queue.h"
#include "shm/clock.h"

enum { EVENTS_A_TURN = 256, SPARE_FDS = 32 };

static void read_clock(struct rp_sim_server *server)
{
	server->now_ns = rp_clock_monotonic_ns();
	server->wall_s = rp_clock_wall_ns() / RP_NS_PER_S;
}

static int watch(struct rp_sim_server *server, struct rp_sim_source *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	return epoll_ctl(server->epoll.fd, EPOLL_CTL_ADD, source->fd, &event) == 0 ? RP_OK : -errno;
}

/* As many descriptors as are allowed; connections get what endpoints leave. */
static void take_descriptors(struct rp_sim_server *server)
{
	struct rlimit limit = {0};
	uint64_t used = (uint64_t)server->endpoint_count + SPARE_FDS;
	uint64_t left;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	left = limit.rlim_cur > used ? limit.rlim_cur - used : 1;
	server->conn_max = left > RP_SIM_CONNECTIONS_MAX ? RP_SIM_CONNECTIONS_MAX : (uint32_t)left;
}

static int open_sources(struct rp_sim_server *server)
{
	sigset_t stop;
	int err;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0)
		return -errno;
	server->epoll.fd = epoll_create1(EPOLL_CLOEXEC);
	server->signals.fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	server->alarm.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->epoll.fd < 0 || server->signals.fd < 0 || server->alarm.fd < 0)
		return -errno;
	err = watch(server, &server->signals);
	return err == RP_OK ? watch(server, &server->alarm) : err;
}

static uint32_t count_endpoints(const struct rp_sim_options *options)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < options->listen_count; i++)
		count += (uint32_t)options->listens[i].port_last - options->listens[i].port_first +
			 1;
	return count;
}

static int open_endpoint(struct rp_sim_server *server, uint32_t endpoint_count,
			 const struct rp_sim_listen *listen, uint16_t port, struct rp_diag *diag)
{
	uint32_t idx = server->endpoint_count++;
	struct rp_sim_endpoint *endpoint = &server->endpoints[idx];
	int err = rp_sim_endpoint_init(endpoint, server->options, idx, endpoint_count,
				       server->now_ns, server->wall_s);

	if (err == RP_OK)
		err = rp_sim_endpoint_listen(endpoint, listen->host, port);
	if (err == RP_OK)
		err = watch(server, &endpoint->source);
	if (err != RP_OK)
		return rp_diag_set(diag, err, 0, 0, "cannot listen on %s port %u: %s", listen->host,
				   port, rp_err_text(err));
	return RP_OK;
}

int rp_sim_server_init(struct rp_sim_server *server, const struct rp_sim_options *options,
		       struct rp_diag *diag)
{
	uint32_t count = count_endpoints(options);
	int err;

	*server = (struct rp_sim_server){
		.options = options,
		.epoll.fd = -1,
		.signals = {.kind = RP_SIM_SOURCE_SIGNAL, .fd = -1},
		.alarm = {.kind = RP_SIM_SOURCE_TIMER, .fd = -1},
		.alarm_ns = INT64_MAX,
		.date_s = -1,
	};
	if (count > RP_SIM_ENDPOINTS_MAX)
		return rp_diag_set(diag, RP_ETOOBIG, 0, 0, "%u endpoints are too many", count);
	server->endpoints = calloc(count, sizeof(*server->endpoints));
	if (server->endpoints == NULL)
		return rp_diag_set(diag, RP_ENOMEM, 0, 0, "out of memory");
	err = open_sources(server);
	if (err != RP_OK)
		return rp_diag_set(diag, err, 0, 0, "cannot start: %s", rp_err_text(err));
	read_clock(server);
	take_descriptors(server);
	for (uint32_t i = 0; i < options->listen_count; i++) {
		const struct rp_sim_listen *listen = &options->listens[i];

		for (uint32_t port = listen->port_first; port <= listen->port_last; port++) {
			err = open_endpoint(server, count, listen, (uint16_t)port, diag);
			if (err != RP_OK)
				return err;
		}
	}
	take_descriptors(server);
	return RP_OK;
}

void rp_sim_server_want_scan(struct rp_sim_server *server, struct rp_sim_endpoint *endpoint)
{
	if (!endpoint->needs_scan || endpoint->is_scan_listed)
		return;
	endpoint->is_scan_listed = true;
	endpoint->next_scan = server->scans;
	server->scans = endpoint;
}

/* Waiting calls start here, not where a slot becomes free: calls that end at once would otherwise
 * start each other ever deeper. */
static void scan_queues(struct rp_sim_server *server)
{
	while (server->scans != NULL) {
		struct rp_sim_endpoint *endpoint = server->scans;
		struct rp_sim_call *call;

		server->scans = endpoint->next_scan;
		endpoint->is_scan_listed = false;
		endpoint->needs_scan = false;
		while ((call = rp_sim_queue_take(endpoint, server->wall_s)) != NULL)
			rp_sim_conn_on_start(RP_CONTAINER_OF(call, struct rp_sim_conn, call));
	}
}

static void run_timers(struct rp_sim_server *server)
{
	struct rp_sim_timer *timer;

	while ((timer = rp_sim_timers_take_due(&server->timers, server->now_ns)) != NULL)
		rp_sim_conn_on_timer(RP_CONTAINER_OF(timer, struct rp_sim_conn, timer));
}

/* Let the timerfd ring at the earliest deadline. */
static int set_alarm(struct rp_sim_server *server)
{
	int64_t next_ns = rp_sim_timers_next(&server->timers);
	struct itimerspec when = {.it_value.tv_sec = 0};

	if (next_ns == server->alarm_ns)
		return RP_OK;
	if (next_ns != INT64_MAX) {
		when.it_value.tv_sec = (time_t)(next_ns / RP_NS_PER_S);
		when.it_value.tv_nsec = (long)(next_ns % RP_NS_PER_S);
	}
	server->alarm_ns = next_ns;
	return timerfd_settime(server->alarm.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0 ? RP_OK
										      : -errno;
}

static void on_alarm(struct rp_sim_server *server)
{
	uint64_t rings;

	if (read(server->alarm.fd, &rings, sizeof(rings)) == (ssize_t)sizeof(rings))
		server->alarm_ns = INT64_MAX;
}

static void dispatch(struct rp_sim_server *server, const struct epoll_event *event)
{
	struct rp_sim_source *source = event->data.ptr;

	switch (source->kind) {
	case RP_SIM_SOURCE_LISTENER:
		rp_sim_conn_accept(server, RP_CONTAINER_OF(source, struct rp_sim_endpoint, source));
		break;
	case RP_SIM_SOURCE_CONN:
		rp_sim_conn_on_events(RP_CONTAINER_OF(source, struct rp_sim_conn, source),
				      event->events);
		break;
	case RP_SIM_SOURCE_SIGNAL:
		server->should_stop = true;
		break;
	case RP_SIM_SOURCE_TIMER:
		on_alarm(server);
		break;
	}
}

int rp_sim_server_run(struct rp_sim_server *server)
{
	struct epoll_event events[EVENTS_A_TURN];
	int err = RP_OK;

	while (!server->should_stop && err == RP_OK) {
		int count = epoll_wait(server->epoll.fd, events, EVENTS_A_TURN, -1);

		if (count < 0 && errno != EINTR)
			return -errno;
		read_clock(server);
		for (int i = 0; i < count; i++)
			dispatch(server, &events[i]);
		run_timers(server);
		scan_queues(server);
		rp_sim_conn_free_closed(server);
		err = set_alarm(server);
	}
	return err;
}

void rp_sim_server_fini(struct rp_sim_server *server)
{
	while (server->conns != NULL)
		rp_sim_conn_close(server->conns);
	rp_sim_conn_free_closed(server);
	for (uint32_t i = 0; i < server->endpoint_count; i++)
		rp_sim_endpoint_fini(&server->endpoints[i]);
	free(server->endpoints);
	rp_sim_timers_fini(&server->timers);
	rp_sim_buf_fini(&server->scratch);
	if (server->epoll.fd >= 0)
		close(server->epoll.fd);
	if (server->signals.fd >= 0)
		close(server->signals.fd);
	if (server->alarm.fd >= 0)
		close(server->alarm.fd);
}
