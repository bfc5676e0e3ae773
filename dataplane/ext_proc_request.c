/* SPDX-License-Identifier: Apache-2.0
 *
 * The request direction: gather headers, body and hints; once everything is there, it is decided.
 */
#include "dataplane/ext_proc_request.h"

#include "dataplane/ext_proc_reply.h"
#include "dataplane/grpc_call.h"
#include "dataplane/subset_hint.h"
#include "shm/clock.h"
#include "shm/hash.h"
#include "shm/log.h"

enum { UUID_BYTES = 36 };

void rp_exchange_request_fini(struct rp_exchange_request *request, struct rp_env *env)
{
	rp_exchange_stop_waiting(request, env);
	rp_body_free(&request->body, &env->bodies);
}

/* ---- refusing ---- */

void rp_exchange_refuse(struct rp_ext_proc_stream *stream, enum rp_request_error error,
			int http_status, struct rp_bytes text, const char *dropped_reason)
{
	struct rp_env *env = stream->env;

	if (stream->request_phase == RP_EXCHANGE_NONE)
		stream->received_ns = env->now_ns;
	stream->has_error = true;
	stream->error = (uint8_t)error;
	if (stream->series == NULL)
		stream->series = rp_request_series_get(
			env->series, env->settings->metric_series_max, rp_bytes(NULL, 0),
			rp_bytes(NULL, 0), rp_bytes(NULL, 0), 0);
	RP_LOG(RP_LOG_ERROR, "", "Failed to process request",
	       RP_F_STR("x-request-id", stream->request != NULL
						? stream->request->headers.known.request_id
						: rp_bytes(NULL, 0)),
	       RP_F_INT("status", http_status), RP_F_TEXT("code", rp_request_error_name(error)));
	rp_histogram_observe(&env->counters->request_processing, RP_BUCKETS_REQUEST_PROCESSING,
			     (double)(env->now_ns - stream->received_ns) / RP_NS_PER_S);
	stream->request_phase = RP_EXCHANGE_ENDED;
	if (rp_ext_proc_send_immediate(stream->h2, http_status, text, dropped_reason) != RP_OK)
		rp_ext_proc_break(stream);
	else
		rp_ext_proc_fail(stream, RP_GRPC_OK, "");
}

void rp_ext_proc_refuse_memory(struct rp_ext_proc_stream *stream)
{
	rp_counter_add(&stream->env->counters->bodies_over_budget, 1);
	if (stream->request_phase == RP_EXCHANGE_ENDED) { /* the answer may be on its way already */
		rp_ext_proc_fail(stream, RP_GRPC_RESOURCE_EXHAUSTED, "out of memory for bodies");
		return;
	}
	rp_exchange_refuse(
		stream, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED, 429,
		RP_BYTES_LIT(
			"inference error: ResourceExhausted - out of memory for request bodies"),
		NULL);
}

static void refuse_body_size(struct rp_ext_proc_stream *stream)
{
	char text[96];
	struct rp_writer w = rp_writer(text, sizeof(text));

	rp_write_str(&w, "inference error: PayloadTooLarge - request body is larger than ");
	rp_write_u64_dec(&w, stream->env->settings->body_bytes_max);
	rp_write_str(&w, " bytes");
	rp_counter_add(&stream->env->counters->bodies_too_big, 1);
	rp_exchange_refuse(stream, RP_REQUEST_ERROR_PAYLOAD_TOO_LARGE, 413, rp_writer_bytes(&w),
			   NULL);
}

void rp_ext_proc_refuse_headers(struct rp_ext_proc_stream *stream)
{
	rp_exchange_refuse(
		stream, RP_REQUEST_ERROR_BAD_REQUEST, 431,
		RP_BYTES_LIT(
			"inference error: RequestHeaderFieldsTooLarge - too many request headers"),
		NULL);
}

/* ---- gathering ---- */

/* RFC 9562 5.4 */
static struct rp_bytes make_request_id(struct rp_env *env, struct rp_arena *arena)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t bits[2] = {rp_env_random(env), rp_env_random(env)};
	uint8_t *text = rp_arena_alloc(arena, UUID_BYTES);
	unsigned nibble = 0;

	if (text == NULL)
		return rp_bytes(NULL, 0);
	bits[0] = (bits[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
	bits[1] = (bits[1] & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	for (size_t i = 0; i < UUID_BYTES; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			text[i] = '-';
			continue;
		}
		text[i] = (uint8_t)hex[bits[nibble / 16] >> (60 - 4 * (nibble % 16)) & 15];
		nibble++;
	}
	return rp_bytes(text, UUID_BYTES);
}

static int start_parser(struct rp_ext_proc_stream *stream, struct rp_exchange_request *request)
{
	const struct rp_config_blob *config = rp_sched_config(stream->env->sched);
	int err;

	if (config == NULL) /* nothing is published: the director finds no candidates */
		return RP_OK;
	err = rp_request_parser_new(&stream->h2->arena, config, request->headers.known.path,
				    &request->parser);
	if (err == RP_ENOTFOUND) {
		request->parser = NULL;
		request->parser_error = err;
		err = RP_OK;
	}
	return err;
}

/* Make stream->request from a header map. @return false: the stream is over */
static bool begin_request(struct rp_ext_proc_stream *stream, struct rp_bytes header_map,
			  bool has_body)
{
	struct rp_env *env = stream->env;
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_exchange_request *request = rp_arena_calloc(arena, sizeof(*request));
	int err;

	stream->received_ns = env->now_ns;
	stream->request_phase = RP_EXCHANGE_OPEN;
	if (request == NULL) {
		rp_ext_proc_refuse_memory(stream);
		return false;
	}
	err = rp_header_store_fill(&request->headers, arena, header_map,
				   rp_sched_config(env->sched),
				   env->settings->has_header_echo != 0);
	stream->request = request;
	if (err == RP_OK && !request->headers.has_request_id) {
		request->headers.known.request_id = make_request_id(env, arena);
		err = request->headers.known.request_id.ptr != NULL ? RP_OK : RP_ENOMEM;
	}
	if (err == RP_OK && has_body)
		err = start_parser(stream, request);
	if (err == RP_ETOOBIG)
		rp_ext_proc_refuse_headers(stream);
	else if (err == RP_EFORMAT)
		rp_ext_proc_fail(stream, RP_GRPC_INTERNAL,
				 "grpc: failed to unmarshal the received message");
	else if (err != RP_OK)
		rp_ext_proc_refuse_memory(stream);
	if (stream->is_over)
		return false;
	RP_LOG(RP_V2, "", "EPP received request",
	       RP_F_STR("x-request-id", request->headers.known.request_id));
	return true;
}

static int note_subset(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_message *message)
{
	struct rp_exchange_request *request = stream->request;
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_bytes value;
	uint64_t hash;
	int err;

	if (message->metadata.len == 0 || stream->env->settings->is_subset_filter_off != 0)
		return RP_OK;
	err = rp_subset_hint_find(message->metadata, &value);
	if (err != RP_OK)
		return err == RP_ENOTFOUND ? RP_OK : err;
	if (message->kind == RP_EXT_PROC_REQUEST_HEADERS)
		return rp_subset_hint_add(arena, value, &request->header_subset);
	hash = rp_hash64_bytes(value);
	if (request->body_subset.is_given && request->body_subset_hash == hash)
		return RP_OK;
	request->body_subset_hash = hash;
	request->body_subset = (struct rp_subset){0};
	return rp_subset_hint_add(arena, value, &request->body_subset);
}

/* Scan and keep a chunk. @return false: the stream is over */
static bool keep_body(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	struct rp_exchange_request *request = stream->request;
	struct rp_pb_input in = turn->message->body;

	if (in.left > stream->env->settings->body_bytes_max - request->body.bytes) {
		refuse_body_size(stream);
		return false;
	}
	/* A gathered one was counted when it came. */
	bool has_room = turn->source->gathered != NULL ||
			rp_body_upload_fits(&request->body, &stream->env->bodies, in.left);

	while (has_room && request->parser != NULL && in.left > 0)
		rp_request_parser_feed(request->parser, rp_pb_input_piece(&in, in.left));
	if (!has_room || rp_ext_proc_take_body(turn->message, turn->source, &stream->env->bodies,
					       &request->body) != RP_OK) {
		rp_ext_proc_refuse_memory(stream);
		return false;
	}
	return true;
}

/* ---- messages ---- */

static bool is_full_duplex(const struct rp_ext_proc_stream *stream)
{
	return stream->request_mode == RP_BODY_MODE_FULL_DUPLEX;
}

/* @return false: the stream is over */
static bool read_subset(struct rp_ext_proc_stream *stream,
			const struct rp_ext_proc_message *message)
{
	int err = note_subset(stream, message);

	if (err == RP_EFORMAT)
		rp_ext_proc_fail(stream, RP_GRPC_INTERNAL,
				 "grpc: failed to unmarshal the received message");
	else if (err != RP_OK)
		rp_ext_proc_refuse_memory(stream);
	return err == RP_OK;
}

static void on_headers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	const struct rp_ext_proc_message *message = turn->message;
	bool is_body_awaited = !message->is_end_of_stream &&
			       stream->request_mode != RP_BODY_MODE_NONE &&
			       stream->request_mode != RP_BODY_MODE_STREAMED;

	if (stream->request_phase != RP_EXCHANGE_NONE) {
		rp_ext_proc_fail(stream, RP_GRPC_INVALID_ARGUMENT,
				 "second request_headers message");
		return;
	}
	if (!begin_request(stream, message->headers, is_body_awaited) ||
	    !read_subset(stream, message))
		return;
	if (!is_body_awaited)
		rp_exchange_decide(stream, turn, false);
	else if (!is_full_duplex(stream) &&
		 rp_ext_proc_send_common(stream->h2, turn->scratch,
					 RP_EXT_PROC_REPLY_REQUEST_HEADERS, NULL, NULL) != RP_OK)
		rp_ext_proc_break(stream);
}

/* A chunk after the pick: STREAMED and NONE want each one answered, otherwise it comes too late. */
static void on_late_body(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	if (stream->request_mode != RP_BODY_MODE_STREAMED &&
	    stream->request_mode != RP_BODY_MODE_NONE)
		rp_ext_proc_after_end(stream, turn->message);
	else if (rp_ext_proc_send_common(stream->h2, turn->scratch, RP_EXT_PROC_REPLY_REQUEST_BODY,
					 NULL, NULL) != RP_OK)
		rp_ext_proc_break(stream);
}

static void on_body(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	bool is_partial = stream->request_mode == RP_BODY_MODE_BUFFERED_PARTIAL &&
			  !turn->message->is_end_of_stream;

	if (stream->request_phase == RP_EXCHANGE_ENDED) {
		on_late_body(stream, turn);
		return;
	}
	if (stream->request_phase == RP_EXCHANGE_NONE &&
	    !begin_request(stream, rp_bytes(NULL, 0), true))
		return;
	if (!read_subset(stream, turn->message))
		return;
	stream->request->has_body = true;
	if (is_partial) { /* the rest never comes: do without a body */
		rp_exchange_decide(stream, turn, false);
		return;
	}
	if (!keep_body(stream, turn))
		return;
	if (turn->message->is_end_of_stream || !is_full_duplex(stream))
		rp_exchange_decide(stream, turn, true);
}

static void on_trailers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	if (stream->request_phase == RP_EXCHANGE_OPEN) {
		stream->request->has_trailers = true;
		if (read_subset(stream, turn->message))
			rp_exchange_decide(stream, turn, stream->request->has_body);
		return;
	}
	stream->request_phase = RP_EXCHANGE_ENDED;
	if (rp_ext_proc_send_common(stream->h2, turn->scratch, RP_EXT_PROC_REPLY_REQUEST_TRAILERS,
				    NULL, NULL) != RP_OK)
		rp_ext_proc_break(stream);
}

void rp_ext_proc_on_request(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	/* It is complete: what comes now is too much. */
	if (stream->request != NULL && stream->request->waiting != NULL) {
		rp_ext_proc_after_end(stream, turn->message);
		return;
	}
	if (turn->message->kind == RP_EXT_PROC_REQUEST_HEADERS)
		on_headers(stream, turn);
	else if (turn->message->kind == RP_EXT_PROC_REQUEST_BODY)
		on_body(stream, turn);
	else
		on_trailers(stream, turn);
	rp_exchange_note_end(stream, turn->message->kind, turn->message->is_end_of_stream);
}
