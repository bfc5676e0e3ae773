/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorded `config` cases: what the load pipeline makes of a configuration, part by part; and
 * that what is printed loads again with the same effect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"
#include "config/model.h"

static struct rp_config_control control;
static struct rp_diag diag;
static cJSON *golden;

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(4 << 20);

	assert_non_null(file);
	assert_non_null(text);
	text[fread(text, 1, (4 << 20) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static int set_up(void **state)
{
	char *text = read_file("tests/golden/scheduling.json");

	(void)state;
	golden = cJSON_Parse(text);
	free(text);
	return golden == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	cJSON_Delete(golden);
	return 0;
}

static int load(const char *text, struct rp_effective **ret)
{
	diag = (struct rp_diag){0};
	return rp_effective_load("epp.yaml", rp_bytes_str(text), true, ret, &control, &diag);
}

/* Collect the parts in the form of a recorded expectation. */
static void collect(void *user, enum rp_effective_part part, const char *text)
{
	static const char *const keys[] = {
		[RP_EFFECTIVE_PLUGIN] = "plugins",
		[RP_EFFECTIVE_PARSER] = "parsers",
		[RP_EFFECTIVE_SOURCE] = "dataSources",
	};
	cJSON *all = user;
	cJSON *profiles = cJSON_GetObjectItemCaseSensitive(all, "profiles");
	cJSON *list;

	if (part == RP_EFFECTIVE_DETECTOR) {
		cJSON_AddStringToObject(all, "saturationDetector", text);
	} else if (part == RP_EFFECTIVE_GATE) {
		char name[64];
		size_t len = strcspn(text, "=");

		snprintf(name, sizeof(name), "%.*s", (int)len, text);
		cJSON_AddBoolToObject(cJSON_GetObjectItemCaseSensitive(all, "featureGates"), name,
				      strcmp(text + len, "=true") == 0);
	} else if (part == RP_EFFECTIVE_PROFILE) {
		cJSON_AddItemToObject(profiles, text, cJSON_CreateArray());
	} else {
		list = part == RP_EFFECTIVE_PROFILE_PLUGIN
			       ? cJSON_GetArrayItem(profiles, cJSON_GetArraySize(profiles) - 1)
			       : cJSON_GetObjectItemCaseSensitive(all, keys[part]);
		cJSON_AddItemToArray(list, cJSON_CreateString(text));
	}
}

static cJSON *effect_of(const struct rp_effective *effective)
{
	cJSON *all = cJSON_CreateObject();

	cJSON_AddTrueToObject(all, "ok");
	cJSON_AddArrayToObject(all, "plugins");
	cJSON_AddArrayToObject(all, "parsers");
	cJSON_AddArrayToObject(all, "dataSources");
	cJSON_AddObjectToObject(all, "profiles");
	cJSON_AddObjectToObject(all, "featureGates");
	rp_effective_list(effective, collect, all);
	return all;
}

/* Is it, or does it begin with, the name of a type that is not built? */
static bool is_unbuilt(const char *text)
{
	size_t len = strcspn(text, " ,}\n\"");

	for (uint32_t i = 0; i < RP_PLUGIN_TYPE_COUNT; i++) {
		const char *type = rp_plugin_type_name((enum rp_plugin_type)i);

		if (strlen(type) == len && memcmp(type, text, len) == 0)
			return rp_plugin_type_state((enum rp_plugin_type)i) >= RP_STATE_PENDING;
	}
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The strings of a list in order of the alphabet: upstream's maps have none. */
static cJSON *sorted(const cJSON *list)
{
	const char *text[128];
	const cJSON *item;
	int count = 0;

	cJSON_ArrayForEach(item, list)
	{
		assert_in_range(count, 0, 127);
		text[count++] = item->valuestring;
	}
	qsort(text, (size_t)count, sizeof(text[0]), by_text);
	return cJSON_CreateStringArray(text, count);
}

static void sort_member(cJSON *object, const char *key)
{
	cJSON *list = sorted(cJSON_GetObjectItemCaseSensitive(object, key));

	cJSON_ReplaceItemInObjectCaseSensitive(object, key, list);
}

/* What has an order keeps it: parsers, sources, and profiles that the file spells out. */
static bool is_as_recorded(cJSON *got, cJSON *want, bool has_profiles)
{
	const cJSON *profile;

	sort_member(got, "plugins");
	sort_member(want, "plugins");
	cJSON_ArrayForEach(profile, cJSON_GetObjectItemCaseSensitive(want, "profiles"))
	{
		if (has_profiles)
			break;
		sort_member(cJSON_GetObjectItemCaseSensitive(got, "profiles"), profile->string);
		sort_member(cJSON_GetObjectItemCaseSensitive(want, "profiles"), profile->string);
		break;
	}
	return cJSON_Compare(got, want, true);
}

static bool run_case(const cJSON *test)
{
	const char *text = cJSON_GetObjectItemCaseSensitive(test, "config")->valuestring;
	const char *id = cJSON_GetObjectItemCaseSensitive(test, "id")->valuestring;
	cJSON *want = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(test, "expect"), cJSON_True);
	bool must_load = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(want, "ok"));
	struct rp_effective *effective = NULL;
	cJSON *got = NULL;
	int r = load(text, &effective);
	bool is_good = (r == RP_OK) == must_load;

	if (r != RP_OK)
		printf("%s %s\n    ours: %u:%u: %s\n", id, is_good ? "refused" : "FAILED",
		       diag.line, diag.column, diag.message);
	if (is_good && r == RP_OK) {
		got = effect_of(effective);
		is_good = is_as_recorded(got, want, strstr(text, "schedulingProfiles") != NULL);
	}
	if (!is_good) {
		char *ours = got == NULL ? NULL : cJSON_PrintUnformatted(got);
		char *recorded = cJSON_PrintUnformatted(want);

		printf("FAILED %s\n    ours:     %s\n    recorded: %s\n", id,
		       ours == NULL ? "" : ours, recorded);
		cJSON_free(ours);
		cJSON_free(recorded);
	}
	cJSON_Delete(got);
	cJSON_Delete(want);
	rp_effective_free(effective);
	return is_good;
}

static void recorded_configurations_have_the_recorded_effect(void **state)
{
	const cJSON *test;
	unsigned run = 0;
	unsigned failed = 0;

	(void)state;
	cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(golden, "cases"))
	{
		const char *kind = cJSON_GetObjectItemCaseSensitive(test, "kind")->valuestring;

		if (strcmp(kind, "config") != 0)
			continue;
		run++;
		failed += !run_case(test);
	}
	printf("config cases: %u run, %u failed\n", run, failed);
	assert_in_range(run, 44, 1000);
	assert_int_equal(failed, 0);
}

static char *print_of(const struct rp_effective *effective)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	rp_effective_print(effective, out);
	fclose(out);
	return text;
}

/* What a default added and is not built stands in a comment only. */
static void drop_unbuilt(cJSON *effect, const char *key)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(effect, key);

	for (int i = cJSON_GetArraySize(list); i-- > 0;) {
		if (is_unbuilt(cJSON_GetArrayItem(list, i)->valuestring))
			cJSON_DeleteItemFromArray(list, i);
	}
}

static bool is_same_effect(const struct rp_effective *a, const struct rp_effective *b)
{
	cJSON *first = effect_of(a);
	cJSON *second = effect_of(b);
	bool is_same;

	drop_unbuilt(first, "plugins");
	drop_unbuilt(second, "plugins");
	drop_unbuilt(first, "parsers");
	drop_unbuilt(second, "parsers");
	is_same = is_as_recorded(first, second, true);
	cJSON_Delete(first);
	cJSON_Delete(second);
	return is_same;
}

static void must_print_what_loads_alike(const char *id, const char *text)
{
	struct rp_effective *first = NULL;
	struct rp_effective *second = NULL;
	char *printed;
	char *again;

	if (load(text, &first) != RP_OK)
		return;
	printed = print_of(first);
	if (load(printed, &second) != RP_OK)
		fail_msg("%s: %u:%u: %s\n%s", id, diag.line, diag.column, diag.message, printed);
	if (!is_same_effect(first, second))
		fail_msg("%s: another effect:\n%s", id, printed);
	again = print_of(second);
	/* No default is left to be added but those in whole-line comments. */
	for (char *mark = strstr(again, "# added"); mark != NULL;
	     mark = strstr(mark + 1, "# added")) {
		char *line = mark;

		while (line > again && line[-1] != '\n')
			line--;
		line += strspn(line, " ");
		if (*line != '#')
			fail_msg("%s: a default is added twice:\n%s", id, again);
	}
	free(again);
	free(printed);
	rp_effective_free(first);
	rp_effective_free(second);
}

static void what_is_printed_loads_with_the_same_effect(void **state)
{
	const cJSON *test;

	(void)state;
	cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(golden, "cases"))
	{
		const cJSON *config = cJSON_GetObjectItemCaseSensitive(test, "config");

		if (cJSON_IsString(config))
			must_print_what_loads_alike(
				cJSON_GetObjectItemCaseSensitive(test, "id")->valuestring,
				config->valuestring);
	}
	must_print_what_loads_alike(
		"strings", "plugins:\n"
			   "- {type: openai-parser, name: \"a \\\"b\\\"\\n\\u2028\\\\: # x\", "
			   "parameters: {\"1\": [[], {}, [1, [2.5, null]], {a: {b: \"true\"}}], "
			   "\"\": ~, y: \"no\"}}\n"
			   "schedulingProfiles:\n"
			   "- {name: \"12\", plugins: [{pluginRef: \"a \\\"b\\\"\\n\\u2028\\\\: # "
			   "x\", weight: -0.1}]}\n"
			   "flowControl: {maxRequests: 2k, priorityBands: [{priority: -1}]}\n"
			   "ringpick: {responseProcessing: full}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_configurations_have_the_recorded_effect),
		cmocka_unit_test(what_is_printed_loads_with_the_same_effect),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
