/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over a JSON body as it arrives remembers where the members that matter to its API stand;
 * at the end they are checked the way the API demands (ext_proc reference 4.2).
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/json_text.h"
#include "dataplane/parsers/parser.h"

enum { SAID_BYTES = 384 };

static const struct rp_field_name *find_name(const struct rp_request_parser *parser,
					     const struct rp_json_token *token)
{
	const struct rp_json_api *how = parser->how;
	const struct rp_field_set *set = how->fields_of != NULL
						 ? how->fields_of(parser, token->depth)
						 : &how->fields[token->depth];
	struct rp_bytes text = rp_json_scan_text(&parser->scan);
	uint8_t plain[RP_JSON_TEXT_BYTES];

	if (token->has_escape)
		text = rp_bytes(plain, rp_json_unescape(text, plain, sizeof(plain)));
	for (size_t i = 0; i < set->count; i++) {
		const struct rp_field_name *name = &set->names[i];

		if (text.len != name->name.len)
			continue;
		if (name->is_exact ? rp_bytes_equal(text, name->name)
				   : rp_bytes_equal_nocase(text, name->name))
			return name;
	}
	return NULL;
}

void rp_json_body_add_part(struct rp_request_parser *parser, enum rp_part_kind kind,
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

void rp_json_body_forget_prompt(struct rp_request_parser *parser)
{
	parser->part_count = 0;
	parser->message_count = 0;
	parser->ids = NULL;
	parser->ids_last = NULL;
	parser->id_count = 0;
}

void rp_json_body_take_string(struct rp_request_parser *parser, const struct rp_json_token *token,
			      struct rp_json_span *span)
{
	if (token->kind == RP_JSON_STRING)
		*span = rp_json_span_of(parser, token);
}

void rp_json_body_take_text(const struct rp_request_parser *parser,
			    const struct rp_json_token *token, char *out, size_t out_bytes)
{
	struct rp_bytes text = rp_json_scan_text(&parser->scan);
	uint8_t plain[RP_JSON_TEXT_BYTES];

	if (token->kind != RP_JSON_STRING)
		return;
	if (token->has_escape)
		text = rp_bytes(plain, rp_json_unescape(text, plain, sizeof(plain)));
	rp_bytes_to_str(text, out, out_bytes);
}

const char *rp_json_body_say(struct rp_request_parser *parser, const char *format, ...)
{
	char *text = rp_arena_alloc(parser->arena, SAID_BYTES);
	va_list args;

	if (text == NULL)
		return "no memory left to say what is wrong";
	va_start(args, format);
	vsnprintf(text, SAID_BYTES, format, args);
	va_end(args);
	return text;
}

static const char *go_kind(enum rp_json_kind kind)
{
	switch ((int)kind) {
	case RP_JSON_OBJECT_BEGIN:
		return "object";
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

const char *rp_json_body_say_mistyped(struct rp_request_parser *parser,
				      const struct rp_json_token *token, const char *prefix,
				      const char *name)
{
	return rp_json_body_say(parser, "%sjson: cannot unmarshal %s into Go struct field %s",
				prefix, go_kind(token->kind), name);
}

/* ---- values ---- */

int64_t rp_json_body_cap_value(const struct rp_request_parser *parser,
			       const struct rp_json_token *token)
{
	char text[RP_JSON_TEXT_BYTES + 1];
	double value;

	if (token->kind != RP_JSON_NUMBER)
		return -1;
	rp_bytes_to_str(rp_json_scan_text(&parser->scan), text, sizeof(text));
	value = strtod(text, NULL);
	if (!(value >= 0 && value < 9007199254740992.0) || value != floor(value))
		return -1;
	return (int64_t)value;
}

static bool is_whole(struct rp_bytes number)
{
	for (size_t i = 0; i < number.len; i++) {
		if (number.ptr[i] == '.' || number.ptr[i] == 'e' || number.ptr[i] == 'E')
			return false;
	}
	return true;
}

static bool has_type(const struct rp_request_parser *parser, const struct rp_json_token *token,
		     uint8_t types)
{
	switch ((int)token->kind) {
	case RP_JSON_OBJECT_BEGIN:
		return (types & RP_IS_OBJECT) != 0;
	case RP_JSON_ARRAY_BEGIN:
		return (types & RP_IS_ARRAY) != 0;
	case RP_JSON_STRING:
		return (types & RP_IS_STRING) != 0;
	case RP_JSON_NUMBER:
		return (types & RP_IS_NUMBER) != 0 ||
		       ((types & RP_IS_INT) != 0 && is_whole(rp_json_scan_text(&parser->scan)));
	case RP_JSON_TRUE:
	case RP_JSON_FALSE:
		return (types & RP_IS_BOOL) != 0;
	default:
		return true;
	}
}

static void check_type(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	const struct rp_field_name *name = parser->name;

	parser->name = NULL;
	if (name == NULL || name->types == 0 || has_type(parser, token, name->types))
		return;
	parser->fault = RP_BODY_MISTYPED;
	if (parser->how->mistyped != NULL)
		parser->how->mistyped(parser, name, token);
}

/* A member of the body itself. */
static bool top_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint8_t field = parser->field[1];

	parser->is_object_empty = false;
	if (field < RP_FIELD_MODEL)
		return false;
	parser->member[field] = rp_json_span_of(parser, token);
	if (field >= RP_FIELD_MAX_TOKENS && field < RP_FIELD_MAX_TOKENS + RP_FIELD_CAPS)
		parser->cap[field - RP_FIELD_MAX_TOKENS] = rp_json_body_cap_value(parser, token);
	return parser->how->value != NULL && parser->how->value(parser, token);
}

static bool value_begins(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 0) {
		parser->object_begin = token->end;
		parser->is_object_empty = true;
		return token->kind == RP_JSON_OBJECT_BEGIN;
	}
	check_type(parser, token);
	if (token->depth == 1)
		return top_value(parser, token);
	return parser->field[token->depth] != RP_FIELD_NONE && parser->how->value(parser, token);
}

static void container_ends(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint8_t field = parser->field[1];

	if (token->depth == 1 && field >= RP_FIELD_MODEL)
		parser->member[field].end = token->end;
	else if (parser->how->end != NULL)
		parser->how->end(parser, token);
}

/* Go decodes every number of the body into a float64. */
static void check_number(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	char text[RP_JSON_TEXT_BYTES + 1];

	if (!parser->how->is_map || parser->bad_number[0] != '\0' ||
	    token->end - token->begin > RP_JSON_TEXT_BYTES)
		return;
	rp_bytes_to_str(rp_json_scan_text(&parser->scan), text, sizeof(text));
	if (strpbrk(text, "eE") != NULL && isinf(strtod(text, NULL)))
		memcpy(parser->bad_number, text, sizeof(text));
}

static bool is_container(enum rp_json_kind kind)
{
	return kind == RP_JSON_OBJECT_BEGIN || kind == RP_JSON_ARRAY_BEGIN;
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
		container_ends(parser, token);
		return;
	}
	if (token->kind == RP_JSON_KEY) {
		parser->name = find_name(parser, token);
		parser->field[token->depth] =
			parser->name != NULL ? parser->name->field : (uint8_t)RP_FIELD_NONE;
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

/* ---- the tap ---- */

static bool is_prompt_text(const struct rp_request_parser *parser, uint32_t depth)
{
	return !parser->is_skipping && parser->how->is_prompt_text != NULL &&
	       parser->how->is_prompt_text(parser, depth);
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

void rp_json_body_feed(struct rp_request_parser *parser, struct rp_bytes chunk)
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

/* ---- the end ---- */

bool rp_json_body_is_given(const struct rp_request_parser *parser, enum rp_body_field field)
{
	return parser->member[field].end != 0 && parser->member[field].kind != RP_JSON_NULL;
}

int64_t rp_json_body_cap(const struct rp_request_parser *parser, enum rp_body_field field)
{
	return parser->member[field].end != 0 ? parser->cap[field - RP_FIELD_MAX_TOKENS] : -1;
}

bool rp_json_span_has_text(const struct rp_json_span *span)
{
	return span->end - span->begin > 2 && span->kind == RP_JSON_STRING;
}

bool rp_json_span_has_elements(const struct rp_json_span *span, struct rp_body_cursor *cursor)
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

/* What is wrong with the JSON; NULL if it is an object (or null, which Go takes for an empty one).
 */
static const char *broken(struct rp_request_parser *parser)
{
	const char *prefix = parser->ops->syntax_error;

	if (rp_json_scan_end(&parser->scan) != RP_OK)
		return rp_json_body_say(parser, "%s%s", prefix, parser->scan.error);
	if (parser->scan.top != RP_JSON_OBJECT_BEGIN && parser->scan.top != RP_JSON_NULL)
		return rp_json_body_say(parser,
					"%sjson: cannot unmarshal %s into Go value of type %s",
					prefix, go_kind(parser->scan.top),
					parser->how->is_map ? "map[string]interface {}"
							    : "sglanghttp.sgLangGenerateWire");
	if (parser->bad_number[0] != '\0')
		return rp_json_body_say(parser,
					"%sjson: cannot unmarshal number %s into Go value of type "
					"float64",
					prefix, parser->bad_number);
	return NULL;
}

/* Characters of a member if it is a string, else "". */
static int copy_member(struct rp_request_parser *parser, struct rp_body_cursor *cursor,
		       enum rp_body_field field, uint64_t max, struct rp_bytes *ret_text)
{
	const struct rp_json_span *span = &parser->member[field];

	*ret_text = rp_bytes("", 0);
	if (span->end == 0 || span->kind != RP_JSON_STRING)
		return RP_OK;
	*ret_text = rp_json_copy_string(parser->arena, cursor, span->begin, span->end, max);
	return ret_text->ptr != NULL ? RP_OK : RP_ENOMEM;
}

static const char *find_fault(struct rp_request_parser *parser, struct rp_body_cursor *cursor)
{
	const char *fault = broken(parser);

	if (fault == NULL)
		fault = parser->how->missing(parser, cursor);
	if (fault == NULL &&
	    (parser->fault == RP_BODY_TOO_MANY_PARTS ||
	     (parser->how->has_text_prompts && parser->part_count > RP_PROMPTS_MAX)))
		fault = "request has too many prompts or content parts";
	return fault;
}

int rp_json_body_finish(struct rp_request_parser *parser, const struct rp_body *body,
			struct rp_request *request, struct rp_bytes *ret_error)
{
	struct rp_body_cursor cursor = rp_body_cursor(body);
	const struct rp_json_span *model = &parser->member[RP_FIELD_MODEL];
	const char *fault = find_fault(parser, &cursor);
	int err;

	if (fault != NULL) {
		*ret_error = rp_bytes_str(fault);
		return RP_EFORMAT;
	}
	request->object_begin_offset = parser->object_begin;
	request->is_object_empty = parser->is_object_empty;
	if (model->end != 0) {
		request->has_model = model->kind == RP_JSON_STRING;
		request->model_value_offset = model->begin;
		request->model_value_bytes = model->end - model->begin;
	}
	request->is_streaming = parser->member[RP_FIELD_STREAM].end != 0 &&
				parser->member[RP_FIELD_STREAM].kind == RP_JSON_TRUE;
	if (parser->how->token_cap != NULL)
		request->max_tokens = parser->how->token_cap(parser);
	err = copy_member(parser, &cursor, RP_FIELD_MODEL, RP_MODEL_NAME_MAX,
			  &request->incoming_model);
	if (err == RP_OK)
		err = copy_member(parser, &cursor, RP_FIELD_CACHE_SALT, UINT64_MAX,
				  &request->cache_salt);
	return err;
}
