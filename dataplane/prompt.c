/* SPDX-License-Identifier: Apache-2.0
 *
 * The token producer's estimate: the bytes of a prompt, padded with zeros to four, are its
 * pseudo-tokens (scheduling reference 4.2). What the bytes are each API knows.
 */
#include "dataplane/parsers/prompt_maker.h"

static int maker_begin(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape,
		       uint64_t expected_bytes, uint64_t max_tokens)
{
	uint64_t max = rp_min_size(shape->max_tokens, max_tokens) * RP_TOKEN_BYTES;

	maker->block_tokens = shape->block_tokens;
	if (maker->block_tokens > 0) {
		rp_block_hasher_init(&maker->hasher, maker->parser->arena,
				     (uint32_t)maker->block_tokens * RP_TOKEN_BYTES);
		maker->sink = rp_text_sink_to(rp_block_hasher_put, &maker->hasher, max);
	} else {
		maker->sink = rp_text_sink(maker->parser->arena,
					   rp_align_up(expected_bytes, RP_TOKEN_BYTES), max);
	}
	return maker->sink.err;
}

static int maker_end(struct rp_prompt_maker *maker, struct rp_prompt *prompt)
{
	int err = maker->sink.err;

	rp_text_sink_pad(&maker->sink);
	*prompt = (struct rp_prompt){
		.token_count = maker->sink.len / RP_TOKEN_BYTES,
		.full_token_count = maker->sink.total / RP_TOKEN_BYTES,
		.feature = maker->feature,
		.feature_count = maker->feature_count,
	};
	if (err == RP_OK && maker->block_tokens > 0) {
		err = rp_block_hasher_end(&maker->hasher);
		prompt->block_tokens = maker->block_tokens;
		prompt->block_hash = maker->hasher.hash;
	} else {
		prompt->token_bytes = maker->sink.out;
	}
	return err;
}

int rp_prompt_maker_add_feature(struct rp_prompt_maker *maker,
				const struct rp_media_feature *feature)
{
	if (maker->feature_count == RP_MEDIA_FEATURES_MAX)
		return RP_OK;
	if (maker->feature_count == maker->feature_capacity) {
		uint32_t capacity = maker->feature_capacity == 0 ? 4 : 2 * maker->feature_capacity;
		struct rp_media_feature *bigger =
			rp_arena_alloc(maker->parser->arena, capacity * sizeof(*bigger));

		if (bigger == NULL)
			return RP_ENOMEM;
		if (maker->feature_count > 0)
			memcpy(bigger, maker->feature, maker->feature_count * sizeof(*bigger));
		maker->feature = bigger;
		maker->feature_capacity = capacity;
	}
	maker->feature[maker->feature_count++] = *feature;
	return RP_OK;
}

void rp_prompt_maker_put_quoted(struct rp_prompt_maker *maker, uint64_t begin, uint64_t end)
{
	rp_json_put_quoted(&maker->sink, &maker->cursor, begin, end);
}

/* A little more than the raw text, so that the memory of a usual prompt is taken once. */
static uint64_t expected_bytes(const struct rp_request_parser *parser)
{
	static const enum rp_body_field fields[] = {RP_FIELD_TOOLS, RP_FIELD_INSTRUCTIONS,
						    RP_FIELD_INPUT, RP_FIELD_ITEMS};
	uint64_t bytes = 64;

	for (uint32_t i = 0; i < parser->part_count; i++) {
		const struct rp_part *part = &parser->part[i];

		if (part->kind <= RP_PART_RAW)
			bytes += part->end - part->begin;
	}
	for (size_t i = 0; i < RP_ARRAY_LEN(fields); i++)
		bytes += parser->member[fields[i]].end - parser->member[fields[i]].begin;
	return bytes;
}

static int make_one(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompt)
{
	int err = maker_begin(maker, shape, expected_bytes(maker->parser), UINT64_MAX);

	if (err == RP_OK)
		err = maker->parser->how->put(maker);
	return err != RP_OK ? err : maker_end(maker, prompt);
}

static int make_texts(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape,
		      struct rp_prompt *prompts)
{
	const struct rp_request_parser *parser = maker->parser;
	uint64_t left = RP_PROMPT_TOKENS_MAX;

	for (uint32_t i = 0; i < parser->part_count; i++) {
		const struct rp_part *part = &parser->part[i];
		int err = maker_begin(maker, shape, part->end - part->begin, left);

		if (err != RP_OK)
			return err;
		rp_json_put_string(&maker->sink, &maker->cursor, part->begin, part->end);
		err = maker_end(maker, &prompts[i]);
		if (err != RP_OK)
			return err;
		left -= prompts[i].token_count;
	}
	return RP_OK;
}

static int make_ids(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompt)
{
	const struct rp_request_parser *parser = maker->parser;
	int err = maker_begin(maker, shape, parser->id_count * RP_TOKEN_BYTES, UINT64_MAX);

	for (const struct rp_id_block *block = parser->ids; err == RP_OK && block != NULL;
	     block = block->next) {
		for (uint32_t i = 0; i < block->count; i++) {
			uint32_t id = block->id[i];
			uint8_t le[RP_TOKEN_BYTES] = {(uint8_t)id, (uint8_t)(id >> 8),
						      (uint8_t)(id >> 16), (uint8_t)(id >> 24)};

			rp_text_sink_put(&maker->sink, rp_bytes(le, sizeof(le)));
		}
	}
	if (err == RP_OK && parser->how->put_features != NULL)
		err = parser->how->put_features(maker);
	if (err != RP_OK)
		return err;
	err = maker_end(maker, prompt);
	prompt->full_token_count = parser->id_count;
	return err;
}

/* Did the tap get just the prompt, in its order? Its strings came in the body's order. */
static bool is_tap_right(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape)
{
	const struct rp_request_parser *parser = maker->parser;
	const struct rp_prompt_tap *tap = &parser->tap;
	uint64_t last = 0;
	uint32_t count = 0;

	if (!tap->is_on || tap->shape.block_tokens != shape->block_tokens ||
	    tap->shape.max_tokens != shape->max_tokens)
		return false;
	if (parser->how->is_prompt_text == NULL || parser->id_count > 0 ||
	    (parser->how->has_text_prompts && parser->part_count != 1) ||
	    rp_json_span_has_elements(&parser->member[RP_FIELD_TOOLS], &maker->cursor))
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

static int make_all(struct rp_prompt_maker *maker, const struct rp_prompt_shape *shape,
		    struct rp_prompt *prompts)
{
	if (is_tap_right(maker, shape))
		return rp_prompt_tap_end(&maker->parser->tap, prompts);
	if (maker->parser->id_count > 0)
		return make_ids(maker, shape, prompts);
	if (maker->parser->how->has_text_prompts)
		return make_texts(maker, shape, prompts);
	return make_one(maker, shape, prompts);
}

int rp_request_hash_prompts(struct rp_request_parser *parser, const struct rp_body *body,
			    const struct rp_params_token_producer *params,
			    const struct rp_request_hints *hints,
			    const struct rp_prompt_shape *shape, struct rp_request *request)
{
	const struct rp_json_api *how = parser->how;
	struct rp_prompt_maker maker = {
		.parser = parser, .cursor = rp_body_cursor(body), .params = params, .hints = hints};
	struct rp_prompt_shape ours = rp_prompt_shape_bounded(shape);
	struct rp_prompt *prompts;
	uint32_t count;
	int err;

	request->has_prompts = false;
	if (how == NULL || (how->put == NULL && !how->has_text_prompts && parser->id_count == 0))
		return RP_EUNSUPPORTED;
	count = how->has_text_prompts && parser->id_count == 0 ? parser->part_count : 1;
	prompts = rp_arena_alloc(parser->arena, count * sizeof(*prompts));
	if (prompts == NULL)
		return RP_ENOMEM;
	err = make_all(&maker, &ours, prompts);
	/* More tokens of JSON than are kept: as if this API had no prompt. */
	if (err == RP_ETOOBIG)
		return RP_EUNSUPPORTED;
	if (err != RP_OK)
		return err;
	request->prompts = prompts;
	request->prompt_shape = *shape;
	request->prompt_count = count;
	request->token_count = 0;
	for (uint32_t i = 0; i < count; i++)
		request->token_count += prompts[i].full_token_count;
	request->has_prompts = true;
	return RP_OK;
}

int rp_request_make_prompts(struct rp_request_parser *parser, const struct rp_body *body,
			    const struct rp_params_token_producer *params,
			    const struct rp_request_hints *hints, uint64_t max_tokens,
			    struct rp_request *request)
{
	struct rp_prompt_shape shape = {.max_tokens = max_tokens};

	return rp_request_hash_prompts(parser, body, params, hints, &shape, request);
}
