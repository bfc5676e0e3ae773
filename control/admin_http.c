/* SPDX-License-Identifier: Apache-2.0 */
#include "control/admin_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control/admin_request.h"
#include "control/metrics_page.h"
#include "shm/clock.h"
#include "shm/log.h"

#define LOGGER "metrics-server"

enum { HEAD_BYTES_MAX = 320, ACCEPT_RETRY_MS = 100, PAGE_BUFFERS = 2 };

struct page_buffer {
	struct rp_prom prom;
	uint32_t reader_count;
	uint64_t age; /* when it was written: the larger, the newer */
};

enum state {
	READING,
	WRITING,
	LINGERING, /* all is said: wait for the peer's close, so that nothing said is lost to a
		      reset */
};

struct conn {
	struct rp_admin_http *admin; /* NULL: free */
	struct rp_events_watch watch;
	struct rp_events_timer timer;
	enum state state;
	bool is_last;	/* close after this response */
	uint64_t moved; /* when it last got on: the smaller, the longer ago */
	size_t in_len;
	size_t head_len;
	size_t body_len;
	size_t sent; /* of head and body */
	const char *body;
	struct page_buffer *page; /* holds the body; NULL: a literal does */
	size_t lingered;	  /* bytes thrown away */
	char head[HEAD_BYTES_MAX];
	uint8_t in[RP_ADMIN_REQUEST_BYTES_MAX];
};

struct rp_admin_http {
	struct rp_control *control;
	struct rp_metrics_page *page;
	struct page_buffer buffer[PAGE_BUFFERS];
	uint64_t clock; /* counts what happens, for `age` and `moved` */
	int listen_fd;
	struct rp_events_watch listener;
	struct rp_events_timer accept_retry;
	struct conn conn[RP_ADMIN_CONNECTIONS_MAX];
};

static void on_conn(struct rp_events_watch *watch, uint32_t events);

/* ---- connections ---- */

static void set_deadline(struct conn *conn, int64_t seconds)
{
	struct rp_events *loop = conn->admin->control->loop;

	rp_events_timer_set(loop, &conn->timer, rp_events_now_ns(loop) + seconds * RP_NS_PER_S);
}

static void release_page(struct conn *conn)
{
	if (conn->page != NULL)
		conn->page->reader_count--;
	conn->page = NULL;
}

static void close_conn(struct conn *conn)
{
	struct rp_events *loop = conn->admin->control->loop;
	int fd = conn->watch.fd;

	release_page(conn);
	rp_events_timer_cancel(loop, &conn->timer);
	rp_events_unwatch(loop, &conn->watch);
	close(fd);
	conn->admin = NULL;
}

static void on_deadline(struct rp_events_timer *timer)
{
	close_conn(timer->user);
}

/* Wait for these events, or give up. @return false: closed */
static bool wait_for(struct conn *conn, uint32_t events)
{
	if (rp_events_rewatch(conn->admin->control->loop, &conn->watch, events) == RP_OK)
		return true;
	close_conn(conn);
	return false;
}

static void linger(struct conn *conn)
{
	conn->state = LINGERING;
	conn->lingered = 0;
	if (shutdown(conn->watch.fd, SHUT_WR) != 0) {
		close_conn(conn);
		return;
	}
	set_deadline(conn, RP_LINGER_S);
	(void)wait_for(conn, EPOLLIN);
}

/* ---- responses ---- */

static const char *reason_of(uint32_t status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Unknown";
	}
}

/* Set head and body of the response; sending begins with send_more(). */
static void respond(struct conn *conn, uint32_t status, const char *type, const char *body,
		    size_t body_len, bool is_head)
{
	int n = snprintf(conn->head, sizeof(conn->head),
			 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			 "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
			 status, reason_of(status), type, body_len,
			 status == 405 ? "Allow: GET, HEAD\r\n" : "",
			 conn->is_last ? "Connection: close\r\n" : "");

	RP_ASSERT(n > 0 && (size_t)n < sizeof(conn->head));
	conn->head_len = (size_t)n;
	conn->body = body;
	conn->body_len = is_head ? 0 : body_len;
	conn->sent = 0;
	conn->state = WRITING;
	set_deadline(conn, RP_ADMIN_SEND_S);
}

static void respond_text(struct conn *conn, uint32_t status, const char *text, bool is_head)
{
	respond(conn, status, "text/plain; charset=utf-8", text, strlen(text), is_head);
}

/* A buffer that nobody reads, with the figures of now; else the newer one, at most
 * RP_ADMIN_SEND_S old. */
static struct page_buffer *choose_buffer(struct rp_admin_http *admin)
{
	struct page_buffer *newest = &admin->buffer[0];

	for (size_t i = 0; i < PAGE_BUFFERS; i++) {
		struct page_buffer *buffer = &admin->buffer[i];

		if (buffer->reader_count == 0) {
			rp_metrics_page_write(admin->page, &buffer->prom);
			buffer->age = ++admin->clock;
			return buffer;
		}
		if (buffer->age > newest->age)
			newest = buffer;
	}
	return newest;
}

static void respond_metrics(struct conn *conn, bool is_head)
{
	struct page_buffer *buffer = choose_buffer(conn->admin);

	if (buffer->prom.err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER,
		       "The metrics do not fit in a page: lower --max-metric-series",
		       RP_F_TEXT("error", rp_err_text(buffer->prom.err)),
		       RP_F_INT("bytesMax", RP_ADMIN_PAGE_BYTES_MAX));
		respond_text(conn, 500, "the metrics do not fit in a page\n", is_head);
		return;
	}
	if (!is_head) {
		conn->page = buffer;
		buffer->reader_count++;
	}
	respond(conn, 200, "text/plain; version=0.0.4; charset=utf-8", buffer->prom.data,
		buffer->prom.len, is_head);
}

static bool is_ready(const struct rp_admin_http *admin)
{
	const struct rp_process_state *process = &admin->control->shared.live->process;

	if (atomic_load_explicit(&process->phase, memory_order_relaxed) != RP_PHASE_SERVING)
		return false;
	for (uint32_t w = 0; w < admin->control->settings->worker_count; w++) {
		if (atomic_load_explicit(&process->worker[w].pid, memory_order_relaxed) == 0 ||
		    atomic_load_explicit(&process->worker[w].is_ready, memory_order_relaxed) == 0)
			return false;
	}
	return true;
}

static void answer(struct conn *conn, const struct rp_admin_request *request)
{
	bool is_head = rp_bytes_equal_str(request->method, "HEAD");
	bool is_metrics = rp_bytes_equal_str(request->path, "/metrics");
	bool is_healthz = rp_bytes_equal_str(request->path, "/healthz");

	conn->is_last = request->is_last;
	if (!is_metrics && !is_healthz && !rp_bytes_equal_str(request->path, "/readyz"))
		respond_text(conn, 404, "not found\n", is_head);
	else if (!is_head && !rp_bytes_equal_str(request->method, "GET"))
		respond_text(conn, 405, "method not allowed\n", false);
	else if (is_metrics)
		respond_metrics(conn, is_head);
	else if (is_healthz)
		respond_text(conn, 200, "ok\n", is_head);
	else if (is_ready(conn->admin))
		respond_text(conn, 200, "ok\n", is_head);
	else
		respond_text(conn, 503, "not ready\n", is_head);
}

static void refuse(struct conn *conn, uint32_t status)
{
	conn->is_last = true;
	respond_text(conn, status, "bad request\n", false);
}

/* Answer the first request that has come whole. @return false: there is none */
static bool take_request(struct conn *conn)
{
	struct rp_admin_request request = {.is_last = false};
	uint32_t status = 400;
	size_t used = 0;
	int err =
		rp_admin_request_parse(rp_bytes(conn->in, conn->in_len), &request, &used, &status);

	if (err == RP_EAGAIN && conn->in_len == sizeof(conn->in)) {
		err = RP_EPROTO;
		status = 431;
	}
	if (err == RP_EAGAIN)
		return false;
	if (err != RP_OK) {
		refuse(conn, status);
		return true;
	}
	answer(conn, &request); /* its views end with the next line */
	conn->in_len -= used;
	memmove(conn->in, conn->in + used, conn->in_len);
	return true;
}

/* ---- reading and writing ---- */

/* @return RP_OK: all is sent; RP_EAGAIN; RP_ECLOSED */
static int send_more(struct conn *conn)
{
	size_t all = conn->head_len + conn->body_len;

	while (conn->sent < all) {
		size_t body_sent = conn->sent - rp_min_size(conn->sent, conn->head_len);
		size_t head_sent = conn->sent - body_sent;
		struct iovec part[2] = {
			{conn->head + head_sent, conn->head_len - head_sent},
			/* iovec has no const; sending does not write */
			{(void *)((uintptr_t)conn->body + body_sent), conn->body_len - body_sent},
		};
		struct msghdr message = {.msg_iov = part, .msg_iovlen = RP_ARRAY_LEN(part)};
		ssize_t n = sendmsg(conn->watch.fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? RP_EAGAIN : RP_ECLOSED;
		conn->sent += (size_t)n;
		conn->moved = ++conn->admin->clock;
	}
	return RP_OK;
}

/* One response a turn: a client that sends many requests at once does not hold up the rest. */
static void write_response(struct conn *conn)
{
	int err = send_more(conn);

	if (err == RP_EAGAIN) {
		(void)wait_for(conn, EPOLLOUT);
		return;
	}
	release_page(conn);
	if (err != RP_OK) {
		close_conn(conn);
		return;
	}
	if (conn->is_last) {
		linger(conn);
		return;
	}
	conn->state = READING;
	set_deadline(conn, conn->in_len != 0 ? RP_ADMIN_REQUEST_S : RP_ADMIN_IDLE_S);
	/* What has been read already is looked at in the next turn. */
	(void)wait_for(conn, conn->in_len != 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* @return RP_OK: something came; RP_EAGAIN; RP_ECLOSED */
static int read_more(struct conn *conn)
{
	ssize_t n;

	do
		n = recv(conn->watch.fd, conn->in + conn->in_len, sizeof(conn->in) - conn->in_len,
			 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN))
		return RP_EAGAIN;
	if (n <= 0)
		return RP_ECLOSED;
	if (conn->in_len == 0) /* a request begins */
		set_deadline(conn, RP_ADMIN_REQUEST_S);
	conn->in_len += (size_t)n;
	conn->moved = ++conn->admin->clock;
	return RP_OK;
}

static void read_request(struct conn *conn)
{
	if (take_request(conn)) {
		write_response(conn);
		return;
	}
	switch (read_more(conn)) {
	case RP_OK:
		if (take_request(conn))
			write_response(conn);
		else
			(void)wait_for(conn, EPOLLIN);
		break;
	case RP_EAGAIN:
		(void)wait_for(conn, EPOLLIN);
		break;
	default:
		close_conn(conn);
		break;
	}
}

static void drain(struct conn *conn)
{
	ssize_t n = recv(conn->watch.fd, conn->in, sizeof(conn->in), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	conn->lingered += n > 0 ? (size_t)n : 0;
	if (n <= 0 || conn->lingered > RP_ADMIN_LINGER_BYTES_MAX)
		close_conn(conn);
}

static void on_conn(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	struct conn *conn = watch->user;

	switch (conn->state) {
	case READING:
		read_request(conn);
		break;
	case WRITING:
		write_response(conn);
		break;
	case LINGERING:
		drain(conn);
		break;
	}
}

/* ---- accepting ---- */

/* A free place; if there is none, that of the connection that has stood still longest. */
static struct conn *take_place(struct rp_admin_http *admin)
{
	struct conn *oldest = &admin->conn[0];

	for (size_t i = 0; i < RP_ADMIN_CONNECTIONS_MAX; i++) {
		struct conn *conn = &admin->conn[i];

		if (conn->admin == NULL)
			return conn;
		if (conn->moved < oldest->moved)
			oldest = conn;
	}
	close_conn(oldest);
	return oldest;
}

static void add_conn(struct rp_admin_http *admin, int fd)
{
	struct conn *conn = take_place(admin);

	conn->admin = admin;
	conn->state = READING;
	conn->is_last = false;
	conn->moved = ++admin->clock;
	conn->in_len = 0;
	conn->page = NULL;
	conn->watch = (struct rp_events_watch){.fd = -1};
	rp_events_timer_init(&conn->timer, on_deadline, conn);
	if (rp_events_watch(admin->control->loop, &conn->watch, fd, EPOLLIN, on_conn, conn) !=
	    RP_OK) {
		conn->admin = NULL;
		close(fd);
		return;
	}
	set_deadline(conn, RP_ADMIN_REQUEST_S);
}

static void on_listener(struct rp_events_watch *watch, uint32_t events RP_UNUSED);

static void listen_again(struct rp_admin_http *admin)
{
	struct rp_events *loop = admin->control->loop;

	if (rp_events_watch(loop, &admin->listener, admin->listen_fd, EPOLLIN, on_listener,
			    admin) != RP_OK)
		rp_events_timer_set(loop, &admin->accept_retry,
				    rp_events_now_ns(loop) + ACCEPT_RETRY_MS * RP_NS_PER_MS);
}

static void on_accept_retry(struct rp_events_timer *timer)
{
	listen_again(timer->user);
}

/* One a turn: the listener reports again if there are more. */
static void on_listener(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	struct rp_admin_http *admin = watch->user;
	struct rp_events *loop = admin->control->loop;
	int fd = accept4(admin->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		add_conn(admin, fd);
		return;
	}
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return; /* the client has gone already */
	RP_LOG(RP_LOG_ERROR, LOGGER, "Cannot accept a connection",
	       RP_F_TEXT("error", rp_err_text(-errno)));
	rp_events_unwatch(loop, &admin->listener);
	rp_events_timer_set(loop, &admin->accept_retry,
			    rp_events_now_ns(loop) + ACCEPT_RETRY_MS * RP_NS_PER_MS);
}

/* ---- the whole ---- */

int rp_admin_http_new(struct rp_control *control, int listen_fd, struct rp_admin_http **ret_admin)
{
	struct rp_admin_http *admin = calloc(1, sizeof(*admin));
	int err;

	if (admin == NULL)
		return RP_ENOMEM;
	admin->control = control;
	admin->listen_fd = listen_fd;
	rp_events_timer_init(&admin->accept_retry, on_accept_retry, admin);
	for (size_t i = 0; i < PAGE_BUFFERS; i++)
		rp_prom_init(&admin->buffer[i].prom, RP_ADMIN_PAGE_BYTES_MAX);
	err = rp_metrics_page_new(control, &admin->page);
	if (err == RP_OK)
		err = rp_events_watch(control->loop, &admin->listener, listen_fd, EPOLLIN,
				      on_listener, admin);
	if (err != RP_OK) {
		rp_admin_http_free(admin);
		return err;
	}
	*ret_admin = admin;
	return RP_OK;
}

void rp_admin_http_free(struct rp_admin_http *admin)
{
	if (admin == NULL)
		return;
	for (size_t i = 0; i < RP_ADMIN_CONNECTIONS_MAX; i++) {
		if (admin->conn[i].admin != NULL)
			close_conn(&admin->conn[i]);
	}
	rp_events_timer_cancel(admin->control->loop, &admin->accept_retry);
	rp_events_unwatch(admin->control->loop, &admin->listener);
	rp_metrics_page_free(admin->page);
	for (size_t i = 0; i < PAGE_BUFFERS; i++)
		rp_prom_fini(&admin->buffer[i].prom);
	free(admin);
}
