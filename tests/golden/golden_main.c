/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-golden FILE [AT_LEAST]: run the recorded cases this build has the plugins for. One line
 * a case, a summary last. Exit 1 if a case fails, or if fewer than AT_LEAST are ok.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/golden/golden.h"

static const struct {
	const char *kind;
	enum golden_verdict (*run)(struct golden_case *c);
} kinds[] = {
	{"scorer", golden_scorer},
	{"profile", golden_profile},
	{"prefix-hash", golden_prefix_hash},
	{"estimate-tokens", golden_estimate_tokens},
	{"approx-sequence", golden_approx_sequence},
};

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

int main(int argc, char **argv)
{
	long at_least = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
	long count[3] = {0};
	const cJSON *json;
	cJSON *root;
	char *text;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: ringpick-golden FILE [AT_LEAST]\n");
		return 2;
	}
	text = read_file(argv[1]);
	root = text != NULL ? cJSON_Parse(text) : NULL;
	free(text);
	if (root == NULL) {
		fprintf(stderr, "ringpick-golden: %s: cannot be read\n", argv[1]);
		return 2;
	}
	cJSON_ArrayForEach(json, golden_get(root, "cases"))
	{
		struct golden_case c = {.json = json, .expect = golden_get(json, "expect")};
		enum golden_verdict verdict = run_case(&c);
		const char *id = golden_string(json, "id");

		count[verdict]++;
		if (verdict == GOLDEN_OK)
			printf("ok %s\n", id);
		else
			printf("%s %s: %s\n", verdict == GOLDEN_FAIL ? "fail" : "unsupported", id,
			       c.why);
	}
	cJSON_Delete(root);
	printf("%ld ok, %ld failed, %ld unsupported\n", count[GOLDEN_OK], count[GOLDEN_FAIL],
	       count[GOLDEN_UNSUPPORTED]);
	if (count[GOLDEN_OK] < at_least)
		printf("too few: %ld cases are in scope\n", at_least);
	return count[GOLDEN_FAIL] > 0 || count[GOLDEN_OK] < at_least;
}
