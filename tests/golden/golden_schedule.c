/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind "schedule": a whole configuration, one request; what each profile picked, which one is the
 * primary, and the headers that are set.
 */
#include <stdio.h>

#include "config/decode.h"
#include "tests/golden/golden.h"

/* "p1=10.0.0.1:8000" */
static void show_target(const struct world *world, bool is_primary, uint32_t idx, char *out,
			size_t bytes)
{
	const struct world_pool *pool = &world->pool;
	const char *address = pool->address[idx];
	int host = (int)(strrchr(address, ':') - address);

	snprintf(out, bytes, "%s=%.*s:%s", pool->name[idx], host, address,
		 is_primary && world->seen.port[0] != '\0' ? world->seen.port : address + host + 1);
}

static enum golden_verdict check_profile(struct golden_case *c, struct rp_bytes name,
					 const struct rp_profile_result *result, bool is_primary)
{
	char key[64];
	const cJSON *expect;

	(void)rp_bytes_to_str(name, key, sizeof(key));
	expect = golden_get(golden_get(c->expect, "profiles"), key);
	if (result->count != (uint32_t)cJSON_GetArraySize(expect))
		return golden_fail(c, "profile %s has %u targets", key, result->count);
	for (uint32_t i = 0; i < result->count; i++) {
		char target[128];

		show_target(c->world, is_primary, result->pick[i], target, sizeof(target));
		/* Targets that tie may come in any order. */
		bool is_found = false;
		const cJSON *one;

		cJSON_ArrayForEach(one, expect)
		{
			is_found = is_found || strcmp(one->valuestring, target) == 0;
		}
		if (!is_found)
			return golden_fail(c, "profile %s picks %s", key, target);
	}
	return GOLDEN_OK;
}

static enum golden_verdict check_headers(struct golden_case *c, const struct rp_pick *pick)
{
	const cJSON *headers = golden_get(c->expect, "headers");

	if (pick->header_count != (uint32_t)cJSON_GetArraySize(headers))
		return golden_fail(c, "%u headers", pick->header_count);
	for (uint32_t i = 0; i < pick->header_count; i++) {
		char name[128];

		(void)rp_bytes_to_str(pick->header[i].name, name, sizeof(name));
		if (!rp_bytes_equal_str(pick->header[i].value, golden_string(headers, name)))
			return golden_fail(c, "header %s: %.*s", name,
					   RP_SHOW(pick->header[i].value));
	}
	return GOLDEN_OK;
}

static enum golden_verdict check_result(struct golden_case *c, const struct rp_pick *pick)
{
	const struct rp_config_blob *config = rp_sched_config(c->world->bed.env.sched);
	const struct world_seen *seen = &c->world->seen;
	enum golden_verdict verdict = GOLDEN_OK;
	struct rp_bytes primary =
		rp_config_blob_str(config, rp_config_blob_profile(config, seen->primary)->name);

	if (!rp_bytes_equal_str(primary, golden_string(c->expect, "primary")))
		return golden_fail(c, "primary profile %.*s", RP_SHOW(primary));
	for (uint32_t i = 0; i < config->profile_count && verdict == GOLDEN_OK; i++)
		verdict = check_profile(
			c, rp_config_blob_str(config, rp_config_blob_profile(config, i)->name),
			&seen->result[i], i == seen->primary);
	return verdict == GOLDEN_OK ? check_headers(c, pick) : verdict;
}

enum golden_verdict golden_schedule(struct golden_case *c)
{
	const char *text = golden_string(c->json, "config");
	const struct world_config *config;
	enum rp_sched_result result;
	struct rp_pick pick;

	if (!golden_is_built(c, text))
		return GOLDEN_UNSUPPORTED;
	config = world_load(c->world, text);
	if (config->err != RP_OK)
		return golden_fail(c, "refused: %s", config->diag.message);
	c->world->seen.watched = RP_PLUGIN_TYPE_COUNT;
	golden_set_pool(c, config);
	result = world_pick(c->world, NULL, &pick);
	if (golden_get(c->expect, "error") != NULL)
		return result == RP_SCHED_OK ? golden_fail(c, "no error") : GOLDEN_OK;
	if (result != RP_SCHED_OK)
		return golden_fail(c, "no pick (%d): %.*s", (int)result, RP_SHOW(pick.reason));
	return check_result(c, &pick);
}
