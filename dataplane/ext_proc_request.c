/* SPDX-License-Identifier: Apache-2.0
 *
 * The request direction: gather headers, body and hints, decide once everything is there, answer in
 * the form that the gateway's body mode wants.
 */
#include "dataplane/body_edit.h"
#include "dataplane/burst.h"
#include "dataplane/director.h"
#include "dataplane/ext_proc_reply.h"
#include "dataplane/ext_proc_stream.h"
#include "dataplane/grpc_call.h"
#include "dataplane/header_store.h"
#include "dataplane/subset_hint.h"
#include "shm/clock.h"
#include "shm/hash.h"
#include "shm/log.h"

enum { UUID_BYTES = 36, ADDED_HEADERS_MAX = 3 };

struct answer {
	struct rp_request request;
	struct rp_decision decision;
	struct rp_ext_proc_mutation mutation;
};

/* A complete request that waits for others before it is scheduled. */
struct waiting {
	struct rp_burst_place place;
	struct answer answer;
	enum rp_ext_proc_kind kind; /* of the message that completed it */
	bool is_last;		    /* that message ended its direction */
	bool is_half_closed; /* the peer has nothing more to say: the end follows the answer */
};

struct rp_exchange_request {
	struct rp_header_store headers;
	struct rp_request_parser *parser; /* NULL: nothing of the body is looked at */
	int parser_error;
	struct rp_body body;
	struct rp_subset header_subset;
	struct rp_subset body_subset; /* of the latest body message that had one */
	uint64_t body_subset_hash;    /* of its encoding: most messages repeat it */
	bool has_body;		      /* a body message came, even an empty one */
	bool has_trailers;	      /* they ended the request */
	struct waiting *waiting;      /* NULL: it does not wait */
};

void rp_exchange_request_fini(struct rp_exchange_request *request, struct rp_env *env)
{
	if (request->waiting != NULL)
		rp_burst_leave(env, &request->waiting->place);
	rp_body_free(&request->body, &env->bodies);
}

/* ---- refusing ---- */

static void refuse(struct rp_ext_proc_stream *stream, enum rp_request_error error, int http_status,
		   struct rp_bytes text, const char *dropped_reason)
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
	refuse(stream, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED, 429,
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
	refuse(stream, RP_REQUEST_ERROR_PAYLOAD_TOO_LARGE, 413, rp_writer_bytes(&w), NULL);
}

void rp_ext_proc_refuse_headers(struct rp_ext_proc_stream *stream)
{
	refuse(stream, RP_REQUEST_ERROR_BAD_REQUEST, 431,
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

/* Headers' and body's hints together. */
static int join_subsets(struct rp_exchange_request *request, struct rp_arena *arena,
			struct rp_subset *ret_subset)
{
	const struct rp_subset *a = &request->header_subset, *b = &request->body_subset;
	struct rp_bytes *entry;

	*ret_subset = a->is_given ? *a : *b;
	if (!a->is_given || !b->is_given || b->count == 0)
		return RP_OK;
	entry = rp_arena_alloc(arena, (a->count + b->count) * sizeof(*entry));
	if (entry == NULL)
		return RP_ENOMEM;
	memcpy(entry, b->entry, b->count * sizeof(*entry));
	if (a->count > 0)
		memcpy(entry + b->count, a->entry, a->count * sizeof(*entry));
	*ret_subset = (struct rp_subset){true, a->count + b->count, entry};
	return RP_OK;
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

/* ---- answering ---- */

static bool is_full_duplex(const struct rp_ext_proc_stream *stream)
{
	return stream->request_mode == RP_BODY_MODE_FULL_DUPLEX;
}

/* Destination first, then what changed; with --echo-headers everything else again. */
static int make_mutation(struct rp_ext_proc_stream *stream, struct answer *answer,
			 struct rp_arena *scratch)
{
	const struct rp_exchange_request *request = stream->request;
	const struct rp_header_store *store = &request->headers;
	const struct rp_decision *decision = &answer->decision;
	bool has_echo = stream->env->settings->has_header_echo != 0;
	struct rp_header *set = rp_arena_alloc(
		scratch, (ADDED_HEADERS_MAX + decision->pick.header_count + store->echo_count) *
				 sizeof(*set));
	uint8_t *length = rp_arena_alloc(scratch, 20);
	struct rp_writer digits;
	size_t count = 0;

	if (set == NULL || length == NULL)
		return RP_ENOMEM;
	set[count++] = (struct rp_header){RP_BYTES_LIT("x-gateway-destination-endpoint"),
					  decision->destination};
	if (request->body.bytes > 0 && (decision->is_model_renamed || has_echo)) {
		digits = rp_writer(length, 20);
		rp_write_u64_dec(&digits, request->body.bytes);
		set[count++] = (struct rp_header){RP_BYTES_LIT("Content-Length"),
						  rp_writer_bytes(&digits)};
	}
	if (!store->has_request_id)
		set[count++] =
			(struct rp_header){RP_BYTES_LIT("x-request-id"), store->known.request_id};
	for (uint32_t i = 0; i < decision->pick.header_count; i++)
		set[count++] = decision->pick.header[i];
	for (uint32_t i = 0; i < store->echo_count; i++)
		set[count++] = store->echo[i];

	answer->mutation = (struct rp_ext_proc_mutation){
		.set = set,
		.set_count = count,
		.remove = store->remove,
		.remove_count = store->remove_count,
		.is_route_cache_cleared = true,
		.destination = decision->destination,
	};
	if (stream->env->settings->has_endpoint_scores != 0 && decision->pick.score_count > 0) {
		answer->mutation.score = decision->pick.score;
		answer->mutation.score_count = decision->pick.score_count;
	}
	return RP_OK;
}

static int send_full_duplex(struct rp_ext_proc_stream *stream, const struct answer *answer,
			    struct rp_arena *scratch)
{
	struct rp_exchange_request *request = stream->request;
	int err;

	err = rp_ext_proc_send_common(stream->h2, scratch, RP_EXT_PROC_REPLY_REQUEST_HEADERS,
				      &answer->mutation, NULL);
	if (err == RP_OK && request->has_body)
		err = rp_ext_proc_send_streamed(stream->h2, RP_EXT_PROC_REPLY_REQUEST_BODY,
						&request->body, !request->has_trailers);
	if (err == RP_OK && request->has_trailers)
		err = rp_ext_proc_send_common(stream->h2, scratch,
					      RP_EXT_PROC_REPLY_REQUEST_TRAILERS, NULL, NULL);
	return err;
}

/* The reply that carries the pick where the mode is not FULL_DUPLEX_STREAMED. */
static int send_single(struct rp_ext_proc_stream *stream, const struct answer *answer,
		       enum rp_ext_proc_kind kind, struct rp_arena *scratch)
{
	bool is_renamed = answer->decision.is_model_renamed;

	switch (kind) {
	case RP_EXT_PROC_REQUEST_BODY:
		return rp_ext_proc_send_common(stream->h2, scratch, RP_EXT_PROC_REPLY_REQUEST_BODY,
					       &answer->mutation,
					       is_renamed ? &stream->request->body : NULL);
	case RP_EXT_PROC_REQUEST_TRAILERS: /* too late for headers: metadata is what is left */
		return rp_ext_proc_send_common(stream->h2, scratch,
					       RP_EXT_PROC_REPLY_REQUEST_TRAILERS,
					       &answer->mutation, NULL);
	case RP_EXT_PROC_NONE:
	case RP_EXT_PROC_REQUEST_HEADERS:
	case RP_EXT_PROC_RESPONSE_HEADERS:
	case RP_EXT_PROC_RESPONSE_BODY:
	case RP_EXT_PROC_RESPONSE_TRAILERS:
		break;
	}
	return rp_ext_proc_send_common(stream->h2, scratch, RP_EXT_PROC_REPLY_REQUEST_HEADERS,
				       &answer->mutation, NULL);
}

static void count_success(struct rp_ext_proc_stream *stream, const struct answer *answer)
{
	struct rp_env *env = stream->env;
	const struct rp_request *request = &answer->request;

	rp_counter_add(&stream->series->requests, 1);
	rp_request_series_observe(stream->series, RP_SERIES_REQUEST_SIZE,
				  (double)request->body_bytes);
	if (request->incoming_model.len > 0) {
		rp_counter_add(&stream->series->running, 1);
		stream->is_running = true;
	}
	rp_histogram_observe(&env->counters->request_processing, RP_BUCKETS_REQUEST_PROCESSING,
			     (double)(env->now_ns - stream->received_ns) / RP_NS_PER_S);
}

/* Without memory for it nothing is owed any more. */
static void keep_followup(struct rp_ext_proc_stream *stream, struct rp_arena *kept)
{
	struct rp_followup *copy = rp_followup_copy(stream->followup, kept);

	if (copy == NULL)
		rp_followup_end(stream->followup, stream->env);
	stream->followup = copy;
}

/* Keep what the answer needs, give the rest back. */
static void leave_request(struct rp_ext_proc_stream *stream, const struct answer *answer)
{
	const struct rp_request *request = &answer->request;
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_arena kept;

	rp_arena_init(&kept, arena->pool);
	if (request->incoming_model.len > 0 && request->target_model.len > 0 &&
	    !rp_bytes_equal(request->incoming_model, request->target_model))
		stream->rename =
			rp_model_rename_new(&kept, request->target_model, request->incoming_model);
	if (stream->followup != NULL)
		keep_followup(stream, &kept);
	rp_exchange_request_fini(stream->request, stream->env);
	stream->request = NULL;
	rp_arena_reset(arena);
	*arena = kept;
}

static int take_pick(struct rp_ext_proc_stream *stream, const struct answer *answer)
{
	const struct rp_pick_target *target = &answer->decision.pick.target[0];
	struct rp_followup *followup = answer->decision.pick.followup;

	stream->slot = target->slot;
	stream->generation = target->generation;
	stream->is_in_flight = true;
	rp_inflight_add(&stream->env->live->inflight, stream->env->worker, stream->slot);
	if (rp_followup_is_empty(followup))
		return RP_OK;
	/* The pick's own goes with the next pick. */
	stream->followup = rp_arena_alloc(&stream->h2->arena, sizeof(*followup));
	if (stream->followup == NULL) {
		rp_followup_end(followup, stream->env);
		return RP_ENOMEM;
	}
	*stream->followup = *followup;
	return RP_OK;
}

static void decide_after_window(struct rp_burst_place *place, void *user);

static struct rp_decision_input input_of(const struct rp_exchange_request *request, bool has_body,
					 const struct rp_subset *subset)
{
	return (struct rp_decision_input){
		.headers = &request->headers.known,
		.parser = has_body ? request->parser : NULL,
		.parser_error = has_body ? request->parser_error : RP_OK,
		.body = has_body ? &request->body : NULL,
		.subset = subset,
	};
}

/* Answer what was decided. @param kind  of the message that completed the request */
static void conclude(struct rp_ext_proc_stream *stream, enum rp_ext_proc_kind kind, bool has_body,
		     struct answer *answer, struct rp_arena *scratch)
{
	struct rp_env *env = stream->env;
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_exchange_request *request = stream->request;
	int err;

	if (answer->decision.http_status != 200) {
		refuse(stream, answer->decision.error, answer->decision.http_status,
		       answer->decision.message, answer->decision.dropped_reason);
		return;
	}
	err = take_pick(stream, answer);
	answer->request.body_bytes = request->body.bytes;
	if (err == RP_OK && has_body && answer->decision.is_model_renamed)
		err = rp_body_splice_model(&request->body, &env->bodies, arena, &answer->request);
	if (err == RP_OK)
		err = make_mutation(stream, answer, scratch);
	if (err != RP_OK) {
		rp_ext_proc_refuse_memory(stream);
		return;
	}
	stream->is_streaming = answer->request.is_streaming;
	stream->usage.format = answer->request.usage_format;
	stream->is_answer_unread = answer->request.is_answer_unread;
	err = is_full_duplex(stream) ? send_full_duplex(stream, answer, scratch)
				     : send_single(stream, answer, kind, scratch);
	if (err != RP_OK) {
		rp_ext_proc_break(stream);
		return;
	}
	stream->request_phase = RP_EXCHANGE_ENDED;
	count_success(stream, answer);
	RP_LOG(RP_V2, "", "EPP sent request body response(s) to proxy",
	       RP_F_STR("x-request-id", request->headers.known.request_id),
	       RP_F_STR("objectiveKey", request->headers.known.objective),
	       RP_F_STR("incomingModelName", answer->request.incoming_model),
	       RP_F_STR("targetModelName", answer->request.target_model),
	       RP_F_INT("priority", stream->series->priority),
	       RP_F_STR("endpoint", answer->decision.destination));
	leave_request(stream, answer);
}

/* Let the request wait for others, if the configuration has it so. */
static bool wait_for_window(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
			    struct answer *answer, const struct rp_subset *subset)
{
	struct rp_arena *arena = &stream->h2->arena;
	struct waiting *waiting = rp_arena_calloc(arena, sizeof(*waiting));

	if (waiting == NULL)
		return false;
	waiting->kind = turn->message->kind;
	waiting->is_last = turn->message->is_end_of_stream;
	waiting->place.subset = *subset;
	waiting->place.resume = decide_after_window;
	waiting->place.user = stream;
	if (!rp_burst_join(stream->env, &answer->request, &waiting->place))
		return false;
	waiting->answer = *answer;
	stream->request->waiting = waiting;
	return true;
}

/* Everything the pick may depend on is there.
 * @param has_body  false: headers alone have to do */
static void decide(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
		   bool has_body)
{
	struct rp_env *env = stream->env;
	struct rp_arena *arena = &stream->h2->arena;
	struct answer answer = {0};
	struct rp_subset subset;
	struct rp_decision_input input;

	if (join_subsets(stream->request, arena, &subset) != RP_OK) {
		rp_ext_proc_refuse_memory(stream);
		return;
	}
	input = input_of(stream->request, has_body, &subset);
	rp_director_begin(env, arena, &input, &answer.request, &answer.decision);
	stream->series = answer.decision.series;
	if (answer.decision.http_status == 0 && has_body && rp_burst_is_wanted(env) &&
	    wait_for_window(stream, turn, &answer, &subset))
		return;
	if (answer.decision.http_status == 0)
		rp_director_pick(env, arena, &input, true, &answer.request, &answer.decision);
	conclude(stream, turn->message->kind, has_body, &answer, turn->scratch);
}

/* ---- messages ---- */

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
		decide(stream, turn, false);
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
		decide(stream, turn, false);
		return;
	}
	if (!keep_body(stream, turn))
		return;
	if (turn->message->is_end_of_stream || !is_full_duplex(stream))
		decide(stream, turn, true);
}

static void on_trailers(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	if (stream->request_phase == RP_EXCHANGE_OPEN) {
		stream->request->has_trailers = true;
		if (read_subset(stream, turn->message))
			decide(stream, turn, stream->request->has_body);
		return;
	}
	stream->request_phase = RP_EXCHANGE_ENDED;
	if (rp_ext_proc_send_common(stream->h2, turn->scratch, RP_EXT_PROC_REPLY_REQUEST_TRAILERS,
				    NULL, NULL) != RP_OK)
		rp_ext_proc_break(stream);
}

/* Was this the last message of its direction that wants a reply? After the pick a STREAMED body
 * goes on and trailers may follow a BUFFERED one. */
static bool is_request_over(const struct rp_ext_proc_stream *stream, enum rp_ext_proc_kind kind,
			    bool is_last)
{
	return stream->request_phase == RP_EXCHANGE_ENDED &&
	       (is_last || kind == RP_EXT_PROC_REQUEST_TRAILERS ||
		stream->request_mode == RP_BODY_MODE_NONE ||
		stream->request_mode == RP_BODY_MODE_BUFFERED_PARTIAL);
}

/* Nobody needs the answer: no plugin, and no model name is to be put back. */
static bool is_answer_skipped(const struct rp_ext_proc_stream *stream)
{
	const struct rp_config_blob *config = rp_sched_config(stream->env->sched);

	return stream->is_answer_unread ||
	       (config != NULL && config->is_response_skipped != 0 && stream->rename == NULL);
}

/* The window closed: schedule now. */
static void decide_after_window(struct rp_burst_place *place, void *user)
{
	struct rp_ext_proc_stream *stream = user;
	struct waiting *waiting = stream->request->waiting;
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_decision_input input = input_of(stream->request, true, &place->subset);
	struct answer *answer = &waiting->answer;
	enum rp_ext_proc_kind kind = waiting->kind;
	bool is_last = waiting->is_last, is_half_closed = waiting->is_half_closed;
	struct rp_arena scratch;

	stream->request->waiting = NULL;
	if (stream->is_over) /* it was refused while it waited, and is about to close */
		return;
	rp_arena_init_scratch(&scratch, &stream->env->arenas);
	rp_director_pick(stream->env, arena, &input, false, &answer->request, &answer->decision);
	conclude(stream, kind, true, answer, &scratch);
	rp_arena_reset(&scratch);
	stream->is_end_due = is_request_over(stream, kind, is_last) && is_answer_skipped(stream);
	if (is_half_closed)
		rp_ext_proc_fail(stream, RP_GRPC_OK, "");
}

bool rp_exchange_request_ends_later(struct rp_exchange_request *request)
{
	if (request == NULL || request->waiting == NULL)
		return false;
	request->waiting->is_half_closed = true;
	return true;
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
	stream->is_end_due =
		is_request_over(stream, turn->message->kind, turn->message->is_end_of_stream) &&
		is_answer_skipped(stream);
}
