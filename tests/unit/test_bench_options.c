/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "perf/bench/bench_workers.h"

enum { WORDS_MAX = 8 };

static struct rp_bench_options options;
static struct rp_diag diag;

/* Words are separated by blanks. */
static int parse(const char *line)
{
	static char copy[256];
	char *argv[WORDS_MAX + 1] = {copy};
	int argc = 1;

	rp_bytes_to_str(rp_bytes_str(line), copy, sizeof(copy));
	for (char *at = copy; *at != '\0'; at++) {
		if (*at == ' ')
			*at = '\0';
		else if (at == copy || at[-1] == '\0')
			argv[argc++] = at;
		assert_true(argc <= WORDS_MAX);
	}
	memset(&diag, 0, sizeof(diag));
	return rp_bench_options_parse(argc, argv, &options, &diag);
}

static void flags_take_values_in_both_forms(void **state)
{
	(void)state;
	assert_int_equal(parse("--target 10.0.0.1:9002 --h2c --rate=2.5 --streams 3"), RP_OK);
	assert_string_equal(options.host, "10.0.0.1");
	assert_string_equal(options.port, "9002");
	assert_false(options.is_tls);
	assert_true(options.rate > 2.4 && options.rate < 2.6);
	assert_int_equal(options.streams, 3);
	assert_int_equal(options.body_bytes, 8192);
	assert_int_equal(parse("--target [::1]:1"), RP_OK);
	assert_string_equal(options.host, "::1");
	assert_true(options.is_tls);
}

static void pids_add_up(void **state)
{
	(void)state;
	assert_int_equal(parse("--target a:1 --pid 1,22 --pid 333"), RP_OK);
	assert_int_equal(options.pid_count, 3);
	assert_int_equal(options.pids[2], 333);
}

static void a_number_of_requests_needs_no_warm_up(void **state)
{
	(void)state;
	assert_int_equal(parse("--target a:1"), RP_OK);
	assert_true(options.warmup_s > 0.9);
	assert_int_equal(parse("--target a:1 --requests 5"), RP_OK);
	assert_true(options.warmup_s < 0.1);
	assert_int_equal(parse("--target a:1 --requests 5 --warmup 2"), RP_OK);
	assert_true(options.warmup_s > 1.9);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
	static const char *const cases[][2] = {
		{"--streams 3", "--target"},
		{"--target a", "--target"},
		{"--target a:0", "--target"},
		{"--target a:1 --nothing 3", "--nothing"},
		{"--target a:1 word", "word"},
		{"--target a:1 --streams", "--streams"},
		{"--target a:1 --streams x", "--streams"},
		{"--target a:1 --streams 999999999", "--streams"},
		{"--target a:1 --streams 0", "--streams"},
		{"--target a:1 --rate nan", "--rate"},
		{"--target a:1 --rate -1", "--rate"},
		{"--target a:1 --pid 1,", "--pid"},
		{"--target a:1 --check most", "--check"},
		{"--target a:1 --answer xml", "--answer"},
		{"--target a:1 --h2c=yes", "--h2c"},
		{"--target a:1 --threads 5 --connections 4", "--threads"},
		{"--target a:1 --feed-interval-ms 5", "--feed-interval-ms"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i][0]), RP_ECONFIG);
		if (strstr(diag.message, cases[i][1]) == NULL)
			fail_msg("%s: %s", cases[i][0], diag.message);
	}
}

static void help_names_every_flag_that_readers_look_for(void **state)
{
	static const char *const names[] = {
		"--target",
		"--tls",
		"--h2c",
		"--connections",
		"--streams",
		"--rate",
		"--duration",
		"--warmup",
		"--requests",
		"--body-bytes",
		"--chat",
		"--chunk-bytes",
		"--prefixes",
		"--shared-bytes",
		"--answer",
		"--answer-bytes",
		"--sse-chunks",
		"--sse-chunk-bytes",
		"--sse-interval-ms",
		"--idle-streams",
		"--feed-interval-ms",
		"--pid",
		"--metrics-url",
		"--check",
		"--threads",
		"--seed",
		"--json",
		"--html",
		"--quiet",
		"--self-test",
		"--help",
		"--version",
		"--max-open",
		"--timeout",
		"--stream-window",
		"--connection-window",
		"--model",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(names); i++)
		assert_non_null(strstr(rp_bench_options_help(), names[i]));
}

static void workers_are_read_from_a_metrics_page(void **state)
{
	static struct rp_bench_result result;

	(void)state;
	rp_bench_workers_take(rp_bytes_str("ringpick_worker_requests_total{worker=\"1\"} 5\n"),
			      &result, -1);
	rp_bench_workers_take(rp_bytes_str("# TYPE ringpick_worker_connections gauge\n"
					   "ringpick_worker_connections{worker=\"0\"} 2\n"
					   "ringpick_worker_connections{worker=\"1\"} 3\n"
					   "ringpick_worker_connections{worker=\"cut"
					   "\nringpick_worker_requests_total{worker=\"1\"} 12"),
			      &result, 1);
	assert_int_equal(result.worker_count, 2);
	assert_string_equal(result.workers[0].name, "1");
	assert_int_equal((int)result.workers[0].connections, 3);
	assert_int_equal((int)result.workers[0].requests, 7);
	assert_int_equal((int)result.workers[1].connections, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_take_values_in_both_forms),
		cmocka_unit_test(pids_add_up),
		cmocka_unit_test(a_number_of_requests_needs_no_warm_up),
		cmocka_unit_test(what_cannot_be_is_refused_by_name),
		cmocka_unit_test(help_names_every_flag_that_readers_look_for),
		cmocka_unit_test(workers_are_read_from_a_metrics_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
