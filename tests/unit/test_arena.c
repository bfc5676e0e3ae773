/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/arena.h"
#include "dataplane/mem_class.h"

static struct rp_arena_pool pool;
static struct rp_arena arena;

static int setup(void **state)
{
	(void)state;
	rp_arena_pool_init(&pool);
	rp_arena_init(&arena, &pool);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rp_arena_reset(&arena);
	rp_arena_pool_fini(&pool);
	return 0;
}

static void pieces_are_aligned_apart_and_keep_their_bytes(void **state)
{
	uint8_t *piece[600];

	(void)state;
	assert_int_equal(pool.bytes_total, 0);
	for (size_t i = 0; i < RP_ARRAY_LEN(piece); i++) {
		piece[i] = rp_arena_alloc(&arena, i);
		assert_non_null(piece[i]);
		assert_int_equal((uintptr_t)piece[i] % 8, 0);
		memset(piece[i], (int)i, i);
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(piece); i++) {
		for (size_t k = 0; k < i; k++)
			assert_int_equal(piece[i][k], (uint8_t)i);
	}
}

static void the_first_block_is_small(void **state)
{
	(void)state;
	assert_non_null(rp_arena_alloc(&arena, 100));
	assert_int_equal(arena.bytes, RP_ARENA_FIRST_BYTES);
	assert_non_null(rp_arena_alloc(&arena, 2000));
	assert_int_equal(arena.bytes, RP_ARENA_FIRST_BYTES + RP_ARENA_BLOCK_BYTES);
}

static void a_large_piece_leaves_the_room_before_it_in_use(void **state)
{
	(void)state;
	assert_non_null(rp_arena_alloc(&arena, 100));
	assert_non_null(rp_arena_alloc(&arena, 100000));
	size_t bytes = arena.bytes;

	assert_non_null(rp_arena_alloc(&arena, 100));
	assert_int_equal(arena.bytes, bytes);
}

static void the_cap_holds_and_a_reset_lifts_it(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		size_t got = 0;

		while (rp_arena_alloc(&arena, 10000) != NULL)
			got += 10000;
		assert_true(arena.bytes <= RP_ARENA_BYTES_MAX);
		assert_true(got > RP_ARENA_BYTES_MAX / 2);
		assert_null(rp_arena_alloc(&arena, RP_ARENA_BYTES_MAX));
		assert_null(rp_arena_alloc(&arena, SIZE_MAX));
		rp_arena_reset(&arena);
	}
}

static void a_warm_pool_asks_the_system_for_nothing(void **state)
{
	size_t total = 0;

	(void)state;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++)
			assert_non_null(rp_arena_calloc(&arena, 500));
		rp_arena_reset(&arena);
		if (round == 0)
			total = pool.bytes_total;
		assert_int_equal(pool.bytes_total, total);
	}
}

static void a_full_pool_still_serves_first_blocks_and_scratch(void **state)
{
	struct rp_arena other, scratch;

	(void)state;
	pool.bytes_max = 10 * RP_ARENA_BLOCK_BYTES;
	for (int i = 0; i < 9; i++)
		assert_non_null(rp_arena_alloc(&arena, RP_ARENA_BLOCK_BYTES - 64));
	assert_true(pool.bytes_total <= pool.bytes_max);
	assert_null(rp_arena_alloc(&arena, 2 * RP_ARENA_BLOCK_BYTES));
	rp_arena_init(&other, &pool);
	assert_non_null(rp_arena_alloc(&other, 100));
	assert_null(rp_arena_alloc(&other, 2 * RP_ARENA_BLOCK_BYTES));
	rp_arena_init_scratch(&scratch, &pool);
	assert_non_null(rp_arena_alloc(&scratch, 2 * RP_ARENA_BLOCK_BYTES));
	rp_arena_reset(&scratch);
	rp_arena_reset(&other);
	assert_true(pool.bytes_total <= pool.bytes_max);
	/* Blocks that are kept for reuse give way to larger ones. */
	rp_arena_reset(&arena);
	assert_non_null(rp_arena_alloc(&arena, 9 * RP_ARENA_BLOCK_BYTES));
	assert_true(pool.bytes_total <= pool.bytes_max);
}

static void copies_are_equal_and_empty_ones_valid(void **state)
{
	struct rp_bytes copy = rp_arena_copy(&arena, RP_BYTES_LIT("abc"));

	(void)state;
	assert_true(rp_bytes_equal_str(copy, "abc"));
	copy = rp_arena_copy(&arena, rp_bytes(NULL, 0));
	assert_non_null(copy.ptr);
	assert_int_equal(copy.len, 0);
}

static void size_classes_behave_as_malloc_and_reuse(void **state)
{
	struct rp_mem_classes classes = {0};

	(void)state;
	for (size_t n = 0; n < 3000000; n = n * 3 / 2 + 1) {
		uint8_t *a = rp_mem_alloc(&classes, n);

		assert_non_null(a);
		assert_int_equal((uintptr_t)a % 16, 0);
		memset(a, 0xaa, n);
		a = rp_mem_realloc(&classes, a, n * 2);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(a[i], 0xaa);
		rp_mem_free(&classes, a);
		uint8_t *zeroed = rp_mem_calloc(&classes, 1, n);

		for (size_t i = 0; i < n; i++)
			assert_int_equal(zeroed[i], 0);
		rp_mem_free(&classes, zeroed);
	}
	void *first = rp_mem_alloc(&classes, 100);

	rp_mem_free(&classes, first);
	assert_ptr_equal(rp_mem_alloc(&classes, 80), first);
	rp_mem_free(&classes, first);
	rp_mem_free(&classes, NULL);
	assert_null(rp_mem_calloc(&classes, SIZE_MAX, 2));
	assert_true(classes.bytes_kept > 0);
	rp_mem_fini(&classes);
	assert_int_equal(classes.bytes_kept, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_are_aligned_apart_and_keep_their_bytes),
		TEST(the_first_block_is_small),
		TEST(a_large_piece_leaves_the_room_before_it_in_use),
		TEST(the_cap_holds_and_a_reset_lifts_it),
		TEST(a_warm_pool_asks_the_system_for_nothing),
		TEST(a_full_pool_still_serves_first_blocks_and_scratch),
		TEST(copies_are_equal_and_empty_ones_valid),
		TEST(size_classes_behave_as_malloc_and_reuse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
