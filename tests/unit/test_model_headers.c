/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/effective.h"

static struct rp_config_control control;
static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
static struct rp_diag diag;

/* The compiled form of a configuration; what is not built may be in it. */
static struct rp_config_blob *compile(const char *text)
{
	struct rp_config_blob *blob = calloc(1, RP_CONFIG_BLOB_BYTES);
	struct rp_effective *effective;
	int r;

	assert_non_null(blob);
	r = rp_effective_load("x", rp_bytes_str(text), true, &effective, &control, &diag);
	if (r != RP_OK)
		print_error("%s\n", diag.message);
	assert_int_equal(r, RP_OK);
	assert_int_equal(
		rp_effective_compile(effective, 1, blob, RP_CONFIG_BLOB_BYTES, stats, &diag),
		RP_OK);
	rp_effective_free(effective);
	return blob;
}

static void expect(const char *text, const char *const *names, uint32_t count)
{
	struct rp_config_blob *blob = compile(text);
	struct rp_config_array headers =
		rp_config_blob_list(blob, blob->headers, sizeof(struct rp_config_str));
	const struct rp_config_str *header = headers.ptr;

	assert_int_equal(headers.count, count);
	for (uint32_t i = 0; i < count; i++)
		assert_true(rp_bytes_equal_str(rp_config_blob_str(blob, header[i]), names[i]));
	free(blob);
}

static void a_configuration_without_such_plugins_names_no_header(void **state)
{
	(void)state;
	expect("", NULL, 0);
}

static void headers_come_from_parameters_and_types_each_once_in_lower_case(void **state)
{
	static const char *const names[] = {
		"x-session-token",
		"x-chat",
		"x-zone",
		"test-epp-endpoint-selection",
		"x-llm-d-slo-ttft-ms",
		"x-slo-ttft-ms",
		"x-llm-d-slo-tpot-ms",
		"x-slo-tpot-ms",
		"cookie",
	};

	(void)state;
	expect("plugins:\n"
	       "- type: session-affinity-filter\n"
	       "  parameters: {strategy: session_id, sessionIdConfig: {sources: [{header: "
	       "X-Chat}, {attribute: a}]}}\n"
	       "- type: header-label-affinity-scorer\n"
	       "  parameters: {headerName: X-Zone, labelKey: zone}\n"
	       "- type: header-label-affinity-scorer\n"
	       "  name: again\n"
	       "  parameters: {headerName: x-zone, labelKey: zone2}\n"
	       "- type: header-based-testing-filter\n"
	       "- type: latency-slo-admitter\n"
	       "- type: session-id-producer\n"
	       "  parameters: {cookieName: Sid}\n",
	       names, RP_ARRAY_LEN(names));
}

static void too_many_headers_are_refused(void **state)
{
	char text[4096] = "plugins: [{type: agent-identity, parameters: "
			  "{additionalSessionHeaders: [";
	struct rp_effective *effective;
	size_t len = strlen(text);

	(void)state;
	for (unsigned i = 0; i < RP_PLUGIN_HEADERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "h%u,", i);
	snprintf(text + len, sizeof(text) - len, "]}}]");
	assert_int_equal(
		rp_effective_load("x", rp_bytes_str(text), true, &effective, &control, &diag),
		RP_ETOOBIG);
	assert_non_null(strstr(diag.message, "request headers"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_without_such_plugins_names_no_header),
		cmocka_unit_test(headers_come_from_parameters_and_types_each_once_in_lower_case),
		cmocka_unit_test(too_many_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
