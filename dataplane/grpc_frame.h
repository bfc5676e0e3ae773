/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's message framing (gRPC over HTTP/2: Length-Prefixed-Message), split anywhere. A message
 * that lies whole in the bytes at hand is shown where it is; one that comes in parts is gathered in
 * a body, so that its payload can be moved on without another copy.
 */
#ifndef RP_DATAPLANE_GRPC_FRAME_H
#define RP_DATAPLANE_GRPC_FRAME_H

#include "dataplane/body.h"

enum { RP_GRPC_PREFIX_BYTES = 5 };

struct rp_grpc_frame {
	uint8_t prefix[RP_GRPC_PREFIX_BYTES];
	uint8_t prefix_len;
	bool is_handed_up; /* `gathered` was given to the caller: drop what is left of it */
	bool is_upload;	   /* the owner's: held to rp_body_upload_fits() */
	uint32_t bytes;	   /* of the message under way */
	struct rp_body gathered;
};

/* Valid until the next call with the same frame. */
struct rp_grpc_message {
	struct rp_bytes view;	  /* the message, if gathered is NULL */
	struct rp_body *gathered; /* else; the callee may move bytes out of it */
};

/**
 * Take the next message from *in.
 *
 * @param[in,out] in  what was used is cut off its front
 * @return RP_OK; RP_EAGAIN: *in is used up; RP_ETOOBIG: longer than message_max, see
 *         rp_grpc_frame_bytes(); RP_EUNSUPPORTED: compressed; RP_ENOMEM: the pool is at its limit
 */
RP_MUST_CHECK int rp_grpc_frame_next(struct rp_grpc_frame *frame, struct rp_body_pool *pool,
				     uint64_t message_max, struct rp_bytes *in,
				     struct rp_grpc_message *ret_message);

/** Length the current message claims. */
uint32_t rp_grpc_frame_bytes(const struct rp_grpc_frame *frame);
/** A message has begun and is not complete: the stream must not end here. */
bool rp_grpc_frame_is_inside(const struct rp_grpc_frame *frame);
void rp_grpc_frame_fini(struct rp_grpc_frame *frame, struct rp_body_pool *pool);

#endif /* RP_DATAPLANE_GRPC_FRAME_H */
