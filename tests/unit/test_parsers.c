/* SPDX-License-Identifier: Apache-2.0
 *
 * The parsers besides OpenAI's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/request.h"
#include "shm/hash.h"
#include "tests/support/sched_bed.h"

#define MESSAGES "/v1/messages"
#define VLLM	 "/inference/v1/generate"
#define SGLANG	 "/generate"
#define PIXEL                                                                                      \
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E" \
	"rkJggg=="

static struct rp_bed bed;
static struct rp_body body;
static struct rp_request request;
static struct rp_request_parser *parser;
static char error_text[1024];

static int set_up(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();

	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, NULL, 0);
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	rp_body_free(&body, &bed.env.bodies);
	rp_bed_fini(&bed);
	return 0;
}

/* Feed the text in pieces of step bytes. */
static int parse(const char *path, const char *text, size_t step)
{
	struct rp_bytes all = rp_bytes_str(text);
	struct rp_bytes error = rp_bytes("", 0);
	int err;

	rp_arena_reset(&bed.arena);
	rp_body_free(&body, &bed.env.bodies);
	assert_int_equal(rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched),
					       rp_bytes_str(path), &parser),
			 RP_OK);
	for (size_t at = 0; at < all.len; at += step) {
		struct rp_bytes piece = rp_bytes_slice(all, at, step);

		assert_int_equal(rp_body_append(&body, &bed.env.bodies, piece), RP_OK);
		rp_request_parser_feed(parser, piece);
	}
	err = rp_request_parser_finish(parser, &body, &request, &error);
	rp_bytes_to_str(error, error_text, sizeof(error_text));
	return err;
}

static void make_prompts(void)
{
	struct rp_request_hints hints = {0};

	assert_int_equal(rp_request_make_prompts(parser, &body, &rp_bed_token_params, &hints, 4096,
						 &request),
			 RP_OK);
	assert_int_equal(request.prompt_count, 1);
	assert_int_equal(request.prompts[0].token_count, request.token_count);
}

/* The prompt's bytes, without what pads them. */
static const char *prompt_text(void)
{
	static char text[16385];
	size_t len = (size_t)request.prompts[0].token_count * 4;

	assert_true(len < sizeof(text));
	memcpy(text, request.prompts[0].token_bytes, len);
	text[len] = '\0';
	return text;
}

struct refusal {
	const char *path;
	const char *text;
	const char *error; /* NULL: accepted */
};

static void check_refusals(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t step = 1; step <= strlen(refusals[i].text) + 1; step++) {
			int err = parse(refusals[i].path, refusals[i].text, step);

			if (refusals[i].error != NULL)
				assert_string_equal(error_text, refusals[i].error);
			assert_int_equal(err, refusals[i].error == NULL ? RP_OK : RP_EFORMAT);
		}
	}
}

static void bodies_are_refused_with_upstreams_words(void **state RP_UNUSED)
{
#define BODY	 "error unmarshaling request body: "
#define PARSING	 "error parsing messages request: "
#define CONTENT	 PARSING "anthropic content: must be a string or an array of content blocks"
#define NONE	 "invalid messages request: must have at least one message"
#define FIELD	 "json: cannot unmarshal number into Go struct field "
#define GENERATE "invalid generate request: "
	static const struct refusal refusals[] = {
		{MESSAGES, "", BODY "unexpected end of JSON input"},
		{MESSAGES, "[]",
		 BODY "json: cannot unmarshal array into Go value of type map[string]interface {}"},
		{MESSAGES, "{\"x\":1e999}",
		 BODY "json: cannot unmarshal number 1e999 into Go value of type float64"},
		{MESSAGES, "null", NONE},
		{MESSAGES, "{\"messages\":[]}", NONE},
		{MESSAGES, "{\"messages\":[null]}", NULL},
		{MESSAGES, "{\"messages\":1}",
		 PARSING FIELD
		 "MessagesRequest.messages of type []requesthandling.AnthropicMessage"},
		{MESSAGES, "{\"messages\":[1]}",
		 PARSING FIELD "MessagesRequest.messages of type requesthandling.AnthropicMessage"},
		{MESSAGES, "{\"messages\":[{\"role\":1}],\"cache_salt\":1}",
		 PARSING FIELD "AnthropicMessage.messages.role of type string"},
		{MESSAGES, "{\"messages\":[{}],\"cache_salt\":1}",
		 PARSING FIELD "MessagesRequest.cache_salt of type string"},
		{MESSAGES, "{\"messages\":[{}],\"tools\":[{\"name\":1}]}",
		 PARSING FIELD "AnthropicTool.tools.name of type string"},
		{MESSAGES, "{\"messages\":[{}],\"tools\":[{\"strict\":1}]}",
		 PARSING FIELD "AnthropicTool.tools.strict of type bool"},
		{MESSAGES, "{\"messages\":[{}],\"tools\":[1]}",
		 PARSING FIELD "MessagesRequest.tools of type requesthandling.AnthropicTool"},
		{MESSAGES, "{\"messages\":[{}],\"tools\":[null,{\"description\":null}]}", NULL},
		{MESSAGES, "{\"messages\":[{\"content\":1}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"role\":1,\"content\":{}}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[1]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"type\":1}]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"source\":1}]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"source\":{\"url\":1}}]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"content\":1}]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"content\":[1]}]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":[{\"content\":[{\"text\":1}]}]}]}",
		 CONTENT},
		{MESSAGES, "{\"messages\":[{}],\"system\":1}", CONTENT},
		{MESSAGES, "{\"messages\":[{}],\"system\":[1]}", CONTENT},
		{MESSAGES, "{\"messages\":[{}],\"system\":[{\"text\":[]}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{}],\"system\":[{\"source\":{\"data\":1}}]}", CONTENT},
		{MESSAGES, "{\"messages\":[{\"content\":null}],\"system\":null,\"tools\":null}",
		 NULL},
		{"/v1/messages/", "{}", "unsupported API endpoint: /v1/messages/"},
		{"/v1/mymessages?a=b", "{}", "unsupported API endpoint: /v1/mymessages"},

		{VLLM, "", "unexpected end of JSON input"},
		{VLLM, "{}", GENERATE "must have non-empty token_ids field"},
		{VLLM, "null", GENERATE "must have non-empty token_ids field"},
		{VLLM, "{\"token_ids\":[]}", GENERATE "must have non-empty token_ids field"},
		{VLLM, "{\"token_ids\":1}", GENERATE FIELD ".token_ids of type []float64"},
		{VLLM, "{\"token_ids\":[1,\"2\"]}",
		 GENERATE "json: cannot unmarshal string into Go struct field .token_ids of type "
			  "float64"},
		{VLLM, "{\"token_ids\":[0,-1]}", GENERATE "token_ids[1]: invalid value -1"},
		{VLLM, "{\"token_ids\":[1.5,-1]}", GENERATE "token_ids[0]: invalid value 1.5"},
		{VLLM, "{\"token_ids\":[4294967296]}",
		 GENERATE "token_ids[0]: invalid value 4.294967296e+09"},
		{VLLM, "{\"token_ids\":[1e999]}",
		 "json: cannot unmarshal number 1e999 into Go value of type float64"},
		{VLLM, "{\"token_ids\":[-1e-5,1e21]}",
		 GENERATE "token_ids[0]: invalid value -1e-05"},
		{VLLM, "{\"token_ids\":[100000.5]}",
		 GENERATE "token_ids[0]: invalid value 100000.5"},
		{VLLM, "{\"token_ids\":[4294967295,1e2,7.0,null]}", NULL},
		{VLLM, "{\"token_ids\":[1],\"cache_salt\":1}",
		 GENERATE FIELD ".cache_salt of type string"},
		{VLLM, "{\"token_ids\":[1],\"features\":{\"mm_hashes\":{\"image\":[1]}}}",
		 GENERATE FIELD ".features.mm_hashes of type string"},
		{VLLM,
		 "{\"token_ids\":[1],\"features\":{\"mm_placeholders\":{\"image\":[{\"offset\":"
		 "\"1\"}]}}}",
		 GENERATE "json: cannot unmarshal string into Go struct field "
			  "wirePlaceholder.features.mm_placeholders.offset of type int"},
		{VLLM "/", "{\"token_ids\":[1]}", "unsupported path: /inference/v1/generate/"},

		{SGLANG, "{", GENERATE "unexpected end of JSON input"},
		{SGLANG, "[1]",
		 GENERATE "json: cannot unmarshal array into Go value of type "
			  "sglanghttp.sgLangGenerateWire"},
		{SGLANG, "{\"text\":\"x\"}", GENERATE "input_ids must be provided"},
		{SGLANG, "{\"input_ids\":null}", GENERATE "input_ids must be provided"},
		{SGLANG, "{\"input_ids\":\"x\"}",
		 GENERATE "input_ids must be an array of uint32 integers"},
		{SGLANG, "{\"input_ids\":[1.0]}",
		 GENERATE "input_ids must be an array of uint32 integers"},
		{SGLANG, "{\"input_ids\":[[1]]}",
		 GENERATE "input_ids must be an array of uint32 integers"},
		{SGLANG, "{\"input_ids\":[]}", GENERATE "input_ids cannot be empty"},
		{SGLANG, "{\"input_ids\":[],\"extra_key\":1}",
		 "unsupported generate request: extra_key must be a string"},
		{SGLANG, "{\"input_ids\":[1],\"stream\":1}",
		 GENERATE FIELD "sgLangGenerateWire.stream of type bool"},
		{SGLANG, "{\"input_ids\":[null],\"extra_key\":null,\"x\":1e999}", NULL},
		{"/generate/", "{\"input_ids\":[1]}", NULL},
		{"/v1/generate", "{\"input_ids\":[1]}", "unsupported path: /v1/generate"},
	};

	check_refusals(refusals, RP_ARRAY_LEN(refusals));
}

static void what_is_read_besides_the_prompt(void **state RP_UNUSED)
{
	assert_int_equal(parse(MESSAGES,
			       "{\"model\":\"m\",\"stream\":true,\"max_tokens\":5,\"cache_salt\":"
			       "\"s\",\"messages\":[{}]}",
			       1),
			 RP_OK);
	assert_int_equal(request.api, RP_API_MESSAGES);
	assert_true(request.can_rewrite_model && request.is_streaming);
	assert_true(rp_bytes_equal_str(request.incoming_model, "m"));
	assert_true(rp_bytes_equal_str(request.cache_salt, "s"));
	assert_int_equal(request.max_tokens, 5);
	assert_int_equal(request.usage_format, RP_USAGE_ANTHROPIC);
	assert_int_equal(parse(VLLM,
			       "{\"model\":\"m\",\"cache_salt\":\"s\",\"token_ids\":[1],\"max_"
			       "tokens\":3,\"sampling_params\":{\"max_tokens\":7,\"x\":{\"max_"
			       "tokens\":8}}}",
			       1),
			 RP_OK);
	assert_int_equal(request.api, RP_API_GENERATE);
	assert_true(request.can_rewrite_model && !request.is_streaming);
	assert_true(rp_bytes_equal_str(request.incoming_model, "m"));
	assert_true(rp_bytes_equal_str(request.cache_salt, "s"));
	assert_int_equal(request.max_tokens, 7);
	assert_int_equal(request.usage_format, RP_USAGE_OPENAI);
	assert_int_equal(parse(VLLM,
			       "{\"token_ids\":[1],\"sampling_params\":{\"max_tokens\":7},"
			       "\"sampling_params\":{\"max_tokens\":-1}}",
			       1),
			 RP_OK);
	assert_int_equal(request.max_tokens, -1);
	assert_int_equal(
		parse(SGLANG,
		      "{\"model\":\"m\",\"INPUT_IDS\":[1,2],\"extra_key\":\"s\",\"stream\":"
		      "true,\"sampling_params\":{\"max_new_tokens\":9}}",
		      1),
		RP_OK);
	assert_false(request.can_rewrite_model);
	assert_true(request.is_streaming);
	assert_int_equal(request.incoming_model.len, 0);
	assert_true(rp_bytes_equal_str(request.cache_salt, "s"));
	assert_int_equal(request.max_tokens, 9);
	assert_int_equal(request.usage_format, RP_USAGE_SGLANG);
	parse(SGLANG, "{\"input_ids\":[1],\"sampling_params\":{\"max_new_tokens\":1e1}}", 1);
	assert_int_equal(request.max_tokens, -1);
}

static void tokens_are_counted_without_being_looked_at(void **state RP_UNUSED)
{
	assert_int_equal(parse("/v1/messages/count_tokens", "no JSON", 1), RP_OK);
	assert_int_equal(request.api, RP_API_RAW);
	assert_false(request.can_rewrite_model);
	assert_true(request.is_answer_unread);
	assert_int_equal(
		rp_request_make_prompts(parser, &body, &rp_bed_token_params, NULL, 10, &request),
		RP_EUNSUPPORTED);
	assert_int_equal(parse("/v1/models", "", 1), RP_OK);
	assert_false(request.is_answer_unread);
}

static void messages_are_put_one_after_the_other(void **state RP_UNUSED)
{
	static const struct {
		const char *text;
		const char *prompt;
	} cases[] = {
		{"{\"messages\":[{\"content\":\"hi\",\"role\":\"user\"},{\"role\":\"assistant\","
		 "\"content\":[{\"text\":\"a\",\"type\":\"text\"},{\"type\":\"other\",\"text\":"
		 "\"b\"},{\"type\":\"thinking\",\"thinking\":\"c\"}]}],\"system\":\"S\"}",
		 "Suserhiassistantac"},
		{"{\"system\":[{\"type\":\"text\",\"text\":\"A\"},{\"type\":\"text\",\"text\":"
		 "\"x-anthropic-billing-header: 1\"},{\"type\":\"image\",\"text\":\"I\"},{\"type\":"
		 "\"text\",\"text\":\"B\",\"content\":[{\"type\":\"text\",\"text\":\"no\"}],"
		 "\"source\":{\"type\":\"url\"}}],\"messages\":[{\"role\":\"u\"}]}",
		 "ABu"},
		{"{\"system\":\"old\",\"messages\":[{\"role\":\"old\"}],\"system\":\"s\","
		 "\"messages\":[{\"role\":\"r\"}]}",
		 "sr"},
		{"{\"messages\":[{\"role\":\"a\",\"content\":[{\"type\":\"tool_use\",\"id\":\"I\","
		 "\"name\":\"N\",\"input\": {\"b\" : [1, {}], \"a\":\"<\\u0041\"} }]}]}",
		 "aIN{\"b\" : [1, {}], \"a\":\"<\\u0041\"}"},
		{"{\"messages\":[{\"role\":\"a\",\"content\":[{\"type\":\"tool_use\",\"input\":"
		 "null}]}]}",
		 "anull"},
		{"{\"messages\":[{\"role\":\"u\",\"content\":[{\"content\":\"R\",\"type\":"
		 "\"tool_result\"},{\"type\":\"tool_result\",\"content\":[{\"type\":\"text\","
		 "\"text\":\"1\"},{\"type\":\"x\",\"text\":\"no\"},{\"type\":\"text\"},{\"text\":"
		 "\"2\",\"type\":\"text\"}]},{\"type\":\"text\",\"text\":\"T\",\"content\":\"no\"}]"
		 "}]}",
		 "uR1\n\n2T"},
		{"{\"tools\":[{\"defer_loading\":true,\"input_schema\": { \"b\" : 1.0,\"a\":\"< "
		 "\\\" \xe2\x80\xa8\\u00e9 \" },\"name\":\"n&\",\"x\":1},null,{\"Description\":"
		 "\"d\",\"strict\":false,\"input_schema\":null}],\"messages\":[{\"role\":\"u\"}]}",
		 "[{\"name\":\"n\\u0026\",\"input_schema\":{\"b\":1.0,\"a\":\"\\u003c \\\" "
		 "\\u2028\\u00e9 \"},\"defer_loading\":true},{\"name\":\"\"},{\"name\":\"\","
		 "\"description\":\"d\",\"input_schema\":null,\"strict\":false}]u"},
		{"{\"tools\":[ ],\"messages\":[{\"role\":\"u\"}]}", "u"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step <= strlen(cases[i].text); step++) {
			assert_int_equal(parse(MESSAGES, cases[i].text, step), RP_OK);
			make_prompts();
			assert_string_equal(prompt_text(), cases[i].prompt);
			assert_int_equal(request.prompts[0].feature_count, 0);
		}
	}
}

static void expect_feature(uint32_t i, enum rp_modality modality, const char *content,
			   uint64_t offset, uint64_t length)
{
	const struct rp_media_feature *feature = &request.prompts[0].feature[i];

	assert_true(i < request.prompts[0].feature_count);
	assert_int_equal(feature->modality, modality);
	assert_int_equal(feature->hash, rp_hash64(content, strlen(content)));
	assert_int_equal(feature->offset, offset);
	assert_int_equal(feature->length, length);
}

static void images_of_messages_are_urls_or_data(void **state RP_UNUSED)
{
	static const char text[] =
		"{\"messages\":[{\"role\":\"user\",\"content\":["
		"{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}},"
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"" PIXEL "\"}},"
		"{\"type\":\"image\",\"source\":{}},{\"type\":\"image\"},"
		"{\"type\":\"text\",\"text\":\"a\"},"
		"{\"type\":\"tool_result\",\"content\":["
		"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"" PIXEL "\"}},"
		"{\"type\":\"text\",\"text\":\"b\"},"
		"{\"type\":\"image\",\"source\":{\"data\":\"" PIXEL
		"\",\"media_type\":\"image\\/png\"}},"
		"{\"type\":\"image\",\"source\":{\"type\":\"url\",\"data\":\"" PIXEL "\"}},"
		"{\"type\":\"text\",\"text\":\"c\"}"
		"]}]}]}";

	for (size_t step = 1; step < sizeof(text); step += step < 20 ? 1 : 37) {
		assert_int_equal(parse(MESSAGES, text, step), RP_OK);
		make_prompts();
		assert_int_equal(request.prompts[0].feature_count, 4);
		expect_feature(0, RP_MODALITY_IMAGE, "http://x", 1, 225);
		expect_feature(1, RP_MODALITY_IMAGE, PIXEL, 226, 1);
		/* "ab\nc" between them */
		expect_feature(2, RP_MODALITY_IMAGE, "data:image/jpeg;base64," PIXEL, 228, 1);
		expect_feature(3, RP_MODALITY_IMAGE, "data:image/png;base64," PIXEL, 229, 1);
		assert_memory_equal(request.prompts[0].token_bytes + 4 * 227, "ab\nc", 4);
		assert_int_equal(request.token_count, 230);
	}
}

static void features_are_kept_with_hashes_and_behind_the_cut(void **state RP_UNUSED)
{
	static const char text[] =
		"{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
		"\"image_url\":{\"url\":\"http://a\"}},{\"type\":\"audio_url\",\"input_audio\":{"
		"\"data\":\"12345\",\"format\":\"w\"}},{\"type\":\"video_url\",\"video_url\":{"
		"\"url\":\"v\"}}]}]}";
	static const struct rp_prompt_shape shapes[] = {{64, 131072}, {64, 64}, {0, 0}, {0, 100}};

	for (size_t i = 0; i < RP_ARRAY_LEN(shapes); i++) {
		assert_int_equal(parse("/chat/completions", text, 1), RP_OK);
		assert_int_equal(rp_request_hash_prompts(parser, &body, &rp_bed_token_params, NULL,
							 &shapes[i], &request),
				 RP_OK);
		assert_int_equal(request.prompts[0].feature_count, 3);
		expect_feature(0, RP_MODALITY_IMAGE, "http://a", 1, 225);
		expect_feature(1, RP_MODALITY_AUDIO, "12345w", 226, 2);
		expect_feature(2, RP_MODALITY_VIDEO, "v", 228, 4500);
		assert_int_equal(request.token_count, 4728);
		assert_true(request.prompts[0].token_count <= shapes[i].max_tokens);
	}
}

static void ids_are_the_prompt(void **state RP_UNUSED)
{
	static const uint8_t expect[] = {1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0};
	static const struct {
		const char *path;
		const char *text;
	} cases[] = {
		{VLLM, "{\"token_ids\":[9],\"token_ids\":[1,4294967295,0]}"},
		{SGLANG, "{\"input_ids\":[9],\"input_ids\":[1,4294967295,0]}"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		for (size_t step = 1; step <= strlen(cases[i].text); step++) {
			assert_int_equal(parse(cases[i].path, cases[i].text, step), RP_OK);
			make_prompts();
			assert_int_equal(request.token_count, 3);
			assert_memory_equal(request.prompts[0].token_bytes, expect, sizeof(expect));
		}
	}
}

static void media_of_the_client_are_sorted_by_place(void **state RP_UNUSED)
{
	static const char text[] =
		"{\"token_ids\":[1,2,3],\"features\":{\"mm_hashes\":{\"image\":[\"old\"],\"image\":"
		"[\"ab12\",\"0xyz\",\"left over\"],\"audio\":[\"f00\"],\"smell\":[\"x\"],\"video\":"
		"null},\"mm_placeholders\":{\"audio\":[{\"length\":3,\"offset\":5}],\"image\":[{"
		"\"offset\":7,\"length\":1},{\"offset\":1,\"length\":2}],\"video\":[{}]}}}";

	for (size_t step = 1; step < sizeof(text); step++) {
		const struct rp_media_feature *feature;

		assert_int_equal(parse(VLLM, text, step), RP_OK);
		make_prompts();
		feature = request.prompts[0].feature;
		assert_int_equal(request.prompts[0].feature_count, 3);
		assert_int_equal(feature[0].modality, RP_MODALITY_IMAGE);
		assert_true(rp_bytes_equal_str(feature[0].text, "0xyz"));
		assert_int_equal(feature[0].hash, rp_hash64("0xyz", 4));
		assert_int_equal(feature[0].offset, 1);
		assert_int_equal(feature[0].length, 2);
		assert_int_equal(feature[1].modality, RP_MODALITY_AUDIO);
		assert_int_equal(feature[1].hash, 0xf00);
		assert_int_equal(feature[2].hash, 0xab12);
		assert_int_equal(feature[2].offset, 7);
	}
}

static void media_beyond_the_bound_are_left_out(void **state RP_UNUSED)
{
	enum { COUNT = RP_MEDIA_FEATURES_MAX + 5, ROOM = 64 + 8 * COUNT };
	char *text = malloc(ROOM);
	size_t at;

	assert_non_null(text);
	at = (size_t)snprintf(text, ROOM,
			      "{\"token_ids\":[1],\"features\":{\"mm_hashes\":{\"image\":[");
	for (uint32_t i = 0; i < COUNT; i++)
		at += (size_t)snprintf(text + at, ROOM - at, "\"a\",");
	at += (size_t)snprintf(text + at - 1, ROOM - at, "]},") - 1;
	at += (size_t)snprintf(text + at, ROOM - at, "\"mm_placeholders\":{\"image\":[");
	for (uint32_t i = 0; i < COUNT; i++)
		at += (size_t)snprintf(text + at, ROOM - at, "{},");
	snprintf(text + at - 1, ROOM - at, "]}}}");
	assert_int_equal(parse(VLLM, text, 60000), RP_OK);
	make_prompts();
	assert_int_equal(request.prompts[0].feature_count, RP_MEDIA_FEATURES_MAX);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_refused_with_upstreams_words),
		cmocka_unit_test(what_is_read_besides_the_prompt),
		cmocka_unit_test(tokens_are_counted_without_being_looked_at),
		cmocka_unit_test(messages_are_put_one_after_the_other),
		cmocka_unit_test(images_of_messages_are_urls_or_data),
		cmocka_unit_test(features_are_kept_with_hashes_and_behind_the_cut),
		cmocka_unit_test(ids_are_the_prompt),
		cmocka_unit_test(media_of_the_client_are_sorted_by_place),
		cmocka_unit_test(media_beyond_the_bound_are_left_out),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
