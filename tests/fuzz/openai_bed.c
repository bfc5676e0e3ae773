/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/openai_bed.h"

struct rp_bed *openai_bed(void)
{
	static struct rp_bed bed;
	struct rp_bed_config config;

	if (bed.env.sched == NULL) {
		config = rp_bed_default_config();
		rp_bed_init(&bed, NULL);
		rp_bed_publish(&bed, &config, NULL, 0);
	}
	return &bed;
}

static void begin(struct rp_bytes path, struct openai_reading *reading)
{
	struct rp_bed *bed = openai_bed();

	*reading = (struct openai_reading){.error = rp_bytes("", 0)};
	RP_ASSERT(rp_request_parser_new(&bed->arena, rp_sched_config(bed->env.sched), path,
					&reading->parser) == RP_OK);
}

static void finish(struct openai_reading *reading)
{
	struct rp_request *request = &reading->request;

	reading->err =
		rp_request_parser_finish(reading->parser, &reading->body, request, &reading->error);
	RP_ASSERT(reading->err == RP_OK || reading->err == RP_EFORMAT);
	if (reading->err != RP_OK) {
		RP_ASSERT(reading->error.len > 0);
		return;
	}
	RP_ASSERT(request->body_bytes == reading->body.bytes);
	RP_ASSERT(request->model_value_offset + request->model_value_bytes <= request->body_bytes);
	RP_ASSERT(request->object_begin_offset <= request->body_bytes);
	RP_ASSERT(request->incoming_model.len <= RP_MODEL_NAME_MAX);
	RP_ASSERT(request->max_tokens >= -1);
}

void openai_read(struct rp_bytes path, struct fuzz_cuts cuts, struct openai_reading *ret_reading)
{
	struct rp_bytes piece;

	begin(path, ret_reading);
	while (fuzz_next(&cuts, &piece)) {
		RP_ASSERT(rp_body_append(&ret_reading->body, &openai_bed()->env.bodies, piece) ==
			  RP_OK);
		rp_request_parser_feed(ret_reading->parser, piece);
	}
	finish(ret_reading);
}

void openai_read_body(struct rp_bytes path, struct rp_body *body,
		      struct openai_reading *ret_reading)
{
	begin(path, ret_reading);
	ret_reading->body = *body;
	*body = (struct rp_body){0};
	for (const struct rp_body_buf *buf = ret_reading->body.first; buf != NULL; buf = buf->next)
		rp_request_parser_feed(ret_reading->parser,
				       rp_bytes(buf->data + buf->begin, buf->end - buf->begin));
	finish(ret_reading);
}

void openai_free(struct openai_reading *reading)
{
	rp_body_free(&reading->body, &openai_bed()->env.bodies);
}

void openai_reset(void)
{
	rp_arena_reset(&openai_bed()->arena);
	RP_ASSERT(openai_bed()->env.bodies.bytes_used == 0);
}
