/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "perf/sim/sim_metrics.h"
#include "perf/sim/sim_timer.h"

enum { CALLS = 16 };

struct bench {
	struct rp_sim_options options;
	struct rp_sim_endpoint endpoint;
	struct rp_sim_call calls[CALLS];
};

static void start(struct bench *bench, uint32_t max_num_seqs, uint32_t max_loras, uint32_t max_wait)
{
	static const char *const names[] = {"a", "b", "c"};

	memset(bench, 0, sizeof(*bench));
	bench->options.model = "m";
	bench->options.served[0] = "m";
	bench->options.served_count = 1;
	bench->options.max_loras = max_loras;
	bench->options.max_waiting = max_wait;
	bench->options.max_model_len = 1024;
	bench->options.tuning.max_num_seqs = max_num_seqs;
	assert_int_equal(rp_sim_endpoint_init(&bench->endpoint, &bench->options, 0, 1, 0, 100),
			 RP_OK);
	for (size_t i = 0; i < RP_ARRAY_LEN(names); i++)
		assert_int_equal(rp_sim_loras_list(&bench->endpoint.loras, rp_bytes_str(names[i]),
						   rp_bytes_str("")),
				 RP_OK);
	for (size_t i = 0; i < CALLS; i++)
		bench->calls[i].lora = RP_SIM_LORA_NONE;
}

static int submit(struct bench *bench, uint32_t idx, int32_t lora)
{
	bench->calls[idx].lora = lora;
	return rp_sim_queue_submit(&bench->endpoint, &bench->calls[idx], 101);
}

static bool page_has(struct bench *bench, const char *text)
{
	struct rp_bytes page = rp_sim_metrics_page(&bench->endpoint);

	return memmem(page.ptr, page.len, text, strlen(text)) != NULL;
}

static void calls_beyond_the_slots_wait_in_order(void **state)
{
	struct bench *bench = *state;

	start(bench, 2, 1, 2);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(submit(bench, i, RP_SIM_LORA_NONE), RP_OK);
	assert_int_equal(submit(bench, 4, RP_SIM_LORA_NONE), RP_ETOOBIG);
	assert_int_equal(bench->endpoint.running, 2);
	assert_int_equal(bench->endpoint.waiting, 2);
	assert_true(page_has(bench, "vllm:num_requests_waiting{model_name=\"m\"} 2\n"));
	assert_null(rp_sim_queue_take(&bench->endpoint, 101));
	rp_sim_queue_release(&bench->endpoint, &bench->calls[1], 101);
	assert_true(bench->endpoint.needs_scan);
	assert_ptr_equal(rp_sim_queue_take(&bench->endpoint, 101), &bench->calls[2]);
	assert_null(rp_sim_queue_take(&bench->endpoint, 101));
	assert_true(page_has(bench, "vllm:num_requests_waiting{model_name=\"m\"} 1\n"));
}

static void a_waiting_call_can_be_taken_back(void **state)
{
	struct bench *bench = *state;

	start(bench, 1, 1, 10);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(submit(bench, i, RP_SIM_LORA_NONE), RP_OK);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[2], 101);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[0], 101);
	assert_ptr_equal(rp_sim_queue_take(&bench->endpoint, 101), &bench->calls[1]);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[1], 101);
	assert_ptr_equal(rp_sim_queue_take(&bench->endpoint, 101), &bench->calls[3]);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[3], 101);
	assert_null(rp_sim_queue_take(&bench->endpoint, 101));
	assert_int_equal(bench->endpoint.running + bench->endpoint.waiting, 0);
}

static void a_call_without_a_place_for_its_adapter_is_overtaken(void **state)
{
	struct bench *bench = *state;

	start(bench, 2, 1, 10);
	assert_int_equal(submit(bench, 0, 0), RP_OK);
	assert_int_equal(submit(bench, 1, 1), RP_OK);
	assert_int_equal(bench->calls[1].state, RP_SIM_CALL_WAITING);
	assert_int_equal(submit(bench, 2, RP_SIM_LORA_NONE), RP_OK);
	assert_int_equal(bench->calls[2].state, RP_SIM_CALL_RUNNING);
	assert_int_equal(submit(bench, 3, 0), RP_OK);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[2], 101);
	assert_ptr_equal(rp_sim_queue_take(&bench->endpoint, 101), &bench->calls[3]);
	rp_sim_queue_release(&bench->endpoint, &bench->calls[0], 101);
	assert_null(rp_sim_queue_take(&bench->endpoint, 101));
	/* The last user of the adapter is gone: it makes room. */
	rp_sim_queue_release(&bench->endpoint, &bench->calls[3], 101);
	assert_ptr_equal(rp_sim_queue_take(&bench->endpoint, 101), &bench->calls[1]);
}

static void each_state_of_the_adapters_is_a_series(void **state)
{
	struct bench *bench = *state;

	start(bench, 2, 2, 10);
	assert_true(page_has(bench, "vllm:lora_requests_info{max_lora=\"2\",running_lora_adapters="
				    "\"\",waiting_lora_adapters=\"\"} 100\n"));
	assert_int_equal(submit(bench, 0, 1), RP_OK);
	assert_int_equal(submit(bench, 1, 0), RP_OK);
	assert_int_equal(submit(bench, 2, 2), RP_OK);
	assert_true(page_has(bench, "running_lora_adapters=\"b\",waiting_lora_adapters=\"\"} 101"));
	assert_true(page_has(bench, "running_lora_adapters=\"a,b\",waiting_lora_adapters=\"\"} "));
	assert_true(page_has(bench, "running_lora_adapters=\"a,b\",waiting_lora_adapters=\"c\"} "));
}

static void the_number_of_series_has_a_bound(void **state)
{
	struct bench *bench = *state;
	char name[16];

	start(bench, 1, 1, 10);
	for (int32_t i = 0; i < (int32_t)RP_SIM_LORAS_MAX - 3; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(rp_sim_loras_list(&bench->endpoint.loras, rp_bytes_str(name),
						   rp_bytes_str("")),
				 RP_OK);
	}
	assert_int_equal(
		rp_sim_loras_list(&bench->endpoint.loras, rp_bytes_str("more"), rp_bytes_str("")),
		RP_ETOOBIG);
	for (int32_t i = 0; i < (int32_t)RP_SIM_LORAS_MAX; i++) {
		assert_int_equal(submit(bench, 0, i), RP_OK);
		assert_int_equal(submit(bench, 1, (i + 1) % (int32_t)RP_SIM_LORAS_MAX), RP_OK);
		rp_sim_queue_release(&bench->endpoint, &bench->calls[1], 102 + i);
		rp_sim_queue_release(&bench->endpoint, &bench->calls[0], 102 + i);
		assert_true(bench->endpoint.loras.series_count <= RP_SIM_LORA_SERIES_MAX);
	}
}

static void an_unlisted_adapter_serves_its_calls_to_the_end(void **state)
{
	struct bench *bench = *state;
	struct rp_sim_loras *loras = &bench->endpoint.loras;

	start(bench, 2, 1, 10);
	assert_int_equal(submit(bench, 0, 0), RP_OK);
	rp_sim_loras_unlist(loras, rp_bytes_str("a"));
	rp_sim_loras_unlist(loras, rp_bytes_str("unknown"));
	assert_int_equal(rp_sim_loras_find(loras, rp_bytes_str("a")), RP_SIM_LORA_NONE);
	assert_false(rp_sim_loras_can_run(loras, 1));
	rp_sim_queue_release(&bench->endpoint, &bench->calls[0], 101);
	assert_int_equal(loras->loaded_count, 0);
	assert_true(rp_sim_loras_can_run(loras, 1));
}

static void timers_come_out_in_order(void **state)
{
	enum { TIMERS = 500 };
	static struct rp_sim_timer items[TIMERS];
	struct rp_sim_timers timers = {0};
	struct rp_sim_random random = {.state = 9};
	struct rp_sim_timer *timer;
	int64_t last_ns = 0;
	size_t taken = 0;
	size_t cleared = 0;

	(void)state;
	assert_true(rp_sim_timers_reserve(&timers, TIMERS));
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < TIMERS; i++)
			rp_sim_timer_set(&timers, &items[i],
					 rp_sim_random_range(&random, 0, 10000));
	for (size_t i = 0; i < TIMERS; i += 3, cleared++)
		rp_sim_timer_clear(&timers, &items[i]);
	assert_null(rp_sim_timers_take_due(&timers, -1));
	while ((timer = rp_sim_timers_take_due(&timers, 10000)) != NULL) {
		assert_true(timer->deadline_ns >= last_ns);
		last_ns = timer->deadline_ns;
		taken++;
	}
	assert_int_equal(taken + cleared, TIMERS);
	assert_int_equal(rp_sim_timers_next(&timers), INT64_MAX);
	rp_sim_timers_fini(&timers);
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct bench));
	return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	rp_sim_endpoint_fini(&bench->endpoint);
	free(bench);
	return 0;
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(calls_beyond_the_slots_wait_in_order),
		QUEUE_TEST(a_waiting_call_can_be_taken_back),
		QUEUE_TEST(a_call_without_a_place_for_its_adapter_is_overtaken),
		QUEUE_TEST(each_state_of_the_adapters_is_a_series),
		QUEUE_TEST(the_number_of_series_has_a_bound),
		QUEUE_TEST(an_unlisted_adapter_serves_its_calls_to_the_end),
		cmocka_unit_test(timers_come_out_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
