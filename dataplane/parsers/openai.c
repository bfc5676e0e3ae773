/* SPDX-License-Identifier: Apache-2.0
 *
 * openai-parser: one pass over the body as it arrives remembers where the members that matter
 * stand; at the end they are checked the way the API demands (ext_proc reference 4.2).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/json_text.h"
#include "dataplane/parsers/parser.h"

static const struct rp_parser_suffix suffixes[] = {
	{"chat/completions", RP_API_CHAT},	    {"completions", RP_API_COMPLETIONS},
	{"embeddings", RP_API_EMBEDDINGS},	    {"responses", RP_API_RESPONSES},
	{"conversations", RP_API_CONVERSATIONS},    {"chat/completions/render", RP_API_CHAT},
	{"completions/render", RP_API_COMPLETIONS}, {"images/generations", RP_API_IMAGES},
};

struct field_name {
	const char *name;
	enum rp_field field;
	bool is_exact; /* upstream reads it from a map; the others from structs, where case is free
			*/
};

static const struct field_name top_fields[] = {
	{"model", RP_FIELD_MODEL, true},
	{"stream", RP_FIELD_STREAM, true},
	{"max_tokens", RP_FIELD_MAX_TOKENS, true},
	{"max_completion_tokens", RP_FIELD_MAX_COMPLETION_TOKENS, true},
	{"max_output_tokens", RP_FIELD_MAX_OUTPUT_TOKENS, true},
	{"cache_salt", RP_FIELD_CACHE_SALT, false},
	{"prompt", RP_FIELD_PROMPT, false},
	{"input", RP_FIELD_INPUT, false},
	{"instructions", RP_FIELD_INSTRUCTIONS, false},
	{"tools", RP_FIELD_TOOLS, false},
	{"items", RP_FIELD_ITEMS, false},
	{"messages", RP_FIELD_MESSAGES, false},
};
static const struct field_name message_fields[] = {
	{"role", RP_FIELD_ROLE, false},
	{"content", RP_FIELD_CONTENT, false},
};
static const struct field_name part_fields[] = {
	{"type", RP_FIELD_TYPE, false},
	{"text", RP_FIELD_TEXT, false},
	{"image_url", RP_FIELD_IMAGE_URL, false},
	{"video_url", RP_FIELD_VIDEO_URL, false},
	{"input_audio", RP_FIELD_INPUT_AUDIO, false},
};
static const struct field_name media_fields[] = {
	{"url", RP_FIELD_URL, false},
	{"data", RP_FIELD_DATA, false},
	{"format", RP_FIELD_FORMAT, false},
};

struct field_set {
	const struct field_name *names;
	size_t count;
};

/* Members known at each depth; the arrays between them have none. */
static const struct field_set fields_by_depth[RP_FIELD_DEPTH] = {
	[1] = {top_fields, RP_ARRAY_LEN(top_fields)},
	[3] = {message_fields, RP_ARRAY_LEN(message_fields)},
	[5] = {part_fields, RP_ARRAY_LEN(part_fields)},
	[6] = {media_fields, RP_ARRAY_LEN(media_fields)},
};

static enum rp_field find_field(const struct rp_request_parser *parser,
				const struct rp_json_token *token)
{
	const struct field_set *set = &fields_by_depth[token->depth];
	struct rp_bytes text = rp_json_scan_text(&parser->scan);
	uint8_t plain[RP_JSON_TEXT_BYTES];

	if (token->has_escape)
		text = rp_bytes(plain, rp_json_unescape(text, plain, sizeof(plain)));
	for (size_t i = 0; i < set->count; i++) {
		struct rp_bytes name = rp_bytes_str(set->names[i].name);

		if (set->names[i].is_exact ? rp_bytes_equal(text, name)
					   : rp_bytes_equal_nocase(text, name))
			return set->names[i].field;
	}
	return RP_FIELD_NONE;
}

static struct rp_json_span span_of(const struct rp_request_parser *parser,
				   const struct rp_json_token *token)
{
	return (struct rp_json_span){.begin = token->begin,
				     .end = token->end,
				     .kind = token->kind,
				     .is_tapped = parser->is_token_tapped};
}

/* Past RP_JSON_SPANS_MAX parts the body is refused. */
static void add_part(struct rp_request_parser *parser, enum rp_part_kind kind,
		     struct rp_json_span span)
{
	if (parser->part_count == RP_JSON_SPANS_MAX) {
		parser->fault = RP_BODY_TOO_MANY_PARTS;
		return;
	}
	if (parser->part_count == parser->part_capacity) {
		uint32_t capacity = parser->part_capacity == 0 ? 8 : 2 * parser->part_capacity;
		struct rp_part *part = rp_arena_alloc(parser->arena, capacity * sizeof(*part));

		if (part == NULL) {
			parser->err = RP_ENOMEM;
			return;
		}
		if (parser->part_count > 0)
			memcpy(part, parser->part, parser->part_count * sizeof(*part));
		parser->part = part;
		parser->part_capacity = capacity;
	}
	parser->part[parser->part_count++] = (struct rp_part){
		.begin = span.begin, .end = span.end, .kind = kind, .is_tapped = span.is_tapped};
}

static void add_id(struct rp_request_parser *parser)
{
	struct rp_bytes text = rp_json_scan_text(&parser->scan);
	uint64_t id = 0;

	if (rp_bytes_to_u64(text, UINT32_MAX, &id) != RP_OK) {
		parser->fault = RP_BODY_MISTYPED;
		return;
	}
	parser->id_count++;
	if (parser->id_count > RP_PROMPT_TOKENS_MAX)
		return;
	if (parser->ids_last == NULL || parser->ids_last->count == RP_ID_BLOCK_IDS) {
		struct rp_id_block *block = rp_arena_alloc(parser->arena, sizeof(*block));

		if (block == NULL) {
			parser->err = RP_ENOMEM;
			return;
		}
		block->next = NULL;
		block->count = 0;
		if (parser->ids_last != NULL)
			parser->ids_last->next = block;
		else
			parser->ids = block;
		parser->ids_last = block;
	}
	parser->ids_last->id[parser->ids_last->count++] = (uint32_t)id;
}

/* A new value of a member forgets what an earlier duplicate left behind. */
static void forget_prompt(struct rp_request_parser *parser)
{
	parser->part_count = 0;
	parser->message_count = 0;
	parser->ids = NULL;
	parser->ids_last = NULL;
	parser->id_count = 0;
}

static bool is_container(enum rp_json_kind kind)
{
	return kind == RP_JSON_OBJECT_BEGIN || kind == RP_JSON_ARRAY_BEGIN;
}

/* Is this the member whose elements become prompts of their own? */
static bool is_prompt_field(const struct rp_request_parser *parser, enum rp_field field)
{
	if (parser->api == RP_API_COMPLETIONS)
		return field == RP_FIELD_PROMPT;
	return parser->api == RP_API_EMBEDDINGS && field == RP_FIELD_INPUT;
}

static bool is_messages_field(const struct rp_request_parser *parser, enum rp_field field)
{
	return parser->api == RP_API_CHAT && field == RP_FIELD_MESSAGES;
}

/* Value of a token cap: a whole number >= 0; anything else counts as absent. */
static int64_t cap_value(const struct rp_json_scan *scan)
{
	char text[RP_JSON_TEXT_BYTES + 1];
	double value;

	rp_bytes_to_str(rp_json_scan_text(scan), text, sizeof(text));
	value = strtod(text, NULL);
	if (!(value >= 0 && value < 9007199254740992.0) || value != floor(value))
		return -1;
	return (int64_t)value;
}

/* Each of the following takes the first token of a value and says whether to look inside. */

static bool top_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	enum rp_field field = parser->field[1];

	parser->is_object_empty = false;
	if (field == RP_FIELD_NONE)
		return false;
	parser->member[field] = span_of(parser, token);
	parser->cap[field] = token->kind == RP_JSON_NUMBER ? cap_value(&parser->scan) : -1;
	if (!is_prompt_field(parser, field) && !is_messages_field(parser, field))
		return false;
	forget_prompt(parser);
	if (is_prompt_field(parser, field) && token->kind == RP_JSON_STRING)
		add_part(parser, RP_PART_TEXT, span_of(parser, token));
	else if (token->kind != RP_JSON_ARRAY_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool element_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (is_prompt_field(parser, parser->field[1])) {
		if (token->kind == RP_JSON_STRING && parser->id_count == 0)
			add_part(parser, RP_PART_TEXT, span_of(parser, token));
		else if (token->kind == RP_JSON_NUMBER && parser->part_count == 0)
			add_id(parser);
		else
			parser->fault = RP_BODY_MISTYPED;
		return false;
	}
	if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	parser->message_count++;
	parser->message_part = parser->part_count;
	parser->role = (struct rp_json_span){0};
	add_part(parser, RP_PART_ROLE, (struct rp_json_span){0});
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

/* A string or null where Go expects a string. */
static void take_string(struct rp_request_parser *parser, const struct rp_json_token *token,
			struct rp_json_span *span)
{
	if (token->kind == RP_JSON_STRING)
		*span = span_of(parser, token);
	else if (token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
}

static bool message_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (parser->field[3] == RP_FIELD_ROLE) {
		take_string(parser, token, &parser->role);
		return false;
	}
	if (parser->field[3] != RP_FIELD_CONTENT)
		return false;
	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->message_part + 1);
	if (token->kind == RP_JSON_STRING)
		add_part(parser, RP_PART_TEXT, span_of(parser, token));
	else if (token->kind != RP_JSON_ARRAY_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool content_element(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	memset(&parser->content, 0, sizeof(parser->content));
	if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static bool part_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	struct rp_json_span ignored;
	struct rp_bytes text = rp_json_scan_text(&parser->scan);
	uint8_t plain[RP_JSON_TEXT_BYTES];

	switch ((int)parser->field[5]) {
	case RP_FIELD_TYPE:
		take_string(parser, token, &ignored);
		if (token->kind != RP_JSON_STRING)
			return false;
		if (token->has_escape)
			text = rp_bytes(plain, rp_json_unescape(text, plain, sizeof(plain)));
		rp_bytes_to_str(text, parser->content.type, sizeof(parser->content.type));
		return false;
	case RP_FIELD_TEXT:
		take_string(parser, token, &parser->content.text);
		return false;
	case RP_FIELD_IMAGE_URL:
	case RP_FIELD_VIDEO_URL:
	case RP_FIELD_INPUT_AUDIO:
		if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
			parser->fault = RP_BODY_MISTYPED;
		return token->kind == RP_JSON_OBJECT_BEGIN;
	default:
		return false;
	}
}

static bool media_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	enum rp_field outer = parser->field[5];
	enum rp_field field = parser->field[6];

	if (outer == RP_FIELD_IMAGE_URL && field == RP_FIELD_URL)
		take_string(parser, token, &parser->content.image_url);
	else if (outer == RP_FIELD_VIDEO_URL && field == RP_FIELD_URL)
		take_string(parser, token, &parser->content.video_url);
	else if (outer == RP_FIELD_INPUT_AUDIO && field == RP_FIELD_DATA)
		take_string(parser, token, &parser->content.audio_data);
	else if (outer == RP_FIELD_INPUT_AUDIO && field == RP_FIELD_FORMAT)
		take_string(parser, token, &parser->content.audio_format);
	return false;
}

static bool value_begins(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	switch (token->depth) {
	case 0:
		parser->object_begin = token->end;
		parser->is_object_empty = true;
		return token->kind == RP_JSON_OBJECT_BEGIN;
	case 1:
		return top_value(parser, token);
	case 2:
		return element_value(parser, token);
	case 3:
		return message_value(parser, token);
	case 4:
		return content_element(parser, token);
	case 5:
		return part_value(parser, token);
	default:
		return media_value(parser, token);
	}
}

static void content_part_ends(struct rp_request_parser *parser)
{
	const struct rp_content_part *content = &parser->content;

	if (strcmp(content->type, "text") == 0) {
		add_part(parser, RP_PART_TEXT, content->text);
	} else if (strcmp(content->type, "image_url") == 0) {
		add_part(parser, RP_PART_IMAGE, content->image_url);
	} else if (strcmp(content->type, "video_url") == 0) {
		add_part(parser, RP_PART_VIDEO, content->video_url);
	} else if (strcmp(content->type, "input_audio") == 0) {
		add_part(parser, RP_PART_AUDIO_DATA, content->audio_data);
		add_part(parser, RP_PART_AUDIO_FORMAT, content->audio_format);
	}
}

static void container_ends(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 1 && parser->field[1] != RP_FIELD_NONE)
		parser->member[parser->field[1]].end = token->end;
	else if (token->depth == 4)
		content_part_ends(parser);
	else if (token->depth == 2 && parser->message_part < parser->part_count)
		parser->part[parser->message_part] =
			(struct rp_part){.begin = parser->role.begin,
					 .end = parser->role.end,
					 .kind = RP_PART_ROLE,
					 .is_tapped = parser->role.is_tapped};
}

/* Go decodes every number of the body into a float64. */
static void check_number(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	char text[RP_JSON_TEXT_BYTES + 1];

	if (parser->bad_number[0] != '\0' || token->end - token->begin > RP_JSON_TEXT_BYTES)
		return;
	rp_bytes_to_str(rp_json_scan_text(&parser->scan), text, sizeof(text));
	if (strpbrk(text, "eE") != NULL && isinf(strtod(text, NULL)))
		memcpy(parser->bad_number, text, sizeof(text));
}

static void take_token(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	bool is_end = token->kind == RP_JSON_OBJECT_END || token->kind == RP_JSON_ARRAY_END;

	if (token->kind == RP_JSON_NUMBER)
		check_number(parser, token);
	if (parser->is_skipping) {
		if (!is_end || token->depth != parser->skip_depth)
			return;
		parser->is_skipping = false;
		if (token->depth == 1)
			container_ends(parser, token);
		return;
	}
	if (token->kind == RP_JSON_KEY) {
		parser->field[token->depth] = find_field(parser, token);
		return;
	}
	if (is_end) {
		container_ends(parser, token);
		return;
	}
	if (!value_begins(parser, token)) {
		parser->is_skipping = is_container(token->kind);
		parser->skip_depth = token->depth;
	} else {
		parser->field[token->depth + 1] =
			token->kind == RP_JSON_ARRAY_BEGIN ? RP_FIELD_ELEMENT : RP_FIELD_NONE;
	}
}

/* Is a string value of this depth, if it begins now, the next text of the prompt in the usual order
 * of things? Whether it was is seen at the end, from the parts. */
static bool is_prompt_text(const struct rp_request_parser *parser, uint32_t depth)
{
	const struct rp_json_span *tools = &parser->member[RP_FIELD_TOOLS];

	if (parser->is_skipping)
		return false;
	if (depth == 1 || depth == 2)
		return parser->api == RP_API_COMPLETIONS && parser->field[1] == RP_FIELD_PROMPT &&
		       parser->part_count == 0;
	if (tools->end != 0) /* they come first */
		return false;
	if (depth == 3)
		return parser->field[3] == RP_FIELD_ROLE || parser->field[3] == RP_FIELD_CONTENT;
	return depth == 5 && parser->field[5] == RP_FIELD_TEXT &&
	       strcmp(parser->content.type, "text") == 0;
}

/* Give the tap what the chunk has of a string. base: the body's bytes before the chunk */
static void tap_string(struct rp_request_parser *parser, struct rp_bytes chunk, uint64_t base,
		       const struct rp_json_token *token)
{
	size_t begin = token->begin < base ? 0 : (size_t)(token->begin - base) + 1;
	bool is_end = token->end != 0;
	size_t end = is_end ? (size_t)(token->end - base) - 1 : chunk.len;

	rp_prompt_tap_feed(&parser->tap, rp_bytes_slice(chunk, begin, end - begin),
			   !token->has_escape && !token->has_high, is_end);
}

static void tap_token(struct rp_request_parser *parser, struct rp_bytes chunk, uint64_t base,
		      const struct rp_json_token *token)
{
	parser->is_token_tapped = token->kind == RP_JSON_STRING &&
				  (parser->tap.is_open ||
				   (parser->tap.is_on && is_prompt_text(parser, token->depth)));
	if (parser->is_token_tapped)
		tap_string(parser, chunk, base, token);
}

/* The chunk ends inside a string. */
static void tap_beginning(struct rp_request_parser *parser, struct rp_bytes chunk, uint64_t base)
{
	const struct rp_json_scan *scan = &parser->scan;
	struct rp_json_token token = {
		.begin = scan->begin, .has_escape = scan->has_escape, .has_high = scan->has_high};

	if (parser->tap.is_open || (!scan->is_key && is_prompt_text(parser, scan->depth)))
		tap_string(parser, chunk, base, &token);
}

static void feed(struct rp_request_parser *parser, struct rp_bytes chunk)
{
	uint64_t base = parser->fed - chunk.len;
	struct rp_json_token token;
	size_t at = 0;
	int err = RP_OK;

	while (parser->err == RP_OK) {
		err = rp_json_scan_next(&parser->scan, chunk, &at, &token);
		if (err != RP_OK)
			break;
		tap_token(parser, chunk, base, &token);
		take_token(parser, &token);
	}
	if (err == RP_EAGAIN && parser->tap.is_on && rp_json_scan_is_in_string(&parser->scan))
		tap_beginning(parser, chunk, base);
}

static const char *go_kind(enum rp_json_kind kind)
{
	switch ((int)kind) {
	case RP_JSON_ARRAY_BEGIN:
		return "array";
	case RP_JSON_STRING:
		return "string";
	case RP_JSON_NUMBER:
		return "number";
	default:
		return "bool";
	}
}

/* The text of a refusal; "" if the body is a JSON object (or null, which Go takes for an empty
 * one). */
static void check_object(struct rp_request_parser *parser, char *out, size_t out_bytes)
{
	const char *prefix = "error unmarshaling request bodyMap: ";

	out[0] = '\0';
	if (rp_json_scan_end(&parser->scan) != RP_OK)
		snprintf(out, out_bytes, "%s%s", prefix, parser->scan.error);
	else if (parser->scan.top != RP_JSON_OBJECT_BEGIN && parser->scan.top != RP_JSON_NULL)
		snprintf(
			out, out_bytes,
			"%sjson: cannot unmarshal %s into Go value of type map[string]interface {}",
			prefix, go_kind(parser->scan.top));
	else if (parser->bad_number[0] != '\0')
		snprintf(out, out_bytes,
			 "%sjson: cannot unmarshal number %s into Go value of type float64", prefix,
			 parser->bad_number);
}

static bool is_given(const struct rp_request_parser *parser, enum rp_field field)
{
	return parser->member[field].end != 0 && parser->member[field].kind != RP_JSON_NULL;
}

/* A non-empty array: it has more than its brackets and blanks would need. */
static bool has_elements(const struct rp_json_span *span, struct rp_body_cursor *cursor)
{
	if (span->end == 0 || span->kind != RP_JSON_ARRAY_BEGIN)
		return false;
	for (uint64_t at = span->begin + 1; at < span->end - 1; at++) {
		uint8_t c = rp_body_cursor_view(cursor, at, 1).ptr[0];

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return true;
	}
	return false;
}

/* A string that is not "". */
static bool has_text(const struct rp_json_span *span)
{
	return span->end != 0 && span->kind == RP_JSON_STRING && span->end - span->begin > 2;
}

static bool has_prompt(const struct rp_request_parser *parser, enum rp_field field)
{
	const struct rp_json_span *span = &parser->member[field];

	if (parser->fault == RP_BODY_MISTYPED || !is_given(parser, field))
		return false;
	if (span->kind == RP_JSON_STRING)
		return has_text(span);
	return parser->part_count > 0 || parser->id_count > 0;
}

static const char *missing(struct rp_request_parser *parser, struct rp_body_cursor *cursor)
{
	switch (parser->api) {
	case RP_API_CONVERSATIONS:
		return has_elements(&parser->member[RP_FIELD_ITEMS], cursor)
			       ? NULL
			       : "invalid conversations request: must have items field";
	case RP_API_RESPONSES:
		return is_given(parser, RP_FIELD_INPUT)
			       ? NULL
			       : "invalid responses request: must have input field";
	case RP_API_CHAT:
		return parser->message_count > 0 && parser->fault != RP_BODY_MISTYPED
			       ? NULL
			       : "invalid chat completions request: must have valid messages field";
	case RP_API_COMPLETIONS:
		return has_prompt(parser, RP_FIELD_PROMPT)
			       ? NULL
			       : "invalid completions request: must have prompt field";
	case RP_API_EMBEDDINGS:
		return has_prompt(parser, RP_FIELD_INPUT)
			       ? NULL
			       : "invalid embeddings request: must have input field";
	case RP_API_IMAGES:
		return has_text(&parser->member[RP_FIELD_PROMPT])
			       ? NULL
			       : "invalid images generations request: must have prompt field";
	case RP_API_RAW:
		return NULL;
	}
	RP_ASSERT(false);
}

static int64_t token_cap(const struct rp_request_parser *parser)
{
	int64_t cap = -1;

	if (parser->api == RP_API_RESPONSES)
		return parser->member[RP_FIELD_MAX_OUTPUT_TOKENS].end != 0
			       ? parser->cap[RP_FIELD_MAX_OUTPUT_TOKENS]
			       : -1;
	if (parser->api == RP_API_CHAT && parser->member[RP_FIELD_MAX_COMPLETION_TOKENS].end != 0)
		cap = parser->cap[RP_FIELD_MAX_COMPLETION_TOKENS];
	if (cap < 0 && parser->member[RP_FIELD_MAX_TOKENS].end != 0)
		cap = parser->cap[RP_FIELD_MAX_TOKENS];
	return cap;
}

/* Characters of a member if it is a string, else "". */
static int copy_member(struct rp_request_parser *parser, struct rp_body_cursor *cursor,
		       enum rp_field field, uint64_t max, struct rp_bytes *ret_text)
{
	const struct rp_json_span *span = &parser->member[field];

	*ret_text = rp_bytes("", 0);
	if (span->end == 0 || span->kind != RP_JSON_STRING)
		return RP_OK;
	*ret_text = rp_json_copy_string(parser->arena, cursor, span->begin, span->end, max);
	return ret_text->ptr != NULL ? RP_OK : RP_ENOMEM;
}

static int refuse(struct rp_request_parser *parser, const char *text, struct rp_bytes *ret_error)
{
	*ret_error = rp_arena_copy(parser->arena, rp_bytes_str(text));
	return ret_error->ptr != NULL ? RP_EFORMAT : RP_ENOMEM;
}

static int finish(struct rp_request_parser *parser, const struct rp_body *body,
		  struct rp_request *request, struct rp_bytes *ret_error)
{
	struct rp_body_cursor cursor = rp_body_cursor(body);
	const struct rp_json_span *model = &parser->member[RP_FIELD_MODEL];
	char text[384];
	const char *fault;
	int err;

	check_object(parser, text, sizeof(text));
	if (text[0] != '\0')
		return refuse(parser, text, ret_error);
	fault = missing(parser, &cursor);
	if (fault == NULL &&
	    (parser->fault == RP_BODY_TOO_MANY_PARTS ||
	     (parser->api == RP_API_COMPLETIONS && parser->part_count > RP_PROMPTS_MAX)))
		fault = "request has too many prompts or content parts";
	if (fault != NULL)
		return refuse(parser, fault, ret_error);

	request->object_begin_offset = parser->object_begin;
	request->is_object_empty = parser->is_object_empty;
	if (model->end != 0) {
		request->has_model = model->kind == RP_JSON_STRING;
		request->model_value_offset = model->begin;
		request->model_value_bytes = model->end - model->begin;
	}
	request->is_streaming = parser->member[RP_FIELD_STREAM].end != 0 &&
				parser->member[RP_FIELD_STREAM].kind == RP_JSON_TRUE;
	request->max_tokens = token_cap(parser);
	err = copy_member(parser, &cursor, RP_FIELD_MODEL, RP_MODEL_NAME_MAX,
			  &request->incoming_model);
	if (err == RP_OK)
		err = copy_member(parser, &cursor, RP_FIELD_CACHE_SALT, UINT64_MAX,
				  &request->cache_salt);
	return err;
}

const struct rp_parser rp_openai_parser = {
	.suffixes = suffixes,
	.suffix_count = RP_ARRAY_LEN(suffixes),
	.can_rewrite_model = true,
	.feed = feed,
	.finish = finish,
	.make_prompts = rp_prompt_make,
};
