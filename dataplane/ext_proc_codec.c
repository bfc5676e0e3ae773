/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/ext_proc_codec.h"

/* A bounded sub-message as one view. */
static struct rp_bytes take_field(struct rp_pb_input *in, uint64_t n, uint64_t max,
				  struct rp_arena *arena, int *err)
{
	if (n > max) {
		*err = RP_ETOOBIG;
		rp_pb_input_skip(in, n);
		return rp_bytes(NULL, 0);
	}
	return rp_pb_input_take(in, n, arena);
}

static void decode_headers(struct rp_pb_input in, struct rp_arena *arena,
			   struct rp_ext_proc_message *m, int *err)
{
	bool is_trailers =
		m->kind == RP_EXT_PROC_REQUEST_TRAILERS || m->kind == RP_EXT_PROC_RESPONSE_TRAILERS;
	struct rp_pb_tag tag;

	m->headers = rp_bytes(NULL, 0);
	m->is_end_of_stream = false;
	while (rp_pb_input_next(&in, &tag)) {
		if (tag.type == RP_PB_LEN && tag.number == RP_PB_HEADERS_HEADERS)
			m->headers = take_field(&in, tag.value, RP_EXT_PROC_HEADER_MAP_BYTES_MAX,
						arena, err);
		else if (tag.type == RP_PB_LEN)
			rp_pb_input_skip(&in, tag.value);
		else if (tag.number == RP_PB_HEADERS_END_OF_STREAM && !is_trailers)
			m->is_end_of_stream = tag.value != 0;
	}
	if (in.err != RP_OK)
		*err = in.err;
}

static void decode_body(struct rp_pb_input in, struct rp_ext_proc_message *m, int *err)
{
	struct rp_pb_tag tag;

	m->body = rp_pb_input_bytes(rp_bytes(NULL, 0));
	m->is_end_of_stream = false;
	while (rp_pb_input_next(&in, &tag)) {
		if (tag.type == RP_PB_LEN && tag.number == RP_PB_BODY_BODY)
			m->body = rp_pb_input_enter(&in, tag.value);
		else if (tag.type == RP_PB_LEN)
			rp_pb_input_skip(&in, tag.value);
		else if (tag.number == RP_PB_BODY_END_OF_STREAM)
			m->is_end_of_stream = tag.value != 0;
	}
	if (in.err != RP_OK)
		*err = in.err;
}

static void decode_protocol_config(struct rp_pb_input in, struct rp_ext_proc_message *m, int *err)
{
	struct rp_pb_tag tag;

	m->has_protocol_config = true;
	m->request_body_mode = RP_BODY_MODE_NONE;
	m->response_body_mode = RP_BODY_MODE_NONE;
	while (rp_pb_input_next(&in, &tag)) {
		if (tag.type == RP_PB_LEN)
			rp_pb_input_skip(&in, tag.value);
		else if (tag.number == RP_PB_PROTOCOL_REQUEST_BODY_MODE)
			m->request_body_mode = (uint32_t)tag.value;
		else if (tag.number == RP_PB_PROTOCOL_RESPONSE_BODY_MODE)
			m->response_body_mode = (uint32_t)tag.value;
	}
	if (in.err != RP_OK)
		*err = in.err;
}

int rp_ext_proc_decode(const struct rp_grpc_message *message, struct rp_arena *arena,
		       struct rp_ext_proc_message *ret_message)
{
	struct rp_ext_proc_message *m = ret_message;
	struct rp_pb_input in = message->gathered != NULL ? rp_pb_input_body(message->gathered)
							  : rp_pb_input_bytes(message->view);
	struct rp_pb_tag tag;
	int err = RP_OK;

	*m = (struct rp_ext_proc_message){0};
	while (rp_pb_input_next(&in, &tag)) {
		if (tag.type == RP_PB_VARINT) {
			if (tag.number == RP_PB_REQUEST_OBSERVABILITY_MODE)
				m->is_observed = tag.value != 0;
			continue;
		}
		switch (tag.number) {
		case RP_PB_REQUEST_REQUEST_HEADERS:
		case RP_PB_REQUEST_RESPONSE_HEADERS:
		case RP_PB_REQUEST_REQUEST_TRAILERS:
		case RP_PB_REQUEST_RESPONSE_TRAILERS:
			m->kind = (enum rp_ext_proc_kind)tag.number;
			decode_headers(rp_pb_input_enter(&in, tag.value), arena, m, &err);
			break;
		case RP_PB_REQUEST_REQUEST_BODY:
		case RP_PB_REQUEST_RESPONSE_BODY:
			m->kind = (enum rp_ext_proc_kind)tag.number;
			decode_body(rp_pb_input_enter(&in, tag.value), m, &err);
			break;
		case RP_PB_REQUEST_METADATA_CONTEXT:
			m->metadata = take_field(&in, tag.value, RP_EXT_PROC_METADATA_BYTES_MAX,
						 arena, &err);
			break;
		case RP_PB_REQUEST_PROTOCOL_CONFIG:
			decode_protocol_config(rp_pb_input_enter(&in, tag.value), m, &err);
			break;
		default:
			rp_pb_input_skip(&in, tag.value);
			break;
		}
	}
	return in.err != RP_OK ? in.err : err;
}

int rp_ext_proc_take_body(const struct rp_ext_proc_message *message, struct rp_grpc_message *source,
			  struct rp_body_pool *pool, struct rp_body *to)
{
	struct rp_pb_input body = message->body;
	uint64_t skip = body.offset;
	size_t n;

	if (body.left == 0)
		return RP_OK;
	if (source->gathered == NULL)
		return rp_body_append(to, pool, rp_pb_input_piece(&body, body.left));
	while (skip > 0) {
		n = rp_body_front(source->gathered).len;
		if (n > skip)
			n = (size_t)skip;
		rp_body_take(source->gathered, pool, n);
		skip -= n;
	}
	return rp_body_move(to, source->gathered, body.left, pool);
}

/* One length-delimited field of this tag with a length of one byte: how gateways write nearly all
 * of a header. */
static bool take_short(struct rp_reader *r, uint8_t tag, struct rp_bytes *ret_bytes)
{
	size_t left = rp_reader_left(r);

	if (left < 2 || r->at[0] != tag || r->at[1] >= 0x80 || r->at[1] > left - 2)
		return false;
	*ret_bytes = rp_bytes(r->at + 2, r->at[1]);
	r->at += 2 + r->at[1];
	return true;
}

/* A header of short fields: key, then raw_value or value, and nothing else. */
static bool take_usual_header(struct rp_reader *r, struct rp_header *ret_header)
{
	enum {
		HEADER_TAG = RP_PB_HEADER_MAP_HEADERS << 3 | RP_PB_LEN,
		KEY_TAG = RP_PB_HEADER_KEY << 3 | RP_PB_LEN,
		VALUE_TAG = RP_PB_HEADER_VALUE << 3 | RP_PB_LEN,
		RAW_VALUE_TAG = RP_PB_HEADER_RAW_VALUE << 3 | RP_PB_LEN,
	};
	struct rp_reader ahead = *r;
	struct rp_bytes entry;

	if (!take_short(&ahead, HEADER_TAG, &entry))
		return false;
	struct rp_reader inner = rp_reader(entry);

	if (!take_short(&inner, KEY_TAG, &ret_header->name) ||
	    (!take_short(&inner, RAW_VALUE_TAG, &ret_header->value) &&
	     !take_short(&inner, VALUE_TAG, &ret_header->value)) ||
	    rp_reader_left(&inner) > 0)
		return false;
	*r = ahead;
	return true;
}

bool rp_ext_proc_next_header(struct rp_reader *r, struct rp_header *ret_header)
{
	struct rp_pb_field field, part;
	struct rp_bytes value, raw;
	struct rp_reader inner;

	if (r->err == RP_OK && take_usual_header(r, ret_header))
		return true;
	while (rp_pb_next(r, &field)) {
		if (field.number != RP_PB_HEADER_MAP_HEADERS || field.type != RP_PB_LEN)
			continue;
		value = raw = rp_bytes(NULL, 0);
		*ret_header = (struct rp_header){0};
		inner = rp_reader(field.bytes);
		while (rp_pb_next(&inner, &part)) {
			if (part.type != RP_PB_LEN)
				continue;
			if (part.number == RP_PB_HEADER_KEY)
				ret_header->name = part.bytes;
			else if (part.number == RP_PB_HEADER_VALUE)
				value = part.bytes;
			else if (part.number == RP_PB_HEADER_RAW_VALUE)
				raw = part.bytes;
		}
		if (inner.err != RP_OK) {
			r->err = inner.err;
			return false;
		}
		ret_header->value = raw.len > 0 ? raw : value;
		return true;
	}
	return false;
}
