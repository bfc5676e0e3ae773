/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_text.h"

struct rp_body_cursor rp_body_cursor(const struct rp_body *body)
{
	return (struct rp_body_cursor){.body = body, .buf = body->first};
}

struct rp_bytes rp_body_cursor_view(struct rp_body_cursor *cursor, uint64_t offset, uint64_t max)
{
	if (offset < cursor->buf_offset) {
		cursor->buf = cursor->body->first;
		cursor->buf_offset = 0;
	}
	while (cursor->buf != NULL) {
		uint64_t n = cursor->buf->end - cursor->buf->begin;

		if (offset - cursor->buf_offset < n) {
			uint64_t at = offset - cursor->buf_offset;

			return rp_bytes(cursor->buf->data + cursor->buf->begin + at,
					n - at < max ? n - at : max);
		}
		if (cursor->buf->next == NULL)
			break;
		cursor->buf_offset += n;
		cursor->buf = cursor->buf->next;
	}
	return rp_bytes("", 0);
}

struct rp_text_sink rp_text_sink(struct rp_arena *arena, uint64_t expected, uint64_t max)
{
	struct rp_text_sink sink = {.arena = arena, .max = max};

	sink.capacity = expected < max ? expected : max;
	sink.out = rp_arena_alloc(arena, sink.capacity);
	if (sink.out == NULL)
		sink.err = RP_ENOMEM;
	return sink;
}

static void keep(struct rp_text_sink *sink, struct rp_bytes piece)
{
	uint64_t room = sink->max - sink->len;
	uint64_t n = piece.len < room ? piece.len : room;

	if (n > sink->capacity - sink->len) {
		uint64_t capacity = rp_max_size(2 * sink->capacity, sink->len + n);
		uint8_t *out;

		capacity = rp_min_size(capacity, sink->max);
		out = rp_arena_alloc(sink->arena, capacity);
		if (out == NULL) {
			sink->err = RP_ENOMEM;
			return;
		}
		memcpy(out, sink->out, sink->len);
		sink->out = out;
		sink->capacity = capacity;
	}
	memcpy(sink->out + sink->len, piece.ptr, n);
	sink->len += n;
}

static void put_raw(struct rp_text_sink *sink, struct rp_bytes piece)
{
	if (sink->err != RP_OK || piece.len == 0)
		return;
	sink->total += piece.len;
	if (sink->arena != NULL)
		keep(sink, piece);
	if (sink->fn != NULL)
		sink->fn(sink->user, piece);
}

/* Escape of an ASCII character in Go's output, or "" if it stands for itself. */
static struct rp_bytes go_escape(uint8_t c, uint8_t scratch[6])
{
	static const char digits[] = "0123456789abcdef";
	static const char *const letters[] = {
		['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
	};

	if (c == '"')
		return RP_BYTES_LIT("\\\"");
	if (c == '\\')
		return RP_BYTES_LIT("\\\\");
	if (c < RP_ARRAY_LEN(letters) && letters[c] != NULL)
		return rp_bytes_str(letters[c]);
	if (c >= 0x20 && c != '<' && c != '>' && c != '&')
		return RP_BYTES_LIT("");
	memcpy(scratch, "\\u00", 4);
	scratch[4] = (uint8_t)digits[c >> 4];
	scratch[5] = (uint8_t)digits[c & 0xf];
	return rp_bytes(scratch, 6);
}

/* Runes come whole, so that U+2028 and U+2029 are seen. */
static void put_quoting(struct rp_text_sink *sink, struct rp_bytes piece)
{
	size_t begin = 0;

	if (piece.len == 3 && memcmp(piece.ptr, "\xe2\x80", 2) == 0 && (piece.ptr[2] | 1) == 0xa9) {
		put_raw(sink,
			piece.ptr[2] == 0xa8 ? RP_BYTES_LIT("\\u2028") : RP_BYTES_LIT("\\u2029"));
		return;
	}
	for (size_t i = 0; i < piece.len; i++) {
		uint8_t scratch[6];
		struct rp_bytes escape = go_escape(piece.ptr[i], scratch);

		if (escape.len == 0)
			continue;
		put_raw(sink, rp_bytes_slice(piece, begin, i - begin));
		put_raw(sink, escape);
		begin = i + 1;
	}
	put_raw(sink, rp_bytes_slice(piece, begin, piece.len - begin));
}

void rp_text_sink_put(struct rp_text_sink *sink, struct rp_bytes piece)
{
	if (sink->is_quoting)
		put_quoting(sink, piece);
	else
		put_raw(sink, piece);
}

void rp_text_sink_pad(struct rp_text_sink *sink)
{
	put_raw(sink, rp_bytes("\0\0\0", (4 - sink->total % 4) % 4));
}

static void put_rune(struct rp_text_sink *sink, uint32_t rune)
{
	uint8_t b[4];
	size_t n = 1;

	if (rune < 0x80) {
		b[0] = (uint8_t)rune;
	} else if (rune < 0x800) {
		b[0] = (uint8_t)(0xc0 | rune >> 6);
		b[1] = (uint8_t)(0x80 | (rune & 0x3f));
		n = 2;
	} else if (rune < 0x10000) {
		b[0] = (uint8_t)(0xe0 | rune >> 12);
		b[1] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
		b[2] = (uint8_t)(0x80 | (rune & 0x3f));
		n = 3;
	} else {
		b[0] = (uint8_t)(0xf0 | rune >> 18);
		b[1] = (uint8_t)(0x80 | (rune >> 12 & 0x3f));
		b[2] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
		b[3] = (uint8_t)(0x80 | (rune & 0x3f));
		n = 4;
	}
	rp_text_sink_put(sink, rp_bytes(b, n));
}

/* Length of the valid UTF-8 sequence at the begin; 0: there is none (RFC 3629 4). */
static size_t utf8_len(struct rp_bytes in)
{
	uint8_t c = in.ptr[0];
	uint8_t low = 0x80;
	uint8_t high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		n = 2;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	else
		return 0;
	if (in.len < n)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (in.ptr[1] < low || in.ptr[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (in.ptr[i] < 0x80 || in.ptr[i] > 0xbf)
			return 0;
	}
	return n;
}

static uint32_t hex4(const uint8_t *at)
{
	uint32_t value = 0;

	for (size_t i = 0; i < 4; i++) {
		uint8_t c = at[i];

		value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

/* Put the character at the begin of raw, which is an escape or not ASCII. Returns the bytes used.
 */
static size_t put_special(struct rp_text_sink *sink, struct rp_bytes raw)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	uint32_t rune;
	const char *letter;

	if (raw.ptr[0] != '\\') {
		size_t n = utf8_len(raw);

		if (n == 0) {
			put_rune(sink, 0xfffd);
			return 1;
		}
		rp_text_sink_put(sink, rp_bytes(raw.ptr, n));
		return n;
	}
	if (raw.len < 2)
		return raw.len; /* a key cut at the buffer's end */
	if (raw.ptr[1] != 'u') {
		uint8_t c = raw.ptr[1];

		letter = strchr(from, c);
		if (letter != NULL)
			c = (uint8_t)to[letter - from];
		rp_text_sink_put(sink, rp_bytes(&c, 1));
		return 2;
	}
	if (raw.len < 6)
		return raw.len;
	rune = hex4(raw.ptr + 2);
	if (rune < 0xd800 || rune > 0xdfff) {
		put_rune(sink, rune);
		return 6;
	}
	if (rune < 0xdc00 && raw.len >= 12 && raw.ptr[6] == '\\' && raw.ptr[7] == 'u') {
		uint32_t low = hex4(raw.ptr + 8);

		if (low >= 0xdc00 && low <= 0xdfff) {
			put_rune(sink, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
			return 12;
		}
	}
	put_rune(sink, 0xfffd);
	return 6;
}

enum { LONGEST_SPECIAL = 12 }; /* an escaped surrogate pair */

/* Length of the run of ASCII characters without backslash. */
static size_t simple_run(struct rp_bytes in)
{
	size_t i = 0;

	while (i + 8 <= in.len) {
		uint64_t word, slash;

		memcpy(&word, in.ptr + i, 8);
		slash = word ^ UINT64_C(0x5c5c5c5c5c5c5c5c);
		if (((slash - UINT64_C(0x0101010101010101)) | word) & UINT64_C(0x8080808080808080))
			break;
		i += 8;
	}
	while (i < in.len && in.ptr[i] < 0x80 && in.ptr[i] != '\\')
		i++;
	return i;
}

void rp_json_put_string(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end)
{
	uint64_t at = begin + 1;
	uint64_t stop = end - 1;

	while (at < stop && !rp_text_sink_is_done(sink)) {
		struct rp_bytes view = rp_body_cursor_view(cursor, at, stop - at);
		size_t n = simple_run(view);

		RP_ASSERT(view.len > 0);
		if (n > 0) {
			rp_text_sink_put(sink, rp_bytes(view.ptr, n));
			at += n;
		} else if (view.len >= LONGEST_SPECIAL || view.len == stop - at) {
			at += put_special(sink, view);
		} else {
			uint8_t joined[LONGEST_SPECIAL];
			size_t len = rp_min_size(LONGEST_SPECIAL, stop - at);

			rp_body_copy_out(cursor->body, at, joined, len);
			at += put_special(sink, rp_bytes(joined, len));
		}
	}
}

struct rp_bytes rp_json_copy_string(struct rp_arena *arena, struct rp_body_cursor *cursor,
				    uint64_t begin, uint64_t end, uint64_t max)
{
	/* A byte that is no UTF-8 becomes three. */
	struct rp_text_sink sink = rp_text_sink(arena, end - begin, max);

	rp_json_put_string(&sink, cursor, begin, end);
	return sink.err == RP_OK ? rp_bytes(sink.out, sink.len) : rp_bytes(NULL, 0);
}

struct small_out {
	uint8_t *out;
	size_t len;
	size_t max;
};

static void small_put(void *user, struct rp_bytes piece)
{
	struct small_out *small = user;
	size_t n = rp_min_size(piece.len, small->max - small->len);

	memcpy(small->out + small->len, piece.ptr, n);
	small->len += n;
}

size_t rp_json_unescape(struct rp_bytes raw, uint8_t *out, size_t out_bytes)
{
	struct small_out small = {.out = out, .max = out_bytes};
	struct rp_text_sink sink = {.fn = small_put, .user = &small};

	while (raw.len > 0) {
		size_t n = simple_run(raw);

		if (n > 0)
			rp_text_sink_put(&sink, rp_bytes(raw.ptr, n));
		else
			n = put_special(&sink, raw);
		raw = rp_bytes_slice(raw, n, SIZE_MAX);
	}
	return small.len;
}
