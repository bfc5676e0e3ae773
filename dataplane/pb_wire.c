/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/pb_wire.h"

enum { PB_START_GROUP = 3, PB_END_GROUP = 4, PB_VARINT_BYTES_MAX = 10 };

struct rp_pb_input rp_pb_input_bytes(struct rp_bytes message)
{
	return (struct rp_pb_input){
		.at = message.ptr,
		.end = message.ptr + message.len,
		.left = message.len,
	};
}

struct rp_pb_input rp_pb_input_body(const struct rp_body *message)
{
	return (struct rp_pb_input){.next = message->first, .left = message->bytes};
}

static void input_fail(struct rp_pb_input *in, int err)
{
	if (in->err == RP_OK)
		in->err = err;
	in->left = 0;
}

/* Make at..end non-empty if anything is left. */
static void input_settle(struct rp_pb_input *in)
{
	while (in->at == in->end && in->next != NULL) {
		in->at = in->next->data + in->next->begin;
		in->end = in->next->data + in->next->end;
		in->next = in->next->next;
	}
}

struct rp_bytes rp_pb_input_piece(struct rp_pb_input *in, uint64_t max)
{
	struct rp_bytes piece;
	uint64_t n;

	if (max > in->left)
		max = in->left;
	if (max == 0)
		return rp_bytes(in->at, 0);
	input_settle(in);
	n = (uint64_t)(in->end - in->at);
	if (n > max)
		n = max;
	if (n == 0) { /* fewer bytes than promised */
		input_fail(in, RP_EFORMAT);
		return rp_bytes(in->at, 0);
	}
	piece = rp_bytes(in->at, (size_t)n);
	in->at += n;
	in->offset += n;
	in->left -= n;
	return piece;
}

void rp_pb_input_skip(struct rp_pb_input *in, uint64_t n)
{
	if (n > in->left) {
		input_fail(in, RP_EFORMAT);
		return;
	}
	while (n > 0 && in->err == RP_OK)
		n -= rp_pb_input_piece(in, n).len;
}

struct rp_pb_input rp_pb_input_enter(struct rp_pb_input *in, uint64_t n)
{
	struct rp_pb_input inner = *in;

	rp_pb_input_skip(in, n);
	inner.left = in->err == RP_OK ? n : 0;
	inner.err = in->err;
	return inner;
}

struct rp_bytes rp_pb_input_take(struct rp_pb_input *in, uint64_t n, struct rp_arena *arena)
{
	struct rp_bytes piece;
	uint8_t *copy;
	size_t at = 0;

	if (n > in->left) {
		input_fail(in, RP_EFORMAT);
		return rp_bytes(NULL, 0);
	}
	if (n == 0)
		return rp_bytes(in->at, 0);
	input_settle(in);
	if ((uint64_t)(in->end - in->at) >= n)
		return rp_pb_input_piece(in, n);

	copy = rp_arena_alloc(arena, (size_t)n);
	if (copy == NULL) {
		input_fail(in, RP_ENOMEM);
		return rp_bytes(NULL, 0);
	}
	while (at < n) {
		piece = rp_pb_input_piece(in, n - at);
		if (piece.len == 0)
			return rp_bytes(NULL, 0);
		memcpy(copy + at, piece.ptr, piece.len);
		at += piece.len;
	}
	return rp_bytes(copy, at);
}

static uint64_t input_varint(struct rp_pb_input *in)
{
	uint64_t value = 0;
	struct rp_bytes byte;

	if (in->left > 0 && in->at < in->end && *in->at < 0x80) { /* nearly always */
		in->left--;
		in->offset++;
		return *in->at++;
	}
	for (unsigned i = 0; i < PB_VARINT_BYTES_MAX; i++) {
		byte = rp_pb_input_piece(in, 1);
		if (byte.len == 0)
			break;
		value |= (uint64_t)(*byte.ptr & 0x7f) << (7 * i);
		if (*byte.ptr < 0x80)
			return value;
	}
	input_fail(in, RP_EFORMAT);
	return 0;
}

/* Number and type of a tag. False: no such field can be. */
static bool split_tag(uint64_t tag, uint32_t *ret_number, uint32_t *ret_type)
{
	*ret_number = (uint32_t)(tag >> 3);
	*ret_type = (uint32_t)(tag & 7);
	return tag <= UINT32_MAX && *ret_number != 0 && *ret_type <= RP_PB_I32;
}

bool rp_pb_input_next(struct rp_pb_input *in, struct rp_pb_tag *ret_tag)
{
	uint32_t depth = 0; /* open groups, all of them unknown */

	while (in->left > 0) {
		if (!split_tag(input_varint(in), &ret_tag->number, &ret_tag->type)) {
			input_fail(in, RP_EFORMAT);
			return false;
		}
		ret_tag->value = 0;
		switch (ret_tag->type) {
		case RP_PB_VARINT:
		case RP_PB_LEN:
			ret_tag->value = input_varint(in);
			if (ret_tag->type == RP_PB_LEN && ret_tag->value > in->left)
				input_fail(in, RP_EFORMAT);
			if (in->err != RP_OK)
				return false;
			if (depth == 0)
				return true;
			if (ret_tag->type == RP_PB_LEN)
				rp_pb_input_skip(in, ret_tag->value);
			break;
		case RP_PB_I64:
			rp_pb_input_skip(in, 8);
			break;
		case RP_PB_I32:
			rp_pb_input_skip(in, 4);
			break;
		case PB_START_GROUP:
			if (++depth > RP_PB_DEPTH_MAX)
				input_fail(in, RP_EFORMAT);
			break;
		default: /* PB_END_GROUP */
			if (depth == 0)
				input_fail(in, RP_EFORMAT);
			depth--;
			break;
		}
		if (in->err != RP_OK)
			return false;
	}
	if (depth > 0)
		input_fail(in, RP_EFORMAT);
	return false;
}

static uint64_t reader_varint(struct rp_reader *r)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < PB_VARINT_BYTES_MAX && r->at < r->end; i++) {
		uint8_t byte = *r->at++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80)
			return value;
	}
	r->err = RP_EFORMAT;
	return 0;
}

bool rp_pb_next(struct rp_reader *r, struct rp_pb_field *ret_field)
{
	uint32_t depth = 0;

	while (r->err == RP_OK && rp_reader_left(r) > 0) {
		*ret_field = (struct rp_pb_field){0};
		if (!split_tag(reader_varint(r), &ret_field->number, &ret_field->type)) {
			r->err = RP_EFORMAT;
			break;
		}
		switch (ret_field->type) {
		case RP_PB_VARINT:
			ret_field->value = reader_varint(r);
			break;
		case RP_PB_LEN:
			ret_field->value = reader_varint(r);
			if (ret_field->value > rp_reader_left(r))
				r->err = RP_EFORMAT;
			else
				ret_field->bytes = rp_read_bytes(r, (size_t)ret_field->value);
			break;
		case RP_PB_I64:
			ret_field->value = rp_read_le64(r);
			break;
		case RP_PB_I32:
			rp_read_bytes(r, 4);
			break;
		case PB_START_GROUP:
			if (++depth > RP_PB_DEPTH_MAX)
				r->err = RP_EFORMAT;
			continue;
		default: /* PB_END_GROUP */
			if (depth == 0)
				r->err = RP_EFORMAT;
			else
				depth--;
			continue;
		}
		if (r->err == RP_OK && depth == 0)
			return true;
	}
	if (r->err == RP_OK && depth > 0)
		r->err = RP_EFORMAT;
	return false;
}

size_t rp_pb_varint_bytes(uint64_t value)
{
	size_t n = 1;

	while (value >= 0x80) {
		value >>= 7;
		n++;
	}
	return n;
}

void rp_pb_write_varint(struct rp_writer *w, uint64_t value)
{
	while (value >= 0x80) {
		rp_write_u8(w, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	rp_write_u8(w, (uint8_t)value);
}

void rp_pb_write_tag(struct rp_writer *w, uint32_t number, enum rp_pb_type type)
{
	rp_pb_write_varint(w, (uint64_t)number << 3 | (uint64_t)type);
}

void rp_pb_write_uint(struct rp_writer *w, uint32_t number, uint64_t value)
{
	rp_pb_write_tag(w, number, RP_PB_VARINT);
	rp_pb_write_varint(w, value);
}

void rp_pb_write_bytes(struct rp_writer *w, uint32_t number, struct rp_bytes value)
{
	rp_pb_write_tag(w, number, RP_PB_LEN);
	rp_pb_write_varint(w, value.len);
	rp_write_bytes(w, value);
}

void rp_pb_write_double(struct rp_writer *w, uint32_t number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	rp_pb_write_tag(w, number, RP_PB_I64);
	rp_write_le64(w, bits);
}

size_t rp_pb_write_begin(struct rp_writer *w, uint32_t number)
{
	rp_pb_write_tag(w, number, RP_PB_LEN);
	rp_write_u8(w, 0); /* most lengths take one byte; rp_pb_write_end() makes room for more */
	return rp_written(w);
}

void rp_pb_write_end(struct rp_writer *w, size_t mark)
{
	size_t bytes, more;
	struct rp_writer at;

	if (w->err != RP_OK)
		return;
	bytes = rp_written(w) - mark;
	more = rp_pb_varint_bytes(bytes) - 1;
	for (size_t i = 0; i < more; i++)
		rp_write_u8(w, 0);
	if (w->err != RP_OK)
		return;
	if (more > 0)
		memmove(w->begin + mark + more, w->begin + mark, bytes);
	at = rp_writer(w->begin + mark - 1, more + 1);
	rp_pb_write_varint(&at, bytes);
}
