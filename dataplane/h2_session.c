/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/h2_session.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "shm/clock.h"

/* The header fields that matter of the block being received; a connection receives one at a time.
 */
struct header_store {
	uint32_t count;
	uint32_t bytes;
	bool is_over_limit;
	uint16_t method_len, path_len, type_len, timeout_len, encoding_len;
	uint8_t method[16];
	uint8_t path[RP_H2_PATH_MAX];
	uint8_t type[64];
	uint8_t timeout[16];
	uint8_t encoding[32];
};

struct rp_h2_session {
	struct rp_h2_env *env;
	nghttp2_session *h2;
	struct rp_h2_stream *streams;
	struct rp_h2_stream *flush_first;
	struct rp_h2_stream *flush_last;
	uint32_t stream_count;
	uint64_t out_bytes;
	void (*wake)(void *user);
	void *wake_user;
	bool (*write)(void *user, struct rp_bytes piece); /* during a pull */
	void *write_user;
	bool is_full; /* write refused: stop after this frame */
	bool is_health;
	bool is_established;
	bool is_notice_due; /* the first GOAWAY is to be written */
	bool is_notice_acked;
	bool is_going_away;    /* the second GOAWAY was submitted */
	uint32_t reset_tokens; /* see count_reset() */
	int64_t reset_refill_ns;
	struct header_store headers;
};

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

static void session_wake(struct rp_h2_session *session)
{
	if (session->wake != NULL)
		session->wake(session->wake_user);
}

static void flush_add(struct rp_h2_stream *stream)
{
	struct rp_h2_session *session = stream->session;

	if (stream->is_flush_due)
		return;
	stream->is_flush_due = true;
	stream->flush_next = NULL;
	stream->flush_prev = session->flush_last;
	if (session->flush_last != NULL)
		session->flush_last->flush_next = stream;
	else
		session->flush_first = stream;
	session->flush_last = stream;
}

static void flush_remove(struct rp_h2_stream *stream)
{
	struct rp_h2_session *session = stream->session;

	if (!stream->is_flush_due)
		return;
	stream->is_flush_due = false;
	if (stream->flush_prev != NULL)
		stream->flush_prev->flush_next = stream->flush_next;
	else
		session->flush_first = stream->flush_next;
	if (stream->flush_next != NULL)
		stream->flush_next->flush_prev = stream->flush_prev;
	else
		session->flush_last = stream->flush_prev;
}

static struct rp_h2_stream *stream_new(struct rp_h2_session *session, int32_t id)
{
	struct rp_h2_env *env = session->env;
	struct rp_h2_stream *stream = env->stream_free;

	if (stream != NULL)
		env->stream_free = stream->next;
	else
		stream = malloc(sizeof(*stream));
	if (stream == NULL)
		return NULL;
	*stream = (struct rp_h2_stream){.session = session, .id = id, .next = session->streams};
	rp_arena_init(&stream->arena, env->arenas);
	if (session->streams != NULL)
		session->streams->prev = stream;
	session->streams = stream;
	session->stream_count++;
	env->streams_open++;
	return stream;
}

static void stream_free(struct rp_h2_stream *stream, uint32_t error)
{
	struct rp_h2_session *session = stream->session;
	struct rp_h2_env *env = session->env;

	flush_remove(stream);
	if (stream->is_announced)
		env->stream_ops->on_close(stream, error);
	flush_remove(stream);
	session->out_bytes -= stream->out.bytes;
	rp_body_free(&stream->out, env->bodies);
	rp_arena_reset(&stream->arena);
	if (stream->prev != NULL)
		stream->prev->next = stream->next;
	else
		session->streams = stream->next;
	if (stream->next != NULL)
		stream->next->prev = stream->prev;
	session->stream_count--;
	env->streams_open--;
	stream->next = env->stream_free;
	env->stream_free = stream;
}

void rp_h2_env_fini(struct rp_h2_env *env)
{
	RP_ASSERT(env->streams_open == 0);
	while (env->stream_free != NULL) {
		struct rp_h2_stream *stream = env->stream_free;

		env->stream_free = stream->next;
		free(stream);
	}
	rp_mem_fini(&env->memory);
}

static struct rp_h2_stream *stream_of(nghttp2_session *h2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h2, id);
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
		env->streams_open < env->streams_max ? stream_new(session, id) : NULL;

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
	flush_add(stream);
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
	struct rp_h2_stream *stream = stream_of(h2, frame->hd.stream_id);

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
		flush_add(stream);
		session->env->stream_ops->on_end(stream);
	}
	return 0;
}

/* Give the stream's window back unless its output has piled up: the peer must take that first. */
static void credit(struct rp_h2_stream *stream)
{
	if (stream->unconsumed == 0 || stream->out.bytes > RP_H2_STREAM_OUT_BYTES)
		return;
	(void)nghttp2_session_consume_stream(stream->session->h2, stream->id, stream->unconsumed);
	stream->unconsumed = 0;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
			 size_t len, void *user)
{
	struct rp_h2_session *session = user;
	struct rp_h2_stream *stream = stream_of(h2, id);

	(void)flags;
	if (nghttp2_session_consume_connection(h2, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (stream == NULL || !stream->is_announced)
		return 0;
	stream->unconsumed += (uint32_t)len;
	flush_add(stream);
	session->env->stream_ops->on_data(stream, rp_bytes(data, len));
	credit(stream);
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct rp_h2_stream *stream = stream_of(h2, id);

	(void)user;
	if (stream != NULL) {
		(void)nghttp2_session_set_stream_user_data(h2, id, NULL);
		stream_free(stream, error);
	}
	return 0;
}

/* ---- sending ---- */

static void session_write(struct rp_h2_session *session, struct rp_bytes piece)
{
	if (!session->write(session->write_user, piece))
		session->is_full = true;
}

static nghttp2_nv header(const char *name, size_t name_len, const char *value, size_t value_len)
{
	/* nghttp2 copies both: no NGHTTP2_NV_FLAG_NO_COPY is given. Its type lacks const. */
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = name_len,
			    .valuelen = value_len};
}

#define HEADER_LIT(name, value) header(name, sizeof(name) - 1, value, sizeof(value) - 1)

/* gRPC over HTTP/2: Status-Message is percent-encoded; what is printable ASCII but '%' stays. */
static size_t percent_encode(const char *text, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		if (c >= 0x20 && c < 0x7f && c != '%') {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return n;
}

enum { STATUS_HEADERS_MAX = 4 };

struct status_headers {
	nghttp2_nv nv[STATUS_HEADERS_MAX];
	size_t count;
	char status[12];
	char message[3 * sizeof(((struct rp_h2_stream *)0)->grpc_message)];
};

static void add_status(struct status_headers *headers, const struct rp_h2_stream *stream)
{
	struct rp_writer digits = rp_writer(headers->status, sizeof(headers->status));

	rp_write_u64_dec(&digits, (uint64_t)(stream->grpc_status < 0 ? 2 : stream->grpc_status));
	headers->nv[headers->count++] =
		header("grpc-status", 11, headers->status, rp_written(&digits));
	if (stream->grpc_message[0] == '\0')
		return;
	headers->nv[headers->count++] =
		header("grpc-message", 12, headers->message,
		       percent_encode(stream->grpc_message, headers->message));
}

static void submit_trailers(struct rp_h2_stream *stream)
{
	struct status_headers headers = {.count = 0};

	if (stream->has_trailers)
		return;
	stream->has_trailers = true;
	add_status(&headers, stream);
	if (nghttp2_submit_trailer(stream->session->h2, stream->id, headers.nv, headers.count) != 0)
		rp_h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

/* How much the next DATA frame of the stream may carry; the bytes themselves are written by
 * on_send_data(). There is never an empty frame: with nothing queued the stream rests, or nghttp2
 * drops the frame for the trailers. */
static ssize_t on_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t length,
		       uint32_t *data_flags, nghttp2_data_source *source, void *user)
{
	struct rp_h2_stream *stream = source->ptr;

	(void)h2;
	(void)id;
	(void)buf;
	(void)user;
	if (stream->out.bytes == 0 && !stream->is_finished) {
		stream->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*data_flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (stream->out.bytes > length)
		return (ssize_t)length;
	if (stream->is_finished) {
		*data_flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		submit_trailers(stream);
	}
	return (ssize_t)stream->out.bytes;
}

static int on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *frame_head,
			size_t length, nghttp2_data_source *source, void *user)
{
	struct rp_h2_session *session = user;
	struct rp_h2_stream *stream = source->ptr;
	const struct rp_h2_env *env = session->env;

	(void)h2;
	(void)frame;
	if (session->is_full)
		return NGHTTP2_ERR_WOULDBLOCK;
	RP_ASSERT(length <= stream->out.bytes);
	session_write(session, rp_bytes(frame_head, 9));
	session->out_bytes -= length;
	while (length > 0) {
		struct rp_bytes piece = rp_bytes_slice(rp_body_front(&stream->out), 0, length);

		session_write(session, piece);
		rp_body_take(&stream->out, env->bodies, piece.len);
		length -= piece.len;
	}
	credit(stream);
	if (stream->out.bytes == 0 && !stream->is_finished && env->stream_ops->on_drained != NULL)
		env->stream_ops->on_drained(stream);
	return 0;
}

/* RFC 9113 8.1: a complete answer before the request's end is followed by RST_STREAM(NO_ERROR),
 * which tells the peer to stop. */
static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	(void)user;
	if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	const struct rp_h2_stream *stream = stream_of(h2, frame->hd.stream_id);

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
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
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
		stream_free(session->streams, NGHTTP2_CANCEL);
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

		flush_remove(stream);
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
	session_write(session, rp_bytes(frame, sizeof(frame)));
	session_write(session, RP_BYTES_LIT(DRAIN_TEXT));
	/* Behind the GOAWAY: who has answered it opens no further streams here. */
	(void)nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE, notice_ping);
}

int rp_h2_session_pull(struct rp_h2_session *session,
		       bool (*write)(void *user, struct rp_bytes piece), void *user)
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
			session_write(session, rp_bytes(data, (size_t)n));
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
	session_wake(session);
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
	session_wake(session);
}

/* ---- answers ---- */

/* Something was queued: send the response HEADERS before the first of it, or go on where DATA
 * rested. */
static int stream_go(struct rp_h2_stream *stream, size_t n)
{
	struct rp_h2_session *session = stream->session;

	session->out_bytes += n;
	if (n > 0 && !stream->has_sent_headers) {
		const nghttp2_nv headers[] = {HEADER_LIT(":status", "200"),
					      HEADER_LIT("content-type", "application/grpc")};
		const nghttp2_data_provider provider = {.source.ptr = stream,
							.read_callback = on_read};

		stream->has_sent_headers = true;
		if (nghttp2_submit_response(session->h2, stream->id, headers, RP_ARRAY_LEN(headers),
					    &provider) != 0)
			return RP_ENOMEM;
	} else if (n > 0 && stream->is_deferred) {
		stream->is_deferred = false;
		if (nghttp2_session_resume_data(session->h2, stream->id) != 0)
			return RP_ENOMEM;
	}
	session_wake(session);
	return RP_OK;
}

int rp_h2_stream_send(struct rp_h2_stream *stream, struct rp_bytes bytes)
{
	RP_ASSERT(!stream->is_finished);
	int err = rp_body_append(&stream->out, stream->session->env->bodies, bytes);

	if (err == RP_ENOMEM)
		err = rp_body_append_reserve(&stream->out, stream->session->env->bodies, bytes);
	return err == RP_OK ? stream_go(stream, bytes.len) : err;
}

int rp_h2_stream_send_body(struct rp_h2_stream *stream, struct rp_body *body, uint64_t n)
{
	RP_ASSERT(!stream->is_finished);
	uint64_t before = stream->out.bytes;
	int err = rp_body_move(&stream->out, body, n, stream->session->env->bodies);
	int go_err = stream_go(stream, (size_t)(stream->out.bytes - before));

	return err == RP_OK ? go_err : err;
}

void rp_h2_stream_finish(struct rp_h2_stream *stream, int grpc_status, const char *message)
{
	struct rp_h2_session *session = stream->session;

	if (stream->is_finished)
		return;
	stream->is_finished = true;
	stream->grpc_status = grpc_status;
	(void)rp_bytes_to_str(rp_bytes_str(message != NULL ? message : ""), stream->grpc_message,
			      sizeof(stream->grpc_message));
	session_wake(session);
	if (stream->has_sent_headers) {
		/* Else on_read() submits them behind the last byte. */
		if (stream->out.bytes == 0)
			submit_trailers(stream);
		return;
	}
	struct status_headers headers = {
		.nv = {HEADER_LIT(":status", "200"),
		       HEADER_LIT("content-type", "application/grpc")},
		.count = 2,
	};

	stream->has_sent_headers = true;
	stream->has_trailers = true;
	add_status(&headers, stream);
	if (nghttp2_submit_response(session->h2, stream->id, headers.nv, headers.count, NULL) != 0)
		rp_h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

void rp_h2_stream_reject(struct rp_h2_stream *stream, int http_status)
{
	char digits[4] = "500";
	struct rp_writer writer = rp_writer(digits, sizeof(digits));

	if (stream->is_finished || stream->has_sent_headers)
		return;
	RP_ASSERT(http_status >= 200 && http_status <= 599);
	rp_write_u64_dec(&writer, (uint64_t)http_status);
	const nghttp2_nv headers[] = {header(":status", 7, digits, 3)};

	stream->is_finished = true;
	stream->has_sent_headers = true;
	stream->has_trailers = true;
	if (nghttp2_submit_response(stream->session->h2, stream->id, headers, 1, NULL) != 0)
		rp_h2_stream_reset(stream, NGHTTP2_INTERNAL_ERROR);
	session_wake(stream->session);
}

void rp_h2_stream_reset(struct rp_h2_stream *stream, uint32_t error)
{
	(void)nghttp2_submit_rst_stream(stream->session->h2, NGHTTP2_FLAG_NONE, stream->id, error);
	session_wake(stream->session);
}
