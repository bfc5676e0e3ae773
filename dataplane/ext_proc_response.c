/* SPDX-License-Identifier: Apache-2.0
 *
 * The response direction: everything passes at once, JSON and events alike. On its way it is timed,
 * its usage is read, and a renamed model gets its name back.
 */
#include "dataplane/body_edit.h"
#include "dataplane/ext_proc_reply.h"
#include "dataplane/ext_proc_stream.h"
#include "dataplane/grpc_call.h"
#include "dataplane/header_store.h"
#include "dataplane/metadata.h"
#include "shm/clock.h"

static bool is_full_duplex(const struct rp_ext_proc_stream *stream)
{
	return stream->response_mode == RP_BODY_MODE_FULL_DUPLEX;
}

/* ---- metrics ---- */

static double seconds(int64_t ns)
{
	return (double)ns / RP_NS_PER_S;
}

static void observe_chunk(struct rp_ext_proc_stream *stream, uint64_t bytes)
{
	int64_t now_ns = stream->env->now_ns;

	if (bytes == 0)
		return;
	stream->response_bytes += bytes;
	if (stream->first_chunk_ns == 0 && stream->followup != NULL)
		rp_followup_first_chunk(stream->followup, stream->env);
	if (stream->first_chunk_ns == 0)
		stream->first_chunk_ns = now_ns;
	else if (stream->is_streaming && stream->series != NULL)
		rp_request_series_observe(stream->series, RP_SERIES_ITL,
					  seconds(now_ns - stream->last_chunk_ns));
	stream->last_chunk_ns = now_ns;
}

static void observe_usage(struct rp_ext_proc_stream *stream, const struct rp_usage *usage,
			  double duration_s)
{
	struct rp_request_series *series = stream->series;
	double ttft_s = seconds(stream->first_chunk_ns - stream->received_ns);

	if (usage->prompt_tokens > 0)
		rp_request_series_observe(series, RP_SERIES_INPUT_TOKENS, usage->prompt_tokens);
	if (usage->has_cached)
		rp_request_series_observe(series, RP_SERIES_CACHED_TOKENS, usage->cached_tokens);
	if (usage->completion_tokens > 0) {
		rp_request_series_observe(series, RP_SERIES_OUTPUT_TOKENS,
					  usage->completion_tokens);
		rp_request_series_observe(series, RP_SERIES_NTPOT,
					  duration_s / usage->completion_tokens);
	}
	if (stream->is_streaming && usage->completion_tokens > 1 && stream->first_chunk_ns != 0)
		rp_request_series_observe(series, RP_SERIES_TPOT,
					  (duration_s - ttft_s) / (usage->completion_tokens - 1));
}

/* The answer is complete. */
static void end_response(struct rp_ext_proc_stream *stream)
{
	double duration_s = seconds(stream->env->now_ns - stream->received_ns);

	stream->response_phase = RP_EXCHANGE_ENDED;
	rp_ext_proc_release(stream);
	if (stream->series == NULL)
		return;
	rp_request_series_observe(stream->series, RP_SERIES_DURATION, duration_s);
	rp_request_series_observe(stream->series, RP_SERIES_RESPONSE_SIZE,
				  (double)stream->response_bytes);
	if (stream->first_chunk_ns != 0)
		rp_request_series_observe(stream->series,
					  stream->is_streaming ? RP_SERIES_TTFT_STREAMING
							       : RP_SERIES_TTFT_JSON,
					  seconds(stream->first_chunk_ns - stream->received_ns));
	observe_usage(stream, rp_usage_end(&stream->usage), duration_s);
}

/* ---- headers ---- */

static bool contains_nocase(struct rp_bytes text, struct rp_bytes word)
{
	for (size_t i = 0; i + word.len <= text.len; i++) {
		if (rp_bytes_equal_nocase(rp_bytes_slice(text, i, word.len), word))
			return true;
	}
	return false;
}

/* @return RP_OK or RP_EFORMAT */
static int read_headers(struct rp_ext_proc_stream *stream, struct rp_bytes map)
{
	struct rp_reader r = rp_reader(map);
	struct rp_header header;
	bool is_events = false;

	while (rp_ext_proc_next_header(&r, &header)) {
		if (rp_bytes_equal_nocase(header.name, RP_BYTES_LIT("content-type"))) {
			is_events =
				contains_nocase(header.value, RP_BYTES_LIT("text/event-stream"));
		} else if (rp_bytes_equal_str(header.name, ":status") &&
			   !rp_bytes_equal_str(header.value, "200")) {
			stream->has_error = true;
			stream->error = RP_REQUEST_ERROR_MODEL_SERVER_ERROR;
		}
	}
	if (is_events)
		stream->is_streaming = true;
	rp_usage_begin(&stream->usage, (enum rp_usage_format)stream->usage.format, is_events);
	return r.err;
}

static void begin_response(struct rp_ext_proc_stream *stream)
{
	stream->response_phase = RP_EXCHANGE_OPEN;
	stream->answered_ns = stream->env->now_ns;
	rp_usage_begin(&stream->usage, (enum rp_usage_format)stream->usage.format, false);
}

/* What plugins add to the answer; room for RP_FOLLOWUP_HEADERS_MAX and one more. */
static uint32_t add_plugin_headers(const struct rp_followup *followup,
				   const struct rp_ext_proc_message *message, struct rp_header *set)
{
	uint32_t count = 0;

	if (followup == NULL)
		return 0;
	while (count < followup->header_count) {
		set[count] = followup->header[count];
		count++;
	}
	if (followup->says_served)
		set[count++] =
			(struct rp_header){RP_BYTES_LIT("x-conformance-test-served-endpoint"),
					   rp_metadata_served(message->metadata)};
	return count;
}

static int reply_headers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	enum { ADDED_MAX = RP_FOLLOWUP_HEADERS_MAX + 1 };
	struct rp_ext_proc_mutation mutation = {0};
	struct rp_header *echo = NULL, *set;
	uint32_t echo_count = 0;
	int err;

	if (stream->env->settings->has_header_echo != 0) {
		err = rp_header_store_echo(turn->scratch, turn->message->headers, &echo,
					   &echo_count);
		if (err == RP_ENOMEM)
			return err;
		/* Too many to send back: they pass unchanged anyway. */
		if (err != RP_OK)
			echo_count = 0;
	}
	set = rp_arena_alloc(turn->scratch, (1 + echo_count + ADDED_MAX) * sizeof(*set));
	if (set == NULL)
		return RP_ENOMEM;
	set[0] = (struct rp_header){RP_BYTES_LIT("x-went-into-resp-headers"), RP_BYTES_LIT("true")};
	if (echo_count > 0)
		memcpy(set + 1, echo, echo_count * sizeof(*set));
	/* The last of equal names counts. */
	mutation.set = set;
	mutation.set_count =
		1 + echo_count +
		add_plugin_headers(stream->followup, turn->message, set + 1 + echo_count);
	return rp_ext_proc_send_common(stream->h2, turn->scratch,
				       RP_EXT_PROC_REPLY_RESPONSE_HEADERS, &mutation, NULL);
}

static void on_headers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	if (stream->response_phase != RP_EXCHANGE_NONE) {
		rp_ext_proc_fail(stream, RP_GRPC_INVALID_ARGUMENT,
				 "second response_headers message");
		return;
	}
	begin_response(stream);
	if (read_headers(stream, turn->message->headers) != RP_OK)
		rp_ext_proc_fail(stream, RP_GRPC_INTERNAL,
				 "grpc: failed to unmarshal the received message");
	else if (reply_headers(stream, turn) != RP_OK)
		rp_ext_proc_break(stream);
	else if (turn->message->is_end_of_stream)
		end_response(stream);
}

/* ---- the end ---- */

/* Dynamic metadata for the last reply to the answer; empty: none. What is reported goes without it
 * if there is no memory. */
static struct rp_bytes metadata_of_end(struct rp_ext_proc_stream *stream, struct rp_arena *scratch)
{
	struct rp_report report[RP_PLUGINS_MAX];
	uint32_t count;

	if (stream->followup == NULL || !stream->followup->wants_usage)
		return rp_bytes(NULL, 0);
	count = rp_sched_report(stream->env->sched, rp_usage_end(&stream->usage), report);
	return rp_ext_proc_encode_reports(scratch, report, count);
}

/* ---- body ---- */

/* The chunk as it goes on, in *out. @return RP_OK or RP_ENOMEM */
static int pass_chunk(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
		      struct rp_body *out)
{
	struct rp_body_pool *pool = &stream->env->bodies;
	struct rp_pb_input in = turn->message->body;
	int err = RP_OK;

	if (stream->rename == NULL)
		return rp_ext_proc_take_body(turn->message, turn->source, pool, out);
	while (err == RP_OK && in.left > 0)
		err = rp_model_rename_feed(stream->rename, rp_pb_input_piece(&in, in.left), out,
					   pool);
	if (err == RP_OK && turn->message->is_end_of_stream)
		err = rp_model_rename_end(stream->rename, out, pool);
	return err;
}

/* Modes with one reply a message: a body is given back only if it may have changed. */
static int reply_single(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
			struct rp_body *out, struct rp_bytes metadata)
{
	const struct rp_ext_proc_mutation mutation = {.metadata = metadata};
	bool is_changed = stream->rename != NULL && turn->message->body.left > 0;

	return rp_ext_proc_send_common(stream->h2, turn->scratch, RP_EXT_PROC_REPLY_RESPONSE_BODY,
				       &mutation, is_changed ? out : NULL);
}

static int reply_body(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
		      struct rp_body *out, struct rp_bytes metadata)
{
	bool is_end = turn->message->is_end_of_stream;

	if (!is_full_duplex(stream))
		return reply_single(stream, turn, out, metadata);
	if (metadata.len > 0)
		return rp_ext_proc_send_streamed_end(stream->h2, RP_EXT_PROC_REPLY_RESPONSE_BODY,
						     out, metadata);
	/* All of the chunk is held back: a reply comes with the next one. */
	if (out->bytes == 0 && turn->message->body.left > 0 && !is_end)
		return RP_OK;
	return rp_ext_proc_send_streamed(stream->h2, RP_EXT_PROC_REPLY_RESPONSE_BODY, out, is_end);
}

static void on_body(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	const struct rp_ext_proc_message *message = turn->message;
	struct rp_pb_input in = message->body;
	struct rp_body out = {0};
	struct rp_bytes metadata = rp_bytes(NULL, 0);
	bool is_small;
	int err;

	if (stream->response_phase == RP_EXCHANGE_ENDED) {
		rp_ext_proc_after_end(stream, message);
		return;
	}
	if (stream->response_phase == RP_EXCHANGE_NONE)
		begin_response(stream);
	observe_chunk(stream, in.left);
	while (stream->series != NULL && in.left > 0)
		rp_usage_feed(&stream->usage, rp_pb_input_piece(&in, in.left));
	if (message->is_end_of_stream)
		metadata = metadata_of_end(stream, turn->scratch);
	is_small = is_full_duplex(stream) && stream->rename == NULL &&
		   turn->source->gathered == NULL && metadata.len == 0 &&
		   message->body.left <= RP_EXT_PROC_SMALL_BODY_BYTES;

	if (is_small) {
		in = message->body;
		err = rp_ext_proc_send_small(stream->h2, RP_EXT_PROC_REPLY_RESPONSE_BODY,
					     rp_pb_input_piece(&in, in.left),
					     message->is_end_of_stream);
	} else {
		err = pass_chunk(stream, turn, &out);
		if (err == RP_OK)
			err = reply_body(stream, turn, &out, metadata);
		rp_body_free(&out, &stream->env->bodies);
	}
	if (err != RP_OK)
		rp_ext_proc_break(stream);
	else if (message->is_end_of_stream)
		end_response(stream);
}

/* ---- trailers ---- */

static void on_trailers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	struct rp_ext_proc_mutation mutation = {0};
	struct rp_body rest = {0};
	int err = RP_OK;

	if (stream->response_phase == RP_EXCHANGE_NONE)
		begin_response(stream);
	if (stream->response_phase == RP_EXCHANGE_OPEN)
		mutation.metadata = metadata_of_end(stream, turn->scratch);
	if (stream->rename != NULL && is_full_duplex(stream)) {
		err = rp_model_rename_end(stream->rename, &rest, &stream->env->bodies);
		if (err == RP_OK && rest.bytes > 0)
			err = rp_ext_proc_send_streamed(stream->h2, RP_EXT_PROC_REPLY_RESPONSE_BODY,
							&rest, false);
		rp_body_free(&rest, &stream->env->bodies);
	}
	if (err == RP_OK)
		err = rp_ext_proc_send_common(stream->h2, turn->scratch,
					      RP_EXT_PROC_REPLY_RESPONSE_TRAILERS, &mutation, NULL);
	if (err != RP_OK)
		rp_ext_proc_break(stream);
	else if (stream->response_phase == RP_EXCHANGE_OPEN)
		end_response(stream);
}

void rp_ext_proc_on_response(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	if (turn->message->kind == RP_EXT_PROC_RESPONSE_HEADERS)
		on_headers(stream, turn);
	else if (turn->message->kind == RP_EXT_PROC_RESPONSE_BODY)
		on_body(stream, turn);
	else
		on_trailers(stream, turn);
}
