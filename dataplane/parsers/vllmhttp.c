/* SPDX-License-Identifier: Apache-2.0
 *
 * vllmhttp-parser: vLLM's own generate API, whose prompts are token ids. Media come with the
 * client's hashes and the places of their tokens, in lists by modality.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/parsers/prompt_maker.h"
#include "shm/hash.h"

#define INVALID "invalid generate request: "

static const struct rp_field_name top_fields[] = {
	RP_FIELD("model", MODEL, 0, true, NULL),
	RP_FIELD("token_ids", PROMPT, RP_IS_ARRAY, false, ".token_ids of type []float64"),
	RP_FIELD("sampling_params", SAMPLING_PARAMS, 0, true, NULL),
	RP_FIELD("features", FEATURES, RP_IS_OBJECT, false, ".features of type struct"),
	RP_FIELD("stream", STREAM, 0, true, NULL),
	RP_FIELD("cache_salt", CACHE_SALT, RP_IS_STRING, false, ".cache_salt of type string"),
};
static const struct rp_field_name params_fields[] = {
	RP_FIELD("max_tokens", MAX_TOKENS, 0, true, NULL),
};
static const struct rp_field_name features_fields[] = {
	RP_FIELD("mm_hashes", HASHES, RP_IS_OBJECT, false,
		 ".features.mm_hashes of type map[string][]string"),
	RP_FIELD("mm_placeholders", PLACEHOLDERS, RP_IS_OBJECT, false,
		 ".features.mm_placeholders of type map[string][]requesthandling.wirePlaceholder"),
};
static const struct rp_field_name hash_fields[] = {
	RP_FIELD("image", IMAGE_URL, RP_IS_ARRAY, true, ".features.mm_hashes of type []string"),
	RP_FIELD("audio", INPUT_AUDIO, RP_IS_ARRAY, true, ".features.mm_hashes of type []string"),
	RP_FIELD("video", VIDEO_URL, RP_IS_ARRAY, true, ".features.mm_hashes of type []string"),
};
static const struct rp_field_name range_fields[] = {
	RP_FIELD("offset", OFFSET, RP_IS_INT, false,
		 "wirePlaceholder.features.mm_placeholders.offset of type int"),
	RP_FIELD("length", LENGTH, RP_IS_INT, false,
		 "wirePlaceholder.features.mm_placeholders.length of type int"),
};

struct range {
	uint64_t offset;
	uint64_t length;
};

/* What is there of one modality; both lists have room for capacity. */
struct list {
	struct rp_json_span *hash;
	struct range *range;
	uint32_t hash_count;
	uint32_t range_count;
	uint32_t hash_capacity;
	uint32_t range_capacity;
};

struct rp_given_media {
	struct list list[RP_MODALITY_COUNT];
};

static const struct rp_field_set *fields(const struct rp_request_parser *parser, uint32_t depth)
{
	static const struct rp_field_set none = {NULL, 0}, top = RP_FIELD_SET(top_fields),
					 params = RP_FIELD_SET(params_fields),
					 features = RP_FIELD_SET(features_fields),
					 modalities = RP_FIELD_SET(hash_fields),
					 range = RP_FIELD_SET(range_fields);

	if (depth == 1)
		return &top;
	if (parser->field[1] == RP_FIELD_SAMPLING_PARAMS)
		return depth == 2 ? &params : &none;
	if (depth == 2)
		return &features;
	return depth == 3 ? &modalities : &range;
}

static void mistyped(struct rp_request_parser *parser, const struct rp_field_name *name,
		     const struct rp_json_token *token)
{
	if (parser->fault_text == NULL)
		parser->fault_text = rp_json_body_say_mistyped(parser, token, INVALID, name->go);
}

static void mistyped_element(struct rp_request_parser *parser, const struct rp_json_token *token,
			     const char *go)
{
	const struct rp_field_name name = {.go = go};

	if (token->kind != RP_JSON_NULL)
		mistyped(parser, &name, token);
}

/* A number as Go prints it with %v. */
static void format_number(struct rp_bytes number, char *out, size_t out_bytes)
{
	char text[RP_JSON_TEXT_BYTES + 1];
	int digits = 0;
	double value;
	long exponent;

	rp_bytes_to_str(number, text, sizeof(text));
	value = strtod(text, NULL);
	if (isinf(value)) { /* the body is no map of float64, which is told instead */
		out[0] = '\0';
		return;
	}
	do {
		snprintf(out, out_bytes, "%.*e", digits++, value);
	} while (strtod(out, NULL) != value && digits < 18);
	exponent = strtol(strchr(out, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < 6)
		snprintf(out, out_bytes, "%.*f",
			 digits - 1 > exponent ? digits - 1 - (int)exponent : 0, value);
}

/* The first id that is none is told once the types are all right. */
static void token_id(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	struct rp_bytes number = rp_json_scan_text(&parser->scan);
	char text[RP_JSON_TEXT_BYTES];
	uint32_t id = 0;

	if (token->kind != RP_JSON_NUMBER && token->kind != RP_JSON_NULL) {
		mistyped_element(parser, token, ".token_ids of type float64");
		return;
	}
	if (token->kind == RP_JSON_NUMBER && rp_token_ids_read(number, &id) != RP_OK &&
	    parser->value_text == NULL) {
		format_number(number, text, sizeof(text));
		parser->value_text =
			rp_json_body_say(parser, INVALID "token_ids[%" PRIu64 "]: invalid value %s",
					 parser->id_count, text);
	}
	rp_token_ids_add(parser, id);
}

/* ---- features ---- */

static struct list *list_of(struct rp_request_parser *parser)
{
	enum rp_modality modality = parser->field[3] == RP_FIELD_IMAGE_URL     ? RP_MODALITY_IMAGE
				    : parser->field[3] == RP_FIELD_INPUT_AUDIO ? RP_MODALITY_AUDIO
									       : RP_MODALITY_VIDEO;

	if (parser->media == NULL)
		parser->media = rp_arena_calloc(parser->arena, sizeof(*parser->media));
	if (parser->media == NULL) {
		parser->err = RP_ENOMEM;
		return NULL;
	}
	return &parser->media->list[modality];
}

/* Room for one more of size bytes; NULL: the list is full, or memory is out. */
static void *grow(struct rp_request_parser *parser, void *list, uint32_t *count, uint32_t *capacity,
		  size_t bytes)
{
	void *bigger = list;

	if (*count == RP_MEDIA_FEATURES_MAX)
		return NULL;
	if (*count == *capacity) {
		*capacity = *capacity == 0 ? 4 : 2 * *capacity;
		bigger = rp_arena_alloc(parser->arena, *capacity * bytes);
		if (bigger == NULL) {
			parser->err = RP_ENOMEM;
			*capacity = 0;
			return NULL;
		}
		if (*count > 0)
			memcpy(bigger, list, *count * bytes);
	}
	(*count)++;
	return bigger;
}

static void add_hash(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	struct list *list = list_of(parser);
	struct rp_json_span *hash;

	if (token->kind != RP_JSON_STRING)
		mistyped_element(parser, token, ".features.mm_hashes of type string");
	if (list == NULL)
		return;
	hash = grow(parser, list->hash, &list->hash_count, &list->hash_capacity, sizeof(*hash));
	if (hash == NULL)
		return;
	list->hash = hash;
	hash[list->hash_count - 1] = rp_json_span_of(parser, token);
}

static bool add_range(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	struct list *list = list_of(parser);
	struct range *range;

	if (token->kind != RP_JSON_OBJECT_BEGIN)
		mistyped_element(
			parser, token,
			".features.mm_placeholders of type requesthandling.wirePlaceholder");
	if (list == NULL)
		return false;
	range = grow(parser, list->range, &list->range_count, &list->range_capacity,
		     sizeof(*range));
	if (range == NULL)
		return false;
	list->range = range;
	range[list->range_count - 1] = (struct range){0, 0};
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static void range_member(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	struct list *list = list_of(parser);
	struct range *range;
	uint64_t value = 0;

	if (list == NULL || list->range_count == 0 || token->kind != RP_JSON_NUMBER)
		return;
	/* No place is before the prompt. */
	if (rp_bytes_to_u64(rp_json_scan_text(&parser->scan), INT64_MAX, &value) != RP_OK)
		value = 0;
	range = &list->range[list->range_count - 1];
	if (parser->field[5] == RP_FIELD_OFFSET)
		range->offset = value;
	else
		range->length = value;
}

static bool feature_value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	bool is_hash = parser->field[2] == RP_FIELD_HASHES;
	struct list *list;

	switch (token->depth) {
	case 2:
		return token->kind == RP_JSON_OBJECT_BEGIN;
	case 3: /* the last of two lists for a modality counts */
		list = list_of(parser);
		if (list != NULL && is_hash)
			list->hash_count = 0;
		else if (list != NULL)
			list->range_count = 0;
		return token->kind == RP_JSON_ARRAY_BEGIN;
	case 4:
		if (!is_hash)
			return add_range(parser, token);
		add_hash(parser, token);
		return false;
	default:
		range_member(parser, token);
		return false;
	}
}

static bool value(struct rp_request_parser *parser, const struct rp_json_token *token)
{
	uint8_t field = parser->field[1];

	if (field == RP_FIELD_PROMPT) {
		if (token->depth == 2) {
			token_id(parser, token);
			return false;
		}
		rp_json_body_forget_prompt(parser);
		parser->value_text = NULL;
		return token->kind == RP_JSON_ARRAY_BEGIN;
	}
	if (field == RP_FIELD_SAMPLING_PARAMS && token->depth == 1) {
		parser->cap[0] = -1;
		return token->kind == RP_JSON_OBJECT_BEGIN;
	}
	if (field == RP_FIELD_SAMPLING_PARAMS) {
		parser->cap[0] = rp_json_body_cap_value(parser, token);
		return false;
	}
	if (field != RP_FIELD_FEATURES)
		return false;
	if (token->depth > 1)
		return feature_value(parser, token);
	for (int m = 0; parser->media != NULL && m < RP_MODALITY_COUNT; m++)
		parser->media->list[m].hash_count = parser->media->list[m].range_count = 0;
	return token->kind == RP_JSON_OBJECT_BEGIN;
}

static const char *missing(struct rp_request_parser *parser,
			   struct rp_body_cursor *cursor RP_UNUSED)
{
	if (parser->fault_text != NULL)
		return parser->fault_text;
	if (parser->value_text != NULL)
		return parser->value_text;
	return parser->id_count > 0 ? NULL : INVALID "must have non-empty token_ids field";
}

static int64_t token_cap(const struct rp_request_parser *parser)
{
	const struct rp_json_span *params = &parser->member[RP_FIELD_SAMPLING_PARAMS];

	return params->end != 0 && params->kind == RP_JSON_OBJECT_BEGIN ? parser->cap[0] : -1;
}

/* The client's hash is hexadecimal, but of any length; one of ours would be its number. */
static uint64_t hash_of(struct rp_bytes text)
{
	char digits[17];
	char again[17];
	uint64_t hash;

	rp_bytes_to_str(text, digits, sizeof(digits));
	hash = strtoull(digits, NULL, 16);
	snprintf(again, sizeof(again), "%" PRIx64, hash);
	return rp_bytes_equal_str(text, again) ? hash : rp_hash64(text.ptr, text.len);
}

static int add_feature(struct rp_prompt_maker *maker, enum rp_modality modality,
		       const struct list *list, uint32_t i)
{
	const struct rp_json_span *span = &list->hash[i];
	struct rp_media_feature feature = {.modality = (uint8_t)modality,
					   .offset = list->range[i].offset,
					   .length = list->range[i].length,
					   .text = rp_bytes("", 0)};

	if (span->kind == RP_JSON_STRING)
		feature.text = rp_json_copy_string(maker->parser->arena, &maker->cursor,
						   span->begin, span->end, RP_MEDIA_HASH_BYTES_MAX);
	if (feature.text.ptr == NULL)
		return RP_ENOMEM;
	feature.hash = hash_of(feature.text);
	return rp_prompt_maker_add_feature(maker, &feature);
}

static int by_offset(const void *a, const void *b)
{
	const struct rp_media_feature *first = a, *second = b;

	if (first->offset != second->offset)
		return first->offset < second->offset ? -1 : 1;
	return (int)first->modality - (int)second->modality;
}

static int put_features(struct rp_prompt_maker *maker)
{
	const struct rp_given_media *media = maker->parser->media;
	int err = RP_OK;

	if (media == NULL)
		return RP_OK;
	for (int m = 0; m < RP_MODALITY_COUNT; m++) {
		const struct list *list = &media->list[m];
		uint32_t count =
			list->hash_count < list->range_count ? list->hash_count : list->range_count;

		for (uint32_t i = 0; i < count && err == RP_OK; i++)
			err = add_feature(maker, (enum rp_modality)m, list, i);
	}
	if (maker->feature_count > 1)
		qsort(maker->feature, maker->feature_count, sizeof(*maker->feature), by_offset);
	return err;
}

static const struct rp_json_api generate_api = {
	.fields_of = fields,
	.is_map = true,
	.value = value,
	.mistyped = mistyped,
	.missing = missing,
	.token_cap = token_cap,
	.put_features = put_features,
};

static const struct rp_parser_suffix suffixes[] = {
	{"inference/v1/generate", RP_API_GENERATE, &generate_api},
};

static bool serves(struct rp_bytes path)
{
	return rp_bytes_ends_with(path, RP_BYTES_LIT("inference/v1/generate"));
}

const struct rp_parser rp_vllmhttp_parser = {
	.suffixes = suffixes,
	.suffix_count = RP_ARRAY_LEN(suffixes),
	.can_rewrite_model = true,
	.usage_format = RP_USAGE_OPENAI,
	.syntax_error = "",
	.serves = serves,
	.path_error = "unsupported path: ",
};
