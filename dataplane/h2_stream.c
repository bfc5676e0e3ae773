/* SPDX-License-Identifier: Apache-2.0
 *
 * A stream of an HTTP/2 session: its life, its queue of output, its answers.
 */
#include <stdlib.h>

#include "dataplane/h2_internal.h"

void rp_h2_flush_add(struct rp_h2_stream *stream)
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

void rp_h2_flush_remove(struct rp_h2_stream *stream)
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

struct rp_h2_stream *rp_h2_stream_new(struct rp_h2_session *session, int32_t id)
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

void rp_h2_stream_free(struct rp_h2_stream *stream, uint32_t error)
{
	struct rp_h2_session *session = stream->session;
	struct rp_h2_env *env = session->env;

	rp_h2_flush_remove(stream);
	if (stream->is_announced)
		env->stream_ops->on_close(stream, error);
	rp_h2_flush_remove(stream);
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

void rp_h2_stream_credit(struct rp_h2_stream *stream)
{
	if (stream->unconsumed == 0 || stream->out.bytes > RP_H2_STREAM_OUT_BYTES)
		return;
	(void)nghttp2_session_consume_stream(stream->session->h2, stream->id, stream->unconsumed);
	stream->unconsumed = 0;
}

/* ---- what goes out ---- */

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
static size_t percent_encode(struct rp_bytes text, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

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
	char message[3 * RP_GRPC_MESSAGE_BYTES_MAX];
};

static void add_status(struct status_headers *headers, const struct rp_h2_stream *stream)
{
	struct rp_writer digits = rp_writer(headers->status, sizeof(headers->status));

	rp_write_u64_dec(&digits, (uint64_t)(stream->grpc_status < 0 ? 2 : stream->grpc_status));
	headers->nv[headers->count++] =
		header("grpc-status", 11, headers->status, rp_written(&digits));
	if (stream->grpc_message.len == 0)
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
 * rp_h2_on_send_data(). There is never an empty frame: with nothing queued the stream rests, or
 * nghttp2 drops the frame for the trailers. */
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

int rp_h2_on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *frame_head,
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
	rp_h2_write(session, rp_bytes(frame_head, 9), false);
	session->out_bytes -= length;
	while (length > 0) {
		struct rp_bytes piece = rp_bytes_slice(rp_body_front(&stream->out), 0, length);

		rp_h2_write(session, piece, true);
		rp_body_take(&stream->out, env->bodies, piece.len);
		length -= piece.len;
	}
	rp_h2_stream_credit(stream);
	if (stream->out.bytes == 0 && !stream->is_finished && env->stream_ops->on_drained != NULL)
		env->stream_ops->on_drained(stream);
	return 0;
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
	rp_h2_wake(session);
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
	if (message != NULL && *message != '\0') /* without memory the status alone has to do */
		stream->grpc_message =
			rp_arena_copy(&stream->arena, rp_bytes_slice(rp_bytes_str(message), 0,
								     RP_GRPC_MESSAGE_BYTES_MAX));
	rp_h2_wake(session);
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
	rp_h2_wake(stream->session);
}

void rp_h2_stream_reset(struct rp_h2_stream *stream, uint32_t error)
{
	(void)nghttp2_submit_rst_stream(stream->session->h2, NGHTTP2_FLAG_NONE, stream->id, error);
	rp_h2_wake(stream->session);
}
