/* SPDX-License-Identifier: Apache-2.0
 *
 * The recorded `config` and `factory` cases whose plugin types are all built: loaded or refused as
 * by the reference implementation, with the same profiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/rp_config.h"

struct counts {
	unsigned run;
	unsigned out_of_scope;
	unsigned failed;
};

static struct rp_config_blob *blob;
static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
static struct rp_config_control control;
static cJSON *golden;

static char *read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *text = malloc(4 << 20);

	assert_non_null(file);
	assert_non_null(text);
	*ret_len = fread(text, 1, (4 << 20) - 1, file);
	text[*ret_len] = '\0';
	fclose(file);
	return text;
}

static int set_up(void **state)
{
	size_t len;
	char *text = read_file("tests/golden/scheduling.json", &len);

	(void)state;
	golden = cJSON_ParseWithLength(text, len);
	free(text);
	blob = malloc(RP_CONFIG_BLOB_BYTES);
	return golden == NULL || blob == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	cJSON_Delete(golden);
	free(blob);
	return 0;
}

static const char *str_of(const cJSON *object, const char *key)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsString(value) ? value->valuestring : "";
}

static bool is_built(const char *type)
{
	for (uint32_t i = 0; i < RP_PLUGIN_TYPE_COUNT; i++) {
		if (strcmp(rp_plugin_type_name((enum rp_plugin_type)i), type) == 0)
			return rp_plugin_type_state((enum rp_plugin_type)i) < RP_STATE_PENDING;
	}
	return false;
}

static bool is_upstream(const char *type)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(golden, "registeredTypes"))
	{
		if (strcmp(str_of(entry, "type"), type) == 0)
			return true;
	}
	return false;
}

/* The first type in a configuration text ("type: x") that upstream has and we do not, or NULL. */
static const char *missing_type(const char *text)
{
	static char type[128];

	for (const char *at = strstr(text, "type"); at != NULL; at = strstr(at + 4, "type")) {
		size_t skip = 4 + strspn(at + 4, "\": ");
		size_t len = strcspn(at + skip, "\",}]\n ");

		snprintf(type, sizeof(type), "%.*s", (int)len, at + skip);
		if (is_upstream(type) && !is_built(type))
			return type;
	}
	return NULL;
}

/* What the blob holds of a profile, as the recording writes it: "queue-scorer*2", …, the picker. */
static void profile_text(const struct rp_config_profile *profile, char *out, size_t out_bytes)
{
	size_t len = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < profile->filter_count + profile->scorer_count; i++) {
		uint32_t at = i < profile->filter_count
				      ? profile->filter_first + i
				      : profile->scorer_first + i - profile->filter_count;
		const struct rp_config_ref *ref = rp_config_blob_ref(blob, at);
		struct rp_bytes name =
			rp_config_blob_str(blob, rp_config_blob_plugin(blob, ref->plugin)->name);

		len += (size_t)snprintf(out + len, out_bytes - len, "%.*s*%g ", (int)name.len,
					(const char *)name.ptr, ref->weight);
	}
	struct rp_bytes picker =
		rp_config_blob_str(blob, rp_config_blob_plugin(blob, profile->picker)->name);

	snprintf(out + len, out_bytes - len, "%.*s", (int)picker.len, (const char *)picker.ptr);
}

/* The recorded profile without what has no scheduling role here: a parser in it does nothing. */
static void expected_text(const cJSON *list, char *out, size_t out_bytes)
{
	const cJSON *entry;
	size_t len = 0;

	out[0] = '\0';
	cJSON_ArrayForEach(entry, list)
	{
		if (strstr(entry->valuestring, "-parser") != NULL)
			continue;
		len += (size_t)snprintf(out + len, out_bytes - len, "%s%s", len == 0 ? "" : " ",
					entry->valuestring);
	}
}

static bool are_profiles_equal(const cJSON *profiles, const char *id)
{
	const cJSON *expected;

	if ((uint32_t)cJSON_GetArraySize(profiles) != blob->profile_count)
		return false;
	cJSON_ArrayForEach(expected, profiles)
	{
		char got[1024] = "";
		char want[1024];

		expected_text(expected, want, sizeof(want));
		for (uint32_t i = 0; i < blob->profile_count; i++) {
			const struct rp_config_profile *profile = rp_config_blob_profile(blob, i);

			if (rp_bytes_equal_str(rp_config_blob_str(blob, profile->name),
					       expected->string))
				profile_text(profile, got, sizeof(got));
		}
		if (strcmp(got, want) != 0) {
			printf("FAILED %s: profile %s is \"%s\", not \"%s\"\n", id,
			       expected->string, got, want);
			return false;
		}
	}
	return true;
}

static void run_case(const cJSON *test, const char *text, struct counts *counts)
{
	const cJSON *expect = cJSON_GetObjectItemCaseSensitive(test, "expect");
	const cJSON *profiles = cJSON_GetObjectItemCaseSensitive(expect, "profiles");
	const char *id = str_of(test, "id");
	bool must_load = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(expect, "ok"));
	const char *missing = missing_type(text);
	struct rp_diag diag = {0};

	if (missing != NULL) {
		printf("out of scope %s: %s\n", id, missing);
		counts->out_of_scope++;
		return;
	}
	counts->run++;
	int r = rp_config_load(id, rp_bytes_str(text), true, 1, blob, RP_CONFIG_BLOB_BYTES, stats,
			       &control, &diag);

	if ((r == RP_OK) != must_load) {
		counts->failed++;
		printf("FAILED %s: %s; recorded: %s\n", id, r == RP_OK ? "loaded" : diag.message,
		       must_load ? "loads" : str_of(expect, "error"));
	} else if (r != RP_OK) {
		printf("%s\n    ours:     %u:%u: %s\n    recorded: %s\n", id, diag.line,
		       diag.column, diag.message, str_of(expect, "error"));
	} else {
		assert_int_equal(rp_config_blob_check(blob, RP_CONFIG_BLOB_BYTES), RP_OK);
		if (profiles != NULL && !are_profiles_equal(profiles, id))
			counts->failed++;
	}
}

static void report(const char *kind, const struct counts *counts)
{
	printf("%s cases: %u run, %u out of scope, %u failed\n", kind, counts->run,
	       counts->out_of_scope, counts->failed);
	assert_int_equal(counts->failed, 0);
	assert_true(counts->run > 0);
}

static void recorded_configurations_load_or_fail_alike(void **state)
{
	struct counts counts = {0};
	const cJSON *test;

	(void)state;
	cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(golden, "cases"))
	{
		if (strcmp(str_of(test, "kind"), "config") == 0)
			run_case(test, str_of(test, "config"), &counts);
	}
	report("config", &counts);
}

static void recorded_parameters_are_taken_or_refused_alike(void **state)
{
	struct counts counts = {0};
	const cJSON *test;

	(void)state;
	cJSON_ArrayForEach(test, cJSON_GetObjectItemCaseSensitive(golden, "cases"))
	{
		const cJSON *plugin = cJSON_GetObjectItemCaseSensitive(test, "plugin");

		if (strcmp(str_of(test, "kind"), "factory") != 0)
			continue;
		char *json = cJSON_PrintUnformatted(plugin);
		size_t bytes = strlen(json) + 32;
		char *text = malloc(bytes);

		assert_non_null(text);
		snprintf(text, bytes, "{\"plugins\":[%s]}", json);
		run_case(test, text, &counts);
		free(text);
		cJSON_free(json);
	}
	report("factory", &counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_configurations_load_or_fail_alike),
		cmocka_unit_test(recorded_parameters_are_taken_or_refused_alike),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
