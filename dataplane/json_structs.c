/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_structs.h"

#include "dataplane/json_tape.h"

/* What a struct's members are: nodes, 0 (the array itself) for none. */
struct values {
	uint32_t node[RP_JSON_STRUCT_FIELDS_MAX];
};

static size_t find_field(const struct rp_json_struct_field *fields, size_t count,
			 struct rp_bytes name)
{
	size_t i = 0;

	while (i < count && !rp_bytes_equal_nocase(name, rp_bytes_str(fields[i].name)))
		i++;
	return i;
}

/* A key's characters; one longer than the buffer is none of ours. */
static struct rp_bytes key_of(const struct rp_json_node *node, struct rp_body_cursor *cursor,
			      uint8_t raw[RP_JSON_TEXT_BYTES], uint8_t plain[RP_JSON_TEXT_BYTES])
{
	uint64_t len = node->end - node->begin - 2;

	if (len > RP_JSON_TEXT_BYTES)
		return rp_bytes("", 0);
	rp_body_cursor_copy(cursor, node->begin + 1, raw, len);
	return rp_bytes(plain, rp_json_unescape(rp_bytes(raw, len), plain, RP_JSON_TEXT_BYTES));
}

static struct values find_values(const struct rp_json_tape *tape, struct rp_body_cursor *cursor,
				 uint32_t object, const struct rp_json_struct_field *fields,
				 size_t count)
{
	struct values values = {{0}};
	uint32_t stop = tape->node[object].next;
	uint8_t raw[RP_JSON_TEXT_BYTES], plain[RP_JSON_TEXT_BYTES];

	if (tape->node[object].kind != RP_JSON_OBJECT_BEGIN)
		return values;
	for (uint32_t key = object + 1; key < stop; key = tape->node[key + 1].next) {
		size_t i = find_field(fields, count, key_of(&tape->node[key], cursor, raw, plain));
		bool is_null = tape->node[key + 1].kind == RP_JSON_NULL;

		if (i == count)
			continue;
		/* Of a string null says nothing, of others that they are not there. */
		if (!is_null || fields[i].kind == RP_JSON_STRUCT_RAW_OR_NONE)
			values.node[i] = key + 1;
		else if (fields[i].kind == RP_JSON_STRUCT_ANY_OR_NONE ||
			 fields[i].kind == RP_JSON_STRUCT_BOOL_OR_NONE)
			values.node[i] = 0;
	}
	return values;
}

/* Where Go's json.Compact, with its escapes for HTML, is in the text. */
struct compact {
	struct rp_text_sink *sink;
	bool is_string;
	bool is_escaped;
	uint8_t held[2]; /* the begin of what may be U+2028 or U+2029 */
	uint32_t held_len;
};

static void release_held(struct compact *compact)
{
	rp_text_sink_put(compact->sink, rp_bytes(compact->held, compact->held_len));
	compact->held_len = 0;
}

/* E2 80 A8 and E2 80 A9. @return the byte is dealt with */
static bool hold(struct compact *compact, uint8_t c)
{
	if (compact->held_len == 2 && (c | 1) == 0xa9) {
		rp_text_sink_put(compact->sink,
				 c == 0xa8 ? RP_BYTES_LIT("\\u2028") : RP_BYTES_LIT("\\u2029"));
		compact->held_len = 0;
		return true;
	}
	if (compact->held_len == 1 && c == 0x80) {
		compact->held[compact->held_len++] = c;
		return true;
	}
	release_held(compact);
	if (c != 0xe2)
		return false;
	compact->held[compact->held_len++] = c;
	return true;
}

static void compact_byte(struct compact *compact, uint8_t c)
{
	if (!compact->is_string && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
		return;
	if (c == '"' && !compact->is_escaped)
		compact->is_string = !compact->is_string;
	compact->is_escaped = compact->is_string && c == '\\' && !compact->is_escaped;
	if (hold(compact, c))
		return;
	if (c == '<')
		rp_text_sink_put(compact->sink, RP_BYTES_LIT("\\u003c"));
	else if (c == '>')
		rp_text_sink_put(compact->sink, RP_BYTES_LIT("\\u003e"));
	else if (c == '&')
		rp_text_sink_put(compact->sink, RP_BYTES_LIT("\\u0026"));
	else
		rp_text_sink_put(compact->sink, rp_bytes(&c, 1));
}

/* No blanks; all else stays as it is. */
static void put_compact(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end)
{
	struct compact compact = {.sink = sink};

	for (uint64_t at = begin; at < end;) {
		struct rp_bytes view = rp_body_cursor_view(cursor, at, end - at);

		RP_ASSERT(view.len > 0);
		for (size_t i = 0; i < view.len; i++)
			compact_byte(&compact, view.ptr[i]);
		at += view.len;
	}
}

static void put_name(struct rp_text_sink *sink, const char *name, bool is_first)
{
	rp_text_sink_put(sink, is_first ? RP_BYTES_LIT("\"") : RP_BYTES_LIT(",\""));
	rp_text_sink_put(sink, rp_bytes_str(name));
	rp_text_sink_put(sink, RP_BYTES_LIT("\":"));
}

/* Is the member written? */
static bool is_put(const struct rp_json_tape *tape, uint32_t node, enum rp_json_struct_kind kind)
{
	const struct rp_json_node *value = &tape->node[node];

	if (kind == RP_JSON_STRUCT_STRING)
		return true;
	if (kind == RP_JSON_STRUCT_STRING_OR_NONE)
		return node != 0 && value->end - value->begin > 2;
	return node != 0;
}

static int put_struct(const struct rp_json_tape *tape, uint32_t object, struct rp_text_sink *sink,
		      struct rp_body_cursor *cursor, const struct rp_json_struct_field *fields,
		      size_t count)
{
	struct values values = find_values(tape, cursor, object, fields, count);
	bool is_first = true;
	int err = RP_OK;

	rp_text_sink_put(sink, RP_BYTES_LIT("{"));
	for (size_t i = 0; i < count && err == RP_OK; i++) {
		uint32_t node = values.node[i];
		const struct rp_json_node *value = &tape->node[node];

		if (!is_put(tape, node, fields[i].kind))
			continue;
		put_name(sink, fields[i].name, is_first);
		is_first = false;
		if (node == 0)
			rp_text_sink_put(sink, RP_BYTES_LIT("\"\""));
		else if (fields[i].kind == RP_JSON_STRUCT_RAW_OR_NONE)
			put_compact(sink, cursor, value->begin, value->end);
		else
			err = rp_json_tape_put(tape, node, sink, cursor);
	}
	rp_text_sink_put(sink, RP_BYTES_LIT("}"));
	return err;
}

int rp_json_put_structs(struct rp_arena *arena, struct rp_text_sink *sink,
			struct rp_body_cursor *cursor, uint64_t begin, uint64_t end,
			const struct rp_json_struct_field *fields, size_t count)
{
	struct rp_json_tape tape = {.arena = arena};
	int err = rp_json_tape_fill(&tape, cursor, begin, end);

	RP_ASSERT(count <= RP_JSON_STRUCT_FIELDS_MAX);
	if (err != RP_OK)
		return err;
	rp_text_sink_put(sink, RP_BYTES_LIT("["));
	for (uint32_t at = 1; at < tape.count && err == RP_OK; at = tape.node[at].next) {
		if (at > 1)
			rp_text_sink_put(sink, RP_BYTES_LIT(","));
		err = put_struct(&tape, at, sink, cursor, fields, count);
	}
	rp_text_sink_put(sink, RP_BYTES_LIT("]"));
	return err != RP_OK ? err : sink->err;
}
