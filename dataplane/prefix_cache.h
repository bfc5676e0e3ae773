/* SPDX-License-Identifier: Apache-2.0
 *
 * The approximate prefix cache as a request sees it: block hashes of its prompts, and how many of
 * them each endpoint holds (scheduling reference 4.3 to 4.5). The index itself is
 * shm/prefix_index.h.
 */
#ifndef RP_DATAPLANE_PREFIX_CACHE_H
#define RP_DATAPLANE_PREFIX_CACHE_H

#include "config/plugin_params.h"
#include "dataplane/request.h"
#include "shm/prefix_index.h"

enum { RP_PREFIX_BLOCK_TOKENS_MIN = 64 }; /* smaller blocks are raised to this at use */

/** What a chain of hashes starts from: XXH64 of target model and cache salt, put together. */
uint64_t rp_prefix_seed(struct rp_bytes model, struct rp_bytes salt);

/**
 * Hash a prompt's blocks; the last one may be short.
 *
 * @param block_tokens  ids a block, > 0
 * @param blocks_max    room in hashes
 * @return number of hashes written; 0 too if what was kept of the prompt are hashes of blocks of
 *         another size
 */
size_t rp_prefix_hash_blocks(uint64_t seed, const struct rp_prompt *prompt, uint64_t block_tokens,
			     size_t blocks_max, uint64_t *hashes);

/** Effective block size. @param reported  CacheBlockSize of the first candidate; <= 0: unknown */
int64_t rp_prefix_block_tokens(const struct rp_params_approx_prefix_cache_producer *params,
			       int32_t reported);

/** Most blocks hashed of one prompt. */
uint64_t rp_prefix_blocks_max(const struct rp_params_approx_prefix_cache_producer *params,
			      int64_t block_tokens);

/** Blocks an endpoint may hold. @param reported  its CacheNumBlocks; <= 0: unknown */
uint32_t rp_prefix_capacity(const struct rp_params_approx_prefix_cache_producer *params,
			    int32_t reported);

/* Hashes of all prompts of one request, one after the other, and their matches by endpoint slot. */
struct rp_prefix_lookup {
	size_t hash_count;
	uint32_t touched_count;
	uint64_t hash[RP_PREFIX_BLOCKS_MAX];
	uint16_t count[RP_ENDPOINTS_MAX]; /* by slot; zero outside of a lookup's life */
	uint16_t touched[RP_ENDPOINTS_MAX];
};

/** Hash a request's prompts and look them up. Clears what the lookup before left. */
void rp_prefix_lookup_run(struct rp_prefix_lookup *lookup, const struct rp_prefix_index *index,
			  const struct rp_request *request, int64_t block_tokens,
			  uint64_t blocks_max);

#endif /* RP_DATAPLANE_PREFIX_CACHE_H */
