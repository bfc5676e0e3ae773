/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "scorer" and "filter": scores by their bits, kept endpoints in their order.
 */
#include <math.h>

#include "tests/golden/golden.h"

/* ---- scorer ---- */

static enum golden_verdict check_score(struct golden_case *c, const cJSON *bits, uint32_t i)
{
	const struct world *world = c->world;
	const char *name = world->pool.name[world->seen.scored[i]];
	bool is_expected = golden_get(bits, name) != NULL;
	double score = world->seen.score[i];

	if (isnan(score) && is_expected)
		return golden_fail(c, "%s has no score", name);
	if (!isnan(score) && !is_expected)
		return golden_fail(c, "%s has a score", name);
	if (is_expected && !golden_same_bits(score, bits, name))
		return golden_fail(c, "%s scores %.17g", name, score);
	return GOLDEN_OK;
}

enum golden_verdict golden_scorer(struct golden_case *c)
{
	const cJSON *endpoints = golden_get(c->json, "endpoints");
	const cJSON *bits = golden_get(c->expect, "bits");
	bool is_one = golden_has_one_prompt(endpoints);
	struct world *world = c->world;
	enum golden_verdict verdict = golden_load_one(c, true);
	uint32_t count = world->pool.count;
	struct rp_pick pick;

	for (uint32_t i = 0; i < (is_one ? 1 : count) && verdict == GOLDEN_OK; i++) {
		if (!is_one)
			world_give_prompt_of(world, cJSON_GetArrayItem(endpoints, (int)i));
		(void)world_look(world, &pick);
		if (world->seen.score_count != count)
			return golden_fail(c, "%u candidates", world->seen.score_count);
		if (world->seen.is_few_wrong)
			return golden_fail(c, "few() says something else");
		for (uint32_t k = is_one ? 0 : i; k < (is_one ? count : i + 1); k++) {
			verdict = check_score(c, bits, k);
			if (verdict != GOLDEN_OK)
				break;
		}
	}
	return verdict;
}

/* ---- filter ---- */

enum golden_verdict golden_filter(struct golden_case *c)
{
	const cJSON *endpoints = golden_get(c->json, "endpoints");
	const cJSON *kept = golden_get(c->expect, "kept");
	struct world *world = c->world;
	struct world_seen *seen = &world->seen;
	enum golden_verdict verdict = golden_load_one(c, false);
	struct rp_pick pick;

	if (verdict != GOLDEN_OK)
		return verdict;
	if (!golden_has_one_prompt(endpoints) && !world_give_one_prompt(world, endpoints))
		return golden_fail(c, "endpoints with different match totals");
	(void)world_look(world, &pick);
	if (!seen->has_filtered && world->pool.count > 0)
		return golden_fail(c, "it was not asked");
	if (seen->kept_count != (uint32_t)cJSON_GetArraySize(kept))
		return golden_fail(c, "keeps %u", seen->kept_count);
	for (uint32_t i = 0; i < seen->kept_count; i++) {
		const char *name = world->pool.name[seen->kept[i]];

		if (strcmp(name, cJSON_GetArrayItem(kept, (int)i)->valuestring) != 0)
			return golden_fail(c, "keeps %s in place %u", name, i);
	}
	return GOLDEN_OK;
}
