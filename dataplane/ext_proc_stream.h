/* SPDX-License-Identifier: Apache-2.0
 *
 * One ext_proc stream: one HTTP exchange at the gateway. Its request and its response direction are
 * two machines that know little of each other, because an answer may come while the request is
 * still being uploaded. (envoy.service.ext_proc.v3; ext_proc reference 3)
 *
 * Until the pick everything lies in the stream's arena, which is given back with it; what an answer
 * needs is in the record below. The scratch arena lives as long as one message.
 */
#ifndef RP_DATAPLANE_EXT_PROC_STREAM_H
#define RP_DATAPLANE_EXT_PROC_STREAM_H

#include "dataplane/env.h"
#include "dataplane/ext_proc_codec.h"
#include "dataplane/followup.h"
#include "dataplane/h2_session.h"
#include "dataplane/usage.h"

enum rp_exchange_phase {
	RP_EXCHANGE_NONE,  /* nothing came yet */
	RP_EXCHANGE_OPEN,  /* headers came, the body is under way */
	RP_EXCHANGE_ENDED, /* end_of_stream or trailers came; of a request: it is answered */
};

struct rp_exchange_request; /* the request until its pick; ext_proc_request.c */
struct rp_model_rename;

struct rp_ext_proc_stream {
	struct rp_env *env;
	struct rp_h2_stream *h2;
	struct rp_exchange_request
		*request; /* in the arena; NULL before the headers and after the pick */
	struct rp_request_series *series; /* NULL: no request was seen */
	struct rp_followup *followup;	  /* in the arena; NULL: nothing is owed */
	struct rp_model_rename *rename;	  /* in the arena; NULL: the answer passes as it is */
	int64_t opened_ns;
	int64_t received_ns;	/* request headers */
	int64_t answered_ns;	/* response headers */
	int64_t first_chunk_ns; /* 0: none yet */
	int64_t last_chunk_ns;
	uint64_t response_bytes;
	struct rp_usage_scan usage; /* its format is known from the request on */
	uint32_t slot;		    /* of the pick, while is_in_flight */
	uint32_t generation;
	uint8_t request_phase; /* enum rp_exchange_phase */
	uint8_t response_phase;
	uint8_t request_mode; /* enum rp_body_mode */
	uint8_t response_mode;
	uint8_t error; /* enum rp_request_error, if has_error */
	bool is_in_flight;
	bool is_running;   /* counted in the series' gauge */
	bool is_streaming; /* the answer is a stream of events, or was asked to be */
	bool is_silent;	   /* observability_mode: nothing is answered */
	bool is_over;	   /* the status is queued; input is dropped */
	bool has_error;
	bool is_answer_unread; /* the request was of a kind whose answer tells nothing */
	bool is_end_due;       /* the answer is skipped: the end comes behind the last reply */
};

void rp_ext_proc_open(struct rp_ext_proc_stream *stream, struct rp_env *env,
		      struct rp_h2_stream *h2);
/** There is no memory for the message that is coming: 429 while the request is not answered. */
void rp_ext_proc_refuse_memory(struct rp_ext_proc_stream *stream);
/** One ProcessingRequest. */
void rp_ext_proc_on_message(struct rp_ext_proc_stream *stream, struct rp_grpc_message *message);
/** All that was queued is on its way. */
void rp_ext_proc_on_drained(struct rp_ext_proc_stream *stream);
/** The peer half-closed: the status is OK whatever was left open. */
void rp_ext_proc_on_end(struct rp_ext_proc_stream *stream);
/** The h2 stream is gone. @param grpc_status  what was sent, or RP_GRPC_CANCELLED */
void rp_ext_proc_on_close(struct rp_ext_proc_stream *stream, int grpc_status);

/* ---- between ext_proc_stream.c and the files of the two directions ---- */

struct rp_ext_proc_turn {
	const struct rp_ext_proc_message *message;
	struct rp_grpc_message *source;
	struct rp_arena *scratch;
};

void rp_ext_proc_on_request(struct rp_ext_proc_stream *stream, const struct rp_ext_proc_turn *turn);
void rp_ext_proc_on_response(struct rp_ext_proc_stream *stream,
			     const struct rp_ext_proc_turn *turn);
/** More headers than are kept: 431. */
void rp_ext_proc_refuse_headers(struct rp_ext_proc_stream *stream);
/** The peer half-closed. @return true: the request waits for its pick, the end comes after it */
bool rp_exchange_request_ends_later(struct rp_exchange_request *request);
/** Give back what a request holds before its pick. */
void rp_exchange_request_fini(struct rp_exchange_request *request, struct rp_env *env);

/** End the stream with a gRPC status. */
void rp_ext_proc_fail(struct rp_ext_proc_stream *stream, int grpc_status, const char *text);
/** A reply could not be queued whole: nothing that follows would be understood. */
void rp_ext_proc_break(struct rp_ext_proc_stream *stream);
/** The model server's part is over: its endpoint has one request less under way. */
void rp_ext_proc_release(struct rp_ext_proc_stream *stream);
/** Bytes after the end of a body: an empty chunk is ignored and counted, others end the stream. */
void rp_ext_proc_after_end(struct rp_ext_proc_stream *stream,
			   const struct rp_ext_proc_message *message);

#endif /* RP_DATAPLANE_EXT_PROC_STREAM_H */
