/* SPDX-License-Identifier: Apache-2.0
 *
 * ProcessingResponse: encoded with its gRPC frame around it, sent on the stream. Body payload is
 * moved into the stream's output, not copied.
 */
#ifndef RP_DATAPLANE_EXT_PROC_REPLY_H
#define RP_DATAPLANE_EXT_PROC_REPLY_H

#include "dataplane/ext_proc_codec.h"
#include "dataplane/h2_session.h"
#include "dataplane/sched.h"

/* What a headers reply (or a body reply of the BUFFERED modes) changes. */
struct rp_ext_proc_mutation {
	const struct rp_header *set;
	size_t set_count;
	const struct rp_bytes *remove;
	size_t remove_count;
	bool is_route_cache_cleared;
	struct rp_bytes destination;	   /* dynamic metadata, if not empty */
	const struct rp_pick_score *score; /* and the scores, if not NULL */
	size_t score_count;
	struct rp_bytes
		metadata; /* instead of destination and scores: rp_ext_proc_encode_reports() */
};

/* The oneof `response`; values are its field numbers. */
enum rp_ext_proc_reply {
	RP_EXT_PROC_REPLY_REQUEST_HEADERS = RP_PB_RESPONSE_REQUEST_HEADERS,
	RP_EXT_PROC_REPLY_RESPONSE_HEADERS = RP_PB_RESPONSE_RESPONSE_HEADERS,
	RP_EXT_PROC_REPLY_REQUEST_BODY = RP_PB_RESPONSE_REQUEST_BODY,
	RP_EXT_PROC_REPLY_RESPONSE_BODY = RP_PB_RESPONSE_RESPONSE_BODY,
	RP_EXT_PROC_REPLY_REQUEST_TRAILERS = RP_PB_RESPONSE_REQUEST_TRAILERS,
	RP_EXT_PROC_REPLY_RESPONSE_TRAILERS = RP_PB_RESPONSE_RESPONSE_TRAILERS,
};

/* All return RP_OK, or RP_ENOMEM: part of a message may be queued, the stream is to be reset. */

/**
 * A reply with a CommonResponse: headers replies, and body replies of the modes that are not
 * full duplex. Trailers replies carry the dynamic metadata only.
 *
 * @param mutation  NULL: continue unchanged
 * @param body      NULL: none; else all of it becomes the body mutation (empty: clear_body)
 * @param arena     scratch
 */
RP_MUST_CHECK int rp_ext_proc_send_common(struct rp_h2_stream *stream, struct rp_arena *arena,
					  enum rp_ext_proc_reply kind,
					  const struct rp_ext_proc_mutation *mutation,
					  struct rp_body *body);

/**
 * StreamedBodyResponses of all of *body, cut at RP_BODY_PART_BYTES_MAX, at least one; the last one
 * carries end_of_stream.
 */
RP_MUST_CHECK int rp_ext_proc_send_streamed(struct rp_h2_stream *stream,
					    enum rp_ext_proc_reply kind, struct rp_body *body,
					    bool is_end_of_stream);

/** The same of an answer's last part, with dynamic metadata (rp_ext_proc_encode_reports()). */
RP_MUST_CHECK int rp_ext_proc_send_streamed_end(struct rp_h2_stream *stream,
						enum rp_ext_proc_reply kind, struct rp_body *body,
						struct rp_bytes metadata);

/** Dynamic metadata of an answer: numbers by namespace and key, the last of equal ones.
 * @return the encoded field, in the arena; empty: no memory, or nothing to say */
struct rp_bytes rp_ext_proc_encode_reports(struct rp_arena *arena, const struct rp_report *report,
					   uint32_t count);

enum { RP_EXT_PROC_SMALL_BODY_BYTES = 2048 };

/** The same for a few bytes at hand: body.len <= RP_EXT_PROC_SMALL_BODY_BYTES. */
RP_MUST_CHECK int rp_ext_proc_send_small(struct rp_h2_stream *stream, enum rp_ext_proc_reply kind,
					 struct rp_bytes body, bool is_end_of_stream);

/**
 * ImmediateResponse. Needs no memory, so that running out of it can be told.
 *
 * @param text  the body; cut at RP_EXT_PROC_ERROR_BYTES_MAX
 * @param dropped_reason  x-llm-d-request-dropped-reason, or NULL
 */
RP_MUST_CHECK int rp_ext_proc_send_immediate(struct rp_h2_stream *stream, int http_status,
					     struct rp_bytes text, const char *dropped_reason);

#endif /* RP_DATAPLANE_EXT_PROC_REPLY_H */
