/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/golden/golden.h"

const cJSON *golden_get(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNull(item) ? NULL : item;
}

double golden_number(const cJSON *object, const char *name, double missing)
{
	const cJSON *item = golden_get(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : missing;
}

const char *golden_string(const cJSON *object, const char *name)
{
	const cJSON *item = golden_get(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

void golden_read_pool(const cJSON *endpoints, struct golden_pool *pool)
{
	const cJSON *json;

	memset(pool, 0, sizeof(*pool));
	cJSON_ArrayForEach(json, endpoints)
	{
		const cJSON *metrics = golden_get(json, "metrics");
		const cJSON *prefix = golden_get(golden_get(json, "attributes"), "prefix");
		uint32_t i = pool->count++;

		RP_ASSERT(i < GOLDEN_ENDPOINTS_MAX);
		pool->name[i] = golden_string(json, "name");
		pool->endpoint[i] = (struct rp_bed_endpoint){
			.ip = golden_string(json, "address"),
			.port = (uint16_t)strtol(golden_string(json, "port"), NULL, 10),
			.waiting = (int32_t)golden_number(metrics, "waiting", 0),
			.kv_usage = golden_number(metrics, "kv", 0),
			.block_size = (int32_t)golden_number(metrics, "blockSize", 0),
			.num_blocks = (int32_t)golden_number(metrics, "numBlocks", 0),
		};
		pool->match[i] = (uint16_t)golden_number(prefix, "matchBlocks", 0);
		pool->total[i] = (uint64_t)golden_number(prefix, "totalBlocks", 0);
		pool->block_tokens[i] = (int64_t)golden_number(prefix, "blockSizeTokens", 0);
	}
}

uint32_t golden_find_endpoint(const struct golden_pool *pool, const char *name)
{
	uint32_t i = 0;

	while (i < pool->count && strcmp(pool->name[i], name) != 0)
		i++;
	return i;
}

enum rp_plugin_type golden_type(struct golden_case *c, const char *name)
{
	for (uint32_t type = 0; type < RP_PLUGIN_TYPE_COUNT; type++) {
		enum rp_plugin_state state = rp_plugin_type_state(type);

		if (strcmp(name, rp_plugin_type_name(type)) == 0 && state != RP_STATE_PENDING &&
		    state != RP_STATE_MISSING)
			return type;
	}
	snprintf(c->why, sizeof(c->why), "plugin %s", name);
	return RP_PLUGIN_TYPE_COUNT;
}

enum golden_verdict golden_fail(struct golden_case *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
	return GOLDEN_FAIL;
}

bool golden_same_bits(double value, const cJSON *bits, const char *name)
{
	char text[17];
	uint64_t word;

	memcpy(&word, &value, sizeof(word));
	snprintf(text, sizeof(text), "%016" PRIx64, word);
	return strcmp(text, golden_string(bits, name)) == 0;
}

void golden_set_pool(struct golden_case *c, const struct world_config *config)
{
	const cJSON *request = golden_get(c->json, "request");

	world_set_request(c->world, config, request);
	world_set_pool(c->world, config, golden_get(c->json, "endpoints"),
		       golden_get(request, "peer"));
}

struct rp_params_prefix_cache_scorer golden_prefix_params(const cJSON *parameters)
{
	return (struct rp_params_prefix_cache_scorer){
		.match_length_weight = golden_number(parameters, "matchLengthWeight", 0),
		.match_length_scale_tokens =
			(int64_t)golden_number(parameters, "matchLengthScaleTokens", 8192),
	};
}

struct rp_params_approx_prefix_cache_producer golden_approx_params(const cJSON *parameters)
{
	const cJSON *tune = golden_get(parameters, "autoTune");

	return (struct rp_params_approx_prefix_cache_producer){
		.has_auto_tune = tune == NULL || cJSON_IsTrue(tune),
		.block_size_tokens = (int64_t)golden_number(parameters, "blockSizeTokens", 16),
		.max_prefix_tokens =
			(int64_t)golden_number(parameters, "maxPrefixTokensToMatch", 131072),
		.max_prefix_blocks =
			(int64_t)golden_number(parameters, "maxPrefixBlocksToMatch", 2048),
		.lru_capacity_per_server =
			(int64_t)golden_number(parameters, "lruCapacityPerServer", 31250),
	};
}
