/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick: what users start. Reads the command line and becomes the supervisor; questions about
 * configuration files are answered by ringpick-control, so that no file is parsed here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/children.h"
#include "control/supervisor.h"
#include "shm/log.h"

enum { EXIT_USAGE = 2 };

static void warn(const char *text)
{
	RP_LOG(RP_V0, "setup", "Flag has no effect or an old form", RP_F_TEXT("warning", text));
}

static int exec_control(char *argv[])
{
	char program[4096];

	if (rp_child_program("ringpick-control", program, sizeof(program)) == RP_OK)
		(void)execv(program, argv);
	fprintf(stderr, "ringpick: cannot execute ringpick-control beside me\n");
	return EXIT_FAILURE;
}

/* The arguments as one text, for the log. */
static void join_arguments(int argc, char *argv[], char *out, size_t out_bytes)
{
	struct rp_writer w = rp_writer(out, out_bytes - 1);

	for (int i = 1; i < argc; i++) {
		if (i > 1)
			rp_write_u8(&w, ' ');
		rp_write_str(&w, argv[i]);
	}
	out[rp_written(&w)] = '\0';
}

int main(int argc, char *argv[])
{
	char arguments[700];
	struct rp_settings settings = {0};
	struct rp_flags flags;
	struct rp_diag diag = {0};
	int err;

	if (argc >= 2 && (strcmp(argv[1], "check") == 0 || strcmp(argv[1], "plugins") == 0))
		return exec_control(argv);
	rp_log_init(RP_V2, NULL);
	err = rp_flags_parse(argc, argv, warn, &flags, &diag);
	if (err == RP_EFORMAT) {
		fprintf(stderr, "ringpick: %s\n\n", diag.message);
		rp_flags_print_help(stderr);
		return EXIT_USAGE;
	}
	if (err == RP_OK && flags.has_help) {
		rp_flags_print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (err == RP_OK && flags.has_version) {
		printf("ringpick " RP_VERSION "\n");
		return EXIT_SUCCESS;
	}
	if (err == RP_OK)
		err = rp_flags_to_settings(&flags, &settings, &diag);
	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, "setup", "Failed to validate flags",
		       RP_F_TEXT("error", diag.message));
		return EXIT_FAILURE;
	}
	rp_log_set_verbosity((int)settings.verbosity);
	join_arguments(argc, argv, arguments, sizeof(arguments));
	RP_LOG(RP_V0, "setup", "ringpick build", RP_F_TEXT("version", RP_VERSION));
	RP_LOG(RP_V0, "setup", "Flags processed", RP_F_TEXT("flags", arguments));
	if (flags.huge_pages && settings.has_huge_pages == 0)
		RP_LOG(RP_V0, "setup", "No huge pages for shared memory: small ones are used",
		       RP_F_TEXT("remedy", "write advise to "
					   "/sys/kernel/mm/transparent_hugepage/shmem_enabled"));
	else if (flags.huge_pages)
		RP_LOG(RP_V0, "setup", "The prefix index uses huge pages",
		       RP_F_INT("bytes", settings.prefix_index_bytes));
	return rp_supervisor_run(&flags, &settings, argc, argv);
}
