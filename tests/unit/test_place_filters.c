/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_topology_extractor, rp_topology_affinity_filter;
extern const struct rp_plugin_ops rp_header_based_testing_filter;

static void endpoints_as_near_as_asked_are_kept_or_all(void **state RP_UNUSED)
{
	static const char *const expected[] = {"0", "0 1", "0 1 2", "0 1 2 3"};
	struct plugin_bed *bed = plugin_bed_new(5);
	struct rp_params_topology_affinity_filter params = {.topology_producer = 1};
	struct rp_params_topology_extractor places = {
		.label = {plugin_bed_str(bed, "host"), plugin_bed_str(bed, "rack"),
			  plugin_bed_str(bed, "zone"), plugin_bed_str(bed, "region")}};
	const struct rp_call *call =
		plugin_bed_set(bed, 0, "f", &rp_topology_affinity_filter, &params);

	for (uint32_t i = 0; i < 4; i++) {
		plugin_bed_label(bed, i, "host", i < 1 ? "h" : "");
		plugin_bed_label(bed, i, "rack", i < 2 ? "r" : "");
		plugin_bed_label(bed, i, "zone", i < 3 ? "z" : "y");
		plugin_bed_label(bed, i, "region", "g");
	}
	plugin_bed_set(bed, 1, "x", &rp_topology_extractor, &places);
	assert_string_equal(kept_of(bed, call), "all"); /* no peer */
	bed->cycle.peer = 0;
	for (uint32_t level = 0; level < RP_ARRAY_LEN(expected); level++) {
		params.min_affinity = level;
		assert_string_equal(kept_of(bed, call), expected[level]);
	}
	bed->cycle.peer = 4; /* nobody knows where it is */
	assert_string_equal(kept_of(bed, call), "all");
	bed->cycle.peer = 3;
	params.min_affinity = RP_TOPOLOGY_HOST; /* empty values are not equal */
	assert_string_equal(kept_of(bed, call), "all");
	params.topology_producer = RP_CONFIG_NONE;
	assert_string_equal(kept_of(bed, call), "all");
	plugin_bed_free(bed);
}

static const char *pick_by_header(struct plugin_bed *bed, const char *value)
{
	plugin_bed_header(bed, "test-epp-endpoint-selection", value);
	return kept_of(bed, &bed->call[0]);
}

static void the_header_names_endpoints_in_its_order(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(3);

	RP_ASSERT(rp_endpoint_table_add(bed->table, RP_BYTES_LIT("ns"), RP_BYTES_LIT("p4"),
					RP_BYTES_LIT("[fd00::1]:3002"), RP_BYTES_LIT("[fd00::1]"),
					3002, 7, 1) == RP_OK);
	RP_ASSERT(rp_endpoint_table_add(bed->table, RP_BYTES_LIT("ns"), RP_BYTES_LIT("p5"),
					RP_BYTES_LIT("10.0.0.3:8001"), RP_BYTES_LIT("10.0.0.3"),
					8001, 9, 1) == RP_OK);
	bed->table_idx[3] = 3;
	bed->table_idx[4] = 4;
	bed->candidates.count = 5;
	plugin_bed_set(bed, 0, "h", &rp_header_based_testing_filter, NULL);
	assert_string_equal(kept_of(bed, &bed->call[0]), "");
	assert_string_equal(pick_by_header(bed, " "), "");
	assert_string_equal(pick_by_header(bed, "10.0.0.2, 10.0.0.1:8000 ,10.0.0.3:9"), "1 0");
	assert_string_equal(pick_by_header(bed, "10.0.0.1,,10.0.0.1:8000,"), "0");
	/* One endpoint an IP, the last one where no port says which. */
	assert_string_equal(pick_by_header(bed, "10.0.0.3"), "4");
	assert_string_equal(pick_by_header(bed, "10.0.0.3:8000,10.0.0.3:8001"), "2");
	assert_string_equal(pick_by_header(bed, "10.0.0.2:"), "1");
	assert_string_equal(pick_by_header(bed, "fd00::1,10.0.0.1"), "3 0");
	assert_string_equal(pick_by_header(bed, "[fd00::1]"), "3");
	assert_string_equal(pick_by_header(bed, "[fd00::1]:3002"), "3");
	assert_string_equal(pick_by_header(bed, "[fd00::1]:3003,[fd00::2],:8000,[],:,[:]"), "");
	plugin_bed_free(bed);
}

static void a_long_header_is_cut(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(2);
	char value[2 * RP_TEST_SELECTION_MAX + 32];

	plugin_bed_set(bed, 0, "h", &rp_header_based_testing_filter, NULL);
	memset(value, ',', sizeof(value));
	memcpy(value + RP_TEST_SELECTION_MAX - 1, "10.0.0.1,10.0.0.2", 18);
	assert_string_equal(pick_by_header(bed, value), "0");
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_as_near_as_asked_are_kept_or_all),
		cmocka_unit_test(the_header_names_endpoints_in_its_order),
		cmocka_unit_test(a_long_header_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
