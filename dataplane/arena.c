/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/arena.h"

#include <stdlib.h>

/* AddressSanitizer sees a piece's end if it is told: what is not handed out is poisoned, and behind
 * each piece a gap stays so. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN
#endif
#ifdef HAS_ASAN
#include <sanitizer/asan_interface.h>
enum { GAP_BYTES = 8 };
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
enum { GAP_BYTES = 0 };
#endif

struct rp_arena_block {
	struct rp_arena_block *next;
	size_t bytes; /* of the whole block, head included */
	uint8_t data[];
};

enum { ALIGNMENT = 8 };

static_assert(sizeof(struct rp_arena_block) % ALIGNMENT == 0, "data must be aligned");

void rp_arena_pool_init(struct rp_arena_pool *pool)
{
	*pool = (struct rp_arena_pool){.bytes_max = SIZE_MAX};
}

static size_t data_bytes(const struct rp_arena_block *block)
{
	return block->bytes - sizeof(*block);
}

static void block_free(struct rp_arena_block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block->data, data_bytes(block));
	free(block);
}

static void free_list(struct rp_arena_block *block)
{
	while (block != NULL) {
		struct rp_arena_block *next = block->next;

		block_free(block);
		block = next;
	}
}

void rp_arena_pool_fini(struct rp_arena_pool *pool)
{
	free_list(pool->first_free);
	free_list(pool->block_free);
	*pool = (struct rp_arena_pool){0};
}

void rp_arena_init(struct rp_arena *arena, struct rp_arena_pool *pool)
{
	*arena = (struct rp_arena){.pool = pool};
}

void rp_arena_init_scratch(struct rp_arena *arena, struct rp_arena_pool *pool)
{
	*arena = (struct rp_arena){.pool = pool, .is_scratch = true};
}

/* The freelist that keeps blocks of this size, or NULL: those go back to the system. */
static struct rp_arena_block **freelist_of(struct rp_arena_pool *pool, size_t bytes)
{
	if (bytes == RP_ARENA_FIRST_BYTES)
		return &pool->first_free;
	if (bytes == RP_ARENA_BLOCK_BYTES)
		return &pool->block_free;
	return NULL;
}

static bool has_room(const struct rp_arena_pool *pool, size_t bytes)
{
	return pool->bytes_total <= pool->bytes_max && bytes <= pool->bytes_max - pool->bytes_total;
}

static void drop_kept(struct rp_arena_pool *pool, struct rp_arena_block **list, size_t bytes)
{
	while (*list != NULL && !has_room(pool, bytes)) {
		struct rp_arena_block *block = *list;

		*list = block->next;
		pool->bytes_total -= block->bytes;
		block_free(block);
	}
}

/* May the pool grow by so much? Kept blocks of other sizes give way first. */
static bool make_room(struct rp_arena_pool *pool, size_t bytes)
{
	drop_kept(pool, &pool->block_free, bytes);
	drop_kept(pool, &pool->first_free, bytes);
	return has_room(pool, bytes);
}

static struct rp_arena_block *block_take(struct rp_arena_pool *pool, size_t bytes, bool is_limited)
{
	struct rp_arena_block **list = freelist_of(pool, bytes);

	if (list != NULL && *list != NULL) {
		struct rp_arena_block *block = *list;

		*list = block->next;
		return block;
	}
	if (!make_room(pool, bytes) && is_limited)
		return NULL;
	struct rp_arena_block *block = malloc(bytes);

	if (block != NULL) {
		block->bytes = bytes;
		pool->bytes_total += bytes;
		ASAN_POISON_MEMORY_REGION(block->data, data_bytes(block));
	}
	return block;
}

static void block_give(struct rp_arena_pool *pool, struct rp_arena_block *block)
{
	struct rp_arena_block **list = freelist_of(pool, block->bytes);

	if (list == NULL || pool->bytes_total > pool->bytes_max) {
		pool->bytes_total -= block->bytes;
		block_free(block);
		return;
	}
	ASAN_POISON_MEMORY_REGION(block->data, data_bytes(block));
	block->next = *list;
	*list = block;
}

void rp_arena_reset(struct rp_arena *arena)
{
	while (arena->blocks != NULL) {
		struct rp_arena_block *block = arena->blocks;

		arena->blocks = block->next;
		block_give(arena->pool, block);
	}
	arena->at = NULL;
	arena->end = NULL;
	arena->bytes = 0;
}

/* A new block with room for n bytes. A block made for one large piece is put behind the newest, so
 * that the room left in the newest stays in use. */
static void *alloc_in_new_block(struct rp_arena *arena, size_t n)
{
	const size_t head = sizeof(struct rp_arena_block);
	size_t bytes = RP_ARENA_BLOCK_BYTES;

	if (arena->blocks == NULL && n <= RP_ARENA_FIRST_BYTES - head)
		bytes = RP_ARENA_FIRST_BYTES;
	else if (n > RP_ARENA_BLOCK_BYTES - head)
		bytes = n + head;
	if (bytes > RP_ARENA_BYTES_MAX - arena->bytes)
		return NULL;

	struct rp_arena_block *block =
		block_take(arena->pool, bytes, !arena->is_scratch && bytes > RP_ARENA_FIRST_BYTES);

	if (block == NULL)
		return NULL;
	arena->bytes += bytes;
	if (bytes > RP_ARENA_BLOCK_BYTES && arena->blocks != NULL) {
		block->next = arena->blocks->next;
		arena->blocks->next = block;
		return block->data;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->at = block->data + n;
	arena->end = (uint8_t *)block + bytes;
	return block->data;
}

void *rp_arena_alloc(struct rp_arena *arena, size_t n)
{
	size_t bytes;
	void *piece;

	if (n > RP_ARENA_BYTES_MAX)
		return NULL;
	bytes = rp_align_up(rp_max_size(n, 1), ALIGNMENT) + GAP_BYTES;
	if (bytes <= (size_t)(arena->end - arena->at)) {
		piece = arena->at;
		arena->at += bytes;
	} else {
		piece = alloc_in_new_block(arena, bytes);
	}
	if (piece != NULL)
		ASAN_UNPOISON_MEMORY_REGION(piece, n);
	return piece;
}

void *rp_arena_calloc(struct rp_arena *arena, size_t n)
{
	void *piece = rp_arena_alloc(arena, n);

	if (piece != NULL)
		memset(piece, 0, n);
	return piece;
}

struct rp_bytes rp_arena_copy(struct rp_arena *arena, struct rp_bytes in)
{
	uint8_t *copy = rp_arena_alloc(arena, in.len);

	if (copy == NULL)
		return rp_bytes(NULL, 0);
	if (in.len > 0)
		memcpy(copy, in.ptr, in.len);
	return rp_bytes(copy, in.len);
}
