/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include "dataplane/prefix_cache.h"

#include "dataplane/block_hash.h"
#include "shm/hash.h"

uint64_t rp_prefix_seed(struct rp_bytes model, struct rp_bytes salt)
{
	XXH64_state_t state;

	XXH64_reset(&state, 0);
	if (model.len > 0)
		XXH64_update(&state, model.ptr, model.len);
	if (salt.len > 0)
		XXH64_update(&state, salt.ptr, salt.len);
	return XXH64_digest(&state);
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

/* XXH64, seed 0, of the 16 bytes of two words: every block waits for the one before it here. */
static uint64_t hash_pair(uint64_t first, uint64_t second)
{
	const uint64_t p1 = XXH_PRIME64_1, p2 = XXH_PRIME64_2, p3 = XXH_PRIME64_3;
	uint64_t hash = XXH_PRIME64_5 + 16;

	hash ^= rotate(first * p2, 31) * p1;
	hash = rotate(hash, 27) * p1 + XXH_PRIME64_4;
	hash ^= rotate(second * p2, 31) * p1;
	hash = rotate(hash, 27) * p1 + XXH_PRIME64_4;
	hash = (hash ^ hash >> 33) * p2;
	hash = (hash ^ hash >> 29) * p3;
	return hash ^ hash >> 32;
}

/* Hashes of the blocks' contents, if they were not made before. NULL: they were, in blocks of
 * another size, which nobody should have asked for. */
static const uint64_t *contents(const struct rp_prompt *prompt, uint64_t block_tokens, size_t count,
				uint64_t *scratch)
{
	uint64_t whole = rp_min_size(count, prompt->token_count / block_tokens);

	if (prompt->block_tokens != 0) {
		return prompt->block_tokens == block_tokens ? prompt->block_hash : NULL;
	}
	rp_block_hash_all(prompt->token_bytes, block_tokens * 4, whole, scratch);
	if (whole < count)
		scratch[whole] = rp_hash64(prompt->token_bytes + whole * block_tokens * 4,
					   prompt->token_count % block_tokens * 4);
	return scratch;
}

size_t rp_prefix_hash_blocks(uint64_t seed, const struct rp_prompt *prompt, uint64_t block_tokens,
			     size_t blocks_max, uint64_t *hashes)
{
	uint64_t blocks = prompt->token_count / block_tokens +
			  (prompt->token_count % block_tokens != 0 ? 1 : 0);
	size_t count = rp_min_size(blocks, blocks_max);
	const uint64_t *content = contents(prompt, block_tokens, count, hashes);

	if (content == NULL)
		return 0;
	for (size_t i = 0; i < count; i++) {
		seed = hash_pair(content[i], seed);
		hashes[i] = seed;
	}
	return count;
}

int64_t rp_prefix_block_tokens(const struct rp_params_approx_prefix_cache_producer *params,
			       int32_t reported)
{
	int64_t tokens = params->block_size_tokens;

	if (params->has_auto_tune && reported > 0)
		tokens = reported;
	return tokens > RP_PREFIX_BLOCK_TOKENS_MIN ? tokens : RP_PREFIX_BLOCK_TOKENS_MIN;
}

uint64_t rp_prefix_blocks_max(const struct rp_params_approx_prefix_cache_producer *params,
			      int64_t block_tokens)
{
	uint64_t blocks = RP_PREFIX_BLOCKS_MAX;

	if (params->max_prefix_tokens > 0)
		blocks = (uint64_t)(params->max_prefix_tokens / block_tokens);
	else if (params->max_prefix_blocks > 0)
		blocks = (uint64_t)params->max_prefix_blocks;
	return rp_min_size(blocks, RP_PREFIX_BLOCKS_MAX);
}

uint32_t rp_prefix_capacity(const struct rp_params_approx_prefix_cache_producer *params,
			    int32_t reported)
{
	if (params->has_auto_tune && reported > 0)
		return (uint32_t)reported;
	if (params->lru_capacity_per_server <= 0)
		return RP_PREFIX_CAPACITY;
	return (uint32_t)rp_min_size((uint64_t)params->lru_capacity_per_server, UINT32_MAX);
}

void rp_prefix_lookup_run(struct rp_prefix_lookup *lookup, const struct rp_prefix_index *index,
			  const struct rp_request *request, int64_t block_tokens,
			  uint64_t blocks_max)
{
	uint64_t seed = rp_prefix_seed(request->target_model, request->cache_salt);

	for (uint32_t i = 0; i < lookup->touched_count; i++)
		lookup->count[lookup->touched[i]] = 0;
	lookup->touched_count = 0;
	lookup->hash_count = 0;
	for (uint32_t i = 0; i < request->prompt_count; i++) {
		uint64_t *hashes = lookup->hash + lookup->hash_count;
		size_t room = RP_PREFIX_BLOCKS_MAX - lookup->hash_count;
		size_t n = rp_prefix_hash_blocks(seed, &request->prompts[i], (uint64_t)block_tokens,
						 rp_min_size(room, blocks_max), hashes);

		rp_prefix_index_prefetch(index, hashes, n);
		rp_prefix_index_match(index, hashes, n, lookup->count, lookup->touched,
				      &lookup->touched_count);
		lookup->hash_count += n;
	}
}
