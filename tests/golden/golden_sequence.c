/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind "sequence": requests one after the other on one instance of a scorer, each with the pick
 * that is made for it.
 */
#include <stdlib.h>

#include "tests/golden/golden.h"

/* What a request with a match looks like to no-hit-lru-scorer: 0.5 for all. */
static bool is_match(const cJSON *scores)
{
	const cJSON *score;

	cJSON_ArrayForEach(score, scores)
	{
		if (score->valuedouble != 0.5)
			return false;
	}
	return true;
}

static enum golden_verdict check_step(struct golden_case *c, uint32_t n, const cJSON *step)
{
	struct world *world = c->world;
	const cJSON *scores = golden_get(step, "scores");
	const char *session = golden_string(step, "session");
	const char *pick_name = golden_string(step, "pick");
	struct rp_pick pick;

	world_set_session(world, session);
	world_give_match(world, is_match(scores));
	world->force_pick = RP_NO_ENDPOINT;
	for (uint32_t i = 0; i < world->pool.count; i++) {
		if (strcmp(world->pool.name[i], pick_name) == 0)
			world->force_pick = i;
	}
	world->is_dry = pick_name[0] == '\0';
	(void)world_pick(world, scores, &pick);
	if (world->seen.score_count != (uint32_t)cJSON_GetArraySize(scores))
		return golden_fail(c, "step %u: %u candidates", n, world->seen.score_count);
	for (uint32_t i = 0; i < world->seen.score_count; i++) {
		const char *name = world->pool.name[world->seen.scored[i]];
		double score = golden_number(scores, name, -1);

		if (memcmp(&score, &world->seen.score[i], sizeof(score)) != 0)
			return golden_fail(c, "step %u: %s scores %.17g", n, name,
					   world->seen.score[i]);
	}
	return GOLDEN_OK;
}

enum golden_verdict golden_sequence(struct golden_case *c)
{
	enum golden_verdict verdict;
	const cJSON *step;
	uint32_t n = 0;

	world_forget(c->world);
	verdict = golden_load_one(c, true);
	if (verdict != GOLDEN_OK)
		return verdict;
	cJSON_ArrayForEach(step, golden_get(c->expect, "steps"))
	{
		verdict = check_step(c, n++, step);
		if (verdict != GOLDEN_OK)
			break;
	}
	c->world->force_pick = RP_NO_ENDPOINT;
	c->world->is_dry = false;
	return verdict;
}
