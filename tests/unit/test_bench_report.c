/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perf/bench/bench_report.h"
#include "shm/bytes.h"

#define OPENING "<script type=\"application/json\" id=\"data\">"
#define CLOSING "</script>"

struct files {
	char directory[64];
	char html[96];
	char json[2][96];
};

static int make_files(void **state)
{
	struct files *files = calloc(1, sizeof(*files));

	assert_non_null(files);
	char directory[] = "/tmp/ringpick-report-XXXXXX";

	assert_non_null(mkdtemp(directory));
	(void)snprintf(files->directory, sizeof(files->directory), "%s", directory);
	(void)snprintf(files->html, sizeof(files->html), "%s/out.html", directory);
	for (int i = 0; i < 2; i++)
		(void)snprintf(files->json[i], sizeof(files->json[i]), "%s/ru\"n%d.json", directory,
			       i);
	*state = files;
	return 0;
}

static int remove_files(void **state)
{
	struct files *files = *state;

	(void)unlink(files->html);
	(void)unlink(files->json[0]);
	(void)unlink(files->json[1]);
	assert_int_equal(rmdir(files->directory), 0);
	free(files);
	return 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The caller frees it. */
static char *read_page(const char *path)
{
	const size_t bytes = 1 << 20;
	char *text = calloc(1, bytes);
	FILE *file = fopen(path, "re");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, bytes - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* What stands where the page looks for its data. */
static void assert_data(const char *path, const char *expected)
{
	char *page = read_page(path);
	const char *begin = strstr(page, OPENING);

	assert_non_null(begin);
	begin += strlen(OPENING);
	char *end = strstr(begin, CLOSING);

	assert_non_null(end);
	assert_memory_equal(end + strlen(CLOSING), "\n<script>\n", 10);
	assert_string_equal(page + strlen(page) - 8, "</html>\n");
	*end = '\0';
	assert_string_equal(begin, expected);
	free(page);
}

static int write_text(const char *path, const char *json, struct rp_diag *reterr)
{
	return rp_bench_report_write(path, json, strlen(json), reterr);
}

static void the_json_stands_in_the_page(void **state)
{
	const struct files *files = *state;

	assert_int_equal(write_text(files->html, "{\"tool\":\"ringpick-bench\"}", NULL), RP_OK);
	assert_data(files->html, "{\"tool\":\"ringpick-bench\"}");
	/* A shorter one over a longer one. */
	assert_int_equal(write_text(files->html, "{}", NULL), RP_OK);
	assert_data(files->html, "{}");
}

static void text_of_a_run_cannot_end_the_script(void **state)
{
	const struct files *files = *state;

	assert_int_equal(write_text(files->html,
				    "{\"target\":\"</script><script>alert(1)</SCRIPT><!--<\"}",
				    NULL),
			 RP_OK);
	assert_data(files->html, "{\"target\":\"\\u003c/script>\\u003cscript>alert(1)"
				 "\\u003c/SCRIPT>\\u003c!--\\u003c\"}");
}

static void the_page_needs_nothing_from_elsewhere(void **state)
{
	const struct files *files = *state;

	assert_int_equal(write_text(files->html, "{}", NULL), RP_OK);
	char *page = read_page(files->html);

	/* An XML namespace is a name only. */
	char *namespace = strstr(page, "http://www.w3.org/2000/svg");

	assert_non_null(namespace);
	memset(namespace, 'x', 5);
	assert_null(strstr(page, "http:"));
	assert_null(strstr(page, "https:"));
	assert_null(strstr(page, "innerHTML"));
	assert_null(strstr(page, " src="));
	assert_null(strstr(page, "url("));
	assert_null(strstr(page, "@import"));
	free(page);
}

static void a_path_that_cannot_be_written_is_told(void **state)
{
	struct rp_diag diag = {0};

	(void)state;
	assert_int_equal(write_text("/nonexistent/report.html", "{}", &diag), -ENOENT);
	assert_string_equal(diag.message, "cannot write the report /nonexistent/report.html: "
					  "No such file or directory");
}

static void a_full_disk_is_told(void **state)
{
	struct rp_diag diag = {0};

	(void)state;
	assert_int_equal(write_text("/dev/full", "{}", &diag), -ENOSPC);
	assert_string_equal(diag.message,
			    "cannot write the report /dev/full: No space left on device");
}

static int run_command(const char *const *arguments)
{
	char storage[5][96];
	char *argv[6] = {NULL};
	int argc = 0;

	for (; arguments[argc] != NULL; argc++) {
		assert_true(argc < 5);
		(void)snprintf(storage[argc], sizeof(storage[argc]), "%s", arguments[argc]);
		argv[argc] = storage[argc];
	}
	return rp_bench_report_main(argc, argv);
}

#define RUN(...) run_command((const char *const[]){"report", __VA_ARGS__, NULL})

static void the_command_puts_files_side_by_side(void **state)
{
	const struct files *files = *state;

	put_file(files->json[0], " {\"a\":1}\n");
	put_file(files->json[1], "[{\"label\":\"x\",\"run\":{}},{}]");
	assert_int_equal(RUN(files->html, files->json[0], files->json[1]), 0);
	assert_data(files->html, "[{\"label\":\"ru\\u0022n0\",\"run\":{\"a\":1}},"
				 "[{\"label\":\"x\",\"run\":{}},{}]]");
}

static void the_command_refuses_what_is_no_run(void **state)
{
	const struct files *files = *state;

	put_file(files->json[0], "{\"cut\":");
	put_file(files->json[1], "");
	assert_int_equal(RUN(files->html, files->json[0]), 1);
	assert_int_equal(RUN(files->html, files->json[1]), 1);
	assert_int_equal(RUN(files->html, files->directory), 1);
	assert_int_equal(RUN(files->html, "/nonexistent/a.json"), 1);
	assert_int_equal(access(files->html, F_OK), -1);
	put_file(files->json[0], "{}");
	assert_int_equal(RUN("/dev/full", files->json[0]), 1);
	assert_int_equal(RUN(files->html), 2);
	assert_int_equal(RUN("--help", "x"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_json_stands_in_the_page, make_files,
						remove_files),
		cmocka_unit_test_setup_teardown(text_of_a_run_cannot_end_the_script, make_files,
						remove_files),
		cmocka_unit_test_setup_teardown(the_page_needs_nothing_from_elsewhere, make_files,
						remove_files),
		cmocka_unit_test(a_path_that_cannot_be_written_is_told),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test_setup_teardown(the_command_puts_files_side_by_side, make_files,
						remove_files),
		cmocka_unit_test_setup_teardown(the_command_refuses_what_is_no_run, make_files,
						remove_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
