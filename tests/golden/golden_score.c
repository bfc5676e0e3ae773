/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "scorer", "filter" and "profile": scores and totals by their bits, kept endpoints in their
 * order, pick counts by a chi-square test.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/decode.h"
#include "tests/golden/golden.h"

/* cJSON prints numbers with 15 digits if that is near enough. Here every bit counts. */
static cJSON *exact_number(double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.17g", value);
	return cJSON_CreateRaw(text);
}

/* A copy whose numbers are printed exactly. */
static cJSON *exact_copy(const cJSON *json)
{
	const cJSON *child;
	cJSON *copy;

	if (cJSON_IsNumber(json))
		return exact_number(json->valuedouble);
	if (!cJSON_IsArray(json) && !cJSON_IsObject(json))
		return cJSON_Duplicate(json, true);
	copy = cJSON_IsArray(json) ? cJSON_CreateArray() : cJSON_CreateObject();
	cJSON_ArrayForEach(child, json)
	{
		if (cJSON_IsArray(json))
			cJSON_AddItemToArray(copy, exact_copy(child));
		else
			cJSON_AddItemToObject(copy, child->string, exact_copy(child));
	}
	return copy;
}

/* A plugin of the case under this name, added to the configuration's two lists. */
static void add_plugin(cJSON *plugins, cJSON *refs, const cJSON *json, const char *name)
{
	const cJSON *parameters = golden_get(json, "parameters");
	cJSON *plugin = cJSON_CreateObject();
	cJSON *ref = cJSON_CreateObject();

	cJSON_AddStringToObject(plugin, "type", golden_string(json, "type"));
	cJSON_AddStringToObject(plugin, "name", name);
	if (parameters != NULL)
		cJSON_AddItemToObject(plugin, "parameters", exact_copy(parameters));
	cJSON_AddItemToArray(plugins, plugin);
	cJSON_AddStringToObject(ref, "pluginRef", name);
	if (name[0] == 's' && golden_get(json, "weight") != NULL)
		cJSON_AddItemToObject(ref, "weight",
				      exact_number(golden_number(json, "weight", 1)));
	cJSON_AddItemToArray(refs, ref);
}

/* Attributes come from custom metrics of an engine: one under that name, if a plugin reads it. */
static void add_custom_metric(cJSON *plugins, const char *key)
{
	static const char text[] =
		"{\"type\":\"core-metrics-extractor\",\"parameters\":{\"engineConfigs\":[{"
		"\"name\":\"golden\",\"customMetrics\":[{\"metricSpec\":\"figure\"}]}]}}";
	cJSON *plugin = cJSON_Parse(text);
	const cJSON *engines = golden_get(golden_get(plugin, "parameters"), "engineConfigs");
	const cJSON *metrics = golden_get(engines->child, "customMetrics");

	cJSON_AddStringToObject(metrics->child, "attributeKey", key);
	cJSON_AddItemToArray(plugins, plugin);
}

/* Who reads what other clusters' gateways say needs somebody who says it. */
static void add_pool_figures(cJSON *plugins)
{
	const cJSON *json;

	cJSON_ArrayForEach(json, plugins)
	{
		const char *type = golden_string(json, "type");

		if (strcmp(type, "multicluster-queue-scorer") == 0 ||
		    strcmp(type, "multicluster-kv-cache-utilization-scorer") == 0) {
			cJSON_AddItemToArray(
				plugins,
				cJSON_Parse("{\"type\":\"multicluster-metrics-extractor\"}"));
			return;
		}
	}
}

static void add_attributes(cJSON *plugins, const cJSON *json)
{
	const cJSON *parameters = golden_get(json, "parameters");
	const char *scorers = golden_string(parameters, "attributeKey");
	const char *filters = golden_string(parameters, "attribute");

	if (scorers[0] != '\0' || filters[0] != '\0')
		add_custom_metric(plugins, scorers[0] != '\0' ? scorers : filters);
}

static bool is_built(struct golden_case *c, const cJSON *list)
{
	const cJSON *json;

	cJSON_ArrayForEach(json, list)
	{
		if (golden_type(c, golden_string(json, "type")) == RP_PLUGIN_TYPE_COUNT)
			return false;
	}
	return true;
}

/* Load a configuration of the case's own; *ret_config is NULL if it was refused. */
static enum golden_verdict load(struct golden_case *c, cJSON *plugins, cJSON *refs,
				const struct world_config **ret_config)
{
	char *text;

	add_pool_figures(plugins);
	text = world_config_text(plugins, refs);
	*ret_config = world_load(c->world, text);
	free(text);
	cJSON_Delete(plugins);
	cJSON_Delete(refs);
	if ((*ret_config)->err == RP_OK)
		return GOLDEN_OK;
	return golden_fail(c, "refused: %s", (*ret_config)->diag.message);
}

/* The configuration that has but the case's plugin; who is watched is known from now on. */
enum golden_verdict golden_load_one(struct golden_case *c, bool is_scorer)
{
	const cJSON *plugin = golden_get(c->json, "plugin");
	enum rp_plugin_type type = golden_type(c, golden_string(plugin, "type"));
	cJSON *plugins = cJSON_CreateArray();
	cJSON *refs = cJSON_CreateArray();
	const struct world_config *config;
	enum golden_verdict verdict;

	if (type == RP_PLUGIN_TYPE_COUNT) {
		cJSON_Delete(plugins);
		cJSON_Delete(refs);
		return GOLDEN_UNSUPPORTED;
	}
	c->world->seen.watched = type;
	c->world->seen.is_scorer_watched = is_scorer;
	add_plugin(plugins, refs, plugin, is_scorer ? "scorer" : "filter");
	add_attributes(plugins, plugin);
	verdict = load(c, plugins, refs, &config);
	if (verdict == GOLDEN_OK)
		golden_set_pool(c, config);
	return verdict;
}

/* ---- scorer ---- */

/* Do they all match against one prompt? Upstream's attribute has a total for each endpoint. */
static bool has_one_prompt(const cJSON *endpoints)
{
	const cJSON *first = NULL;
	const cJSON *json;

	cJSON_ArrayForEach(json, endpoints)
	{
		const cJSON *prefix = golden_get(golden_get(json, "attributes"), "prefix");

		if (prefix == NULL)
			continue;
		if (first == NULL)
			first = prefix;
		if (golden_number(prefix, "totalBlocks", 0) !=
			    golden_number(first, "totalBlocks", 0) ||
		    golden_number(prefix, "blockSizeTokens", 0) !=
			    golden_number(first, "blockSizeTokens", 0))
			return false;
	}
	return true;
}

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
	bool is_one = has_one_prompt(endpoints);
	struct world *world = c->world;
	enum golden_verdict verdict = golden_load_one(c, true);
	uint32_t count = world->pool.count;
	struct rp_pick pick;

	for (uint32_t i = 0; i < (is_one ? 1 : count) && verdict == GOLDEN_OK; i++) {
		if (!is_one)
			world_give_prompt_of(world, cJSON_GetArrayItem(endpoints, (int)i));
		(void)world_pick(world, NULL, &pick);
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
	const cJSON *kept = golden_get(c->expect, "kept");
	struct world *world = c->world;
	struct world_seen *seen = &world->seen;
	enum golden_verdict verdict = golden_load_one(c, false);
	struct rp_pick pick;

	if (verdict != GOLDEN_OK)
		return verdict;
	(void)world_pick(world, NULL, &pick);
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

/* ---- profile ---- */

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
		if (world_pick(c->world, NULL, &pick) != RP_SCHED_OK || pick.target_count != wanted)
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
	cJSON *plugins = cJSON_CreateArray();
	cJSON *refs = cJSON_CreateArray();
	const struct world_config *config;
	enum golden_verdict verdict;
	char name[16];

	for (uint32_t i = 0; i < RP_ARRAY_LEN(lists); i++) {
		const cJSON *json;
		uint32_t n = 0;

		cJSON_ArrayForEach(json, golden_get(c->json, lists[i]))
		{
			snprintf(name, sizeof(name), "%s%u", lists[i], n++);
			add_plugin(plugins, refs, json, name);
		}
	}
	add_plugin(plugins, refs, golden_get(c->json, "picker"), "picker");
	verdict = load(c, plugins, refs, &config);
	if (verdict == GOLDEN_OK)
		golden_set_pool(c, config);
	return verdict;
}

enum golden_verdict golden_profile(struct golden_case *c)
{
	enum golden_verdict verdict;
	struct rp_pick pick;

	if (!is_built(c, golden_get(c->json, "filters")) ||
	    !is_built(c, golden_get(c->json, "scorers")) ||
	    golden_type(c, golden_string(golden_get(c->json, "picker"), "type")) ==
		    RP_PLUGIN_TYPE_COUNT)
		return GOLDEN_UNSUPPORTED;
	if (!has_one_prompt(golden_get(c->json, "endpoints")))
		return golden_fail(c, "endpoints with different match totals");
	c->world->seen.watched = RP_PLUGIN_TYPE_COUNT;
	verdict = load_profile(c);
	/* Twice: the second time with the totals that were kept. */
	for (int i = 0; i < 2 && verdict == GOLDEN_OK; i++) {
		enum rp_sched_result result = world_pick(c->world, NULL, &pick);

		if (golden_get(c->expect, "error") != NULL)
			return result != RP_SCHED_OK ? GOLDEN_OK : golden_fail(c, "no error");
		if (result != RP_SCHED_OK)
			return golden_fail(c, "no pick: %d", (int)result);
		verdict = check_totals(c, &pick);
	}
	return verdict == GOLDEN_OK ? check_picks(c) : verdict;
}
