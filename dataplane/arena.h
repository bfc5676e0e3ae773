/* SPDX-License-Identifier: Apache-2.0
 *
 * Bump memory of one stream, freed in one step. Blocks come from the worker's freelists; after
 * warm-up an arena allocates nothing from the system.
 */
#ifndef RP_DATAPLANE_ARENA_H
#define RP_DATAPLANE_ARENA_H

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_arena_block;

/* One a worker: freelists of first blocks (RP_ARENA_FIRST_BYTES) and further ones. */
struct rp_arena_pool {
	struct rp_arena_block *first_free;
	struct rp_arena_block *block_free;
	size_t bytes_total; /* obtained from malloc, those in the freelists included */
	size_t bytes_max;   /* of bytes_total, but for first blocks and scratch arenas */
};

struct rp_arena {
	struct rp_arena_pool *pool;
	struct rp_arena_block *blocks; /* newest first */
	uint8_t *at;
	uint8_t *end;
	size_t bytes; /* of all blocks; capped by RP_ARENA_BYTES_MAX */
	bool is_scratch;
};

/** Without a limit; set bytes_max for one. */
void rp_arena_pool_init(struct rp_arena_pool *pool);
void rp_arena_pool_fini(struct rp_arena_pool *pool);

/** No memory is taken before the first allocation. */
void rp_arena_init(struct rp_arena *arena, struct rp_arena_pool *pool);
/** The same for memory that is given back before the turn ends: not held to the pool's limit, so
 * that open streams go on when it is reached. */
void rp_arena_init_scratch(struct rp_arena *arena, struct rp_arena_pool *pool);
/** Give all blocks back; everything allocated from the arena is gone. The arena may be used again.
 */
void rp_arena_reset(struct rp_arena *arena);

/**
 * n bytes, aligned to 8 (larger than a block: a block of its own). Zero n gives a valid pointer.
 * @return NULL: the cap or the pool's limit is reached or memory is out; the caller sheds the
 * request
 */
void *rp_arena_alloc(struct rp_arena *arena, size_t n);
void *rp_arena_calloc(struct rp_arena *arena, size_t n);
/** Copy; .ptr is NULL if memory is out (and in.len > 0). */
struct rp_bytes rp_arena_copy(struct rp_arena *arena, struct rp_bytes in);

#endif /* RP_DATAPLANE_ARENA_H */
