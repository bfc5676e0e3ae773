/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/log.h"

extern const struct rp_plugin_ops rp_endpoint_attribute_filter;
extern const struct rp_plugin_ops rp_utilization_filter, rp_utilization_detector;
extern const struct rp_plugin_ops rp_concurrency_detector;

static int64_t requests[4], tokens[4];

static struct plugin_bed *bed_of_loads(uint32_t count)
{
	struct plugin_bed *bed = plugin_bed_new(count);

	memset(requests, 0, sizeof(requests));
	memset(tokens, 0, sizeof(tokens));
	bed->data[7].load = (struct rp_load_info){.requests = requests, .tokens = tokens};
	for (uint32_t i = 0; i < count; i++)
		bed->updated_ns[i] = bed->bed.env.now_ns;
	return bed;
}

static void every_cap_must_hold(void **state RP_UNUSED)
{
	static const struct rp_utilization_condition condition[] = {
		{.metric = RP_UTILIZATION_WAITING_QUEUE, .max_value = 5},
		{.metric = RP_UTILIZATION_KV_CACHE, .max_value = 0.9},
		{.metric = RP_UTILIZATION_RUNNING_REQUESTS, .max_value = 3},
		{.metric = RP_UTILIZATION_ACTIVE_REQUESTS, .max_value = 10},
	};
	struct plugin_bed *bed = bed_of_loads(4);
	struct rp_params_utilization_filter params = {
		.conditions = plugin_bed_list(bed, condition, 4, sizeof(condition[0])),
		.inflight_load_producer = 7};
	const struct rp_call *call = plugin_bed_set(bed, 0, "u", &rp_utilization_filter, &params);

	assert_string_equal(kept_of(bed, call), "0 1 2 3");
	bed->waiting[0] = 5;
	bed->kv_usage[0] = 0.9;
	bed->running[0] = 3;
	requests[0] = 10;
	bed->waiting[1] = 6;
	bed->kv_usage[2] = 0.91;
	assert_string_equal(kept_of(bed, call), "0 3");
	bed->running[0] = 4;
	requests[3] = 11;
	assert_string_equal(kept_of(bed, call), "");
	params.fallback_on_empty = 1;
	assert_string_equal(kept_of(bed, call), "all");
	/* Nobody counts: nothing is under way. */
	params.inflight_load_producer = RP_CONFIG_NONE;
	assert_string_equal(kept_of(bed, call), "3");
	plugin_bed_free(bed);
}

static struct rp_params_utilization_detector usual_detector(void)
{
	return (struct rp_params_utilization_detector){.queue_depth_threshold = 5,
						       .kv_cache_util_threshold = 0.8,
						       .metrics_staleness_threshold_ns = 200000000};
}

static void saturation_is_the_mean_of_the_fuller_resource(void **state RP_UNUSED)
{
	struct rp_params_utilization_detector params = usual_detector();
	struct plugin_bed *bed = bed_of_loads(2);
	const struct rp_call *call = plugin_bed_set(bed, 0, "d", &rp_utilization_detector, &params);

	assert_true(call->ops->saturation(call, &bed->candidates) == 0);
	bed->waiting[0] = 4;
	bed->kv_usage[1] = 1.52;
	assert_true(call->ops->saturation(call, &bed->candidates) == (0.8 + 1.52 / 0.8) / 2);
	/* Stale at more than the threshold, and when never scraped: full. */
	bed->updated_ns[0] -= 200000000;
	assert_true(call->ops->saturation(call, &bed->candidates) == (0.8 + 1.52 / 0.8) / 2);
	bed->updated_ns[0] -= 1;
	bed->updated_ns[1] = 0;
	assert_true(call->ops->saturation(call, &bed->candidates) == 1);
	bed->candidates.count = 0;
	assert_true(call->ops->saturation(call, &bed->candidates) == 1);
	plugin_bed_free(bed);
}

static void the_detector_tells_how_many_endpoints_are_stale(void **state RP_UNUSED)
{
	static struct rp_spsc_ring ring;
	struct rp_params_utilization_detector params = usual_detector();
	struct plugin_bed *bed = bed_of_loads(3);
	const struct rp_call *call = plugin_bed_set(bed, 0, "d", &rp_utilization_detector, &params);
	const struct rp_detector_state *detector = &bed->bed.shared.live->detector;
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	uint64_t stale = 77;
	size_t len;

	rp_log_init(RP_V2, &ring);
	bed->config.head.generation = 4;
	assert_false(rp_detector_state_read(detector, 1, 4, &stale));
	(void)call->ops->saturation(call, &bed->candidates);
	assert_true(rp_detector_state_read(detector, 1, 4, &stale));
	assert_int_equal(stale, 0);
	assert_int_equal(rp_spsc_ring_pop(&ring, record, sizeof(record)), 0);
	bed->updated_ns[0] = 0;
	bed->updated_ns[2] -= 200000001;
	(void)call->ops->saturation(call, &bed->candidates);
	assert_true(rp_detector_state_read(detector, 1, 4, &stale));
	assert_int_equal(stale, 2);
	len = rp_spsc_ring_pop(&ring, record, sizeof(record));
	assert_true(len > 0);
	assert_non_null(memmem(record, len, "200ms", 5));
	assert_non_null(memmem(record, len, "staleEndpoints", 14));
	/* Not again so soon. */
	(void)call->ops->saturation(call, &bed->candidates);
	assert_int_equal(rp_spsc_ring_pop(&ring, record, sizeof(record)), 0);
	/* As a filter it tells nothing. */
	bed->updated_ns[1] = 0;
	(void)kept_of(bed, call);
	assert_true(rp_detector_state_read(detector, 1, 4, &stale));
	assert_int_equal(stale, 2);
	bed->candidates.count = 0;
	(void)call->ops->saturation(call, &bed->candidates);
	assert_true(rp_detector_state_read(detector, 1, 4, &stale));
	assert_int_equal(stale, 0);
	rp_log_init(RP_LOG_ERROR, NULL);
	plugin_bed_free(bed);
}

static void the_detector_keeps_fresh_endpoints_below_their_limits_or_all(void **state RP_UNUSED)
{
	struct rp_params_utilization_detector params = usual_detector();
	struct plugin_bed *bed = bed_of_loads(4);
	const struct rp_call *call = plugin_bed_set(bed, 0, "d", &rp_utilization_detector, &params);

	bed->waiting[0] = 4;
	bed->kv_usage[0] = 0.79;
	bed->waiting[1] = 5;
	bed->kv_usage[2] = 0.8;
	bed->updated_ns[3] = 0;
	assert_string_equal(kept_of(bed, call), "0");
	params.headroom = 0.2;
	assert_string_equal(kept_of(bed, call), "0 1 2");
	params.headroom = 0;
	bed->waiting[0] = 5;
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

static void concurrency_is_a_share_of_what_all_may_have(void **state RP_UNUSED)
{
	struct rp_params_concurrency_detector params = {
		.max_concurrency = 4, .max_token_concurrency = 100, .inflight_load_producer = 7};
	struct plugin_bed *bed = bed_of_loads(2);
	const struct rp_call *call = plugin_bed_set(bed, 0, "c", &rp_concurrency_detector, &params);

	requests[0] = 2;
	requests[1] = 1;
	tokens[1] = 150;
	assert_true(call->ops->saturation(call, &bed->candidates) == 3.0 / 8.0);
	params.concurrency_mode = RP_CONCURRENCY_TOKENS;
	assert_true(call->ops->saturation(call, &bed->candidates) == 150.0 / 200.0);
	params.concurrency_mode = RP_CONCURRENCY_HYBRID;
	assert_true(call->ops->saturation(call, &bed->candidates) == (0.5 + 1.5) / 2);
	params.concurrency_mode = RP_CONCURRENCY_REQUESTS;
	params.max_concurrency = INT64_MAX;
	assert_true(call->ops->saturation(call, &bed->candidates) < 1e-18);
	bed->candidates.count = 0;
	assert_true(call->ops->saturation(call, &bed->candidates) == 1);
	plugin_bed_free(bed);
}

static void the_concurrency_limit_is_cut_to_a_whole_number(void **state RP_UNUSED)
{
	struct rp_params_concurrency_detector params = {.max_concurrency = 3,
							.max_token_concurrency = 100,
							.headroom = 0.5,
							.inflight_load_producer = 7};
	struct plugin_bed *bed = bed_of_loads(3);
	const struct rp_call *call = plugin_bed_set(bed, 0, "c", &rp_concurrency_detector, &params);

	for (int i = 0; i < 3; i++)
		requests[i] = 3 + i;
	assert_string_equal(kept_of(bed, call), "0"); /* int(3 * 1.5) */
	tokens[0] = 150;
	params.concurrency_mode = RP_CONCURRENCY_TOKENS;
	assert_string_equal(kept_of(bed, call), "1 2");
	params.concurrency_mode = RP_CONCURRENCY_HYBRID;
	assert_string_equal(kept_of(bed, call), "");
	params.max_concurrency = params.max_token_concurrency = INT64_MAX;
	assert_string_equal(kept_of(bed, call), "0 1 2");
	plugin_bed_free(bed);
}

static void a_custom_metric_is_held_to_its_threshold(void **state RP_UNUSED)
{
	static const char *const expected[] = {
		[RP_COMPARE_LESS_THAN] = "0 3",	   [RP_COMPARE_LESS_THAN_OR_EQUAL] = "0 1 3",
		[RP_COMPARE_GREATER_THAN] = "2 3", [RP_COMPARE_GREATER_THAN_OR_EQUAL] = "1 2 3",
		[RP_COMPARE_EQUAL] = "1 3",	   [RP_COMPARE_NOT_EQUAL] = "0 2 3",
	};
	struct rp_params_endpoint_attribute_filter params = {.attribute = 2, .value = 1.5};
	struct plugin_bed *bed = bed_of_loads(4);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_endpoint_attribute_filter, &params);

	for (uint32_t i = 0; i < 3; i++) {
		struct rp_endpoint_figures figures = {.custom_present = 1u << 2};

		figures.custom[2] = 1 + i / 2.0;
		rp_endpoint_metrics_write(&bed->bed.env.live->metrics, bed->slot[i], &figures);
	}
	for (uint32_t i = 0; i < RP_ARRAY_LEN(expected); i++) {
		params.op = i;
		assert_string_equal(kept_of(bed, call), expected[i]);
	}
	params.is_missing_failed = 1;
	assert_string_equal(kept_of(bed, call), "0 2");
	params.attribute = RP_CONFIG_NONE; /* nobody has it */
	assert_string_equal(kept_of(bed, call), "");
	params.fallback_on_empty = 1;
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cap_must_hold),
		cmocka_unit_test(a_custom_metric_is_held_to_its_threshold),
		cmocka_unit_test(saturation_is_the_mean_of_the_fuller_resource),
		cmocka_unit_test(the_detector_tells_how_many_endpoints_are_stale),
		cmocka_unit_test(the_detector_keeps_fresh_endpoints_below_their_limits_or_all),
		cmocka_unit_test(concurrency_is_a_share_of_what_all_may_have),
		cmocka_unit_test(the_concurrency_limit_is_cut_to_a_whole_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
