/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether answers are skipped: --response-processing, the configuration, and plugins that read
 * answers. No plugin does so far; here queue-scorer is made one (linked with --wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "config/model.h"

#define PLUGINS "plugins: [{type: queue-scorer, name: q}]\n"
#define SKIP	"ringpick: {responseProcessing: skip}\n"
#define FULL	"ringpick: {responseProcessing: full}\n"

static struct rp_config_blob *blob;
static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
static struct rp_config_control control;
static struct rp_diag diag;
static bool has_reader;

uint32_t __real_rp_plugin_type_kinds(enum rp_plugin_type type);
uint32_t __wrap_rp_plugin_type_kinds(enum rp_plugin_type type);

uint32_t __wrap_rp_plugin_type_kinds(enum rp_plugin_type type)
{
	uint32_t kinds = __real_rp_plugin_type_kinds(type);

	if (has_reader && type == RP_PLUGIN_QUEUE_SCORER)
		kinds |= RP_READS_RESPONSE;
	return kinds;
}

static int set_up(void **state)
{
	(void)state;
	has_reader = false;
	blob = malloc(RP_CONFIG_BLOB_BYTES);
	return blob == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	free(blob);
	return 0;
}

static int load(const char *text)
{
	diag = (struct rp_diag){0};
	return rp_config_load("epp.yaml", rp_bytes_str(text), false, 7, blob, RP_CONFIG_BLOB_BYTES,
			      stats, &control, &diag);
}

static bool is_skipped(const char *text, const char *flag)
{
	enum rp_response_processing processing;

	assert_int_equal(rp_response_processing_parse(rp_bytes_str(flag), &processing), RP_OK);
	if (load(text) != RP_OK)
		fail_msg("%u:%u: %s", diag.line, diag.column, diag.message);
	rp_config_decide_responses(&control, blob, processing);
	return blob->is_response_skipped != 0;
}

static void answers_are_processed_unless_told_otherwise(void **state)
{
	(void)state;
	assert_false(is_skipped("", ""));
	assert_false(is_skipped(PLUGINS, ""));
	assert_false(is_skipped(PLUGINS "ringpick: {}\n", ""));
	assert_false(is_skipped(PLUGINS, "full"));
	assert_int_equal(control.warning_count, 0);
}

static void the_flag_wins_over_the_file(void **state)
{
	(void)state;
	assert_true(is_skipped(PLUGINS SKIP, ""));
	assert_true(is_skipped(PLUGINS, "skip"));
	assert_true(is_skipped(PLUGINS FULL, "skip"));
	assert_false(is_skipped(PLUGINS SKIP, "full"));
}

static void skipping_is_told(void **state)
{
	(void)state;
	assert_true(is_skipped(PLUGINS SKIP, ""));
	assert_int_equal(control.warning_count, 1);
	assert_non_null(strstr(control.warning[0], "do not cover answers"));
}

static void a_plugin_that_reads_answers_has_them_processed_and_that_is_told(void **state)
{
	(void)state;
	has_reader = true;
	assert_false(is_skipped(PLUGINS, "skip"));
	assert_int_equal(control.warning_count, 1);
	assert_string_equal(control.warning[0],
			    "response processing: skip has no effect, plugin 'q' reads answers");
	assert_false(is_skipped(PLUGINS, ""));
	assert_int_equal(control.warning_count, 0);
	assert_true(is_skipped("plugins: [{type: kv-cache-utilization-scorer}]", "skip"));
}

static void other_words_are_refused(void **state)
{
	enum rp_response_processing processing;

	(void)state;
	assert_int_equal(load(PLUGINS "ringpick: {responseProcessing: some}\n"), RP_ECONFIG);
	assert_int_equal(diag.line, 2);
	assert_non_null(strstr(diag.message, "must be full or skip, got 'some'"));
	assert_int_equal(load(PLUGINS "ringpick: {other: 1}\n"), RP_ECONFIG);
	assert_int_equal(rp_response_processing_parse(RP_BYTES_LIT("Skip"), &processing),
			 RP_EFORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_are_processed_unless_told_otherwise, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_flag_wins_over_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(skipping_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_plugin_that_reads_answers_has_them_processed_and_that_is_told, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(other_words_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
