/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/parsers/parser.h"
#include "dataplane/prefix_cache.h"
#include "tests/support/sched_bed.h"

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

/* Feed the text in pieces of step bytes, the first of them `first` long. */
static int parse_split(const char *path, struct rp_bytes text, size_t first, size_t step)
{
	struct rp_bytes error = rp_bytes("", 0);
	int err;

	rp_arena_reset(&bed.arena);
	rp_body_free(&body, &bed.env.bodies);
	err = rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched), rp_bytes_str(path),
				    &parser);
	assert_int_equal(err, RP_OK);
	for (size_t at = 0; at < text.len;) {
		struct rp_bytes piece =
			rp_bytes_slice(text, at, at == 0 && first > 0 ? first : step);

		assert_int_equal(rp_body_append(&body, &bed.env.bodies, piece), RP_OK);
		rp_request_parser_feed(parser, piece);
		at += piece.len;
	}
	err = rp_request_parser_finish(parser, &body, &request, &error);
	rp_bytes_to_str(error, error_text, sizeof(error_text));
	return err;
}

static int parse(const char *path, const char *text)
{
	return parse_split(path, rp_bytes_str(text), 0, SIZE_MAX);
}

/* The prompt's bytes, without what pads them. */
static const char *prompt_text(uint32_t i)
{
	static char text[65536];
	size_t len = (size_t)request.prompts[i].token_count * 4;

	assert_true(len < sizeof(text));
	memcpy(text, request.prompts[i].token_bytes, len);
	text[len] = '\0';
	return text;
}

static void make_prompts(uint64_t max_tokens)
{
	struct rp_request_hints hints = {0};

	assert_int_equal(rp_request_make_prompts(parser, &body, &rp_bed_token_params, &hints,
						 max_tokens, &request),
			 RP_OK);
	assert_true(request.has_prompts);
}

static void each_api_demands_its_member(void **state RP_UNUSED)
{
	static const struct {
		const char *path;
		const char *text;
		const char *error; /* NULL: accepted */
	} cases[] = {
#define CONVERSATIONS "invalid conversations request: must have items field"
#define RESPONSES     "invalid responses request: must have input field"
#define CHAT	      "invalid chat completions request: must have valid messages field"
#define COMPLETIONS   "invalid completions request: must have prompt field"
#define EMBEDDINGS    "invalid embeddings request: must have input field"
#define IMAGES	      "invalid images generations request: must have prompt field"
		{"/v1/conversations", "{}", CONVERSATIONS},
		{"/v1/conversations", "{\"items\":[ ]}", CONVERSATIONS},
		{"/v1/conversations", "{\"items\":[1]}", CONVERSATIONS},
		{"/v1/conversations", "{\"items\":[{\"role\":1}]}", CONVERSATIONS},
		{"/v1/conversations", "{\"items\":[{}],\"metadata\":1}", CONVERSATIONS},
		{"/v1/conversations", "{\"items\":[null,{\"content\":[1]}]}", NULL},
		{"/v1/responses", "{\"input\":1,\"cache_salt\":1}", RESPONSES},
		{"/v1/chat/completions", "{\"messages\":[{}],\"tools\":{}}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{}],\"add_generation_prompt\":1}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"tool_calls\":1}]}", CHAT},
		{"/v1/completions", "{\"prompt\":\"a\",\"cache_salt\":1}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[1.0,2e1]}", NULL},
		{"/v1/images/generations", "{\"prompt\":\"a\",\"n\":1.5}", IMAGES},
		{"/v1/images/generations", "{\"prompt\":\"a\",\"n\":1,\"size\":null}", NULL},
		{"/v1/responses", "{\"input\":null}", RESPONSES},
		{"/v1/responses", "{\"input\":\"\"}", NULL},
		{"/v1/chat/completions", "{\"messages\":[]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":5}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[5]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"role\":1}]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"content\":{}}]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"content\":[\"a\"]}]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"content\":[{\"type\":2}]}]}", CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"content\":[{\"image_url\":\"u\"}]}]}",
		 CHAT},
		{"/v1/chat/completions", "{\"messages\":[{\"content\":null,\"tool_calls\":[{}]}]}",
		 NULL},
		{"/v1/chat/completions/render", "{\"messages\":[{\"role\":\"user\"}]}", NULL},
		{"/v1/completions", "{}", COMPLETIONS},
		{"/v1/completions", "null", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":\"\"}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[\"a\",1]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[1,\"a\"]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[1.5]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[-1]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[4294967296]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[[1]]}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[4294967295]}", NULL},
		{"/v1/completions", "{\"prompt\":\"x\",\"prompt\":null}", COMPLETIONS},
		{"/v1/completions", "{\"prompt\":[1],\"prompt\":\"x\"}", NULL},
		{"/v1/embeddings", "{\"input\":{}}", EMBEDDINGS},
		{"/v1/embeddings", "{\"input\":[\"a\",\"b\"]}", NULL},
		{"/v1/images/generations", "{\"prompt\":[\"a\"]}", IMAGES},
		{"/v1/images/generations", "{\"prompt\":\"a\"}", NULL},
		{"/v1/completions", "",
		 "error unmarshaling request bodyMap: unexpected end of JSON input"},
		{"/v1/completions", "{\"prompt\":\"a\"",
		 "error unmarshaling request bodyMap: unexpected end of JSON input"},
		{"/v1/completions", "{\"prompt\":x}",
		 "error unmarshaling request bodyMap: invalid character 'x' looking for beginning "
		 "of "
		 "value"},
		{"/v1/completions", "[1]",
		 "error unmarshaling request bodyMap: json: cannot unmarshal array into Go value "
		 "of "
		 "type map[string]interface {}"},
		{"/v1/completions", " 7 ",
		 "error unmarshaling request bodyMap: json: cannot unmarshal number into Go value "
		 "of "
		 "type map[string]interface {}"},
		{"/v1/completions", "{\"prompt\":\"a\",\"x\":[1e999]}",
		 "error unmarshaling request bodyMap: json: cannot unmarshal number 1e999 into Go "
		 "value of type float64"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes text = rp_bytes_str(cases[i].text);

		for (size_t first = 0; first <= text.len; first++) {
			int err = parse_split(cases[i].path, text, first, SIZE_MAX);

			if (cases[i].error == NULL) {
				assert_int_equal(err, RP_OK);
				continue;
			}
			assert_int_equal(err, RP_EFORMAT);
			assert_string_equal(error_text, cases[i].error);
		}
	}
}

static void the_longest_suffix_chooses_the_parser(void **state RP_UNUSED)
{
	static const struct {
		const char *path;
		enum rp_api api;
	} cases[] = {
		{"/v1/chat/completions", RP_API_CHAT},
		{"/v1/chat/completions/?a=b", RP_API_CHAT},
		{"/v1/completions?x=/chat/completions", RP_API_COMPLETIONS},
		{"/x/mycompletions", RP_API_COMPLETIONS},
		{"/v1/completions/render", RP_API_COMPLETIONS},
		{"/v1/responses/", RP_API_RESPONSES},
		{"/v1/models", RP_API_RAW},
		{"", RP_API_RAW},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		parse(cases[i].path, "{}");
		assert_int_equal(request.api, cases[i].api);
		assert_int_equal(request.can_rewrite_model, cases[i].api != RP_API_RAW);
	}
}

static void an_unclaimed_path_needs_a_fallback(void **state RP_UNUSED)
{
	struct rp_bed_config config = rp_bed_default_config();

	config.plugin_count--; /* passthrough-parser is the last */
	rp_bed_publish(&bed, &config, NULL, 0);
	assert_int_equal(rp_request_parser_new(&bed.arena, rp_sched_config(bed.env.sched),
					       rp_bytes_str("/v1/models"), &parser),
			 RP_ENOTFOUND);
}

static void members_are_found_in_any_order_and_the_last_duplicate_wins(void **state RP_UNUSED)
{
	static const char text[] =
		"{\"max_tokens\":7,\"\\u006dodel\":\"old\",\"prompt\":[\"a\"],\"stream\":true,"
		"\"cache_salt\":\"s\\u00e9\",\"Prompt\":\"p\",\"model\":\"m\\\"x\",\"nested\":"
		"{\"model\":\"no\",\"prompt\":[]},\"max_tokens\":9}";

	for (size_t step = 1; step < sizeof(text); step++) {
		assert_int_equal(
			parse_split("/v1/completions", rp_bytes(text, sizeof(text) - 1), 0, step),
			RP_OK);
		assert_true(request.has_model);
		assert_true(request.is_streaming);
		assert_true(rp_bytes_equal_str(request.incoming_model, "m\"x"));
		assert_true(rp_bytes_equal_str(request.cache_salt, "s\xc3\xa9"));
		assert_int_equal(request.max_tokens, 9);
		assert_memory_equal(text + request.model_value_offset, "\"m\\\"x\"", 6);
		assert_int_equal(request.model_value_bytes, 6);
		assert_int_equal(request.object_begin_offset, 1);
		assert_false(request.is_object_empty);
		make_prompts(100);
		assert_int_equal(request.prompt_count, 1);
		assert_string_equal(prompt_text(0), "p");
	}
}

static void token_caps_are_whole_numbers_of_their_api(void **state RP_UNUSED)
{
	static const struct {
		const char *path;
		const char *text;
		int64_t cap;
	} cases[] = {
		{"/completions", "{\"prompt\":\"a\"}", -1},
		{"/completions", "{\"prompt\":\"a\",\"max_tokens\":0}", 0},
		{"/completions", "{\"prompt\":\"a\",\"max_tokens\":1e2}", 100},
		{"/completions", "{\"prompt\":\"a\",\"max_tokens\":1.5}", -1},
		{"/completions", "{\"prompt\":\"a\",\"max_tokens\":-1}", -1},
		{"/completions", "{\"prompt\":\"a\",\"max_tokens\":\"5\"}", -1},
		{"/chat/completions", "{\"messages\":[{}],\"max_tokens\":3}", 3},
		{"/chat/completions",
		 "{\"messages\":[{}],\"max_tokens\":3,\"max_completion_tokens\":4}", 4},
		{"/chat/completions",
		 "{\"messages\":[{}],\"max_tokens\":3,\"max_completion_tokens\":\"x\"}", 3},
		{"/responses", "{\"input\":1,\"max_tokens\":3}", -1},
		{"/responses", "{\"input\":1,\"max_output_tokens\":3}", 3},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].path, cases[i].text), RP_OK);
		assert_int_equal(request.max_tokens, cases[i].cap);
	}
}

static void a_missing_model_leaves_a_place_for_one(void **state RP_UNUSED)
{
	assert_int_equal(parse("/completions", " {\"prompt\":\"a\",\"model\":5}"), RP_OK);
	assert_false(request.has_model);
	assert_int_equal(request.incoming_model.len, 0);
	assert_int_equal(request.model_value_bytes, 1);
	assert_int_equal(parse("/completions", " {\"prompt\":\"a\"}"), RP_OK);
	assert_int_equal(request.model_value_bytes, 0);
	assert_int_equal(request.object_begin_offset, 2);
	parse("/models", "anything");
	assert_int_equal(request.body_bytes, 8);
}

static void chat_prompts_put_roles_before_contents(void **state RP_UNUSED)
{
	static const struct {
		const char *text;
		const char *prompt;
	} cases[] = {
		{"{\"messages\":[{\"content\":\"hello\",\"role\":\"user\"},{\"role\":\"assistant\"}"
		 "]}",
		 "userhelloassistant"},
		{"{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
		 "{\"text\":\"b\",\"type\":\"text\"},{\"type\":\"refusal\",\"text\":\"c\"}]}]}",
		 "uab"},
		{"{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
		 "\"content\":\"z\"}]}",
		 "uz"},
		{"{\"messages\":[{\"role\":\"x\"}],\"messages\":[{\"role\":\"y\",\"content\":\"1\"}"
		 "]}",
		 "y1"},
		{"{\"tools\":[{\"b\":1,\"a\":\"<\"}],\"messages\":[{\"role\":\"u\"}]}",
		 "[{\"a\":\"\\u003c\",\"b\":1}]u"},
		{"{\"messages\":[{\"role\":\"u\",\"content\":\"\\ud83d\\ude00\\ud800x\"}]}",
		 "u\xf0\x9f\x98\x80\xef\xbf\xbdx"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes text = rp_bytes_str(cases[i].text);

		for (size_t step = 1; step <= text.len; step++) {
			assert_int_equal(parse_split("/chat/completions", text, 0, step), RP_OK);
			make_prompts(1000);
			assert_string_equal(prompt_text(0), cases[i].prompt);
		}
	}
}

static void other_apis_prompt_with_gos_json(void **state RP_UNUSED)
{
	assert_int_equal(parse("/conversations",
			       "{\"items\":[ {\"z\":1.0, \"content\":{\"z\":1.0,"
			       "\"a\":[1e21,-0]},\"Role\":\"u\",\"type\":\"\"},null,"
			       "{\"role\":\"x&\",\"content\":null,\"t\\u0079pe\":\"m\"} ]}"),
			 RP_OK);
	make_prompts(1000);
	assert_string_equal(prompt_text(0),
			    "[{\"role\":\"u\",\"content\":{\"a\":[1e+21,-0],\"z\":1}},{},"
			    "{\"type\":\"m\",\"role\":\"x\\u0026\"}]");
	assert_int_equal(parse("/embeddings", "{\"input\":\"a&b\"}"), RP_OK);
	make_prompts(1000);
	assert_string_equal(prompt_text(0),
			    "{\"Raw\":\"a\\u0026b\",\"Strings\":null,\"TokenIDs\":null}");
	assert_int_equal(parse("/embeddings", "{\"input\":[\"a\",\"b\"]}"), RP_OK);
	make_prompts(1000);
	assert_string_equal(prompt_text(0),
			    "{\"Raw\":\"\",\"Strings\":[\"a\",\"b\"],\"TokenIDs\":null}");
	assert_int_equal(parse("/images/generations", "{\"prompt\":\"a\"}"), RP_OK);
	assert_int_equal(
		rp_request_make_prompts(parser, &body, &rp_bed_token_params, NULL, 10, &request),
		RP_EUNSUPPORTED);
	assert_false(request.has_prompts);
}

static void prompts_are_cut_to_what_is_asked_for(void **state RP_UNUSED)
{
	assert_int_equal(parse("/completions", "{\"prompt\":[\"abcdefgh\",\"ijklm\"]}"), RP_OK);
	make_prompts(1);
	assert_int_equal(request.prompt_count, 2);
	assert_int_equal(request.prompts[0].token_count, 1);
	assert_string_equal(prompt_text(1), "ijkl");
	assert_int_equal(request.prompts[0].full_token_count, 2);
	assert_int_equal(request.token_count, 4);
	assert_int_equal(parse("/completions", "{\"prompt\":[1,2,3]}"), RP_OK);
	make_prompts(2);
	assert_int_equal(request.prompts[0].token_count, 2);
	assert_int_equal(request.token_count, 3);
	assert_memory_equal(request.prompts[0].token_bytes, "\1\0\0\0\2\0\0\0", 8);
}

/* Block hashes of all prompts, one after the other. */
static size_t hashes_of(uint64_t block_tokens, uint64_t *hashes, size_t max)
{
	size_t count = 0;

	for (uint32_t i = 0; i < request.prompt_count; i++)
		count += rp_prefix_hash_blocks(1, &request.prompts[i], block_tokens, max - count,
					       hashes + count);
	return count;
}

static void check_hashes(const struct rp_prompt_shape *shape, bool is_made_on_the_way)
{
	uint64_t kept[64], hashed[64];
	struct rp_request_hints hints = {0};
	size_t count;

	make_prompts(shape->max_tokens);
	count = hashes_of(shape->block_tokens, kept, RP_ARRAY_LEN(kept));
	assert_int_equal(rp_request_hash_prompts(parser, &body, &rp_bed_token_params, &hints, shape,
						 &request),
			 RP_OK);
	assert_int_equal(hashes_of(shape->block_tokens, hashed, RP_ARRAY_LEN(hashed)), count);
	assert_memory_equal(hashed, kept, count * sizeof(*kept));
	assert_true(is_made_on_the_way ==
		    (request.prompts[0].block_tokens != 0 &&
		     request.prompts[0].block_hash == parser->tap.hasher.hash));
}

static void hashes_made_on_the_way_are_those_of_the_prompt(void **state RP_UNUSED)
{
	static const struct rp_prompt_shape guessed = {64, 131072},
					    others[] = {{65, 131072}, {64, 100}, {2000, 131072}};
	static const struct {
		const char *path;
		const char *text; /* each %s a text */
		bool is_made_on_the_way;
	} cases[] = {
		{"/completions", "{\"model\":\"m\",\"prompt\":\"%s\",\"x\":\"%s\"}", true},
		{"/completions", "{\"prompt\":[\"%s\"]}", true},
		{"/completions", "{\"prompt\":[\"%s\",\"%s\"]}", false},
		{"/completions", "{\"prompt\":\"%s\",\"prompt\":\"%s\"}", false},
		{"/completions", "{\"prompt\":[1,2,3]}", false},
		{"/embeddings", "{\"input\":\"%s\"}", false},
		{"/conversations", "{\"items\":[{\"content\":\"%s\"}]}", false},
		{"/responses", "{\"input\":\"%s\",\"prompt\":\"x\"}", false},
		{"/chat/completions",
		 "{\"messages\":[{\"role\":\"system\",\"content\":\"%s\"},{\"role\":\"user\","
		 "\"name\":\"%s\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"},{\"type\":"
		 "\"text\","
		 "\"text\":\"\"}]},{\"role\":\"assistant\",\"content\":null},{\"content\":\"x\"}],"
		 "\"tools\":[]}",
		 true},
		{"/chat/completions", "{\"messages\":[{\"content\":\"%s\",\"role\":\"u\"}]}",
		 false},
		{"/chat/completions",
		 "{\"messages\":[{\"content\":[{\"text\":\"%s\",\"type\":\"text\"}]}]}", false},
		{"/chat/completions",
		 "{\"messages\":[{\"role\":\"u\",\"content\":\"%s\",\"content\":\"%s\"}]}", false},
		{"/chat/completions",
		 "{\"messages\":[{\"content\":\"%s\"}],\"messages\":[{\"content\":\"%s\"}]}",
		 false},
		{"/chat/completions", "{\"messages\":[{\"content\":\"%s\"}],\"tools\":[1]}", false},
		{"/chat/completions", "{\"tools\":[1],\"messages\":[{\"content\":\"%s\"}]}", false},
		{"/chat/completions",
		 "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"%s\"},{\"type\":"
		 "\"image_url\",\"image_url\":{\"url\":\"%s\"}}]}]}",
		 false},
	};
	static const char fill[] =
		"Of long texts, and of \\\"escapes\\\" \\u00e9 \\ud83d\\ude00 \xc3\xa9\xe4\xb8\xad "
		"\xff "
		"\\ud83d and what goes on after them: blocks are long, so is this, and it must be "
		"longer than a block, or nothing would be hashed while the rest is still to come. "
		"It is not yet, but some words more will do, and so they stand here, in a row.";
	char text[4 * sizeof(fill) + 512];

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		size_t len = 0;

		for (const char *at = cases[i].text; *at != '\0'; at++) {
			bool is_fill = at[0] == '%';
			const char *from = is_fill ? fill : at;
			size_t n = is_fill ? sizeof(fill) - 1 : 1;

			memcpy(text + len, from, n);
			len += n;
			at += is_fill;
		}
		for (size_t step = 1; step <= len + 1; step += step < 40 ? 1 : 97) {
			assert_int_equal(parse_split(cases[i].path, rp_bytes(text, len), 0, step),
					 RP_OK);
			check_hashes(&guessed, cases[i].is_made_on_the_way);
			for (size_t k = 0; k < RP_ARRAY_LEN(others); k++)
				check_hashes(&others[k], false);
		}
		for (size_t first = 0; first <= len; first++) {
			assert_int_equal(
				parse_split(cases[i].path, rp_bytes(text, len), first, SIZE_MAX),
				RP_OK);
			check_hashes(&guessed, cases[i].is_made_on_the_way);
		}
	}
}

static void media_count_by_their_size(void **state RP_UNUSED)
{
	/* a GIF of 2048x64, a JPEG of 64x128 behind an APP0 segment, and something else */
	static const struct {
		const char *url;
		uint64_t tokens;
	} cases[] = {
		{"data:image/gif;base64,R0lGODlhAAhAAA==", 128},
		{"data:image\\/jpeg;base64,/9j/4AAEAAD/wAARCACAAEADAREAAhEBAxEB", 8},
		{"data:image/png;base64,AAAA", 225},
		{"http://x/y.png", 225},
	};
	char text[512];

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text),
			 "{\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{"
			 "\"url\":"
			 "\"%s\"}}]}]}",
			 cases[i].url);
		assert_int_equal(parse("/chat/completions", text), RP_OK);
		make_prompts(1000);
		assert_int_equal(request.prompts[0].token_count, cases[i].tokens);
	}
}

static void a_large_body_needs_little_memory(void **state RP_UNUSED)
{
	enum { BYTES = 20 << 20 };
	char *text = malloc(BYTES);
	static const char head[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"u\",\"content\":\"";
	static const char tail[] = "\"}]}";

	assert_non_null(text);
	memset(text, 'a', BYTES);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + BYTES - sizeof(tail) + 1, tail, sizeof(tail) - 1);
	assert_int_equal(parse_split("/chat/completions", rp_bytes(text, BYTES), 0, 60000), RP_OK);
	make_prompts(131072);
	assert_int_equal(request.prompts[0].token_count, 131072);
	assert_int_equal(request.token_count,
			 (BYTES - sizeof(head) + 1 - sizeof(tail) + 1 + 1 + 3) / 4);
	assert_true(bed.arena.bytes < (2u << 20));
	free(text);
}

static void too_many_parts_are_refused(void **state RP_UNUSED)
{
	size_t bytes = 16 + 4 * (size_t)(RP_JSON_SPANS_MAX + 1);
	char *text = malloc(bytes);
	size_t at;

	assert_non_null(text);
	at = (size_t)snprintf(text, bytes, "{\"prompt\":[");
	for (uint32_t i = 0; i <= RP_PROMPTS_MAX; i++) {
		memcpy(text + at, "\"a\",", 4);
		at += 4;
	}
	memcpy(text + at - 1, "]}", 3);
	assert_int_equal(parse("/completions", text), RP_EFORMAT);
	assert_string_equal(error_text, "request has too many prompts or content parts");
	free(text);
}

/* Whatever the bytes are: no crash, and the same answer however they are cut. */
static void broken_bodies_are_refused_alike_in_any_pieces(void **state RP_UNUSED)
{
	static const char base[] =
		"{\"model\":\"m\",\"tools\":[{\"a\":{\"b\":1.5}}],\"messages\":[{\"role\":\"u\","
		"\"content\":[{\"type\":\"text\",\"text\":\"x\\ud83d\\ude00\"},{\"type\":"
		"\"image_url\",\"image_url\":{\"url\":\"data:image/gif;base64,R0lGODlh\"}},"
		"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QQ==\",\"format\":\"wav\"}}]"
		"}]}";
	uint64_t seed = 7;

	for (int round = 0; round < 3000; round++) {
		char text[sizeof(base)];
		char first_error[1024];
		int err;

		memcpy(text, base, sizeof(base));
		for (int n = 0; n <= round % 3; n++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			text[(seed >> 33) % (sizeof(base) - 1)] = (char)(seed >> 25);
		}
		err = parse_split("/chat/completions", rp_bytes(text, sizeof(base) - 1), 0,
				  SIZE_MAX);
		memcpy(first_error, error_text, sizeof(first_error));
		assert_int_equal(parse_split("/chat/completions", rp_bytes(text, sizeof(base) - 1),
					     0, 1 + (size_t)round % 7),
				 err);
		assert_string_equal(error_text, first_error);
		if (err == RP_OK)
			make_prompts(100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_api_demands_its_member),
		cmocka_unit_test(the_longest_suffix_chooses_the_parser),
		cmocka_unit_test(members_are_found_in_any_order_and_the_last_duplicate_wins),
		cmocka_unit_test(token_caps_are_whole_numbers_of_their_api),
		cmocka_unit_test(a_missing_model_leaves_a_place_for_one),
		cmocka_unit_test(chat_prompts_put_roles_before_contents),
		cmocka_unit_test(other_apis_prompt_with_gos_json),
		cmocka_unit_test(prompts_are_cut_to_what_is_asked_for),
		cmocka_unit_test(hashes_made_on_the_way_are_those_of_the_prompt),
		cmocka_unit_test(media_count_by_their_size),
		cmocka_unit_test(a_large_body_needs_little_memory),
		cmocka_unit_test(too_many_parts_are_refused),
		cmocka_unit_test(broken_bodies_are_refused_alike_in_any_pieces),
		cmocka_unit_test(an_unclaimed_path_needs_a_fallback),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
