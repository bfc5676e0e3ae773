/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_load.h"

enum { GRPC_PREFIX_BYTES = 5, TAG_REQUEST_BODY = 0x22, TAG_RESPONSE_BODY = 0x2a };

static const uint8_t end_of_stream[] = {0x10, 0x01}; /* HttpBody.end_of_stream */

static uint32_t varint_bytes(uint32_t value)
{
	uint32_t n = 1;

	while (value >= 0x80) {
		value >>= 7;
		n++;
	}
	return n;
}

static void put_varint(struct rp_bench_stream *stream, uint32_t value)
{
	while (value >= 0x80) {
		stream->head[stream->head_len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	stream->head[stream->head_len++] = (uint8_t)value;
}

static uint32_t tail_bytes(const struct rp_bench_stream *stream)
{
	return (stream->has_end_of_stream ? (uint32_t)sizeof(end_of_stream) : 0) +
	       (stream->has_suffix ? stream->suffix_len : 0);
}

static void set_text(struct rp_bench_stream *stream, const struct rp_bench_text *text, uint32_t at,
		     uint32_t len)
{
	stream->text = text;
	stream->text_at = at;
	stream->text_len = len;
}

static void put_body_head(struct rp_bench_stream *stream, uint8_t tag)
{
	uint32_t inner = 1 + varint_bytes(stream->text_len) + stream->text_len +
			 (stream->has_end_of_stream ? (uint32_t)sizeof(end_of_stream) : 0);

	stream->head[stream->head_len++] = tag;
	put_varint(stream, inner);
	stream->head[stream->head_len++] = 0x0a; /* HttpBody.body */
	put_varint(stream, stream->text_len);
}

static void begin_response_message(struct rp_bench_stream *stream, uint32_t index)
{
	const struct rp_bench_plan *plan = rp_bench_stream_plan(stream);

	stream->has_suffix = true;
	if (index == 0) {
		const struct rp_bench_text *headers =
			stream->is_idle ? &plan->feed_headers : &plan->response_headers;

		set_text(stream, headers, 0, headers->len);
		return;
	}
	if (stream->is_idle) {
		set_text(stream, &plan->feed, 0, plan->feed.len);
	} else {
		uint32_t at = (uint32_t)rp_bench_stream_answer_at(stream, index - 1);

		set_text(stream, &plan->answer, at,
			 (uint32_t)rp_bench_stream_answer_at(stream, index) - at);
		stream->has_end_of_stream = index == plan->answer_chunks;
	}
	put_body_head(stream, TAG_RESPONSE_BODY);
}

static void begin_request_message(struct rp_bench_stream *stream, uint32_t index)
{
	const struct rp_bench_plan *plan = rp_bench_stream_plan(stream);

	if (index == 0) {
		set_text(stream, &plan->request_headers, 0, plan->request_headers.len);
		return;
	}
	uint32_t at = (index - 1) * plan->request_chunk_bytes;
	uint32_t left = plan->request.len - at;

	set_text(stream, &plan->request, at,
		 left < plan->request_chunk_bytes ? left : plan->request_chunk_bytes);
	stream->has_end_of_stream = index == plan->request_chunks;
	put_body_head(stream, TAG_REQUEST_BODY);
}

/* Lay out the message at hand: head, a part of a text, end_of_stream, metadata_context. */
static void begin_message(struct rp_bench_stream *stream)
{
	uint32_t requests = rp_bench_stream_requests(stream);

	stream->head_len = GRPC_PREFIX_BYTES;
	stream->has_end_of_stream = false;
	stream->has_suffix = false;
	if (stream->message < requests)
		begin_request_message(stream, stream->message);
	else
		begin_response_message(stream, stream->message - requests);
	stream->message_at = 0;
	stream->message_len = stream->head_len + stream->text_len + tail_bytes(stream);
	uint32_t n = stream->message_len - GRPC_PREFIX_BYTES;

	stream->head[0] = 0;
	stream->head[1] = (uint8_t)(n >> 24);
	stream->head[2] = (uint8_t)(n >> 16);
	stream->head[3] = (uint8_t)(n >> 8);
	stream->head[4] = (uint8_t)n;
}

/* Copy what lies in both [at, at + n) and the segment that begins at `begin`. */
struct copy {
	uint8_t *out;
	uint32_t at;
	uint32_t n;
	uint32_t begin;
};

/* The part of the next segment, of len bytes, that is wanted: its offset and length. */
static uint32_t segment(struct copy *copy, uint32_t len, uint32_t *ret_at)
{
	uint32_t end = copy->begin + len;
	uint32_t n = 0;

	*ret_at = copy->at - copy->begin;
	if (copy->n > 0 && copy->at < end) {
		n = end - copy->at;
		n = n < copy->n ? n : copy->n;
	}
	copy->at += n;
	copy->n -= n;
	copy->begin = end;
	return n;
}

static void copy_bytes(struct copy *copy, const uint8_t *bytes, uint32_t len)
{
	uint32_t at;
	uint32_t n = segment(copy, len, &at);

	if (n > 0)
		memcpy(copy->out, bytes + at, n);
	copy->out += n;
}

uint32_t rp_bench_stream_pull(struct rp_bench_stream *stream, uint32_t max, uint8_t *out)
{
	if (stream->message_len == 0)
		begin_message(stream);
	uint32_t left = stream->message_len - stream->message_at;
	uint32_t n = left < max ? left : max;
	struct copy copy = {out, stream->message_at, n, 0};
	uint32_t at;

	copy_bytes(&copy, stream->head, stream->head_len);
	uint32_t text = segment(&copy, stream->text_len, &at);

	if (text > 0)
		rp_bench_text_copy(stream->text, stream->digits, stream->text_at + at, text,
				   copy.out);
	copy.out += text;
	if (stream->has_end_of_stream)
		copy_bytes(&copy, end_of_stream, sizeof(end_of_stream));
	if (stream->has_suffix)
		copy_bytes(&copy, stream->suffix, stream->suffix_len);
	stream->message_at += n;
	if (stream->message_at == stream->message_len) {
		stream->message++;
		stream->message_len = 0;
	}
	return n;
}

bool rp_bench_stream_can_send(const struct rp_bench_stream *stream)
{
	return stream->message < stream->message_limit && stream->send_window > 0;
}
