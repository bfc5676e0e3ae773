/* SPDX-License-Identifier: Apache-2.0
 *
 * A ProcessingRequest in a chain of buffers, cut anywhere, decodes like the same bytes in one
 * piece; what was decoded, written again, decodes to the same.
 */
#include <stdlib.h>

#include "dataplane/ext_proc_codec.h"
#include "dataplane/subset_hint.h"
#include "tests/fuzz/fuzz.h"

enum { BODIES_BYTES = 1 << 20 };

static struct rp_arena_pool arenas;
static struct rp_body_pool pool;

/* A chain whose buffers are as large as their piece, so that a read beyond one is seen. */
static void chain_new(struct fuzz_cuts cuts, struct rp_body *body)
{
	struct rp_bytes piece;
	struct rp_body_buf *buf;

	*body = (struct rp_body){0};
	while (fuzz_next(&cuts, &piece)) {
		uint32_t begin = fuzz_below(&cuts, 3); /* taken away already */

		buf = malloc(sizeof(*buf) + begin + piece.len);
		RP_ASSERT(buf != NULL);
		*buf = (struct rp_body_buf){.begin = begin, .end = begin + (uint32_t)piece.len};
		memcpy(buf->data + begin, piece.ptr, piece.len);
		if (body->last == NULL)
			body->first = buf;
		else
			body->last->next = buf;
		body->last = buf;
		body->bytes += piece.len;
	}
}

static void chain_free(struct rp_body *body)
{
	while (body->first != NULL) {
		struct rp_body_buf *next = body->first->next;

		free(body->first);
		body->first = next;
	}
}

/* The same from the pool's buffers, of which the payload can be moved out. */
static void gather(struct fuzz_cuts cuts, struct rp_body *body)
{
	struct rp_body part = {0};
	struct rp_bytes piece;

	*body = (struct rp_body){0};
	while (fuzz_next(&cuts, &piece)) {
		RP_ASSERT(rp_body_append(&part, &pool, piece) == RP_OK);
		RP_ASSERT(rp_body_move(body, &part, part.bytes, &pool) == RP_OK);
	}
}

static uint64_t digest_of_payload(struct rp_pb_input body)
{
	uint64_t digest = 0, left = body.left;
	struct rp_bytes piece;

	while ((piece = rp_pb_input_piece(&body, UINT64_MAX)).len > 0) {
		digest = fuzz_hash(digest, piece.ptr, piece.len);
		left -= piece.len;
	}
	RP_ASSERT(left == 0 && body.err == RP_OK);
	return digest;
}

static void compare(const struct rp_ext_proc_message *a, const struct rp_ext_proc_message *b)
{
	RP_ASSERT(a->kind == b->kind);
	RP_ASSERT(a->is_end_of_stream == b->is_end_of_stream);
	RP_ASSERT(a->is_observed == b->is_observed);
	RP_ASSERT(a->has_protocol_config == b->has_protocol_config);
	RP_ASSERT(a->request_body_mode == b->request_body_mode);
	RP_ASSERT(a->response_body_mode == b->response_body_mode);
	RP_ASSERT(rp_bytes_equal(a->headers, b->headers));
	RP_ASSERT(rp_bytes_equal(a->metadata, b->metadata));
	RP_ASSERT(a->body.left == b->body.left);
	RP_ASSERT(digest_of_payload(a->body) == digest_of_payload(b->body));
}

static bool is_body(const struct rp_ext_proc_message *m)
{
	return m->kind == RP_EXT_PROC_REQUEST_BODY || m->kind == RP_EXT_PROC_RESPONSE_BODY;
}

static bool is_trailers(const struct rp_ext_proc_message *m)
{
	return m->kind == RP_EXT_PROC_REQUEST_TRAILERS || m->kind == RP_EXT_PROC_RESPONSE_TRAILERS;
}

/* Only the last member of the oneof counts: what an earlier one left behind is not compared. */
static void write_again(const struct rp_ext_proc_message *m, struct rp_writer *w)
{
	struct rp_pb_input body = m->body;
	size_t part = 0;

	if (m->kind != RP_EXT_PROC_NONE)
		part = rp_pb_write_begin(w, m->kind);
	if (is_body(m)) {
		rp_pb_write_bytes(w, RP_PB_BODY_BODY, rp_pb_input_piece(&body, UINT64_MAX));
		rp_pb_write_uint(w, RP_PB_BODY_END_OF_STREAM, m->is_end_of_stream);
	} else if (m->kind != RP_EXT_PROC_NONE) {
		rp_pb_write_bytes(w, RP_PB_HEADERS_HEADERS, m->headers);
		if (!is_trailers(m))
			rp_pb_write_uint(w, RP_PB_HEADERS_END_OF_STREAM, m->is_end_of_stream);
	}
	if (m->kind != RP_EXT_PROC_NONE)
		rp_pb_write_end(w, part);
	rp_pb_write_bytes(w, RP_PB_REQUEST_METADATA_CONTEXT, m->metadata);
	rp_pb_write_uint(w, RP_PB_REQUEST_OBSERVABILITY_MODE, m->is_observed);
	if (!m->has_protocol_config)
		return;
	part = rp_pb_write_begin(w, RP_PB_REQUEST_PROTOCOL_CONFIG);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_REQUEST_BODY_MODE, m->request_body_mode);
	rp_pb_write_uint(w, RP_PB_PROTOCOL_RESPONSE_BODY_MODE, m->response_body_mode);
	rp_pb_write_end(w, part);
}

static void check_again(const struct rp_ext_proc_message *m, size_t size, struct rp_arena *arena)
{
	/* Every part is at most as long as the message, and takes a few bytes of tags. */
	size_t room = 3 * size + 128;
	uint8_t *text = malloc(room);
	struct rp_writer w = rp_writer(text, room);
	struct rp_ext_proc_message once = *m, again;

	RP_ASSERT(text != NULL);
	if (is_body(m))
		once.headers = rp_bytes(NULL, 0);
	else
		once.body = rp_pb_input_bytes(rp_bytes(NULL, 0));
	write_again(&once, &w);
	RP_ASSERT(w.err == RP_OK);
	RP_ASSERT(rp_ext_proc_decode(&(struct rp_grpc_message){.view = rp_writer_bytes(&w)}, arena,
				     &again) == RP_OK);
	compare(&once, &again);
	free(text);
}

static void check_take_body(const struct rp_ext_proc_message *m, struct rp_bytes in,
			    struct rp_arena *arena)
{
	struct rp_body gathered, to = {0};
	struct rp_grpc_message source = {.gathered = &gathered};
	struct rp_ext_proc_message same;

	gather(fuzz_cuts(in), &gathered);
	RP_ASSERT(rp_ext_proc_decode(&source, arena, &same) == RP_OK);
	compare(m, &same);
	RP_ASSERT(rp_ext_proc_take_body(&same, &source, &pool, &to) == RP_OK);
	RP_ASSERT(to.bytes == m->body.left);
	RP_ASSERT(digest_of_payload(rp_pb_input_body(&to)) == digest_of_payload(m->body));
	rp_body_free(&to, &pool);
	rp_body_free(&gathered, &pool);
	RP_ASSERT(pool.bytes_used == 0);
}

static void read_views(const struct rp_ext_proc_message *m, struct rp_arena *arena)
{
	struct rp_reader r = rp_reader(m->headers);
	struct rp_subset subset = {0};
	struct rp_header header;
	struct rp_bytes value;

	while (rp_ext_proc_next_header(&r, &header))
		RP_ASSERT(header.name.len + header.value.len <= m->headers.len);
	RP_ASSERT(r.err != RP_OK || rp_reader_left(&r) == 0);
	if (rp_subset_hint_find(m->metadata, &value) != RP_OK)
		return;
	/* Twice, as headers of two messages may do. */
	if (rp_subset_hint_add(arena, value, &subset) == RP_OK)
		RP_ASSERT(rp_subset_hint_add(arena, value, &subset) == RP_OK);
	RP_ASSERT(subset.count <= RP_SUBSET_ENDPOINTS_MAX);
	for (uint32_t i = 0; i < subset.count; i++)
		RP_ASSERT(subset.entry[i].len > 0 && subset.entry[i].len <= value.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);
	struct rp_grpc_message view = {.view = in}, chained = {0};
	struct rp_ext_proc_message whole, split;
	struct rp_arena arena;
	struct rp_body chain;
	int err;

	if (pool.bytes_max == 0) {
		rp_arena_pool_init(&arenas);
		rp_body_pool_init(&pool, BODIES_BYTES);
	}
	rp_arena_init(&arena, &arenas);
	chain_new(fuzz_cuts(in), &chain);
	chained.gathered = &chain;
	err = rp_ext_proc_decode(&view, &arena, &whole);
	RP_ASSERT(rp_ext_proc_decode(&chained, &arena, &split) == err);
	if (err == RP_OK) {
		compare(&whole, &split);
		check_again(&whole, size, &arena);
		check_take_body(&whole, in, &arena);
		read_views(&whole, &arena);
	}
	chain_free(&chain);
	rp_arena_reset(&arena);
	return 0;
}
