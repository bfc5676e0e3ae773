/* SPDX-License-Identifier: Apache-2.0
 *
 * What is printed of a configuration that is taken is taken too, and prints the same but for the
 * comments.
 */
#include <stdlib.h>

#include "config/effective.h"
#include "tests/fuzz/fuzz.h"

static char *print(const struct rp_effective *effective, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	RP_ASSERT(out != NULL);
	rp_effective_print(effective, out);
	RP_ASSERT(fclose(out) == 0);
	return text;
}

/* Drop whole lines of comment, and the ones behind a value: "  # added…". */
static size_t drop_comments(char *text)
{
	char *out = text;

	for (char *line = text; *line != '\0';) {
		char *end = strchr(line, '\n');
		char *mark = strstr(line, "  # added");
		size_t len = (size_t)(end - line);

		if (line[strspn(line, " ")] != '#') {
			if (mark != NULL && mark < end)
				len = (size_t)(mark - line);
			memmove(out, line, len);
			out += len;
			*out++ = '\n';
		}
		line = end + 1;
	}
	*out = '\0';
	return (size_t)(out - text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rp_config_control control;
	struct rp_effective *effective = NULL;
	struct rp_diag diag = {0};
	size_t first_len = 0;
	size_t second_len = 0;
	char *first;
	char *second;
	int err;

	if (rp_effective_load("epp.yaml", rp_bytes(data, size), true, &effective, &control,
			      &diag) != RP_OK)
		return 0;
	first = print(effective, &first_len);
	rp_effective_free(effective);
	effective = NULL;
	err = rp_effective_load("epp.yaml", rp_bytes(first, first_len), true, &effective, &control,
				&diag);
	/* Defaults and line breaks take room. */
	RP_ASSERT(err == RP_OK || err == RP_ETOOBIG);
	if (err == RP_OK) {
		second = print(effective, &second_len);
		RP_ASSERT(drop_comments(first) == drop_comments(second));
		RP_ASSERT(strcmp(first, second) == 0);
		free(second);
	}
	free(first);
	rp_effective_free(effective);
	return 0;
}
