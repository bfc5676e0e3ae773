/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "perf/sim/sim_answer.h"

/* Parse a copy of exactly its size. The model's view dies, so it is compared here. */
static int parse(struct rp_sim_call *call, enum rp_sim_mode mode, const char *text, size_t bytes,
		 const char *model)
{
	uint8_t *body = malloc(bytes > 0 ? bytes : 1);
	const char *why;
	int err;

	assert_non_null(body);
	memcpy(body, text, bytes);
	err = rp_sim_call_parse(call, mode, body, bytes, &why);
	if (err == RP_OK && model != NULL)
		assert_true(rp_bytes_equal_str(call->model, model));
	if (err != RP_OK)
		assert_non_null(why);
	free(body);
	return err;
}

static int parse_text(struct rp_sim_call *call, enum rp_sim_mode mode, const char *text)
{
	return parse(call, mode, text, strlen(text), NULL);
}

static void assert_text(const struct rp_sim_call *call, uint32_t idx, const char *expected)
{
	const struct rp_sim_choice *choice = &call->choices[idx];

	assert_true(rp_bytes_equal_str(
		rp_bytes(call->text.data + choice->text_at, choice->text_bytes), expected));
}

static void a_body_cut_anywhere_is_refused(void **state)
{
	static const char *const texts[] = {
		"{\"model\":\"m\",\"prompt\":[\"a\",[1,2]],\"max_tokens\":7,\"stream\":true}",
		"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
		"\"text\":\"h\\u0069\"}]}],\"stream_options\":{\"include_usage\":true}}",
	};

	(void)state;
	for (size_t t = 0; t < RP_ARRAY_LEN(texts); t++) {
		for (size_t cut = 0; cut <= strlen(texts[t]); cut++) {
			struct rp_sim_call call = {.is_chat = t == 1};
			int err = parse(&call, RP_SIM_MODE_ECHO, texts[t], cut, "m");

			assert_int_equal(err, cut == strlen(texts[t]) ? RP_OK : RP_EFORMAT);
			rp_sim_call_fini(&call);
		}
	}
}

static void every_form_of_prompt_is_understood(void **state)
{
	struct rp_sim_call call = {0};

	(void)state;
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO, "{\"prompt\":\"Hi, you\"}"), RP_OK);
	assert_int_equal(call.choice_count, 1);
	assert_int_equal(call.choices[0].prompt_tokens, 3);
	assert_text(&call, 0, "Hi, you");
	rp_sim_call_reset(&call);
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO, "{\"prompt\":[\"a b\",\"c\"]}"),
			 RP_OK);
	assert_int_equal(call.choice_count, 2);
	assert_text(&call, 1, "c");
	rp_sim_call_reset(&call);
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO, "{\"prompt\":[1, 2,3]}"), RP_OK);
	assert_int_equal(call.choice_count, 1);
	assert_int_equal(call.choices[0].prompt_tokens, 3);
	assert_text(&call, 0, "1,2,3");
	rp_sim_call_reset(&call);
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO, "{\"prompt\":[[1],[22,3]]}"), RP_OK);
	assert_int_equal(call.choice_count, 2);
	assert_text(&call, 1, "22,3");
	rp_sim_call_reset(&call);
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO, "{\"prompt\":[1,\"a\"]}"), RP_EFORMAT);
	rp_sim_call_fini(&call);
}

static void the_echo_of_a_chat_is_the_last_user_message(void **state)
{
	struct rp_sim_call call = {.is_chat = true};

	(void)state;
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO,
				    "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"},"
				    "{\"content\":\"two\",\"role\":\"user\"},"
				    "{\"role\":\"assistant\",\"content\":\"three\"}],"
				    "\"max_completion_tokens\":5,\"max_tokens\":9}"),
			 RP_OK);
	assert_text(&call, 0, "two");
	/* Three messages of "###", the role, ":" and one word. */
	assert_int_equal(call.choices[0].prompt_tokens, 18);
	assert_int_equal(call.limit, 5);
	rp_sim_call_fini(&call);
}

static void too_many_prompts_are_refused(void **state)
{
	struct rp_sim_call call = {0};
	struct rp_sim_buf text = {0};

	(void)state;
	RP_SIM_BUF_LIT(&text, "{\"prompt\":[\"a\"");
	for (uint32_t i = 0; i < RP_SIM_CHOICES_MAX; i++)
		RP_SIM_BUF_LIT(&text, ",\"a\"");
	RP_SIM_BUF_LIT(&text, "]}");
	assert_int_equal(parse(&call, RP_SIM_MODE_RANDOM, (char *)text.data, text.len, NULL),
			 RP_ETOOBIG);
	rp_sim_buf_fini(&text);
	rp_sim_call_fini(&call);
}

static void an_answer_has_the_key_order_of_v0_7_1(void **state)
{
	struct rp_sim_call call = {.created_s = 5, .id = "cmpl-1"};
	struct rp_sim_random random = {.state = 1};
	struct rp_sim_buf out = {0};

	(void)state;
	assert_int_equal(parse_text(&call, RP_SIM_MODE_ECHO,
				    "{\"prompt\":\"say \\\"x<y\\\"\",\"max_tokens\":5}"),
			 RP_OK);
	rp_sim_call_draw(&call, RP_SIM_MODE_ECHO, 1024, &random);
	rp_sim_answer_write(&call, "m", &out);
	rp_sim_buf_add(&out, "", 1);
	assert_string_equal((char *)out.data,
			    "{\"id\":\"cmpl-1\",\"created\":5,\"model\":\"m\",\"usage\":{"
			    "\"prompt_tokens\":6,\"completion_tokens\":6,\"total_tokens\":12},"
			    "\"object\":\"text_completion\",\"kv_transfer_params\":null,"
			    "\"choices\":[{\"index\":0,\"finish_reason\":\"length\","
			    "\"text\":\"say \\\"x\\u003cy\\\"\"}]}");
	rp_sim_buf_fini(&out);
	rp_sim_call_fini(&call);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_cut_anywhere_is_refused),
		cmocka_unit_test(every_form_of_prompt_is_understood),
		cmocka_unit_test(the_echo_of_a_chat_is_the_last_user_message),
		cmocka_unit_test(too_many_prompts_are_refused),
		cmocka_unit_test(an_answer_has_the_key_order_of_v0_7_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
