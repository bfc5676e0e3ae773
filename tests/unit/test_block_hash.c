/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/block_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shm/hash.h"

enum { TEXT_BYTES = 20000 };

static struct rp_arena_pool arenas;
static struct rp_arena arena;
static uint8_t text[TEXT_BYTES];

static int set_up(void **state RP_UNUSED)
{
	uint32_t x = 1;

	rp_arena_pool_init(&arenas);
	rp_arena_init(&arena, &arenas);
	for (size_t i = 0; i < sizeof(text); i++) {
		x = x * 1103515245 + 12345;
		text[i] = (uint8_t)(x >> 16);
	}
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_arena_reset(&arena);
	rp_arena_pool_fini(&arenas);
	return 0;
}

static void many_blocks_have_the_hashes_of_each(void **state RP_UNUSED)
{
	static const size_t sizes[] = {4, 32, 60, 64, 256, 260, 288, 1024};
	uint64_t hash[40];

	for (size_t s = 0; s < RP_ARRAY_LEN(sizes); s++) {
		for (size_t count = 0; count <= 18; count++) {
			memset(hash, 0, sizeof(hash));
			rp_block_hash_all(text + 1, sizes[s], count, hash);
			for (size_t i = 0; i < count; i++)
				assert_true(hash[i] ==
					    rp_hash64(text + 1 + i * sizes[s], sizes[s]));
			assert_true(hash[count] == 0);
		}
	}
}

static void check_pieces(size_t len, uint32_t block_bytes, size_t piece)
{
	struct rp_block_hasher hasher;

	rp_arena_reset(&arena);
	rp_block_hasher_init(&hasher, &arena, block_bytes);
	for (size_t at = 0; at < len; at += piece)
		rp_block_hasher_put(&hasher, rp_bytes_slice(rp_bytes(text, len), at, piece));
	assert_int_equal(rp_block_hasher_end(&hasher), RP_OK);
	assert_int_equal(hasher.count, (len + block_bytes - 1) / block_bytes);
	for (size_t i = 0; i < hasher.count; i++) {
		struct rp_bytes block =
			rp_bytes_slice(rp_bytes(text, len), i * block_bytes, block_bytes);

		assert_true(hasher.hash[i] == rp_hash64_bytes(block));
	}
}

static void pieces_may_be_cut_anywhere(void **state RP_UNUSED)
{
	static const uint32_t blocks[] = {4, 256, 1000, 4 * RP_BLOCK_TOKENS_MAX};
	static const size_t pieces[] = {1, 7, 255, 256, 400, 2048, 2049, 5000, TEXT_BYTES};
	static const size_t lens[] = {0, 1, 255, 256, 257, 2047, 2048, 2300, TEXT_BYTES};

	for (size_t b = 0; b < RP_ARRAY_LEN(blocks); b++) {
		for (size_t p = 0; p < RP_ARRAY_LEN(pieces); p++) {
			for (size_t i = 0; i < RP_ARRAY_LEN(lens); i++)
				check_pieces(lens[i], blocks[b], pieces[p]);
		}
	}
}

static void memory_that_runs_out_is_told_at_the_end(void **state RP_UNUSED)
{
	struct rp_block_hasher hasher;

	rp_arena_reset(&arena);
	arenas.bytes_max = arenas.bytes_total;
	rp_block_hasher_init(&hasher, &arena, 4 * RP_BLOCK_TOKENS_MAX);
	rp_block_hasher_put(&hasher, rp_bytes(text, sizeof(text)));
	rp_block_hasher_put(&hasher, rp_bytes(text, 1));
	assert_int_equal(rp_block_hasher_end(&hasher), RP_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_blocks_have_the_hashes_of_each),
		cmocka_unit_test(pieces_may_be_cut_anywhere),
		cmocka_unit_test(memory_that_runs_out_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
