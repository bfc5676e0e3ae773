/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gateway sends: gRPC frames, ext_proc messages, headers, answers.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/ext_proc_codec.h"
#include "dataplane/header_store.h"
#include "dataplane/usage.h"
#include "perf/micro/micro_bed.h"

enum { ROOM = 1 << 12, FRAME_HEAD = 5 };

struct message_bed {
	struct rp_arena_pool arenas;
	struct rp_arena arena;
	struct rp_body_pool bodies;
	struct rp_grpc_frame frame;
	struct rp_writer w; /* over the message, its gRPC prefix before it */
	size_t chunk_bytes;
	size_t payload_bytes;
	struct rp_bytes header_map;
	struct rp_usage_scan usage;
	enum rp_micro_answer answer;
};

static struct message_bed *new_bed(const struct rp_micro_case *c)
{
	struct message_bed *bed = rp_micro_alloc(sizeof(*bed));
	size_t bytes = ROOM + c->arg[0];

	rp_arena_pool_init(&bed->arenas);
	rp_arena_init(&bed->arena, &bed->arenas);
	rp_body_pool_init(&bed->bodies, RP_BODY_BYTES_MAX);
	bed->payload_bytes = c->arg[0];
	bed->w = rp_writer(rp_micro_alloc(bytes), bytes);
	rp_write_u8(&bed->w, 0);
	rp_write_be32(&bed->w, 0);
	return bed;
}

/* The length goes into the prefix. */
static struct message_bed *seal(struct message_bed *bed, const struct rp_micro_case *c)
{
	struct rp_writer prefix = rp_writer(bed->w.begin + 1, 4);

	RP_ASSERT(bed->w.err == RP_OK);
	rp_write_be32(&prefix, (uint32_t)(rp_written(&bed->w) - FRAME_HEAD));
	bed->chunk_bytes = c->arg[1] != 0 ? c->arg[1] : rp_written(&bed->w);
	return bed;
}

static void put_header(struct rp_writer *w, const char *name, const char *value)
{
	size_t mark = rp_pb_write_begin(w, RP_PB_HEADER_MAP_HEADERS);

	rp_pb_write_bytes(w, RP_PB_HEADER_KEY, rp_bytes_str(name));
	rp_pb_write_bytes(w, RP_PB_HEADER_RAW_VALUE, rp_bytes_str(value));
	rp_pb_write_end(w, mark);
}

/* As Envoy sends them: bodies follow, full duplex. */
static void put_request_headers(struct rp_writer *w)
{
	static const char *const headers[][2] = {
		{":authority", "inference.example.com"},
		{":path", "/v1/chat/completions"},
		{":method", "POST"},
		{":scheme", "https"},
		{"user-agent", "OpenAI/Python 1.51.0"},
		{"accept", "application/json"},
		{"content-type", "application/json"},
		{"content-length", "8192"},
		{"authorization", "Bearer 0123456789abcdef0123456789abcdef"},
		{"x-forwarded-for", "192.0.2.17"},
		{"x-forwarded-proto", "https"},
		{"x-request-id", "5b0b5d4a-6a4a-4c6e-9d3e-0f2a1f6f7d11"},
	};
	size_t message = rp_pb_write_begin(w, RP_PB_REQUEST_REQUEST_HEADERS);
	size_t map = rp_pb_write_begin(w, RP_PB_HEADERS_HEADERS);

	for (size_t i = 0; i < RP_ARRAY_LEN(headers); i++)
		put_header(w, headers[i][0], headers[i][1]);
	rp_pb_write_end(w, map);
	rp_pb_write_end(w, message);
	message = rp_pb_write_begin(w, RP_PB_REQUEST_PROTOCOL_CONFIG);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_REQUEST_BODY_MODE, RP_BODY_MODE_FULL_DUPLEX);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_RESPONSE_BODY_MODE, RP_BODY_MODE_FULL_DUPLEX);
	rp_pb_write_end(w, message);
}

static void put_body(struct rp_writer *w, uint32_t kind, size_t bytes)
{
	uint8_t *text = rp_micro_alloc(bytes + 1);
	size_t message = rp_pb_write_begin(w, kind);

	memset(text, 'x', bytes);
	rp_pb_write_bytes(w, RP_PB_BODY_BODY, rp_bytes(text, bytes));
	rp_pb_write_uint(w, RP_PB_BODY_END_OF_STREAM, 1);
	rp_pb_write_end(w, message);
	free(text);
}

static struct rp_grpc_message message_of(const struct message_bed *bed)
{
	return (struct rp_grpc_message){
		.view = rp_bytes_slice(rp_writer_bytes(&bed->w), FRAME_HEAD, SIZE_MAX)};
}

static void *setup_headers(const struct rp_micro_case *c)
{
	struct message_bed *bed = new_bed(c);
	struct rp_grpc_message message;
	struct rp_ext_proc_message decoded;

	put_request_headers(&bed->w);
	message = message_of(bed);
	RP_ASSERT(rp_ext_proc_decode(&message, &bed->arena, &decoded) == RP_OK);
	bed->header_map = decoded.headers;
	return seal(bed, c);
}

static void *setup_request_body(const struct rp_micro_case *c)
{
	struct message_bed *bed = new_bed(c);

	put_body(&bed->w, RP_PB_REQUEST_REQUEST_BODY, c->arg[0]);
	return seal(bed, c);
}

static void *setup_response_body(const struct rp_micro_case *c)
{
	struct message_bed *bed = new_bed(c);

	put_body(&bed->w, RP_PB_REQUEST_RESPONSE_BODY, c->arg[0]);
	return seal(bed, c);
}

static void teardown(void *user)
{
	struct message_bed *bed = user;

	rp_grpc_frame_fini(&bed->frame, &bed->bodies);
	rp_arena_reset(&bed->arena);
	rp_arena_pool_fini(&bed->arenas);
	rp_body_pool_fini(&bed->bodies);
	free(bed->w.begin);
	free(bed);
}

static void run_frame(void *user)
{
	struct message_bed *bed = user;
	struct rp_bytes all = rp_writer_bytes(&bed->w);
	uint64_t message_bytes = 0;

	for (size_t at = 0; at < all.len; at += bed->chunk_bytes) {
		struct rp_bytes in = rp_bytes_slice(all, at, bed->chunk_bytes);
		struct rp_grpc_message message;

		while (rp_grpc_frame_next(&bed->frame, &bed->bodies, RP_GRPC_RECV_MESSAGE_MAX, &in,
					  &message) == RP_OK)
			message_bytes += message.gathered != NULL ? message.gathered->bytes
								  : message.view.len;
	}
	RP_MICRO_CHECK(message_bytes == all.len - FRAME_HEAD);
}

static void run_decode_headers(void *user)
{
	struct message_bed *bed = user;
	struct rp_grpc_message message = message_of(bed);
	struct rp_ext_proc_message decoded;

	RP_MICRO_CHECK(rp_ext_proc_decode(&message, &bed->arena, &decoded) == RP_OK);
	RP_MICRO_CHECK(decoded.kind == RP_EXT_PROC_REQUEST_HEADERS &&
		       rp_bytes_equal(decoded.headers, bed->header_map) &&
		       decoded.request_body_mode == RP_BODY_MODE_FULL_DUPLEX);
}

static void decode_body(struct message_bed *bed, enum rp_ext_proc_kind kind)
{
	struct rp_grpc_message message = message_of(bed);
	struct rp_ext_proc_message decoded;

	RP_MICRO_CHECK(rp_ext_proc_decode(&message, &bed->arena, &decoded) == RP_OK);
	RP_MICRO_CHECK(decoded.kind == kind && decoded.body.left == bed->payload_bytes &&
		       decoded.is_end_of_stream);
}

static void run_decode_request_body(void *user)
{
	decode_body(user, RP_EXT_PROC_REQUEST_BODY);
}

static void run_decode_response_body(void *user)
{
	decode_body(user, RP_EXT_PROC_RESPONSE_BODY);
}

static void run_header_store(void *user)
{
	struct message_bed *bed = user;
	struct rp_header_store store = {0};

	rp_arena_reset(&bed->arena);
	RP_MICRO_CHECK(rp_header_store_fill(&store, &bed->arena, bed->header_map, NULL, false) ==
		       RP_OK);
	RP_MICRO_CHECK(rp_bytes_equal_str(store.known.path, "/v1/chat/completions"));
	RP_MICRO_CHECK(store.has_request_id && store.known.request_id.len == 36);
}

const struct rp_micro_ops rp_micro_frame = {setup_request_body, NULL, run_frame, teardown, 0};
const struct rp_micro_ops rp_micro_decode_headers = {setup_headers, NULL, run_decode_headers,
						     teardown, 0};
const struct rp_micro_ops rp_micro_decode_request_body = {setup_request_body, NULL,
							  run_decode_request_body, teardown, 0};
const struct rp_micro_ops rp_micro_decode_response_body = {setup_response_body, NULL,
							   run_decode_response_body, teardown, 0};
const struct rp_micro_ops rp_micro_header_store = {setup_headers, NULL, run_header_store, teardown,
						   0};

static void *setup_usage(const struct rp_micro_case *c)
{
	struct message_bed *bed = new_bed(c);
	const char *head = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":"
			   "\"reviews-1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"";
	const char *tail = "\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,"
			   "\"total_tokens\":16}}";

	bed->answer = (enum rp_micro_answer)c->arg[1];
	bed->w.at = bed->w.begin;
	if (bed->answer != RP_MICRO_ANSWER_JSON)
		rp_write_str(&bed->w, "data: ");
	rp_write_str(&bed->w, head);
	if (bed->answer == RP_MICRO_ANSWER_CHUNK)
		tail = "\"}}]}\n\n";
	else if (bed->answer == RP_MICRO_ANSWER_LAST_CHUNK)
		tail = "\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,"
		       "\"total_tokens\":16}}\n\n";
	while (rp_written(&bed->w) + strlen(tail) < c->arg[0])
		rp_write_u8(&bed->w, 'x');
	rp_write_str(&bed->w, tail);
	RP_ASSERT(bed->w.err == RP_OK);
	rp_usage_begin(&bed->usage, RP_USAGE_OPENAI, bed->answer != RP_MICRO_ANSWER_JSON);
	return bed;
}

static void run_usage(void *user)
{
	struct message_bed *bed = user;
	const struct rp_usage *found = &bed->usage.found;

	if (bed->answer != RP_MICRO_ANSWER_CHUNK)
		rp_usage_begin(&bed->usage, RP_USAGE_OPENAI, bed->answer != RP_MICRO_ANSWER_JSON);
	rp_usage_feed(&bed->usage, rp_writer_bytes(&bed->w));
	if (bed->answer != RP_MICRO_ANSWER_CHUNK)
		found = rp_usage_end(&bed->usage);
	RP_MICRO_CHECK(found->total_tokens == (bed->answer == RP_MICRO_ANSWER_CHUNK ? 0 : 16));
}

const struct rp_micro_ops rp_micro_usage = {setup_usage, NULL, run_usage, teardown, 0};
