/* SPDX-License-Identifier: Apache-2.0
 *
 * First line: the path; then the body. What is made of a body does not depend on where it is cut,
 * and its model is the one cJSON finds, where the two agree on what is valid.
 */
#include <cjson/cJSON.h>

#include "dataplane/prefix_cache.h"
#include "tests/fuzz/openai_bed.h"

enum { PROMPT_TOKENS_MAX = 64 };

static void compare_requests(const struct rp_request *a, const struct rp_request *b)
{
	RP_ASSERT(a->api == b->api && a->parser == b->parser);
	RP_ASSERT(a->has_model == b->has_model && a->is_streaming == b->is_streaming);
	RP_ASSERT(rp_bytes_equal(a->incoming_model, b->incoming_model));
	RP_ASSERT(a->model_value_offset == b->model_value_offset);
	RP_ASSERT(a->model_value_bytes == b->model_value_bytes);
	RP_ASSERT(a->object_begin_offset == b->object_begin_offset);
	RP_ASSERT(a->is_object_empty == b->is_object_empty);
	RP_ASSERT(a->max_tokens == b->max_tokens);
	RP_ASSERT(rp_bytes_equal(a->cache_salt, b->cache_salt));
	RP_ASSERT(a->usage_format == b->usage_format);
	RP_ASSERT(a->is_answer_unread == b->is_answer_unread);
}

static void compare_features(const struct rp_prompt *a, const struct rp_prompt *b)
{
	RP_ASSERT(a->full_token_count == b->full_token_count);
	RP_ASSERT(a->feature_count == b->feature_count);
	RP_ASSERT(a->feature_count <= RP_MEDIA_FEATURES_MAX);
	for (uint32_t i = 0; i < a->feature_count; i++) {
		const struct rp_media_feature *p = &a->feature[i], *q = &b->feature[i];

		RP_ASSERT(p->modality == q->modality && p->hash == q->hash);
		RP_ASSERT(p->offset == q->offset && p->length == q->length);
		RP_ASSERT(rp_bytes_equal(p->text, q->text));
		RP_ASSERT(i == 0 || a->feature[i - 1].offset <= p->offset);
	}
}

/* The query of the path stands for the headers: rate;duration;resolution. */
static struct rp_request_hints hints_of(struct rp_bytes path)
{
	struct rp_bytes part[3] = {0};
	struct rp_bytes left = rp_bytes_slice(
		path, rp_min_size(rp_bytes_find(path, RP_BYTES_LIT("?")), path.len) + 1, SIZE_MAX);

	for (size_t i = 0; i < RP_ARRAY_LEN(part); i++) {
		size_t end = rp_min_size(rp_bytes_find(left, RP_BYTES_LIT(";")), left.len);

		part[i] = rp_bytes_slice(left, 0, end);
		left = rp_bytes_slice(left, end + 1, SIZE_MAX);
	}
	return (struct rp_request_hints){part[0], part[1], part[2]};
}

static int make_prompts(struct openai_reading *reading, const struct rp_request_hints *hints)
{
	return rp_request_make_prompts(reading->parser, &reading->body, &rp_bed_token_params, hints,
				       PROMPT_TOKENS_MAX, &reading->request);
}

static void compare_prompts(struct openai_reading *a, struct openai_reading *b,
			    const struct rp_request_hints *hints)
{
	int err = make_prompts(a, hints);

	RP_ASSERT(make_prompts(b, hints) == err);
	RP_ASSERT(a->request.has_prompts == (err == RP_OK));
	if (err != RP_OK)
		return;
	RP_ASSERT(a->request.prompt_count == b->request.prompt_count);
	for (uint32_t i = 0; i < a->request.prompt_count; i++) {
		const struct rp_prompt *p = &a->request.prompts[i], *q = &b->request.prompts[i];

		RP_ASSERT(p->token_count <= PROMPT_TOKENS_MAX);
		RP_ASSERT(p->token_count <= p->full_token_count);
		compare_features(p, q);
		RP_ASSERT(rp_bytes_equal(rp_bytes(p->token_bytes, 4 * p->token_count),
					 rp_bytes(q->token_bytes, 4 * q->token_count)));
	}
}

/* Hashes made without keeping the prompt are those of the prompt kept; the first shape is the one
 * that is guessed, the others make them afterwards. */
static void compare_hashes(struct openai_reading *reading, const struct rp_request_hints *hints)
{
	static const struct rp_prompt_shape shapes[] = {{64, 131072}, {64, 64}, {3, 300}};
	static uint64_t kept[RP_PREFIX_BLOCKS_MAX], hashed[RP_PREFIX_BLOCKS_MAX];
	struct rp_request bytes = reading->request;

	for (size_t s = 0; s < RP_ARRAY_LEN(shapes); s++) {
		const struct rp_prompt_shape *shape = &shapes[s];
		int err = rp_request_make_prompts(reading->parser, &reading->body,
						  &rp_bed_token_params, hints, shape->max_tokens,
						  &bytes);

		RP_ASSERT(rp_request_hash_prompts(reading->parser, &reading->body,
						  &rp_bed_token_params, hints, shape,
						  &reading->request) == err);
		if (err != RP_OK)
			return;
		RP_ASSERT(bytes.prompt_count == reading->request.prompt_count);
		for (uint32_t i = 0; i < bytes.prompt_count; i++) {
			size_t n = rp_prefix_hash_blocks(7, &bytes.prompts[i], shape->block_tokens,
							 RP_PREFIX_BLOCKS_MAX, kept);

			RP_ASSERT(rp_prefix_hash_blocks(7, &reading->request.prompts[i],
							shape->block_tokens, RP_PREFIX_BLOCKS_MAX,
							hashed) == n);
			RP_ASSERT(memcmp(kept, hashed, n * sizeof(*kept)) == 0);
			compare_features(&bytes.prompts[i], &reading->request.prompts[i]);
		}
	}
}

static void compare_model(struct rp_bytes text, const struct rp_request *request)
{
	cJSON *document = cJSON_ParseWithLength((const char *)text.ptr, text.len);
	const cJSON *member, *model = NULL;

	/* cJSON ends strings at an escaped zero, and leaves what is no UTF-8 as it is. */
	if (document == NULL || rp_bytes_find(text, RP_BYTES_LIT("\\u")) != SIZE_MAX)
		goto out;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] >= 0x80 || text.ptr[i] == 0)
			goto out;
	}
	cJSON_ArrayForEach(member, document)
	{
		if (member->string != NULL && strcmp(member->string, "model") == 0)
			model = member;
	}
	RP_ASSERT(request->has_model == (cJSON_IsString(model) != 0));
	RP_ASSERT((request->model_value_bytes != 0) == (model != NULL));
	if (request->has_model)
		RP_ASSERT(rp_bytes_equal(
			request->incoming_model,
			rp_bytes_slice(rp_bytes_str(model->valuestring), 0, RP_MODEL_NAME_MAX)));
out:
	cJSON_Delete(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes text = rp_bytes(data, size);
	struct rp_bytes path = fuzz_line(&text);
	struct rp_request_hints hints = hints_of(path);
	struct openai_reading whole, split;

	openai_read(path, fuzz_whole(text), &whole);
	openai_read(path, fuzz_cuts(text), &split);
	RP_ASSERT(whole.err == split.err && rp_bytes_equal(whole.error, split.error));
	if (whole.err == RP_OK) {
		compare_requests(&whole.request, &split.request);
		if (whole.request.can_rewrite_model)
			compare_model(text, &whole.request);
		compare_prompts(&whole, &split, &hints);
		compare_hashes(&whole, &hints);
		compare_hashes(&split, &hints);
	}
	openai_free(&whole);
	openai_free(&split);
	openai_reset();
	return 0;
}
