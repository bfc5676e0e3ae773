/* SPDX-License-Identifier: Apache-2.0
 *
 * Completions, embeddings and images: a prompt is a string, or an array of strings or of token ids.
 */
#include "dataplane/parsers/prompt_maker.h"

static const struct rp_field_name completions_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("prompt", PROMPT, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
	RP_FIELD("max_tokens", MAX_TOKENS, 0, true, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, NULL),
};
static const struct rp_field_name embeddings_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("input", INPUT, RP_IS_STRING | RP_IS_ARRAY, false, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, NULL),
};
static const struct rp_field_name images_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("prompt", PROMPT, RP_IS_STRING, false, NULL),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("n", TYPED, RP_IS_INT, false, NULL),
	RP_FIELD("size", TYPED, RP_IS_STRING, false, NULL),
	RP_FIELD("num_inference_steps", TYPED, RP_IS_INT, false, NULL),
};

/* An element of the array of prompts. All are strings, or all are ids. */
static void element(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint32_t id;

	if (token->kind == RP_JSON_STRING && parser->id_count == 0)
		rp_json_body_add_part(parser, RP_PART_TEXT, rp_json_span_of(parser, token));
	else if (token->kind == RP_JSON_NUMBER && parser->part_count == 0 &&
		 rp_token_ids_read(rp_json_scan_text(&parser->scan), &id) == RP_OK)
		rp_token_ids_add(parser, id);
	else
		parser->fault = RP_BODY_MISTYPED;
}

static bool value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	if (parser->field[1] != parser->how->prompts_field)
		return false;
	if (token->depth > 1) {
		element(parser, token);
		return false;
	}
	rp_json_body_forget_prompt(parser);
	if (token->kind == RP_JSON_STRING)
		rp_json_body_add_part(parser, RP_PART_TEXT, rp_json_span_of(parser, token));
	return token->kind == RP_JSON_ARRAY_BEGIN;
}

static bool is_prompt_text(const struct rp_request_parser *parser, uint32_t depth RP_UNUSED)
{
	return parser->field[1] == RP_FIELD_PROMPT && parser->part_count == 0;
}

static bool has_prompt(const struct rp_request_parser *parser, enum rp_body_field field)
{
	const struct rp_json_span *span = &parser->member[field];

	if (parser->fault == RP_BODY_MISTYPED || !rp_json_body_is_given(parser, field))
		return false;
	if (span->kind == RP_JSON_STRING)
		return rp_json_span_has_text(span);
	return parser->part_count > 0 || parser->id_count > 0;
}

static const char *completions_missing(struct rp_request_parser *parser,
				       struct rp_body_cursor *cursor RP_UNUSED)
{
	return has_prompt(parser, RP_FIELD_PROMPT)
		       ? NULL
		       : "invalid completions request: must have prompt field";
}

static const char *embeddings_missing(struct rp_request_parser *parser,
				      struct rp_body_cursor *cursor RP_UNUSED)
{
	return has_prompt(parser, RP_FIELD_INPUT)
		       ? NULL
		       : "invalid embeddings request: must have input field";
}

static const char *images_missing(struct rp_request_parser *parser,
				  struct rp_body_cursor *cursor RP_UNUSED)
{
	return parser->fault != RP_BODY_MISTYPED &&
			       rp_json_span_has_text(&parser->member[RP_FIELD_PROMPT])
		       ? NULL
		       : "invalid images generations request: must have prompt field";
}

static int64_t completions_cap(const struct rp_request_parser *parser)
{
	return rp_json_body_cap(parser, RP_FIELD_MAX_TOKENS);
}

/* Go's JSON of upstream's struct of a string input. */
static int put_embeddings(struct rp_prompt_maker *maker)
{
	const struct rp_request_parser *parser = maker->parser;
	struct rp_text_sink *sink = &maker->sink;
	bool is_array = parser->member[RP_FIELD_INPUT].kind == RP_JSON_ARRAY_BEGIN;

	rp_text_sink_put(sink, RP_BYTES_LIT("{\"Raw\":"));
	if (is_array)
		rp_text_sink_put(sink, RP_BYTES_LIT("\"\""));
	else
		rp_prompt_maker_put_quoted(maker, parser->part[0].begin, parser->part[0].end);
	rp_text_sink_put(sink, RP_BYTES_LIT(",\"Strings\":"));
	for (uint32_t i = 0; is_array && i < parser->part_count; i++) {
		rp_text_sink_put(sink, i == 0 ? RP_BYTES_LIT("[") : RP_BYTES_LIT(","));
		rp_prompt_maker_put_quoted(maker, parser->part[i].begin, parser->part[i].end);
	}
	rp_text_sink_put(sink, is_array ? RP_BYTES_LIT("]") : RP_BYTES_LIT("null"));
	rp_text_sink_put(sink, RP_BYTES_LIT(",\"TokenIDs\":null}"));
	return sink->err;
}

const struct rp_json_api rp_completions_api = {
	.fields = {[1] = RP_FIELD_SET(completions_fields)},
	.is_map = true,
	.prompts_field = RP_FIELD_PROMPT,
	.has_text_prompts = true,
	.value = value,
	.is_prompt_text = is_prompt_text,
	.missing = completions_missing,
	.token_cap = completions_cap,
};

const struct rp_json_api rp_embeddings_api = {
	.fields = {[1] = RP_FIELD_SET(embeddings_fields)},
	.is_map = true,
	.prompts_field = RP_FIELD_INPUT,
	.value = value,
	.missing = embeddings_missing,
	.put = put_embeddings,
};

const struct rp_json_api rp_images_api = {
	.fields = {[1] = RP_FIELD_SET(images_fields)},
	.is_map = true,
	.missing = images_missing,
};
