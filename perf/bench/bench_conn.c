/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "perf/bench/bench_load.h"
#include "perf/bench/bench_run.h"

/* ---- OpenSSL on the turn's buffers ---- */

static BIO_METHOD *bio_method;

static int bio_read(BIO *bio, char *out, size_t n, size_t *ret_n)
{
	struct rp_bench_conn *conn = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	*ret_n = rp_min_size(n, conn->in.len);
	if (*ret_n == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(out, conn->in.ptr, *ret_n);
	conn->in = rp_bytes_slice(conn->in, *ret_n, SIZE_MAX);
	return 1;
}

static struct rp_bench_out *wire_of(struct rp_bench_conn *conn)
{
	if (conn->wire.data == NULL) {
		conn->wire = (struct rp_bench_out){rp_bench_thread_wire(conn->thread), 0,
						   RP_BENCH_WIRE_BYTES};
		conn->wire_sent = 0;
	}
	return &conn->wire;
}

static int bio_write(BIO *bio, const char *in, size_t n, size_t *ret_n)
{
	struct rp_bench_out *wire = wire_of(BIO_get_data(bio));

	/* Larger than what one flush makes. */
	RP_ASSERT(n <= wire->bytes - wire->used);
	BIO_clear_retry_flags(bio);
	memcpy(wire->data + wire->used, in, n);
	wire->used += n;
	*ret_n = n;
	return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

SSL_CTX *rp_bench_tls_context(void)
{
	static const uint8_t h2[] = {2, 'h', '2'};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (bio_method == NULL) {
		bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench");
		if (bio_method == NULL)
			return NULL;
		BIO_meth_set_read_ex(bio_method, bio_read);
		BIO_meth_set_write_ex(bio_method, bio_write);
		BIO_meth_set_ctrl(bio_method, bio_ctrl);
	}
	if (context == NULL)
		return NULL;
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	/* Envoy's order. */
	SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					  "TLS_CHACHA20_POLY1305_SHA256");
	SSL_CTX_set_alpn_protos(context, h2, sizeof(h2));
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	return context;
}

static int tls_init(struct rp_bench_conn *conn)
{
	BIO *bio = BIO_new(bio_method);

	conn->ssl = SSL_new(conn->thread->tls);
	if (bio == NULL || conn->ssl == NULL) {
		BIO_free(bio);
		return RP_ENOMEM;
	}
	BIO_set_data(bio, conn);
	BIO_set_init(bio, 1);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_connect_state(conn->ssl);
	return RP_OK;
}

/* ---- life ---- */

struct rp_bench_conn *rp_bench_conn_open(struct rp_bench_thread *thread, uint32_t slot,
					 int *ret_err)
{
	const struct sockaddr_storage *address = &thread->run->address;
	struct rp_bench_conn *conn = calloc(1, sizeof(*conn));
	static const char plain[] = "reno";
	int on = 1;

	RP_ASSERT(conn != NULL);
	conn->thread = thread;
	conn->slot = slot;
	conn->next = thread->conns;
	thread->conns = conn;
	conn->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	RP_ASSERT(rp_bench_h2_init(conn) == RP_OK);
	if (conn->fd < 0)
		goto failed;
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* BBR, where it is the machine's default, paces even what stays on this machine: large
	 * bodies would cost a third more and come later. Not everywhere allowed. */
	(void)setsockopt(conn->fd, IPPROTO_TCP, TCP_CONGESTION, plain, sizeof(plain) - 1);
	if (thread->tls != NULL)
		RP_ASSERT(tls_init(conn) == RP_OK);
	if (connect(conn->fd, (const struct sockaddr *)address, thread->run->address_bytes) != 0 &&
	    errno != EINPROGRESS)
		goto failed;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = conn};

	conn->is_writable_awaited = true;
	if (epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) == 0)
		return conn;
failed:
	*ret_err = -errno;
	conn->state = RP_BENCH_CONN_CLOSED;
	return NULL;
}

void rp_bench_conn_free(struct rp_bench_conn *conn)
{
	SSL_free(conn->ssl);
	if (conn->fd >= 0)
		close(conn->fd);
	if (conn->wire.data != NULL)
		rp_bench_thread_give_wire(conn->thread, conn->wire.data);
	rp_bench_h2_fini(conn);
	free(conn);
}

static void await_writable(struct rp_bench_conn *conn, bool is_awaited)
{
	struct epoll_event event = {.events = EPOLLIN | (is_awaited ? EPOLLOUT : 0),
				    .data.ptr = conn};

	if (conn->is_writable_awaited == is_awaited)
		return;
	conn->is_writable_awaited = is_awaited;
	epoll_ctl(conn->thread->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

void rp_bench_conn_lose(struct rp_bench_conn *conn, const char *why)
{
	struct rp_bench_thread *thread = conn->thread;

	if (conn->state == RP_BENCH_CONN_CLOSED)
		return;
	bool was_open = conn->state == RP_BENCH_CONN_OPEN;

	conn->state = RP_BENCH_CONN_CLOSED;
	close(conn->fd);
	conn->fd = -1;
	for (uint32_t i = 0; i < thread->stream_count && conn->open > 0; i++) {
		struct rp_bench_stream *stream = &thread->streams[i];

		if (stream->conn == conn)
			rp_bench_stream_finish(stream, RP_BENCH_FAILED, "connection: %s", why);
	}
	if (!conn->is_going_away)
		rp_bench_thread_slot_free(thread, conn, was_open ? NULL : why);
}

void rp_bench_conn_wake(struct rp_bench_conn *conn)
{
	if (conn->is_dirty)
		return;
	conn->is_dirty = true;
	conn->dirty_next = conn->thread->dirty;
	conn->thread->dirty = conn;
}

/* ---- sending ---- */

/* @return whether all was taken */
static bool send_wire(struct rp_bench_conn *conn)
{
	while (conn->wire_sent < conn->wire.used) {
		ssize_t n = send(conn->fd, conn->wire.data + conn->wire_sent,
				 conn->wire.used - conn->wire_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			await_writable(conn, true);
			return false;
		}
		if (n < 0) {
			rp_bench_conn_lose(conn, rp_err_text(-errno));
			return false;
		}
		conn->wire_sent += (size_t)n;
	}
	if (conn->wire.data != NULL)
		rp_bench_thread_give_wire(conn->thread, conn->wire.data);
	conn->wire = (struct rp_bench_out){0};
	await_writable(conn, false);
	return true;
}

/* @return whether there was anything to send */
static bool fill_wire(struct rp_bench_conn *conn)
{
	struct rp_bench_out *plain = &conn->thread->plain;
	size_t written = 0;

	if (conn->ssl == NULL) {
		struct rp_bench_out *wire = wire_of(conn);

		rp_bench_h2_fill(conn, wire);
		return wire->used > 0;
	}
	plain->used = 0;
	rp_bench_h2_fill(conn, plain);
	if (plain->used == 0)
		return conn->wire.used > 0;
	if (SSL_write_ex(conn->ssl, plain->data, plain->used, &written) != 1 ||
	    written != plain->used)
		rp_bench_conn_lose(conn, "TLS: a write failed");
	return true;
}

static bool is_established(const struct rp_bench_conn *conn)
{
	return conn->state == RP_BENCH_CONN_SETTINGS || conn->state == RP_BENCH_CONN_OPEN;
}

void rp_bench_conn_flush(struct rp_bench_conn *conn)
{
	/* What is pending goes first: TLS records cannot be taken back. */
	if (conn->state == RP_BENCH_CONN_CONNECTING || conn->state == RP_BENCH_CONN_CLOSED ||
	    !send_wire(conn))
		return;
	while (is_established(conn) && fill_wire(conn)) {
		if (conn->state == RP_BENCH_CONN_CLOSED || !send_wire(conn))
			return;
	}
	if (conn->state != RP_BENCH_CONN_CLOSED)
		(void)send_wire(conn);
}

/* ---- receiving ---- */

static void on_plain(struct rp_bench_conn *conn, struct rp_bytes bytes)
{
	const char *why = NULL;

	if (rp_bench_h2_feed(conn, bytes, &why) != RP_OK)
		rp_bench_conn_lose(conn, why);
}

static void handshake(struct rp_bench_conn *conn)
{
	int done = SSL_do_handshake(conn->ssl);
	const uint8_t *protocol;
	unsigned len;

	rp_bench_conn_wake(conn);
	if (done != 1) {
		if (SSL_get_error(conn->ssl, done) != SSL_ERROR_WANT_READ)
			rp_bench_conn_lose(conn, "TLS: the handshake failed");
		return;
	}
	SSL_get0_alpn_selected(conn->ssl, &protocol, &len);
	if (len != 2 || memcmp(protocol, "h2", 2) != 0)
		rp_bench_conn_lose(conn, "TLS: the peer did not choose h2");
	else
		conn->state = RP_BENCH_CONN_SETTINGS;
}

static void read_tls(struct rp_bench_conn *conn)
{
	if (conn->state == RP_BENCH_CONN_HANDSHAKE)
		handshake(conn);
	while (is_established(conn)) {
		size_t n = 0;
		int done = SSL_read_ex(conn->ssl, conn->thread->record, RP_BENCH_RECORD_BYTES, &n);

		if (done == 1) {
			on_plain(conn, rp_bytes(conn->thread->record, n));
			continue;
		}
		switch (SSL_get_error(conn->ssl, done)) {
		case SSL_ERROR_WANT_READ:
			return;
		case SSL_ERROR_ZERO_RETURN:
			rp_bench_conn_lose(conn, "closed by the picker");
			return;
		default:
			rp_bench_conn_lose(conn, "TLS: a record cannot be read");
			return;
		}
	}
}

static void on_readable(struct rp_bench_conn *conn)
{
	struct rp_bench_thread *thread = conn->thread;
	ssize_t n = recv(conn->fd, thread->recv, RP_BENCH_RECV_BYTES, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	thread->now_ns = rp_clock_monotonic_ns();
	if (n <= 0) {
		rp_bench_conn_lose(conn, n == 0 ? "closed by the picker" : rp_err_text(-errno));
		return;
	}
	if (conn->ssl == NULL) {
		on_plain(conn, rp_bytes(thread->recv, (size_t)n));
		return;
	}
	conn->in = rp_bytes(thread->recv, (size_t)n);
	read_tls(conn);
}

static void on_connected(struct rp_bench_conn *conn)
{
	int err = 0;
	socklen_t bytes = sizeof(err);

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &bytes);
	if (err != 0) {
		rp_bench_conn_lose(conn, rp_err_text(-err));
		return;
	}
	conn->state = conn->ssl != NULL ? RP_BENCH_CONN_HANDSHAKE : RP_BENCH_CONN_SETTINGS;
	if (conn->ssl != NULL)
		handshake(conn);
	rp_bench_conn_wake(conn);
}

void rp_bench_conn_event(struct rp_bench_conn *conn, uint32_t events)
{
	if (conn->state == RP_BENCH_CONN_CLOSED)
		return;
	if (conn->state == RP_BENCH_CONN_CONNECTING) {
		on_connected(conn);
		return;
	}
	if (events & EPOLLOUT)
		rp_bench_conn_wake(conn);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_readable(conn);
}
