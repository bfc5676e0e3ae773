/* SPDX-License-Identifier: Apache-2.0
 *
 * Decide about a gathered request, now or when its window closes, and answer in the form that the
 * gateway's body mode wants.
 */
#include "dataplane/body_edit.h"
#include "dataplane/burst.h"
#include "dataplane/ext_proc_reply.h"
#include "dataplane/ext_proc_request.h"
#include "dataplane/grpc_call.h"
#include "shm/clock.h"
#include "shm/log.h"

enum { ADDED_HEADERS_MAX = 3 };

struct answer {
	struct rp_request request;
	struct rp_decision decision;
	struct rp_ext_proc_mutation mutation;
};

/* A complete request that waits for others before it is scheduled. */
struct rp_waiting_request {
	struct rp_burst_place place;
	struct answer answer;
	enum rp_ext_proc_kind kind; /* of the message that completed it */
	bool is_last;		    /* that message ended its direction */
	bool is_half_closed; /* the peer has nothing more to say: the end follows the answer */
};

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
		rp_exchange_refuse(stream, answer->decision.error, answer->decision.http_status,
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
	       RP_F_INT("priority", answer->request.priority),
	       RP_F_STR("endpoint", answer->decision.destination));
	leave_request(stream, answer);
}

/* Let the request wait for others, if the configuration has it so. */
static bool wait_for_window(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
			    struct answer *answer, const struct rp_subset *subset)
{
	struct rp_arena *arena = &stream->h2->arena;
	struct rp_waiting_request *waiting = rp_arena_calloc(arena, sizeof(*waiting));

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

void rp_exchange_decide(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn,
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

void rp_exchange_note_end(struct rp_ext_proc_stream *stream, enum rp_ext_proc_kind kind,
			  bool is_last)
{
	stream->is_end_due = is_request_over(stream, kind, is_last) && is_answer_skipped(stream);
}

void rp_exchange_stop_waiting(struct rp_exchange_request *request, struct rp_env *env)
{
	if (request->waiting != NULL)
		rp_burst_leave(env, &request->waiting->place);
}

/* The window closed: schedule now. */
static void decide_after_window(struct rp_burst_place *place, void *user)
{
	struct rp_ext_proc_stream *stream = user;
	struct rp_waiting_request *waiting = stream->request->waiting;
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
	rp_exchange_note_end(stream, kind, is_last);
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
