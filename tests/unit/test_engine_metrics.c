/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine_metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shm/hash.h"

static struct rp_engines *engines;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(rp_engines_new(NULL, 0, "", &engines, NULL), RP_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_engines_free(engines);
	return 0;
}

/* Read a page into *figures. @return whether it was an update; *ret_has_error as in the header */
static bool read_page(const struct rp_engine *engine, const char *page,
		      struct rp_endpoint_figures *figures, bool *ret_has_error)
{
	struct rp_prom_parse parse;
	struct rp_extraction extraction;

	rp_prom_parse_init(&parse);
	rp_extraction_begin(&extraction, engine);
	rp_prom_parse_begin(&parse, &engine->names, rp_extraction_on_sample, &extraction);
	assert_int_equal(rp_prom_parse_feed(&parse, rp_bytes_str(page)), RP_OK);
	assert_int_equal(rp_prom_parse_end(&parse), RP_OK);
	rp_prom_parse_fini(&parse);
	return rp_extraction_apply(&extraction, 42, figures, ret_has_error);
}

static const struct rp_engine *vllm(void)
{
	return rp_engines_borrow(engines, RP_BYTES_LIT("vllm"));
}

#define G(name) "# TYPE " name " gauge\n"
#define WAITING "vllm:num_requests_waiting"
#define REST                                                                                       \
	G("vllm:num_requests_running")                                                             \
	"vllm:num_requests_running 2\n" G("vllm:kv_cache_usage_perc") "vllm:kv_cache_usage_perc "  \
								      "0.25\n" G(                  \
									      "vllm:cache_config_" \
									      "info") "vllm:"      \
										      "cache_"     \
										      "config_"    \
										      "info{"      \
										      "block_"     \
										      "size="      \
										      "\"16\","    \
										      "num_gpu_"   \
										      "blocks="    \
										      "\"1000\"} " \
										      "1\n"

static void a_whole_vllm_page_fills_every_figure(void **state)
{
	struct rp_endpoint_figures f = {.waiting = 9};
	bool has_error;

	(void)state;
	assert_true(read_page(
		vllm(),
		G(WAITING) WAITING "{model_name=\"m\"} 4\n" REST G(
			"vllm:lora_requests_info") "vllm:lora_requests_info{max_lora=\"4\",running_"
						   "lora_adapters=\"a, b,,\","
						   "waiting_lora_adapters=\"c\"} 1.7e9\n",
		&f, &has_error));
	assert_false(has_error);
	assert_int_equal(f.waiting, 4);
	assert_int_equal(f.running, 2);
	assert_true(f.kv_usage >= 0.25 && f.kv_usage <= 0.25);
	assert_int_equal(f.cache_block_size, 16);
	assert_int_equal(f.cache_num_blocks, 1000);
	assert_int_equal(f.lora_max, 4);
	assert_int_equal(f.lora_active_count, 2);
	assert_true(f.lora_active[0] == rp_hash64("a", 1) && f.lora_active[1] == rp_hash64("b", 1));
	assert_int_equal(f.lora_waiting_count, 1);
	assert_int_equal(f.updated_ns, 42);
}

static int32_t waiting_of(const char *page)
{
	struct rp_endpoint_figures f = {.waiting = -5};
	bool has_error;

	(void)read_page(vllm(), page, &f, &has_error);
	return f.waiting;
}

static void the_first_series_wins_unless_timestamps_say_otherwise(void **state)
{
	(void)state;
	assert_int_equal(waiting_of(G(WAITING) WAITING "{e=\"0\"} 3\n" WAITING "{e=\"1\"} 9\n"), 3);
	assert_int_equal(waiting_of(G(WAITING) WAITING " 3 10\n" WAITING " 9 20\n"), 9);
	assert_int_equal(waiting_of(G(WAITING) WAITING " 3 20\n" WAITING " 9 20\n"), 3);
	assert_int_equal(waiting_of(G(WAITING) WAITING " 3 -1\n"), -5);
	assert_int_equal(waiting_of(G(WAITING) WAITING " 3 -1\n" WAITING " 9\n"), 9);
}

static void values_become_integers_without_surprise(void **state)
{
	(void)state;
	assert_int_equal(waiting_of(WAITING " 7\n"), 0); /* untyped */
	assert_int_equal(waiting_of(G(WAITING) WAITING " 3.99\n"), 3);
	assert_int_equal(waiting_of(G(WAITING) WAITING " -3.99\n"), -3);
	assert_int_equal(waiting_of(G(WAITING) WAITING " NaN\n"), -5);
	assert_int_equal(waiting_of(G(WAITING) WAITING " +Inf\n"), INT32_MAX);
	assert_int_equal(waiting_of(G(WAITING) WAITING " -1e300\n"), INT32_MIN);
}

static void missing_fields_keep_their_value_and_make_one_error(void **state)
{
	struct rp_endpoint_figures f = {
		.running = 7, .kv_usage = 0.5, .lora_max = 3, .lora_active_count = 1};
	bool has_error;

	(void)state;
	assert_true(read_page(vllm(), G(WAITING) WAITING " 1\n", &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.waiting, 1);
	assert_int_equal(f.running, 7);
	assert_int_equal(f.lora_max, 3);
	assert_int_equal(f.lora_active_count, 1);
	/* Nothing at all found: never fresh. */
	f.updated_ns = 7;
	assert_false(read_page(vllm(), G("other") "other 1\n", &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.updated_ns, 7);
}

static void no_lora_family_is_no_error(void **state)
{
	struct rp_endpoint_figures f = {.lora_max = 3, .lora_active_count = 1};
	bool has_error;

	(void)state;
	assert_true(read_page(vllm(), G(WAITING) WAITING " 1\n" REST, &f, &has_error));
	assert_false(has_error);
	assert_int_equal(f.lora_active_count, 1);
}

#define LORA "vllm:lora_requests_info"

static void the_lora_series_of_the_highest_value_wins(void **state)
{
	struct rp_endpoint_figures f = {.lora_max = 3};
	bool has_error;

	(void)state;
	(void)read_page(vllm(),
			G(LORA) LORA "{running_lora_adapters=\"a\",max_lora=\"9\"} 100\n" LORA
				     "{running_lora_adapters=\"b\"} 200 5\n" LORA
				     "{running_lora_adapters=\"c\"} 200 9\n",
			&f, &has_error);
	assert_int_equal(f.lora_active_count, 1);
	assert_true(f.lora_active[0] == rp_hash64("b", 1));
	assert_int_equal(f.lora_max, 3); /* the winner has no max_lora */
	(void)read_page(vllm(), G(LORA) LORA "{max_lora=\"\"} 1\n", &f, &has_error);
	assert_int_equal(f.lora_active_count, 0);
	assert_int_equal(f.lora_max, 3);
}

static void adapters_are_a_bounded_set(void **state)
{
	struct rp_endpoint_figures f = {.lora_max = 3};
	char page[1024];
	size_t at;
	bool has_error;

	(void)state;
	at = (size_t)snprintf(page, sizeof(page), G(LORA) LORA "{running_lora_adapters=\"x,x , x,");
	for (int i = 0; i < 100; i++)
		at += (size_t)snprintf(page + at, sizeof(page) - at, "a%d,", i);
	snprintf(page + at, sizeof(page) - at, "\"} 1\n");
	(void)read_page(vllm(), page, &f, &has_error);
	assert_int_equal(f.lora_active_count, RP_LORA_NAMES_MAX);
	assert_true(f.lora_active[1] == rp_hash64("a0", 2));
}

static void a_lora_maximum_that_is_no_number_is_an_error(void **state)
{
	struct rp_endpoint_figures f = {.lora_max = 3};
	bool has_error;

	(void)state;
	assert_true(read_page(vllm(),
			      G(WAITING) WAITING " 1\n" REST G(LORA) LORA
			      "{max_lora=\"many\",running_lora_adapters=\"a\"} 1\n",
			      &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.lora_max, 3);
	assert_int_equal(f.lora_active_count, 1);
}

static void cache_info_labels_that_are_no_numbers_are_one_error(void **state)
{
	struct rp_endpoint_figures f = {.cache_block_size = 8, .cache_num_blocks = 77};
	bool has_error;

	(void)state;
	assert_true(
		read_page(vllm(),
			  G("vllm:cache_config_info") "vllm:cache_config_info{block_size=\"16\","
						      "num_gpu_blocks=\"None\"} 1\n",
			  &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.cache_block_size, 16);
	assert_int_equal(f.cache_num_blocks, 77);
	assert_true(read_page(vllm(),
			      G("vllm:cache_config_info") "vllm:cache_config_info{block_size=\"x\","
							  "num_gpu_blocks=\"\"} 1\n",
			      &f, &has_error));
	assert_int_equal(f.cache_block_size, 0);
	assert_int_equal(f.cache_num_blocks, 77);
}

static void every_built_in_engine_reads_its_page(void **state)
{
	static const struct {
		const char *name;
		const char *page;
		struct rp_endpoint_figures wanted;
	} rows[] = {
		{"sglang",
		 "# TYPE sglang:num_queue_reqs gauge\n"
		 "sglang:num_queue_reqs 1\n"
		 "# TYPE sglang:num_running_reqs gauge\n"
		 "sglang:num_running_reqs 2\n"
		 "# TYPE sglang:token_usage gauge\n"
		 "sglang:token_usage 0.5\n"
		 "# TYPE sglang:cache_config_info gauge\n"
		 "sglang:cache_config_info{page_size=\"4\",num_pages=\"5\"} 1\n",
		 {.waiting = 1,
		  .running = 2,
		  .kv_usage = 0.5,
		  .cache_block_size = 4,
		  .cache_num_blocks = 5,
		  .updated_ns = 42}},
		{"trtllm-serve",
		 "# TYPE trtllm_num_requests_waiting gauge\n"
		 "trtllm_num_requests_waiting 1\n"
		 "# TYPE trtllm_num_requests_running gauge\n"
		 "trtllm_num_requests_running 2\n"
		 "# TYPE trtllm_kv_cache_utilization gauge\n"
		 "trtllm_kv_cache_utilization 0.5\n"
		 "# TYPE trtllm_kv_cache_tokens_per_block gauge\n"
		 "trtllm_kv_cache_tokens_per_block 4\n"
		 "# TYPE trtllm_kv_cache_max_blocks gauge\n"
		 "trtllm_kv_cache_max_blocks 5\n",
		 {.waiting = 1,
		  .running = 2,
		  .kv_usage = 0.5,
		  .cache_block_size = 4,
		  .cache_num_blocks = 5,
		  .updated_ns = 42}},
		{"triton-tensorrt-llm",
		 "# TYPE nv_trt_llm_request_metrics gauge\n"
		 "nv_trt_llm_request_metrics{model=\"m\",request_type=\"scheduled\"} 2\n"
		 "nv_trt_llm_request_metrics{model=\"m\",request_type=\"waiting\"} 1\n"
		 "# TYPE nv_trt_llm_kv_cache_block_metrics gauge\n"
		 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\"} 5\n"
		 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\"} 0.5\n"
		 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\"} 4\n",
		 {.waiting = 1,
		  .running = 2,
		  .kv_usage = 0.5,
		  .cache_block_size = 4,
		  .cache_num_blocks = 5,
		  .updated_ns = 42}},
		{"triton",
		 "# TYPE nv_inference_pending_request_count gauge\n"
		 "nv_inference_pending_request_count 1\n"
		 "# TYPE nv_inference_exec_count counter\n"
		 "nv_inference_exec_count 2\n",
		 {.waiting = 1, .running = 2, .updated_ns = 42}},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		struct rp_endpoint_figures f;
		bool has_error;

		memset(&f, 0, sizeof(f));
		assert_true(read_page(rp_engines_borrow(engines, rp_bytes_str(rows[i].name)),
				      rows[i].page, &f, &has_error));
		assert_false(has_error);
		assert_memory_equal(&f, &rows[i].wanted, sizeof(f));
	}
}

static void a_selector_that_matches_no_series_is_an_error(void **state)
{
	static const struct rp_engine_config config = {.name = "x", .spec = {"m{a=x}", "n"}};
	struct rp_engines *own;
	struct rp_endpoint_figures f = {.waiting = 5};
	bool has_error;

	(void)state;
	assert_int_equal(rp_engines_new(&config, 1, "x", &own, NULL), RP_OK);
	assert_true(read_page(rp_engines_borrow(own, RP_BYTES_LIT("")),
			      G("m") "m{b=\"1\"} 9\n" G("n") "n 3\n", &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.waiting, 5);
	assert_int_equal(f.running, 3);
	rp_engines_free(own);
}

/* As core-metrics-extractor: what is found is put, what is missing stays and is an error. */
static void custom_metrics_fill_their_figures(void **state)
{
	static const struct rp_engine_config config = {
		.name = "x",
		.spec = {"q"},
		.custom_spec = {[1] = "hits{kind=\"a\"}", [15] = "q"},
	};
	struct rp_engines *own;
	const struct rp_engine *engine;
	struct rp_endpoint_figures f = {.waiting = 0};
	bool has_error;

	(void)state;
	assert_int_equal(rp_engines_new(&config, 1, "x", &own, NULL), RP_OK);
	engine = rp_engines_borrow(own, RP_BYTES_LIT("x"));
	assert_true(read_page(engine,
			      "# HELP hits of the cache\n# TYPE hits counter\n"
			      "hits{kind=\"b\"} 7\nhits{kind=\"a\"} 0.1\nhits{kind=\"a\"} 9\n"
			      "# TYPE other gauge\nother 5\n" G("q") "q 3\n",
			      &f, &has_error));
	assert_false(has_error);
	assert_int_equal(f.waiting, 3);
	assert_int_equal(f.custom_present, 1u << 1 | 1u << 15);
	assert_true(f.custom[1] == 0.1 && f.custom[15] == 3);

	/* Only a custom metric: an update, and an error for what is missing. */
	f.updated_ns = 0;
	assert_true(read_page(engine, G("hits") "hits{kind=\"a\"} -2e300\n", &f, &has_error));
	assert_true(has_error);
	assert_true(f.updated_ns == 42);
	assert_true(f.custom[1] == -2e300 && f.custom[15] == 3);

	assert_true(
		read_page(engine, G("q") "q 4\n" G("hits") "hits{kind=\"b\"} 7\n", &f, &has_error));
	assert_true(has_error);
	assert_int_equal(f.custom_present, 1u << 1 | 1u << 15);
	assert_true(f.custom[1] == -2e300 && f.custom[15] == 4);

	assert_true(read_page(engine, G("q") "q 4\n" G("hits") "hits{kind=\"a\"} NaN\n", &f,
			      &has_error));
	assert_false(has_error);
	assert_true(f.custom[1] == -2e300);
	rp_engines_free(own);
}

static void engines_without_custom_metrics_leave_them_absent(void **state)
{
	struct rp_endpoint_figures f = {.waiting = 0};
	bool has_error;

	(void)state;
	assert_true(read_page(vllm(), G(WAITING) WAITING " 4\n" REST, &f, &has_error));
	assert_false(has_error);
	assert_int_equal(f.custom_present, 0);
}

static void unknown_engines_read_like_the_default(void **state)
{
	(void)state;
	assert_ptr_equal(rp_engines_borrow(engines, RP_BYTES_LIT("unknown")), vllm());
	assert_ptr_equal(rp_engines_borrow(engines, RP_BYTES_LIT("default")), vllm());
	assert_ptr_equal(rp_engines_borrow(engines, RP_BYTES_LIT("")), vllm());
}

static void a_configured_engine_replaces_the_built_in_one_as_a_whole(void **state)
{
	static const struct rp_engine_config config = {.name = "vllm", .spec = {"q"}};
	struct rp_engines *own;
	struct rp_endpoint_figures f = {.running = 5};
	bool has_error;

	(void)state;
	assert_int_equal(rp_engines_new(&config, 1, "", &own, NULL), RP_OK);
	assert_true(read_page(rp_engines_borrow(own, RP_BYTES_LIT("vllm")), G("q") "q 3\n" REST, &f,
			      &has_error));
	assert_false(has_error);
	assert_int_equal(f.waiting, 3);
	assert_int_equal(f.running, 5);
	assert_int_equal(f.cache_block_size, 0);
	rp_engines_free(own);
}

static void wrong_engine_tables_are_refused(void **state)
{
	static const struct rp_engine_config unnamed[] = {{.spec = {"q"}}};
	static const struct rp_engine_config reserved[] = {{.name = "default"}};
	static const struct rp_engine_config twice[] = {{.name = "a"}, {.name = "a"}};
	static const struct rp_engine_config malformed[] = {{.name = "a", .spec = {"q{"}}};
	struct rp_engines *own;
	struct rp_diag diag = {.line = 0};

	(void)state;
	assert_int_equal(rp_engines_new(unnamed, 1, "", &own, &diag), RP_ECONFIG);
	assert_int_equal(rp_engines_new(reserved, 1, "", &own, &diag), RP_ECONFIG);
	assert_int_equal(rp_engines_new(twice, 2, "", &own, &diag), RP_ECONFIG);
	assert_int_equal(rp_engines_new(malformed, 1, "", &own, &diag), RP_ECONFIG);
	assert_int_equal(rp_engines_new(NULL, 0, "lmdeploy", &own, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "lmdeploy"));
}

static void specs_follow_their_grammar(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		uint32_t label_count;
		const char *value; /* of the last label */
	} rows[] = {
		{"", true, 0, NULL},
		{"  ", true, 0, NULL},
		{"a:b_9", true, 0, NULL},
		{" a { } ", true, 0, NULL},
		{"a{x=y}", true, 1, "y"},
		{"a{ x = \"y z\" , w=v }", true, 2, "v"},
		{"a{x=\"\"}", true, 1, ""},
		{"a{x=y,}", false, 0, NULL},
		{"a{x!=y}", false, 0, NULL},
		{"a{x=~y}", false, 0, NULL},
		{"a{x!~y}", false, 0, NULL},
		{"a{x==y}", false, 0, NULL},
		{"a{x=\"a=b\"}", false, 0, NULL},
		{"a{x=\"a,b\"}", false, 0, NULL},
		{"a{x=}", false, 0, NULL},
		{"a{x=\"y}", false, 0, NULL},
		{"a{x=y", false, 0, NULL},
		{"a{", false, 0, NULL},
		{"a}", false, 0, NULL},
		{"a{x=y} b", false, 0, NULL},
		{"9a", false, 0, NULL},
		{"a-b", false, 0, NULL},
		{"{x=y}", false, 0, NULL},
		{"a{1x=y}", false, 0, NULL},
		{"a{x:z=y}", false, 0, NULL},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		struct rp_metric_spec spec;
		struct rp_diag diag = {.line = 0};
		int err = rp_metric_spec_parse(rp_bytes_str(rows[i].text), &spec, &diag);

		if (err != (rows[i].is_good ? RP_OK : RP_ECONFIG))
			fail_msg("%s: %s", rows[i].text, diag.message);
		if (err == RP_OK)
			assert_int_equal(spec.label_count, rows[i].label_count);
		if (rows[i].value != NULL)
			assert_true(rp_bytes_equal_str(spec.label[spec.label_count - 1].value,
						       rows[i].value));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_vllm_page_fills_every_figure),
		cmocka_unit_test(the_first_series_wins_unless_timestamps_say_otherwise),
		cmocka_unit_test(values_become_integers_without_surprise),
		cmocka_unit_test(missing_fields_keep_their_value_and_make_one_error),
		cmocka_unit_test(no_lora_family_is_no_error),
		cmocka_unit_test(the_lora_series_of_the_highest_value_wins),
		cmocka_unit_test(adapters_are_a_bounded_set),
		cmocka_unit_test(a_lora_maximum_that_is_no_number_is_an_error),
		cmocka_unit_test(cache_info_labels_that_are_no_numbers_are_one_error),
		cmocka_unit_test(every_built_in_engine_reads_its_page),
		cmocka_unit_test(a_selector_that_matches_no_series_is_an_error),
		cmocka_unit_test(custom_metrics_fill_their_figures),
		cmocka_unit_test(engines_without_custom_metrics_leave_them_absent),
		cmocka_unit_test(unknown_engines_read_like_the_default),
		cmocka_unit_test(a_configured_engine_replaces_the_built_in_one_as_a_whole),
		cmocka_unit_test(wrong_engine_tables_are_refused),
		cmocka_unit_test(specs_follow_their_grammar),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
