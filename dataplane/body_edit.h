/* SPDX-License-Identifier: Apache-2.0
 *
 * The two changes ever made to a body: the model's name spliced into a request, and put back in its
 * answer. All other bytes stay what they were.
 */
#ifndef RP_DATAPLANE_BODY_EDIT_H
#define RP_DATAPLANE_BODY_EDIT_H

#include "dataplane/request.h"

/**
 * Put request->target_model in the place of the body's model value, or in front of the first member
 * if there is none. Buffers are moved, not copied.
 *
 * @return RP_OK; RP_ENOMEM: the body may have lost bytes and is only good for rp_body_free()
 */
RP_MUST_CHECK int rp_body_splice_model(struct rp_body *body, struct rp_body_pool *pool,
				       struct rp_arena *arena, const struct rp_request *request);

/* Replaces "model":"<from>" by "model":"<to>" in bytes that pass, with one blank after the colon or
 * none, wherever chunks are cut: what may be the beginning of a match is held back. */
struct rp_model_rename;

/** @return NULL: the arena is full */
struct rp_model_rename *rp_model_rename_new(struct rp_arena *arena, struct rp_bytes from,
					    struct rp_bytes to);
/** Append to *out what is decided after this chunk. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_model_rename_feed(struct rp_model_rename *rename, struct rp_bytes chunk,
				       struct rp_body *out, struct rp_body_pool *pool);
/** The end: append what was held back. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_model_rename_end(struct rp_model_rename *rename, struct rp_body *out,
				      struct rp_body_pool *pool);

#endif /* RP_DATAPLANE_BODY_EDIT_H */
