/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "shm/endpoint_metrics.h"

static struct rp_endpoint_metrics metrics;

static void figures_come_back_bit_by_bit(void **state)
{
	(void)state;
	struct rp_endpoint_figures in = {
		.waiting = 3,
		.running = -1,
		.kv_usage = 0.1 + 0.2,
		.cache_block_size = 16,
		.cache_num_blocks = 27000,
		.lora_max = 4,
		.lora_active_count = 2,
		.lora_waiting_count = 1,
		.lora_active = {UINT64_MAX, 7},
		.lora_waiting = {9},
		.updated_ns = INT64_C(123456789012345),
	};
	struct rp_endpoint_figures out;

	rp_endpoint_metrics_write(&metrics, RP_ENDPOINTS_MAX - 1, &in);
	memset(&out, 0xff, sizeof(out));
	rp_endpoint_metrics_read(&metrics, RP_ENDPOINTS_MAX - 1, &out);
	assert_int_equal(out.waiting, 3);
	assert_int_equal(out.running, -1);
	assert_memory_equal(&out.kv_usage, &in.kv_usage, sizeof(double));
	assert_int_equal(out.cache_block_size, 16);
	assert_int_equal(out.cache_num_blocks, 27000);
	assert_int_equal(out.lora_max, 4);
	assert_int_equal(out.lora_active_count, 2);
	assert_int_equal(out.lora_waiting_count, 1);
	assert_memory_equal(out.lora_active, in.lora_active, sizeof(in.lora_active));
	assert_memory_equal(out.lora_waiting, in.lora_waiting, sizeof(in.lora_waiting));
	assert_true(out.updated_ns == in.updated_ns);

	rp_endpoint_metrics_clear(&metrics, RP_ENDPOINTS_MAX - 1);
	rp_endpoint_metrics_read(&metrics, RP_ENDPOINTS_MAX - 1, &out);
	memset(&in, 0, sizeof(in));
	assert_int_equal(out.waiting, 0);
	assert_int_equal(out.lora_active_count, 0);
	assert_true(out.updated_ns == 0);
	assert_memory_equal(out.lora_active, in.lora_active, sizeof(in.lora_active));
}

static void custom_figures_are_there_when_written(void **state)
{
	struct rp_endpoint_figures in = {.custom_present = 1u << 0 | 1u << 15 | 1u << 31,
					 .custom = {[0] = 0.1, [1] = 7, [15] = -0.0}};
	struct rp_endpoint_figures out;
	double value = 5;

	(void)state;
	assert_false(rp_endpoint_metrics_custom(&metrics, 3, 0, &value));
	rp_endpoint_metrics_write(&metrics, 3, &in);
	assert_true(rp_endpoint_metrics_custom(&metrics, 3, 0, &value));
	assert_true(value == 0.1);
	assert_false(rp_endpoint_metrics_custom(&metrics, 3, 1, &value));
	assert_true(rp_endpoint_metrics_custom(&metrics, 3, 15, &value));
	assert_true(value == 0 && signbit(value));
	assert_false(rp_endpoint_metrics_custom(&metrics, 4, 0, &value));
	memset(&out, 0xff, sizeof(out));
	rp_endpoint_metrics_read(&metrics, 3, &out);
	assert_int_equal(out.custom_present, 1u << 0 | 1u << 15);
	assert_true(out.custom[0] == 0.1 && out.custom[1] == 0);
	rp_endpoint_metrics_clear(&metrics, 3);
	assert_false(rp_endpoint_metrics_custom(&metrics, 3, 0, &value));
}

static void adapter_counts_are_bounded_on_both_sides(void **state)
{
	(void)state;
	struct rp_endpoint_figures figures = {.lora_active_count = 1000};

	rp_endpoint_metrics_write(&metrics, 0, &figures);
	rp_endpoint_metrics_read(&metrics, 0, &figures);
	assert_int_equal(figures.lora_active_count, RP_LORA_NAMES_MAX);
	atomic_store(&metrics.lora_waiting_count[0], UINT32_MAX);
	rp_endpoint_metrics_read(&metrics, 0, &figures);
	assert_int_equal(figures.lora_waiting_count, RP_LORA_NAMES_MAX);
}

static void bump_moves_the_epoch(void **state)
{
	(void)state;
	uint64_t before = atomic_load(&metrics.epoch);

	rp_endpoint_metrics_bump(&metrics);
	assert_true(atomic_load(&metrics.epoch) == before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_come_back_bit_by_bit),
		cmocka_unit_test(custom_figures_are_there_when_written),
		cmocka_unit_test(adapter_counts_are_bounded_on_both_sides),
		cmocka_unit_test(bump_moves_the_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
