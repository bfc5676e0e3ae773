/* SPDX-License-Identifier: Apache-2.0 */
#include "control/http_target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(struct rp_events_watch *watch, uint32_t events);

static int set_address(struct rp_http_target *target, struct rp_bytes ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (ip.len >= 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']')
		ip = rp_bytes_slice(ip, 1, ip.len - 2);
	if (ip.len >= sizeof(text))
		return RP_EFORMAT;
	rp_bytes_to_str(ip, text, sizeof(text));
	if (inet_pton(AF_INET, text, &target->address.v4.sin_addr) == 1) {
		target->address.v4.sin_family = AF_INET;
		target->address.v4.sin_port = htons(port);
		target->address_bytes = sizeof(target->address.v4);
		return RP_OK;
	}
	if (inet_pton(AF_INET6, text, &target->address.v6.sin6_addr) == 1) {
		target->address.v6.sin6_family = AF_INET6;
		target->address.v6.sin6_port = htons(port);
		target->address_bytes = sizeof(target->address.v6);
		return RP_OK;
	}
	return RP_EFORMAT;
}

int rp_http_target_init(struct rp_http_target *target, struct rp_http_client *client,
			struct rp_bytes ip, uint16_t port, const char *path)
{
	int length;
	int err;

	memset(target, 0, sizeof(*target));
	target->client = client;
	target->fd = -1;
	err = set_address(target, ip, port);
	if (err != RP_OK)
		return err;
	if (path[0] != '/')
		return RP_EFORMAT;
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return RP_EFORMAT;
	}
	length = asprintf(&target->request,
			  "GET %s HTTP/1.1\r\nHost: %.*s:%u\r\nUser-Agent: ringpick/" RP_VERSION
			  "\r\n\r\n",
			  path, (int)ip.len, (const char *)ip.ptr, port);
	if (length < 0) {
		target->request = NULL;
		return RP_ENOMEM;
	}
	target->request_bytes = (uint32_t)length;
	return RP_OK;
}

static void disconnect(struct rp_http_target *target)
{
	if (target->fd < 0)
		return;
	rp_events_unwatch(target->client->loop, &target->watch);
	close(target->fd);
	target->fd = -1;
	target->is_reused = false;
}

void rp_http_target_fini(struct rp_http_target *target)
{
	disconnect(target);
	free(target->request);
	target->request = NULL;
	target->is_in_flight = false;
}

static void finish(struct rp_http_target *target, int err)
{
	target->is_in_flight = false;
	/* An answer to half a request leaves the other half on the connection. */
	if (err != RP_OK || !target->response->is_keep_alive ||
	    target->request_sent < target->request_bytes)
		disconnect(target);
	else
		target->is_reused = true;
	target->client->on_done(target, err);
}

void rp_http_target_abort(struct rp_http_target *target, int err)
{
	RP_ASSERT(target->is_in_flight);
	RP_ASSERT(err != RP_OK);
	finish(target, err);
}

static int open_connection(struct rp_http_target *target)
{
	static const char plain[] = "reno";
	const int on = 1;
	int err;

	target->fd =
		socket(target->address.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (target->fd < 0)
		return -errno;
	(void)setsockopt(target->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* One small request at a time congests nothing: BBR's bookkeeping costs 0.4 us a page. */
	(void)setsockopt(target->fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof(plain) - 1);
	if (connect(target->fd, &target->address.sa, target->address_bytes) != 0 &&
	    errno != EINPROGRESS) {
		err = -errno;
		close(target->fd);
		target->fd = -1;
		return err;
	}
	target->watch = (struct rp_events_watch){.fd = -1};
	/* By edges: one entry in epoll's list a page, and no change of interest ever. */
	err = rp_events_watch(target->client->loop, &target->watch, target->fd,
			      EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, on_event, target);
	if (err != RP_OK) {
		close(target->fd);
		target->fd = -1;
	}
	return err;
}

static int send_request(struct rp_http_target *target)
{
	ssize_t n = send(target->fd, target->request + target->request_sent,
			 target->request_bytes - target->request_sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (n > 0)
		target->request_sent += (uint32_t)n;
	return RP_OK;
}

/* Start anew on a fresh connection. */
static int reconnect(struct rp_http_target *target)
{
	disconnect(target);
	target->request_sent = 0;
	target->response = NULL;
	return open_connection(target);
}

/* A server may close an idle connection just when we use it again (RFC 9112 9.3.1): once more then.
 */
static bool may_retry(const struct rp_http_target *target, int err)
{
	return target->is_reused && target->response == NULL &&
	       (err == RP_ECLOSED || err == -ECONNRESET || err == -EPIPE);
}

void rp_http_target_fetch(struct rp_http_target *target)
{
	int err;

	RP_ASSERT(!target->is_in_flight);
	target->is_in_flight = true;
	target->request_sent = 0;
	target->response = NULL;
	err = target->fd < 0 ? open_connection(target) : send_request(target);
	if (may_retry(target, err))
		err = reconnect(target);
	if (err != RP_OK)
		finish(target, err);
}

static int on_body(void *user, struct rp_bytes piece)
{
	struct rp_http_target *target = user;

	return target->client->on_body(target, piece);
}

/* One receive. *ret_bytes is negative if nothing was there. */
static int receive(struct rp_http_target *target, ssize_t *ret_bytes)
{
	struct rp_http_client *client = target->client;
	ssize_t n = recv(target->fd, client->recv_buffer, client->recv_bytes, 0);
	struct rp_bytes in;
	int err;

	*ret_bytes = n;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? RP_EAGAIN : -errno;
	if (n == 0)
		return target->response != NULL ? rp_http_response_eof(target->response)
						: RP_ECLOSED;
	if (target->response == NULL) {
		target->response = client->on_answer(target);
		if (target->response == NULL)
			return RP_ENOMEM;
		rp_http_response_begin(target->response);
	}
	in = rp_bytes(client->recv_buffer, (size_t)n);
	err = rp_http_response_feed(target->response, &in, on_body, target);
	if (err == RP_OK && in.len > 0)
		target->response->is_keep_alive = false; /* nobody asked for these bytes */
	return err;
}

/*
 * An edge tells once of what lies in the socket: read to the page's end or until nothing is left.
 * Less than there was room for means just that, but does not tell of the peer's end of the stream.
 */
static int receive_all(struct rp_http_target *target, bool is_closed)
{
	ssize_t n;
	int err;

	do {
		err = receive(target, &n);
	} while (err == RP_EAGAIN && n > 0 &&
		 (is_closed || (size_t)n == target->client->recv_bytes));
	return err;
}

static void on_event(struct rp_events_watch *watch, uint32_t events)
{
	struct rp_http_target *target = watch->user;
	bool is_closed = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	bool is_readable = (events & EPOLLIN) != 0 || is_closed;
	int err = RP_OK;

	if (!target->is_in_flight) {
		if (is_readable)
			disconnect(target); /* closed, or talking out of turn */
		return;
	}
	if ((events & EPOLLOUT) != 0 && target->request_sent < target->request_bytes)
		err = send_request(target);
	if (err == RP_OK)
		err = is_readable ? receive_all(target, is_closed) : RP_EAGAIN;
	if (err == RP_EAGAIN)
		return;
	if (may_retry(target, err)) {
		err = reconnect(target);
		if (err == RP_OK)
			return;
	}
	if (err == RP_OK && is_closed)
		target->response->is_keep_alive = false;
	finish(target, err);
}
