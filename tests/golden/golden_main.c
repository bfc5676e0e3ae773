/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-golden FILE [AT_LEAST]: run recorded cases. One line a case, a summary last. Exit 1 if a
 * case fails, or if fewer than AT_LEAST are ok.
 * ringpick-golden --stream: cases from standard input, one a line; only what is not ok is told.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/golden/golden.h"

static const struct {
	const char *kind;
	enum golden_verdict (*run)(struct golden_case *c);
} kinds[] = {
	{"scorer", golden_scorer},
	{"filter", golden_filter},
	{"profile", golden_profile},
	{"schedule", golden_schedule},
	{"sequence", golden_sequence},
	{"prefix-hash", golden_prefix_hash},
	{"estimate-tokens", golden_estimate_tokens},
	{"approx-sequence", golden_approx_sequence},
	{"factory", golden_factory},
	{"config", golden_config},
};

static const char *const verdicts[] = {"ok", "fail", "unsupported"};

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	long bytes;

	if (file == NULL)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (bytes = ftell(file)) > 0 &&
	    fseek(file, 0, SEEK_SET) == 0) {
		text = calloc(1, (size_t)bytes + 1);
		if (text != NULL && fread(text, 1, (size_t)bytes, file) != (size_t)bytes) {
			free(text);
			text = NULL;
		}
	}
	fclose(file);
	return text;
}

static enum golden_verdict run_case(struct golden_case *c)
{
	const char *kind = golden_string(c->json, "kind");

	for (size_t i = 0; i < RP_ARRAY_LEN(kinds); i++) {
		if (strcmp(kind, kinds[i].kind) == 0)
			return kinds[i].run(c);
	}
	snprintf(c->why, sizeof(c->why), "kind %s", kind);
	return GOLDEN_UNSUPPORTED;
}

/* Run one case, tell and count its verdict. Ids of streams are numbers. */
static void judge(struct world *world, const cJSON *json, bool is_quiet, long *count)
{
	struct golden_case c = {.json = json, .expect = golden_get(json, "expect"), .world = world};
	enum golden_verdict verdict = run_case(&c);
	const cJSON *id = golden_get(json, "id");
	char number[32];

	count[verdict]++;
	if (verdict == GOLDEN_OK && is_quiet)
		return;
	snprintf(number, sizeof(number), "%.0f", cJSON_IsNumber(id) ? id->valuedouble : 0);
	printf("%s %s%s%s\n", verdicts[verdict], cJSON_IsString(id) ? id->valuestring : number,
	       c.why[0] != '\0' ? ": " : "", c.why);
}

static int summarize(const long *count, long at_least)
{
	printf("%ld ok, %ld failed, %ld unsupported\n", count[GOLDEN_OK], count[GOLDEN_FAIL],
	       count[GOLDEN_UNSUPPORTED]);
	if (count[GOLDEN_OK] < at_least)
		printf("too few: %ld cases are in scope\n", at_least);
	return count[GOLDEN_FAIL] > 0 || count[GOLDEN_OK] < at_least;
}

static int run_file(struct world *world, const char *path, long at_least)
{
	char *text = read_file(path);
	cJSON *root = text != NULL ? cJSON_Parse(text) : NULL;
	long count[3] = {0};
	const cJSON *json;

	free(text);
	if (root == NULL) {
		fprintf(stderr, "ringpick-golden: %s: cannot be read\n", path);
		return 2;
	}
	cJSON_ArrayForEach(json, golden_get(root, "cases"))
	{
		judge(world, json, false, count);
	}
	cJSON_Delete(root);
	return summarize(count, at_least);
}

static int run_stream(struct world *world)
{
	long count[3] = {0};
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		cJSON *json = cJSON_Parse(line);

		if (json == NULL) {
			fprintf(stderr, "ringpick-golden: a line is not JSON\n");
			count[GOLDEN_FAIL]++;
			continue;
		}
		judge(world, json, true, count);
		cJSON_Delete(json);
	}
	free(line);
	return summarize(count, 0);
}

int main(int argc, char **argv)
{
	static struct world world;
	int code;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: ringpick-golden FILE [AT_LEAST] | --stream\n");
		return 2;
	}
	world_init(&world);
	code = strcmp(argv[1], "--stream") == 0
		       ? run_stream(&world)
		       : run_file(&world, argv[1], argc > 2 ? strtol(argv[2], NULL, 10) : 1);
	world_fini(&world);
	return code;
}
