/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-bench: drives an ext_proc endpoint picker as a gateway does, and measures it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf/bench/bench_broken.h"
#include "perf/bench/bench_report.h"
#include "perf/bench/bench_result.h"

enum { EXIT_RIGHT, EXIT_WRONG, EXIT_USAGE, EXIT_NO_CONNECTION };

static struct rp_bench_options options; /* static: too large for a stack frame */
static struct rp_bench_result result;
static atomic_bool stop;

static void on_signal(int number)
{
	(void)number;
	if (atomic_exchange(&stop, true))
		_exit(128 + number);
}

/* @return RP_OK or -errno */
static int write_file(const char *path, const char *text, size_t len)
{
	FILE *out = fopen(path, "we");

	if (out == NULL)
		return -errno;
	size_t written = fwrite(text, 1, len, out);

	return fclose(out) != 0 || written != len ? -EIO : RP_OK;
}

/* @return whether all files that were asked for are written */
static bool write_reports(void)
{
	struct rp_diag diag = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int err = RP_OK;

	if (out == NULL)
		return false;
	rp_bench_result_json(out, &options, &result);
	if (fclose(out) != 0)
		return false;
	if (options.json_path != NULL) {
		err = write_file(options.json_path, text, len);
		if (err != RP_OK)
			fprintf(stderr, "ringpick-bench: %s: %s\n", options.json_path,
				rp_err_text(err));
	}
	if (err == RP_OK && options.html_path != NULL) {
		err = rp_bench_report_write(options.html_path, text, len, &diag);
		if (err != RP_OK)
			fprintf(stderr, "ringpick-bench: %s\n", diag.message);
	}
	free(text);
	return err == RP_OK;
}

static int run(void)
{
	const struct sigaction action = {.sa_handler = on_signal};
	struct rp_diag diag = {0};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int err = rp_bench_run(&options, &stop, &result, &diag);

	if (err != RP_OK) {
		fprintf(stderr, "ringpick-bench: %s\n",
			diag.message[0] != '\0' ? diag.message : rp_err_text(err));
		return err == RP_ECONFIG ? EXIT_USAGE : EXIT_NO_CONNECTION;
	}
	rp_bench_result_print(stdout, &options, &result);
	bool is_right = write_reports() && rp_bench_result_is_right(&result);

	rp_bench_result_fini(&result);
	return is_right ? EXIT_RIGHT : EXIT_WRONG;
}

int main(int argc, char **argv)
{
	struct rp_diag diag = {0};

	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return rp_bench_report_main(argc - 1, argv + 1);
	if (rp_bench_options_parse(argc, argv, &options, &diag) != RP_OK) {
		fprintf(stderr, "ringpick-bench: %s\nTry ringpick-bench --help.\n", diag.message);
		return EXIT_USAGE;
	}
	if (options.wants_help) {
		fputs(rp_bench_options_help(), stdout);
		return EXIT_RIGHT;
	}
	if (options.wants_version) {
		puts("ringpick-bench " RP_VERSION);
		return EXIT_RIGHT;
	}
	if (options.is_self_test)
		return rp_bench_self_test() ? EXIT_RIGHT : EXIT_WRONG;
	return run();
}
