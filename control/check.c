/* SPDX-License-Identifier: Apache-2.0 */
#include "control/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/effective.h"
#include "control/config_source.h"
#include "control/read_file.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
	"usage: ringpick check [--allow-experimental-plugins] FILE | - | --config-text TEXT\n";

static const char help[] =
	"\n"
	"Checks an EndpointPickerConfig (YAML or JSON) as the start of ringpick would, and prints "
	"what\n"
	"it comes to with every default: YAML that has the same effect; comments mark what was "
	"added.\n"
	"\n"
	"  FILE                          the file to check; - is standard input\n"
	"  --config-text TEXT            the configuration itself instead of a file; \"\" is the "
	"built-in one\n"
	"  --allow-experimental-plugins  as the flag of that name of ringpick\n"
	"\n"
	"Warnings and errors go to standard error, errors with file, line, column and what to do.\n"
	"Exit code: 0 the configuration is good, 1 it is not, 2 wrong usage.\n";

struct request {
	bool has_experimental;
	const char *file; /* NULL: text */
	const char *text;
	uint32_t source_count;
};

static void take_text(struct request *request, const char *text)
{
	request->text = text;
	request->source_count++;
}

/* @return false: wrong usage */
static bool parse(int argc, char *argv[], struct request *request)
{
	static const char text_option[] = "--config-text";
	size_t text_len = sizeof(text_option) - 1;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (strcmp(arg, "--allow-experimental-plugins") == 0 ||
		    strcmp(arg, "--allow-experimental-plugins=true") == 0) {
			request->has_experimental = true;
		} else if (strcmp(arg, text_option) == 0 && i + 1 < argc) {
			take_text(request, argv[++i]);
		} else if (strncmp(arg, text_option, text_len) == 0 && arg[text_len] == '=') {
			take_text(request, arg + text_len + 1);
		} else if (arg[0] != '-' || strcmp(arg, "-") == 0) {
			request->file = arg;
			request->source_count++;
		} else {
			return false;
		}
	}
	return request->source_count == 1;
}

static int read_input(uint8_t **ret_text, size_t *ret_bytes, struct rp_diag *diag)
{
	uint8_t *text = malloc(RP_CONFIG_FILE_BYTES_MAX + 1);

	snprintf(diag->file, sizeof(diag->file), "standard input");
	if (text == NULL)
		return rp_diag_set(diag, RP_ENOMEM, 0, 0, "out of memory");
	*ret_bytes = fread(text, 1, RP_CONFIG_FILE_BYTES_MAX + 1, stdin);
	*ret_text = text;
	return RP_OK;
}

static void print_warnings(const struct rp_config_control *control)
{
	if (control->uses_deprecated_api)
		fprintf(stderr, "warning: this apiVersion is deprecated; write "
				"apiVersion: llm-d.ai/v1alpha1\n");
	for (uint32_t i = 0; i < control->warning_count; i++)
		fprintf(stderr, "warning: %s\n", control->warning[i]);
}

/* All that the start looks at. */
static int load(const char *name, struct rp_bytes text, bool has_experimental,
		struct rp_effective **ret, struct rp_config_control *control, struct rp_diag *diag)
{
	struct rp_config_blob *blob = aligned_alloc(RP_CACHE_LINE, RP_CONFIG_BLOB_BYTES);
	struct rp_plugin_stat *stats = calloc(RP_PLUGIN_STATS_MAX, sizeof(*stats));
	int err = rp_effective_load(name, text, has_experimental, ret, control, diag);

	if (err == RP_OK)
		err = rp_effective_check(*ret, diag);
	if (err == RP_OK && (blob == NULL || stats == NULL))
		err = rp_diag_set(diag, RP_ENOMEM, 0, 0, "out of memory");
	if (err == RP_OK)
		err = rp_effective_compile(*ret, 1, blob, RP_CONFIG_BLOB_BYTES, stats, diag);
	if (err == RP_OK)
		err = rp_config_source_check_engines(control, diag);
	free(blob);
	free(stats);
	return err;
}

int rp_check_main(int argc, char *argv[])
{
	static struct rp_config_control control; /* large */
	struct request request = {0};
	struct rp_effective *effective = NULL;
	struct rp_diag diag = {0};
	char text[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];
	uint8_t *heap = NULL;
	size_t bytes = 0;
	bool is_input;
	int err = RP_OK;

	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("%s%s", usage, help);
		return EXIT_SUCCESS;
	}
	if (!parse(argc, argv, &request)) {
		fprintf(stderr, "%s", usage);
		return EXIT_USAGE;
	}
	is_input = request.file != NULL && strcmp(request.file, "-") == 0;
	if (is_input)
		err = read_input(&heap, &bytes, &diag);
	else if (request.file != NULL)
		err = rp_read_file(request.file, RP_CONFIG_FILE_BYTES_MAX, &heap, &bytes, &diag);
	if (err == RP_OK)
		err = load(request.file == NULL ? "--config-text"
			   : is_input		? "standard input"
						: request.file,
			   request.file == NULL ? rp_bytes_str(request.text)
						: rp_bytes(heap, bytes),
			   request.has_experimental, &effective, &control, &diag);
	free(heap);
	if (err == RP_OK) {
		print_warnings(&control);
		rp_effective_print(effective, stdout);
		if (fflush(stdout) != 0)
			err = rp_diag_set(&diag, RP_EFORMAT, 0, 0, "cannot be printed");
	}
	if (err != RP_OK) {
		rp_diag_format(&diag, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
	rp_effective_free(effective);
	return err == RP_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
