/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static enum rp_usage_format format;

/* Scan a text in two pieces cut at `cut`, and one byte at a time if cut is SIZE_MAX. */
static struct rp_usage scan(const char *text, bool is_events, size_t cut)
{
	struct rp_bytes all = rp_bytes_str(text);
	struct rp_usage_scan usage;

	rp_usage_begin(&usage, format, is_events);
	if (cut != SIZE_MAX) {
		rp_usage_feed(&usage, rp_bytes_slice(all, 0, cut));
		rp_usage_feed(&usage, rp_bytes_slice(all, cut, all.len));
	}
	for (size_t i = 0; cut == SIZE_MAX && i < all.len; i++)
		rp_usage_feed(&usage, rp_bytes_slice(all, i, 1));
	return *rp_usage_end(&usage);
}

/* cached -1: no details. */
static void expect(const char *text, bool is_events, uint32_t prompt, uint32_t completion,
		   uint32_t total, int cached)
{
	struct rp_usage usage;

	for (size_t cut = 0; cut <= strlen(text) + 1; cut++) {
		usage = scan(text, is_events, cut > strlen(text) ? SIZE_MAX : cut);
		assert_int_equal(usage.prompt_tokens, prompt);
		assert_int_equal(usage.completion_tokens, completion);
		assert_int_equal(usage.total_tokens, total);
		assert_int_equal(usage.has_cached, cached >= 0);
		assert_int_equal(usage.cached_tokens, cached < 0 ? 0 : cached);
	}
}

static void test_json_usage_is_found_wherever_it_is_cut(void **state)
{
	(void)state;
	expect("{\"id\":\"x\",\"choices\":[{\"text\":\"\\\"usage\\\":{\"}],\"usage\":{\"prompt_"
	       "tokens\":7,"
	       "\"total_tokens\":17,\"completion_tokens\":10}}",
	       false, 7, 10, 17, -1);
}

static void test_other_names_and_details_are_known(void **state)
{
	(void)state;
	expect("{\"usage\" : { \"input_tokens\" : 7 , \"output_tokens\": 3, "
	       "\"input_tokens_details\": "
	       "{\"x\":{\"cached_tokens\":9},\"cached_tokens\": 5}, \"prompt_tokens_details\": "
	       "{\"cached_tokens\": 4} } }",
	       false, 7, 3, 10, 5);
	expect("{\"usage\":{\"prompt_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":0}}}",
	       false, 7, 0, 7, 0);
}

static void test_numeric_strings_count_and_other_values_do_not(void **state)
{
	(void)state;
	expect("{\"usage\":{\"prompt_tokens\":\"7\",\"completion_tokens\":null}}", false, 7, 0, 7,
	       -1);
	expect("{\"usage\":{\"prompt_tokens\":-7,\"completion_tokens\":[3]}}", false, 0, 0, 0, -1);
	expect("{\"usage\":{\"prompt_tokens\":7.9,\"completion_tokens\":3}}", false, 7, 3, 10, -1);
	expect("{\"usage\":{\"prompt_tokens\":99999999999999999999,\"completion_tokens\":0}}",
	       false, UINT32_MAX, 0, UINT32_MAX, -1);
}

static void test_usage_elsewhere_is_not_usage(void **state)
{
	(void)state;
	expect("{\"a\":{\"usage\":{\"prompt_tokens\":7}},\"b\":[{\"usage\":{\"prompt_tokens\":8}}],"
	       "\"c\":\"usage\",\"usage\":null}",
	       false, 0, 0, 0, -1);
	expect("[{\"usage\":{\"prompt_tokens\":7}}]", false, 0, 0, 0, -1);
	expect("no healthy upstream", false, 0, 0, 0, -1);
	expect("}}}]]]\"{\"usage\":{\"prompt_tokens\":7}}", false, 0, 0, 0, -1);
}

static void test_event_usage_is_merged_over_events(void **state)
{
	(void)state;
	expect("data: {\"choices\":[],\"usage\":null}\n\n"
	       "data:{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\r\n\r\n"
	       ": a comment with {\"usage\":{\"prompt_tokens\":1}}\n"
	       "event: x\n"
	       "data: {\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":10}}\n\n"
	       "data: [DONE]\n\n",
	       true, 7, 10, 17, -1);
}

static void test_a_line_is_passed_over_only_if_it_cannot_have_usage(void **state)
{
	(void)state;
	expect("data: {\"usage\":null,\"a\":[\"usage\"],\"usage\" :{\"prompt_tokens\":7}}\n\n"
	       "data: {\"a\":\"\\\"usage\\\":{\",\"b\":{\"usage\":null}}\n"
	       "data: {\"usage\":nul\n",
	       true, 7, 0, 7, -1);
	expect("data: {\"usage\":null {\"completion_tokens\":3}}\n", true, 0, 3, 3, -1);
	expect("data: {\"usage\":null,a:{\"completion_tokens\":3}}\n", true, 0, 0, 0, -1);
}

static void test_a_last_line_without_newline_counts(void **state)
{
	(void)state;
	expect("data: "
	       "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":10,\"total_tokens\":18}}",
	       true, 7, 10, 18, -1);
}

static void test_a_completed_response_carries_its_usage_inside(void **state)
{
	(void)state;
	expect("data: {\"type\":\"response.completed\",\"response\":{\"id\":\"x\",\"usage\":{"
	       "\"input_tokens\":7,\"input_tokens_details\":{\"cached_tokens\":2},"
	       "\"output_tokens\":3,\"total_tokens\":10}}}\n",
	       true, 7, 3, 10, 2);
	expect("data: "
	       "{\"type\":\"response.created\",\"response\":{\"usage\":{\"input_tokens\":7}}}\n",
	       true, 0, 0, 0, -1);
}

static void test_an_event_cut_off_does_not_spoil_the_next(void **state)
{
	(void)state;
	expect("data: {\"usage\":{\"a\":\"\ndata: {\"usage\":{\"prompt_tokens\":7}}\n", true, 7, 0,
	       7, -1);
}

static void test_anthropic_tells_of_both_halves(void **state)
{
	(void)state;
	format = RP_USAGE_ANTHROPIC;
	expect("{\"type\":\"message\",\"content\":[{\"usage\":{\"input_tokens\":9}}],\"usage\":{"
	       "\"input_tokens\":7,\"output_tokens\":3,\"cache_read_input_tokens\":5,"
	       "\"prompt_tokens\":8,\"total_tokens\":1}}",
	       false, 7, 3, 10, 5);
	expect("{\"usage\":{\"input_tokens\":\"7\",\"output_tokens\":3}}", false, 0, 3, 3, -1);
	expect("event: message_start\n"
	       "data: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"usage\":{"
	       "\"input_tokens\":25,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n"
	       "data: {\"usage\":{\"output_tokens\":99},\"type\":\"ping\"}\n\n"
	       "data: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":15,"
	       "\"input_tokens\":99}}\n\n"
	       "data: {\"type\":\"message_stop\"}\n\n",
	       true, 25, 15, 40, 0);
	format = RP_USAGE_OPENAI;
}

static void test_sglang_tells_at_the_end(void **state)
{
	(void)state;
	format = RP_USAGE_SGLANG;
	expect("{\"text\":\"x\",\"meta_info\":{\"finish_reason\":null,\"prompt_tokens\":7,"
	       "\"completion_tokens\":3,\"cached_tokens\":2}}",
	       false, 7, 3, 10, 2);
	expect("data: {\"meta_info\":{\"prompt_tokens\":7,\"completion_tokens\":1,"
	       "\"finish_reason\":null}}\n\n"
	       "data: {\"meta_info\":{\"prompt_tokens\":8,\"completion_tokens\":4,"
	       "\"finish_reason\":{\"type\":\"stop\"},\"cached_tokens\":0}}\n\n"
	       "data: [DONE]\n\n",
	       true, 8, 4, 12, 0);
	expect("data: {\"meta_info\":{\"finish_reason\":\"length\",\"prompt_tokens\":8}}\n", true,
	       8, 0, 8, -1);
	format = RP_USAGE_OPENAI;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anthropic_tells_of_both_halves),
		cmocka_unit_test(test_sglang_tells_at_the_end),
		cmocka_unit_test(test_json_usage_is_found_wherever_it_is_cut),
		cmocka_unit_test(test_other_names_and_details_are_known),
		cmocka_unit_test(test_numeric_strings_count_and_other_values_do_not),
		cmocka_unit_test(test_usage_elsewhere_is_not_usage),
		cmocka_unit_test(test_event_usage_is_merged_over_events),
		cmocka_unit_test(test_a_line_is_passed_over_only_if_it_cannot_have_usage),
		cmocka_unit_test(test_a_last_line_without_newline_counts),
		cmocka_unit_test(test_a_completed_response_carries_its_usage_inside),
		cmocka_unit_test(test_an_event_cut_off_does_not_spoil_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
