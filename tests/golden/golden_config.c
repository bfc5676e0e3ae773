/* SPDX-License-Identifier: Apache-2.0
 *
 * Kinds "factory" and "config": is a configuration taken, and what is made of it. Messages are
 * compared by meaning: what upstream quotes of the file must stand in ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"
#include "config/model.h"
#include "control/config_source.h"
#include "tests/golden/golden.h"

enum { TEXT_BYTES = 8192 };

/* What became of a configuration, in the words of the cases: a line an entry. */
static struct {
	char plugins[TEXT_BYTES];
	char profiles[TEXT_BYTES];
	char parsers[TEXT_BYTES];
	char sources[TEXT_BYTES];
	char gates[TEXT_BYTES];
	char detector[TEXT_BYTES];
} effective;

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

static void take_part(void *user, enum rp_effective_part part, const char *text)
{
	static char *const list[] = {
		[RP_EFFECTIVE_PLUGIN] = effective.plugins,
		[RP_EFFECTIVE_PARSER] = effective.parsers,
		[RP_EFFECTIVE_SOURCE] = effective.sources,
		[RP_EFFECTIVE_GATE] = effective.gates,
		[RP_EFFECTIVE_DETECTOR] = effective.detector,
	};

	(void)user;
	/* A profile's plugins follow its name on the line. */
	if (part == RP_EFFECTIVE_PROFILE)
		append(effective.profiles, "%s%s:", effective.profiles[0] != '\0' ? "\n" : "",
		       text);
	else if (part == RP_EFFECTIVE_PROFILE_PLUGIN)
		append(effective.profiles, " %s", text);
	else
		append(list[part], "%s\n", text);
}

static int load(const char *text, struct rp_diag *ret_diag)
{
	static struct rp_config_control control;
	struct rp_effective *loaded;
	int err = rp_effective_load("case", rp_bytes_str(text), true, &loaded, &control, ret_diag);

	memset(&effective, 0, sizeof(effective));
	if (err != RP_OK)
		return err;
	err = rp_config_source_check_engines(&control, ret_diag);
	if (err != RP_OK) {
		rp_effective_free(loaded);
		return err;
	}
	rp_effective_list(loaded, take_part, NULL);
	append(effective.profiles, "\n");
	rp_effective_free(loaded);
	return RP_OK;
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
	if (!is_ok && err == RP_OK) /* Parameters are not read before their plugin is built. */
		return golden_is_built(c, input) ? golden_fail(c, "taken") : GOLDEN_UNSUPPORTED;
	if (!is_ok && !is_same_meaning(golden_string(c->expect, "error"), diag->message, input,
				       word, sizeof(word)))
		return golden_fail(c, "nothing of '%s' in: %s", word, diag->message);
	return GOLDEN_OK;
}

/* ---- the kinds ---- */

enum golden_verdict golden_factory(struct golden_case *c)
{
	char *json = cJSON_PrintUnformatted(golden_get(c->json, "plugin"));
	char *text = NULL;
	struct rp_diag diag;
	enum golden_verdict verdict;

	RP_ASSERT(json != NULL && asprintf(&text,
					   "{\"apiVersion\":\"llm-d.ai/v1alpha1\","
					   "\"kind\":\"EndpointPickerConfig\",\"plugins\":[%s]}",
					   json) > 0);
	verdict = check_error(c, text, load(text, &diag), &diag);
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

static enum golden_verdict check_lines(struct golden_case *c, const char *name, const char *expect,
				       const char *ours, bool has_order)
{
	char line[256];

	if (find_lacking(expect, ours, line, sizeof(line)))
		return golden_fail(c, "%s: no '%s'", name, line);
	if (find_lacking(ours, expect, line, sizeof(line)))
		return golden_fail(c, "%s: '%s' is too much", name, line);
	if (has_order && strcmp(expect, ours) != 0)
		return golden_fail(c, "%s: in another order", name);
	return GOLDEN_OK;
}

static enum golden_verdict check_list(struct golden_case *c, const char *name, const char *ours,
				      bool has_order)
{
	static char expect[TEXT_BYTES];
	const cJSON *item;

	expect[0] = '\0';
	cJSON_ArrayForEach(item, golden_get(c->expect, name))
	{
		append(expect, "%s\n", item->valuestring);
	}
	return check_lines(c, name, expect, ours, has_order);
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

static enum golden_verdict check_gates(struct golden_case *c)
{
	static char expect[TEXT_BYTES];
	const cJSON *gate;

	expect[0] = '\0';
	cJSON_ArrayForEach(gate, golden_get(c->expect, "featureGates"))
	{
		append(expect, "%s=%s\n", gate->string, cJSON_IsTrue(gate) ? "true" : "false");
	}
	return check_lines(c, "featureGates", expect, effective.gates, false);
}

enum golden_verdict golden_config(struct golden_case *c)
{
	const char *text = golden_string(c->json, "config");
	char detector[256];
	struct rp_diag diag;
	int err = load(text, &diag);
	enum golden_verdict verdict = check_error(c, text, err, &diag);

	if (verdict != GOLDEN_OK || err != RP_OK)
		return verdict;
	snprintf(detector, sizeof(detector), "%s\n",
		 golden_string(c->expect, "saturationDetector"));
	verdict = check_list(c, "plugins", effective.plugins, false);
	if (verdict == GOLDEN_OK)
		verdict = check_profiles(c);
	if (verdict == GOLDEN_OK)
		verdict = check_list(c, "parsers", effective.parsers, true);
	if (verdict == GOLDEN_OK)
		verdict = check_list(c, "dataSources", effective.sources, true);
	if (verdict == GOLDEN_OK)
		verdict = check_gates(c);
	if (verdict == GOLDEN_OK)
		verdict = check_lines(c, "saturationDetector", detector, effective.detector, true);
	return verdict;
}
