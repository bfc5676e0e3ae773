/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer where there is no Clang: gives a target each file of a directory, and
 * each beginning of it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

enum { SEED_BYTES_MAX = 65536 };

static uint8_t seed[SEED_BYTES_MAX];

/* From memory of its own size, so that a sanitizer sees the first byte read beyond it. */
static void give(size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);

	RP_ASSERT(copy != NULL);
	memcpy(copy, seed, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int run_file(const char *directory, const char *name)
{
	char path[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return 1;
	}
	size = fread(seed, 1, sizeof(seed), file);
	fclose(file);
	printf("%s\n", name); /* the last one printed is the one that failed */
	fflush(stdout);
	for (size_t len = 0; len <= size; len++)
		give(len);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	int failed = 0, count = 0;
	DIR *directory;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	directory = opendir(argv[1]);
	if (directory == NULL) {
		perror(argv[1]);
		return 1;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		failed |= run_file(argv[1], entry->d_name);
		count++;
	}
	closedir(directory);
	if (count == 0)
		fprintf(stderr, "%s: no seeds\n", argv[1]);
	return failed != 0 || count == 0;
}
