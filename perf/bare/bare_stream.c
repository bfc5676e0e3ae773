/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bare/bare_stream.h"

#include <stdlib.h>
#include <string.h>

/* ringpick's bounds on the day this was written; a yardstick does not move with them. */
enum {
	MESSAGE_BYTES_MAX = 4 << 20,
	BODY_BYTES_MAX = 64 << 20,
	PART_BYTES_MAX = 62000,
	PIECES_MAX = 16384, /* replies owed by one stream */
	PIECES_KEPT = 16,
	PREFIX_BYTES = 5, /* gRPC over HTTP/2: Length-Prefixed-Message */
	HEAD_BYTES_MAX = 32,
};

/* ProcessingRequest's oneof, and the fields of HttpBody with their wire types. */
enum { REQUEST_HEADERS = 2, RESPONSE_HEADERS, REQUEST_BODY, RESPONSE_BODY, ONEOF_LAST = 7 };
enum { TAG_BODY = 1 << 3 | 2, TAG_END_OF_STREAM = 2 << 3 };

enum step { STEP_TAG, STEP_VALUE, STEP_LENGTH };

/* A reply that is owed. */
struct piece {
	uint32_t bytes; /* of a body */
	uint8_t kind;	/* what it answers, of the oneof */
	bool is_end;
};

struct rp_bare_stream {
	/* input */
	uint8_t prefix[PREFIX_BYTES];
	uint8_t prefix_len;
	uint8_t step; /* enum step */
	uint8_t shift;
	uint8_t kind;
	bool is_in_body; /* inside HttpBody */
	bool is_end;
	bool has_answered; /* the request */
	uint32_t left;	   /* of the message */
	uint32_t body_left;
	uint32_t skip; /* of a field that nobody reads */
	uint32_t tag;
	uint32_t bytes; /* of the message's body */
	uint32_t request_bytes;
	uint64_t number;
	/* output */
	struct piece *pieces;
	uint32_t first;
	uint32_t count; /* from the array's begin */
	uint32_t room;
	uint32_t fill; /* constant bytes of the piece under way */
	const uint8_t *text;
	uint8_t text_len;
	bool is_tail_due;
	uint8_t head[HEAD_BYTES_MAX];
};

/* HeadersResponse that sets x-gateway-destination-endpoint and clears the route cache, and the same
 * address as dynamic metadata envoy.lb. */
#define KEY	"\x0a\x1ex-gateway-destination-endpoint"
#define ADDRESS "127.0.0.1:8000"
static const uint8_t pick[] =
	"\0\0\0\0\x82\x0a\x3a\x0a\x38\x12\x34\x0a\x32\x0a\x30" KEY "\x1a\x0e" ADDRESS "\x28\x01"
	"\x42\x44\x0a\x42\x0a\x08"
	"envoy.lb"
	"\x12\x36\x2a\x34\x0a\x32" KEY "\x12\x10\x1a\x0e" ADDRESS;
/* HeadersResponse that sets x-went-into-resp-headers: true. */
static const uint8_t response_headers[] =
	"\0\0\0\0\x2a\x12\x28\x0a\x26\x12\x24\x0a\x22\x0a\x20\x0a\x18"
	"x-went-into-resp-headers"
	"\x1a\x04"
	"true";
static const uint8_t end_of_stream[] = {TAG_END_OF_STREAM, 1};
static uint8_t body_text[16384];

struct rp_bare_stream *rp_bare_stream_new(void)
{
	if (body_text[0] == 0)
		memset(body_text, 'x', sizeof(body_text));
	return calloc(1, sizeof(struct rp_bare_stream));
}

void rp_bare_stream_free(struct rp_bare_stream *stream)
{
	free(stream->pieces);
	free(stream);
}

/* ---- input ---- */

static bool owe(struct rp_bare_stream *stream, uint8_t kind, uint32_t bytes, bool is_end)
{
	if (stream->count == stream->room) {
		uint32_t room = stream->room > 0 ? 2 * stream->room : 4;
		struct piece *pieces =
			room <= PIECES_MAX ? realloc(stream->pieces, room * sizeof(*pieces)) : NULL;

		if (pieces == NULL)
			return false;
		stream->pieces = pieces;
		stream->room = room;
	}
	stream->pieces[stream->count++] =
		(struct piece){.bytes = bytes, .kind = kind, .is_end = is_end};
	return true;
}

/* At least one, as ringpick does; the last one says whether the body ends. */
static bool owe_body(struct rp_bare_stream *stream, uint8_t kind, uint32_t bytes, bool is_end)
{
	for (; bytes > PART_BYTES_MAX; bytes -= PART_BYTES_MAX) {
		if (!owe(stream, kind, PART_BYTES_MAX, false))
			return false;
	}
	return owe(stream, kind, bytes, is_end);
}

static bool on_message(struct rp_bare_stream *stream)
{
	switch (stream->kind) {
	case REQUEST_BODY:
		stream->request_bytes += stream->bytes;
		if (stream->has_answered || stream->request_bytes > BODY_BYTES_MAX)
			return false;
		if (!stream->is_end)
			return true;
		stream->has_answered = true;
		return owe(stream, REQUEST_HEADERS, 0, false) &&
		       owe_body(stream, REQUEST_BODY, stream->request_bytes, true);
	case RESPONSE_HEADERS:
		return owe(stream, RESPONSE_HEADERS, 0, false);
	case RESPONSE_BODY:
		return owe_body(stream, RESPONSE_BODY, stream->bytes, stream->is_end);
	default:
		return true;
	}
}

static bool on_prefix(struct rp_bare_stream *stream)
{
	const uint8_t *p = stream->prefix;

	stream->left =
		(uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | (uint32_t)p[4];
	stream->step = STEP_TAG;
	stream->kind = 0;
	stream->bytes = 0;
	stream->is_end = false;
	return p[0] == 0 && stream->left <= MESSAGE_BYTES_MAX;
}

static bool skip(struct rp_bare_stream *stream, uint64_t n)
{
	if (n > (stream->is_in_body ? stream->body_left : stream->left))
		return false;
	stream->skip = (uint32_t)n;
	stream->step = STEP_TAG;
	return true;
}

static bool on_length(struct rp_bare_stream *stream, uint64_t n)
{
	uint32_t field = stream->tag >> 3;

	if (!skip(stream, n))
		return false;
	if (stream->is_in_body) {
		if (stream->tag == TAG_BODY)
			stream->bytes = stream->skip;
	} else if (field >= REQUEST_HEADERS && field <= ONEOF_LAST) {
		stream->kind = (uint8_t)field;
		if (field == REQUEST_BODY || field == RESPONSE_BODY) {
			stream->is_in_body = true;
			stream->body_left = stream->skip;
			stream->skip = 0;
		}
	}
	return true;
}

static bool on_tag(struct rp_bare_stream *stream, uint64_t tag)
{
	stream->tag = (uint32_t)tag;
	if (tag > UINT32_MAX || tag < 8)
		return false;
	switch (tag & 7) {
	case 0:
		stream->step = STEP_VALUE;
		return true;
	case 1:
		return skip(stream, 8);
	case 2:
		stream->step = STEP_LENGTH;
		return true;
	case 5:
		return skip(stream, 4);
	default:
		return false;
	}
}

/* The bytes that are no payload are varints, all of them. */
static bool on_varint_byte(struct rp_bare_stream *stream, uint8_t byte)
{
	if (stream->shift > 63)
		return false;
	stream->number |= (uint64_t)(byte & 0x7f) << stream->shift;
	stream->shift = (uint8_t)(stream->shift + 7);
	if ((byte & 0x80) != 0)
		return true;
	uint64_t number = stream->number;

	stream->number = 0;
	stream->shift = 0;
	if (stream->step == STEP_TAG)
		return on_tag(stream, number);
	if (stream->step == STEP_LENGTH)
		return on_length(stream, number);
	if (stream->is_in_body && stream->tag == TAG_END_OF_STREAM)
		stream->is_end = number != 0;
	stream->step = STEP_TAG;
	return true;
}

static void consume(struct rp_bare_stream *stream, uint32_t n)
{
	stream->left -= n;
	if (stream->is_in_body)
		stream->body_left -= n;
}

/* Does something end here, and may it? */
static bool check_end(struct rp_bare_stream *stream)
{
	bool is_between = stream->skip == 0 && stream->shift == 0 && stream->step == STEP_TAG;

	if (stream->is_in_body && stream->body_left == 0) {
		stream->is_in_body = false;
		if (!is_between)
			return false;
	}
	if (stream->left > 0)
		return true;
	stream->prefix_len = 0;
	return is_between && on_message(stream);
}

bool rp_bare_stream_feed(struct rp_bare_stream *stream, const uint8_t *data, size_t len)
{
	while (len > 0) {
		uint32_t n = 1;

		if (stream->prefix_len < PREFIX_BYTES) {
			stream->prefix[stream->prefix_len++] = *data;
			if (stream->prefix_len == PREFIX_BYTES &&
			    (!on_prefix(stream) || (stream->left == 0 && !check_end(stream))))
				return false;
		} else {
			if (stream->skip > 0) {
				n = len < stream->skip ? (uint32_t)len : stream->skip;
				stream->skip -= n;
				consume(stream, n);
			} else {
				consume(stream, 1);
				if (!on_varint_byte(stream, *data))
					return false;
			}
			if (!check_end(stream))
				return false;
		}
		data += n;
		len -= n;
	}
	return true;
}

/* ---- output ---- */

static uint32_t varint_bytes(uint32_t n)
{
	uint32_t bytes = 1;

	for (; n > 0x7f; n >>= 7)
		bytes++;
	return bytes;
}

static void put_length(struct rp_bare_stream *stream, uint8_t tag, uint32_t n)
{
	stream->head[stream->text_len++] = tag;
	for (; n > 0x7f; n >>= 7)
		stream->head[stream->text_len++] = (uint8_t)(n | 0x80);
	stream->head[stream->text_len++] = (uint8_t)n;
}

static uint32_t wrapped(uint32_t n)
{
	return 1 + varint_bytes(n) + n;
}

/* BodyResponse { CommonResponse { BodyMutation { StreamedBodyResponse { body, end_of_stream }}}} */
static void begin_body(struct rp_bare_stream *stream, const struct piece *piece)
{
	uint32_t streamed = (piece->bytes > 0 ? wrapped(piece->bytes) : 0) +
			    (piece->is_end ? (uint32_t)sizeof(end_of_stream) : 0);
	uint32_t mutation = wrapped(streamed);
	uint32_t common = wrapped(mutation);
	uint32_t reply = wrapped(common);
	uint32_t message = wrapped(reply);

	stream->head[0] = 0;
	stream->head[1] = 0;
	stream->head[2] = (uint8_t)(message >> 16);
	stream->head[3] = (uint8_t)(message >> 8);
	stream->head[4] = (uint8_t)message;
	stream->text = stream->head;
	stream->text_len = PREFIX_BYTES;
	put_length(stream, piece->kind == REQUEST_BODY ? 0x1a : 0x22, reply);
	put_length(stream, 0x0a, common);
	put_length(stream, 0x1a, mutation);
	put_length(stream, 0x1a, streamed);
	if (piece->bytes > 0)
		put_length(stream, TAG_BODY, piece->bytes);
	stream->fill = piece->bytes;
	stream->is_tail_due = piece->is_end;
}

static bool begin_next(struct rp_bare_stream *stream)
{
	if (stream->is_tail_due) {
		stream->is_tail_due = false;
		stream->text = end_of_stream;
		stream->text_len = sizeof(end_of_stream);
		return true;
	}
	if (stream->first == stream->count)
		return false;
	const struct piece piece = stream->pieces[stream->first++];

	if (piece.kind == REQUEST_HEADERS) {
		stream->text = pick;
		stream->text_len = sizeof(pick) - 1;
	} else if (piece.kind == RESPONSE_HEADERS) {
		stream->text = response_headers;
		stream->text_len = sizeof(response_headers) - 1;
	} else {
		begin_body(stream, &piece);
	}
	if (stream->first == stream->count) {
		stream->first = 0;
		stream->count = 0;
		if (stream->room > PIECES_KEPT) {
			free(stream->pieces);
			stream->pieces = NULL;
			stream->room = 0;
		}
	}
	return true;
}

bool rp_bare_stream_has_output(const struct rp_bare_stream *stream)
{
	return stream->first < stream->count || stream->text_len > 0 || stream->fill > 0 ||
	       stream->is_tail_due;
}

size_t rp_bare_stream_read(struct rp_bare_stream *stream, uint8_t *buf, size_t room)
{
	size_t used = 0;

	while (used < room) {
		size_t left = room - used;

		if (stream->text_len > 0) {
			size_t n = left < stream->text_len ? left : stream->text_len;

			memcpy(buf + used, stream->text, n);
			stream->text += n;
			stream->text_len = (uint8_t)(stream->text_len - n);
			used += n;
		} else if (stream->fill > 0) {
			size_t n = left < stream->fill ? left : stream->fill;

			n = n < sizeof(body_text) ? n : sizeof(body_text);
			memcpy(buf + used, body_text, n);
			stream->fill -= (uint32_t)n;
			used += n;
		} else if (!begin_next(stream)) {
			break;
		}
	}
	return used;
}
