/* SPDX-License-Identifier: Apache-2.0
 *
 * Body bytes on their way through: a chain of fixed-size buffers from the worker's pool. A body is
 * written at its end and taken away at its front; buffers go back to the pool as soon as their last
 * byte is gone. The bytes are copied in once (out of the receive buffer, which goes back to the
 * ring) and encrypted out of here: there is no further copy.
 *
 * The pool is the budget of all bodies of the worker: out of it is a normal answer (429).
 */
#ifndef RP_DATAPLANE_BODY_H
#define RP_DATAPLANE_BODY_H

#include "shm/bytes.h"
#include "shm/limits.h"

enum { RP_BODY_RESERVE_BYTES = 8192 };
enum { RP_BODY_BUF_BYTES = 16384 - 32, RP_BODY_BUF_SMALL_BYTES = 2048 - 32 };

struct rp_body_buf {
	struct rp_body_buf *next;
	uint32_t begin; /* first byte not taken yet */
	uint32_t end;
	uint32_t capacity; /* RP_BODY_BUF_BYTES, or RP_BODY_BUF_SMALL_BYTES for the first of a body
			    */
	uint32_t reserved;
	uint8_t data[];
};

/* One a worker. Buffers are obtained on demand, kept for reuse, and never exceed bytes_max in all.
 */
struct rp_body_pool {
	struct rp_body_buf *free_large;
	struct rp_body_buf *free_small;
	uint64_t bytes_max;
	uint64_t bytes_used; /* in buffers that are part of a body */
	uint64_t bytes_kept; /* in freelists */
	bool is_held;
};

struct rp_body {
	struct rp_body_buf *first;
	struct rp_body_buf *last;
	uint64_t bytes;
};

void rp_body_pool_init(struct rp_body_pool *pool, uint64_t bytes_max);
void rp_body_pool_fini(struct rp_body_pool *pool);

/** From here to the release no buffer is taken, and the bytes of those that are given back stay
 * where they are: output may point to them until it is encrypted. */
void rp_body_pool_hold(struct rp_body_pool *pool);
void rp_body_pool_release(struct rp_body_pool *pool);

/** Append a copy of the bytes. @return RP_OK; RP_ENOMEM: the pool is at its limit (nothing
 * appended) */
RP_MUST_CHECK int rp_body_append(struct rp_body *body, struct rp_body_pool *pool,
				 struct rp_bytes in);

/** Would n more bytes of an upload leave the quarter of the pool that is kept for what is on its
 * way back? Requests that are not answered yet must ask this before they append. */
bool rp_body_upload_fits(const struct rp_body *body, const struct rp_body_pool *pool, size_t n);

/** As rp_body_append() for a short answer that must also get through when the pool is at its limit
 * (429): a body that stays within RP_BODY_RESERVE_BYTES is not held to the limit. */
RP_MUST_CHECK int rp_body_append_reserve(struct rp_body *body, struct rp_body_pool *pool,
					 struct rp_bytes in);

/** Move the first n bytes of `from` to the end of `to`; buffers are moved. A split copies the
 * smaller part into a buffer that may exceed the pool's limit.
 * @return RP_OK; RP_ENOMEM: the system is out of memory (the whole buffers before are moved) */
RP_MUST_CHECK int rp_body_move(struct rp_body *to, struct rp_body *from, uint64_t n,
			       struct rp_body_pool *pool);

/** The first contiguous piece; empty when the body is. Valid until the next take or free. */
struct rp_bytes rp_body_front(const struct rp_body *body);
/** Remove n <= rp_body_front().len bytes. */
void rp_body_take(struct rp_body *body, struct rp_body_pool *pool, size_t n);
/** Copy n bytes from `offset` (bytes from the body's front) to out. Both must lie inside. */
void rp_body_copy_out(const struct rp_body *body, uint64_t offset, uint8_t *out, size_t n);
void rp_body_free(struct rp_body *body, struct rp_body_pool *pool);

#endif /* RP_DATAPLANE_BODY_H */
