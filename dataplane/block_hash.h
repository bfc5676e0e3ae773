/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes of a prompt's blocks, made from its bytes as they come: of the content alone, so that
 * model and salt need not be known yet. prefix_cache.h chains them (scheduling reference 4.3).
 */
#ifndef RP_DATAPLANE_BLOCK_HASH_H
#define RP_DATAPLANE_BLOCK_HASH_H

#include "dataplane/arena.h"

struct rp_block_hasher {
	struct rp_arena *arena;
	uint64_t *hash; /* in the arena; count of them */
	uint32_t count;
	uint32_t capacity;
	uint32_t block_bytes;
	uint32_t staged; /* bytes that wait for more */
	uint8_t *stage;
	int err; /* RP_ENOMEM, sticky */
};

/** @param block_bytes  > 0 and at most 4 * RP_BLOCK_TOKENS_MAX */
void rp_block_hasher_init(struct rp_block_hasher *hasher, struct rp_arena *arena,
			  uint32_t block_bytes);
/** The next bytes, cut anywhere; an rp_sink_fn. */
void rp_block_hasher_put(void *hasher, struct rp_bytes piece);
/** There are no more bytes: the last block may be short. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_block_hasher_end(struct rp_block_hasher *hasher);

/** XXH64 of each of count blocks that lie one after the other. */
void rp_block_hash_all(const uint8_t *at, size_t block_bytes, size_t count, uint64_t *hash);

#endif /* RP_DATAPLANE_BLOCK_HASH_H */
