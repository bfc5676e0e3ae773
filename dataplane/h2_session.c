/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/h2_internal.h"
#include "shm/clock.h"

static const uint8_t notice_ping[8] = {'r', 'i', 'n', 'g', 's', 't', 'o', 'p'};

#define DRAIN_TEXT "graceful_stop"

static void *h2_malloc(size_t n, void *user)
{
	return rp_mem_alloc(user, n);
}

static void h2_free(void *ptr, void *user)
{
	rp_mem_free(user, ptr);
}

static void *h2_calloc(size_t count, size_t size, void *user)
{
	return rp_mem_calloc(user, count, size);
}

static void *h2_realloc(void *ptr, size_t n, void *user)
{
	return rp_mem_realloc(user, ptr, n);
}

/* ---- receiving ---- */

static bool is_request(const nghttp2_frame *frame)
{
	return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct rp_h2_session *session = user;
	struct rp_h2_env *env = session->env;
	int32_t id = frame->hd.stream_id;

	if (!is_request(frame))
		return 0;
	session->headers.count = 0;
	session->headers.bytes = 0;
	session->headers.is_over_limit = false;
	session->headers.method_len = 0;
	session->headers.path_len = 0;
	session->headers.type_len = 0;
	session->headers.timeout_len = 0;
	session->headers.encoding_len = 0;
	struct rp_h2_stream *stream =
		env->streams_open < env->streams_max ? rp_h2_stream_new(session, id) : NULL;

	if (stream == NULL)
		return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
	return nghttp2_session_set_stream_user_data(h2, id, stream);
}

static uint16_t keep(uint8_t *to, size_t room, const uint8_t *value, size_t len)
{
	size_t n = rp_min_size(room, len);

	memcpy(to, value, n);
	return (uint16_t)n;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct rp_h2_session *session = user;
	struct header_store *store = &session->headers;
	struct rp_bytes key = rp_bytes(name, name_len);

	(void)h2;
	(void)flags;
	if (!is_request(frame))
		return 0;
	store->count++;
	store->bytes += (uint32_t)(name_len + value_len);
	if (store->count > RP_H2_HEADERS_MAX || store->bytes > RP_H2_HEADER_BYTES_MAX) {
		store->is_over_limit = true;
		return 0;
	}
	if (rp_bytes_equal(key, RP_BYTES_LIT(":path")))
		store->path_len = keep(store->path, sizeof(store->path), value, value_len);
	else if (rp_bytes_equal(key, RP_BYTES_LIT(":method")))
		store->method_len = keep(store->method, sizeof(store->method), value, value_len);
	else if (rp_bytes_equal(key, RP_BYTES_LIT("content-type")))
		store->type_len = keep(store->type, sizeof(store->type), value, value_len);
	else if (rp_bytes_equal(key, RP_BYTES_LIT("grpc-timeout")))
		store->timeout_len = keep(store->timeout, sizeof(store->timeout), value, value_len);
	else if (rp_bytes_equal(key, RP_BYTES_LIT("grpc-encoding")))
		store->encoding_len =
			keep(store->encoding, sizeof(store->encoding), value, value_len);
	return 0;
}

static void on_request_complete(struct rp_h2_session *session, struct rp_h2_stream *stream)
{
	const struct header_store *store = &session->headers;

	if (store->is_over_limit) {
		rp_h2_stream_reject(stream, 431);
		return;
	}
	const struct rp_h2_request request = {
		.method = rp_bytes(store->method, store->method_len),
		.path = rp_bytes(store->path, store->path_len),
		.content_type = rp_bytes(store->type, store->type_len),
		.grpc_timeout = rp_bytes(store->timeout, store->timeout_len),
		.grpc_encoding = rp_bytes(store->encoding, store->encoding_len),
	};

	/* Frame by frame in turn with the others (RFC 9218 4.2): a large body must not hold up the
	 * events of other streams. */
	const nghttp2_extpri in_turn = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};

	(void)nghttp2_session_change_extpri_stream_priority(session->h2, stream->id, &in_turn, 1);
	stream->is_announced = true;
	rp_h2_flush_add(stream);
	session->env->stream_ops->on_request(stream, &request);
}

/* A gateway resets a stream when it has its answer; that is no flood. Streams that are reset before
 * any answer cost us work for nothing (CVE-2023-44487): a bucket of tokens bounds them. */
static int count_reset(struct rp_h2_session *session)
{
	int64_t now_ns = session->env->now_ns;
	int64_t refill = (now_ns - session->reset_refill_ns) / (RP_NS_PER_S / RP_H2_RESETS_PER_S);

	if (refill > 0) {
		session->reset_refill_ns = now_ns;
		session->reset_tokens = (uint32_t)rp_min_size(
			RP_H2_RESETS_BURST_MAX, session->reset_tokens + (size_t)refill);
	}
	if (session->reset_tokens == 0)
		return nghttp2_session_terminate_session(session->h2, NGHTTP2_ENHANCE_YOUR_CALM);
	session->reset_tokens--;
	return 0;
}

/* RFC 9113 6.3. nghttp2 looks at no PRIORITY frame once SETTINGS_NO_RFC7540_PRIORITIES is sent. */
static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *head, void *user)
{
	(void)user;
	if (head->type == NGHTTP2_PRIORITY && head->stream_id == 0)
		return nghttp2_session_terminate_session(h2, NGHTTP2_PROTOCOL_ERROR);
	return 0;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct rp_h2_session *session = user;

	if (frame->hd.type == NGHTTP2_SETTINGS) {
		session->is_established = true;
		return 0;
	}
	if (frame->hd.type == NGHTTP2_PING) {
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
		    memcmp(frame->ping.opaque_data, notice_ping, sizeof(notice_ping)) == 0)
			session->is_notice_acked = true;
		return 0;
	}
	struct rp_h2_stream *stream = rp_h2_stream_of(h2, frame->hd.stream_id);

	if (stream == NULL)
		return 0;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		return stream->has_sent_headers ? 0 : count_reset(session);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	bool has_ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	stream->has_ended_in = stream->has_ended_in || has_ended;
	if (is_request(frame))
		on_request_complete(session, stream);
	if (has_ended && stream->is_announced) {
		rp_h2_flush_add(stream);
		session->env->stream_ops->on_end(stream);
	}
	return 0;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
			 size_t len, void *user)
{
	struct rp_h2_session *session = user;
	struct rp_h2_stream *stream = rp_h2_stream_of(h2, id);

	(void)flags;
	if (nghttp2_session_consume_connection(h2, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (stream == NULL || !stream->is_announced)
		return 0;
	stream->unconsumed += (uint32_t)len;
	rp_h2_flush_add(stream);
	session->env->stream_ops->on_data(stream, rp_bytes(data, len));
	rp_h2_stream_credit(stream);
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct rp_h2_stream *stream = rp_h2_stream_of(h2, id);

	(void)user;
	if (stream != NULL) {
		(void)nghttp2_session_set_stream_user_data(h2, id, NULL);
		rp_h2_stream_free(stream, error);
	}
	return 0;
}

/* RFC 9113 8.1: a complete answer before the request's end is followed by RST_STREAM(NO_ERROR),
 * which tells the peer to stop. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	(void)user;
	if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	const struct rp_h2_stream *stream = rp_h2_stream_of(h2, frame->hd.stream_id);

	if (stream != NULL && !stream->has_ended_in)
		return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
						 NGHTTP2_NO_ERROR);
	return 0;
}

/* ---- the session ---- */

static int make_h2(struct rp_h2_session *session, nghttp2_session_callbacks *callbacks,
		   nghttp2_option *option)
{
	nghttp2_mem memory = {.mem_user_data = &session->env->memory,
			      .malloc = h2_malloc,
			      .free = h2_free,
			      .calloc = h2_calloc,
			      .realloc = h2_realloc};

	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, rp_h2_on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_outbound_ack(option, RP_H2_CONTROL_FRAMES_MAX);
	/* Envoy resets each stream it is done with; count_reset() knows which of them are a flood.
	 */
	nghttp2_option_set_stream_reset_rate_limit(option, UINT64_C(1) << 30, UINT64_C(1) << 30);
	if (nghttp2_session_server_new3(&session->h2, callbacks, session, option, &memory) != 0)
		return RP_ENOMEM;

	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, RP_STREAMS_PER_CONNECTION_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RP_H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RP_H2_HEADER_BYTES_MAX},
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
	};

	if (nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, settings,
				    RP_ARRAY_LEN(settings)) != 0 ||
	    nghttp2_session_set_local_window_size(session->h2, NGHTTP2_FLAG_NONE, 0,
						  RP_H2_CONNECTION_WINDOW) != 0) {
		nghttp2_session_del(session->h2);
		return RP_ENOMEM;
	}
	return RP_OK;
}

int rp_h2_session_new(struct rp_h2_env *env, bool is_health, struct rp_h2_session **ret_session)
{
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	struct rp_h2_session *session = rp_mem_calloc(&env->memory, 1, sizeof(*session));
	int err = RP_ENOMEM;

	if (session == NULL)
		return RP_ENOMEM;
	session->env = env;
	session->is_health = is_health;
	session->reset_tokens = RP_H2_RESETS_BURST_MAX;
	session->reset_refill_ns = env->now_ns;
	if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0)
		err = make_h2(session, callbacks, option);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(option);
	if (err != RP_OK) {
		rp_mem_free(&env->memory, session);
		return err;
	}
	*ret_session = session;
	return RP_OK;
}

void rp_h2_session_set_wake(struct rp_h2_session *session, void (*wake)(void *user), void *user)
{
	session->wake = wake;
	session->wake_user = user;
}

void rp_h2_session_free(struct rp_h2_session *session)
{
	session->wake = NULL;
	while (session->streams != NULL)
		rp_h2_stream_free(session->streams, NGHTTP2_CANCEL);
	nghttp2_session_del(session->h2);
	rp_mem_free(&session->env->memory, session);
}

int rp_h2_session_feed(struct rp_h2_session *session, struct rp_bytes in)
{
	ssize_t n = nghttp2_session_mem_recv(session->h2, in.ptr, in.len);

	if (n != (ssize_t)in.len)
		return RP_EPROTO;
	if (rp_h2_session_queued_frames(session) <= RP_H2_QUEUED_FRAMES_MAX)
		return RP_OK;
	(void)nghttp2_session_terminate_session(session->h2, NGHTTP2_ENHANCE_YOUR_CALM);
	return RP_EPROTO;
}

void rp_h2_session_flush(struct rp_h2_session *session)
{
	while (session->flush_first != NULL) {
		struct rp_h2_stream *stream = session->flush_first;

		rp_h2_flush_remove(stream);
		if (stream->is_announced)
			session->env->stream_ops->on_flush(stream);
	}
}

/* GOAWAY with the highest stream id (RFC 9113 6.8), by hand: nghttp2_submit_shutdown_notice() takes
 * no debug data, and its other calls would refuse streams from here on. */
static void write_notice(struct rp_h2_session *session)
{
	static const uint8_t frame[] = {
		0, 0, 8 + sizeof(DRAIN_TEXT) - 1, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0,
		0, 0};

	session->is_notice_due = false;
	rp_h2_write(session, rp_bytes(frame, sizeof(frame)), false);
	rp_h2_write(session, RP_BYTES_LIT(DRAIN_TEXT), false);
	/* Behind the GOAWAY: who has answered it opens no further streams here. */
	(void)nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE, notice_ping);
}

int rp_h2_session_pull(struct rp_h2_session *session,
		       bool (*write)(void *user, struct rp_bytes piece, bool is_lasting),
		       void *user)
{
	session->write = write;
	session->write_user = user;
	session->is_full = false;
	while (!session->is_full) {
		const uint8_t *data = NULL;
		ssize_t n = nghttp2_session_mem_send(session->h2, &data);

		if (n < 0)
			return RP_EPROTO;
		if (n > 0)
			rp_h2_write(session, rp_bytes(data, (size_t)n), false);
		else if (session->is_notice_due && !session->is_full)
			write_notice(session); /* not before SETTINGS, the first frame of all */
		else
			break;
	}
	return RP_OK;
}

bool rp_h2_session_is_done(const struct rp_h2_session *session)
{
	return nghttp2_session_want_read(session->h2) == 0 &&
	       nghttp2_session_want_write(session->h2) == 0;
}

uint32_t rp_h2_session_stream_count(const struct rp_h2_session *session)
{
	return session->stream_count;
}

uint64_t rp_h2_session_out_bytes(const struct rp_h2_session *session)
{
	return session->out_bytes;
}

size_t rp_h2_session_queued_frames(const struct rp_h2_session *session)
{
	return nghttp2_session_get_outbound_queue_size(session->h2);
}

bool rp_h2_session_is_established(const struct rp_h2_session *session)
{
	return session->is_established;
}

bool rp_h2_session_is_health(const struct rp_h2_session *session)
{
	return session->is_health;
}

void *rp_h2_session_worker(const struct rp_h2_session *session)
{
	return session->env->worker;
}

void rp_h2_session_shutdown_notice(struct rp_h2_session *session)
{
	if (session->is_going_away)
		return;
	session->is_notice_due = true;
	rp_h2_wake(session);
}

bool rp_h2_session_is_notice_acked(const struct rp_h2_session *session)
{
	return session->is_notice_acked;
}

void rp_h2_session_shutdown(struct rp_h2_session *session)
{
	if (session->is_going_away)
		return;
	session->is_going_away = true;
	session->is_notice_due = false;
	(void)nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE,
				    nghttp2_session_get_last_proc_stream_id(session->h2),
				    NGHTTP2_NO_ERROR, (const uint8_t *)DRAIN_TEXT,
				    sizeof(DRAIN_TEXT) - 1);
	rp_h2_wake(session);
}
