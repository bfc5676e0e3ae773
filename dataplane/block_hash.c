/* SPDX-License-Identifier: Apache-2.0 */
#define XXH_INLINE_ALL
#include "dataplane/block_hash.h"

#include "shm/hash.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { STAGED_BLOCKS = 8, HASHES_FIRST = 32 };

/* ---- eight blocks at once ---- */

#if defined(__x86_64__)
#define WITH_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))

enum { LANES = 8, STRIPE_BYTES = 32 };

static inline WITH_AVX512 __m512i wide(uint64_t value)
{
	return _mm512_set1_epi64((long long)value);
}

/* The stripes at the same place of two blocks. */
static inline WITH_AVX512 __m512i load_pair(const uint8_t *a, const uint8_t *b)
{
	__m256i low = _mm256_loadu_si256((const __m256i_u *)a);
	__m256i high = _mm256_loadu_si256((const __m256i_u *)b);

	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

static inline WITH_AVX512 __m512i wide_round(__m512i acc, __m512i in)
{
	acc = _mm512_add_epi64(acc, _mm512_mullo_epi64(in, wide(XXH_PRIME64_2)));
	return _mm512_mullo_epi64(_mm512_rol_epi64(acc, 31), wide(XXH_PRIME64_1));
}

/* One accumulator of all eight blocks, out of four registers with all four of two blocks each. */
static inline WITH_AVX512 __m512i accumulator(const __m512i pair[4], long long i)
{
	__m512i idx = _mm512_setr_epi64(i, i + 4, i + 8, i + 12, 0, 0, 0, 0);
	__m512i low = _mm512_permutex2var_epi64(pair[0], idx, pair[1]);
	__m512i high = _mm512_permutex2var_epi64(pair[2], idx, pair[3]);

	return _mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1);
}

static inline WITH_AVX512 __m512i merge(__m512i hash, __m512i acc)
{
	hash = _mm512_xor_si512(hash, wide_round(_mm512_setzero_si512(), acc));
	return _mm512_add_epi64(_mm512_mullo_epi64(hash, wide(XXH_PRIME64_1)), wide(XXH_PRIME64_4));
}

/* The block's bytes are a multiple of STRIPE_BYTES. */
static WITH_AVX512 void hash_eight(const uint8_t *at, size_t block_bytes, uint64_t hash[LANES])
{
	const __m512i start = _mm512_setr_epi64(
		(long long)(XXH_PRIME64_1 + XXH_PRIME64_2), (long long)XXH_PRIME64_2, 0,
		(long long)(0 - XXH_PRIME64_1), (long long)(XXH_PRIME64_1 + XXH_PRIME64_2),
		(long long)XXH_PRIME64_2, 0, (long long)(0 - XXH_PRIME64_1));
	__m512i pair[4] = {start, start, start, start};
	__m512i acc[4];
	__m512i h;

	for (size_t i = 0; i < block_bytes; i += STRIPE_BYTES) {
		/* Unrolled, all that is indexed here stays in registers. */
#pragma GCC unroll 4
		for (size_t k = 0; k < 4; k++) {
			const uint8_t *a = at + 2 * k * block_bytes + i;

			pair[k] = wide_round(pair[k], load_pair(a, a + block_bytes));
		}
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		acc[i] = accumulator(pair, i);
	h = _mm512_add_epi64(
		_mm512_add_epi64(_mm512_rol_epi64(acc[0], 1), _mm512_rol_epi64(acc[1], 7)),
		_mm512_add_epi64(_mm512_rol_epi64(acc[2], 12), _mm512_rol_epi64(acc[3], 18)));
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		h = merge(h, acc[i]);
	h = _mm512_add_epi64(h, wide(block_bytes));
	h = _mm512_mullo_epi64(_mm512_xor_si512(h, _mm512_srli_epi64(h, 33)), wide(XXH_PRIME64_2));
	h = _mm512_mullo_epi64(_mm512_xor_si512(h, _mm512_srli_epi64(h, 29)), wide(XXH_PRIME64_3));
	h = _mm512_xor_si512(h, _mm512_srli_epi64(h, 32));
	_mm512_storeu_si512(hash, h);
}

static size_t hash_eights(const uint8_t *at, size_t block_bytes, size_t count, uint64_t *hash)
{
	size_t done = 0;

	if (block_bytes % STRIPE_BYTES != 0 || !__builtin_cpu_supports("avx512dq") ||
	    !__builtin_cpu_supports("avx512vl"))
		return 0;
	for (; count - done >= LANES; done += LANES)
		hash_eight(at + done * block_bytes, block_bytes, hash + done);
	return done;
}
#else
static size_t hash_eights(const uint8_t *at RP_UNUSED, size_t block_bytes RP_UNUSED,
			  size_t count RP_UNUSED, uint64_t *hash RP_UNUSED)
{
	return 0;
}
#endif

void rp_block_hash_all(const uint8_t *at, size_t block_bytes, size_t count, uint64_t *hash)
{
	for (size_t i = hash_eights(at, block_bytes, count, hash); i < count; i++)
		hash[i] = rp_hash64(at + i * block_bytes, block_bytes);
}

/* ---- as the bytes come ---- */

void rp_block_hasher_init(struct rp_block_hasher *hasher, struct rp_arena *arena,
			  uint32_t block_bytes)
{
	RP_ASSERT(block_bytes > 0 && block_bytes <= 4 * RP_BLOCK_TOKENS_MAX);
	*hasher = (struct rp_block_hasher){.arena = arena, .block_bytes = block_bytes};
}

static uint64_t *room_for(struct rp_block_hasher *hasher, size_t count)
{
	size_t capacity = rp_max_size(HASHES_FIRST, 2 * (size_t)hasher->capacity);
	uint64_t *hash;

	if (count <= hasher->capacity - hasher->count)
		return hasher->hash + hasher->count;
	capacity = rp_max_size(capacity, hasher->count + count);
	hash = rp_arena_alloc(hasher->arena, capacity * sizeof(*hash));
	if (hash == NULL) {
		hasher->err = RP_ENOMEM;
		return NULL;
	}
	if (hasher->count > 0)
		memcpy(hash, hasher->hash, hasher->count * sizeof(*hash));
	hasher->hash = hash;
	hasher->capacity = (uint32_t)capacity;
	return hash + hasher->count;
}

static void hash_whole(struct rp_block_hasher *hasher, const uint8_t *at, size_t count)
{
	uint64_t *hash = room_for(hasher, count);

	if (hash == NULL)
		return;
	rp_block_hash_all(at, hasher->block_bytes, count, hash);
	hasher->count += (uint32_t)count;
}

/* Eight blocks at a time: of large pieces where they lie; the rest waits for more. */
void rp_block_hasher_put(void *user, struct rp_bytes piece)
{
	struct rp_block_hasher *hasher = user;
	size_t block = hasher->block_bytes;
	size_t stage_bytes = STAGED_BLOCKS * block;

	if (hasher->stage == NULL && hasher->err == RP_OK) {
		hasher->stage = rp_arena_alloc(hasher->arena, stage_bytes);
		if (hasher->stage == NULL)
			hasher->err = RP_ENOMEM;
	}
	while (piece.len > 0 && hasher->err == RP_OK) {
		size_t n = piece.len / stage_bytes * stage_bytes;

		if (n > 0 && hasher->staged == 0) {
			hash_whole(hasher, piece.ptr, n / block);
		} else {
			n = rp_min_size(stage_bytes - hasher->staged, piece.len);
			memcpy(hasher->stage + hasher->staged, piece.ptr, n);
			hasher->staged += (uint32_t)n;
			if (hasher->staged == stage_bytes) {
				hash_whole(hasher, hasher->stage, STAGED_BLOCKS);
				hasher->staged = 0;
			}
		}
		piece = rp_bytes(piece.ptr + n, piece.len - n);
	}
}

int rp_block_hasher_end(struct rp_block_hasher *hasher)
{
	size_t whole, left;
	uint64_t *hash;

	/* Nothing is staged either where nobody wants blocks and their size is 0. */
	if (hasher->err != RP_OK || hasher->staged == 0)
		return hasher->err;
	whole = hasher->staged / hasher->block_bytes;
	left = hasher->staged % hasher->block_bytes;
	if (whole > 0)
		hash_whole(hasher, hasher->stage, whole);
	hasher->staged = 0;
	if (hasher->err == RP_OK && left > 0) {
		hash = room_for(hasher, 1);
		if (hash != NULL) {
			*hash = rp_hash64(hasher->stage + whole * hasher->block_bytes, left);
			hasher->count++;
		}
	}
	return hasher->err;
}
