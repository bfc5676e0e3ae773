/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-bare: the yardstick. A plain single-thread server on nghttp2, OpenSSL and epoll that
 * answers ext_proc streams with constant bytes, as many each way as ringpick's: no JSON, no pick,
 * no shared memory. Settings, buffer sizes and socket options are ringpick's.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf/bare/bare_stream.h"
#include "perf/bare/bare_tls.h"

enum {
	RECV_BYTES = 64 * 1024,
	AHEAD_BYTES = 4096, /* what TLS itself says may stand before gathered frames */
	EVENTS_MAX = 256,
	ACCEPTS_PER_TURN = 64,
	CONNECTIONS_MAX = 4096,
	STREAMS_MAX = 50000,
	QUEUED_FRAMES_MAX = 32768,
};

struct stream;

struct conn {
	int fd;
	SSL *ssl;	     /* NULL: clear text */
	nghttp2_session *h2; /* NULL: TLS handshake under way */
	struct rp_bare_io io;
	bool waits_for_room;
	struct stream *streams;
	struct conn *prev;
	struct conn *next;
};

struct stream {
	struct stream *prev;
	struct stream *next;
	struct rp_bare_stream *replies;
	bool has_ended_in;
	bool has_begun; /* response headers are submitted */
	bool is_resting;
	bool is_finished;
};

static struct {
	SSL_CTX *tls;
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *option;
	uint32_t streams_max;
	int epoll_fd;
	int listen_fd;
	int signal_fd;
	unsigned count;
	struct conn *conns;
	struct rp_bare_buf *spare;
	uint8_t recv[RECV_BYTES];
	uint8_t record[RP_BARE_RECORD_BYTES];
	uint8_t plain[RP_BARE_PLAIN_BYTES];
} server;

/* ---- HTTP/2 ---- */

static uint8_t status_name[] = ":status", status_ok[] = "200", type_name[] = "content-type",
	       type_grpc[] = "application/grpc", grpc_status_name[] = "grpc-status",
	       grpc_status_ok[] = "0";

#define NV(name, value)                                                                            \
	{                                                                                          \
		(name), (value), sizeof(name) - 1, sizeof(value) - 1,                              \
			NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE               \
	}
static const nghttp2_nv response[] = {NV(status_name, status_ok), NV(type_name, type_grpc),
				      NV(grpc_status_name, grpc_status_ok)};

static int finish(nghttp2_session *h2, int32_t id, struct stream *stream)
{
	if (stream->is_finished)
		return 0;
	stream->is_finished = true;
	if (!stream->has_begun)
		return nghttp2_submit_response(h2, id, response, 3, NULL);
	return nghttp2_submit_trailer(h2, id, response + 2, 1);
}

/* There is never an empty DATA frame: the stream rests, or nghttp2 goes on to the trailers. */
static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
		       nghttp2_data_source *source, void *user)
{
	struct stream *stream = source->ptr;
	size_t n = rp_bare_stream_read(stream->replies, buf, room);

	(void)user;
	if (!stream->has_ended_in) {
		stream->is_resting = n == 0;
		return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
	}
	if (!rp_bare_stream_has_output(stream->replies)) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (finish(h2, id, stream) != 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return (ssize_t)n;
}

static int answer(nghttp2_session *h2, int32_t id, struct stream *stream)
{
	const nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = on_read};

	if (!rp_bare_stream_has_output(stream->replies))
		return stream->has_ended_in ? finish(h2, id, stream) : 0;
	if (!stream->has_begun) {
		stream->has_begun = true;
		return nghttp2_submit_response(h2, id, response, 2, &provider);
	}
	if (!stream->is_resting)
		return 0;
	stream->is_resting = false;
	return nghttp2_session_resume_data(h2, id);
}

static void stream_free(struct conn *conn, struct stream *stream)
{
	if (stream->prev != NULL)
		stream->prev->next = stream->next;
	else
		conn->streams = stream->next;
	if (stream->next != NULL)
		stream->next->prev = stream->prev;
	rp_bare_stream_free(stream->replies);
	free(stream);
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct conn *conn = user;

	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct stream *stream = calloc(1, sizeof(*stream));

	if (stream != NULL)
		stream->replies = rp_bare_stream_new();
	if (stream == NULL || stream->replies == NULL) {
		free(stream);
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	stream->next = conn->streams;
	if (conn->streams != NULL)
		conn->streams->prev = stream;
	conn->streams = stream;
	return nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, stream);
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *user)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);

	(void)flags;
	(void)user;
	if (stream == NULL)
		return 0;
	if (!rp_bare_stream_feed(stream->replies, data, len) || answer(h2, id, stream) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct stream *stream;

	(void)user;
	if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	stream = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	if (stream == NULL)
		return 0;
	stream->has_ended_in = true;
	return answer(h2, frame->hd.stream_id, stream) != 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct stream *stream = nghttp2_session_get_stream_user_data(h2, id);

	(void)error;
	if (stream != NULL)
		stream_free(user, stream);
	return 0;
}

static bool open_session(struct conn *conn)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server.streams_max},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16 << 10},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	return nghttp2_session_server_new2(&conn->h2, server.callbacks, conn, server.option) == 0 &&
	       nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, settings,
				       sizeof(settings) / sizeof(settings[0])) == 0 &&
	       nghttp2_session_set_local_window_size(conn->h2, NGHTTP2_FLAG_NONE, 0, 16 << 20) == 0;
}

static bool prepare_http2(void)
{
	nghttp2_session_callbacks *callbacks;

	if (nghttp2_session_callbacks_new(&callbacks) != 0)
		return false;
	server.callbacks = callbacks;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	if (nghttp2_option_new(&server.option) != 0)
		return false;
	nghttp2_option_set_no_closed_streams(server.option, 1);
	/* Gateways reset each stream that they are done with. */
	nghttp2_option_set_stream_reset_rate_limit(server.option, UINT64_C(1) << 30,
						   UINT64_C(1) << 30);
	return true;
}

/* ---- a connection ---- */

static bool take_out(struct conn *conn)
{
	if (conn->io.out != NULL)
		return true;
	conn->io.out = server.spare;
	if (conn->io.out != NULL)
		server.spare = conn->io.out->next;
	else
		conn->io.out = malloc(sizeof(*conn->io.out));
	if (conn->io.out == NULL)
		return false;
	conn->io.out->used = 0;
	conn->io.out->sent = 0;
	return true;
}

static void give_out(struct conn *conn)
{
	if (conn->io.out == NULL)
		return;
	conn->io.out->next = server.spare;
	server.spare = conn->io.out;
	conn->io.out = NULL;
}

static void conn_close(struct conn *conn)
{
	/* An alert or a GOAWAY, as far as the socket takes it. */
	if (conn->io.out != NULL && conn->io.out->used > conn->io.out->sent)
		(void)send(conn->fd, conn->io.out->data + conn->io.out->sent,
			   conn->io.out->used - conn->io.out->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	give_out(conn);
	while (conn->streams != NULL)
		stream_free(conn, conn->streams);
	nghttp2_session_del(conn->h2);
	SSL_free(conn->ssl);
	ERR_clear_error();
	close(conn->fd);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		server.conns = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	server.count--;
	free(conn);
}

/* Frames of one turn, as one SSL_write(). @return whether there may be more */
static bool gather(struct conn *conn, bool *ret_is_ok)
{
	struct rp_bare_buf *out = conn->io.out;
	uint8_t *to = conn->ssl != NULL ? server.plain : out->data + out->used;
	size_t used = 0;

	while (used < RP_BARE_FILL_BYTES) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(conn->h2, &data);

		if (n < 0)
			*ret_is_ok = false;
		if (n <= 0)
			break;
		memcpy(to + used, data, (size_t)n);
		used += (size_t)n;
	}
	if (conn->ssl == NULL)
		out->used += used;
	else if (used > 0 && SSL_write(conn->ssl, to, (int)used) != (int)used)
		*ret_is_ok = false;
	return used >= RP_BARE_FILL_BYTES;
}

static bool wait_for_room(struct conn *conn, bool waits)
{
	struct epoll_event event = {.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN,
				    .data.ptr = conn};

	if (conn->waits_for_room == waits)
		return true;
	conn->waits_for_room = waits;
	return epoll_ctl(server.epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) == 0;
}

/* @return false: the connection is over */
static bool flush(struct conn *conn)
{
	bool is_ok = true, has_more = conn->h2 != NULL;

	for (;;) {
		if (!take_out(conn))
			return false;
		struct rp_bare_buf *out = conn->io.out;

		if (out->sent == 0 && out->used <= AHEAD_BYTES && has_more)
			has_more = gather(conn, &is_ok);
		while (out->sent < out->used) {
			ssize_t n = send(conn->fd, out->data + out->sent, out->used - out->sent,
					 MSG_NOSIGNAL | MSG_DONTWAIT);

			if (n < 0 && errno == EAGAIN)
				return is_ok && wait_for_room(conn, true);
			if (n < 0 && errno != EINTR)
				return false;
			out->sent += n > 0 ? (size_t)n : 0;
		}
		give_out(conn);
		if (!is_ok || !has_more)
			break;
	}
	return is_ok && wait_for_room(conn, false) &&
	       (conn->h2 == NULL || nghttp2_session_want_read(conn->h2) != 0 ||
		nghttp2_session_want_write(conn->h2) != 0);
}

static bool feed_http2(struct conn *conn, const uint8_t *data, size_t len)
{
	return nghttp2_session_mem_recv(conn->h2, data, len) == (ssize_t)len &&
	       nghttp2_session_get_outbound_queue_size(conn->h2) <= QUEUED_FRAMES_MAX;
}

static bool feed_tls(struct conn *conn)
{
	int n = 1;

	if (!take_out(conn))
		return false;
	if (conn->h2 == NULL) {
		n = SSL_do_handshake(conn->ssl);
		if (n == 1 && !open_session(conn))
			return false;
	}
	while (n > 0) {
		n = SSL_read(conn->ssl, server.record, RP_BARE_RECORD_BYTES);
		if (n > 0 && !feed_http2(conn, server.record, (size_t)n))
			return false;
	}
	return SSL_get_error(conn->ssl, n) == SSL_ERROR_WANT_READ;
}

/* @return false: the connection is over */
static bool on_readable(struct conn *conn)
{
	ssize_t n = recv(conn->fd, server.recv, RECV_BYTES, MSG_DONTWAIT);
	bool is_ok;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	if (conn->ssl == NULL)
		return feed_http2(conn, server.recv, (size_t)n);
	conn->io.in = server.recv;
	conn->io.in_len = (size_t)n;
	is_ok = feed_tls(conn);
	conn->io.in_len = 0;
	return is_ok;
}

static void on_event(struct conn *conn, uint32_t events)
{
	bool is_open = true;

	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		is_open = on_readable(conn);
	if (!is_open || !flush(conn))
		conn_close(conn);
}

/* ---- the server ---- */

static void set_option(int fd, int level, int name, int value)
{
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void conn_open(int fd)
{
	struct conn *conn = server.count < CONNECTIONS_MAX ? calloc(1, sizeof(*conn)) : NULL;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	if (conn == NULL) {
		close(fd);
		return;
	}
	conn->fd = fd;
	conn->next = server.conns;
	if (server.conns != NULL)
		server.conns->prev = conn;
	server.conns = conn;
	server.count++;
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 20);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 120 * 1000);
	if (!(server.tls != NULL ? (conn->ssl = rp_bare_tls_open(server.tls, &conn->io)) != NULL
				 : open_session(conn)) ||
	    epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 || !flush(conn))
		conn_close(conn);
}

static void accept_some(void)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(server.listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		conn_open(fd);
	}
}

static bool watch(int fd, void *what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};

	return fd >= 0 && epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Loopback only: it asks nobody for a name. */
static bool start_listening(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	server.signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	server.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	set_option(server.listen_fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(server.listen_fd, (struct sockaddr *)&address, bytes) != 0 ||
	    listen(server.listen_fd, 4096) != 0 ||
	    getsockname(server.listen_fd, (struct sockaddr *)&address, &bytes) != 0 ||
	    !watch(server.listen_fd, &server.listen_fd) ||
	    !watch(server.signal_fd, &server.signal_fd))
		return false;
	printf("listening %u\n", ntohs(address.sin_port));
	return fflush(stdout) == 0;
}

/* Events of a connection that an earlier one of the same turn closed do not exist: a connection is
 * closed by its own event only. @return false: epoll failed */
static bool serve(void)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		int n = epoll_wait(server.epoll_fd, events, EVENTS_MAX, -1);

		if (n < 0 && errno != EINTR)
			return false;
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &server.signal_fd)
				return true;
			if (events[i].data.ptr == &server.listen_fd)
				accept_some();
			else
				on_event(events[i].data.ptr, events[i].events);
		}
	}
}

/* GOAWAY and close_notify as far as the sockets take them. */
static void shut_down(void)
{
	while (server.conns != NULL) {
		struct conn *conn = server.conns;

		if (conn->h2 != NULL &&
		    nghttp2_session_terminate_session(conn->h2, NGHTTP2_NO_ERROR) == 0)
			(void)flush(conn);
		if (conn->h2 != NULL && conn->ssl != NULL && conn->io.out == NULL && take_out(conn))
			(void)SSL_shutdown(conn->ssl);
		conn_close(conn);
	}
	while (server.spare != NULL) {
		struct rp_bare_buf *buf = server.spare;

		server.spare = buf->next;
		free(buf);
	}
	rp_bare_tls_free(server.tls);
	nghttp2_option_del(server.option);
	nghttp2_session_callbacks_del(server.callbacks);
}

static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
	char *end = NULL;

	errno = 0;
	*ret_number = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *ret_number <= max;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"h2c", no_argument, NULL, 'c'},
		{"max-concurrent-streams", required_argument, NULL, 's'},
		{0}};
	unsigned long port = 0, streams = STREAMS_MAX;
	bool is_clear = false, is_usage_wrong = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			is_clear = true;
		else if (option == 'p')
			is_usage_wrong |= !parse_number(optarg, UINT16_MAX, &port);
		else if (option == 's')
			is_usage_wrong |= !parse_number(optarg, INT32_MAX, &streams);
		else
			is_usage_wrong = true;
	}
	if (is_usage_wrong || optind != argc) {
		fprintf(stderr, "usage: ringpick-bare [--port N] [--h2c] "
				"[--max-concurrent-streams N]\n"
				"Answers ext_proc streams with constant bytes: the yardstick of "
				"perf/. Prints \"listening PORT\".\n");
		return 2;
	}
	server.streams_max = (uint32_t)streams;
	if (!prepare_http2() || (!is_clear && (server.tls = rp_bare_tls_new()) == NULL)) {
		fprintf(stderr, "ringpick-bare: cannot prepare nghttp2 and OpenSSL\n");
		return 1;
	}
	if (!start_listening((uint16_t)port)) {
		fprintf(stderr, "ringpick-bare: cannot listen: %s\n", strerror(errno));
		return 1;
	}
	bool is_ok = serve();

	shut_down();
	return is_ok ? 0 : 1;
}
