/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "perf/bench/bench_load.h"
#include "perf/bench/bench_run.h"

static const struct rp_bench_text *answer_of(const struct rp_bench_stream *stream)
{
	return stream->is_idle ? &rp_bench_stream_plan(stream)->feed
			       : &rp_bench_stream_plan(stream)->answer;
}

static uint32_t chunks_sent(const struct rp_bench_stream *stream)
{
	uint32_t before = rp_bench_stream_requests(stream) + 1;

	return stream->message_limit > before ? stream->message_limit - before : 0;
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
	stream->message_end = rp_bench_stream_requests(stream) + 1 + thread->plan->answer_chunks;
	conn->open++;
	conn->idle += is_idle;
	conn->busy += !is_idle;
	if (++thread->open > thread->stats.open_peak)
		thread->stats.open_peak = thread->open;
	allow(stream, rp_bench_stream_requests(stream));
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

static void half_close(struct rp_bench_stream *stream)
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
		return stream->message_limit > rp_bench_stream_requests(stream);
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

void rp_bench_stream_leave(struct rp_bench_stream *stream)
{
	bool is_over = stream->conn->thread->stage == RP_BENCH_STAGE_DRAIN;

	if (stream->is_idle && is_over && !rp_bench_stream_is_waiting(stream))
		half_close(stream);
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
	const struct rp_bench_text *text = &rp_bench_stream_plan(stream)->request;

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
	const struct rp_bench_text *feed = &rp_bench_stream_plan(stream)->feed;
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
	       stream->echoed >= rp_bench_stream_answer_at(stream, stream->chunks_echoed + 1)) {
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
	if (stream->echoed + piece.len > rp_bench_stream_answer_at(stream, chunks_sent(stream)))
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
	half_close(stream);
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
		rp_bench_stream_leave(stream);
	} else if (options->answer == RP_BENCH_ANSWER_NONE) {
		all_answered(stream);
	} else if (options->answer == RP_BENCH_ANSWER_JSON) {
		allow(stream, 1 + rp_bench_stream_plan(stream)->answer_chunks);
		stream->chunk_ns = thread->now_ns;
	} else {
		allow(stream, 1);
		stream->is_paced = thread->sse_interval_ns > 0;
		rp_bench_stream_next_chunk(stream, thread->now_ns);
		if (stream->is_paced && rp_bench_stream_plan(stream)->answer_chunks > 1) {
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
		if (stream->echoed != rp_bench_stream_plan(stream)->request.len)
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
		if (stream->is_idle || stream->echoed != rp_bench_stream_plan(stream)->answer.len)
			return wrong(decoder, "the response's body ended early");
		all_answered(stream);
		return RP_OK;
	}
	rp_bench_stream_leave(stream);
	bool is_lock_step = !stream->is_idle && !stream->is_paced &&
			    stream->conn->thread->options->answer == RP_BENCH_ANSWER_SSE;

	if (is_lock_step && stream->chunks_echoed == chunks_sent(stream) &&
	    stream->chunks_echoed < rp_bench_stream_plan(stream)->answer_chunks)
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
		    stream->message_limit == rp_bench_stream_requests(stream))
			return wrong(decoder, "a reply to the response's headers out of place");
		stream->phase = RP_BENCH_PHASE_RESPONSE;
		rp_bench_stream_leave(stream);
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
