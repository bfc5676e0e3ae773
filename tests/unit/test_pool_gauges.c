/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "control/pool_gauges.h"
#include "shm/clock.h"

enum { STALENESS_S = 2 };

static struct rp_endpoint_table *table;
static struct rp_endpoint_metrics *metrics;
static struct rp_pool_gauges gauges;
static const int64_t now_ns = 100 * RP_NS_PER_S;

static int set_up(void **state)
{
	(void)state;
	table = calloc(1, sizeof(*table));
	metrics = aligned_alloc(RP_CACHE_LINE, rp_align_up(sizeof(*metrics), RP_CACHE_LINE));
	if (table == NULL || metrics == NULL)
		return 1;
	memset((void *)metrics, 0, sizeof(*metrics));
	gauges = (struct rp_pool_gauges){.is_known = false};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(table);
	free(metrics);
	return 0;
}

static void add(double kv, int32_t waiting, int32_t running, int64_t age_ns)
{
	uint32_t slot = table->endpoint_count + 5;
	const struct rp_endpoint_figures figures = {.waiting = waiting,
						    .running = running,
						    .kv_usage = kv,
						    .updated_ns = now_ns - age_ns};
	struct rp_bytes name = rp_bytes("abcdefgh" + table->endpoint_count, 1);

	assert_int_equal(rp_endpoint_table_add(table, name, name, RP_BYTES_LIT("10.0.0.1:80"),
					       RP_BYTES_LIT("10.0.0.1"), 80, slot, 1),
			 RP_OK);
	rp_endpoint_metrics_write(metrics, slot, &figures);
}

static void refresh(void)
{
	rp_pool_gauges_refresh(&gauges, table, metrics, now_ns, STALENESS_S * RP_NS_PER_S);
	assert_true(gauges.is_known);
}

static void stale_endpoints_do_not_count(void **state)
{
	(void)state;
	add(0.125, 1, 10, 0);
	add(0.5, 2, 20, STALENESS_S * RP_NS_PER_S);
	add(0.9, 1000, 1000, STALENESS_S * RP_NS_PER_S + 1);
	add(0.9, 1000, 1000, now_ns); /* never scraped */
	refresh();
	assert_int_equal(gauges.ready_count, 2);
	assert_true(gauges.average[RP_POOL_KV_USAGE] == 0.31);
	assert_true(gauges.average[RP_POOL_WAITING] == 1.5);
	assert_true(gauges.average[RP_POOL_RUNNING] == 15);
	/* sqrt((0.1875^2 + 0.1875^2) / 1), sqrt(0.5), sqrt(50) */
	assert_true(gauges.std_deviation[RP_POOL_KV_USAGE] == 0.27);
	assert_true(gauges.std_deviation[RP_POOL_WAITING] == 0.71);
	assert_true(gauges.std_deviation[RP_POOL_RUNNING] == 7.07);
}

static void one_endpoint_has_no_deviation(void **state)
{
	(void)state;
	add(0.3, 7, 1, 0);
	refresh();
	assert_true(gauges.average[RP_POOL_WAITING] == 7);
	assert_true(gauges.std_deviation[RP_POOL_WAITING] == 0);
}

static void averages_stay_when_all_are_stale(void **state)
{
	(void)state;
	refresh();
	assert_false(gauges.has_averages);
	add(0.3, 7, 1, 0);
	refresh();
	table->endpoint_count = 0;
	refresh();
	assert_true(gauges.has_averages);
	assert_int_equal(gauges.ready_count, 0);
	assert_true(gauges.average[RP_POOL_WAITING] == 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(stale_endpoints_do_not_count),
		TEST(one_endpoint_has_no_deviation),
		TEST(averages_stay_when_all_are_stale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
