/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ext_proc_reply.h"

#define METADATA_NAMESPACE "envoy.lb"
#define DESTINATION_KEY	   "x-gateway-destination-endpoint"
#define SCORES_KEY	   "x-gateway-destination-endpoint-scores"
#define DROPPED_REASON	   "x-llm-d-request-dropped-reason"

enum {
	/* Tags and lengths around one string three messages deep, with room to spare. */
	ENTRY_OVERHEAD = 32,
	/* What a reply takes beyond its strings: nesting, namespace, keys. */
	REPLY_OVERHEAD = 320,
	/* Frame, nesting, end_of_stream of a streamed body reply. */
	STREAMED_OVERHEAD = 40,
};

/* ---- the gRPC frame around a message ---- */

static void begin_frame(struct rp_writer *w)
{
	rp_write_u8(w, 0);
	rp_write_be32(w, 0);
}

/* more: payload bytes that follow what is written. */
static void end_frame(struct rp_writer *w, uint64_t more)
{
	struct rp_writer length = rp_writer(w->begin + 1, 4);

	if (w->err != RP_OK)
		return;
	rp_write_be32(&length, (uint32_t)(rp_written(w) - RP_GRPC_PREFIX_BYTES + more));
}

static int send_written(struct rp_h2_stream *stream, const struct rp_writer *w)
{
	RP_ASSERT(w->err == RP_OK); /* every caller sized its storage by the strings it writes */
	return rp_h2_stream_send(stream, rp_writer_bytes(w));
}

/* ---- replies with a CommonResponse ---- */

static void write_set_header(struct rp_writer *w, struct rp_bytes name, struct rp_bytes value)
{
	size_t option = rp_pb_write_begin(w, RP_PB_MUTATION_SET_HEADERS);
	size_t header = rp_pb_write_begin(w, RP_PB_HEADER_OPTION_HEADER);

	rp_pb_write_bytes(w, RP_PB_HEADER_KEY, name);
	rp_pb_write_bytes(w, RP_PB_HEADER_RAW_VALUE, value);
	rp_pb_write_end(w, header);
	rp_pb_write_end(w, option);
}

static void write_header_mutation(struct rp_writer *w, const struct rp_ext_proc_mutation *mutation)
{
	size_t mark;

	if (mutation->set_count == 0 && mutation->remove_count == 0)
		return;
	mark = rp_pb_write_begin(w, RP_PB_COMMON_HEADER_MUTATION);
	for (size_t i = 0; i < mutation->set_count; i++)
		write_set_header(w, mutation->set[i].name, mutation->set[i].value);
	for (size_t i = 0; i < mutation->remove_count; i++)
		rp_pb_write_bytes(w, RP_PB_MUTATION_REMOVE_HEADERS, mutation->remove[i]);
	rp_pb_write_end(w, mark);
}

static void write_scores(struct rp_writer *w, const struct rp_ext_proc_mutation *mutation)
{
	size_t field = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	size_t value, scores, entry, number;

	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, RP_BYTES_LIT(SCORES_KEY));
	value = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	scores = rp_pb_write_begin(w, RP_PB_VALUE_STRUCT);
	for (size_t i = 0; i < mutation->score_count; i++) {
		entry = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
		rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, mutation->score[i].address);
		number = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
		rp_pb_write_double(w, RP_PB_VALUE_NUMBER, mutation->score[i].total);
		rp_pb_write_end(w, number);
		rp_pb_write_end(w, entry);
	}
	rp_pb_write_end(w, scores);
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, field);
}

/* dynamic_metadata { "envoy.lb": { destination [, scores] } } */
static void write_metadata(struct rp_writer *w, const struct rp_ext_proc_mutation *mutation)
{
	size_t metadata, space, value, lb, field, text;

	rp_write_bytes(w, mutation->metadata);
	if (mutation->destination.len == 0 || mutation->metadata.len > 0)
		return;
	metadata = rp_pb_write_begin(w, RP_PB_RESPONSE_DYNAMIC_METADATA);
	space = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, RP_BYTES_LIT(METADATA_NAMESPACE));
	value = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	lb = rp_pb_write_begin(w, RP_PB_VALUE_STRUCT);
	field = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, RP_BYTES_LIT(DESTINATION_KEY));
	text = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	rp_pb_write_bytes(w, RP_PB_VALUE_STRING, mutation->destination);
	rp_pb_write_end(w, text);
	rp_pb_write_end(w, field);
	if (mutation->score != NULL)
		write_scores(w, mutation);
	rp_pb_write_end(w, lb);
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, space);
	rp_pb_write_end(w, metadata);
}

static size_t mutation_bytes_max(const struct rp_ext_proc_mutation *mutation)
{
	size_t n = REPLY_OVERHEAD + mutation->destination.len + mutation->metadata.len;

	for (size_t i = 0; i < mutation->set_count; i++)
		n += mutation->set[i].name.len + mutation->set[i].value.len + ENTRY_OVERHEAD;
	for (size_t i = 0; i < mutation->remove_count; i++)
		n += mutation->remove[i].len + ENTRY_OVERHEAD;
	for (size_t i = 0; i < mutation->score_count; i++)
		n += mutation->score[i].address.len + ENTRY_OVERHEAD;
	return n;
}

static bool is_trailers(enum rp_ext_proc_reply kind)
{
	return kind == RP_EXT_PROC_REPLY_REQUEST_TRAILERS ||
	       kind == RP_EXT_PROC_REPLY_RESPONSE_TRAILERS;
}

/* Everything of a CommonResponse but the bytes of a body mutation. */
static void write_common(struct rp_writer *w, enum rp_ext_proc_reply kind,
			 const struct rp_ext_proc_mutation *mutation, bool is_body_cleared)
{
	size_t reply = rp_pb_write_begin(w, (uint32_t)kind);
	size_t common, body;

	if (!is_trailers(kind)) {
		common = rp_pb_write_begin(w, RP_PB_REPLY_RESPONSE);
		write_header_mutation(w, mutation);
		if (is_body_cleared) {
			body = rp_pb_write_begin(w, RP_PB_COMMON_BODY_MUTATION);
			rp_pb_write_uint(w, RP_PB_BODY_MUTATION_CLEAR, 1);
			rp_pb_write_end(w, body);
		}
		if (mutation->is_route_cache_cleared)
			rp_pb_write_uint(w, RP_PB_COMMON_CLEAR_ROUTE_CACHE, 1);
		rp_pb_write_end(w, common);
	}
	rp_pb_write_end(w, reply);
	write_metadata(w, mutation);
}

/* BodyResponse { CommonResponse { mutation, body_mutation { body } } } with `n` payload bytes to
 * follow: the payload is last, so that it need not pass through the writer. */
static void write_body_mutation_head(struct rp_writer *w, struct rp_writer *scratch,
				     enum rp_ext_proc_reply kind,
				     const struct rp_ext_proc_mutation *mutation, uint64_t n)
{
	uint64_t in_mutation = 1 + rp_pb_varint_bytes(n) + n;
	uint64_t in_common;

	write_header_mutation(scratch, mutation);
	if (mutation->is_route_cache_cleared)
		rp_pb_write_uint(scratch, RP_PB_COMMON_CLEAR_ROUTE_CACHE, 1);
	in_common = rp_written(scratch) + 1 + rp_pb_varint_bytes(in_mutation) + in_mutation;

	write_metadata(w, mutation);
	rp_pb_write_tag(w, (uint32_t)kind, RP_PB_LEN);
	rp_pb_write_varint(w, 1 + rp_pb_varint_bytes(in_common) + in_common);
	rp_pb_write_tag(w, RP_PB_REPLY_RESPONSE, RP_PB_LEN);
	rp_pb_write_varint(w, in_common);
	rp_write_bytes(w, rp_writer_bytes(scratch));
	rp_pb_write_tag(w, RP_PB_COMMON_BODY_MUTATION, RP_PB_LEN);
	rp_pb_write_varint(w, in_mutation);
	rp_pb_write_tag(w, RP_PB_BODY_MUTATION_BODY, RP_PB_LEN);
	rp_pb_write_varint(w, n);
}

int rp_ext_proc_send_common(struct rp_h2_stream *stream, struct rp_arena *arena,
			    enum rp_ext_proc_reply kind,
			    const struct rp_ext_proc_mutation *mutation, struct rp_body *body)
{
	static const struct rp_ext_proc_mutation none;
	bool has_payload = body != NULL && body->bytes > 0;
	struct rp_writer w, scratch;
	size_t bytes;
	uint8_t *storage;
	int err;

	if (mutation == NULL)
		mutation = &none;
	bytes = mutation_bytes_max(mutation);
	storage = rp_arena_alloc(arena, has_payload ? 2 * bytes : bytes);
	if (storage == NULL)
		return RP_ENOMEM;
	w = rp_writer(storage, bytes);
	begin_frame(&w);
	if (has_payload) {
		scratch = rp_writer(storage + bytes, bytes);
		write_body_mutation_head(&w, &scratch, kind, mutation, body->bytes);
		end_frame(&w, body->bytes);
		err = send_written(stream, &w);
		return err != RP_OK ? err : rp_h2_stream_send_body(stream, body, body->bytes);
	}
	write_common(&w, kind, mutation, body != NULL);
	end_frame(&w, 0);
	return send_written(stream, &w);
}

/* ---- what plugins report of an answer ---- */

/* Is there another one of this namespace (and key) among report[from..to-1]? */
static bool has_equal(const struct rp_report *report, uint32_t i, uint32_t from, uint32_t to,
		      bool by_key)
{
	for (uint32_t k = from; k < to; k++) {
		if (rp_bytes_equal(report[k].space, report[i].space) &&
		    (!by_key || rp_bytes_equal(report[k].key, report[i].key)))
			return true;
	}
	return false;
}

/* namespace: { key: value, … } of all of report[i]'s namespace. */
static void write_space(struct rp_writer *w, const struct rp_report *report, uint32_t i,
			uint32_t count)
{
	size_t space = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	size_t value, members;

	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, report[i].space);
	value = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	members = rp_pb_write_begin(w, RP_PB_VALUE_STRUCT);
	for (uint32_t k = i; k < count; k++) {
		size_t entry, number;

		if (!rp_bytes_equal(report[k].space, report[i].space) ||
		    has_equal(report, k, k + 1, count, true))
			continue;
		entry = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
		rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, report[k].key);
		number = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
		rp_pb_write_double(w, RP_PB_VALUE_NUMBER, (double)report[k].value);
		rp_pb_write_end(w, number);
		rp_pb_write_end(w, entry);
	}
	rp_pb_write_end(w, members);
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, space);
}

struct rp_bytes rp_ext_proc_encode_reports(struct rp_arena *arena, const struct rp_report *report,
					   uint32_t count)
{
	size_t bytes = ENTRY_OVERHEAD, metadata;
	struct rp_writer w;

	if (count == 0)
		return rp_bytes(NULL, 0);
	for (uint32_t i = 0; i < count; i++)
		bytes += report[i].space.len + report[i].key.len + 2 * ENTRY_OVERHEAD;
	w = rp_writer(rp_arena_alloc(arena, bytes), bytes);
	if (w.begin == NULL)
		return rp_bytes(NULL, 0);
	metadata = rp_pb_write_begin(&w, RP_PB_RESPONSE_DYNAMIC_METADATA);
	for (uint32_t i = 0; i < count; i++) {
		if (!has_equal(report, i, 0, i, false))
			write_space(&w, report, i, count);
	}
	rp_pb_write_end(&w, metadata);
	RP_ASSERT(w.err == RP_OK);
	return rp_writer_bytes(&w);
}

/* ---- streamed bodies ---- */

/* All that stands before the n payload bytes of a StreamedBodyResponse.
 * more: bytes of the message behind its tail */
static void write_streamed_head(struct rp_writer *w, enum rp_ext_proc_reply kind, uint64_t n,
				bool is_end_of_stream, uint64_t more)
{
	uint64_t in_streamed =
		(n > 0 ? 1 + rp_pb_varint_bytes(n) + n : 0) + (is_end_of_stream ? 2 : 0);
	uint64_t in_mutation = 1 + rp_pb_varint_bytes(in_streamed) + in_streamed;
	uint64_t in_common = 1 + rp_pb_varint_bytes(in_mutation) + in_mutation;
	uint64_t in_reply = 1 + rp_pb_varint_bytes(in_common) + in_common;

	rp_write_u8(w, 0);
	rp_write_be32(w, (uint32_t)(1 + rp_pb_varint_bytes(in_reply) + in_reply + more));
	rp_pb_write_tag(w, (uint32_t)kind, RP_PB_LEN);
	rp_pb_write_varint(w, in_reply);
	rp_pb_write_tag(w, RP_PB_REPLY_RESPONSE, RP_PB_LEN);
	rp_pb_write_varint(w, in_common);
	rp_pb_write_tag(w, RP_PB_COMMON_BODY_MUTATION, RP_PB_LEN);
	rp_pb_write_varint(w, in_mutation);
	rp_pb_write_tag(w, RP_PB_BODY_MUTATION_STREAMED, RP_PB_LEN);
	rp_pb_write_varint(w, in_streamed);
	if (n > 0) {
		rp_pb_write_tag(w, RP_PB_STREAMED_BODY, RP_PB_LEN);
		rp_pb_write_varint(w, n);
	}
}

static void write_streamed_tail(struct rp_writer *w, bool is_end_of_stream)
{
	if (is_end_of_stream)
		rp_pb_write_uint(w, RP_PB_STREAMED_END_OF_STREAM, 1);
}

static int send_parts(struct rp_h2_stream *stream, enum rp_ext_proc_reply kind,
		      struct rp_body *body, bool is_end_of_stream, struct rp_bytes metadata)
{
	uint8_t storage[STREAMED_OVERHEAD];
	struct rp_writer w;
	uint64_t n;
	bool is_last;
	int err;

	do {
		n = body->bytes;
		is_last = n <= RP_BODY_PART_BYTES_MAX;
		if (!is_last)
			n = RP_BODY_PART_BYTES_MAX;
		w = rp_writer(storage, sizeof(storage));
		write_streamed_head(&w, kind, n, is_last && is_end_of_stream,
				    is_last ? metadata.len : 0);
		err = send_written(stream, &w);
		if (err == RP_OK && n > 0)
			err = rp_h2_stream_send_body(stream, body, n);
		if (err == RP_OK && is_last && is_end_of_stream) {
			w = rp_writer(storage, sizeof(storage));
			write_streamed_tail(&w, true);
			err = send_written(stream, &w);
		}
	} while (err == RP_OK && !is_last);
	if (err == RP_OK && metadata.len > 0)
		err = rp_h2_stream_send(stream, metadata);
	return err;
}

int rp_ext_proc_send_streamed(struct rp_h2_stream *stream, enum rp_ext_proc_reply kind,
			      struct rp_body *body, bool is_end_of_stream)
{
	return send_parts(stream, kind, body, is_end_of_stream, rp_bytes(NULL, 0));
}

int rp_ext_proc_send_streamed_end(struct rp_h2_stream *stream, enum rp_ext_proc_reply kind,
				  struct rp_body *body, struct rp_bytes metadata)
{
	return send_parts(stream, kind, body, true, metadata);
}

int rp_ext_proc_send_small(struct rp_h2_stream *stream, enum rp_ext_proc_reply kind,
			   struct rp_bytes body, bool is_end_of_stream)
{
	uint8_t storage[RP_EXT_PROC_SMALL_BODY_BYTES + STREAMED_OVERHEAD];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	write_streamed_head(&w, kind, body.len, is_end_of_stream, 0);
	rp_write_bytes(&w, body);
	write_streamed_tail(&w, is_end_of_stream);
	return send_written(stream, &w);
}

/* ---- ImmediateResponse ---- */

int rp_ext_proc_send_immediate(struct rp_h2_stream *stream, int http_status, struct rp_bytes text,
			       const char *dropped_reason)
{
	uint8_t storage[REPLY_OVERHEAD + RP_EXT_PROC_ERROR_BYTES_MAX];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t immediate, part;

	text = rp_bytes_slice(text, 0, RP_EXT_PROC_ERROR_BYTES_MAX);
	begin_frame(&w);
	immediate = rp_pb_write_begin(&w, RP_PB_RESPONSE_IMMEDIATE);
	part = rp_pb_write_begin(&w, RP_PB_IMMEDIATE_STATUS);
	rp_pb_write_uint(&w, RP_PB_HTTP_STATUS_CODE, (uint64_t)http_status);
	rp_pb_write_end(&w, part);
	if (dropped_reason != NULL) {
		part = rp_pb_write_begin(&w, RP_PB_IMMEDIATE_HEADERS);
		write_set_header(&w, RP_BYTES_LIT(DROPPED_REASON), rp_bytes_str(dropped_reason));
		rp_pb_write_end(&w, part);
	}
	rp_pb_write_bytes(&w, RP_PB_IMMEDIATE_BODY, text);
	rp_pb_write_end(&w, immediate);
	end_frame(&w, 0);
	return send_written(stream, &w);
}
