/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/flags.h"
#include "config/flags_check.h"
#include "config/tls_ciphers.h"
#include "shm/clock.h"
#include "shm/limits.h"

enum { ARGS_MAX = 8 };

static char warnings[4096];
static struct rp_flags flags;
static struct rp_diag diag;

static void warn(const char *text)
{
	size_t len = strlen(warnings);

	snprintf(warnings + len, sizeof(warnings) - len, "%s\n", text);
}

/* Parse "ringpick" and the arguments up to NULL; strings of `flags` live until the next call. */
static int parse(const char *arg, ...)
{
	static char storage[ARGS_MAX + 1][256];
	char *argv[ARGS_MAX + 2];
	int argc = 1;
	va_list args;

	warnings[0] = '\0';
	diag = (struct rp_diag){0};
	snprintf(storage[0], sizeof(storage[0]), "ringpick");
	va_start(args, arg);
	for (; arg != NULL; arg = va_arg(args, const char *)) {
		assert_true(argc <= ARGS_MAX);
		snprintf(storage[argc], sizeof(storage[0]), "%s", arg);
		argc++;
	}
	va_end(args);
	for (int i = 0; i < argc; i++)
		argv[i] = storage[i];
	argv[argc] = NULL;
	return rp_flags_parse(argc, argv, warn, &flags, &diag);
}

static void defaults_are_upstreams(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL), RP_OK);
	assert_int_equal(flags.grpc_port, 9002);
	assert_int_equal(flags.grpc_health_port, 9003);
	assert_int_equal(flags.metrics_port, 9090);
	assert_true(flags.secure_serving);
	assert_true(flags.metrics_endpoint_auth);
	assert_int_equal(flags.drain_timeout, 30 * RP_NS_PER_S);
	assert_int_equal(flags.drain_limit, 100 * RP_NS_PER_S);
	assert_int_equal(flags.refresh_metrics_interval, 50 * RP_NS_PER_MS);
	assert_int_equal(flags.v, 2);
	assert_string_equal(flags.pool_group, "inference.networking.k8s.io");
	assert_string_equal(flags.io_backend, "auto");
	assert_false(flags.pin_workers);
	assert_string_equal(warnings, "");
}

static void howto_command_line_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(parse("--pool-name", "vllm-llama3-8b-instruct", "--pool-namespace=default",
			       "--v", "4", "--zap-encoder", "json", NULL),
			 RP_OK);
	assert_string_equal(flags.pool_name, "vllm-llama3-8b-instruct");
	assert_string_equal(flags.pool_namespace, "default");
	assert_int_equal(flags.v, 4);
	assert_non_null(strstr(warnings, "--zap-encoder is accepted but has no effect"));
}

static void values_follow_a_space_or_an_equals_sign(void **state)
{
	(void)state;
	assert_int_equal(parse("--grpc-port", "1", "--metrics-port=2", NULL), RP_OK);
	assert_int_equal(flags.grpc_port, 1);
	assert_int_equal(flags.metrics_port, 2);
	assert_int_equal(parse("--config-file=a=b", NULL), RP_OK);
	assert_string_equal(flags.config_file, "a=b");
	assert_int_equal(parse("--config-file", "--x", NULL), RP_OK);
	assert_string_equal(flags.config_file, "--x");
	assert_int_equal(parse("--grpc-port", NULL), RP_EFORMAT);
	assert_string_equal(diag.message, "flag --grpc-port needs a value");
}

static void booleans_take_values_only_with_equals(void **state)
{
	(void)state;
	assert_int_equal(parse("--secure-serving=false", "--health-checking", NULL), RP_OK);
	assert_false(flags.secure_serving);
	assert_true(flags.health_checking);
	assert_int_equal(parse("--secure-serving", "false", NULL), RP_OK);
	assert_true(flags.secure_serving);
	assert_non_null(strstr(warnings, "argument \"false\" is ignored"));
	assert_int_equal(parse("--secure-serving=F", NULL), RP_OK);
	assert_false(flags.secure_serving);
	assert_int_equal(parse("--secure-serving=no", NULL), RP_EFORMAT);
	assert_non_null(strstr(diag.message, "--secure-serving"));
}

static void verbosity_has_a_short_form(void **state)
{
	(void)state;
	assert_int_equal(parse("-v=4", NULL), RP_OK);
	assert_int_equal(flags.v, 4);
	assert_int_equal(parse("-v", "5", NULL), RP_OK);
	assert_int_equal(flags.v, 5);
	assert_int_equal(parse("-v3", NULL), RP_OK);
	assert_int_equal(flags.v, 3);
	assert_string_equal(warnings, "");
	assert_int_equal(parse("-vx", NULL), RP_EFORMAT);
	assert_int_equal(parse("--v=x", NULL), RP_EFORMAT);
}

static void single_dash_long_names_are_accepted_with_a_warning(void **state)
{
	(void)state;
	assert_int_equal(parse("-grpc-port", "7", "-secure-serving=false", NULL), RP_OK);
	assert_int_equal(flags.grpc_port, 7);
	assert_false(flags.secure_serving);
	assert_non_null(strstr(warnings, "write --grpc-port"));
}

static void unknown_and_abbreviated_names_are_usage_errors(void **state)
{
	(void)state;
	assert_int_equal(parse("--nope", NULL), RP_EFORMAT);
	assert_int_equal(parse("--grpc-por=1", NULL), RP_EFORMAT);
	assert_int_equal(parse("-x", NULL), RP_EFORMAT);
	assert_int_equal(parse("--max-request-body=1", NULL), RP_EFORMAT);
	assert_int_equal(parse("--=1", NULL), RP_EFORMAT);
}

static void arguments_after_two_dashes_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("--", "--nope", NULL), RP_OK);
	assert_int_equal(parse("-", NULL), RP_OK);
}

static void last_of_two_values_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("--v=1", "--v=3", NULL), RP_OK);
	assert_int_equal(flags.v, 3);
}

static void help_and_version_stop_parsing(void **state)
{
	(void)state;
	assert_int_equal(parse("--help", "--nope", NULL), RP_OK);
	assert_true(flags.has_help);
	assert_int_equal(parse("-h", NULL), RP_OK);
	assert_true(flags.has_help);
	assert_int_equal(parse("--version", NULL), RP_OK);
	assert_true(flags.has_version);
}

static void numbers_have_bounds(void **state)
{
	(void)state;
	assert_int_equal(parse("--grpc-port=65536", NULL), RP_ECONFIG);
	assert_int_equal(parse("--grpc-port=-1", NULL), RP_ECONFIG);
	assert_int_equal(parse("--grpc-port=0x50", NULL), RP_OK);
	assert_int_equal(flags.grpc_port, 80);
	assert_int_equal(parse("--grpc-port=", NULL), RP_EFORMAT);
	assert_int_equal(parse("--workers=65", NULL), RP_ECONFIG);
	assert_int_equal(parse("--max-endpoints=0", NULL), RP_ECONFIG);
	assert_int_equal(parse("--grpc-port=9090", NULL), RP_ECONFIG);
}

static void sizes_are_quantities_with_an_optional_b(void **state)
{
	(void)state;
	assert_int_equal(parse("--grpc-max-recv-msg-size=10MiB", NULL), RP_OK);
	assert_int_equal(flags.grpc_max_recv_msg_size, 10 << 20);
	assert_int_equal(parse("--grpc-max-recv-msg-size= 25MB ", NULL), RP_OK);
	assert_int_equal(flags.grpc_max_recv_msg_size, 25000000);
	assert_int_equal(parse("--grpc-max-recv-msg-size=", NULL), RP_OK);
	assert_int_equal(flags.grpc_max_recv_msg_size, RP_GRPC_RECV_MESSAGE_MAX);
	assert_int_equal(parse("--grpc-max-recv-msg-size=-1", NULL), RP_ECONFIG);
	assert_int_equal(parse("--grpc-max-recv-msg-size=10 apples", NULL), RP_ECONFIG);
	assert_int_equal(parse("--grpc-max-recv-msg-size=2Gi", NULL), RP_ECONFIG);
	assert_int_equal(parse("--prefix-index-bytes=1Mi", NULL), RP_ECONFIG);
	assert_int_equal(parse("--prefix-index-bytes=128Mi", NULL), RP_OK);
	assert_int_equal(parse("--max-body-bytes=0", NULL), RP_ECONFIG);
}

static void durations_are_gos(void **state)
{
	(void)state;
	assert_int_equal(parse("--drain-timeout=1m30s", NULL), RP_OK);
	assert_int_equal(flags.drain_timeout, 90 * RP_NS_PER_S);
	assert_int_equal(parse("--drain-timeout=0", NULL), RP_OK);
	assert_int_equal(flags.drain_timeout, 0);
	assert_int_equal(parse("--drain-timeout=30", NULL), RP_EFORMAT);
	assert_int_equal(parse("--drain-timeout=-1s", NULL), RP_ECONFIG);
}

static void scrape_tick_is_raised_to_50ms(void **state)
{
	(void)state;
	assert_int_equal(parse("--refresh-metrics-interval=10ms", NULL), RP_OK);
	assert_int_equal(flags.refresh_metrics_interval, 50 * RP_NS_PER_MS);
	assert_non_null(strstr(warnings, "raised to 50ms"));
	assert_int_equal(parse("--refresh-metrics-interval=75ms", NULL), RP_OK);
	assert_int_equal(flags.refresh_metrics_interval, 75 * RP_NS_PER_MS);
}

static void config_file_and_text_exclude_each_other(void **state)
{
	(void)state;
	assert_int_equal(parse("--config-file=a", "--config-text=b", NULL), RP_ECONFIG);
	assert_string_equal(diag.message,
			    "both the \"config-file\" and \"config-text\" flags cannot "
			    "be set at the same time");
}

static void what_is_not_built_yet_is_refused_with_a_sentence(void **state)
{
	static const char *const refused[] = {
		"--ha-enable-leader-election",	 "--metrics-client-ca-file=a",
		"--metrics-cert-dir=a",		 "--endpoint-selector=app=x",
		"--model-server-metrics-port=1", "--model-server-metrics-scheme=https",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(refused); i++) {
		assert_int_equal(parse(refused[i], NULL), RP_ECONFIG);
		assert_non_null(strstr(diag.message, "not built yet"));
	}
	assert_int_equal(parse("--ha-enable-leader-election=false",
			       "--metrics-cert-dir=", "--model-server-metrics-path=/metrics", NULL),
			 RP_OK);
}

static void obsolete_metric_flags_only_warn(void **state)
{
	(void)state;
	assert_int_equal(parse("--total-queued-requests-metric=x", "--lora-info-metric", "y",
			       "--enable-pprof=false", "--tracing=false", NULL),
			 RP_OK);
	assert_non_null(strstr(warnings, "engineConfigs"));
	assert_non_null(strstr(warnings, "--enable-pprof"));
}

static void tls_versions_below_1_2_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("--tls-min-version=VersionTLS12", NULL), RP_OK);
	assert_int_equal(parse("--tls-min-version=VersionTLS13", NULL), RP_OK);
	assert_int_equal(parse("--tls-min-version=VersionTLS11", NULL), RP_ECONFIG);
	assert_int_equal(parse("--tls-min-version=VersionTLS10", NULL), RP_ECONFIG);
	assert_int_equal(parse("--tls-min-version=1.2", NULL), RP_ECONFIG);
}

static void cipher_suites_get_openssls_names(void **state)
{
	static const char go[] = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256,"
				 "TLS_RSA_WITH_AES_256_CBC_SHA";
	char out[256];

	(void)state;
	assert_int_equal(rp_tls_ciphers_map(rp_bytes_str(go), out, sizeof(out), &diag), RP_OK);
	assert_string_equal(out, "ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA");
	assert_int_equal(rp_tls_ciphers_map(RP_BYTES_LIT(""), out, sizeof(out), &diag), RP_OK);
	assert_string_equal(out, "");
	assert_int_equal(rp_tls_ciphers_map(rp_bytes_str(go), out, 5, &diag), RP_ETOOBIG);
	assert_int_equal(parse("--tls-cipher-suites=TLS_NOPE", NULL), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "TLS_NOPE"));
}

static void zap_log_level_wins_over_v(void **state)
{
	static const struct {
		const char *arg;
		int verbosity;
	} cases[] = {
		{"--zap-log-level=info", 0},   {"--zap-log-level=debug", 1},
		{"--zap-log-level=error", -1}, {"--zap-log-level=panic", -1},
		{"--zap-log-level=5", 5},      {"--v=4", 4},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		assert_int_equal(parse("--v=3", cases[i].arg, NULL), RP_OK);
		assert_int_equal(rp_flags_verbosity(&flags), cases[i].verbosity);
	}
	assert_int_equal(parse("--zap-log-level=loud", NULL), RP_EFORMAT);
	assert_int_equal(parse("--zap-log-level=0", NULL), RP_EFORMAT);
	assert_int_equal(parse("--zap-encoder=xml", NULL), RP_EFORMAT);
	assert_int_equal(parse("--zap-time-encoding=rfc3339", NULL), RP_OK);
}

static void settings_follow_flags_and_machine(void **state)
{
	struct rp_settings settings;

	(void)state;
	assert_int_equal(parse("--workers=2", "--io-backend=epoll", "--max-body-memory=10Mi",
			       "--grpc-max-recv-msg-size=0", "--emit-endpoint-scores", NULL),
			 RP_OK);
	assert_int_equal(rp_flags_to_settings(&flags, &settings, &diag), RP_OK);
	assert_int_equal(settings.worker_count, 2);
	assert_int_equal(settings.io_backend, RP_IO_EPOLL);
	assert_int_equal(settings.body_memory_bytes, 5 << 20);
	assert_int_equal(settings.recv_message_max, RP_GRPC_RECV_MESSAGE_MAX);
	assert_int_equal(settings.has_endpoint_scores, 1);
	assert_int_equal(settings.is_secure, 1);
	assert_int_equal(settings.verbosity, 2);
	assert_true(settings.started_wall_ns > 0);

	assert_int_equal(parse(NULL), RP_OK);
	assert_int_equal(rp_flags_to_settings(&flags, &settings, &diag), RP_OK);
	assert_true(settings.worker_count >= 1);
	assert_true(settings.body_memory_bytes > 1 << 20);
	assert_int_equal(settings.io_backend, RP_IO_AUTO);
	assert_int_equal(settings.busy_poll_us, 0);
	assert_int_equal(parse("--busy-poll-us=50", NULL), RP_OK);
	assert_int_equal(rp_flags_to_settings(&flags, &settings, &diag), RP_OK);
	assert_int_equal(settings.busy_poll_us, 50);
	assert_int_equal(parse("--busy-poll-us=1000001", NULL), RP_ECONFIG);
	assert_int_equal(parse("--busy-poll-us=-1", NULL), RP_ECONFIG);
	assert_int_equal(parse("--io-backend=kqueue", NULL), RP_ECONFIG);
	assert_int_equal(parse("--response-processing=skip", NULL), RP_OK);
	assert_int_equal(parse("--response-processing=none", NULL), RP_ECONFIG);
}

static void help_lists_ours_in_a_table_of_its_own(void **state)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(out);
	rp_flags_print_help(out);
	fclose(out);
	const char *ours = strstr(text, "Ours (ringpick only)");

	assert_non_null(ours);
	assert_non_null(strstr(ours, "--drain-limit duration"));
	assert_non_null(strstr(ours, "(default 1m40s)"));
	assert_non_null(strstr(text, "(default 4Mi)"));
	assert_non_null(strstr(text, "-v, --v int"));
	assert_true(strstr(text, "--grpc-port") < ours);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_upstreams),
		cmocka_unit_test(howto_command_line_is_accepted),
		cmocka_unit_test(values_follow_a_space_or_an_equals_sign),
		cmocka_unit_test(booleans_take_values_only_with_equals),
		cmocka_unit_test(verbosity_has_a_short_form),
		cmocka_unit_test(single_dash_long_names_are_accepted_with_a_warning),
		cmocka_unit_test(unknown_and_abbreviated_names_are_usage_errors),
		cmocka_unit_test(arguments_after_two_dashes_are_left_alone),
		cmocka_unit_test(last_of_two_values_counts),
		cmocka_unit_test(help_and_version_stop_parsing),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(sizes_are_quantities_with_an_optional_b),
		cmocka_unit_test(durations_are_gos),
		cmocka_unit_test(scrape_tick_is_raised_to_50ms),
		cmocka_unit_test(config_file_and_text_exclude_each_other),
		cmocka_unit_test(what_is_not_built_yet_is_refused_with_a_sentence),
		cmocka_unit_test(obsolete_metric_flags_only_warn),
		cmocka_unit_test(tls_versions_below_1_2_are_refused),
		cmocka_unit_test(cipher_suites_get_openssls_names),
		cmocka_unit_test(zap_log_level_wins_over_v),
		cmocka_unit_test(settings_follow_flags_and_machine),
		cmocka_unit_test(help_lists_ours_in_a_table_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
