/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "perf/bench/bench_load.h"
#include "perf/bench/bench_run.h"

/*
 * Messages of a stream: 0 the request's headers, then its body's chunks, the response's headers and
 * its chunks. message_limit says how far it may go at the moment.
 */

enum { GRPC_PREFIX_BYTES = 5, TAG_REQUEST_BODY = 0x22, TAG_RESPONSE_BODY = 0x2a };

static const uint8_t end_of_stream[] = {0x10, 0x01}; /* HttpBody.end_of_stream */

static const struct rp_bench_plan *plan_of(const struct rp_bench_stream *stream)
{
	return stream->conn->thread->plan;
}

static uint32_t request_messages(const struct rp_bench_stream *stream)
{
	return 1 + plan_of(stream)->request_chunks;
}

static const struct rp_bench_text *answer_of(const struct rp_bench_stream *stream)
{
	return stream->is_idle ? &plan_of(stream)->feed : &plan_of(stream)->answer;
}

/* Bytes of an answer's body before chunk i; an idle stream's chunks are all the same one. */
static uint64_t answer_at(const struct rp_bench_stream *stream, uint32_t chunk)
{
	const struct rp_bench_plan *plan = plan_of(stream);

	if (stream->is_idle)
		return (uint64_t)chunk * plan->feed.len;
	uint64_t at = (uint64_t)chunk * plan->answer_chunk_bytes;

	return at < plan->answer.len ? at : plan->answer.len;
}

static uint32_t chunks_sent(const struct rp_bench_stream *stream)
{
	uint32_t before = request_messages(stream) + 1;

	return stream->message_limit > before ? stream->message_limit - before : 0;
}

/* ---- sending ---- */

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
	const struct rp_bench_plan *plan = plan_of(stream);

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
		uint32_t at = (uint32_t)answer_at(stream, index - 1);

		set_text(stream, &plan->answer, at, (uint32_t)answer_at(stream, index) - at);
		stream->has_end_of_stream = index == plan->answer_chunks;
	}
	put_body_head(stream, TAG_RESPONSE_BODY);
}

static void begin_request_message(struct rp_bench_stream *stream, uint32_t index)
{
	const struct rp_bench_plan *plan = plan_of(stream);

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
	uint32_t requests = request_messages(stream);

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

static void allow(struct rp_bench_stream *stream, uint32_t messages)
{
	stream->message_limit += messages;
	stream->progress_ns = stream->conn->thread->now_ns;
	rp_bench_h2_ready(stream->conn, stream);
}

void rp_bench_stream_next_chunk(struct rp_bench_stream *stream, int64_t now_ns)
{
	/* At fixed times the first one tells when all others were due. */
	if (!stream->is_paced || chunks_sent(stream) == 0)
		stream->chunk_ns = now_ns;
	allow(stream, 1);
}

/* ---- life ---- */

void rp_bench_stream_start(struct rp_bench_stream *stream, struct rp_bench_conn *conn,
			   int64_t begin_ns, bool is_idle)
{
	struct rp_bench_thread *thread = conn->thread;

	/* The large arrays need no clearing. */
	memset(stream, 0, offsetof(struct rp_bench_stream, decoder));
	memset(&stream->decoder, 0, offsetof(struct rp_bench_decoder, key));
	memset(&stream->decoder.reply, 0, offsetof(struct rp_bench_reply, header));
	stream->conn = conn;
	stream->is_idle = is_idle;
	stream->begin_ns = begin_ns;
	stream->number = thread->next_number;
	thread->next_number += thread->options->threads;
	stream->send_window = conn->peer_initial_window;
	stream->is_measured = !is_idle && thread->stage >= RP_BENCH_STAGE_LOAD &&
			      begin_ns >= thread->measure_begin_ns;
	if (stream->is_measured) {
		thread->measured_started++;
		thread->stats.started++;
	}
	rp_bench_plan_digits(thread->plan, stream->number, stream->digits);
	stream->message_end = request_messages(stream) + 1 + thread->plan->answer_chunks;
	conn->open++;
	conn->idle += is_idle;
	conn->busy += !is_idle;
	if (++thread->open > thread->stats.open_peak)
		thread->stats.open_peak = thread->open;
	allow(stream, request_messages(stream));
}

static void count(struct rp_bench_stream *stream, enum rp_bench_outcome outcome, const char *why)
{
	struct rp_bench_thread *thread = stream->conn->thread;
	struct rp_bench_stats *stats = &thread->stats;
	bool is_right = outcome == RP_BENCH_RIGHT;

	thread->measured_done += stream->is_measured;
	if (!is_right) {
		bool is_wrong = outcome == RP_BENCH_WRONG;

		*(is_wrong ? &stats->wrong : &stats->failed) += 1;
		stats->second.failed++;
		rp_bench_reason_add(is_wrong ? &stats->wrong_reasons : &stats->failed_reasons,
				    stream->number, why);
		/* It is not tried again. */
		if (stream->is_idle && thread->stage == RP_BENCH_STAGE_IDLE)
			thread->idle_wanted--;
	} else if (!stream->is_idle) {
		stats->second.completed++;
		/* --requests: just these; by time: whatever is completed in that time. */
		if (thread->measured_wanted > 0 ? stream->is_measured
						: rp_bench_thread_is_measuring(thread))
			stats->completed++;
	}
}

/* Take it off its connection; that is flushed, and filled up, at the end of the turn. */
static void leave(struct rp_bench_stream *stream)
{
	struct rp_bench_conn *conn = stream->conn;

	rp_bench_h2_forget(conn, stream);
	conn->open--;
	conn->idle -= stream->is_idle;
	conn->busy -= !stream->is_idle;
	conn->thread->open--;
	rp_bench_conn_wake(conn);
	/* Its place may be taken on the connection that came after this one. */
	if (conn->thread->slots[conn->slot] != NULL)
		rp_bench_conn_wake(conn->thread->slots[conn->slot]);
}

void rp_bench_stream_finish(struct rp_bench_stream *stream, enum rp_bench_outcome outcome,
			    const char *why, ...)
{
	struct rp_bench_conn *conn = stream->conn;
	char text[RP_BENCH_REASON_BYTES] = "";
	va_list args;

	if (outcome != RP_BENCH_RIGHT) {
		va_start(args, why);
		vsnprintf(text, sizeof(text), why, args);
		va_end(args);
		if (conn->state == RP_BENCH_CONN_OPEN)
			rp_bench_h2_reset(conn, stream, NGHTTP2_CANCEL);
	}
	count(stream, outcome, text);
	leave(stream);
	rp_bench_thread_give_stream(conn->thread, stream);
}

void rp_bench_stream_withdraw(struct rp_bench_stream *stream)
{
	struct rp_bench_thread *thread = stream->conn->thread;

	thread->stats.started -= stream->is_measured;
	thread->measured_started -= stream->is_measured;
	leave(stream);
	if (stream->is_idle)
		rp_bench_thread_give_stream(thread, stream);
	else
		rp_bench_thread_retry_stream(thread, stream);
}

void rp_bench_stream_half_close(struct rp_bench_stream *stream)
{
	stream->phase = RP_BENCH_PHASE_END;
	stream->is_half_closed = true;
	stream->progress_ns = stream->conn->thread->now_ns;
	rp_bench_h2_end(stream->conn, stream);
}

bool rp_bench_stream_is_waiting(const struct rp_bench_stream *stream)
{
	switch ((enum rp_bench_phase)stream->phase) {
	case RP_BENCH_PHASE_HEADERS:
		return stream->message_limit > request_messages(stream);
	case RP_BENCH_PHASE_RESPONSE:
		/* The end of the answer, too, is an answer. */
		return stream->chunks_echoed < chunks_sent(stream) ||
		       (!stream->is_idle && stream->message_limit == stream->message_end);
	case RP_BENCH_PHASE_PICK:
	case RP_BENCH_PHASE_REQUEST:
	case RP_BENCH_PHASE_END:
	default:
		return true;
	}
}

/* ---- receiving ---- */

static struct rp_bench_stream *stream_of(struct rp_bench_decoder *decoder)
{
	return RP_CONTAINER_OF(decoder, struct rp_bench_stream, decoder);
}

/* Stop decoding: the stream is over, or will be by the text in decoder->why. */
static int wrong(struct rp_bench_decoder *decoder, const char *why)
{
	decoder->why = why;
	return RP_EPROTO;
}

static bool is_shape_only(const struct rp_bench_stream *stream)
{
	return stream->conn->thread->options->is_shape_only;
}

static int on_request_body(struct rp_bench_stream *stream, struct rp_bytes piece)
{
	const struct rp_bench_text *text = &plan_of(stream)->request;

	if (stream->phase != RP_BENCH_PHASE_REQUEST)
		return wrong(&stream->decoder,
			     stream->phase == RP_BENCH_PHASE_PICK
				     ? "the request's body came before its headers"
				     : "the request's body goes on after its end");
	if (piece.len > text->len - stream->echoed)
		return wrong(&stream->decoder, "the request's body came back longer");
	if (!is_shape_only(stream) &&
	    !rp_bench_text_equals(text, stream->digits, stream->echoed, piece))
		return wrong(&stream->decoder, "the request's body came back with other bytes");
	stream->echoed += (uint32_t)piece.len;
	return RP_OK;
}

static bool equals_feed(struct rp_bench_stream *stream, struct rp_bytes piece)
{
	const struct rp_bench_text *feed = &plan_of(stream)->feed;
	uint32_t at = stream->echoed % feed->len;

	while (piece.len > 0) {
		struct rp_bytes part = rp_bytes_slice(piece, 0, feed->len - at);

		if (!rp_bench_text_equals(feed, stream->digits, at, part))
			return false;
		piece = rp_bytes_slice(piece, part.len, SIZE_MAX);
		at = 0;
	}
	return true;
}

static void on_chunks_echoed(struct rp_bench_stream *stream)
{
	struct rp_bench_thread *thread = stream->conn->thread;
	int64_t interval_ns = 0;
	bool counts = rp_bench_thread_is_measuring(thread);

	if (stream->is_paced)
		interval_ns = stream->is_idle ? thread->feed_interval_ns : thread->sse_interval_ns;
	while (stream->chunks_echoed < chunks_sent(stream) &&
	       stream->echoed >= answer_at(stream, stream->chunks_echoed + 1)) {
		int64_t sent_ns = stream->chunk_ns + stream->chunks_echoed * interval_ns;

		stream->chunks_echoed++;
		if (!counts)
			continue;
		thread->stats.chunks++;
		rp_bench_hist_add(&thread->stats.chunk, thread->now_ns - sent_ns);
	}
}

static int on_response_body(struct rp_bench_stream *stream, struct rp_bytes piece)
{
	if (stream->phase != RP_BENCH_PHASE_RESPONSE)
		return wrong(&stream->decoder, "the response's body came out of place");
	if (stream->echoed + piece.len > answer_at(stream, chunks_sent(stream)))
		return wrong(&stream->decoder, "more of the response's body came than was sent");
	bool is_equal = is_shape_only(stream) ||
			(stream->is_idle ? equals_feed(stream, piece)
					 : rp_bench_text_equals(answer_of(stream), stream->digits,
								stream->echoed, piece));

	if (!is_equal)
		return wrong(&stream->decoder, "the response's body came back with other bytes");
	stream->echoed += (uint32_t)piece.len;
	return RP_OK;
}

static int on_body(struct rp_bench_decoder *decoder, struct rp_bytes piece)
{
	struct rp_bench_stream *stream = stream_of(decoder);

	switch (decoder->reply.kind) {
	case RP_BENCH_REPLY_REQUEST_BODY:
		return on_request_body(stream, piece);
	case RP_BENCH_REPLY_RESPONSE_BODY:
		return on_response_body(stream, piece);
	default:
		return wrong(decoder, "a body in a reply to headers");
	}
}

static int on_pick(struct rp_bench_stream *stream)
{
	struct rp_bench_decoder *decoder = &stream->decoder;
	struct rp_bench_thread *thread = stream->conn->thread;
	const struct rp_bench_pick *header = &decoder->reply.header;
	const struct rp_bench_pick *metadata = &decoder->reply.metadata;

	if (stream->phase != RP_BENCH_PHASE_PICK)
		return wrong(decoder, "a second reply to the request's headers");
	if (!is_shape_only(stream)) {
		if (header->count != 1 || header->len == 0)
			return wrong(decoder, header->count > 1 ? "the pick is set twice as header"
								: "the pick is missing as header");
		if (metadata->count != 1 || metadata->len == 0)
			return wrong(decoder, "the pick is missing in the metadata");
		if (!rp_bytes_equal(rp_bytes(header->text, header->len),
				    rp_bytes(metadata->text, metadata->len)))
			return wrong(decoder, "header and metadata name different picks");
	}
	if (stream->is_measured)
		rp_bench_hist_add(&thread->stats.pick, thread->now_ns - stream->begin_ns);
	if (!stream->is_idle)
		rp_bench_hist_add(&thread->stats.second.pick, thread->now_ns - stream->begin_ns);
	stream->suffix_len =
		rp_bench_plan_metadata(rp_bytes(header->text, header->len), stream->suffix);
	stream->phase = RP_BENCH_PHASE_REQUEST;
	return RP_OK;
}

static void all_answered(struct rp_bench_stream *stream)
{
	struct rp_bench_thread *thread = stream->conn->thread;

	if (stream->is_measured)
		rp_bench_hist_add(&thread->stats.stream, thread->now_ns - stream->begin_ns);
	rp_bench_stream_half_close(stream);
}

/* The picker has all of the request: the model server answers. */
static void begin_response(struct rp_bench_stream *stream)
{
	struct rp_bench_thread *thread = stream->conn->thread;
	const struct rp_bench_options *options = thread->options;

	stream->echoed = 0;
	stream->phase = RP_BENCH_PHASE_HEADERS;
	if (stream->is_idle) {
		stream->is_paced = options->feed_interval_ms > 0;
		if (stream->is_paced)
			allow(stream, 1);
		rp_bench_thread_idle_ready(thread, stream);
	} else if (options->answer == RP_BENCH_ANSWER_NONE) {
		all_answered(stream);
	} else if (options->answer == RP_BENCH_ANSWER_JSON) {
		allow(stream, 1 + plan_of(stream)->answer_chunks);
		stream->chunk_ns = thread->now_ns;
	} else {
		allow(stream, 1);
		stream->is_paced = thread->sse_interval_ns > 0;
		rp_bench_stream_next_chunk(stream, thread->now_ns);
		if (stream->is_paced && plan_of(stream)->answer_chunks > 1) {
			stream->paced_ns = thread->now_ns + thread->sse_interval_ns;
			rp_bench_thread_pace(thread, stream);
		}
	}
}

static int on_request_body_reply(struct rp_bench_stream *stream)
{
	struct rp_bench_decoder *decoder = &stream->decoder;

	if (stream->phase != RP_BENCH_PHASE_REQUEST)
		return wrong(decoder, stream->phase == RP_BENCH_PHASE_PICK
					      ? "the request's body came before its headers"
					      : "the request's body goes on after its end");
	if (decoder->reply.is_end_of_stream) {
		if (stream->echoed != plan_of(stream)->request.len)
			return wrong(decoder, "the request's body ended early");
		begin_response(stream);
	}
	return RP_OK;
}

static int on_response_body_reply(struct rp_bench_stream *stream)
{
	struct rp_bench_decoder *decoder = &stream->decoder;

	if (stream->phase != RP_BENCH_PHASE_RESPONSE)
		return wrong(decoder, "the response's body came out of place");
	on_chunks_echoed(stream);
	if (decoder->reply.is_end_of_stream) {
		if (stream->is_idle || stream->echoed != plan_of(stream)->answer.len)
			return wrong(decoder, "the response's body ended early");
		all_answered(stream);
		return RP_OK;
	}
	bool is_lock_step = !stream->is_idle && !stream->is_paced &&
			    stream->conn->thread->options->answer == RP_BENCH_ANSWER_SSE;

	if (is_lock_step && stream->chunks_echoed == chunks_sent(stream) &&
	    stream->chunks_echoed < plan_of(stream)->answer_chunks)
		rp_bench_stream_next_chunk(stream, stream->conn->thread->now_ns);
	return RP_OK;
}

static int on_reply(struct rp_bench_decoder *decoder)
{
	struct rp_bench_stream *stream = stream_of(decoder);
	const struct rp_bench_reply *reply = &decoder->reply;
	bool is_body = reply->kind == RP_BENCH_REPLY_REQUEST_BODY ||
		       reply->kind == RP_BENCH_REPLY_RESPONSE_BODY;

	stream->progress_ns = stream->conn->thread->now_ns;
	/* Envoy takes anything else for a spurious message in FULL_DUPLEX_STREAMED. */
	if (reply->has_other_body || is_body != reply->has_streamed_body)
		return wrong(decoder, "a reply's body mutation is not the one of this mode");
	switch ((enum rp_bench_reply_kind)reply->kind) {
	case RP_BENCH_REPLY_REQUEST_HEADERS:
		return on_pick(stream);
	case RP_BENCH_REPLY_REQUEST_BODY:
		return on_request_body_reply(stream);
	case RP_BENCH_REPLY_RESPONSE_HEADERS:
		if (stream->phase != RP_BENCH_PHASE_HEADERS ||
		    stream->message_limit == request_messages(stream))
			return wrong(decoder, "a reply to the response's headers out of place");
		stream->phase = RP_BENCH_PHASE_RESPONSE;
		return RP_OK;
	case RP_BENCH_REPLY_RESPONSE_BODY:
		return on_response_body_reply(stream);
	case RP_BENCH_REPLY_IMMEDIATE:
		return RP_ECLOSED;
	case RP_BENCH_REPLY_NONE:
		return wrong(decoder, "a reply without a response");
	case RP_BENCH_REPLY_REQUEST_TRAILERS:
	case RP_BENCH_REPLY_RESPONSE_TRAILERS:
	case RP_BENCH_REPLY_STREAMED_IMMEDIATE:
	default:
		return wrong(decoder, "a reply to what was not sent");
	}
}

static const struct rp_bench_decoder_ops ops = {on_body, on_reply};

void rp_bench_stream_data(struct rp_bench_stream *stream, struct rp_bytes piece)
{
	int err = rp_bench_decoder_feed(&stream->decoder, &ops, piece);

	if (err == RP_ECLOSED)
		rp_bench_stream_finish(stream, RP_BENCH_FAILED, "immediate response %u",
				       stream->decoder.reply.http_status);
	else if (err != RP_OK)
		rp_bench_stream_finish(stream, RP_BENCH_WRONG, "%s", stream->decoder.why);
}

void rp_bench_stream_end(struct rp_bench_stream *stream, int status, struct rp_bytes message)
{
	/* The picker knows it no more. */
	if (status > 0) {
		rp_bench_stream_finish(stream, RP_BENCH_FAILED, "grpc-status %d%s%.*s", status,
				       message.len > 0 ? ": " : "", (int)message.len,
				       (const char *)message.ptr);
		return;
	}
	if (status < 0) {
		rp_bench_stream_finish(stream, RP_BENCH_WRONG,
				       "the call ended without grpc-status");
		return;
	}
	if (stream->phase != RP_BENCH_PHASE_END || !rp_bench_decoder_is_idle(&stream->decoder)) {
		rp_bench_stream_finish(stream, RP_BENCH_WRONG,
				       "the call ended before all was answered");
		return;
	}
	rp_bench_stream_finish(stream, RP_BENCH_RIGHT, NULL);
}
