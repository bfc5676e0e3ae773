/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration that a case's plugins make up, as JSON, which is YAML.
 */
#include <stdio.h>
#include <stdlib.h>

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

/* Attributes come from custom metrics of an engine: one under that name, if a plugin reads it. */
static void add_custom_metric(struct golden_plan *plan, const char *key)
{
	static const char text[] =
		"{\"type\":\"core-metrics-extractor\",\"parameters\":{\"engineConfigs\":[{"
		"\"name\":\"golden\",\"customMetrics\":[{\"metricSpec\":\"figure\"}]}]}}";
	cJSON *plugin = cJSON_Parse(text);
	const cJSON *engines = golden_get(golden_get(plugin, "parameters"), "engineConfigs");
	const cJSON *metrics = golden_get(engines->child, "customMetrics");

	cJSON_AddStringToObject(metrics->child, "attributeKey", key);
	cJSON_AddItemToArray(plan->plugins, plugin);
}

/* Who reads what others find out, in optional parts of a configuration, needs somebody who does. */
static const struct {
	const char *reader;
	const char *text;
} finders[] = {
	{"multicluster-queue-scorer", "{\"type\":\"multicluster-metrics-extractor\"}"},
	{"multicluster-kv-cache-utilization-scorer",
	 "{\"type\":\"multicluster-metrics-extractor\"}"},
	{"topology-affinity-scorer", "{\"type\":\"topology-extractor\"}"},
	{"topology-affinity-filter", "{\"type\":\"topology-extractor\"}"},
};

static bool has_type(const cJSON *plugins, const char *type)
{
	const cJSON *json;

	cJSON_ArrayForEach(json, plugins)
	{
		if (strcmp(golden_string(json, "type"), type) == 0)
			return true;
	}
	return false;
}

static void add_finders(struct golden_plan *plan)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(finders); i++) {
		cJSON *finder = cJSON_Parse(finders[i].text);

		if (has_type(plan->plugins, finders[i].reader) &&
		    !has_type(plan->plugins, golden_string(finder, "type")))
			cJSON_AddItemToArray(plan->plugins, finder);
		else
			cJSON_Delete(finder);
	}
}

struct golden_plan golden_plan_new(void)
{
	return (struct golden_plan){cJSON_CreateArray(), cJSON_CreateArray(), true};
}

void golden_plan_add(struct golden_plan *plan, struct golden_case *c, const cJSON *json,
		     const char *name)
{
	const cJSON *parameters = golden_get(json, "parameters");
	const cJSON *weight = golden_get(json, "weight");
	const char *key = golden_string(parameters, "attributeKey");
	cJSON *plugin = cJSON_CreateObject();
	cJSON *ref = cJSON_CreateObject();

	if (golden_type(c, golden_string(json, "type")) == RP_PLUGIN_TYPE_COUNT)
		plan->is_built = false;
	cJSON_AddStringToObject(plugin, "type", golden_string(json, "type"));
	cJSON_AddStringToObject(plugin, "name", name);
	if (parameters != NULL)
		cJSON_AddItemToObject(plugin, "parameters", exact_copy(parameters));
	cJSON_AddItemToArray(plan->plugins, plugin);
	cJSON_AddStringToObject(ref, "pluginRef", name);
	if (weight != NULL && name[0] == 's') /* of scorers only */
		cJSON_AddItemToObject(ref, "weight", exact_number(weight->valuedouble));
	cJSON_AddItemToArray(plan->refs, ref);
	if (key[0] == '\0')
		key = golden_string(parameters, "attribute");
	if (key[0] != '\0')
		add_custom_metric(plan, key);
}

static enum golden_verdict publish(struct golden_plan *plan, struct golden_case *c)
{
	const struct world_config *config;
	char *text;

	add_finders(plan);
	text = world_config_text(plan->plugins, plan->refs);
	config = world_load(c->world, text);
	free(text);
	if (config->err != RP_OK)
		return golden_fail(c, "refused: %s", config->diag.message);
	golden_set_pool(c, config);
	return GOLDEN_OK;
}

enum golden_verdict golden_plan_publish(struct golden_plan *plan, struct golden_case *c)
{
	enum golden_verdict verdict = plan->is_built ? publish(plan, c) : GOLDEN_UNSUPPORTED;

	cJSON_Delete(plan->plugins);
	cJSON_Delete(plan->refs);
	return verdict;
}

enum golden_verdict golden_load_one(struct golden_case *c, bool is_scorer)
{
	const cJSON *plugin = golden_get(c->json, "plugin");
	struct golden_plan plan = golden_plan_new();

	c->world->seen.watched = golden_type(c, golden_string(plugin, "type"));
	c->world->seen.is_scorer_watched = is_scorer;
	golden_plan_add(&plan, c, plugin, is_scorer ? "scorer" : "filter");
	return golden_plan_publish(&plan, c);
}

/* Do they all match against one prompt? Upstream's attribute has a total for each endpoint. */
bool golden_has_one_prompt(const cJSON *endpoints)
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
