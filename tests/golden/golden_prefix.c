/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "prefix-hash", "estimate-tokens" and "approx-sequence": ids, hashes and matches, exactly.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/parsers/parser.h"
#include "dataplane/sched/sched_plugin.h"
#include "tests/golden/golden.h"

/* Token ids of a request: "tokenIds", or 0, 1, 2, … as many as "tokens" says. */
static struct rp_prompt read_tokens(struct rp_arena *arena, const cJSON *request)
{
	const cJSON *ids = golden_get(request, "tokenIds");
	uint32_t count = ids != NULL ? (uint32_t)cJSON_GetArraySize(ids)
				     : (uint32_t)golden_number(request, "tokens", 0);
	const cJSON *id = ids != NULL ? ids->child : NULL;
	uint8_t *bytes = rp_arena_alloc(arena, (size_t)count * 4);

	RP_ASSERT(bytes != NULL);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t value = i;

		if (id != NULL) {
			value = (uint32_t)id->valuedouble;
			id = id->next;
		}
		for (uint32_t k = 0; k < 4; k++)
			bytes[4 * i + k] = (uint8_t)(value >> (8 * k));
	}
	return (struct rp_prompt){.token_bytes = bytes, .token_count = count};
}

/* One list of hashes a prompt. */
static enum golden_verdict check_hashes(struct golden_case *c, const cJSON *expect,
					const struct rp_prompt *prompts, uint32_t count,
					uint64_t seed, uint64_t block_tokens, size_t blocks_max)
{
	static uint64_t hash[RP_PREFIX_BLOCKS_MAX];

	if ((uint32_t)cJSON_GetArraySize(expect) != count)
		return golden_fail(c, "%u prompts", count);
	for (uint32_t i = 0; i < count; i++) {
		const cJSON *list = cJSON_GetArrayItem(expect, (int)i);
		size_t n = rp_prefix_hash_blocks(seed, &prompts[i], block_tokens, blocks_max, hash);

		if ((size_t)cJSON_GetArraySize(list) != n)
			return golden_fail(c, "prompt %u has %zu blocks", i, n);
		for (size_t k = 0; k < n; k++) {
			char text[17];

			snprintf(text, sizeof(text), "%016" PRIx64, hash[k]);
			if (strcmp(text, cJSON_GetArrayItem(list, (int)k)->valuestring) != 0)
				return golden_fail(c, "block %zu of prompt %u is %s", k, i, text);
		}
	}
	return GOLDEN_OK;
}

enum golden_verdict golden_prefix_hash(struct golden_case *c)
{
	const cJSON *request = golden_get(c->json, "request");
	uint64_t seed = rp_prefix_seed(rp_bytes_str(golden_string(request, "model")),
				       rp_bytes_str(golden_string(request, "cacheSalt")));
	struct rp_arena_pool pool;
	struct rp_arena arena;
	struct rp_prompt prompt;
	enum golden_verdict verdict;

	rp_arena_pool_init(&pool);
	rp_arena_init(&arena, &pool);
	prompt = read_tokens(&arena, request);
	verdict = check_hashes(c, golden_get(c->expect, "hashes"), &prompt, 1, seed,
			       (uint64_t)golden_number(c->json, "blockSizeTokens", 0),
			       (size_t)golden_number(c->json, "maxBlocks", 0));
	rp_arena_reset(&arena);
	rp_arena_pool_fini(&pool);
	return verdict;
}

/* ---- estimate-tokens ---- */

static enum golden_verdict check_features(struct golden_case *c, const cJSON *expect,
					  const struct rp_prompt *prompt)
{
	static const char *const modalities[] = {"image", "audio", "video"};
	const cJSON *features = golden_get(expect, "features");

	if ((uint32_t)cJSON_GetArraySize(features) != prompt->feature_count)
		return golden_fail(c, "%u features", prompt->feature_count);
	for (uint32_t i = 0; i < prompt->feature_count; i++) {
		const struct rp_media_feature *ours = &prompt->feature[i];
		const cJSON *theirs = cJSON_GetArrayItem(features, (int)i);
		char hash[RP_MEDIA_HASH_BYTES_MAX + 1];

		if (ours->text.len > 0)
			rp_bytes_to_str(ours->text, hash, sizeof(hash));
		else
			snprintf(hash, sizeof(hash), "%" PRIx64, ours->hash);
		if (strcmp(hash, golden_string(theirs, "Hash")) != 0 ||
		    strcmp(modalities[ours->modality], golden_string(theirs, "Modality")) != 0 ||
		    (double)ours->offset != golden_number(theirs, "Offset", -1) ||
		    (double)ours->length != golden_number(theirs, "Length", -1))
			return golden_fail(c, "feature %u is %s %s of %" PRIu64 " at %" PRIu64, i,
					   modalities[ours->modality], hash, ours->length,
					   ours->offset);
	}
	return GOLDEN_OK;
}

static enum golden_verdict check_ids(struct golden_case *c, const cJSON *expect,
				     const struct rp_prompt *prompt)
{
	uint64_t at = 0;
	const cJSON *id;

	if ((double)prompt->token_count != golden_number(expect, "count", -1))
		return golden_fail(c, "%" PRIu64 " tokens", prompt->token_count);
	cJSON_ArrayForEach(id, golden_get(expect, "ids"))
	{
		const uint8_t *b = prompt->token_bytes + 4 * at++;
		uint32_t ours = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
				(uint32_t)b[3] << 24;

		if (at > prompt->token_count || ours != (uint32_t)id->valuedouble)
			return golden_fail(c, "token %" PRIu64 " is %u", at - 1, ours);
	}
	return check_features(c, expect, prompt);
}

static enum golden_verdict check_prompts(struct golden_case *c, const struct rp_request *request)
{
	const cJSON *prompts = golden_get(c->expect, "prompts");
	enum golden_verdict verdict = GOLDEN_OK;

	/* Upstream forgets prompts without tokens. */
	if (cJSON_GetArraySize(prompts) == 0 && request->token_count == 0)
		return GOLDEN_OK;
	if ((uint32_t)cJSON_GetArraySize(prompts) != request->prompt_count)
		return golden_fail(c, "%u prompts", request->prompt_count);
	for (uint32_t i = 0; i < request->prompt_count && verdict == GOLDEN_OK; i++)
		verdict = check_ids(c, cJSON_GetArrayItem(prompts, (int)i), &request->prompts[i]);
	if (verdict != GOLDEN_OK || golden_get(c->expect, "hashesBlock64") == NULL)
		return verdict;
	return check_hashes(c, golden_get(c->expect, "hashesBlock64"), request->prompts,
			    request->prompt_count,
			    rp_prefix_seed(request->incoming_model, request->cache_salt), 64,
			    RP_PREFIX_BLOCKS_MAX);
}

/* One way of cutting the body. */
static enum golden_verdict check_request(struct golden_case *c, struct rp_bed *bed,
					 struct rp_bytes text, size_t step, struct rp_body *body)
{
	const cJSON *json = golden_get(c->json, "request");
	const cJSON *headers = golden_get(json, "headers");
	const cJSON *parameters = golden_get(golden_get(c->json, "plugin"), "parameters");
	const char *parse_error = golden_string(c->expect, "parseError");
	bool has_prompts = golden_get(c->expect, "prompts") != NULL;
	struct rp_params_token_producer params = rp_bed_token_params;
	struct rp_request_hints hints = {
		.video_fps = rp_bytes_str(golden_string(headers, "x-llm-d-video-fps")),
		.video_duration_seconds =
			rp_bytes_str(golden_string(headers, "x-llm-d-video-duration-seconds")),
		.video_resolution =
			rp_bytes_str(golden_string(headers, "x-llm-d-video-resolution")),
	};
	struct rp_request_parser *parser;
	struct rp_request request;
	struct rp_bytes error;
	int err;

	if (parameters != NULL && golden_token_params(parameters, &params) != RP_OK)
		return golden_fail(c, "parameters are refused");
	if (rp_request_parser_new(&bed->arena, rp_sched_config(bed->env.sched),
				  rp_bytes_str(golden_string(json, "path")), &parser) != RP_OK ||
	    rp_body_append(body, &bed->env.bodies, text) != RP_OK)
		return golden_fail(c, "no parser");
	for (size_t at = 0; at < text.len; at += rp_min_size(step, text.len - at))
		rp_request_parser_feed(parser, rp_bytes_slice(text, at, step));
	err = rp_request_parser_finish(parser, body, &request, &error);
	if (parse_error[0] != '\0')
		return err == RP_EFORMAT && rp_bytes_equal_str(error, parse_error)
			       ? GOLDEN_OK
			       : golden_fail(c, "no such parse error");
	if (err != RP_OK)
		return golden_fail(c, "not parsed: %.*s", (int)error.len, (const char *)error.ptr);
	err = rp_request_make_prompts(parser, body, &params, &hints, RP_PROMPT_TOKENS_MAX,
				      &request);
	if (err == RP_EUNSUPPORTED && !has_prompts)
		return GOLDEN_OK;
	if (err != RP_OK)
		return golden_fail(c, "no prompts");
	if (!rp_bytes_equal_str(request.cache_salt, golden_string(c->expect, "cacheSalt")))
		return golden_fail(c, "another cache salt");
	return check_prompts(c, &request);
}

enum golden_verdict golden_estimate_tokens(struct golden_case *c)
{
	static const size_t steps[] = {SIZE_MAX, 1};
	const cJSON *plugin = golden_get(c->json, "plugin");
	const cJSON *request = golden_get(c->json, "request");
	struct rp_bed_config config = rp_bed_default_config();
	enum golden_verdict verdict = GOLDEN_OK;
	struct rp_bed bed;
	char *text;

	if (golden_type(c, golden_string(plugin, "type")) == RP_PLUGIN_TYPE_COUNT)
		return GOLDEN_UNSUPPORTED;
	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, NULL, 0);
	/* "text" is the body as it was sent, for what a JSON library would not write again. */
	text = golden_get(request, "text") != NULL
		       ? strdup(golden_string(request, "text"))
		       : cJSON_PrintUnformatted(golden_get(request, "body"));
	RP_ASSERT(text != NULL);
	for (size_t i = 0; i < RP_ARRAY_LEN(steps) && verdict == GOLDEN_OK; i++) {
		struct rp_body body = {0};

		verdict = check_request(c, &bed, rp_bytes_str(text), steps[i], &body);
		rp_body_free(&body, &bed.env.bodies);
		rp_arena_reset(&bed.arena);
	}
	free(text);
	rp_bed_fini(&bed);
	return verdict;
}

/* ---- approx-sequence ---- */

/* What one sequence runs on. */
struct sequence {
	struct rp_bed bed;
	struct golden_pool pool;
	struct rp_params_approx_prefix_cache_producer params;
	struct rp_prefix_lookup lookup;
	struct rp_plugin_data data[RP_PLUGINS_MAX];
	struct rp_cycle cycle;
	uint32_t slot[GOLDEN_ENDPOINTS_MAX];
};

/* "[{default p1} {prefill p3}]": profiles and the endpoints they picked. */
static void record_picks(struct sequence *s, const struct rp_call *producer, const char *picks)
{
	for (const char *at = strchr(picks, '{'); at != NULL; at = strchr(at + 1, '{')) {
		char profile[32];
		char name[32];
		uint32_t i;

		RP_ASSERT(sscanf(at, "{%31s %31[^}]", profile, name) == 2);
		i = golden_find_endpoint(&s->pool, name);
		RP_ASSERT(i < s->pool.count);
		s->cycle.result[0] = (struct rp_profile_result){true, 1, {i}};
		producer->ops->pre_request(producer);
	}
}

static enum golden_verdict check_step(struct golden_case *c, struct sequence *s, const cJSON *step)
{
	const cJSON *json = golden_get(step, "request");
	const char *id = golden_string(json, "id");
	const cJSON *named = golden_get(json, "body") != NULL ? golden_get(json, "body") : json;
	struct rp_params_prefix_cache_scorer scorer = golden_prefix_params(NULL);
	struct rp_prompt prompt = read_tokens(&s->bed.arena, json);
	struct rp_request request = {
		.target_model = rp_bytes_str(golden_string(named, "model")),
		.cache_salt = rp_bytes_str(golden_string(json, "cacheSalt")),
		.prompts = &prompt,
		.prompt_count = 1,
		.has_prompts = true,
	};
	struct rp_candidates candidates = {
		.count = s->pool.count, .table_idx = s->slot, .slot = s->slot};
	const struct rp_call producer = {
		.cycle = &s->cycle,
		.ops = rp_sched_ops(RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER),
		.params = &s->params,
		.data = &s->data[0],
		.lookup = &s->lookup,
	};
	const struct rp_call prefix_scorer = {
		.cycle = &s->cycle,
		.ops = rp_sched_ops(RP_PLUGIN_PREFIX_CACHE_SCORER),
		.params = &scorer,
	};
	struct rp_published pair;
	double score[GOLDEN_ENDPOINTS_MAX];

	RP_ASSERT(rp_publication_current(&s->bed.shared.live->publication, &pair));
	s->cycle = (struct rp_cycle){
		.env = &s->bed.env,
		.config = rp_sched_config(s->bed.env.sched),
		.table = &s->bed.shared.tables->table[pair.table_slot],
		.candidates = &candidates,
		.request = &request,
		.data = s->data,
	};
	if (producer.ops->produce(&producer) != RP_OK)
		return golden_fail(c, "%s: not produced", id);
	prefix_scorer.ops->score(&prefix_scorer, &candidates, score);
	for (uint32_t i = 0; i < s->pool.count; i++) {
		const cJSON *triple =
			golden_get(golden_get(step, "matchTotalBlock"), s->pool.name[i]);
		const struct rp_match_info *info = &s->data[0].match;

		if (info->match_blocks[i] != cJSON_GetArrayItem(triple, 0)->valuedouble ||
		    (double)info->total_blocks != cJSON_GetArrayItem(triple, 1)->valuedouble ||
		    (double)info->block_tokens != cJSON_GetArrayItem(triple, 2)->valuedouble)
			return golden_fail(c, "%s: %s matches %u of %" PRIu64 " by %" PRIi64, id,
					   s->pool.name[i], info->match_blocks[i],
					   info->total_blocks, info->block_tokens);
		if (score[i] != golden_number(golden_get(step, "scores"), s->pool.name[i], -1))
			return golden_fail(c, "%s: %s scores %.17g", id, s->pool.name[i], score[i]);
	}
	record_picks(s, &producer, golden_string(step, "picks"));
	return GOLDEN_OK;
}

enum golden_verdict golden_approx_sequence(struct golden_case *c)
{
	const cJSON *plugin = golden_get(c->json, "plugin");
	struct rp_bed_config config = rp_bed_default_config();
	enum golden_verdict verdict = GOLDEN_OK;
	struct sequence *s;
	const cJSON *step;

	if (golden_type(c, golden_string(plugin, "type")) == RP_PLUGIN_TYPE_COUNT)
		return GOLDEN_UNSUPPORTED;
	s = calloc(1, sizeof(*s));
	RP_ASSERT(s != NULL);
	golden_read_pool(golden_get(c->json, "endpoints"), &s->pool);
	s->params = golden_approx_params(golden_get(plugin, "parameters"));
	for (uint32_t i = 0; i < s->pool.count; i++)
		s->slot[i] = i;
	rp_bed_init(&s->bed, NULL);
	rp_bed_publish(&s->bed, &config, s->pool.endpoint, s->pool.count);
	cJSON_ArrayForEach(step, golden_get(c->expect, "steps"))
	{
		verdict = check_step(c, s, step);
		if (verdict != GOLDEN_OK)
			break;
		rp_arena_reset(&s->bed.arena);
	}
	rp_bed_fini(&s->bed);
	free(s);
	return verdict;
}
