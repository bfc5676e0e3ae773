/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/body.h"

enum { TEST_BYTES = 50000 };

static struct rp_body_pool pool;
static uint8_t data[TEST_BYTES];
static uint8_t out[TEST_BYTES];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEST_BYTES; i++)
		data[i] = (uint8_t)((i * 2654435761u) >> 9);
	rp_body_pool_init(&pool, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(pool.bytes_used, 0);
	assert_true(pool.bytes_kept <= pool.bytes_max);
	rp_body_pool_fini(&pool);
	return 0;
}

/* Take everything off the front and compare with data[at..]. */
static void drain(struct rp_body *body, size_t at, size_t n)
{
	assert_int_equal(body->bytes, n);
	while (n > 0) {
		struct rp_bytes front = rp_body_front(body);

		assert_true(front.len > 0 && front.len <= n);
		assert_memory_equal(front.ptr, data + at, front.len);
		at += front.len;
		n -= front.len;
		rp_body_take(body, &pool, front.len);
	}
	assert_int_equal(rp_body_front(body).len, 0);
	assert_null(body->first);
	assert_null(body->last);
}

static void bytes_come_out_as_they_went_in_for_every_chunk_size(void **state)
{
	static const size_t sizes[] = {1,    7,	   255,	  256,	 257,	2015,
				       2016, 2017, 16351, 16352, 16353, TEST_BYTES};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(sizes); i++) {
		struct rp_body body = {0};

		for (size_t at = 0; at < TEST_BYTES; at += sizes[i])
			assert_int_equal(
				rp_body_append(&body, &pool,
					       rp_bytes(data + at,
							rp_min_size(sizes[i], TEST_BYTES - at))),
				RP_OK);
		rp_body_copy_out(&body, 0, out, TEST_BYTES);
		assert_memory_equal(out, data, TEST_BYTES);
		drain(&body, 0, TEST_BYTES);
	}
}

static void every_split_moves_the_right_bytes(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 40000; n += n < 300 || (n > 15900 && n < 18800) ? 1 : 131) {
		struct rp_body from = {0};
		struct rp_body to = {0};

		assert_int_equal(rp_body_append(&from, &pool, rp_bytes(data, 2000)), RP_OK);
		assert_int_equal(rp_body_append(&from, &pool, rp_bytes(data + 2000, 38000)), RP_OK);
		assert_int_equal(rp_body_move(&to, &from, n, &pool), RP_OK);
		drain(&to, 0, n);
		drain(&from, n, 40000 - n);
	}
}

static void parts_of_a_body_may_follow_heads_in_one_queue(void **state)
{
	struct rp_body from = {0};
	struct rp_body queue = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(rp_body_append(&from, &pool, rp_bytes(data, TEST_BYTES)), RP_OK);
	while (from.bytes > 0) {
		size_t n = rp_min_size(6200, (size_t)from.bytes);

		assert_int_equal(rp_body_append(&queue, &pool, RP_BYTES_LIT("HEAD")), RP_OK);
		assert_int_equal(rp_body_move(&queue, &from, n, &pool), RP_OK);
	}
	while (queue.bytes > 0) {
		size_t n = rp_min_size(6204, (size_t)queue.bytes);

		rp_body_copy_out(&queue, 0, out, n);
		assert_memory_equal(out, "HEAD", 4);
		assert_memory_equal(out + 4, data + at, n - 4);
		at += n - 4;
		while (n > 0) {
			size_t piece = rp_min_size(n, rp_body_front(&queue).len);

			rp_body_take(&queue, &pool, piece);
			n -= piece;
		}
	}
	assert_int_equal(at, TEST_BYTES);
}

static void copy_out_reads_at_any_offset(void **state)
{
	struct rp_body body = {0};

	(void)state;
	assert_int_equal(rp_body_append(&body, &pool, rp_bytes(data, 1000)), RP_OK);
	assert_int_equal(rp_body_append(&body, &pool, rp_bytes(data + 1000, 30000)), RP_OK);
	for (size_t offset = 0; offset < 31000; offset += 97) {
		size_t n = rp_min_size(500, 31000 - offset);

		rp_body_copy_out(&body, offset, out, n);
		assert_memory_equal(out, data + offset, n);
	}
	rp_body_copy_out(&body, 31000, out, 0);
	rp_body_free(&body, &pool);
}

static void the_pool_has_a_limit_and_short_answers_a_reserve(void **state)
{
	struct rp_body body = {0};
	struct rp_body answer = {0};
	int appended = 0;

	(void)state;
	while (rp_body_append(&body, &pool, rp_bytes(data, TEST_BYTES)) == RP_OK)
		appended++;
	assert_true(appended >= 18 && appended <= 21);
	assert_true(pool.bytes_used <= pool.bytes_max);
	assert_int_equal(body.bytes, (uint64_t)appended * TEST_BYTES); /* nothing of the last one */
	while (rp_body_append(&body, &pool, rp_bytes(data, 100)) == RP_OK) {
	}
	assert_int_equal(rp_body_append(&answer, &pool, rp_bytes(data, 100)), RP_ENOMEM);
	assert_int_equal(rp_body_append_reserve(&answer, &pool, rp_bytes(data, 4000)), RP_OK);
	assert_int_equal(rp_body_append_reserve(&answer, &pool, rp_bytes(data, 5000)), RP_ENOMEM);
	rp_body_free(&body, &pool);
	drain(&answer, 0, 4000);
}

static void a_warm_pool_reuses_its_buffers(void **state)
{
	uint64_t kept = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct rp_body body = {0};

		assert_int_equal(rp_body_append(&body, &pool, rp_bytes(data, TEST_BYTES)), RP_OK);
		rp_body_free(&body, &pool);
		if (i == 0)
			kept = pool.bytes_kept;
		assert_int_equal(pool.bytes_kept, kept);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_come_out_as_they_went_in_for_every_chunk_size),
		TEST(every_split_moves_the_right_bytes),
		TEST(parts_of_a_body_may_follow_heads_in_one_queue),
		TEST(copy_out_reads_at_any_offset),
		TEST(the_pool_has_a_limit_and_short_answers_a_reserve),
		TEST(a_warm_pool_reuses_its_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
