/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/json_tape.h"

enum { NUMBER_TEXT_MAX = 1024 };

struct member {
	struct rp_bytes key;
	uint32_t value; /* node */
};

/* A container being written. */
struct frame {
	const struct member *member; /* NULL: an array */
	uint32_t member_count;
	uint32_t member_idx;
	uint32_t node; /* next element of an array */
	uint32_t stop;
	bool has_any;
};

/* The digits without point, as they are written without exponent: 1.5e3 is "15" and 3. */
static void format_plain(const char *digits, size_t digit_count, long exponent, struct rp_writer *w)
{
	if (exponent < 0) {
		rp_write_str(w, "0.");
		for (long i = -1; i > exponent; i--)
			rp_write_u8(w, '0');
		rp_write_bytes(w, rp_bytes(digits, digit_count));
		return;
	}
	for (size_t i = 0; i <= (size_t)exponent || i < digit_count; i++) {
		if (i == (size_t)exponent + 1)
			rp_write_u8(w, '.');
		rp_write_u8(w, i < digit_count ? (uint8_t)digits[i] : '0');
	}
}

size_t rp_json_format_double(double value, char out[RP_JSON_NUMBER_BYTES])
{
	struct rp_writer w = rp_writer(out, RP_JSON_NUMBER_BYTES);
	double magnitude = fabs(value);
	char text[RP_JSON_NUMBER_BYTES];
	char digits[RP_JSON_NUMBER_BYTES];
	size_t digit_count = 0;
	int precision = 0;
	char *e;

	/* The fewest digits that read back as the same value. */
	do {
		snprintf(text, sizeof(text), "%.*e", precision++, magnitude);
	} while (strtod(text, NULL) != magnitude && precision < 18);
	if (signbit(value))
		rp_write_u8(&w, '-');
	e = strchr(text, 'e');
	RP_ASSERT(e != NULL);
	if (magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
		/* 1e-09 is written 1e-9 */
		if (strlen(e) == 4 && e[1] == '-' && e[2] == '0') {
			e[2] = e[3];
			e[3] = '\0';
		}
		rp_write_str(&w, text);
	} else {
		for (const char *at = text; at < e; at++) {
			if (*at != '.')
				digits[digit_count++] = *at;
		}
		format_plain(digits, digit_count, strtol(e + 1, NULL, 10), &w);
	}
	RP_ASSERT(w.err == RP_OK);
	return rp_written(&w);
}

static struct rp_json_node *tape_add(struct rp_json_tape *tape)
{
	if (tape->count == tape->capacity) {
		uint32_t capacity = tape->capacity == 0 ? 32 : 2 * tape->capacity;
		struct rp_json_node *node = rp_arena_alloc(tape->arena, capacity * sizeof(*node));

		if (node == NULL)
			return NULL;
		if (tape->count > 0)
			memcpy(node, tape->node, tape->count * sizeof(*node));
		tape->node = node;
		tape->capacity = capacity;
	}
	return &tape->node[tape->count++];
}

int rp_json_tape_fill(struct rp_json_tape *tape, struct rp_body_cursor *cursor, uint64_t begin,
		      uint64_t end)
{
	struct rp_json_scan scan;
	uint32_t open[RP_JSON_DEPTH_MAX];

	rp_json_scan_init(&scan);
	for (uint64_t at = begin; at <= end;) {
		/* A blank after the value ends a number. */
		struct rp_bytes view =
			at < end ? rp_body_cursor_view(cursor, at, end - at) : RP_BYTES_LIT(" ");
		struct rp_json_token token;
		size_t used = 0;
		int err;

		while ((err = rp_json_scan_next(&scan, view, &used, &token)) == RP_OK) {
			struct rp_json_node *node;

			if (token.kind == RP_JSON_OBJECT_END || token.kind == RP_JSON_ARRAY_END) {
				tape->node[open[token.depth]].next = tape->count;
				tape->node[open[token.depth]].end = begin + token.end;
				continue;
			}
			if (token.kind == RP_JSON_OBJECT_BEGIN || token.kind == RP_JSON_ARRAY_BEGIN)
				open[token.depth] = tape->count;
			if (tape->count == RP_JSON_SPANS_MAX)
				return RP_ETOOBIG;
			node = tape_add(tape);
			if (node == NULL)
				return RP_ENOMEM;
			node->begin = begin + token.begin;
			node->end = begin + token.end;
			node->kind = token.kind;
			node->next = tape->count;
		}
		RP_ASSERT(err == RP_EAGAIN);
		at += view.len;
	}
	return RP_OK;
}

/* By key, bytewise; equal keys in the order of the text. */
static bool is_after(const struct member *a, const struct member *b)
{
	size_t n = rp_min_size(a->key.len, b->key.len);
	int order = n > 0 ? memcmp(a->key.ptr, b->key.ptr, n) : 0;

	if (order != 0)
		return order > 0;
	if (a->key.len != b->key.len)
		return a->key.len > b->key.len;
	return a->value > b->value;
}

static void sift_down(struct member *member, uint32_t at, uint32_t count)
{
	for (;;) {
		uint32_t child = 2 * at + 1;
		struct member moved;

		if (child >= count)
			return;
		if (child + 1 < count && is_after(&member[child + 1], &member[child]))
			child++;
		if (!is_after(&member[child], &member[at]))
			return;
		moved = member[at];
		member[at] = member[child];
		member[child] = moved;
		at = child;
	}
}

/* Heap sort: in place, and no input makes it slow. */
static void sort_members(struct member *member, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift_down(member, i, count);
	for (uint32_t end = count; end-- > 1;) {
		struct member last = member[end];

		member[end] = member[0];
		member[0] = last;
		sift_down(member, 0, end);
	}
}

static int frame_object(const struct rp_json_tape *tape, struct rp_body_cursor *cursor,
			uint32_t object, struct frame *frame)
{
	uint32_t stop = tape->node[object].next;
	uint32_t count = 0;
	uint32_t kept = 0;
	struct member *member;

	for (uint32_t key = object + 1; key < stop; key = tape->node[key + 1].next)
		count++;
	member = rp_arena_alloc(tape->arena, count * sizeof(*member));
	if (member == NULL)
		return RP_ENOMEM;
	count = 0;
	for (uint32_t key = object + 1; key < stop; key = tape->node[key + 1].next) {
		const struct rp_json_node *node = &tape->node[key];

		/* A byte that is no UTF-8 becomes three. */
		member[count].key = rp_json_copy_string(tape->arena, cursor, node->begin, node->end,
							3 * (node->end - node->begin));
		if (member[count].key.ptr == NULL)
			return RP_ENOMEM;
		member[count++].value = key + 1;
	}
	sort_members(member, count);
	for (uint32_t i = 0; i < count; i++) {
		if (i + 1 == count || !rp_bytes_equal(member[i].key, member[i + 1].key))
			member[kept++] = member[i];
	}
	*frame = (struct frame){.member = member, .member_count = kept};
	return RP_OK;
}

static void put_key(struct rp_text_sink *sink, struct rp_bytes text)
{
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
	sink->is_quoting = true;
	rp_text_sink_put(sink, text);
	sink->is_quoting = false;
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
}

void rp_json_put_quoted(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end)
{
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
	sink->is_quoting = true;
	rp_json_put_string(sink, cursor, begin, end);
	sink->is_quoting = false;
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
}

static int put_number(struct rp_text_sink *sink, struct rp_body_cursor *cursor,
		      const struct rp_json_node *node)
{
	char text[NUMBER_TEXT_MAX];
	char out[RP_JSON_NUMBER_BYTES];
	size_t len = (size_t)(node->end - node->begin);

	if (len >= sizeof(text))
		return RP_ETOOBIG;
	rp_body_cursor_copy(cursor, node->begin, (uint8_t *)text, len);
	text[len] = '\0';
	/* Integers that a float64 holds exactly stay as they are. */
	if (len > 15 || strpbrk(text, ".eE") != NULL) {
		double value = strtod(text, NULL);

		if (isinf(value))
			return RP_ETOOBIG;
		len = rp_json_format_double(value, out);
	} else {
		memcpy(out, text, len);
	}
	rp_text_sink_put(sink, rp_bytes(out, len));
	return RP_OK;
}

static int put_scalar(struct rp_text_sink *sink, struct rp_body_cursor *cursor,
		      const struct rp_json_node *node)
{
	if (node->kind == RP_JSON_NUMBER)
		return put_number(sink, cursor, node);
	if (node->kind == RP_JSON_STRING) {
		rp_json_put_quoted(sink, cursor, node->begin, node->end);
	} else if (node->kind == RP_JSON_TRUE) {
		rp_text_sink_put(sink, RP_BYTES_LIT("true"));
	} else if (node->kind == RP_JSON_FALSE) {
		rp_text_sink_put(sink, RP_BYTES_LIT("false"));
	} else {
		rp_text_sink_put(sink, RP_BYTES_LIT("null"));
	}
	return sink->err;
}

/* The next value of a container, with what stands before it; UINT32_MAX at its end. */
static uint32_t frame_next(const struct rp_json_tape *tape, struct frame *frame,
			   struct rp_text_sink *sink)
{
	bool is_end = frame->member != NULL ? frame->member_idx == frame->member_count
					    : frame->node == frame->stop;
	uint32_t value;

	if (is_end) {
		rp_text_sink_put(sink,
				 frame->member != NULL ? RP_BYTES_LIT("}") : RP_BYTES_LIT("]"));
		return UINT32_MAX;
	}
	if (frame->has_any)
		rp_text_sink_put(sink, RP_BYTES_LIT(","));
	frame->has_any = true;
	if (frame->member == NULL) {
		value = frame->node;
		frame->node = tape->node[value].next;
		return value;
	}
	put_key(sink, frame->member[frame->member_idx].key);
	rp_text_sink_put(sink, RP_BYTES_LIT(":"));
	return frame->member[frame->member_idx++].value;
}

int rp_json_tape_put(const struct rp_json_tape *tape, uint32_t at, struct rp_text_sink *sink,
		     struct rp_body_cursor *cursor)
{
	struct frame frame[RP_JSON_DEPTH_MAX];
	uint32_t depth = 0;

	for (;;) {
		const struct rp_json_node *node = &tape->node[at];
		int err = RP_OK;

		if (node->kind == RP_JSON_OBJECT_BEGIN) {
			rp_text_sink_put(sink, RP_BYTES_LIT("{"));
			err = frame_object(tape, cursor, at, &frame[depth++]);
		} else if (node->kind == RP_JSON_ARRAY_BEGIN) {
			rp_text_sink_put(sink, RP_BYTES_LIT("["));
			frame[depth++] = (struct frame){.node = at + 1, .stop = node->next};
		} else {
			err = put_scalar(sink, cursor, node);
		}
		if (err != RP_OK || sink->err != RP_OK)
			return err != RP_OK ? err : sink->err;
		do {
			if (depth == 0)
				return sink->err;
			at = frame_next(tape, &frame[depth - 1], sink);
			if (at == UINT32_MAX)
				depth--;
		} while (at == UINT32_MAX);
	}
}

int rp_json_put_canonical(struct rp_arena *arena, struct rp_text_sink *sink,
			  struct rp_body_cursor *cursor, uint64_t begin, uint64_t end)
{
	struct rp_json_tape tape = {.arena = arena};
	int err = rp_json_tape_fill(&tape, cursor, begin, end);

	if (err != RP_OK)
		return err;
	RP_ASSERT(tape.count > 0);
	return rp_json_tape_put(&tape, 0, sink, cursor);
}
