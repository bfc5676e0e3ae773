/* SPDX-License-Identifier: Apache-2.0
 *
 * What a case gives: its request, and what producers would have found out about it.
 */
#include "shm/hash.h"
#include "tests/golden/golden.h"

static void give_prefix(struct world_given *given, uint32_t i, const cJSON *prefix)
{
	struct rp_match_info *match = &given->data.match;

	given->match[i] = (uint16_t)golden_number(prefix, "matchBlocks", 0);
	if (prefix == NULL)
		return;
	match->total_blocks = (uint64_t)golden_number(prefix, "totalBlocks", 0);
	match->block_tokens = (int64_t)golden_number(prefix, "blockSizeTokens", 0);
	match->match_blocks = given->match;
	match->touched = given->touched;
	if (given->match[i] > 0)
		given->touched[match->touched_count++] = (uint16_t)i;
}

void world_give_prompt_of(struct world *world, const cJSON *endpoint)
{
	const cJSON *prefix = golden_get(golden_get(endpoint, "attributes"), "prefix");
	struct rp_match_info *match = &world->given.data.match;

	match->total_blocks = (uint64_t)golden_number(prefix, "totalBlocks", 0);
	match->block_tokens = (int64_t)golden_number(prefix, "blockSizeTokens", 0);
}

static uint64_t total_of(const cJSON *endpoint)
{
	return (uint64_t)golden_number(golden_get(golden_get(endpoint, "attributes"), "prefix"),
				       "totalBlocks", 0);
}

static uint64_t common_multiple(uint64_t a, uint64_t b)
{
	uint64_t x = a;
	uint64_t y = b;

	while (y != 0) {
		uint64_t rest = x % y;

		x = y;
		y = rest;
	}
	return a / x * b;
}

bool world_give_one_prompt(struct world *world, const cJSON *endpoints)
{
	struct rp_match_info *match = &world->given.data.match;
	uint64_t total = 1;
	uint32_t i = 0;
	const cJSON *json;

	cJSON_ArrayForEach(json, endpoints)
	{
		if (total_of(json) > 0)
			total = common_multiple(total, total_of(json));
		if (total > UINT16_MAX)
			return false;
	}
	cJSON_ArrayForEach(json, endpoints)
	{
		if (total_of(json) > 0)
			world->given.match[i] =
				(uint16_t)(world->given.match[i] * (total / total_of(json)));
		i++;
	}
	match->total_blocks = total;
	return true;
}

void world_give_match(struct world *world, bool has_match)
{
	struct world_given *given = &world->given;

	given->data.match = (struct rp_match_info){
		.total_blocks = 10,
		.block_tokens = 64,
		.match_blocks = given->match,
		.touched = given->touched,
		.touched_count = has_match ? world->pool.count : 0,
	};
	for (uint32_t i = 0; i < world->pool.count; i++) {
		given->match[i] = has_match ? 5 : 0;
		given->touched[i] = (uint16_t)i;
	}
}

static void give_load(struct world_given *given, uint32_t i, const cJSON *attributes)
{
	const cJSON *load = golden_get(attributes, "inflight");

	given->requests[i] = (int64_t)golden_number(load, "requests", 0);
	given->load_tokens[i] = (int64_t)golden_number(load, "tokens", 0);
	given->uncached[i] = (int64_t)golden_number(attributes, "uncachedRequestTokens", 0);
	given->data.load = (struct rp_load_info){
		.requests = given->requests,
		.tokens = given->load_tokens,
		.uncached = given->uncached,
	};
}

static void give_latency(struct world_given *given, uint32_t i, const cJSON *latency)
{
	given->latency[i] = (struct rp_latency){0};
	if (latency == NULL)
		return;
	given->latency[i] = (struct rp_latency){
		.is_present = true,
		.is_ttft_valid = cJSON_IsTrue(golden_get(latency, "ttftValid")),
		.is_tpot_valid = cJSON_IsTrue(golden_get(latency, "tpotValid")),
		.ttft = golden_number(latency, "ttft", 0),
		.tpot = golden_number(latency, "tpot", 0),
		.ttft_headroom = golden_number(latency, "ttftHeadroom", 0),
		.tpot_headroom = golden_number(latency, "tpotHeadroom", 0),
		.dispatched = (int64_t)golden_number(latency, "dispatched", 0),
	};
	given->data.latency = given->latency;
}

static void give_media(struct world_given *given, uint32_t i, const cJSON *media)
{
	given->media[i] = (uint16_t)cJSON_GetArraySize(golden_get(media, "matched"));
	if (media == NULL)
		return;
	given->data.media.item_count = (uint32_t)cJSON_GetArraySize(golden_get(media, "request"));
	given->data.media.matched = given->media;
	given->data.media.touched = given->media_touched;
	if (given->media[i] > 0)
		given->media_touched[given->data.media.touched_count++] = (uint16_t)i;
}

void world_give(struct world *world, uint32_t i, const cJSON *attributes)
{
	struct world_given *given = &world->given;

	give_prefix(given, i, golden_get(attributes, "prefix"));
	give_load(given, i, attributes);
	give_latency(given, i, golden_get(attributes, "latency"));
	give_media(given, i, golden_get(attributes, "mm"));
}

/* ---- the request ---- */

/* Workers keep the headers that the configuration's plugins read, and no others. */
static bool is_wanted(const struct world_config *config, const char *name)
{
	struct rp_config_array names = rp_config_blob_list(config->blob, config->blob->headers,
							   sizeof(struct rp_config_str));
	const struct rp_config_str *wanted = names.ptr;

	for (uint32_t i = 0; i < names.count; i++) {
		if (rp_bytes_equal_str(rp_config_blob_str(config->blob, wanted[i]), name))
			return true;
	}
	return false;
}

void world_set_request(struct world *world, const struct world_config *config, const cJSON *request)
{
	const cJSON *tokens = golden_get(request, "tokens");
	const char *model = golden_string(request, "model");
	uint32_t count = 0;
	const cJSON *header;
	const cJSON *hash;

	cJSON_ArrayForEach(header, golden_get(request, "headers"))
	{
		if (!is_wanted(config, header->string))
			continue;
		RP_ASSERT(count < RP_ARRAY_LEN(world->header));
		world->header[count++] = (struct rp_header){rp_bytes_str(header->string),
							    rp_bytes_str(header->valuestring)};
	}
	world->headers = (struct rp_request_headers){
		.request_id = RP_BYTES_LIT("golden"),
		.wanted = world->header,
		.wanted_count = count,
	};
	world->request = (struct rp_request){
		.incoming_model = rp_bytes_str(model),
		.target_model = rp_bytes_str(model),
		.max_tokens = -1,
	};
	world->given.has_prompt = tokens != NULL || golden_get(request, "mmHashes") != NULL;
	world->given.prompt = (struct rp_prompt){
		.token_count = tokens != NULL ? (uint64_t)tokens->valuedouble : 0,
		.feature = world->given.feature,
	};
	cJSON_ArrayForEach(hash, golden_get(request, "mmHashes"))
	{
		uint32_t n = world->given.prompt.feature_count++;

		RP_ASSERT(n < WORLD_FEATURES_MAX);
		world->given.feature[n] = (struct rp_media_feature){
			.modality = RP_MODALITY_IMAGE,
			.hash = rp_hash64_bytes(rp_bytes_str(hash->valuestring)),
			.text = rp_bytes_str(hash->valuestring),
		};
	}
}

void world_set_session(struct world *world, const char *session)
{
	world->header[0] = (struct rp_header){RP_BYTES_LIT("x-session-id"), rp_bytes_str(session)};
	world->headers.wanted = world->header;
	world->headers.wanted_count = 1;
}
