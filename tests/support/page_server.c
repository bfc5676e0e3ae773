/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/page_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/clock.h"

enum { FLOOD_BYTES = 256 << 10 };

struct page_server page_server;

static void close_conn(struct page_conn *conn)
{
	if (!conn->is_open)
		return;
	conn->is_open = false;
	rp_events_unwatch(page_server.loop, &conn->watch);
	close(conn->watch.fd);
}

int page_server_open_conns(void)
{
	int count = 0;

	for (size_t i = 0; i < PAGE_SERVER_CONNECTIONS_MAX; i++)
		count += page_server.conn[i].is_open ? 1 : 0;
	return count;
}

void page_server_send(struct page_conn *conn)
{
	static char flood[FLOOD_BYTES];
	size_t length = strlen(page_server.reply);
	size_t left = length - rp_min_size(conn->sent, length);
	const char *from = page_server.reply + conn->sent;
	ssize_t n;

	if (left == 0 && page_server.manner == FLOODS) {
		memset(flood, 'x', sizeof(flood));
		from = flood;
		left = sizeof(flood);
	} else if (page_server.manner == DRIPS) {
		left = rp_min_size(left, 1);
	}
	n = send(conn->watch.fd, from, left, MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		close_conn(conn);
		return;
	}
	conn->sent += (size_t)n;
	page_server.bytes_sent += (size_t)n;
	if (conn->sent < length || page_server.manner == FLOODS)
		return;
	conn->is_sending = false;
	conn->sent = 0;
	if (page_server.manner == CLOSES_AFTER_REPLY)
		close_conn(conn);
	else
		assert_int_equal(rp_events_rewatch(page_server.loop, &conn->watch, EPOLLIN), RP_OK);
}

static void answer(struct page_conn *conn)
{
	const struct linger none = {.l_onoff = 1, .l_linger = 0};
	bool is_reused = conn->requests > 1;

	if (page_server.manner == HANGS)
		return;
	if (page_server.manner == RESETS_REUSED && is_reused)
		(void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	if (page_server.manner == CLOSES_UNANSWERED ||
	    (is_reused &&
	     (page_server.manner == CLOSES_REUSED || page_server.manner == RESETS_REUSED))) {
		close_conn(conn);
		return;
	}
	conn->is_sending = true;
	assert_int_equal(rp_events_rewatch(page_server.loop, &conn->watch, EPOLLIN | EPOLLOUT),
			 RP_OK);
	page_server_send(conn);
}

static void on_request_byte(struct page_conn *conn, char c)
{
	static const char end[] = "\r\n\r\n";

	conn->ends_seen = c == end[conn->ends_seen] ? conn->ends_seen + 1 : c == '\r' ? 1 : 0;
	if (conn->ends_seen < 4)
		return;
	conn->ends_seen = 0;
	conn->requests++;
	assert_in_range(page_server.requests, 0, PAGE_SERVER_REQUESTS_MAX - 1);
	page_server.request_ns[page_server.requests++] = rp_clock_monotonic_ns();
	answer(conn);
}

static void on_conn(struct rp_events_watch *watch, uint32_t events)
{
	struct page_conn *conn = watch->user;
	ssize_t n;

	if ((events & EPOLLOUT) != 0 && conn->is_sending)
		page_server_send(conn);
	if (!conn->is_open || (events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	memset(page_server.request, 0, sizeof(page_server.request));
	n = recv(watch->fd, page_server.request, sizeof(page_server.request) - 1, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		close_conn(conn);
		return;
	}
	for (ssize_t i = 0; i < n && conn->is_open; i++)
		on_request_byte(conn, page_server.request[i]);
}

static void on_listener(struct rp_events_watch *watch, uint32_t events)
{
	int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	size_t i = 0;

	(void)events;
	assert_true(fd >= 0);
	while (page_server.conn[i].is_open)
		assert_in_range(++i, 0, PAGE_SERVER_CONNECTIONS_MAX - 1);
	page_server.conn[i] = (struct page_conn){.is_open = true};
	page_server.accepts++;
	assert_int_equal(rp_events_watch(page_server.loop, &page_server.conn[i].watch, fd, EPOLLIN,
					 on_conn, &page_server.conn[i]),
			 RP_OK);
}

void page_server_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(page_server.port)};
	socklen_t bytes = sizeof(address);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(page_server.ip, sizeof(page_server.ip), "127.77.%d.%d", getpid() >> 8 & 255,
		 getpid() & 255);
	assert_int_equal(inet_pton(AF_INET, page_server.ip, &address.sin_addr), 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
	assert_int_equal(listen(fd, PAGE_SERVER_CONNECTIONS_MAX), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	page_server.port = ntohs(address.sin_port);
	assert_int_equal(rp_events_watch(page_server.loop, &page_server.listener, fd, EPOLLIN,
					 on_listener, &page_server),
			 RP_OK);
}

void page_server_stop(void)
{
	if (page_server.listener.is_watched) {
		rp_events_unwatch(page_server.loop, &page_server.listener);
		close(page_server.listener.fd);
	}
	for (size_t i = 0; i < PAGE_SERVER_CONNECTIONS_MAX; i++)
		close_conn(&page_server.conn[i]);
}
