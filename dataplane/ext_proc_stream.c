/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ext_proc_stream.h"

#include "dataplane/grpc_call.h"
#include "shm/clock.h"

#define H2_INTERNAL_ERROR 0x2u /* RFC 9113 7 */

void rp_ext_proc_open(struct rp_ext_proc_stream *stream, struct rp_env *env,
		      struct rp_h2_stream *h2)
{
	*stream = (struct rp_ext_proc_stream){
		.env = env,
		.h2 = h2,
		.opened_ns = env->now_ns,
		.request_mode = RP_BODY_MODE_FULL_DUPLEX,
		.response_mode = RP_BODY_MODE_FULL_DUPLEX,
	};
	if (env->settings->has_grpc_stream_metrics != 0)
		rp_counter_add(&env->counters->streams_inflight, 1);
}

void rp_ext_proc_fail(struct rp_ext_proc_stream *stream, int grpc_status, const char *text)
{
	if (stream->is_over)
		return;
	stream->is_over = true;
	rp_h2_stream_finish(stream->h2, grpc_status, text);
}

void rp_ext_proc_break(struct rp_ext_proc_stream *stream)
{
	if (stream->is_over)
		return;
	stream->is_over = true;
	rp_h2_stream_reset(stream->h2, H2_INTERNAL_ERROR);
}

void rp_ext_proc_release(struct rp_ext_proc_stream *stream)
{
	struct rp_env *env = stream->env;

	if (stream->is_in_flight)
		rp_inflight_remove(&env->live->inflight, env->worker, stream->slot);
	stream->is_in_flight = false;
	if (stream->followup != NULL)
		rp_followup_end(stream->followup, env);
	if (stream->is_running)
		rp_counter_add(&stream->series->running, UINT64_MAX); /* one less */
	stream->is_running = false;
}

void rp_ext_proc_after_end(struct rp_ext_proc_stream *stream,
			   const struct rp_ext_proc_message *message)
{
	if (message->body.left == 0)
		rp_counter_add(&stream->env->counters->duplicate_ends, 1);
	else
		rp_ext_proc_fail(stream, RP_GRPC_INVALID_ARGUMENT,
				 "body bytes after the end of the body");
}

/* Modes this program does not know are answered like FULL_DUPLEX_STREAMED; so is GRPC. */
static uint8_t known_mode(uint32_t mode)
{
	return mode <= RP_BODY_MODE_FULL_DUPLEX ? (uint8_t)mode : (uint8_t)RP_BODY_MODE_FULL_DUPLEX;
}

static void dispatch(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn)
{
	switch (turn->message->kind) {
	case RP_EXT_PROC_REQUEST_HEADERS:
	case RP_EXT_PROC_REQUEST_BODY:
	case RP_EXT_PROC_REQUEST_TRAILERS:
		rp_ext_proc_on_request(stream, turn);
		break;
	case RP_EXT_PROC_RESPONSE_HEADERS:
	case RP_EXT_PROC_RESPONSE_BODY:
	case RP_EXT_PROC_RESPONSE_TRAILERS:
		rp_ext_proc_on_response(stream, turn);
		break;
	case RP_EXT_PROC_NONE: /* a kind of a later version, or none at all: nothing to answer */
		break;
	}
}

void rp_ext_proc_on_message(struct rp_ext_proc_stream *stream, struct rp_grpc_message *message)
{
	struct rp_env *env = stream->env;
	struct rp_ext_proc_message decoded;
	struct rp_arena scratch;
	int err;

	if (stream->is_over)
		return;
	rp_arena_init_scratch(&scratch, &env->arenas);
	err = rp_ext_proc_decode(message, &scratch, &decoded);
	if (decoded.has_protocol_config && stream->request_phase == RP_EXCHANGE_NONE) {
		stream->request_mode = known_mode(decoded.request_body_mode);
		stream->response_mode = known_mode(decoded.response_body_mode);
	}
	if (decoded.is_observed)
		stream->is_silent = true;
	if (err == RP_EFORMAT)
		rp_ext_proc_fail(stream, RP_GRPC_INTERNAL,
				 "grpc: failed to unmarshal the received message");
	else if (err == RP_ETOOBIG && decoded.kind == RP_EXT_PROC_REQUEST_HEADERS)
		rp_ext_proc_refuse_headers(stream);
	else if (err == RP_ETOOBIG)
		rp_ext_proc_fail(stream, RP_GRPC_RESOURCE_EXHAUSTED,
				 "header map or metadata too large");
	else if (err != RP_OK)
		rp_ext_proc_refuse_memory(stream);
	else if (!stream->is_silent)
		dispatch(stream, &(struct rp_ext_proc_turn){&decoded, message, &scratch});
	rp_arena_reset(&scratch);
}

/* Only now, because a server may answer before it has all of the request: what its gateway sent
 * here meanwhile would be lost with an earlier end. (ext_proc reference 8.4) */
void rp_ext_proc_on_drained(struct rp_ext_proc_stream *stream)
{
	if (stream->is_end_due && stream->response_phase == RP_EXCHANGE_NONE)
		rp_ext_proc_fail(stream, RP_GRPC_OK, "");
}

void rp_ext_proc_on_end(struct rp_ext_proc_stream *stream)
{
	if (!rp_exchange_request_ends_later(stream->request))
		rp_ext_proc_fail(stream, RP_GRPC_OK, "");
}

static void count_end(const struct rp_ext_proc_stream *stream, int grpc_status)
{
	struct rp_counters *counters = stream->env->counters;
	_Atomic uint64_t *counter;

	switch (grpc_status) {
	case RP_GRPC_OK:
		counter = &counters->streams_ok;
		break;
	case RP_GRPC_CANCELLED:
		counter = &counters->streams_canceled;
		break;
	case RP_GRPC_INVALID_ARGUMENT:
		counter = &counters->streams_invalid;
		break;
	case RP_GRPC_DEADLINE_EXCEEDED:
		counter = &counters->streams_deadline;
		break;
	case RP_GRPC_RESOURCE_EXHAUSTED:
		counter = &counters->streams_exhausted;
		break;
	case RP_GRPC_UNIMPLEMENTED:
		counter = &counters->streams_unimplemented;
		break;
	case RP_GRPC_INTERNAL:
		counter = &counters->streams_internal;
		break;
	default:
		counter = &counters->streams_unknown;
		break;
	}
	rp_counter_add(counter, 1);
	rp_counter_add(&counters->streams_inflight, UINT64_MAX); /* one less */
	rp_histogram_observe(&counters->stream_duration, RP_BUCKETS_STREAM,
			     (double)(stream->env->now_ns - stream->opened_ns) / RP_NS_PER_S);
}

void rp_ext_proc_on_close(struct rp_ext_proc_stream *stream, int grpc_status)
{
	struct rp_env *env = stream->env;

	stream->is_over = true;
	rp_ext_proc_release(stream);
	if (stream->request != NULL)
		rp_exchange_request_fini(stream->request, env);
	stream->request = NULL;
	if (stream->has_error && stream->series != NULL)
		rp_counter_add(&stream->series->errors[stream->error], 1);
	if (stream->response_phase != RP_EXCHANGE_NONE)
		rp_histogram_observe(&env->counters->response_processing,
				     RP_BUCKETS_RESPONSE_PROCESSING,
				     (double)(env->now_ns - stream->answered_ns) / RP_NS_PER_S);
	if (env->settings->has_grpc_stream_metrics != 0)
		count_end(stream, grpc_status);
}
