/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "perf/bench/bench_load.h"

enum {
	HEAD_BYTES = 9,
	DEFAULT_FRAME_BYTES = 16384,
	HEADER_TABLE_BYTES = 4096,
	CONTROL_BYTES_MAX = 4 << 20, /* answers queued for a peer that does not read */
};

static uint32_t get_be32(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

/* ---- streams of a connection ---- */

static struct rp_bench_stream **bucket_of(struct rp_bench_conn *conn, int32_t id)
{
	return &conn->buckets[((uint32_t)id >> 1) & conn->bucket_mask];
}

static struct rp_bench_stream *find_stream(struct rp_bench_conn *conn, int32_t id)
{
	struct rp_bench_stream *stream = *bucket_of(conn, id);

	while (stream != NULL && stream->id != id)
		stream = stream->next;
	return stream;
}

void rp_bench_h2_know(struct rp_bench_conn *conn, struct rp_bench_stream *stream)
{
	stream->next = *bucket_of(conn, stream->id);
	*bucket_of(conn, stream->id) = stream;
}

void rp_bench_h2_forget(struct rp_bench_conn *conn, struct rp_bench_stream *stream)
{
	rp_bench_h2_unready(conn, stream);
	if (conn->frame_target == stream)
		conn->frame_target = NULL;
	if (stream->id == 0)
		return;
	struct rp_bench_stream **at = bucket_of(conn, stream->id);

	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	stream->next = NULL;
}

/* ---- receiving ---- */

static int peer_error(const char **ret_why, const char *why)
{
	*ret_why = why;
	return RP_EPROTO;
}

static int on_window(struct rp_bench_conn *conn, struct rp_bytes payload, const char **ret_why)
{
	uint32_t more = get_be32(payload.ptr) & INT32_MAX;
	struct rp_bench_stream *stream;

	if (conn->frame_stream == 0) {
		conn->send_window += more;
		if (more == 0 || conn->send_window > INT32_MAX)
			return peer_error(ret_why, "a WINDOW_UPDATE is out of bounds");
		rp_bench_conn_wake(conn);
		return RP_OK;
	}
	stream = find_stream(conn, conn->frame_stream);
	if (stream == NULL)
		return RP_OK;
	stream->send_window += more;
	if (more == 0 || stream->send_window > INT32_MAX)
		return peer_error(ret_why, "a WINDOW_UPDATE is out of bounds");
	if (rp_bench_stream_can_send(stream))
		rp_bench_h2_ready(conn, stream);
	return RP_OK;
}

static int on_initial_window(struct rp_bench_conn *conn, uint32_t value, const char **ret_why)
{
	int64_t change = (int64_t)value - conn->peer_initial_window;

	if (value > INT32_MAX)
		return peer_error(ret_why, "SETTINGS_INITIAL_WINDOW_SIZE is out of bounds");
	conn->peer_initial_window = value;
	for (uint32_t i = 0; i <= conn->bucket_mask; i++) {
		for (struct rp_bench_stream *s = conn->buckets[i]; s != NULL; s = s->next) {
			s->send_window += change;
			if (rp_bench_stream_can_send(s))
				rp_bench_h2_ready(conn, s);
		}
	}
	return RP_OK;
}

static int on_setting(struct rp_bench_conn *conn, uint16_t id, uint32_t value, const char **ret_why)
{
	switch (id) {
	case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
		conn->can_keep_block = value >= HEADER_TABLE_BYTES;
		conn->kept_bytes = 0;
		conn->blocks_made = 0;
		return nghttp2_hd_deflate_change_table_size(
			       conn->deflater,
			       value < HEADER_TABLE_BYTES ? value : HEADER_TABLE_BYTES) == 0
			       ? RP_OK
			       : peer_error(ret_why, "SETTINGS_HEADER_TABLE_SIZE is refused");
	case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
		conn->peer_max_streams = value;
		return RP_OK;
	case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
		return on_initial_window(conn, value, ret_why);
	case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
		if (value < DEFAULT_FRAME_BYTES)
			return peer_error(ret_why, "SETTINGS_MAX_FRAME_SIZE is out of bounds");
		/* Envoy's frames are no larger. */
		return RP_OK;
	default:
		return RP_OK;
	}
}

static int on_settings(struct rp_bench_conn *conn, struct rp_bytes payload, const char **ret_why)
{
	if (conn->frame_flags & NGHTTP2_FLAG_ACK)
		return RP_OK;
	if (payload.len % 6 != 0)
		return peer_error(ret_why, "a SETTINGS frame has a wrong length");
	for (size_t i = 0; i < payload.len; i += 6) {
		const uint8_t *at = payload.ptr + i;
		int err =
			on_setting(conn, (uint16_t)(at[0] << 8 | at[1]), get_be32(at + 2), ret_why);

		if (err != RP_OK)
			return err;
	}
	rp_bench_h2_control(conn, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, (struct rp_bytes){0});
	if (conn->state == RP_BENCH_CONN_SETTINGS)
		conn->state = RP_BENCH_CONN_OPEN;
	return RP_OK;
}

static void on_goaway(struct rp_bench_conn *conn, struct rp_bytes payload)
{
	int32_t last = (int32_t)(get_be32(payload.ptr) & INT32_MAX);

	if (!conn->is_going_away) {
		conn->is_going_away = true;
		rp_bench_thread_slot_free(conn->thread, conn, "the picker sent GOAWAY");
	}
	/* What is above was not processed (RFC 9113, 6.8). */
	for (uint32_t i = 0; i <= conn->bucket_mask; i++) {
		struct rp_bench_stream *stream = conn->buckets[i];

		while (stream != NULL) {
			struct rp_bench_stream *next = stream->next;

			if (stream->id > last)
				rp_bench_stream_withdraw(stream);
			stream = next;
		}
	}
	for (struct rp_bench_stream *s = conn->ready_first; s != NULL;) {
		struct rp_bench_stream *next = s->ready_next;

		if (s->id == 0)
			rp_bench_stream_withdraw(s);
		s = next;
	}
}

static void on_reset(struct rp_bench_conn *conn, struct rp_bytes payload)
{
	struct rp_bench_stream *stream = find_stream(conn, conn->frame_stream);

	if (stream == NULL)
		return;
	uint32_t error = get_be32(payload.ptr);

	/* Nothing is to be sent to a stream that is reset. */
	stream->is_half_closed = true;
	rp_bench_h2_forget(conn, stream);
	stream->id = 0;
	rp_bench_stream_finish(stream, RP_BENCH_FAILED, "the stream was reset, error %u", error);
}

/* ---- header blocks ---- */

struct answer_head {
	int status;
	int grpc_status; /* -1: none */
	bool is_grpc;
	size_t message_len;
	char message[RP_BENCH_REASON_BYTES];
};

static int number_of(struct rp_bytes text)
{
	uint64_t value;

	return rp_bytes_to_u64(text, INT32_MAX, &value) == RP_OK ? (int)value : INT32_MAX;
}

static void on_field(struct answer_head *head, const nghttp2_nv *nv)
{
	struct rp_bytes name = rp_bytes(nv->name, nv->namelen);
	struct rp_bytes value = rp_bytes(nv->value, nv->valuelen);

	if (rp_bytes_equal_str(name, ":status"))
		head->status = number_of(value);
	else if (rp_bytes_equal_str(name, "grpc-status"))
		head->grpc_status = number_of(value);
	else if (rp_bytes_equal_str(name, "content-type"))
		head->is_grpc = rp_bytes_starts_with(value, RP_BYTES_LIT("application/grpc"));
	else if (rp_bytes_equal_str(name, "grpc-message"))
		head->message_len = rp_bytes_to_str(value, head->message, sizeof(head->message));
}

static int inflate(struct rp_bench_conn *conn, struct answer_head *head, const char **ret_why)
{
	const uint8_t *at = conn->block;
	size_t left = conn->block_bytes;

	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(conn->inflater, &nv, &flags, at, left, 1);

		if (n < 0)
			return peer_error(ret_why, "a header block cannot be decoded");
		at += n;
		left -= (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			on_field(head, &nv);
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(conn->inflater);
			return RP_OK;
		}
		if (left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return peer_error(ret_why, "a header block is cut off");
	}
}

static int on_block(struct rp_bench_conn *conn, const char **ret_why)
{
	struct rp_bench_stream *stream = find_stream(conn, conn->block_stream);
	struct answer_head head = {.grpc_status = -1};
	int err = inflate(conn, &head, ret_why);

	conn->block_stream = 0;
	conn->block_bytes = 0;
	if (err != RP_OK || stream == NULL)
		return err;
	if (!stream->has_headers && head.status != 200) {
		rp_bench_stream_finish(stream, RP_BENCH_FAILED, "HTTP status %d", head.status);
	} else if (!stream->has_headers && !head.is_grpc) {
		rp_bench_stream_finish(stream, RP_BENCH_FAILED, "the content-type is not gRPC's");
	} else if (conn->block_ends_stream) {
		rp_bench_stream_end(stream, head.grpc_status,
				    rp_bytes(head.message, head.message_len));
	} else if (stream->has_headers) {
		rp_bench_stream_finish(stream, RP_BENCH_WRONG, "headers in the middle of the call");
	} else {
		stream->has_headers = true;
	}
	return RP_OK;
}

static int add_to_block(struct rp_bench_conn *conn, struct rp_bytes piece, const char **ret_why)
{
	if (piece.len > RP_BENCH_FRAME_BYTES_MAX - conn->block_bytes)
		return peer_error(ret_why, "a header block is too large");
	memcpy(conn->block + conn->block_bytes, piece.ptr, piece.len);
	conn->block_bytes += (uint32_t)piece.len;
	return conn->frame_flags & NGHTTP2_FLAG_END_HEADERS ? on_block(conn, ret_why) : RP_OK;
}

static int on_headers(struct rp_bench_conn *conn, struct rp_bytes payload, const char **ret_why)
{
	size_t front = 0;
	size_t pad = 0;

	if (conn->frame_flags & NGHTTP2_FLAG_PADDED) {
		pad = payload.len > 0 ? payload.ptr[0] : 0;
		front = 1;
	}
	if (conn->frame_flags & NGHTTP2_FLAG_PRIORITY)
		front += 5;
	if (front + pad > payload.len)
		return peer_error(ret_why, "the padding is longer than its frame");
	conn->block_stream = conn->frame_stream;
	conn->block_bytes = 0;
	conn->block_ends_stream = conn->frame_flags & NGHTTP2_FLAG_END_STREAM;
	return add_to_block(conn, rp_bytes_slice(payload, front, payload.len - front - pad),
			    ret_why);
}

/* ---- frames ---- */

/* A frame but DATA, whole. */
static int on_frame(struct rp_bench_conn *conn, struct rp_bytes payload, const char **ret_why)
{
	switch (conn->frame_type) {
	case NGHTTP2_HEADERS:
		return on_headers(conn, payload, ret_why);
	case NGHTTP2_CONTINUATION:
		return add_to_block(conn, payload, ret_why);
	case NGHTTP2_SETTINGS:
		return on_settings(conn, payload, ret_why);
	case NGHTTP2_WINDOW_UPDATE:
		if (payload.len != 4)
			return peer_error(ret_why, "a WINDOW_UPDATE frame has a wrong length");
		return on_window(conn, payload, ret_why);
	case NGHTTP2_PING:
		if (payload.len != 8)
			return peer_error(ret_why, "a PING frame has a wrong length");
		if (!(conn->frame_flags & NGHTTP2_FLAG_ACK))
			rp_bench_h2_control(conn, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, payload);
		return RP_OK;
	case NGHTTP2_RST_STREAM:
		if (payload.len != 4)
			return peer_error(ret_why, "an RST_STREAM frame has a wrong length");
		on_reset(conn, payload);
		return RP_OK;
	case NGHTTP2_GOAWAY:
		if (payload.len < 8)
			return peer_error(ret_why, "a GOAWAY frame has a wrong length");
		on_goaway(conn, payload);
		return RP_OK;
	case NGHTTP2_PUSH_PROMISE:
		return peer_error(ret_why, "PUSH_PROMISE although it was switched off");
	default:
		return RP_OK;
	}
}

/* Windows are given back by halves, as gateways do. */
static void take_from_windows(struct rp_bench_conn *conn, uint32_t n)
{
	const struct rp_bench_options *options = conn->thread->options;
	struct rp_bench_stream *stream = conn->frame_target;

	conn->unacked += n;
	if (conn->unacked >= options->connection_window / 2) {
		rp_bench_h2_control_number(conn, NGHTTP2_WINDOW_UPDATE, 0, conn->unacked);
		conn->unacked = 0;
	}
	if (stream == NULL || conn->frame_flags & NGHTTP2_FLAG_END_STREAM)
		return;
	stream->unacked += n;
	if (stream->unacked >= (options->stream_window + 1) / 2) {
		rp_bench_h2_control_number(conn, NGHTTP2_WINDOW_UPDATE, stream->id,
					   stream->unacked);
		stream->unacked = 0;
	}
}

static int begin_data(struct rp_bench_conn *conn, const char **ret_why)
{
	const struct rp_bench_options *options = conn->thread->options;

	conn->frame_target = find_stream(conn, conn->frame_stream);
	conn->is_pad_due = conn->frame_flags & NGHTTP2_FLAG_PADDED;
	conn->pad_bytes = 0;
	if (conn->frame_left > options->connection_window - conn->unacked)
		return peer_error(ret_why, "more DATA than the connection's window allows");
	if (conn->frame_target != NULL &&
	    conn->frame_left > options->stream_window - conn->frame_target->unacked)
		return peer_error(ret_why, "more DATA than the stream's window allows");
	if (conn->frame_target != NULL && !conn->frame_target->has_headers)
		rp_bench_stream_finish(conn->frame_target, RP_BENCH_WRONG, "DATA before headers");
	take_from_windows(conn, conn->frame_left);
	return RP_OK;
}

static int begin_frame(struct rp_bench_conn *conn, const char **ret_why)
{
	const uint8_t *head = conn->frame_head;

	conn->frame_left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
	conn->frame_type = head[3];
	conn->frame_flags = head[4];
	conn->frame_stream = (int32_t)(get_be32(head + 5) & INT32_MAX);
	conn->gathered = 0;
	if (conn->frame_left > DEFAULT_FRAME_BYTES)
		return peer_error(ret_why, "a frame is larger than allowed");
	bool is_continuation = conn->frame_type == NGHTTP2_CONTINUATION;

	if (is_continuation != (conn->block_stream != 0) ||
	    (is_continuation && conn->block_stream != conn->frame_stream))
		return peer_error(ret_why, "CONTINUATION is missing or out of place");
	if (conn->state == RP_BENCH_CONN_SETTINGS && conn->frame_type != NGHTTP2_SETTINGS)
		return peer_error(ret_why, "the peer does not speak HTTP/2: SETTINGS is missing");
	return conn->frame_type == NGHTTP2_DATA ? begin_data(conn, ret_why) : RP_OK;
}

static int feed_data(struct rp_bench_conn *conn, struct rp_bytes *in, const char **ret_why)
{
	if (conn->is_pad_due && conn->frame_left > 0 && in->len > 0) {
		conn->is_pad_due = false;
		conn->pad_bytes = in->ptr[0];
		*in = rp_bytes_slice(*in, 1, SIZE_MAX);
		conn->frame_left--;
		if (conn->pad_bytes > conn->frame_left)
			return peer_error(ret_why, "the padding is longer than its frame");
	}
	if (!conn->is_pad_due && conn->frame_left > conn->pad_bytes) {
		struct rp_bytes piece = rp_bytes_slice(*in, 0, conn->frame_left - conn->pad_bytes);

		*in = rp_bytes_slice(*in, piece.len, SIZE_MAX);
		conn->frame_left -= (uint32_t)piece.len;
		if (conn->frame_target != NULL && piece.len > 0)
			rp_bench_stream_data(conn->frame_target, piece);
	}
	if (conn->frame_left <= conn->pad_bytes) {
		size_t n = rp_min_size(in->len, conn->frame_left);

		*in = rp_bytes_slice(*in, n, SIZE_MAX);
		conn->frame_left -= (uint32_t)n;
	}
	return RP_OK;
}

/* @return whether the frame is complete */
static bool feed_frame(struct rp_bench_conn *conn, struct rp_bytes *in, int *ret_err,
		       const char **ret_why)
{
	if (conn->frame_type == NGHTTP2_DATA) {
		*ret_err = feed_data(conn, in, ret_why);
		if (*ret_err != RP_OK || conn->frame_left > 0)
			return false;
		if (conn->frame_target != NULL && conn->frame_flags & NGHTTP2_FLAG_END_STREAM)
			rp_bench_stream_end(conn->frame_target, -1, (struct rp_bytes){0});
		return true;
	}
	if (conn->gathered == 0 && in->len >= conn->frame_left) {
		struct rp_bytes payload = rp_bytes_slice(*in, 0, conn->frame_left);

		*in = rp_bytes_slice(*in, payload.len, SIZE_MAX);
		*ret_err = on_frame(conn, payload, ret_why);
		return true;
	}
	size_t n = rp_min_size(in->len, conn->frame_left - conn->gathered);

	memcpy(conn->gather + conn->gathered, in->ptr, n);
	conn->gathered += (uint32_t)n;
	*in = rp_bytes_slice(*in, n, SIZE_MAX);
	if (conn->gathered < conn->frame_left)
		return false;
	*ret_err = on_frame(conn, rp_bytes(conn->gather, conn->gathered), ret_why);
	return true;
}

int rp_bench_h2_feed(struct rp_bench_conn *conn, struct rp_bytes in, const char **ret_why)
{
	int err = RP_OK;

	/* A frame without payload is complete before its first byte. */
	for (;;) {
		if (conn->frame_head_bytes < HEAD_BYTES) {
			size_t n = rp_min_size(in.len, HEAD_BYTES - conn->frame_head_bytes);

			if (n > 0)
				memcpy(conn->frame_head + conn->frame_head_bytes, in.ptr, n);
			conn->frame_head_bytes = (uint8_t)(conn->frame_head_bytes + n);
			in = rp_bytes_slice(in, n, SIZE_MAX);
			if (conn->frame_head_bytes < HEAD_BYTES)
				return RP_OK;
			err = begin_frame(conn, ret_why);
			if (err != RP_OK)
				return err;
		}
		if (feed_frame(conn, &in, &err, ret_why))
			conn->frame_head_bytes = 0;
		else if (err == RP_OK && in.len == 0)
			return RP_OK;
		if (err != RP_OK)
			return err;
		if (conn->control.used > CONTROL_BYTES_MAX)
			return peer_error(ret_why, "the peer does not read answers to its frames");
	}
}

int rp_bench_h2_init(struct rp_bench_conn *conn)
{
	const struct rp_bench_options *options = conn->thread->options;
	uint32_t streams = options->rate > 0 ? options->max_open : options->streams;
	uint32_t buckets = 64;

	streams += options->idle_streams / options->connections;
	while (buckets < streams)
		buckets *= 2;
	conn->buckets = calloc(buckets, sizeof(struct rp_bench_stream *));
	conn->bucket_mask = buckets - 1;
	conn->gather = malloc(RP_BENCH_FRAME_BYTES_MAX);
	conn->block = malloc(RP_BENCH_FRAME_BYTES_MAX);
	if (conn->buckets == NULL || conn->gather == NULL || conn->block == NULL ||
	    nghttp2_hd_inflate_new(&conn->inflater) != 0 ||
	    nghttp2_hd_deflate_new(&conn->deflater, HEADER_TABLE_BYTES) != 0)
		return RP_ENOMEM;
	conn->send_window = RP_BENCH_H2_WINDOW;
	conn->peer_initial_window = RP_BENCH_H2_WINDOW;
	conn->peer_max_frame = DEFAULT_FRAME_BYTES;
	conn->peer_max_streams = UINT32_MAX;
	conn->can_keep_block = true;
	conn->next_id = 1;
	rp_bench_h2_begin(conn);
	return RP_OK;
}

void rp_bench_h2_fini(struct rp_bench_conn *conn)
{
	nghttp2_hd_inflate_del(conn->inflater);
	nghttp2_hd_deflate_del(conn->deflater);
	free(conn->buckets);
	free(conn->gather);
	free(conn->block);
	free(conn->control.data);
}
