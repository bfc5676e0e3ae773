/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading request bodies: tokens alone, the parser, and the pseudo-tokens of the prompt.
 */
#include <stdlib.h>

#include "dataplane/json_scan.h"
#include "dataplane/request.h"
#include "dataplane/sched.h"
#include "perf/micro/micro_bed.h"

enum { PROMPT_RUNS = 16, PROMPT_TOKENS = 1 << 17 };

struct json_bed {
	struct rp_micro_bed bed;
	struct rp_bytes text;
	size_t chunk_bytes;
	uint64_t tokens; /* of the body, as counted the first time */
	struct rp_arena arena;
	struct rp_body body;
	struct rp_request_parser *parser;
	struct rp_bytes path;
};

static void *setup(const struct rp_micro_case *c)
{
	struct json_bed *bed = rp_micro_alloc(sizeof(*bed));
	enum rp_micro_shape shape = (enum rp_micro_shape)c->arg[1];

	rp_micro_bed_init(&bed->bed, 3);
	bed->text = rp_bytes(rp_micro_body(shape, c->arg[0], 0, 0), c->arg[0]);
	bed->chunk_bytes = c->arg[2] != 0 ? c->arg[2] : c->arg[0];
	bed->path = shape == RP_MICRO_COMPLETION || shape == RP_MICRO_PROSE
			    ? RP_BYTES_LIT("/v1/completions")
			    : RP_BYTES_LIT("/v1/chat/completions");
	rp_arena_init(&bed->arena, &bed->bed.env.arenas);
	RP_ASSERT(rp_body_append(&bed->body, &bed->bed.env.bodies, bed->text) == RP_OK);
	return bed;
}

static void teardown(void *user)
{
	struct json_bed *bed = user;

	rp_arena_reset(&bed->arena);
	rp_body_free(&bed->body, &bed->bed.env.bodies);
	free((void *)(uintptr_t)bed->text.ptr);
	rp_micro_bed_fini(&bed->bed);
	free(bed);
}

static void run_json(void *user)
{
	struct json_bed *bed = user;
	struct rp_json_scan scan;
	struct rp_json_token token;
	uint64_t tokens = 0;

	rp_json_scan_init(&scan);
	for (size_t from = 0; from < bed->text.len; from += bed->chunk_bytes) {
		struct rp_bytes chunk = rp_bytes_slice(bed->text, from, bed->chunk_bytes);
		size_t at = 0;

		while (rp_json_scan_next(&scan, chunk, &at, &token) == RP_OK)
			tokens++;
	}
	RP_MICRO_CHECK(rp_json_scan_end(&scan) == RP_OK);
	if (bed->tokens == 0)
		bed->tokens = tokens;
	/* Braces, three keys with values, the prompt or the messages. */
	RP_MICRO_CHECK(tokens == bed->tokens && tokens >= 10);
}

static void parse(struct json_bed *bed, struct rp_request *request)
{
	struct rp_bytes error;

	rp_arena_reset(&bed->arena);
	RP_MICRO_CHECK(rp_request_parser_new(&bed->arena, rp_sched_config(bed->bed.env.sched),
					     bed->path, &bed->parser) == RP_OK);
	for (size_t from = 0; from < bed->text.len; from += bed->chunk_bytes)
		rp_request_parser_feed(bed->parser,
				       rp_bytes_slice(bed->text, from, bed->chunk_bytes));
	RP_MICRO_CHECK(rp_request_parser_finish(bed->parser, &bed->body, request, &error) == RP_OK);
}

static void run_request(void *user)
{
	struct json_bed *bed = user;
	struct rp_request request = {.max_tokens = -1};

	parse(bed, &request);
	RP_MICRO_CHECK(rp_bytes_equal_str(request.incoming_model, "reviews-1"));
	RP_MICRO_CHECK(request.max_tokens == 100 && request.is_streaming);
}

static void prepare_prompt(void *user)
{
	struct json_bed *bed = user;
	struct rp_request request = {.max_tokens = -1};

	parse(bed, &request);
}

static void run_prompt(void *user)
{
	static const struct rp_params_token_producer params;
	static const struct rp_request_hints hints;
	struct json_bed *bed = user;
	struct rp_request request = {.max_tokens = -1};

	RP_MICRO_CHECK(rp_request_make_prompts(bed->parser, &bed->body, &params, &hints,
					       PROMPT_TOKENS, &request) == RP_OK);
	RP_MICRO_CHECK(request.prompt_count == 1);
	RP_MICRO_CHECK(request.prompts[0].token_count >= bed->text.len / 8);
}

const struct rp_micro_ops rp_micro_json = {setup, NULL, run_json, teardown, 0};
const struct rp_micro_ops rp_micro_request = {setup, NULL, run_request, teardown, 0};
const struct rp_micro_ops rp_micro_prompt = {setup, prepare_prompt, run_prompt, teardown,
					     PROMPT_RUNS};
