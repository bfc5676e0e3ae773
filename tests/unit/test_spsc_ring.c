/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shm/spsc_ring.h"

static struct rp_spsc_ring ring;
static uint8_t out[RP_LOG_RECORD_BYTES_MAX];

static int setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	return 0;
}

static size_t pop(void)
{
	return rp_spsc_ring_pop(&ring, out, sizeof(out));
}

/* Record i has a length and contents that follow from i. */
static struct rp_bytes record(uint32_t i)
{
	static uint8_t bytes[RP_LOG_RECORD_BYTES_MAX];
	size_t len = 1 + (i * 2654435761u >> 8) % RP_LOG_RECORD_BYTES_MAX;

	memset(bytes, (int)(i & 0xff), len);
	return rp_bytes(bytes, len);
}

static void records_come_out_in_order_over_many_wraps(void **state)
{
	(void)state;
	uint32_t pushed = 0;
	uint32_t popped = 0;

	while (popped < 20000) {
		/* As many as fit, then half of them out again. */
		while (rp_spsc_ring_push(&ring, record(pushed)))
			pushed++;
		for (uint32_t half = popped + (pushed - popped) / 2; popped < half; popped++) {
			struct rp_bytes want = record(popped);

			assert_int_equal(pop(), want.len);
			assert_memory_equal(out, want.ptr, want.len);
		}
	}
	while (popped < pushed) {
		assert_int_equal(pop(), record(popped).len);
		popped++;
	}
	assert_int_equal(pop(), 0);
	assert_true(atomic_load(&ring.dropped) > 0);
}

static void impossible_records_are_dropped_and_counted(void **state)
{
	(void)state;
	uint8_t big[RP_LOG_RECORD_BYTES_MAX + 1] = {0};

	assert_false(rp_spsc_ring_push(&ring, rp_bytes(big, sizeof(big))));
	assert_false(rp_spsc_ring_push(&ring, rp_bytes(big, 0)));
	assert_int_equal(atomic_load(&ring.dropped), 2);
	assert_int_equal(pop(), 0);
	assert_true(rp_spsc_ring_push(&ring, rp_bytes(big, RP_LOG_RECORD_BYTES_MAX)));
	assert_int_equal(pop(), RP_LOG_RECORD_BYTES_MAX);
}

static void foreign_length_empties_the_ring(void **state)
{
	(void)state;
	static const uint32_t foreign[] = {
		0, RP_LOG_RECORD_BYTES_MAX + 1, 64, 0x7fffffff, UINT32_MAX - 1, UINT32_MAX};

	for (size_t i = 0; i < RP_ARRAY_LEN(foreign); i++) {
		setup(NULL);
		assert_true(rp_spsc_ring_push(&ring, RP_BYTES_LIT("abc")));
		memcpy(ring.data, &foreign[i], sizeof(foreign[i]));
		assert_int_equal(pop(), 0);
		assert_true(atomic_load(&ring.tail) == atomic_load(&ring.head));
		/* And goes on. */
		assert_true(rp_spsc_ring_push(&ring, RP_BYTES_LIT("de")));
		assert_int_equal(pop(), 2);
	}
}

static void foreign_head_is_survived(void **state)
{
	(void)state;
	static const uint64_t heads[] = {
		1, 7, RP_LOG_RING_BYTES - 1, RP_LOG_RING_BYTES + 8, UINT64_MAX, UINT64_MAX - 7};

	for (size_t i = 0; i < RP_ARRAY_LEN(heads); i++) {
		setup(NULL);
		atomic_store(&ring.head, heads[i]);
		assert_int_equal(pop(), 0);
		assert_int_equal(pop(), 0);
	}
}

static void random_contents_never_run_off_the_ring(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(ring.data); i += 4) {
			uint32_t word = (uint32_t)rand() % 1100;

			memcpy(ring.data + i, &word, sizeof(word));
		}
		atomic_store(&ring.tail, (uint64_t)rand() * 8);
		atomic_store(&ring.head, atomic_load(&ring.tail) + (uint64_t)rand() % 2000000);
		for (int i = 0; i < 100000 && atomic_load(&ring.tail) != atomic_load(&ring.head);
		     i++)
			assert_true(pop() <= sizeof(out));
		assert_true(atomic_load(&ring.tail) == atomic_load(&ring.head));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(records_come_out_in_order_over_many_wraps, setup),
		cmocka_unit_test_setup(impossible_records_are_dropped_and_counted, setup),
		cmocka_unit_test_setup(foreign_length_empties_the_ring, setup),
		cmocka_unit_test_setup(foreign_head_is_survived, setup),
		cmocka_unit_test_setup(random_contents_never_run_off_the_ring, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
