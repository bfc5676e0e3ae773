/* SPDX-License-Identifier: Apache-2.0 */
#include "control/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_source.h"

enum { EXIT_USAGE = 2 };

int rp_check_main(int argc, char *argv[])
{
	static struct rp_loaded_config config;
	struct rp_flags flags = {0};
	struct rp_diag diag = {0};
	char text[RP_DIAG_FILE_MAX + RP_DIAG_MESSAGE_MAX + 64];
	int file_count = 0;

	flags.config_file = "";
	flags.config_text = "";
	flags.response_processing = "";
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--allow-experimental-plugins") == 0) {
			flags.allow_experimental_plugins = true;
		} else if (argv[i][0] != '-') {
			flags.config_file = argv[i];
			file_count++;
		} else {
			file_count = argc; /* an unknown option */
		}
	}
	if (file_count != 1) {
		fprintf(stderr, "usage: ringpick check [--allow-experimental-plugins] FILE\n");
		return EXIT_USAGE;
	}
	if (rp_config_source_load(&flags, 1, &config, &diag) != RP_OK) {
		rp_diag_format(&diag, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
		return EXIT_FAILURE;
	}
	free(config.blob);
	free(config.stats);
	printf("ok\n");
	return EXIT_SUCCESS;
}
