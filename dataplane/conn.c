/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "shm/clock.h"
#include "shm/log.h"

enum {
	/* Frames are gathered until so many bytes; then the frame under way is completed. */
	FILL_BYTES = 96 * 1024,
	FILLED_BYTES_MAX = FILL_BYTES + RP_H2_PULL_SLACK_BYTES,
	PIECES_MAX = 64,       /* of a record */
	PIECE_BYTES_MIN = 256, /* shorter ones are copied */
	/* What TLS itself has to say (handshake, tickets) may stand before gathered frames up to
	   this. */
	AHEAD_BYTES = 4096,
	OUT_BYTES = FILLED_BYTES_MAX + 16384,
	STUCK_MS = 20, /* a send that takes longer means that the peer does not read */
	IGNORED_BYTES_MAX = 1 << 20, /* after the end was told */
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 20,
	KEEPALIVE_COUNT = 3,
	UNACKED_MS_MAX = 120 * 1000,
};

struct rp_conn_buf {
	struct rp_conn_buf *next;
	size_t used; /* bytes written into it */
	size_t sent; /* of those */
	uint8_t data[OUT_BYTES];
};

static const struct rp_io_ops conn_io_ops;

int rp_conn_env_init(struct rp_conn_env *env)
{
	RP_ASSERT(rp_tls_room_for(FILLED_BYTES_MAX) + AHEAD_BYTES <= OUT_BYTES);
	env->count = 0;
	env->first = NULL;
	env->dirty_first = NULL;
	env->dirty_last = NULL;
	env->conn_free = NULL;
	env->buf_free = NULL;
	env->plain_out = malloc(RP_TLS_RECORD_BYTES);
	env->plain_in = malloc(RP_TLS_PLAIN_BYTES_MAX);
	if (env->plain_out != NULL && env->plain_in != NULL)
		return RP_OK;
	rp_conn_env_fini(env);
	return RP_ENOMEM;
}

void rp_conn_env_fini(struct rp_conn_env *env)
{
	RP_ASSERT(env->count == 0);
	while (env->conn_free != NULL) {
		struct rp_conn *conn = env->conn_free;

		env->conn_free = conn->next;
		free(conn);
	}
	while (env->buf_free != NULL) {
		struct rp_conn_buf *buf = env->buf_free;

		env->buf_free = buf->next;
		free(buf);
	}
	free(env->plain_out);
	free(env->plain_in);
	env->plain_out = NULL;
	env->plain_in = NULL;
}

static void mark_dirty(struct rp_conn *conn)
{
	struct rp_conn_env *env = conn->env;

	if (conn->is_dirty || conn->state == RP_CONN_CLOSED)
		return;
	conn->is_dirty = true;
	conn->dirty_next = NULL;
	conn->dirty_prev = env->dirty_last;
	if (env->dirty_last != NULL)
		env->dirty_last->dirty_next = conn;
	else
		env->dirty_first = conn;
	env->dirty_last = conn;
}

static void unmark_dirty(struct rp_conn *conn)
{
	struct rp_conn_env *env = conn->env;

	if (!conn->is_dirty)
		return;
	conn->is_dirty = false;
	if (conn->dirty_prev != NULL)
		conn->dirty_prev->dirty_next = conn->dirty_next;
	else
		env->dirty_first = conn->dirty_next;
	if (conn->dirty_next != NULL)
		conn->dirty_next->dirty_prev = conn->dirty_prev;
	else
		env->dirty_last = conn->dirty_prev;
}

static void on_session_wake(void *user)
{
	mark_dirty(user);
}

/* ---- output ---- */

static struct rp_conn_buf *out_buf(struct rp_conn *conn)
{
	struct rp_conn_env *env = conn->env;

	if (conn->out != NULL)
		return conn->out;
	conn->out = env->buf_free;
	if (conn->out != NULL)
		env->buf_free = conn->out->next;
	else
		conn->out = malloc(sizeof(*conn->out));
	if (conn->out != NULL) {
		conn->out->used = 0;
		conn->out->sent = 0;
	}
	return conn->out;
}

static void give_out_buf(struct rp_conn *conn)
{
	if (conn->out == NULL)
		return;
	conn->out->next = conn->env->buf_free;
	conn->env->buf_free = conn->out;
	conn->out = NULL;
}

static struct rp_tls_sink sink_of(struct rp_conn_buf *buf)
{
	return (struct rp_tls_sink){.data = buf->data, .used = buf->used, .bytes = OUT_BYTES};
}

/* Frames on their way into the output buffer: on a plain port at once, else as pieces until they
 * fill a record. Body bytes are encrypted where they lie; what goes away, and what is too short to
 * be worth a piece of its own, passes by way of plain_out. */
struct gathering {
	struct rp_conn *conn;
	struct rp_tls_sink sink;
	struct rp_bytes piece[PIECES_MAX];
	size_t piece_count;
	size_t bytes;  /* of the pieces */
	size_t copied; /* of plain_out */
	int err;
};

static void seal_record(struct gathering *g)
{
	if (g->bytes > 0 && g->err == RP_OK)
		g->err = rp_tls_write(g->conn->tls, &g->sink, g->piece, g->piece_count);
	g->piece_count = 0;
	g->bytes = 0;
	g->copied = 0;
}

/* It may go on where the last one ends. */
static void add_piece(struct gathering *g, struct rp_bytes piece)
{
	struct rp_bytes *last = g->piece_count > 0 ? &g->piece[g->piece_count - 1] : NULL;

	if (last != NULL && last->ptr + last->len == piece.ptr)
		last->len += piece.len;
	else
		g->piece[g->piece_count++] = piece;
	g->bytes += piece.len;
	if (g->bytes == RP_TLS_RECORD_BYTES || g->piece_count == PIECES_MAX)
		seal_record(g);
}

static bool gather(void *user, struct rp_bytes in, bool is_lasting)
{
	struct gathering *g = user;

	if (g->conn->tls == NULL) {
		RP_ASSERT(in.len <= g->sink.bytes - g->sink.used);
		memcpy(g->sink.data + g->sink.used, in.ptr, in.len);
		g->sink.used += in.len;
		return g->sink.used < FILL_BYTES;
	}
	is_lasting = is_lasting && rp_tls_takes_pieces(g->conn->tls);
	while (in.len > 0) {
		struct rp_bytes piece = rp_bytes_slice(in, 0, RP_TLS_RECORD_BYTES - g->bytes);

		in = rp_bytes_slice(in, piece.len, in.len);
		if (!is_lasting || piece.len < PIECE_BYTES_MIN) {
			uint8_t *to = g->conn->env->plain_out + g->copied;

			memcpy(to, piece.ptr, piece.len);
			g->copied += piece.len;
			piece.ptr = to;
		}
		add_piece(g, piece);
	}
	return g->err == RP_OK && g->sink.used + g->bytes < FILL_BYTES;
}

/* Frames of the session into the output buffer. */
static int pull(struct rp_conn *conn, struct rp_conn_buf *buf)
{
	struct rp_body_pool *bodies = conn->env->ext_proc->bodies;
	struct gathering g;

	g.conn = conn;
	g.sink = sink_of(buf);
	g.piece_count = 0;
	g.bytes = 0;
	g.copied = 0;
	g.err = RP_OK;
	rp_body_pool_hold(bodies);
	int err = rp_h2_session_pull(conn->session, gather, &g);

	seal_record(&g);
	rp_body_pool_release(bodies);
	conn->has_more = g.sink.used >= FILL_BYTES;
	buf->used = g.sink.used;
	return err == RP_OK ? g.err : err;
}

static void send_out(struct rp_conn *conn)
{
	struct rp_conn_buf *buf = conn->out;

	conn->is_sending = true;
	conn->sent_ns = conn->env->now_ns;
	conn->sending_bytes = buf->used - buf->sent;
	/* The end of the send is news only to those who have more to write or to do. */
	conn->io.sent_may_wait =
		conn->state == RP_CONN_OPEN && !conn->has_more && !conn->is_recv_stopped;
	if (rp_loop_send(conn->env->loop, &conn->io,
			 rp_bytes(buf->data + buf->sent, conn->sending_bytes)) != RP_OK)
		rp_conn_close(conn);
}

static bool has_output(const struct rp_conn *conn)
{
	return conn->out != NULL && conn->out->used > conn->out->sent;
}

/* Everything is sent: shut our side, so that the peer reads the last frames before it learns of the
 * end. Closing with unread input would throw them away (RFC 9293 3.10.4, reset). */
static void linger(struct rp_conn *conn)
{
	if (conn->has_ended_in || shutdown(conn->io.fd, SHUT_WR) != 0) {
		rp_conn_close(conn);
		return;
	}
	conn->state = RP_CONN_LINGERING;
	conn->deadline_ns = conn->env->now_ns + RP_LINGER_S * RP_NS_PER_S;
	if (rp_loop_recv(conn->env->loop, &conn->io) != RP_OK)
		rp_conn_close(conn);
}

static void finish(struct rp_conn *conn)
{
	struct rp_conn_buf *buf = conn->tls != NULL ? out_buf(conn) : NULL;

	conn->state = RP_CONN_FINISHING;
	conn->deadline_ns = conn->env->now_ns + RP_LINGER_S * RP_NS_PER_S;
	if (buf != NULL) {
		struct rp_tls_sink sink = sink_of(buf);

		rp_tls_close(conn->tls, &sink);
		buf->used = sink.used;
	}
}

static void resume_recv(struct rp_conn *conn)
{
	if (!conn->is_recv_stopped)
		return;
	conn->is_recv_stopped = false;
	if (rp_loop_recv(conn->env->loop, &conn->io) != RP_OK)
		rp_conn_close(conn);
}

static bool is_over(const struct rp_conn *conn)
{
	if (conn->has_failed || conn->has_ended_in)
		return true;
	return conn->session != NULL && rp_h2_session_is_done(conn->session);
}

static void flush(struct rp_conn *conn)
{
	if (conn->session != NULL)
		rp_h2_session_flush(conn->session);
	if (conn->is_sending) {
		conn->has_more = true;
		conn->io.sent_may_wait = false;
		return;
	}
	conn->has_more = false;
	if (conn->state == RP_CONN_OPEN) {
		struct rp_conn_buf *buf = out_buf(conn);

		if (buf == NULL) {
			rp_conn_close(conn);
			return;
		}
		if (buf->used > AHEAD_BYTES)
			conn->has_more = true;
		else if (pull(conn, buf) != RP_OK)
			conn->has_failed = true;
	}
	if (!conn->has_more && is_over(conn) && conn->state < RP_CONN_FINISHING)
		finish(conn);
	if (has_output(conn)) {
		send_out(conn);
		return;
	}
	give_out_buf(conn);
	if (conn->state == RP_CONN_FINISHING)
		linger(conn);
	else
		resume_recv(conn); /* what is left waits for the peer's WINDOW_UPDATE */
}

void rp_conn_flush_dirty(struct rp_conn_env *env)
{
	while (env->dirty_first != NULL) {
		struct rp_conn *conn = env->dirty_first;

		flush(conn);
		/* What its own session woke it for meanwhile has been pulled, or comes after the
		 * send. */
		unmark_dirty(conn);
	}
}

static void on_sent(struct rp_io *io, int err)
{
	struct rp_conn *conn = RP_CONTAINER_OF(io, struct rp_conn, io);

	conn->is_sending = false;
	if (err != RP_OK) {
		rp_conn_close(conn);
		return;
	}
	rp_counter_add(&conn->env->counters->bytes_out, conn->sending_bytes);
	conn->out->sent += conn->sending_bytes;
	if (conn->out->sent == conn->out->used)
		give_out_buf(conn);
	if (conn->has_more || conn->out != NULL || conn->state == RP_CONN_FINISHING ||
	    conn->is_recv_stopped)
		mark_dirty(conn);
	if (conn->session != NULL &&
	    rp_h2_session_out_bytes(conn->session) < RP_CONNECTION_OUT_BYTES_MAX / 2 &&
	    rp_h2_session_queued_frames(conn->session) < RP_H2_QUEUED_FRAMES_STOP / 2)
		resume_recv(conn);
}

/* ---- input ---- */

static int open_session(struct rp_conn *conn)
{
	struct rp_conn_env *env = conn->env;
	int err = rp_h2_session_new(conn->is_health ? env->health : env->ext_proc, conn->is_health,
				    &conn->session);

	if (err != RP_OK)
		return err;
	rp_h2_session_set_wake(conn->session, on_session_wake, conn);
	conn->state = RP_CONN_OPEN;
	if (conn->is_draining)
		rp_h2_session_shutdown_notice(conn->session);
	mark_dirty(conn); /* SETTINGS */
	return RP_OK;
}

static int feed_plain(struct rp_conn *conn, struct rp_bytes data)
{
	int err = rp_h2_session_feed(conn->session, data);

	if (conn->is_draining && !conn->is_shut_down &&
	    rp_h2_session_is_notice_acked(conn->session)) {
		conn->is_shut_down = true;
		conn->deadline_ns = INT64_MAX;
		rp_h2_session_shutdown(conn->session);
	}
	return err;
}

static int feed_tls(struct rp_conn *conn, struct rp_bytes data)
{
	struct rp_conn_buf *buf = out_buf(conn);
	int err = RP_OK;

	if (buf == NULL)
		return RP_ENOMEM;
	struct rp_tls_sink sink = sink_of(buf);

	rp_tls_feed(conn->tls, data);
	if (conn->state == RP_CONN_HANDSHAKE) {
		err = rp_tls_handshake(conn->tls, &sink);
		if (err == RP_OK)
			err = open_session(conn);
		else if (err == RP_EPROTO)
			rp_counter_add(&conn->env->counters->handshake_failures, 1);
	}
	while (err == RP_OK) {
		size_t n = 0;

		err = rp_tls_read(conn->tls, &sink, conn->env->plain_in, &n);
		if (err == RP_OK)
			err = feed_plain(conn, rp_bytes(conn->env->plain_in, n));
	}
	buf->used = sink.used;
	rp_tls_feed(conn->tls, rp_bytes(NULL, 0));
	if (err == RP_ECLOSED) {
		conn->has_ended_in = true;
		return RP_OK;
	}
	return err == RP_EAGAIN ? RP_OK : err;
}

/* A peer that does not take its answers is not listened to: what it asks would only pile up. Bytes
 * that wait for the peer's WINDOW_UPDATE do not count, for that must be read. */
static void check_back_pressure(struct rp_conn *conn)
{
	if (conn->is_recv_stopped || !conn->is_sending || conn->session == NULL)
		return;
	bool is_stuck = conn->env->now_ns - conn->sent_ns >= STUCK_MS * RP_NS_PER_MS &&
			rp_h2_session_out_bytes(conn->session) >= RP_CONNECTION_OUT_BYTES_MAX;

	if (!is_stuck && rp_h2_session_queued_frames(conn->session) < RP_H2_QUEUED_FRAMES_STOP)
		return;
	conn->is_recv_stopped = true;
	rp_loop_recv_stop(conn->env->loop, &conn->io);
}

static void on_recv(struct rp_io *io, struct rp_bytes data, int err)
{
	struct rp_conn *conn = RP_CONTAINER_OF(io, struct rp_conn, io);
	struct rp_conn_env *env = conn->env;

	env->begin_turn(env->user);
	if (err != RP_OK || (data.len == 0 && (conn->state == RP_CONN_HANDSHAKE ||
					       conn->state == RP_CONN_LINGERING))) {
		rp_conn_close(conn);
		return;
	}
	if (data.len == 0)
		conn->has_ended_in = true;
	rp_counter_add(&env->counters->bytes_in, data.len);
	if (conn->state >= RP_CONN_FINISHING || conn->has_failed) {
		conn->ignored_bytes += data.len;
		if (conn->ignored_bytes > IGNORED_BYTES_MAX)
			rp_conn_close(conn);
		return;
	}
	mark_dirty(conn);
	if (data.len == 0) {
		conn->deadline_ns = env->now_ns + RP_LINGER_S * RP_NS_PER_S;
		return;
	}
	err = conn->tls != NULL ? feed_tls(conn, data) : feed_plain(conn, data);
	if (err != RP_OK) {
		conn->has_failed = true;
		/* A send that is stuck may keep the good-bye from going out at all. */
		conn->deadline_ns = env->now_ns + RP_LINGER_S * RP_NS_PER_S;
		rp_loop_recv_stop(env->loop, io);
		RP_LOG(RP_V4, "connection", "Connection failed",
		       RP_F_TEXT("error", rp_err_text(err)),
		       RP_F_BOOL("handshake", conn->session == NULL));
	}
	check_back_pressure(conn);
}

/* ---- begin and end ---- */

static void set_option(int fd, int level, int name, int value)
{
	/* A socket that is no TCP socket refuses these; it works without. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void tune_socket(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS_MAX);
}

static void conn_release(struct rp_conn *conn)
{
	rp_tls_free(conn->tls);
	if (conn->session != NULL)
		rp_h2_session_free(conn->session);
	conn->tls = NULL;
	conn->session = NULL;
}

int rp_conn_open(struct rp_conn_env *env, int fd, bool is_health)
{
	struct rp_conn *conn = env->conn_free;
	int err = RP_OK;

	if (env->count >= RP_CONNECTIONS_MAX)
		return RP_ETOOBIG;
	if (conn != NULL)
		env->conn_free = conn->next;
	else
		conn = malloc(sizeof(*conn));
	if (conn == NULL)
		return RP_ENOMEM;
	*conn = (struct rp_conn){
		.io = {.ops = &conn_io_ops, .fd = fd},
		.env = env,
		.is_health = is_health,
		.state = RP_CONN_HANDSHAKE,
		.deadline_ns = env->now_ns + RP_HANDSHAKE_TIMEOUT_S * RP_NS_PER_S,
	};
	tune_socket(fd);
	if (!is_health && env->tls != NULL)
		err = rp_tls_new(env->tls, &conn->tls);
	else
		err = open_session(conn);
	if (err == RP_OK)
		err = rp_loop_recv(env->loop, &conn->io);
	if (err != RP_OK) {
		unmark_dirty(conn);
		conn_release(conn);
		conn->next = env->conn_free;
		env->conn_free = conn;
		return err;
	}
	conn->next = env->first;
	if (env->first != NULL)
		env->first->prev = conn;
	env->first = conn;
	env->count++;
	return RP_OK;
}

void rp_conn_close(struct rp_conn *conn)
{
	struct rp_conn_env *env = conn->env;

	if (conn->state == RP_CONN_CLOSED)
		return;
	unmark_dirty(conn);
	conn->state = RP_CONN_CLOSED;
	conn_release(conn);
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		env->first = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	rp_loop_close(env->loop, &conn->io);
}

static void on_closed(struct rp_io *io)
{
	struct rp_conn *conn = RP_CONTAINER_OF(io, struct rp_conn, io);
	struct rp_conn_env *env = conn->env;

	/* Only now: the kernel may have been reading from it. */
	give_out_buf(conn);
	env->count--;
	if (env->on_gone != NULL)
		env->on_gone(env->user, conn);
	conn->next = env->conn_free;
	env->conn_free = conn;
}

static const struct rp_io_ops conn_io_ops = {
	.on_recv = on_recv,
	.on_sent = on_sent,
	.on_closed = on_closed,
};

void rp_conn_drain(struct rp_conn *conn)
{
	if (conn->is_draining || conn->state >= RP_CONN_FINISHING)
		return;
	conn->is_draining = true;
	if (conn->session == NULL)
		return;
	conn->deadline_ns = conn->env->now_ns + RP_DRAIN_PING_TIMEOUT_S * RP_NS_PER_S;
	rp_h2_session_shutdown_notice(conn->session);
}

uint32_t rp_conn_stream_count(const struct rp_conn *conn)
{
	return conn->session != NULL ? rp_h2_session_stream_count(conn->session) : 0;
}

static void on_deadline(struct rp_conn *conn)
{
	if (conn->state >= RP_CONN_FINISHING || conn->has_failed || conn->has_ended_in) {
		rp_conn_close(conn);
		return;
	}
	if (conn->state == RP_CONN_OPEN && rp_h2_session_is_established(conn->session)) {
		conn->deadline_ns = INT64_MAX;
		if (!conn->is_draining || conn->is_shut_down)
			return;
		conn->is_shut_down = true;
		rp_h2_session_shutdown(conn->session);
		return;
	}
	rp_counter_add(&conn->env->counters->handshake_failures, 1);
	rp_conn_close(conn);
}

void rp_conn_tick(struct rp_conn_env *env)
{
	for (struct rp_conn *conn = env->first, *next = NULL; conn != NULL; conn = next) {
		next = conn->next;
		if (conn->deadline_ns <= env->now_ns)
			on_deadline(conn);
	}
}
