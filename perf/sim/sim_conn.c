/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf/sim/sim_api.h"
#include "perf/sim/sim_generate.h"
#include "perf/sim/sim_reply.h"
#include "shm/clock.h"

enum { ACCEPTS_A_TURN = 64, READS_A_TURN = 16, REQUESTS_A_TURN = 64, LINGER_READ = 16384 };

static size_t body_max(const struct rp_sim_conn *conn)
{
	return (size_t)conn->server->options->max_body_mb << 20;
}

size_t rp_sim_conn_unsent(const struct rp_sim_conn *conn)
{
	return conn->out.len - conn->out_at;
}

static struct rp_sim_conn *conn_new(struct rp_sim_server *server, struct rp_sim_endpoint *endpoint,
				    int fd)
{
	struct rp_sim_conn *conn = calloc(1, sizeof(*conn));
	struct epoll_event event = {.events = EPOLLIN};

	if (conn == NULL)
		return NULL;
	conn->source = (struct rp_sim_source){.kind = RP_SIM_SOURCE_CONN, .fd = fd};
	conn->server = server;
	conn->endpoint = endpoint;
	conn->interest = event.events;
	event.data.ptr = conn;
	rp_sim_http_init(&conn->http);
	if (!rp_sim_timers_reserve(&server->timers, server->conn_count + 1u) ||
	    epoll_ctl(server->epoll.fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		free(conn);
		return NULL;
	}
	conn->next = server->conns;
	if (conn->next != NULL)
		conn->next->prev = conn;
	server->conns = conn;
	server->conn_count++;
	return conn;
}

void rp_sim_conn_accept(struct rp_sim_server *server, struct rp_sim_endpoint *endpoint)
{
	int one = 1;

	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(endpoint->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (server->conn_count >= server->conn_max ||
		    conn_new(server, endpoint, fd) == NULL)
			close(fd);
	}
}

void rp_sim_conn_close(struct rp_sim_conn *conn)
{
	struct rp_sim_server *server = conn->server;

	if (conn->is_closed)
		return;
	conn->is_closed = true;
	rp_sim_generate_cancel(conn);
	rp_sim_timer_clear(&server->timers, &conn->timer);
	close(conn->source.fd);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		server->conns = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	conn->next = server->closed;
	server->closed = conn;
	server->conn_count--;
}

void rp_sim_conn_free_closed(struct rp_sim_server *server)
{
	while (server->closed != NULL) {
		struct rp_sim_conn *conn = server->closed;

		server->closed = conn->next;
		rp_sim_buf_fini(&conn->in);
		rp_sim_buf_fini(&conn->out);
		rp_sim_call_fini(&conn->call);
		free(conn);
	}
}

/* Send what is there. False if the connection is gone. */
static bool flush(struct rp_sim_conn *conn)
{
	while (conn->out_at < conn->out.len) {
		ssize_t n = send(conn->source.fd, conn->out.data + conn->out_at,
				 rp_sim_conn_unsent(conn), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return !conn->out.is_failed;
		if (n < 0)
			return false;
		conn->out_at += (size_t)n;
	}
	conn->out_at = 0;
	if (conn->out.is_failed)
		return false;
	rp_sim_buf_reset(&conn->out);
	return true;
}

/* The answer is sent: close, linger, or go on with the next request. False if closed. */
static bool end_exchange(struct rp_sim_conn *conn)
{
	if (conn->must_linger) {
		conn->state = RP_SIM_CONN_LINGERING;
		shutdown(conn->source.fd, SHUT_WR);
		rp_sim_timer_set(&conn->server->timers, &conn->timer,
				 conn->server->now_ns + RP_SIM_LINGER_S * RP_NS_PER_S);
		return true;
	}
	if (conn->must_close)
		return false;
	rp_sim_buf_drop(&conn->in, conn->http.raw_at);
	if (conn->in.len == 0)
		rp_sim_buf_reset(&conn->in);
	rp_sim_http_init(&conn->http);
	rp_sim_call_reset(&conn->call);
	conn->has_said_continue = false;
	conn->state = RP_SIM_CONN_READING;
	return true;
}

/* Parse what was read. True if a request or a refusal made progress. */
static bool read_request(struct rp_sim_conn *conn)
{
	int err;

	if (conn->in.len == 0)
		return false;
	err = rp_sim_http_parse(&conn->http, &conn->in, body_max(conn));
	if (err == RP_EAGAIN) {
		if (conn->http.phase != RP_SIM_HTTP_HEAD && conn->http.expects_continue &&
		    !conn->has_said_continue) {
			conn->has_said_continue = true;
			if (!conn->http.is_http_1_0)
				RP_SIM_BUF_LIT(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
		}
		return false;
	}
	if (err != RP_OK) {
		conn->must_close = true;
		conn->must_linger = true;
		rp_sim_reply_text(conn, conn->http.status, rp_sim_http_reason(conn->http.status));
		return true;
	}
	conn->must_close = !conn->http.keep_alive;
	conn->state = RP_SIM_CONN_BUSY;
	rp_sim_api_handle(conn);
	return true;
}

static void update_interest(struct rp_sim_conn *conn)
{
	struct epoll_event event = {.data.ptr = conn};

	if (conn->state == RP_SIM_CONN_READING || conn->state == RP_SIM_CONN_LINGERING)
		event.events = EPOLLIN;
	else if (conn->state == RP_SIM_CONN_BUSY)
		event.events = EPOLLRDHUP;
	if (rp_sim_conn_unsent(conn) > 0)
		event.events |= EPOLLOUT;
	if (event.events == conn->interest)
		return;
	conn->interest = event.events;
	if (epoll_ctl(conn->server->epoll.fd, EPOLL_CTL_MOD, conn->source.fd, &event) != 0)
		rp_sim_conn_close(conn);
}

/* Do all that can be done without waiting. */
static void advance(struct rp_sim_conn *conn)
{
	for (int i = 0; i < REQUESTS_A_TURN; i++) {
		bool has_progress = false;

		if (conn->state == RP_SIM_CONN_READING)
			has_progress = read_request(conn);
		if (!flush(conn)) {
			rp_sim_conn_close(conn);
			return;
		}
		if (conn->state == RP_SIM_CONN_BUSY && rp_sim_conn_unsent(conn) == 0)
			has_progress = rp_sim_generate_resume(conn);
		if (conn->state == RP_SIM_CONN_FLUSHING && rp_sim_conn_unsent(conn) == 0) {
			has_progress = true;
			if (!end_exchange(conn)) {
				rp_sim_conn_close(conn);
				return;
			}
		}
		if (!has_progress) {
			update_interest(conn);
			return;
		}
	}
	/* Fairness: the rest of what lies in the buffer is for the next turn, and until then
	 * nothing is read, so that a client that sends ahead cannot make the buffer grow. */
	if (conn->state == RP_SIM_CONN_READING)
		rp_sim_timer_set(&conn->server->timers, &conn->timer, conn->server->now_ns + 1);
	update_interest(conn);
}

/* Read until the socket is empty. False if the connection is gone. */
static bool fill(struct rp_sim_conn *conn)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		size_t wanted = rp_sim_http_wanted(&conn->http, &conn->in);
		size_t room;
		ssize_t n;

		if (conn->state != RP_SIM_CONN_READING || conn->timer.place != 0)
			return true;
		if (!rp_sim_buf_reserve(&conn->in, wanted))
			return false;
		room = conn->in.cap - conn->in.len;
		n = recv(conn->source.fd, conn->in.data + conn->in.len, room, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		conn->in.len += (size_t)n;
		advance(conn);
		if (conn->is_closed || (size_t)n < room)
			return true;
	}
	return true;
}

static bool discard(struct rp_sim_conn *conn)
{
	uint8_t sink[LINGER_READ / 4];

	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = recv(conn->source.fd, sink, sizeof(sink), 0);

		if (n == 0 || (n < 0 && errno != EINTR))
			return n < 0 && errno == EAGAIN;
	}
	return true;
}

void rp_sim_conn_on_events(struct rp_sim_conn *conn, uint32_t events)
{
	bool is_alive = (events & EPOLLERR) == 0;

	if (conn->is_closed)
		return;
	if (conn->state == RP_SIM_CONN_BUSY && (events & (EPOLLRDHUP | EPOLLHUP)) != 0)
		is_alive = false;
	if (is_alive && conn->state == RP_SIM_CONN_LINGERING && (events & EPOLLIN) != 0)
		is_alive = discard(conn);
	else if (is_alive && conn->state == RP_SIM_CONN_READING && (events & EPOLLIN) != 0)
		is_alive = fill(conn);
	else if (is_alive && (events & EPOLLHUP) != 0)
		is_alive = false;
	if (conn->is_closed)
		return;
	if (!is_alive)
		rp_sim_conn_close(conn);
	else if ((events & EPOLLOUT) != 0)
		advance(conn);
}

void rp_sim_conn_on_timer(struct rp_sim_conn *conn)
{
	if (conn->state == RP_SIM_CONN_LINGERING) {
		rp_sim_conn_close(conn);
		return;
	}
	if (conn->state == RP_SIM_CONN_BUSY)
		rp_sim_generate_on_timer(conn);
	advance(conn);
}

void rp_sim_conn_on_start(struct rp_sim_conn *conn)
{
	rp_sim_generate_start(conn);
	advance(conn);
}
