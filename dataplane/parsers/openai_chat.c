/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat completions: roles and contents of messages, contents as a string or as parts.
 */
#include "dataplane/parsers/prompt_maker.h"

static const struct rp_field_name top_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("messages", MESSAGES, RP_IS_ARRAY, false, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("max_tokens", MAX_TOKENS, 0, true, NULL),
	RP_FIELD("max_completion_tokens", MAX_COMPLETION_TOKENS, 0, true, NULL),
	RP_FIELD("tools", TOOLS, RP_IS_ARRAY, false, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, NULL),
	RP_FIELD("documents", TYPED, RP_IS_ARRAY, false, NULL),
	RP_FIELD("chat_template", TYPED, RP_IS_STRING, false, NULL),
	RP_FIELD("return_assistant_tokens_mask", TYPED, RP_IS_BOOL, false, NULL),
	RP_FIELD("continue_final_message", TYPED, RP_IS_BOOL, false, NULL),
	RP_FIELD("add_generation_prompt", TYPED, RP_IS_BOOL, false, NULL),
	RP_FIELD("chat_template_kwargs", TYPED, RP_IS_OBJECT, false, NULL),
};
static const struct rp_field_name message_fields[] = {
	RP_FIELD("role", ROLE, RP_IS_STRING, false, NULL),
	RP_FIELD("content", CONTENT, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
	RP_FIELD("tool_calls", TYPED, RP_IS_ARRAY, false, NULL),
};
static const struct rp_field_name part_fields[] = {
	RP_FIELD("type", TYPE, RP_IS_STRING, false, NULL),
	RP_FIELD("text", TEXT, RP_IS_STRING, false, NULL),
	RP_FIELD("image_url", IMAGE_URL, RP_IS_OBJECT, false, NULL),
	RP_FIELD("video_url", VIDEO_URL, RP_IS_OBJECT, false, NULL),
	RP_FIELD("input_audio", INPUT_AUDIO, RP_IS_OBJECT, false, NULL),
};
/* Members that the medium at hand has not count for nothing. */
static const struct rp_field_name media_fields[] = {
	RP_FIELD("url", URL, 0, false, NULL),
	RP_FIELD("data", DATA, 0, false, NULL),
	RP_FIELD("format", FORMAT, 0, false, NULL),
};

/* An object, or null, in an array. @return it is an object */
static bool is_object(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static bool message(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	parser->message_count++;
	parser->message_part = parser->part_count;
	parser->role = (struct rp_json_span){0};
	rp_json_body_add_part(parser, RP_PART_ROLE, (struct rp_json_span){0});
	return is_object(parser, token);
}

static bool message_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (parser->field[3] == RP_FIELD_ROLE) {
		rp_json_body_take_string(parser, token, &parser->role);
		return false;
	}
	if (parser->field[3] != RP_FIELD_CONTENT)
		return false;
	parser->part_count = (uint32_t)rp_min_size(parser->part_count, parser->message_part + 1);
	if (token->kind == RP_JSON_STRING)
		rp_json_body_add_part(parser, RP_PART_TEXT, rp_json_span_of(parser, token));
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool part_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (parser->field[5] == RP_FIELD_TYPE)
		rp_json_body_take_text(parser, token, parser->content.type,
				       sizeof(parser->content.type));
	else if (parser->field[5] == RP_FIELD_TEXT)
		rp_json_body_take_string(parser, token, &parser->content.text);
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static void media_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint8_t outer = parser->field[5];
	uint8_t field = parser->field[6];
	struct rp_json_span *span;

	if (outer == RP_FIELD_IMAGE_URL && field == RP_FIELD_URL)
		span = &parser->content.image_url;
	else if (outer == RP_FIELD_VIDEO_URL && field == RP_FIELD_URL)
		span = &parser->content.video_url;
	else if (outer == RP_FIELD_INPUT_AUDIO && field == RP_FIELD_DATA)
		span = &parser->content.data;
	else if (outer == RP_FIELD_INPUT_AUDIO && field == RP_FIELD_FORMAT)
		span = &parser->content.format;
	else
		return;
	if (token->kind != RP_JSON_STRING && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	rp_json_body_take_string(parser, token, span);
}

static bool value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	switch (token->depth) {
	case 1:
		if (parser->field[1] != RP_FIELD_MESSAGES)
			return false;
		rp_json_body_forget_prompt(parser);
		return token->kind == RP_JSON_ARRAY_BEGIN;
	case 2:
		return message(parser, token);
	case 3:
		return message_value(parser, token);
	case 4:
		memset(&parser->content, 0, sizeof(parser->content));
		return is_object(parser, token);
	case 5:
		return part_value(parser, token);
	default:
		media_value(parser, token);
		return false;
	}
}

static void content_part_ends(struct rp_request_parser *parser)
{
	const struct rp_content_part *content = &parser->content;

	if (strcmp(content->type, "text") == 0) {
		rp_json_body_add_part(parser, RP_PART_TEXT, content->text);
	} else if (strcmp(content->type, "image_url") == 0) {
		rp_json_body_add_part(parser, RP_PART_IMAGE, content->image_url);
	} else if (strcmp(content->type, "video_url") == 0) {
		rp_json_body_add_part(parser, RP_PART_VIDEO, content->video_url);
	} else if (strcmp(content->type, "input_audio") == 0 ||
		   strcmp(content->type, "audio_url") == 0) {
		rp_json_body_add_part(parser, RP_PART_AUDIO, content->data);
		rp_json_body_add_part(parser, RP_PART_FOLLOW, content->format);
	}
}

static void end(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 4)
		content_part_ends(parser);
	else if (token->depth == 2 && parser->message_part < parser->part_count)
		parser->part[parser->message_part] =
			(struct rp_part){.begin = parser->role.begin,
					 .end = parser->role.end,
					 .kind = RP_PART_ROLE,
					 .is_tapped = parser->role.is_tapped};
}

static bool is_prompt_text(const struct rp_request_parser *parser, uint32_t depth)
{
	if (parser->member[RP_FIELD_TOOLS].end != 0) /* they come first */
		return false;
	if (depth == 3)
		return parser->field[3] == RP_FIELD_ROLE || parser->field[3] == RP_FIELD_CONTENT;
	return depth == 5 && parser->field[5] == RP_FIELD_TEXT &&
	       strcmp(parser->content.type, "text") == 0;
}

static const char *missing(struct rp_request_parser *parser,
			   struct rp_body_cursor *cursor RP_UNUSED)
{
	return parser->message_count > 0 && parser->fault != RP_BODY_MISTYPED
		       ? NULL
		       : "invalid chat completions request: must have valid messages field";
}

static int64_t token_cap(const struct rp_request_parser *parser)
{
	int64_t cap = rp_json_body_cap(parser, RP_FIELD_MAX_COMPLETION_TOKENS);

	return cap >= 0 ? cap : rp_json_body_cap(parser, RP_FIELD_MAX_TOKENS);
}

static int put(struct rp_prompt_maker *maker)
{
	const struct rp_request_parser *parser = maker->parser;
	const struct rp_json_span *tools = &parser->member[RP_FIELD_TOOLS];

	if (rp_json_span_has_elements(tools, &maker->cursor)) {
		int err = rp_json_put_canonical(parser->arena, &maker->sink, &maker->cursor,
						tools->begin, tools->end);

		if (err != RP_OK)
			return err;
	}
	for (uint32_t i = 0; i < parser->part_count && maker->sink.err == RP_OK; i++)
		rp_prompt_maker_put_part(maker, &parser->part[i]);
	return maker->sink.err;
}

const struct rp_json_api rp_chat_api = {
	.fields = {[1] = RP_FIELD_SET(top_fields),
		   [3] = RP_FIELD_SET(message_fields),
		   [5] = RP_FIELD_SET(part_fields),
		   [6] = RP_FIELD_SET(media_fields)},
	.is_map = true,
	.value = value,
	.end = end,
	.is_prompt_text = is_prompt_text,
	.missing = missing,
	.token_cap = token_cap,
	.put = put,
};
