/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "perf/bench/bench_load.h"

enum { HEAD_BYTES = 9, BLOCKS_UNTIL_KEPT = 2 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void put_be32(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)(value >> 24);
	out[1] = (uint8_t)(value >> 16);
	out[2] = (uint8_t)(value >> 8);
	out[3] = (uint8_t)value;
}

/* ---- control frames ---- */

static void put_head(uint8_t *out, uint32_t len, uint8_t type, uint8_t flags, int32_t stream)
{
	out[0] = (uint8_t)(len >> 16);
	out[1] = (uint8_t)(len >> 8);
	out[2] = (uint8_t)len;
	out[3] = type;
	out[4] = flags;
	put_be32(out + 5, (uint32_t)stream);
}

/* ---- control frames ---- */

static uint8_t *control_room(struct rp_bench_conn *conn, size_t n)
{
	struct rp_bench_out *control = &conn->control;

	if (n > control->bytes - control->used) {
		size_t bytes = control->bytes * 2 + n;
		uint8_t *data = realloc(control->data, bytes);

		RP_ASSERT(data != NULL);
		control->data = data;
		control->bytes = bytes;
	}
	uint8_t *at = control->data + control->used;

	control->used += n;
	rp_bench_conn_wake(conn);
	return at;
}

void rp_bench_h2_control(struct rp_bench_conn *conn, uint8_t type, uint8_t flags, int32_t stream,
			 struct rp_bytes payload)
{
	uint8_t *out = control_room(conn, HEAD_BYTES + payload.len);

	put_head(out, (uint32_t)payload.len, type, flags, stream);
	if (payload.len > 0)
		memcpy(out + HEAD_BYTES, payload.ptr, payload.len);
}

void rp_bench_h2_control_number(struct rp_bench_conn *conn, uint8_t type, int32_t stream,
				uint32_t value)
{
	uint8_t bytes[4];

	put_be32(bytes, value);
	rp_bench_h2_control(conn, type, 0, stream, rp_bytes(bytes, sizeof(bytes)));
}

void rp_bench_h2_reset(struct rp_bench_conn *conn, struct rp_bench_stream *stream, uint32_t error)
{
	if (stream->id != 0)
		rp_bench_h2_control_number(conn, NGHTTP2_RST_STREAM, stream->id, error);
}

void rp_bench_h2_end(struct rp_bench_conn *conn, struct rp_bench_stream *stream)
{
	rp_bench_h2_control(conn, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream->id,
			    (struct rp_bytes){0});
}

void rp_bench_h2_begin(struct rp_bench_conn *conn)
{
	const struct rp_bench_options *options = conn->thread->options;
	uint8_t settings[12] = {0};

	settings[1] = NGHTTP2_SETTINGS_ENABLE_PUSH;
	settings[7] = NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE;
	put_be32(settings + 8, options->stream_window);
	memcpy(control_room(conn, sizeof(preface) - 1), preface, sizeof(preface) - 1);
	rp_bench_h2_control(conn, NGHTTP2_SETTINGS, 0, 0, rp_bytes(settings, sizeof(settings)));
	if (options->connection_window > RP_BENCH_H2_WINDOW)
		rp_bench_h2_control_number(conn, NGHTTP2_WINDOW_UPDATE, 0,
					   options->connection_window - RP_BENCH_H2_WINDOW);
}

/* ---- streams that send ---- */

void rp_bench_h2_unready(struct rp_bench_conn *conn, struct rp_bench_stream *stream)
{
	struct rp_bench_stream *before = NULL;

	if (!stream->is_ready)
		return;
	stream->is_ready = false;
	for (struct rp_bench_stream *at = conn->ready_first; at != stream; at = at->ready_next)
		before = at;
	if (before == NULL)
		conn->ready_first = stream->ready_next;
	else
		before->ready_next = stream->ready_next;
	if (conn->ready_last == stream)
		conn->ready_last = before;
}

void rp_bench_h2_ready(struct rp_bench_conn *conn, struct rp_bench_stream *stream)
{
	if (stream->is_ready)
		return;
	stream->is_ready = true;
	stream->ready_next = NULL;
	if (conn->ready_last != NULL)
		conn->ready_last->ready_next = stream;
	else
		conn->ready_first = stream;
	conn->ready_last = stream;
	rp_bench_conn_wake(conn);
}

/* ---- calls and their messages ---- */

#define FIELD(field_name, field_value, value_len)                                                  \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(field_name), (uint8_t *)(uintptr_t)(field_value),           \
			sizeof(field_name) - 1, value_len, NGHTTP2_NV_FLAG_NONE                    \
	}
#define FIELD_LIT(field_name, field_value) FIELD(field_name, field_value, sizeof(field_value) - 1)

/* The header block of a call. After two of them the compression state does not change any more, and
 * all further ones are the same bytes. */
static struct rp_bytes make_block(struct rp_bench_conn *conn)
{
	static const char path[] = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
	const char *target = conn->thread->options->target;
	const char *scheme = conn->thread->options->is_tls ? "https" : "http";
	const nghttp2_nv fields[] = {
		FIELD_LIT(":method", "POST"),
		FIELD(":scheme", scheme, strlen(scheme)),
		FIELD_LIT(":path", path),
		FIELD(":authority", target, strlen(target)),
		FIELD_LIT("te", "trailers"),
		FIELD_LIT("content-type", "application/grpc"),
		FIELD_LIT("user-agent", "ringpick-bench/" RP_VERSION),
		FIELD_LIT("x-envoy-internal", "true"),
	};

	if (conn->kept_bytes != 0)
		return rp_bytes(conn->kept_block, conn->kept_bytes);
	ssize_t n = nghttp2_hd_deflate_hd(conn->deflater, conn->kept_block,
					  sizeof(conn->kept_block), fields, RP_ARRAY_LEN(fields));

	RP_ASSERT(n > 0);
	conn->blocks_made++;
	if (conn->can_keep_block && conn->blocks_made >= BLOCKS_UNTIL_KEPT)
		conn->kept_bytes = (uint16_t)n;
	return rp_bytes(conn->kept_block, (size_t)n);
}

static size_t room_of(const struct rp_bench_out *out)
{
	return out->bytes - out->used;
}

static void write_headers(struct rp_bench_conn *conn, struct rp_bench_stream *stream,
			  struct rp_bench_out *out)
{
	struct rp_bytes block = make_block(conn);
	uint8_t *at = out->data + out->used;

	stream->id = conn->next_id;
	conn->next_id += 2;
	rp_bench_h2_know(conn, stream);
	stream->send_window = conn->peer_initial_window;
	put_head(at, (uint32_t)block.len, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream->id);
	memcpy(at + HEAD_BYTES, block.ptr, block.len);
	out->used += HEAD_BYTES + block.len;
}

/* One DATA frame, of at most one message, as Envoy sends them. */
static void write_data(struct rp_bench_conn *conn, struct rp_bench_stream *stream,
		       struct rp_bench_out *out)
{
	uint8_t *at = out->data + out->used;
	int64_t max = conn->peer_max_frame;

	max = max < stream->send_window ? max : stream->send_window;
	max = max < conn->send_window ? max : conn->send_window;
	uint32_t n = rp_bench_stream_pull(stream, (uint32_t)max, at + HEAD_BYTES);

	put_head(at, n, NGHTTP2_DATA, 0, stream->id);
	stream->send_window -= n;
	conn->send_window -= n;
	out->used += HEAD_BYTES + n;
}

void rp_bench_h2_fill(struct rp_bench_conn *conn, struct rp_bench_out *out)
{
	size_t most = HEAD_BYTES * 2 + sizeof(conn->kept_block) + conn->peer_max_frame;
	size_t n = rp_min_size(conn->control.used, room_of(out));

	if (n > 0) {
		memcpy(out->data + out->used, conn->control.data, n);
		out->used += n;
		conn->control.used -= n;
		memmove(conn->control.data, conn->control.data + n, conn->control.used);
	}
	/* A frame that was cut must be completed first. */
	if (conn->control.used > 0 || conn->state != RP_BENCH_CONN_OPEN)
		return;
	while (conn->ready_first != NULL && conn->send_window > 0 && room_of(out) >= most) {
		struct rp_bench_stream *stream = conn->ready_first;

		if (stream->id == 0)
			write_headers(conn, stream, out);
		while (rp_bench_stream_can_send(stream) && conn->send_window > 0 &&
		       room_of(out) >= most)
			write_data(conn, stream, out);
		if (rp_bench_stream_can_send(stream))
			return; /* the next turn goes on with it */
		rp_bench_h2_unready(conn, stream);
	}
}
