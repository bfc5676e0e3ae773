/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses and conversations: their prompts are JSON as Go writes it.
 */
#include "dataplane/json_structs.h"
#include "dataplane/parsers/prompt_maker.h"

static const struct rp_field_name responses_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("input", INPUT, 0, false, NULL),
	RP_FIELD("instructions", INSTRUCTIONS, 0, false, NULL),
	RP_FIELD("tools", TOOLS, 0, false, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("max_output_tokens", MAX_OUTPUT_TOKENS, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, NULL),
};
static const struct rp_field_name conversations_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("items", ITEMS, RP_IS_ARRAY, false, NULL),
	RP_FIELD("metadata", TYPED, RP_IS_OBJECT, false, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, NULL),
};
static const struct rp_field_name item_fields[] = {
	RP_FIELD("type", TYPED, RP_IS_STRING, false, NULL),
	RP_FIELD("role", TYPED, RP_IS_STRING, false, NULL),
};

static const char *responses_missing(struct rp_request_parser *parser,
				     struct rp_body_cursor *cursor RP_UNUSED)
{
	return parser->fault != RP_BODY_MISTYPED && rp_json_body_is_given(parser, RP_FIELD_INPUT)
		       ? NULL
		       : "invalid responses request: must have input field";
}

static int64_t responses_cap(const struct rp_request_parser *parser)
{
	return rp_json_body_cap(parser, RP_FIELD_MAX_OUTPUT_TOKENS);
}

/* [{"instructions":…},{"tools":…},{"input":…}], absent ones left out */
static int put_responses(struct rp_prompt_maker *maker)
{
	static const struct {
		enum rp_body_field field;
		const char *before;
	} members[] = {
		{RP_FIELD_INSTRUCTIONS, "{\"instructions\":"},
		{RP_FIELD_TOOLS, "{\"tools\":"},
		{RP_FIELD_INPUT, "{\"input\":"},
	};
	const struct rp_request_parser *parser = maker->parser;
	struct rp_text_sink *sink = &maker->sink;
	const char *separator = "[";

	for (size_t i = 0; i < RP_ARRAY_LEN(members); i++) {
		const struct rp_json_span *span = &parser->member[members[i].field];
		int err;

		if (!rp_json_body_is_given(parser, members[i].field))
			continue;
		rp_text_sink_put(sink, rp_bytes_str(separator));
		rp_text_sink_put(sink, rp_bytes_str(members[i].before));
		err = rp_json_put_canonical(parser->arena, sink, &maker->cursor, span->begin,
					    span->end);
		if (err != RP_OK)
			return err;
		rp_text_sink_put(sink, RP_BYTES_LIT("}"));
		separator = ",";
	}
	rp_text_sink_put(sink, RP_BYTES_LIT("]"));
	return sink->err;
}

/* Items are counted as messages are. */
static bool item_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (token->depth == 1) {
		if (parser->field[1] != RP_FIELD_ITEMS)
			return false;
		parser->message_count = 0;
		return token->kind == RP_JSON_ARRAY_BEGIN;
	}
	if (token->depth > 2)
		return false;
	parser->message_count++;
	if (token->kind != RP_JSON_OBJECT_BEGIN && token->kind != RP_JSON_NULL)
		parser->fault = RP_BODY_MISTYPED;
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static const char *conversations_missing(struct rp_request_parser *parser,
					 struct rp_body_cursor *cursor RP_UNUSED)
{
	return parser->fault != RP_BODY_MISTYPED && parser->message_count > 0
		       ? NULL
		       : "invalid conversations request: must have items field";
}

static int put_conversations(struct rp_prompt_maker *maker)
{
	static const struct rp_json_struct_field fields[] = {
		{"type", RP_JSON_STRUCT_STRING_OR_NONE},
		{"role", RP_JSON_STRUCT_STRING_OR_NONE},
		{"content", RP_JSON_STRUCT_ANY_OR_NONE},
	};
	const struct rp_json_span *items = &maker->parser->member[RP_FIELD_ITEMS];

	return rp_json_put_structs(maker->parser->arena, &maker->sink, &maker->cursor, items->begin,
				   items->end, fields, RP_ARRAY_LEN(fields));
}

const struct rp_json_api rp_responses_api = {
	.fields = {[1] = RP_FIELD_SET(responses_fields)},
	.is_map = true,
	.missing = responses_missing,
	.token_cap = responses_cap,
	.put = put_responses,
};

const struct rp_json_api rp_conversations_api = {
	.fields = {[1] = RP_FIELD_SET(conversations_fields), [3] = RP_FIELD_SET(item_fields)},
	.is_map = true,
	.value = item_value,
	.missing = conversations_missing,
	.put = put_conversations,
};
