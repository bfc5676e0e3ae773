/* SPDX-License-Identifier: Apache-2.0
 *
 * sglanghttp-parser: SGLang's own generate API, for prompts of token ids.
 */
#include "dataplane/parsers/parser.h"

#define INVALID "invalid generate request: "

static const struct rp_field_name top_fields[] = {
	RP_FIELD("input_ids", INPUT, 0, false, NULL),
	RP_FIELD("extra_key", CACHE_SALT, 0, false, NULL),
	RP_FIELD("sampling_params", SAMPLING_PARAMS, 0, false, NULL),
	RP_FIELD("stream", STREAM, RP_IS_BOOL, false, "sgLangGenerateWire.stream of type bool"),
};
static const struct rp_field_name params_fields[] = {
	RP_FIELD("max_new_tokens", MAX_TOKENS, 0, false, NULL),
};

static void mistyped(struct rp_request_parser *parser, const struct rp_field_name *name,
		     const struct rp_json_token *token)
{
	if (parser->fault_text == NULL)
		parser->fault_text = rp_json_body_say_mistyped(parser, token, INVALID, name->go);
}

static void token_id(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint64_t id = 0;

	if (token->kind != RP_JSON_NULL &&
	    (token->kind != RP_JSON_NUMBER ||
	     rp_bytes_to_u64(rp_json_scan_text(&parser->scan), UINT32_MAX, &id) != RP_OK))
		parser->has_bad_ids = true;
	rp_token_ids_add(parser, (uint32_t)id);
}

/* A whole number, or there is no cap. */
static int64_t cap_value(const struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint64_t cap;

	if (token->kind != RP_JSON_NUMBER ||
	    rp_bytes_to_u64(rp_json_scan_text(&parser->scan), INT64_MAX, &cap) != RP_OK)
		return -1;
	return (int64_t)cap;
}

static bool value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint8_t field = parser->field[1];

	if (field == RP_FIELD_INPUT && token->depth == 2) {
		token_id(parser, token);
		return false;
	}
	if (field == RP_FIELD_INPUT) {
		rp_json_body_forget_prompt(parser);
		parser->has_bad_ids = token->kind != RP_JSON_ARRAY_BEGIN;
		return token->kind == RP_JSON_ARRAY_BEGIN;
	}
	if (field != RP_FIELD_SAMPLING_PARAMS)
		return false;
	parser->cap[0] = token->depth == 1 ? -1 : cap_value(parser, token);
	return token->depth == 1 && token->kind == RP_JSON_OBJECT_BEGIN;
}

static const char *missing(struct rp_request_parser *parser,
			   struct rp_body_cursor *cursor RP_UNUSED)
{
	if (parser->fault_text != NULL)
		return parser->fault_text;
	if (!rp_json_body_is_given(parser, RP_FIELD_INPUT))
		return INVALID "input_ids must be provided";
	if (rp_json_body_is_given(parser, RP_FIELD_CACHE_SALT) &&
	    parser->member[RP_FIELD_CACHE_SALT].kind != RP_JSON_STRING)
		return "unsupported generate request: extra_key must be a string";
	if (parser->has_bad_ids)
		return INVALID "input_ids must be an array of uint32 integers";
	return parser->id_count > 0 ? NULL : INVALID "input_ids cannot be empty";
}

static int64_t token_cap(const struct rp_request_parser *parser)
{
	return rp_json_body_is_given(parser, RP_FIELD_SAMPLING_PARAMS) ? parser->cap[0] : -1;
}

static const struct rp_json_api generate_api = {
	.fields = {[1] = RP_FIELD_SET(top_fields), [2] = RP_FIELD_SET(params_fields)},
	.value = value,
	.mistyped = mistyped,
	.missing = missing,
	.token_cap = token_cap,
};

static const struct rp_parser_suffix suffixes[] = {
	{"generate", RP_API_GENERATE, &generate_api},
};

static bool serves(struct rp_bytes path)
{
	path = rp_bytes_trim(path);
	if (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	return rp_bytes_equal_str(path, "/generate") || rp_bytes_equal_str(path, "generate");
}

const struct rp_parser rp_sglanghttp_parser = {
	.suffixes = suffixes,
	.suffix_count = RP_ARRAY_LEN(suffixes),
	.usage_format = RP_USAGE_SGLANG,
	.syntax_error = INVALID,
	.serves = serves,
	.path_error = "unsupported path: ",
};
