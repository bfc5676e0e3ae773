/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/plugin_params.h"
#include "control/metrics_page.h"
#include "shm/clock.h"
#include "shm/log.h"
#include "tests/support/prom_check.h"

enum { WORKERS = 2 };

static struct rp_control control;
static struct rp_endpoint_table *table;
static struct rp_metrics_page *page;
static struct rp_prom prom;

static void start_page(void)
{
	assert_int_equal(rp_metrics_page_new(&control, &page), RP_OK);
	rp_prom_init(&prom, RP_ADMIN_PAGE_BYTES_MAX);
}

static void stop_page(void)
{
	rp_metrics_page_free(page);
	rp_prom_fini(&prom);
}

static int set_up(void **state)
{
	struct rp_settings settings = {.worker_count = WORKERS,
				       .endpoints_max = 16,
				       .metric_series_max = RP_METRIC_SERIES_MAX,
				       .prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
				       .started_wall_ns = 1500 * RP_NS_PER_MS};

	(void)state;
	rp_log_init(RP_LOG_ERROR - 1, NULL);
	memset(&control, 0, sizeof(control));
	if (rp_shared_create(&settings, &control.shared) != RP_OK ||
	    rp_events_new(&control.loop) != RP_OK)
		return 1;
	control.settings = &control.shared.tables->settings;
	control.flags.refresh_prometheus_metrics_interval = 5 * RP_NS_PER_S;
	control.flags.metrics_staleness_threshold = 2 * RP_NS_PER_S;
	snprintf(control.pool_name, sizeof(control.pool_name), "po\"ol");
	table = &control.shared.tables->table[0];
	start_page();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop_page();
	rp_events_free(control.loop);
	close(control.shared.tables_segment.fd);
	close(control.shared.live_segment.fd);
	rp_shared_detach(&control.shared);
	return 0;
}

/* Write a page, check it, and expect these samples; NULL ends, a value of NULL is absence. */
static void expect(const char *sample, ...)
{
	va_list args;

	rp_metrics_page_write(page, &prom);
	assert_int_equal(prom.err, RP_OK);
	assert_true(prom_check_page(prom.data, prom.len) > 50);
	va_start(args, sample);
	while (sample != NULL) {
		const char *want = va_arg(args, const char *);
		const char *have = prom_find(prom.data, prom.len, sample);

		if (want == NULL ? have != NULL : have == NULL || strcmp(have, want) != 0)
			fail_msg("%s is %s, not %s", sample, have != NULL ? have : "absent",
				 want != NULL ? want : "absent");
		sample = va_arg(args, const char *);
	}
	va_end(args);
}

static struct rp_worker_region *worker(uint32_t i)
{
	return &control.shared.live->worker[i];
}

static struct rp_request_series *series(uint32_t w, const char *model, const char *target,
					const char *fairness, int32_t priority)
{
	return rp_request_series_get(&worker(w)->series, RP_METRIC_SERIES_MAX, rp_bytes_str(model),
				     rp_bytes_str(target), rp_bytes_str(fairness), priority);
}

static uint32_t add_endpoint(const char *name_space, const char *name, uint16_t port)
{
	uint32_t slot;
	uint32_t generation;
	bool is_new;

	assert_int_equal(rp_endpoint_registry_take(&control.shared.live->registry,
						   rp_bytes_str(name_space), rp_bytes_str(name), 16,
						   0, NULL, NULL, &slot, &generation, &is_new),
			 RP_OK);
	assert_int_equal(rp_endpoint_table_add(table, rp_bytes_str(name_space), rp_bytes_str(name),
					       RP_BYTES_LIT("10.0.0.1:80"),
					       RP_BYTES_LIT("10.0.0.1"), port, slot, generation),
			 RP_OK);
	control.table = table;
	return slot;
}

static void set_figures(uint32_t slot, int32_t waiting, double kv)
{
	const struct rp_endpoint_figures figures = {
		.waiting = waiting, .kv_usage = kv, .updated_ns = rp_clock_monotonic_ns()};

	rp_endpoint_metrics_write(&control.shared.live->metrics, slot, &figures);
}

static void an_untouched_segment_gives_a_page(void **state)
{
	(void)state;
	expect("llm_d_epp_info{commit=\"" RP_COMMIT "\",build_ref=\"" RP_VERSION "\"}", "1",
	       "llm_d_epp_scheduler_e2e_duration_seconds_count", "0",
	       "inference_extension_scheduler_e2e_duration_seconds_bucket{le=\"+Inf\"}", "0",
	       "ringpick_worker_ready{worker=\"0\"}", "0", "ringpick_worker_ready{worker=\"1\"}",
	       "0", "ringpick_worker_ready{worker=\"2\"}", NULL,
	       "ringpick_io_backend{backend=\"epoll\"}", "0", "ringpick_control_restarts_total",
	       "0", "process_start_time_seconds", "1.5",
	       "llm_d_epp_ready_endpoints{name=\"po\\\"ol\"}", NULL,
	       "llm_d_epp_extproc_streams_inflight", NULL, "llm_d_epp_prefix_indexer_size", NULL,
	       NULL);
}

static void workers_are_added_up_and_twins_derived(void **state)
{
	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++) {
		struct rp_request_series *s = series(w, "m", "t", "f", 0);

		rp_counter_add(&s->requests, 2 + w);
		rp_counter_add(&s->running, 1);
		rp_counter_add(&s->errors[RP_REQUEST_ERROR_BAD_REQUEST], 1);
		rp_request_series_observe(s, RP_SERIES_DURATION, 0.5);
		rp_request_series_observe(s, RP_SERIES_TTFT_STREAMING, 0.25);
	}
	rp_counter_add(&series(1, "m", "t", "g", 0)->requests, 10);
	rp_counter_add(&series(1, "m", "t", "g", -7)->requests, 100);
	rp_counter_add(&series(1, "m", "u", "g", -7)->requests, 1000);
	rp_request_series_observe(series(1, "m", "t", "g", 0), RP_SERIES_DURATION, 5);
	rp_request_series_observe(series(1, "m", "t", "g", 0), RP_SERIES_TTFT_JSON, 5);
#define R(name, target, priority, fairness)                                                        \
	name "{model_name=\"m\",target_model_name=\"" target "\",priority=\"" priority             \
	     "\",fairness_id=\"" fairness "\"}"
#define M "model_name=\"m\",target_model_name=\"t\""
	expect(R("llm_d_epp_request_total", "t", "0", "f"), "5",
	       R("llm_d_epp_request_total", "t", "0", "g"), "10",
	       R("llm_d_epp_request_total", "t", "-7", "g"), "100",
	       R("llm_d_epp_request_total", "u", "-7", "g"), "1000",
	       "inference_objective_request_total{" M ",priority=\"0\"}", "15",
	       "inference_objective_request_total{" M ",priority=\"-7\"}", "100",
	       R("llm_d_epp_request_running", "t", "0", "f"), "2",
	       "inference_objective_running_requests{model_name=\"m\"}", "2",
	       "llm_d_epp_request_error_total{" M
	       ",priority=\"0\",fairness_id=\"f\",error_code=\"BadRequest\"}",
	       "2", "inference_objective_request_error_total{" M ",error_code=\"BadRequest\"}", "2",
	       R("llm_d_epp_request_duration_seconds_sum", "t", "0", "f"), "1",
	       R("llm_d_epp_request_duration_seconds_count", "t", "0", "f"), "2",
	       R("llm_d_epp_request_duration_seconds_count", "t", "-7", "g"), NULL,
	       "inference_objective_request_duration_seconds_sum{" M "}", "6",
	       "inference_objective_request_duration_seconds_bucket{" M ",le=\"0.4\"}", "0",
	       "inference_objective_request_duration_seconds_bucket{" M ",le=\"0.6\"}", "2",
	       "inference_objective_request_duration_seconds_bucket{" M ",le=\"5\"}", "3",
	       "llm_d_epp_request_ttft_seconds_count{" M
	       ",priority=\"0\",fairness_id=\"f\",streaming=\"true\"}",
	       "2",
	       "llm_d_epp_request_ttft_seconds_count{" M
	       ",priority=\"0\",fairness_id=\"g\",streaming=\"false\"}",
	       "1", "ringpick_worker_requests_total{worker=\"0\"}", "2",
	       "ringpick_worker_requests_total{worker=\"1\"}", "1113", NULL);
}

static void hostile_labels_make_a_good_page(void **state)
{
	(void)state;
	rp_counter_add(&series(0, "a\"\\\n}{,= 1", "\xff", "", 0)->requests, 1);
	rp_counter_add(&series(1, "a\"\\\n}{,= 1", "\xfe", "", 0)->requests, 1);
	rp_counter_add(&series(0, "", "", "", 0)->running, 1);
	rp_counter_add(&series(0, "other", "other", "other", 0)->requests, 3);
	expect("llm_d_epp_request_total{model_name=\"a\\\"\\\\\\n}{,= 1\",target_model_name=\"?\","
	       "priority=\"0\",fairness_id=\"\"}",
	       "2", "inference_objective_running_requests{model_name=\"\"}", NULL,
	       "inference_objective_request_total{model_name=\"other\",target_model_name=\"other\","
	       "priority=\"0\"}",
	       "3", NULL);
}

static void too_many_series_end_in_other_and_none_shrinks(void **state)
{
	char model[16];

	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++) {
		for (unsigned i = 0; i < RP_METRIC_SERIES_MAX; i++) {
			snprintf(model, sizeof(model), "%u-%u", w, i);
			rp_counter_add(&series(w, model, "t", "f", 0)->requests, 1);
		}
	}
	/* The first worker's are all kept; of the second one's none finds room. */
	expect("llm_d_epp_request_total{model_name=\"0-0\",target_model_name=\"t\",priority=\"0\","
	       "fairness_id=\"f\"}",
	       "1",
	       "llm_d_epp_request_total{model_name=\"other\",target_model_name=\"other\","
	       "priority=\"0\",fairness_id=\"other\"}",
	       "1025", NULL);
	rp_counter_add(&series(1, "1-5", "t", "f", 0)->requests, 1);
	expect("llm_d_epp_request_total{model_name=\"other\",target_model_name=\"other\","
	       "priority=\"0\",fairness_id=\"other\"}",
	       "1026", NULL);
}

static void attempts_keep_the_names_of_endpoints_that_leave(void **state)
{
	uint32_t slot = add_endpoint("space", "ep", 8000);

	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++)
		rp_attempt_series_count(&worker(w)->attempts, 16, RP_ATTEMPT_SUCCESS,
					RP_BYTES_LIT("m"), slot, 1);
	rp_attempt_series_count(&worker(0)->attempts, 16, RP_ATTEMPT_FAILURE, RP_BYTES_LIT("m"),
				RP_ATTEMPT_SLOT_NONE, 0);
	for (int round = 0; round < 2; round++) {
		expect("llm_d_epp_scheduler_attempts_total{status=\"success\",target_model_name="
		       "\"m\","
		       "endpoint_name=\"ep\",namespace=\"space\",port=\"8000\"}",
		       "2",
		       "inference_extension_scheduler_attempts_total{status=\"success\","
		       "target_model_name=\"m\",pod_name=\"ep\",namespace=\"space\",port=\"8000\"}",
		       "2",
		       "llm_d_epp_scheduler_attempts_total{status=\"failure\",target_model_name="
		       "\"m\","
		       "endpoint_name=\"\",namespace=\"\",port=\"\"}",
		       "1", NULL);
		table->endpoint_count = 0;
		control.shared.live->registry.slot[slot].generation++;
	}
	/* One that nobody ever saw has no names. */
	rp_attempt_series_count(&worker(0)->attempts, 16, RP_ATTEMPT_SUCCESS, RP_BYTES_LIT("m"),
				slot, 77);
	expect("llm_d_epp_scheduler_attempts_total{status=\"success\",target_model_name=\"m\","
	       "endpoint_name=\"\",namespace=\"\",port=\"\"}",
	       "1", NULL);
}

static void decide(uint32_t w, enum rp_decision_family family, const char *plugin,
		   enum rp_stage_decision decision)
{
	rp_decision_series_count(&worker(w)->decisions, family, rp_bytes_str(plugin),
				 RP_BYTES_LIT("m"), decision);
}

static void decisions_are_added_up_by_handler_and_for_the_twin_by_model(void **state)
{
	(void)state;
	decide(0, RP_DECISION_DISAGG, "a", RP_DECISION_DECODE_ONLY);
	decide(1, RP_DECISION_DISAGG, "a", RP_DECISION_DECODE_ONLY);
	decide(1, RP_DECISION_DISAGG, "b", RP_DECISION_DECODE_ONLY);
	decide(1, RP_DECISION_DISAGG, "a", RP_DECISION_ENCODE_PREFILL_DECODE);
	decide(0, RP_DECISION_PD, "a", RP_DECISION_PREFILL_DECODE);
	expect("llm_d_epp_disagg_decision_total{plugin_name=\"a\",plugin_type=\"disagg-profile-"
	       "handler\",model_name=\"m\",decision_type=\"decode-only\"}",
	       "2",
	       "llm_d_epp_disagg_decision_total{plugin_name=\"a\",plugin_type=\"disagg-profile-"
	       "handler\",model_name=\"m\",decision_type=\"encode-prefill-decode\"}",
	       "1",
	       "llm_d_inference_scheduler_disagg_decision_total{model_name=\"m\",decision_type="
	       "\"decode-only\"}",
	       "3",
	       "llm_d_epp_pd_decision_total{plugin_name=\"a\",plugin_type=\"pd-profile-handler\","
	       "model_name=\"m\",decision_type=\"prefill-decode\"}",
	       "1",
	       "llm_d_inference_scheduler_pd_decision_total{model_name=\"m\",decision_type="
	       "\"prefill-decode\"}",
	       "1", NULL);
}

static void rewrite(uint32_t w, const char *object, const char *model, const char *target,
		    bool is_ruled)
{
	rp_rewrite_series_count(&worker(w)->rewrites, 16, rp_bytes_str(object), rp_bytes_str(model),
				rp_bytes_str(target), is_ruled);
}

static void rewrites_are_added_up_and_have_a_twin(void **state)
{
	(void)state;
	rewrite(0, "r1", "m", "x", true);
	rewrite(1, "r1", "m", "x", true);
	rewrite(1, "r1", "", "", false);
	expect("llm_d_epp_model_rewrite_decisions_total{model_rewrite_name=\"r1\",model_name=\"m\","
	       "target_model=\"x\"}",
	       "2",
	       "llm_d_epp_model_rewrite_decisions_total{model_rewrite_name=\"r1\",model_name=\"\","
	       "target_model=\"\"}",
	       "1",
	       "inference_extension_model_rewrite_decisions_total{model_rewrite_name=\"r1\","
	       "model_name=\"m\",target_model=\"x\"}",
	       "2", NULL);
}

static void models_that_rewrites_name_are_told_apart_from_all_workers(void **state)
{
	struct rp_request_rules *rules = &table->rules;
	char name[32];

	(void)state;
	rp_request_rules_reset(rules);
	assert_int_equal(
		rp_request_rules_add_rewrite(rules, RP_BYTES_LIT("r"), RP_BYTES_LIT("mine")),
		RP_OK);
	control.table = table;
	for (int i = 0; i < 1000; i++) {
		for (uint32_t w = 0; w < 2; w++) {
			snprintf(name, sizeof(name), "client-%u-%d", (unsigned)w, i);
			rp_counter_add(&series(w, name, "t", "default-flow", 0)->requests, 1);
			rewrite(w, "g", name, "t", false);
		}
	}
	rp_counter_add(&series(1, "mine", "t", "default-flow", 0)->requests, 5);
	rewrite(1, "r", "mine", "t", true);
	expect("llm_d_epp_request_total{model_name=\"mine\",target_model_name=\"t\",priority="
	       "\"0\",fairness_id=\"default-flow\"}",
	       "5",
	       "llm_d_epp_model_rewrite_decisions_total{model_rewrite_name=\"r\",model_name="
	       "\"mine\",target_model=\"t\"}",
	       "1",
	       "llm_d_epp_model_rewrite_decisions_total{model_rewrite_name=\"g\",model_name="
	       "\"other\",target_model=\"t\"}",
	       "1968", NULL);
}

static void strict_selections_without_an_endpoint_are_shown_by_selector(void **state)
{
	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++)
		rp_decision_series_count_no_match(&worker(w)->decisions, RP_BYTES_LIT("a"),
						  RP_BYTES_LIT("rev"));
	expect("llm_d_epp_disaggregatedset_strict_header_no_match_total{plugin_name=\"a\",plugin_"
	       "type=\"disaggregatedset-rollout-screener\",selector=\"rev\"}",
	       "2", NULL);
}

static void encoder_caches_are_added_up_over_workers(void **state)
{
	const uint32_t slot = add_endpoint("ns", "x", 80);
	const uint32_t generation = control.shared.live->registry.slot[slot].generation;

	(void)state;
	for (uint32_t w = 0; w < WORKERS; w++) {
		struct rp_encoder_series_table *encoder = &worker(w)->encoder;
		uint32_t b, a;

		/* One worker knows them in another order than the other one. */
		if (w == 1)
			(void)rp_encoder_series_find(encoder, RP_BYTES_LIT("b"));
		a = rp_encoder_series_find(encoder, RP_BYTES_LIT("a"));
		b = rp_encoder_series_find(encoder, RP_BYTES_LIT("b"));
		assert_int_equal(a, w);
		rp_counter_add(&encoder->series[a].queries[RP_ENCODER_IMAGE], 3);
		rp_counter_add(&encoder->series[b].queries[RP_ENCODER_VIDEO], 1);
		rp_histogram_observe(&encoder->series[a].hit_ratio, RP_BUCKETS_RATIO, 0.5);
		rp_encoder_series_hit(encoder, a, slot, generation, RP_ENCODER_IMAGE, 2);
	}
	/* Another endpoint had the slot before. */
	rp_encoder_series_hit(&worker(0)->encoder, 1, 7, 9, RP_ENCODER_VIDEO, 5);
#define E "plugin_type=\"mm-embeddings-cache-producer\",plugin_name="
	expect("llm_d_epp_encoder_cache_queries_total{" E "\"a\",modality=\"image\"}", "6",
	       "llm_d_epp_encoder_cache_queries_total{" E "\"b\",modality=\"video\"}", "2",
	       "llm_d_epp_encoder_cache_queries_total{" E "\"b\",modality=\"image\"}", NULL,
	       "llm_d_epp_encoder_cache_hits_total{" E "\"a\",pod=\"ns/x\",modality=\"image\"}",
	       "4", "llm_d_epp_encoder_cache_hit_ratio_sum{" E "\"a\"}", "1",
	       "llm_d_epp_encoder_cache_hit_ratio_bucket{" E "\"a\",le=\"0.4\"}", "0",
	       "llm_d_epp_encoder_cache_hit_ratio_bucket{" E "\"a\",le=\"0.5\"}", "2",
	       "llm_d_epp_encoder_cache_hit_ratio_count{" E "\"b\"}", NULL, NULL);
	control.shared.live->registry.slot[slot].generation++;
	table->endpoint[0].generation++;
	expect("llm_d_epp_encoder_cache_hits_total{" E "\"a\",pod=\"ns/x\",modality=\"image\"}",
	       NULL, NULL);
}

static void the_pool_is_seen_at_the_first_scrape(void **state)
{
	uint32_t slot = add_endpoint("a", "x", 80);

	(void)state;
	expect("llm_d_epp_ready_endpoints{name=\"po\\\"ol\"}", "0",
	       "llm_d_epp_average_queue_size{name=\"po\\\"ol\"}", NULL, NULL);
	set_figures(slot, 4, 0.5);
	set_figures(add_endpoint("a", "y", 80), 2, 0.25);
	(void)add_endpoint("b", "y", 80); /* the same name elsewhere, stale */
	expect("llm_d_epp_ready_endpoints{name=\"po\\\"ol\"}", "2",
	       "inference_pool_ready_pods{name=\"po\\\"ol\"}", "2",
	       "llm_d_epp_average_queue_size{name=\"po\\\"ol\"}", "3",
	       "llm_d_epp_average_kv_cache_utilization{name=\"po\\\"ol\"}", "0.38",
	       "inference_pool_average_kv_cache_utilization{name=\"po\\\"ol\"}", "0.38",
	       "llm_d_epp_std_dev_queue_size{name=\"po\\\"ol\"}", "1.41",
	       "llm_d_epp_per_endpoint_queue_size{name=\"po\\\"ol\",model_server_endpoint=\"x-rank-"
	       "0\"}",
	       "4",
	       "inference_pool_per_pod_queue_size{name=\"po\\\"ol\",model_server_pod=\"y-rank-0\"}",
	       "2", NULL);
	/* Queues are of now, averages of the last interval. */
	set_figures(slot, 6, 0.5);
	expect("llm_d_epp_average_queue_size{name=\"po\\\"ol\"}", "3",
	       "llm_d_epp_per_endpoint_queue_size{name=\"po\\\"ol\",model_server_endpoint=\"x-rank-"
	       "0\"}",
	       "6", NULL);
}

static void plugin_series_carry_the_plugins_names(void **state)
{
	struct rp_plugin_stat *stat = control.shared.live->plugin_stat;

	(void)state;
	stat[3] = (struct rp_plugin_stat){.extension_point = RP_EXT_DATA_PRODUCER,
					  .plugin_type = "approx-prefix-cache-producer",
					  .plugin_name = "mine"};
	rp_histogram_observe(&worker(0)->counters.plugin_duration[3], RP_BUCKETS_FAST, 0.001);
	rp_histogram_observe(&worker(1)->counters.plugin_duration[3], RP_BUCKETS_FAST, 0.001);
	rp_histogram_observe(&worker(1)->counters.prefix_hit_ratio, RP_BUCKETS_RATIO, 1);
#define P "plugin_name=\"mine\",plugin_type=\"approx-prefix-cache-producer\""
	expect("llm_d_epp_plugin_duration_seconds_count{" P ",extension_point=\"DataProducer\"}",
	       "2",
	       "inference_extension_plugin_duration_seconds_count{" P
	       ",extension_point=\"DataProducer\"}",
	       "2", "llm_d_epp_prefix_indexer_size{" P "}", "0",
	       "inference_extension_prefix_indexer_size", "0",
	       "llm_d_epp_prefix_indexer_hit_ratio_sum{" P "}", "1",
	       "inference_extension_prefix_indexer_hit_ratio_sum", "1", NULL);
}

static void process_figures_are_of_running_workers(void **state)
{
	struct rp_worker_state *w = control.shared.live->process.worker;

	(void)state;
	control.shared.tables->settings.has_grpc_stream_metrics = 1;
	atomic_store(&control.shared.live->process.control_generation, 3);
	atomic_store(&control.shared.live->process.worker_restarts, 4);
	for (int i = 0; i < WORKERS; i++) {
		atomic_store(&w[i].is_ready, 1);
		atomic_store(&w[i].io_backend, RP_IO_EPOLL);
	}
	atomic_store(&w[1].pid, (uint32_t)getpid());
	atomic_store(&w[1].connections, 5);
	atomic_store(&w[1].streams, 6);
	rp_counter_add(&worker(1)->counters.streams_ok, 8);
	rp_gauge_set(&worker(1)->counters.allocated_bytes, 9);
	expect("ringpick_worker_ready{worker=\"0\"}", "0", "ringpick_worker_ready{worker=\"1\"}",
	       "1", "ringpick_io_backend{backend=\"epoll\"}", "1",
	       "ringpick_io_backend{backend=\"io_uring\"}", "0",
	       "ringpick_worker_connections{worker=\"1\"}", "5",
	       "ringpick_worker_streams{worker=\"1\"}", "6",
	       "ringpick_worker_allocated_bytes_total{worker=\"1\"}", "9",
	       "llm_d_epp_extproc_streams_total{code=\"OK\"}", "8",
	       "ringpick_control_restarts_total", "2", "ringpick_worker_restarts_total", "4", NULL);
	assert_true(strtod(prom_find(prom.data, prom.len, "process_resident_memory_bytes"), NULL) >
		    1e6);
	assert_true(strtod(prom_find(prom.data, prom.len, "process_open_fds"), NULL) > 3);
}

/* A configuration of one plugin, whose name is what its pool begins with. */
static void publish_plugin(enum rp_plugin_type type, size_t name_len, const void *pool,
			   size_t pool_bytes, const void *params, size_t params_bytes)
{
	struct rp_published pair = {.config_slot = 1, .table_slot = 0};
	struct rp_config_blob *blob = (void *)control.shared.tables->config[pair.config_slot];
	struct rp_config_plugin *plugin;

	*blob = (struct rp_config_blob){.generation = 1,
					.plugin_count = 1,
					.plugins_offset = 256,
					.pool_offset = 512,
					.pool_bytes = (uint32_t)pool_bytes};
	plugin = (void *)((uint8_t *)blob + blob->plugins_offset);
	*plugin = (struct rp_config_plugin){.type = type,
					    .name = {.len = (uint32_t)name_len},
					    .params_offset = 1024,
					    .params_bytes = (uint32_t)params_bytes};
	memcpy((uint8_t *)blob + blob->pool_offset, pool, pool_bytes);
	memcpy((uint8_t *)blob + plugin->params_offset, params, params_bytes);
	rp_publication_publish(&control.shared.live->publication, pair);
}

static void publish_producer(const char *name, uint32_t instance)
{
	const struct rp_params_inflight_load_producer params = {.instance = instance};

	publish_plugin(RP_PLUGIN_INFLIGHT_LOAD_PRODUCER, strlen(name), name, strlen(name), &params,
		       sizeof(params));
}

static void publish_screener(enum rp_rollout_gating gating)
{
	static const struct {
		char text[24];
		struct rp_config_str role[2];
	} pool = {"screenrevroleprefdec", {{13, 4}, {17, 3}}};
	const struct rp_params_disaggregatedset_rollout_screener params = {
		.revision_label_key = {6, 3},
		.role_label_key = {9, 4},
		.require_roles = {offsetof(__typeof__(pool), role), 2},
		.has_revision_gating = 1,
		.has_require_roles = 1,
		.gating = gating,
	};

	publish_plugin(RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER, 6, &pool, sizeof(pool), &params,
		       sizeof(params));
}

static void publish_detector(enum rp_plugin_type type)
{
	struct rp_config_blob *blob = (void *)control.shared.tables->config[1];

	publish_plugin(type, 3, "det", 3, "", 1);
	blob->detector = 0;
}

static void stale_endpoints_are_those_of_the_detector_asked_last(void **state)
{
	const char *sample = "llm_d_epp_flow_control_stale_endpoints{detector=\"det\"}";

	(void)state;
	publish_detector(RP_PLUGIN_UTILIZATION_DETECTOR);
	expect(sample, NULL, NULL);
	rp_detector_state_note(&control.shared.live->detector, 0, 1, 10, 3);
	rp_detector_state_note(&control.shared.live->detector, 1, 1, 11, 2);
	expect(sample, "2", NULL);
	rp_detector_state_note(&control.shared.live->detector, 0, 1, 12, 0);
	expect(sample, "0", NULL);
	publish_detector(RP_PLUGIN_CONCURRENCY_DETECTOR);
	expect(sample, NULL, NULL);
}

static void add_pod(const char *name, const char *revision, const char *role)
{
	(void)add_endpoint("ns", name, 80);
	assert_int_equal(
		rp_endpoint_table_add_label(table, RP_BYTES_LIT("rev"), rp_bytes_str(revision)),
		RP_OK);
	assert_int_equal(
		rp_endpoint_table_add_label(table, RP_BYTES_LIT("role"), rp_bytes_str(role)),
		RP_OK);
}

static void shares_of_revisions_are_of_what_is_published(void **state)
{
#define SHARE(mode, revision)                                                                      \
	"llm_d_epp_disaggregatedset_revision_gating_share{plugin_type=\"disaggregatedset-"         \
	"rollout-screener\",plugin_name=\"screen\",mode=\"" mode "\",revision=\"" revision "\"}"
	(void)state;
	add_pod("a", "v1", "pref");
	add_pod("b", "v1", "dec");
	add_pod("c", "v\"2", "pref");
	add_pod("d", "v\"2", "dec");
	add_pod("e", "v\"2", "dec");
	add_pod("f", "v\"2", "dec");
	add_pod("g", "v3", "dec");
	add_pod("h", "v4", "proxy");
	expect(SHARE("sum", "v1"), NULL, NULL);
	publish_screener(RP_ROLLOUT_SUM);
	expect(SHARE("sum", "v1"), "0.3333333333333333", SHARE("sum", "v\\\"2"),
	       "0.6666666666666666", SHARE("sum", "v3"), "0", SHARE("sum", "v4"), "0", NULL);
	publish_screener(RP_ROLLOUT_MAX_ROLE);
	expect(SHARE("max-role", "v1"), "0.25", SHARE("max-role", "v\\\"2"), "0.75",
	       SHARE("sum", "v1"), NULL, NULL);
	publish_screener(RP_ROLLOUT_DISABLED);
	expect(SHARE("disabled", "v1"), NULL, SHARE("max-role", "v1"), NULL, NULL);
	/* None is complete. */
	publish_screener(RP_ROLLOUT_SUM);
	table->endpoint_count = 1;
	expect(SHARE("sum", "v1"), "0", NULL);
}

/* As a worker counts a request. */
static void begin(uint32_t w, uint32_t instance, uint32_t slot, const char *fairness_id,
		  int32_t priority, int64_t tokens)
{
	struct rp_inflight_key key = {
		.instance = instance,
		.slot = slot,
		.life = rp_inflight_load_add(&control.shared.live->inflight, w, instance, slot, 1,
					     tokens),
		.priority = priority,
		.fairness_id = rp_bytes_str(fairness_id),
	};
	struct rp_inflight_series_ref ref =
		rp_inflight_series_add(&worker(w)->inflight_series, 8, &key, 1, tokens);

	(void)ref;
}

#define INFLIGHT(family, name, fairness_id, priority)                                              \
	"llm_d_epp_inflight_" family "{endpoint_name=\"" name                                      \
	"\",namespace=\"ns\",producer_name=\"load\",fairness_id=\"" fairness_id                    \
	"\",priority=\"" priority "\"}"

static void load_under_way_is_shown_by_who_asked_for_it(void **state)
{
	uint32_t a = add_endpoint("ns", "a", 80), b = add_endpoint("ns", "b", 80);

	(void)state;
	begin(0, 1, a, "x", 0, 10);
	expect(INFLIGHT("requests", "a", "x", "0"), NULL, NULL);
	publish_producer("load", 1);
	begin(1, 1, a, "x", 0, 5);
	begin(1, 1, a, "y", -1, 1);
	begin(1, 1, b, "x", 0, 2);
	begin(1, 0, b, "x", 0, 2); /* of a producer that has gone */
	expect(INFLIGHT("requests", "a", "x", "0"), "2", INFLIGHT("tokens", "a", "x", "0"), "15",
	       INFLIGHT("requests", "a", "y", "-1"), "1", INFLIGHT("requests", "b", "x", "0"), "1",
	       INFLIGHT("tokens", "b", "x", "0"), "2", NULL);
	rp_inflight_begin_life(&control.shared.live->inflight, a);
	expect(INFLIGHT("requests", "a", "x", "0"), NULL, INFLIGHT("requests", "b", "x", "0"), "1",
	       NULL);
}

static void what_a_worker_has_no_room_to_tell_apart_is_shown_as_other(void **state)
{
	uint32_t a = add_endpoint("ns", "a", 80), b = add_endpoint("ns", "b", 80);
	char text[16];

	(void)state;
	publish_producer("load", 3);
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "x%d", i);
		begin(0, 3, i == 7 ? b : a, text, 0, 1);
	}
	expect(INFLIGHT("requests", "a", "other", "other"), NULL, NULL);
	begin(0, 3, a, "late", 0, 30);
	begin(0, 3, a, "later", 0, 40);
	expect(INFLIGHT("requests", "a", "x0", "0"), "1",
	       INFLIGHT("requests", "a", "other", "other"), "2",
	       INFLIGHT("tokens", "a", "other", "other"), "70",
	       INFLIGHT("requests", "b", "x7", "0"), "1",
	       INFLIGHT("requests", "b", "other", "other"), NULL, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_untouched_segment_gives_a_page),
		TEST(workers_are_added_up_and_twins_derived),
		TEST(hostile_labels_make_a_good_page),
		TEST(too_many_series_end_in_other_and_none_shrinks),
		TEST(attempts_keep_the_names_of_endpoints_that_leave),
		TEST(decisions_are_added_up_by_handler_and_for_the_twin_by_model),
		TEST(load_under_way_is_shown_by_who_asked_for_it),
		TEST(what_a_worker_has_no_room_to_tell_apart_is_shown_as_other),
		TEST(rewrites_are_added_up_and_have_a_twin),
		TEST(models_that_rewrites_name_are_told_apart_from_all_workers),
		TEST(strict_selections_without_an_endpoint_are_shown_by_selector),
		TEST(stale_endpoints_are_those_of_the_detector_asked_last),
		TEST(shares_of_revisions_are_of_what_is_published),
		TEST(encoder_caches_are_added_up_over_workers),
		TEST(the_pool_is_seen_at_the_first_scrape),
		TEST(plugin_series_carry_the_plugins_names),
		TEST(process_figures_are_of_running_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
