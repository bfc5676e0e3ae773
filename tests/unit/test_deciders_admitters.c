/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_prefix_based_pd_decider, rp_always_disagg_pd_decider;
extern const struct rp_plugin_ops rp_always_disagg_multimodal_decider;
extern const struct rp_plugin_ops rp_probabilistic_admitter, rp_latency_slo_admitter;
extern const struct rp_plugin_ops rp_agent_identity;

enum { SOURCE = 7 };

static uint16_t match_blocks[2 * PLUGIN_BED_ENDPOINTS];

static bool decide(struct plugin_bed *bed, const struct rp_call *call, uint64_t tokens,
		   uint16_t cached_blocks)
{
	bed->request = (struct rp_request){.has_prompts = true, .token_count = tokens};
	match_blocks[bed->slot[0]] = cached_blocks;
	return call->ops->decide(call, 0);
}

static void prefill_is_split_off_if_much_is_not_cached(void **state RP_UNUSED)
{
	struct rp_params_prefix_based_pd_decider params = {.non_cached_tokens = 16,
							   .prefix_match_info_producer = SOURCE};
	struct plugin_bed *bed = plugin_bed_new(1);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "d", &rp_prefix_based_pd_decider, &params);

	assert_false(decide(bed, call, 200, 0)); /* nobody looked for matches */
	bed->data[SOURCE].match = (struct rp_match_info){
		.total_blocks = 4, .block_tokens = 64, .match_blocks = match_blocks};
	assert_true(decide(bed, call, 200, 0));
	assert_false(decide(bed, call, 15, 0));
	assert_true(decide(bed, call, 16, 0));
	assert_false(decide(bed, call, 200, 3)); /* 8 are left */
	assert_true(decide(bed, call, 208, 3));
	assert_false(decide(bed, call, 200, 4)); /* fewer than none are left */
	assert_false(call->ops->decide(call, RP_NO_ENDPOINT));
	params.prompt_tokens = 512;
	assert_false(decide(bed, call, 511, 0));
	assert_true(decide(bed, call, 512, 0));
	params = (struct rp_params_prefix_based_pd_decider){.prefix_match_info_producer = SOURCE};
	assert_false(decide(bed, call, 5000, 0));
	call = plugin_bed_set(bed, 1, "a", &rp_always_disagg_pd_decider, NULL);
	assert_true(call->ops->decide(call, 0));
	plugin_bed_free(bed);
}

static void encoding_is_split_off_if_a_prompt_has_media(void **state RP_UNUSED)
{
	struct rp_prompt prompt[2] = {{.token_count = 5}, {.token_count = 5}};
	struct plugin_bed *bed = plugin_bed_new(1);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "m", &rp_always_disagg_multimodal_decider, NULL);

	assert_false(call->ops->decide(call, 0)); /* not even a prompt */
	bed->request =
		(struct rp_request){.has_prompts = true, .prompts = prompt, .prompt_count = 2};
	assert_false(call->ops->decide(call, 0));
	prompt[1].feature_count = 1;
	assert_true(call->ops->decide(call, RP_NO_ENDPOINT));
	plugin_bed_free(bed);
}

static int refusals(struct plugin_bed *bed, const struct rp_call *call)
{
	int count = 0;

	for (int i = 0; i < 10000; i++)
		count += !call->ops->admit(call, &bed->candidates);
	return count;
}

static void the_fuller_the_likelier_is_a_refusal(void **state RP_UNUSED)
{
	struct rp_params_probabilistic_admitter params = {
		.queue_depth_threshold = 5, .kv_cache_util_threshold = 0.8, .power = 2, .k = 1};
	struct plugin_bed *bed = plugin_bed_new(2);
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "a", &rp_probabilistic_admitter, &params);

	bed->waiting[0] = 10;
	bed->kv_usage[1] = 0.8;
	assert_int_equal(refusals(bed, call), 0); /* priority 0 */
	bed->cycle.priority = -1;
	assert_int_equal(refusals(bed, call), 10000);
	assert_true(rp_bytes_equal_str(
		bed->cycle.reason,
		"inference error: ResourceExhausted - probabilistic-admitter: rejected, "
		"saturation=1.500 prob=1.00"));
	bed->waiting[0] = 0;
	assert_in_range(refusals(bed, call), 2500 - 5 * 43, 2500 + 5 * 43);
	bed->kv_usage[1] = 0;
	assert_int_equal(refusals(bed, call), 0);
	bed->kv_usage[1] = (double)NAN;
	assert_int_equal(refusals(bed, call), 0);
	bed->candidates.count = 0;
	assert_int_equal(refusals(bed, call), 0);
	plugin_bed_free(bed);
}

static bool is_admitted(struct plugin_bed *bed, const struct rp_call *call, const char *name,
			const char *value)
{
	plugin_bed_header(bed, name, value);
	return call->ops->admit(call, &bed->candidates);
}

static void latency_objectives_nobody_keeps_refuse_what_may_be_shed(void **state RP_UNUSED)
{
	static const char *const none[] = {"",	   "0",	   "-5",   "abc", "nan", "1e999",
					   " 100", "100 ", "0x10", "1,5", "+",	 "1e"};
	struct rp_latency latency[2] = {{.is_present = true, .is_ttft_valid = true}};
	struct rp_params_latency_slo_admitter params = {.latency_prediction_info_producer = SOURCE};
	struct plugin_bed *bed = plugin_bed_new(2);
	const struct rp_call *call = plugin_bed_set(bed, 0, "a", &rp_latency_slo_admitter, &params);

	bed->cycle.priority = -1;
	for (int i = 0; i < 2; i++) {
		bed->running[i] = 1;
		bed->kv_usage[i] = 0.02;
	}
	assert_true(is_admitted(bed, call, "x-llm-d-slo-ttft-ms", "100")); /* no predictions */
	bed->data[SOURCE].latency = latency;
	assert_false(is_admitted(bed, call, "x-llm-d-slo-ttft-ms", "1.5e2"));
	assert_true(rp_bytes_equal_str(bed->cycle.reason,
				       "no valid endpoint available to serve the request"));
	assert_false(is_admitted(bed, call, "x-llm-d-slo-ttft-ms", "+Inf"));
	for (size_t i = 0; i < RP_ARRAY_LEN(none); i++)
		assert_true(is_admitted(bed, call, "x-llm-d-slo-ttft-ms", none[i]));
	assert_false(is_admitted(bed, call, "x-slo-tpot-ms", "20"));
	bed->cycle.priority = 0;
	assert_true(call->ops->admit(call, &bed->candidates));
	bed->cycle.priority = -1;
	bed->running[1] = 0;
	assert_true(call->ops->admit(call, &bed->candidates));
	bed->running[1] = 1;
	bed->kv_usage[1] = 0.019;
	assert_true(call->ops->admit(call, &bed->candidates));
	bed->kv_usage[1] = 0.02;
	latency[0].is_tpot_valid = true;
	assert_true(call->ops->admit(call, &bed->candidates));
	latency[0].is_present = false;
	assert_true(call->ops->admit(call, &bed->candidates));
	plugin_bed_free(bed);
}

static void the_first_session_header_is_the_agents_identity(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(1);
	struct rp_config_str name[] = {plugin_bed_str(bed, "x-mine"),
				       plugin_bed_str(bed, "x-claude-code-session-id")};
	struct rp_params_agent_identity params = {
		plugin_bed_list(bed, name, RP_ARRAY_LEN(name), sizeof(name[0]))};
	const struct rp_call *call = plugin_bed_set(bed, 0, "a", &rp_agent_identity, &params);

	call->ops->read_headers(call);
	assert_int_equal(bed->data[0].text.len, 0);
	plugin_bed_header(bed, "x-claude-code-session-id", "s1");
	plugin_bed_header(bed, "x-mine", "");
	call->ops->read_headers(call);
	assert_true(rp_bytes_equal_str(bed->data[0].text, "s1"));
	bed->data[0].text = rp_bytes("", 0);
	plugin_bed_header(bed, "x-mine", "s2");
	call->ops->read_headers(call);
	assert_true(rp_bytes_equal_str(bed->data[0].text, "s2"));
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefill_is_split_off_if_much_is_not_cached),
		cmocka_unit_test(encoding_is_split_off_if_a_prompt_has_media),
		cmocka_unit_test(the_fuller_the_likelier_is_a_refusal),
		cmocka_unit_test(latency_objectives_nobody_keeps_refuse_what_may_be_shed),
		cmocka_unit_test(the_first_session_header_is_the_agents_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
