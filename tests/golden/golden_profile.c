/* SPDX-License-Identifier: Apache-2.0
 *
 * Kind "profile": totals by their bits, pick counts by a chi-square test.
 */
#include <math.h>
#include <stdio.h>

#include "config/decode.h"
#include "tests/golden/golden.h"

enum { RUNS = 20000, CLASSES_MAX = 16 };

/* Upper points of chi-square by degrees of freedom: 0.1 %, for the recorded counts, and 1e-7. */
static const double rare[CLASSES_MAX] = {0,	 10.828, 13.816, 16.266, 18.467, 20.515,
					 22.458, 24.322, 26.124, 27.877, 29.588, 31.264,
					 32.909, 34.528, 36.123, 37.697};
static const double very_rare[CLASSES_MAX] = {0,     28.38, 32.24, 35.41, 38.24, 40.87,
					      43.34, 45.71, 48.00, 50.22, 52.38, 54.49,
					      56.57, 58.61, 60.62, 62.60};

/* Do two samples of one distribution look like that? */
static bool is_same_distribution(const uint32_t *ours, const double *theirs, double their_runs,
				 uint32_t classes)
{
	double a = sqrt(their_runs / RUNS);
	double sum = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < classes; i++) {
		double o = ours[i];
		double d = a * o - theirs[i] / a;

		if (o + theirs[i] == 0)
			continue;
		used++;
		sum += d * d / (o + theirs[i]);
	}
	return used == 1 || sum <= rare[used - 1];
}

/* Does a sample look as if drawn with these chances? Rare classes count together. */
static bool is_of_chances(const uint32_t *ours, const double *chance, uint32_t classes)
{
	double rest = 0;
	double rest_expected = 0;
	double sum = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < classes; i++) {
		double expected = chance[i] * RUNS;

		if (expected < 10) {
			rest += ours[i];
			rest_expected += expected;
			continue;
		}
		used++;
		sum += (ours[i] - expected) * (ours[i] - expected) / expected;
	}
	if (rest_expected >= 10) {
		used++;
		sum += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
	} else if (rest > rest_expected + 60) {
		return false;
	}
	return used <= 1 || sum <= very_rare[used - 1];
}

static enum golden_verdict check_counts(struct golden_case *c, const char *name,
					const uint32_t *ours, const cJSON *expect, bool is_chance)
{
	const struct world_pool *pool = &c->world->pool;
	double theirs[CLASSES_MAX];

	RP_ASSERT(pool->count <= CLASSES_MAX);
	for (uint32_t i = 0; i < pool->count; i++) {
		theirs[i] = golden_number(expect, pool->name[i], 0);
		if (theirs[i] == 0 && ours[i] > 0)
			return golden_fail(c, "%s: picked %s", name, pool->name[i]);
	}
	if (is_chance ? !is_of_chances(ours, theirs, pool->count)
		      : !is_same_distribution(ours, theirs, golden_number(c->expect, "runs", 0),
					      pool->count))
		return golden_fail(c, "%s: another distribution", name);
	return GOLDEN_OK;
}

/* Counts of first and second picks, as recorded ("...PickCounts") or as chances ("...PickChance").
 */
static enum golden_verdict check_picks(struct golden_case *c)
{
	static const char *const names[2][2] = {{"firstPickCounts", "secondPickCounts"},
						{"firstPickChance", "secondPickChance"}};
	uint32_t wanted = (uint32_t)golden_number(c->expect, "targets", 0);
	bool is_chance = golden_get(c->expect, names[1][0]) != NULL;
	uint32_t count[2][WORLD_ENDPOINTS_MAX] = {0};
	enum golden_verdict verdict = GOLDEN_OK;
	struct rp_pick pick;

	if (!is_chance && golden_get(c->expect, names[0][0]) == NULL)
		return GOLDEN_OK;
	for (uint32_t run = 0; run < RUNS; run++) {
		if (world_look(c->world, &pick) != RP_SCHED_OK || pick.target_count != wanted)
			return golden_fail(c, "%u targets", pick.target_count);
		for (uint32_t i = 0; i < 2 && i < wanted; i++)
			count[i][pick.target[i].slot]++;
	}
	for (uint32_t i = 0; i < 2 && i < wanted && verdict == GOLDEN_OK; i++) {
		const char *name = names[is_chance][i];

		if (golden_get(c->expect, name) != NULL)
			verdict = check_counts(c, name, count[i], golden_get(c->expect, name),
					       is_chance);
	}
	return verdict;
}

static uint32_t find_address(const struct world_pool *pool, struct rp_bytes address)
{
	uint32_t i = 0;

	while (i < pool->count && !rp_bytes_equal_str(address, pool->address[i]))
		i++;
	return i;
}

static enum golden_verdict check_totals(struct golden_case *c, const struct rp_pick *pick)
{
	const cJSON *bits = golden_get(c->expect, "bits");
	const struct world_pool *pool = &c->world->pool;

	if (pick->target_count != (uint32_t)golden_number(c->expect, "targets", 0))
		return golden_fail(c, "%u targets", pick->target_count);
	if (pick->score_count != (uint32_t)cJSON_GetArraySize(bits))
		return golden_fail(c, "%u totals", pick->score_count);
	for (uint32_t i = 0; i < pick->score_count; i++) {
		uint32_t at = find_address(pool, pick->score[i].address);

		if (at == pool->count ||
		    !golden_same_bits(pick->score[i].total, bits, pool->name[at]))
			return golden_fail(c, "%.*s has total %.17g",
					   RP_SHOW(pick->score[i].address), pick->score[i].total);
	}
	return GOLDEN_OK;
}

static enum golden_verdict load_profile(struct golden_case *c)
{
	static const char *const lists[] = {"filters", "scorers"};
	struct golden_plan plan = golden_plan_new();
	char name[16];

	for (uint32_t i = 0; i < RP_ARRAY_LEN(lists); i++) {
		const cJSON *json;
		uint32_t n = 0;

		cJSON_ArrayForEach(json, golden_get(c->json, lists[i]))
		{
			snprintf(name, sizeof(name), "%s%u", lists[i], n++);
			golden_plan_add(&plan, c, json, name);
		}
	}
	golden_plan_add(&plan, c, golden_get(c->json, "picker"), "picker");
	return golden_plan_publish(&plan, c);
}

enum golden_verdict golden_profile(struct golden_case *c)
{
	const cJSON *endpoints = golden_get(c->json, "endpoints");
	enum golden_verdict verdict;
	struct rp_pick pick;

	c->world->seen.watched = RP_PLUGIN_TYPE_COUNT;
	verdict = load_profile(c);
	if (verdict == GOLDEN_OK && !golden_has_one_prompt(endpoints) &&
	    !world_give_one_prompt(c->world, endpoints))
		return golden_fail(c, "endpoints with different match totals");
	/* Twice: the second time with the totals that were kept. */
	for (int i = 0; i < 2 && verdict == GOLDEN_OK; i++) {
		enum rp_sched_result result = world_look(c->world, &pick);

		if (golden_get(c->expect, "error") != NULL)
			return result != RP_SCHED_OK ? GOLDEN_OK : golden_fail(c, "no error");
		if (result != RP_SCHED_OK)
			return golden_fail(c, "no pick: %d", (int)result);
		verdict = check_totals(c, &pick);
	}
	return verdict == GOLDEN_OK ? check_picks(c) : verdict;
}
