/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_text.h"

#include "dataplane/byte_runs.h"
#include "dataplane/string_runs.h"

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

void rp_body_cursor_copy(struct rp_body_cursor *cursor, uint64_t offset, uint8_t *out, size_t len)
{
	while (len > 0) {
		struct rp_bytes view = rp_body_cursor_view(cursor, offset, len);

		RP_ASSERT(view.len > 0);
		memcpy(out, view.ptr, view.len);
		out += view.len;
		offset += view.len;
		len -= view.len;
	}
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

struct rp_text_sink rp_text_sink_to(rp_sink_fn *fn, void *user, uint64_t max)
{
	return (struct rp_text_sink){.fn = fn, .user = user, .max = max};
}

static bool keep(struct rp_text_sink *sink, struct rp_bytes piece)
{
	if (piece.len > sink->capacity - sink->len) {
		uint64_t capacity = rp_max_size(2 * sink->capacity, sink->len + piece.len);
		uint8_t *out;

		capacity = rp_min_size(capacity, sink->max);
		out = rp_arena_alloc(sink->arena, capacity);
		if (out == NULL) {
			sink->err = RP_ENOMEM;
			return false;
		}
		memcpy(out, sink->out, sink->len);
		sink->out = out;
		sink->capacity = capacity;
	}
	memcpy(sink->out + sink->len, piece.ptr, piece.len);
	return true;
}

static void put_raw(struct rp_text_sink *sink, struct rp_bytes piece)
{
	sink->total += piece.len;
	piece.len = rp_min_size(piece.len, sink->max - sink->len);
	if (sink->err != RP_OK || piece.len == 0)
		return;
	if (sink->arena != NULL && !keep(sink, piece))
		return;
	sink->len += piece.len;
	if (sink->fn != NULL)
		sink->fn(sink->user, piece);
}

/* How Go writes an ASCII character that does not stand for itself. */
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
	memcpy(scratch, "\\u00", 4);
	scratch[4] = (uint8_t)digits[c >> 4];
	scratch[5] = (uint8_t)digits[c & 0xf];
	return rp_bytes(scratch, 6);
}

static bool is_escaped_by_go(uint8_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

static bool is_line_separator(struct rp_bytes in)
{
	return in.len >= 3 && memcmp(in.ptr, "\xe2\x80", 2) == 0 && (in.ptr[2] | 1) == 0xa9;
}

static void put_quoting(struct rp_text_sink *sink, struct rp_bytes piece)
{
	size_t begin = 0;
	size_t i = 0;

	while (i < piece.len) {
		uint8_t c = piece.ptr[i];
		uint8_t scratch[6];
		size_t n = 1;
		struct rp_bytes escape;

		if (is_escaped_by_go(c)) {
			escape = go_escape(c, scratch);
		} else if (c == 0xe2 && is_line_separator(rp_bytes_slice(piece, i, SIZE_MAX))) {
			n = 3;
			escape = piece.ptr[i + 2] == 0xa8 ? RP_BYTES_LIT("\\u2028")
							  : RP_BYTES_LIT("\\u2029");
		} else {
			i++;
			continue;
		}
		put_raw(sink, rp_bytes_slice(piece, begin, i - begin));
		put_raw(sink, escape);
		i += n;
		begin = i;
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

void rp_text_sink_repeat(struct rp_text_sink *sink, struct rp_bytes piece, uint64_t count)
{
	for (; count > 0 && sink->len < sink->max && sink->err == RP_OK; count--)
		put_raw(sink, piece);
	sink->total += count * piece.len;
}

/* Short pieces on their way to a sink, put together. Sequences are never split. */
enum { GATHERED_MAX = 4096, GATHER_RUN_MAX = 256, SHORT_RUN = 32 };
/* Shorter ASCII is not looked for, and after a shorter one not at once again. */
enum { ASCII_MIN = 64, ASCII_RETRY = 256 };

struct gather {
	struct rp_text_sink *sink;
	size_t len;
	uint8_t bytes[GATHERED_MAX + SHORT_RUN];
};

static void gather_flush(struct gather *gather)
{
	if (gather->len > 0)
		rp_text_sink_put(gather->sink, rp_bytes(gather->bytes, gather->len));
	gather->len = 0;
}

/* Room for n bytes, which are few. */
static uint8_t *gather_room(struct gather *gather, size_t n)
{
	if (n > GATHERED_MAX - gather->len)
		gather_flush(gather);
	gather->len += n;
	return gather->bytes + gather->len - n;
}

/* The first n of the bytes. */
static void gather_run(struct gather *gather, struct rp_bytes in, size_t n)
{
	if (n > GATHER_RUN_MAX) {
		gather_flush(gather);
		rp_text_sink_put(gather->sink, rp_bytes(in.ptr, n));
	} else if (n <= SHORT_RUN && in.len >= SHORT_RUN) {
		/* A copy of constant length costs least; what is too much is overwritten. */
		memcpy(gather_room(gather, n), in.ptr, SHORT_RUN);
	} else {
		memcpy(gather_room(gather, n), in.ptr, n);
	}
}

static void put_rune(struct gather *gather, uint32_t rune)
{
	uint8_t *out;

	if (rune < 0x80) {
		gather_room(gather, 1)[0] = (uint8_t)rune;
	} else if (rune < 0x800) {
		out = gather_room(gather, 2);
		out[0] = (uint8_t)(0xc0 | rune >> 6);
		out[1] = (uint8_t)(0x80 | (rune & 0x3f));
	} else if (rune < 0x10000) {
		out = gather_room(gather, 3);
		out[0] = (uint8_t)(0xe0 | rune >> 12);
		out[1] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (rune & 0x3f));
	} else {
		out = gather_room(gather, 4);
		out[0] = (uint8_t)(0xf0 | rune >> 18);
		out[1] = (uint8_t)(0x80 | (rune >> 12 & 0x3f));
		out[2] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
		out[3] = (uint8_t)(0x80 | (rune & 0x3f));
	}
}

static uint32_t hex4(const uint8_t *at)
{
	uint32_t value = 0;

	for (size_t i = 0; i < 4; i++) {
		uint8_t c = at[i];

		/* Bit 6 is what letters have and digits have not. */
		value = value << 4 | ((uint32_t)(c & 0xf) + 9 * (uint32_t)(c >> 6));
	}
	return value;
}

static uint8_t escaped_letter(uint8_t c)
{
	static const uint8_t meant[] = {
		['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
	};

	return c < sizeof(meant) && meant[c] != 0 ? meant[c] : c;
}

/* Put what is at the begin of raw, where no clean run begins: an escape, or a byte that is no
 * UTF-8. Returns the bytes used. */
static size_t put_special(struct gather *gather, struct rp_bytes raw)
{
	uint32_t rune;

	if (raw.ptr[0] != '\\') {
		put_rune(gather, 0xfffd);
		return 1;
	}
	if (raw.len < 2)
		return raw.len; /* a key cut at the buffer's end */
	if (raw.ptr[1] != 'u') {
		gather_room(gather, 1)[0] = escaped_letter(raw.ptr[1]);
		return 2;
	}
	if (raw.len < 6)
		return raw.len;
	rune = hex4(raw.ptr + 2);
	if (rune < 0xd800 || rune > 0xdfff) {
		put_rune(gather, rune);
		return 6;
	}
	if (rune < 0xdc00 && raw.len >= 12 && raw.ptr[6] == '\\' && raw.ptr[7] == 'u') {
		uint32_t low = hex4(raw.ptr + 8);

		if (low >= 0xdc00 && low <= 0xdfff) {
			put_rune(gather, 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00));
			return 12;
		}
	}
	put_rune(gather, 0xfffd);
	return 6;
}

/* What is ASCII, at an escape. Returns the bytes used. */
static size_t gather_ascii(struct gather *gather, struct rp_bytes in)
{
	size_t used = 0;
	size_t n;

	do {
		size_t len;

		if (GATHERED_MAX - gather->len < RP_STRING_ROOM_BYTES)
			gather_flush(gather);
		n = rp_string_unescape(rp_bytes(in.ptr + used, in.len - used),
				       gather->bytes + gather->len, GATHERED_MAX - gather->len,
				       &len);
		gather->len += len;
		used += n;
	} while (n > 0 && used < in.len);
	return used;
}

/* Put what can be put without knowing more than raw. Returns the bytes used: all but the beginning
 * of what may be longer than raw, and all if nothing follows. */
static size_t put_whole(struct rp_text_sink *sink, struct rp_bytes raw, bool is_end)
{
	struct gather gather;
	size_t at = 0;
	size_t ascii_at = 0; /* where it is worth while to look for it */

	gather.sink = sink;
	gather.len = 0;
	while (at < raw.len) {
		struct rp_bytes rest = rp_bytes(raw.ptr + at, raw.len - at);
		size_t n = rp_run_clean(rest);

		if (n > 0) {
			gather_run(&gather, rest, n);
			at += n;
			continue;
		}
		/* A letter's escape is whole in two bytes. */
		if (rest.len < RP_JSON_SPECIAL_BYTES && !is_end &&
		    (rest.len < 2 || rest.ptr[0] != '\\' || rest.ptr[1] == 'u'))
			break;
		n = 0;
		if (at >= ascii_at && rest.len >= ASCII_MIN && rest.ptr[0] == '\\' &&
		    rest.ptr[1] != 'u') {
			n = gather_ascii(&gather, rest);
			if (n < ASCII_MIN)
				ascii_at = at + ASCII_RETRY;
		}
		at += n > 0 ? n : put_special(&gather, rest);
	}
	gather_flush(&gather);
	return at;
}

void rp_json_text_feed(struct rp_json_text *text, struct rp_text_sink *sink, struct rp_bytes raw,
		       bool is_end)
{
	size_t used;

	while (text->held_len > 0) {
		uint8_t joined[2 * RP_JSON_SPECIAL_BYTES];
		size_t held = text->held_len;
		size_t n = rp_min_size(raw.len, sizeof(joined) - held);

		memcpy(joined, text->held, held);
		if (n > 0)
			memcpy(joined + held, raw.ptr, n);
		used = put_whole(sink, rp_bytes(joined, held + n), is_end && n == raw.len);
		if (used < held) { /* the piece was too short to tell */
			text->held_len = (uint8_t)(held + n - used);
			memcpy(text->held, joined + used, text->held_len);
			return;
		}
		text->held_len = 0;
		raw = rp_bytes_slice(raw, used - held, SIZE_MAX);
	}
	used = put_whole(sink, raw, is_end);
	text->held_len = (uint8_t)(raw.len - used);
	if (text->held_len > 0)
		memcpy(text->held, raw.ptr + used, text->held_len);
}

void rp_json_put_string(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end)
{
	struct rp_json_text text = {.held_len = 0};
	uint64_t at = begin + 1;
	uint64_t stop = end - 1;

	while (at < stop && sink->err == RP_OK) {
		struct rp_bytes view = rp_body_cursor_view(cursor, at, stop - at);

		RP_ASSERT(view.len > 0);
		at += view.len;
		rp_json_text_feed(&text, sink, view, at == stop);
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
};

static void small_put(void *user, struct rp_bytes piece)
{
	struct small_out *small = user;

	memcpy(small->out + small->len, piece.ptr, piece.len);
	small->len += piece.len;
}

size_t rp_json_unescape(struct rp_bytes raw, uint8_t *out, size_t out_bytes)
{
	struct small_out small = {.out = out};
	struct rp_text_sink sink = rp_text_sink_to(small_put, &small, out_bytes);

	put_whole(&sink, raw, true);
	return small.len;
}
