/* SPDX-License-Identifier: Apache-2.0
 *
 * Anthropic's messages. A content is a string or an array of blocks; a block of type tool_result
 * has a content of its own. The system prompt is a content, too.
 */
#include "dataplane/json_structs.h"
#include "dataplane/parsers/prompt_maker.h"

#define PARSING "error parsing messages request: "

static const char content_error[] =
	PARSING "anthropic content: must be a string or an array of content blocks";

static const struct rp_field_name top_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("messages", MESSAGES, RP_IS_ARRAY, false,
		 "MessagesRequest.messages of type []requesthandling.AnthropicMessage"),
	RP_FIELD("max_tokens", MAX_TOKENS, 0, true, NULL),
	RP_FIELD("system", SYSTEM, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
	RP_FIELD("tools", TOOLS, RP_IS_ARRAY, false,
		 "MessagesRequest.tools of type []requesthandling.AnthropicTool"),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false,
		 "MessagesRequest.cache_salt of type string"),
};
static const struct rp_field_name message_fields[] = {
	RP_FIELD("role", ROLE, RP_IS_STRING, false,
		 "AnthropicMessage.messages.role of type string"),
	RP_FIELD("content", CONTENT, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
};
static const struct rp_field_name tool_fields[] = {
	RP_FIELD("name", TYPED, RP_IS_STRING, false, "AnthropicTool.tools.name of type string"),
	RP_FIELD("description", TYPED, RP_IS_STRING, false,
		 "AnthropicTool.tools.description of type string"),
	RP_FIELD("strict", TYPED, RP_IS_BOOL, false, "AnthropicTool.tools.strict of type bool"),
	RP_FIELD("defer_loading", TYPED, RP_IS_BOOL, false,
		 "AnthropicTool.tools.defer_loading of type bool"),
};
/* Whatever is wrong inside a content makes it no content. */
static const struct rp_field_name block_fields[] = {
	RP_FIELD("type", TYPE, RP_IS_STRING, false, NULL),
	RP_FIELD("text", TEXT, RP_IS_STRING, false, NULL),
	RP_FIELD("id", ID, RP_IS_STRING, false, NULL),
	RP_FIELD("name", NAME, RP_IS_STRING, false, NULL),
	RP_FIELD("input", INPUT, 0, false, NULL),
	RP_FIELD("content", CONTENT, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
	RP_FIELD("source", SOURCE, RP_IS_OBJECT, false, NULL),
	RP_FIELD("thinking", THINKING, RP_IS_STRING, false, NULL),
	RP_FIELD("tool_use_id", TYPED, RP_IS_STRING, false, NULL),
};
static const struct rp_field_name source_fields[] = {
	RP_FIELD("type", TYPE, RP_IS_STRING, false, NULL),
	RP_FIELD("url", URL, RP_IS_STRING, false, NULL),
	RP_FIELD("data", DATA, RP_IS_STRING, false, NULL),
	RP_FIELD("media_type", MEDIA_TYPE, RP_IS_STRING, false, NULL),
};

/* Where a value stands in a content, by how much deeper it is than the content's array. */
enum place { BLOCK = 1, MEMBER, DEEPER, INNER_MEMBER, INNER_SOURCE };

/* Depth of the content's array. */
static uint32_t content_depth(const struct rp_request_parser *parser)
{
	return parser->field[1] == RP_FIELD_SYSTEM ? 1 : 3;
}

static const struct rp_field_set *fields(const struct rp_request_parser *parser, uint32_t depth)
{
	static const struct rp_field_set top = RP_FIELD_SET(top_fields),
					 message = RP_FIELD_SET(message_fields),
					 tool = RP_FIELD_SET(tool_fields),
					 block = RP_FIELD_SET(block_fields),
					 source = RP_FIELD_SET(source_fields);
	uint32_t array = content_depth(parser);

	if (depth == 1)
		return &top;
	if (depth == 3 && parser->field[1] == RP_FIELD_TOOLS)
		return &tool;
	if (depth == 3 && parser->field[1] == RP_FIELD_MESSAGES)
		return &message;
	return depth == array + MEMBER || depth == array + INNER_MEMBER ? &block : &source;
}

/* The first error counts, but Go stops at one in a content. */
static void mistyped(struct rp_request_parser *parser, const struct rp_json_token *token,
		     const char *go)
{
	parser->fault = RP_BODY_MISTYPED;
	if (go == NULL)
		parser->fault_text = content_error;
	else if (parser->fault_text == NULL)
		parser->fault_text = rp_json_body_say_mistyped(parser, token, PARSING, go);
}

/* An object, or null, in an array. @return it is an object */
static bool is_object(struct rp_request_parser *parser, const struct rp_json_token *token,
		      const char *go)
{
	if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
		mistyped(parser, token, go);
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

/* A new value of the system prompt, or of the messages, leaves the parts of an earlier one behind.
 */
static bool top_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (parser->field[1] == RP_FIELD_MESSAGES) {
		parser->first_part = parser->part_count;
		parser->message_count = 0;
	} else if (parser->field[1] == RP_FIELD_SYSTEM) {
		parser->first_system = parser->part_count;
		if (token->kind == RP_JSON_STRING)
			rp_json_body_add_part(parser, RP_PART_SYSTEM,
					      rp_json_span_of(parser, token));
	} else if (parser->field[1] != RP_FIELD_TOOLS) {
		return false;
	}
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool message_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 2) {
		parser->message_count++;
		parser->message_part = parser->part_count;
		parser->role = (struct rp_json_span){0};
		rp_json_body_add_part(parser, RP_PART_ROLE, parser->role);
		return is_object(
			parser, token,
			"MessagesRequest.messages of type requesthandling.AnthropicMessage");
	}
	if (parser->field[3] == RP_FIELD_ROLE) {
		rp_json_body_take_string(parser, token, &parser->role);
		return false;
	}
	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->message_part + 1);
	if (token->kind == RP_JSON_STRING)
		rp_json_body_add_part(parser, RP_PART_TEXT, rp_json_span_of(parser, token));
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static void take_source(struct rp_request_parser *parser, const struct rp_json_token *token,
			uint8_t field, struct rp_content_part *content)
{
	char type[8] = "";

	if (field == RP_FIELD_URL) {
		rp_json_body_take_string(parser, token, &content->image_url);
	} else if (field == RP_FIELD_DATA) {
		rp_json_body_take_string(parser, token, &content->data);
	} else if (field == RP_FIELD_MEDIA_TYPE) {
		rp_json_body_take_string(parser, token, &content->format);
	} else if (field == RP_FIELD_TYPE && token->kind == RP_JSON_STRING) {
		rp_json_body_take_text(parser, token, type, sizeof(type));
		content->is_url_source = strcmp(type, "url") == 0;
	}
}

/* A text that Claude Code makes anew for each request. */
static bool is_billing(const struct rp_request_parser *parser, const struct rp_json_token *token)
{
	static const char header[] = "x-anthropic-billing-header";
	char text[sizeof(header)] = "";

	rp_json_body_take_text(parser, token, text, sizeof(text));
	return strcmp(text, header) == 0;
}

/* A member of a block, but for its content. @return it has a source to look into */
static bool take_member(struct rp_request_parser *parser, const struct rp_json_token *token,
			uint8_t field, struct rp_content_part *content)
{
	switch (field) {
	case RP_FIELD_TYPE:
		rp_json_body_take_text(parser, token, content->type, sizeof(content->type));
		return false;
	case RP_FIELD_TEXT:
		rp_json_body_take_string(parser, token, &content->text);
		content->is_billing = is_billing(parser, token);
		return false;
	case RP_FIELD_ID:
		rp_json_body_take_string(parser, token, &content->id);
		return false;
	case RP_FIELD_NAME:
		rp_json_body_take_string(parser, token, &content->name);
		return false;
	case RP_FIELD_THINKING:
		rp_json_body_take_string(parser, token, &content->thinking);
		return false;
	case RP_FIELD_INPUT:
		content->input = rp_json_span_of(parser, token);
		return false;
	case RP_FIELD_SOURCE:
		content->image_url = content->data = content->format = (struct rp_json_span){0};
		content->is_url_source = false;
		return token->kind == RP_JSON_OBJECT_BEGIN;
	default:
		return false;
	}
}

/* The content of a tool_result, as a string or as blocks, which are looked at. */
static bool inner_content(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->block_part);
	parser->inner_texts = 0;
	if (token->kind == RP_JSON_STRING)
		rp_json_body_add_part(parser, RP_PART_TEXT, rp_json_span_of(parser, token));
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool inner_block(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (!is_object(parser, token, NULL))
		return false;
	if (parser->inner == NULL) {
		parser->inner = rp_arena_alloc(parser->arena, sizeof(*parser->inner));
		if (parser->inner == NULL) {
			parser->err = RP_ENOMEM;
			return false;
		}
	}
	memset(parser->inner, 0, sizeof(*parser->inner));
	return true;
}

static bool content_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint32_t array = content_depth(parser);
	uint8_t field = parser->field[token->depth];
	uint8_t outer = parser->field[array + MEMBER];

	switch ((enum place)(token->depth - array)) {
	case BLOCK:
		memset(&parser->content, 0, sizeof(parser->content));
		parser->block_part = parser->part_count;
		return is_object(parser, token, NULL);
	case MEMBER:
		if (field == RP_FIELD_CONTENT)
			return inner_content(parser, token);
		return take_member(parser, token, field, &parser->content);
	case DEEPER:
		if (outer == RP_FIELD_CONTENT)
			return inner_block(parser, token);
		take_source(parser, token, field, &parser->content);
		return false;
	case INNER_MEMBER:
		return take_member(parser, token, field, parser->inner);
	case INNER_SOURCE:
		take_source(parser, token, field, parser->inner);
		return false;
	}
	return false;
}

static bool value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 1)
		return top_value(parser, token);
	if (parser->field[1] == RP_FIELD_TOOLS)
		return token->depth == 2 &&
		       is_object(parser, token,
				 "MessagesRequest.tools of type requesthandling.AnthropicTool");
	if (parser->field[1] == RP_FIELD_MESSAGES && token->depth <= 3)
		return message_value(parser, token);
	return content_value(parser, token);
}

/* ---- what is complete ---- */

static void inner_block_ends(struct rp_request_parser *parser)
{
	const struct rp_content_part *inner = parser->inner;

	if (strcmp(inner->type, "text") == 0) {
		rp_json_body_add_part(parser,
				      parser->inner_texts++ == 0 ? RP_PART_TEXT : RP_PART_LINE,
				      inner->text);
	} else if (strcmp(inner->type, "image") != 0) {
		return;
	} else if (rp_json_span_has_text(&inner->image_url)) {
		rp_json_body_add_part(parser, RP_PART_IMAGE, inner->image_url);
	} else if (!inner->is_url_source && rp_json_span_has_text(&inner->data)) {
		rp_json_body_add_part(parser, RP_PART_IMAGE_TYPE, inner->format);
		rp_json_body_add_part(parser, RP_PART_FOLLOW, inner->data);
	}
}

static bool is_text(const struct rp_part *part)
{
	return part->kind == RP_PART_TEXT || part->kind == RP_PART_LINE;
}

/* Of a tool's result the texts come before the images. */
static void sort_result(struct rp_request_parser *parser)
{
	uint32_t count = parser->part_count - parser->block_part;
	struct rp_part *part = parser->part + parser->block_part;
	struct rp_part *image;
	uint32_t texts = 0, images = 0;

	if (parser->inner_texts == 0 || parser->inner_texts >= count)
		return;
	image = rp_arena_alloc(parser->arena, count * sizeof(*image));
	if (image == NULL) {
		parser->err = RP_ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (is_text(&part[i]))
			part[texts++] = part[i];
		else
			image[images++] = part[i];
	}
	memcpy(part + texts, image, images * sizeof(*image));
}

static void system_block_ends(struct rp_request_parser *parser)
{
	const struct rp_content_part *content = &parser->content;

	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->block_part);
	if (strcmp(content->type, "text") == 0 && !content->is_billing)
		rp_json_body_add_part(parser, RP_PART_SYSTEM, content->text);
}

static void block_ends(struct rp_request_parser *parser)
{
	const struct rp_content_part *content = &parser->content;

	if (strcmp(content->type, "tool_result") == 0) {
		sort_result(parser);
		return;
	}
	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->block_part);
	if (strcmp(content->type, "text") == 0) {
		rp_json_body_add_part(parser, RP_PART_TEXT, content->text);
	} else if (strcmp(content->type, "thinking") == 0) {
		rp_json_body_add_part(parser, RP_PART_TEXT, content->thinking);
	} else if (strcmp(content->type, "tool_use") == 0) {
		rp_json_body_add_part(parser, RP_PART_TEXT, content->id);
		rp_json_body_add_part(parser, RP_PART_TEXT, content->name);
		rp_json_body_add_part(parser, RP_PART_RAW, content->input);
	} else if (strcmp(content->type, "image") != 0) {
		return;
	} else if (rp_json_span_has_text(&content->image_url)) {
		rp_json_body_add_part(parser, RP_PART_IMAGE, content->image_url);
	} else if (rp_json_span_has_text(&content->data)) {
		rp_json_body_add_part(parser, RP_PART_IMAGE_DATA, content->data);
	}
}

static void message_ends(struct rp_request_parser *parser)
{
	if (parser->message_part < parser->part_count)
		parser->part[parser->message_part] = (struct rp_part){
			.begin = parser->role.begin, .end = parser->role.end, .kind = RP_PART_ROLE};
}

static void end(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint32_t array = content_depth(parser);
	bool is_system = parser->field[1] == RP_FIELD_SYSTEM;

	if (!is_system && parser->field[1] != RP_FIELD_MESSAGES)
		return;
	if (!is_system && token->depth == 2)
		message_ends(parser);
	else if (token->depth == array + BLOCK && is_system)
		system_block_ends(parser);
	else if (token->depth == array + BLOCK)
		block_ends(parser);
	else if (token->depth == array + MEMBER && parser->field[token->depth] == RP_FIELD_INPUT)
		parser->content.input.end = token->end;
	else if (token->depth == array + DEEPER && parser->inner != NULL &&
		 parser->field[array + MEMBER] == RP_FIELD_CONTENT)
		inner_block_ends(parser);
}

static void mistyped_member(struct rp_request_parser *parser, const struct rp_field_name *name,
			    const struct rp_json_token *token)
{
	mistyped(parser, token, name->go);
}

static const char *missing(struct rp_request_parser *parser,
			   struct rp_body_cursor *cursor RP_UNUSED)
{
	if (parser->fault_text != NULL)
		return parser->fault_text;
	return parser->message_count > 0
		       ? NULL
		       : "invalid messages request: must have at least one message";
}

static int64_t token_cap(const struct rp_request_parser *parser)
{
	return rp_json_body_cap(parser, RP_FIELD_MAX_TOKENS);
}

static int put_tools(struct rp_prompt_maker *maker)
{
	static const struct rp_json_struct_field tool[] = {
		{"name", RP_JSON_STRUCT_STRING},
		{"description", RP_JSON_STRUCT_STRING_OR_NONE},
		{"input_schema", RP_JSON_STRUCT_RAW_OR_NONE},
		{"strict", RP_JSON_STRUCT_BOOL_OR_NONE},
		{"defer_loading", RP_JSON_STRUCT_BOOL_OR_NONE},
	};
	const struct rp_json_span *tools = &maker->parser->member[RP_FIELD_TOOLS];

	if (!rp_json_span_has_elements(tools, &maker->cursor))
		return RP_OK;
	return rp_json_put_structs(maker->parser->arena, &maker->sink, &maker->cursor, tools->begin,
				   tools->end, tool, RP_ARRAY_LEN(tool));
}

/* The parts of the system prompt, or the others. */
static void put_parts(struct rp_prompt_maker *maker, uint32_t first, bool is_system)
{
	const struct rp_request_parser *parser = maker->parser;

	for (uint32_t i = first; i < parser->part_count && maker->sink.err == RP_OK; i++) {
		if ((parser->part[i].kind == RP_PART_SYSTEM) == is_system)
			rp_prompt_maker_put_part(maker, &parser->part[i]);
	}
}

static int put(struct rp_prompt_maker *maker)
{
	int err = put_tools(maker);

	if (err != RP_OK)
		return err;
	put_parts(maker, maker->parser->first_system, true);
	put_parts(maker, maker->parser->first_part, false);
	return maker->sink.err;
}

const struct rp_json_api rp_messages_api = {
	.fields_of = fields,
	.is_map = true,
	.value = value,
	.end = end,
	.mistyped = mistyped_member,
	.missing = missing,
	.token_cap = token_cap,
	.put = put,
};
