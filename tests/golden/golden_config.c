/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "factory" and "config": is a configuration taken, and what is made of it. Messages are
 * compared by meaning: what upstream quotes of the file must stand in ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/model.h"
#include "tests/golden/golden.h"

enum { TEXT_BYTES = 8192 };

/* What became of the last configuration, in the words of the cases: one line a list. */
static struct {
	char plugins[TEXT_BYTES];
	char profiles[TEXT_BYTES];
	char parsers[TEXT_BYTES];
	char sources[TEXT_BYTES];
	char detector[256];
} effective;

/* Types that upstream's instances give themselves, where that is not their own. */
static const char *shown_type(const char *type)
{
	static const char *const other[][2] = {
		{"static-usage-limit-policy", "static-usage-limit-policy-type"},
		{"decode-filter", "by-label"},
		{"prefill-filter", "by-label"},
		{"encode-filter", "by-label"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(other); i++) {
		if (strcmp(type, other[i][0]) == 0)
			return other[i][1];
	}
	return type;
}

static void append(char *list, const char *format, ...) RP_PRINTF(2, 3);

static void append(char *list, const char *format, ...)
{
	size_t used = strlen(list);
	va_list args;

	va_start(args, format);
	RP_ASSERT((size_t)vsnprintf(list + used, TEXT_BYTES - used, format, args) <
		  TEXT_BYTES - used);
	va_end(args);
}

static int compare_lines(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

static void list_plugins(const struct rp_model *model)
{
	static char line[RP_PLUGINS_MAX][256];
	char *sorted[RP_PLUGINS_MAX];

	for (uint32_t i = 0; i < model->plugin_count; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];

		snprintf(line[i], sizeof(line[i]), "%.*s (%s)", RP_SHOW(plugin->name),
			 shown_type(rp_plugin_type_name(plugin->type)));
		sorted[i] = line[i];
	}
	qsort(sorted, model->plugin_count, sizeof(sorted[0]), compare_lines);
	for (uint32_t i = 0; i < model->plugin_count; i++)
		append(effective.plugins, "%s\n", sorted[i]);
}

/* "name: filter scorer*2 picker": filters, scorers by weight, picker. */
static void list_profile(const struct rp_model *model, const struct rp_model_profile *profile)
{
	append(effective.profiles, "%.*s:", RP_SHOW(profile->name));
	for (int scorers = 0; scorers < 2; scorers++) {
		uint32_t kind = scorers ? RP_KIND_SCORER : RP_KIND_FILTER;

		for (uint32_t i = 0; i < profile->ref_count; i++) {
			const struct rp_model_ref *ref = &profile->ref[i];

			if ((rp_plugin_type_kinds(model->plugin[ref->plugin].type) & kind) == 0)
				continue;
			append(effective.profiles, " %.*s", RP_SHOW(ref->name));
			if (scorers)
				append(effective.profiles, "*%g", ref->weight);
		}
	}
	append(effective.profiles, " %.*s\n", RP_SHOW(model->plugin[profile->picker].name));
}

static void take_model(const struct rp_model *model)
{
	memset(&effective, 0, sizeof(effective));
	list_plugins(model);
	for (uint32_t i = 0; i < model->profile_count; i++)
		list_profile(model, &model->profile[i]);
	for (uint32_t i = 0; i < model->parser_count; i++)
		append(effective.parsers, "%.*s\n", RP_SHOW(model->parser[i].name));
	for (uint32_t i = 0; i < model->source_count; i++)
		append(effective.sources, "%.*s\n", RP_SHOW(model->source[i].ref.name));
	snprintf(effective.detector, sizeof(effective.detector), "%.*s",
		 RP_SHOW(model->saturation.name));
}

/* Load it anew: what was made of it is looked at. */
static void load(struct golden_case *c, const char *text, struct rp_diag *ret_diag, int *ret_err)
{
	const struct world_config *config;

	world_drop_configs(c->world);
	world_on_model = take_model;
	config = world_load(c->world, text);
	world_on_model = NULL;
	*ret_diag = config->diag;
	*ret_err = config->err;
}

/* ---- errors ---- */

/* Do the words that upstream quotes and that are the user's own stand in our message? */
static bool is_same_meaning(const char *theirs, const char *ours, const char *input, char *ret_word,
			    size_t word_bytes)
{
	for (const char *at = theirs; (at = strpbrk(at, "'\"")) != NULL; at++) {
		const char *end = strchr(at + 1, *at);
		size_t bytes = end != NULL ? (size_t)(end - at - 1) : 0;

		if (end == NULL)
			break;
		if (bytes > 0 && bytes < word_bytes) {
			memcpy(ret_word, at + 1, bytes);
			ret_word[bytes] = '\0';
			if (strstr(input, ret_word) != NULL && strstr(ours, ret_word) == NULL)
				return false;
		}
		at = end;
	}
	return true;
}

static enum golden_verdict check_error(struct golden_case *c, const char *input, int err,
				       const struct rp_diag *diag)
{
	bool is_ok = cJSON_IsTrue(golden_get(c->expect, "ok"));
	char word[128];

	if (is_ok && err != RP_OK)
		return golden_fail(c, "refused: %s", diag->message);
	if (!is_ok && err == RP_OK)
		return golden_fail(c, "taken");
	if (!is_ok && !is_same_meaning(golden_string(c->expect, "error"), diag->message, input,
				       word, sizeof(word)))
		return golden_fail(c, "nothing of '%s' in: %s", word, diag->message);
	return GOLDEN_OK;
}

/* ---- what is built ---- */

bool golden_is_built(struct golden_case *c, const char *text)
{
	struct rp_yaml_tree tree = {0};
	struct rp_diag diag;
	bool is_built = true;
	const struct rp_yaml_node *plugins;

	if (rp_yaml_parse(rp_bytes_str(text), &tree, &diag) != RP_OK)
		return true;
	plugins = rp_yaml_get(rp_yaml_root(&tree), "plugins");
	for (const struct rp_yaml_node *plugin = plugins != NULL ? rp_yaml_first(plugins) : NULL;
	     plugin != NULL && is_built; plugin = rp_yaml_next(plugins, plugin)) {
		const struct rp_yaml_node *type = rp_yaml_get(plugin, "type");
		enum rp_plugin_type known;
		char name[128];

		if (type == NULL || !rp_plugin_type_find(type->text, &known))
			continue;
		(void)rp_bytes_to_str(type->text, name, sizeof(name));
		is_built = golden_type(c, name) != RP_PLUGIN_TYPE_COUNT;
	}
	rp_yaml_free(&tree);
	return is_built;
}

/* ---- the kinds ---- */

enum golden_verdict golden_factory(struct golden_case *c)
{
	const cJSON *plugin = golden_get(c->json, "plugin");
	char *json = cJSON_PrintUnformatted(plugin);
	char *text = NULL;
	struct rp_diag diag;
	enum golden_verdict verdict = GOLDEN_UNSUPPORTED;
	int err;

	RP_ASSERT(json != NULL && asprintf(&text,
					   "{\"apiVersion\":\"llm-d.ai/v1alpha1\","
					   "\"kind\":\"EndpointPickerConfig\",\"plugins\":[%s]}",
					   json) > 0);
	if (golden_type(c, golden_string(plugin, "type")) != RP_PLUGIN_TYPE_COUNT) {
		load(c, text, &diag, &err);
		verdict = check_error(c, json, err, &diag);
	}
	free(json);
	free(text);
	return verdict;
}

/* The first line of `lines` that `others` lacks; false: there is none. */
static bool find_lacking(const char *lines, const char *others, char *ret_line, size_t bytes)
{
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		const char *at = others;
		size_t len = (size_t)(end - lines);

		while (*at != '\0' && strncmp(at, lines, len + 1) != 0)
			at = strchr(at, '\n') + 1;
		if (*at != '\0')
			continue;
		snprintf(ret_line, bytes, "%.*s", (int)len, lines);
		return true;
	}
	return false;
}

static bool is_pending(const char *name)
{
	enum rp_plugin_type type;

	return rp_plugin_type_find(rp_bytes_str(name), &type) &&
	       rp_plugin_type_state(type) == RP_STATE_PENDING;
}

static enum golden_verdict check_lines(struct golden_case *c, const char *name, const char *expect,
				       const char *ours, bool has_order)
{
	char line[256];

	if (find_lacking(expect, ours, line, sizeof(line))) {
		char type[256];

		/* A default that is not built yet has its type's name. */
		snprintf(type, sizeof(type), "%.*s", (int)strcspn(line, " "), line);
		return is_pending(type) && golden_type(c, type) == RP_PLUGIN_TYPE_COUNT
			       ? GOLDEN_UNSUPPORTED
			       : golden_fail(c, "%s: no '%s'", name, line);
	}
	if (find_lacking(ours, expect, line, sizeof(line)))
		return golden_fail(c, "%s: '%s' is too much", name, line);
	if (has_order && strcmp(expect, ours) != 0)
		return golden_fail(c, "%s: in another order", name);
	return GOLDEN_OK;
}

static enum golden_verdict check_list(struct golden_case *c, const char *name, const char *ours)
{
	static char expect[TEXT_BYTES];
	const cJSON *item;

	expect[0] = '\0';
	cJSON_ArrayForEach(item, golden_get(c->expect, name))
	{
		append(expect, "%s\n", item->valuestring);
	}
	return check_lines(c, name, expect, ours, true);
}

static enum golden_verdict check_profiles(struct golden_case *c)
{
	static char expect[TEXT_BYTES];
	const cJSON *profile;
	const cJSON *ref;

	expect[0] = '\0';
	cJSON_ArrayForEach(profile, golden_get(c->expect, "profiles"))
	{
		append(expect, "%s:", profile->string);
		cJSON_ArrayForEach(ref, profile)
		{
			append(expect, " %s", ref->valuestring);
		}
		append(expect, "\n");
	}
	return check_lines(c, "profiles", expect, effective.profiles, false);
}

enum golden_verdict golden_config(struct golden_case *c)
{
	const char *text = golden_string(c->json, "config");
	enum golden_verdict verdict;
	struct rp_diag diag;
	int err;

	if (!golden_is_built(c, text))
		return GOLDEN_UNSUPPORTED;
	load(c, text, &diag, &err);
	if (strstr(diag.message, "known but not built") != NULL) {
		snprintf(c->why, sizeof(c->why), "%.200s", diag.message);
		return GOLDEN_UNSUPPORTED;
	}
	verdict = check_error(c, text, err, &diag);
	if (verdict != GOLDEN_OK || err != RP_OK)
		return verdict;
	verdict = check_list(c, "plugins", effective.plugins);
	if (verdict == GOLDEN_OK)
		verdict = check_profiles(c);
	if (verdict == GOLDEN_OK)
		verdict = check_list(c, "parsers", effective.parsers);
	if (verdict == GOLDEN_OK)
		verdict = check_list(c, "dataSources", effective.sources);
	if (verdict == GOLDEN_OK &&
	    strcmp(effective.detector, golden_string(c->expect, "saturationDetector")) != 0)
		return golden_fail(c, "saturationDetector: %s", effective.detector);
	return verdict;
}
