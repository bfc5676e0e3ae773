/* SPDX-License-Identifier: Apache-2.0
 *
 * The token producer's estimate: the bytes of a prompt, padded with zeros to four, are its
 * pseudo-tokens (scheduling reference 4.2). Media stand for themselves by a run of their content's
 * hash.
 */
#define XXH_STATIC_LINKING_ONLY
#include "shm/hash.h"

#include "dataplane/json_text.h"
#include "dataplane/media_estimate.h"
#include "dataplane/parsers/parser.h"

enum { TOKEN_BYTES = 4 };

/* What is learnt of a media part while its text passes by. */
struct media {
	XXH64_state_t hash;
	uint64_t bytes;
	struct rp_image_size image;
};

static void media_put(void *user, struct rp_bytes piece)
{
	struct media *media = user;

	XXH64_update(&media->hash, piece.ptr, piece.len);
	media->bytes += piece.len;
	rp_image_size_feed(&media->image, piece);
}

static void media_read(struct media *media, struct rp_body_cursor *cursor,
		       const struct rp_part *part)
{
	struct rp_text_sink sink = rp_text_sink_to(media_put, media, UINT64_MAX);

	if (part->end != 0)
		rp_json_put_string(&sink, cursor, part->begin, part->end);
}

/* What an estimate depends on besides the body. */
struct estimate {
	const struct rp_params_token_producer *params;
	const struct rp_request_hints *hints;
};

static void put_media(struct rp_text_sink *sink, struct rp_body_cursor *cursor,
		      const struct rp_part *part, const struct estimate *estimate)
{
	struct media media = {.bytes = 0};
	uint64_t count;
	uint32_t hash;
	uint8_t token[TOKEN_BYTES];

	XXH64_reset(&media.hash, 0);
	rp_image_size_init(&media.image);
	media_read(&media, cursor, part);
	if (part->kind == RP_PART_IMAGE) {
		count = rp_media_image_tokens(estimate->params, &media.image);
	} else if (part->kind == RP_PART_VIDEO) {
		count = rp_media_video_tokens(estimate->params, estimate->hints);
	} else {
		media_read(&media, cursor, part + 1);
		count = (media.bytes + TOKEN_BYTES - 1) / TOKEN_BYTES;
	}
	hash = (uint32_t)XXH64_digest(&media.hash);
	for (uint32_t i = 0; i < TOKEN_BYTES; i++)
		token[i] = (uint8_t)(hash >> (8 * i));
	rp_text_sink_pad(sink);
	for (count = rp_max_size(count, 1); count > 0 && !rp_text_sink_is_done(sink); count--)
		rp_text_sink_put(sink, rp_bytes(token, sizeof(token)));
}

static void put_part(struct rp_text_sink *sink, struct rp_body_cursor *cursor,
		     const struct rp_part *part, const struct estimate *estimate)
{
	if (part->kind == RP_PART_IMAGE || part->kind == RP_PART_VIDEO ||
	    part->kind == RP_PART_AUDIO_DATA)
		put_media(sink, cursor, part, estimate);
	else if (part->kind != RP_PART_AUDIO_FORMAT && part->end != 0)
		rp_json_put_string(sink, cursor, part->begin, part->end);
}

static bool has_tools(const struct rp_request_parser *parser)
{
	const struct rp_json_span *tools = &parser->member[RP_FIELD_TOOLS];

	/* More than "[]". */
	return tools->end - tools->begin > 2 && tools->kind == RP_JSON_ARRAY_BEGIN;
}

static int put_chat(struct rp_request_parser *parser, struct rp_text_sink *sink,
		    struct rp_body_cursor *cursor, const struct estimate *estimate)
{
	const struct rp_json_span *tools = &parser->member[RP_FIELD_TOOLS];

	if (has_tools(parser)) {
		int err = rp_json_put_canonical(parser->arena, sink, cursor, tools->begin,
						tools->end);

		if (err != RP_OK)
			return err;
	}
	for (uint32_t i = 0; i < parser->part_count && !rp_text_sink_is_done(sink); i++)
		put_part(sink, cursor, &parser->part[i], estimate);
	return sink->err;
}

/* [{"instructions":…},{"tools":…},{"input":…}], absent ones left out */
static int put_responses(struct rp_request_parser *parser, struct rp_text_sink *sink,
			 struct rp_body_cursor *cursor)
{
	static const struct {
		enum rp_field field;
		const char *before;
	} members[] = {
		{RP_FIELD_INSTRUCTIONS, "{\"instructions\":"},
		{RP_FIELD_TOOLS, "{\"tools\":"},
		{RP_FIELD_INPUT, "{\"input\":"},
	};
	const char *separator = "[";

	for (size_t i = 0; i < RP_ARRAY_LEN(members); i++) {
		const struct rp_json_span *span = &parser->member[members[i].field];
		int err;

		if (span->end == 0 || span->kind == RP_JSON_NULL)
			continue;
		rp_text_sink_put(sink, rp_bytes_str(separator));
		rp_text_sink_put(sink, rp_bytes_str(members[i].before));
		err = rp_json_put_canonical(parser->arena, sink, cursor, span->begin, span->end);
		if (err != RP_OK)
			return err;
		rp_text_sink_put(sink, RP_BYTES_LIT("}"));
		separator = ",";
	}
	rp_text_sink_put(sink, RP_BYTES_LIT("]"));
	return sink->err;
}

static void put_quoted(struct rp_text_sink *sink, struct rp_body_cursor *cursor,
		       const struct rp_part *part)
{
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
	sink->is_quoting = true;
	rp_json_put_string(sink, cursor, part->begin, part->end);
	sink->is_quoting = false;
	rp_text_sink_put(sink, RP_BYTES_LIT("\""));
}

/* Go's JSON of upstream's struct of a string input. */
static void put_embeddings(struct rp_request_parser *parser, struct rp_text_sink *sink,
			   struct rp_body_cursor *cursor)
{
	bool is_array = parser->member[RP_FIELD_INPUT].kind == RP_JSON_ARRAY_BEGIN;

	rp_text_sink_put(sink, RP_BYTES_LIT("{\"Raw\":"));
	if (is_array)
		rp_text_sink_put(sink, RP_BYTES_LIT("\"\""));
	else
		put_quoted(sink, cursor, &parser->part[0]);
	rp_text_sink_put(sink, RP_BYTES_LIT(",\"Strings\":"));
	for (uint32_t i = 0; is_array && i < parser->part_count; i++) {
		rp_text_sink_put(sink, i == 0 ? RP_BYTES_LIT("[") : RP_BYTES_LIT(","));
		put_quoted(sink, cursor, &parser->part[i]);
	}
	rp_text_sink_put(sink, is_array ? RP_BYTES_LIT("]") : RP_BYTES_LIT("null"));
	rp_text_sink_put(sink, RP_BYTES_LIT(",\"TokenIDs\":null}"));
}

/* One prompt while it is made: bytes that are kept, or hashes of their blocks. */
struct maker {
	struct rp_text_sink sink;
	struct rp_block_hasher hasher;
	uint64_t block_tokens; /* 0: bytes */
};

static int maker_begin(struct maker *maker, struct rp_request_parser *parser,
		       const struct rp_prompt_shape *shape, uint64_t expected_bytes,
		       uint64_t max_tokens)
{
	uint64_t max = rp_min_size(shape->max_tokens, max_tokens) * TOKEN_BYTES;

	maker->block_tokens = shape->block_tokens;
	if (maker->block_tokens > 0) {
		rp_block_hasher_init(&maker->hasher, parser->arena,
				     (uint32_t)maker->block_tokens * TOKEN_BYTES);
		maker->sink = rp_text_sink_to(rp_block_hasher_put, &maker->hasher, max);
	} else {
		maker->sink =
			rp_text_sink(parser->arena, rp_align_up(expected_bytes, TOKEN_BYTES), max);
	}
	return maker->sink.err;
}

static int maker_end(struct maker *maker, struct rp_prompt *prompt)
{
	int err = maker->sink.err;

	rp_text_sink_pad(&maker->sink);
	*prompt = (struct rp_prompt){.token_count = maker->sink.len / TOKEN_BYTES};
	if (err == RP_OK && maker->block_tokens > 0) {
		err = rp_block_hasher_end(&maker->hasher);
		prompt->block_tokens = maker->block_tokens;
		prompt->block_hash = maker->hasher.hash;
	} else {
		prompt->token_bytes = maker->sink.out;
	}
	return err;
}

/* A little more than the raw text, so that the memory of a usual prompt is taken once. */
static uint64_t expected_bytes(const struct rp_request_parser *parser)
{
	static const enum rp_field fields[] = {RP_FIELD_TOOLS, RP_FIELD_INSTRUCTIONS,
					       RP_FIELD_INPUT, RP_FIELD_ITEMS};
	uint64_t bytes = 64;

	for (uint32_t i = 0; i < parser->part_count; i++) {
		const struct rp_part *part = &parser->part[i];

		if (part->kind == RP_PART_ROLE || part->kind == RP_PART_TEXT)
			bytes += part->end - part->begin;
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(fields); i++)
		bytes += parser->member[fields[i]].end - parser->member[fields[i]].begin;
	return bytes;
}

static int make_one(struct rp_request_parser *parser, struct rp_body_cursor *cursor,
		    const struct estimate *estimate, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompt)
{
	const struct rp_json_span *items = &parser->member[RP_FIELD_ITEMS];
	struct maker maker;
	int err = maker_begin(&maker, parser, shape, expected_bytes(parser), UINT64_MAX);

	if (err != RP_OK)
		return err;
	if (parser->api == RP_API_CHAT)
		err = put_chat(parser, &maker.sink, cursor, estimate);
	else if (parser->api == RP_API_RESPONSES)
		err = put_responses(parser, &maker.sink, cursor);
	else if (parser->api == RP_API_CONVERSATIONS)
		err = rp_json_put_canonical(parser->arena, &maker.sink, cursor, items->begin,
					    items->end);
	else
		put_embeddings(parser, &maker.sink, cursor);
	return err != RP_OK ? err : maker_end(&maker, prompt);
}

static int make_texts(struct rp_request_parser *parser, struct rp_body_cursor *cursor,
		      const struct rp_prompt_shape *shape, struct rp_prompt *prompts)
{
	uint64_t left = RP_PROMPT_TOKENS_MAX;

	for (uint32_t i = 0; i < parser->part_count; i++) {
		const struct rp_part *part = &parser->part[i];
		struct maker maker;
		int err = maker_begin(&maker, parser, shape, part->end - part->begin, left);

		if (err != RP_OK)
			return err;
		rp_json_put_string(&maker.sink, cursor, part->begin, part->end);
		err = maker_end(&maker, &prompts[i]);
		if (err != RP_OK)
			return err;
		left -= prompts[i].token_count;
	}
	return RP_OK;
}

static int make_ids(struct rp_request_parser *parser, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompt)
{
	struct maker maker;
	int err = maker_begin(&maker, parser, shape, parser->id_count * TOKEN_BYTES, UINT64_MAX);

	for (const struct rp_id_block *block = parser->ids; err == RP_OK && block != NULL;
	     block = block->next) {
		for (uint32_t i = 0; i < block->count; i++) {
			uint32_t id = block->id[i];
			uint8_t le[TOKEN_BYTES] = {(uint8_t)id, (uint8_t)(id >> 8),
						   (uint8_t)(id >> 16), (uint8_t)(id >> 24)};

			rp_text_sink_put(&maker.sink, rp_bytes(le, sizeof(le)));
		}
	}
	return err != RP_OK ? err : maker_end(&maker, prompt);
}

/* Did the tap get just the prompt, in its order? Its strings came in the body's order. */
static bool is_tap_right(const struct rp_request_parser *parser,
			 const struct rp_prompt_shape *shape)
{
	const struct rp_prompt_tap *tap = &parser->tap;
	uint64_t last = 0;
	uint32_t count = 0;

	if (!tap->is_on || tap->shape.block_tokens != shape->block_tokens ||
	    tap->shape.max_tokens != shape->max_tokens)
		return false;
	if (parser->api == RP_API_CHAT
		    ? has_tools(parser)
		    : parser->api != RP_API_COMPLETIONS || parser->part_count != 1)
		return false;
	for (uint32_t i = 0; i < parser->part_count; i++) {
		const struct rp_part *part = &parser->part[i];

		if (part->kind != RP_PART_ROLE && part->kind != RP_PART_TEXT)
			return false;
		if (part->end == 0)
			continue;
		if (!part->is_tapped || part->begin < last)
			return false;
		last = part->end;
		count++;
	}
	return count == tap->taken;
}

static int make_all(struct rp_request_parser *parser, const struct rp_body *body,
		    const struct estimate *estimate, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompts)
{
	struct rp_body_cursor cursor = rp_body_cursor(body);

	if (is_tap_right(parser, shape))
		return rp_prompt_tap_end(&parser->tap, prompts);
	if (parser->id_count > 0)
		return make_ids(parser, shape, prompts);
	if (parser->api == RP_API_COMPLETIONS)
		return make_texts(parser, &cursor, shape, prompts);
	return make_one(parser, &cursor, estimate, shape, prompts);
}

int rp_prompt_make(struct rp_request_parser *parser, const struct rp_body *body,
		   const struct rp_params_token_producer *params,
		   const struct rp_request_hints *hints, const struct rp_prompt_shape *shape,
		   struct rp_request *request)
{
	bool has_texts = parser->api == RP_API_COMPLETIONS && parser->id_count == 0;
	uint32_t count = has_texts ? parser->part_count : 1;
	struct estimate estimate = {params, hints};
	struct rp_prompt_shape ours = rp_prompt_shape_bounded(shape);
	struct rp_prompt *prompts;
	int err;

	if (parser->api == RP_API_IMAGES || parser->api == RP_API_RAW)
		return RP_EUNSUPPORTED;
	prompts = rp_arena_alloc(parser->arena, count * sizeof(*prompts));
	if (prompts == NULL)
		return RP_ENOMEM;
	err = make_all(parser, body, &estimate, &ours, prompts);
	/* More tokens of JSON than are kept: as if this API had no prompt. */
	if (err == RP_ETOOBIG)
		return RP_EUNSUPPORTED;
	if (err != RP_OK)
		return err;
	request->prompts = prompts;
	request->prompt_count = count;
	return RP_OK;
}
