/* SPDX-License-Identifier: Apache-2.0
 *
 * ext_proc messages: ProcessingRequest in, decoded in place; ProcessingResponse out. Missing
 * sub-messages are empty ones, unknown fields are skipped, of a oneof the last member counts.
 */
#ifndef RP_DATAPLANE_EXT_PROC_CODEC_H
#define RP_DATAPLANE_EXT_PROC_CODEC_H

#include "dataplane/ext_proc_fields.h"
#include "dataplane/grpc_frame.h"
#include "dataplane/pb_wire.h"

/* ---- ProcessingRequest ---- */

/* The oneof `request`; values are its field numbers. */
enum rp_ext_proc_kind {
	RP_EXT_PROC_NONE = 0,
	RP_EXT_PROC_REQUEST_HEADERS = RP_PB_REQUEST_REQUEST_HEADERS,
	RP_EXT_PROC_RESPONSE_HEADERS = RP_PB_REQUEST_RESPONSE_HEADERS,
	RP_EXT_PROC_REQUEST_BODY = RP_PB_REQUEST_REQUEST_BODY,
	RP_EXT_PROC_RESPONSE_BODY = RP_PB_REQUEST_RESPONSE_BODY,
	RP_EXT_PROC_REQUEST_TRAILERS = RP_PB_REQUEST_REQUEST_TRAILERS,
	RP_EXT_PROC_RESPONSE_TRAILERS = RP_PB_REQUEST_RESPONSE_TRAILERS,
};

/* Views are into the message, or the arena where a field straddled buffers. */
struct rp_ext_proc_message {
	enum rp_ext_proc_kind kind;
	bool is_end_of_stream;
	bool is_observed; /* observability_mode: no answer is wanted */
	bool has_protocol_config;
	uint32_t request_body_mode; /* as sent; enum rp_body_mode if it is a known one */
	uint32_t response_body_mode;
	struct rp_bytes headers;  /* HeaderMap, encoded; see rp_ext_proc_next_header() */
	struct rp_bytes metadata; /* config.core.v3.Metadata, encoded */
	struct rp_pb_input body;  /* payload of a body message; .left is its length */
};

/**
 * Decode one message.
 *
 * @param arena  takes what straddles buffers; body payload never does
 * @return RP_OK; RP_EFORMAT: not protobuf; RP_ETOOBIG: header map or metadata are over their
 * bounds; RP_ENOMEM
 */
RP_MUST_CHECK int rp_ext_proc_decode(const struct rp_grpc_message *message, struct rp_arena *arena,
				     struct rp_ext_proc_message *ret_message);

/**
 * Append the payload to a body: copied from a view, moved out of a gathered message. Ends the life
 * of every view into a gathered message.
 * @return RP_OK or RP_ENOMEM
 */
RP_MUST_CHECK int rp_ext_proc_take_body(const struct rp_ext_proc_message *message,
					struct rp_grpc_message *source, struct rp_body_pool *pool,
					struct rp_body *to);

struct rp_header {
	struct rp_bytes name;
	struct rp_bytes value; /* raw_value if it is not empty, else value */
};

/** The next header of an encoded HeaderMap. @return false at the end or with r->err set */
bool rp_ext_proc_next_header(struct rp_reader *r, struct rp_header *ret_header);

#endif /* RP_DATAPLANE_EXT_PROC_CODEC_H */
