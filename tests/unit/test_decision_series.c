/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "shm/decision_series.h"

static struct rp_decision_series_table table;

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	return 0;
}

static void count(enum rp_decision_family family, const char *plugin, const char *model)
{
	rp_decision_series_count(&table, family, rp_bytes_str(plugin), rp_bytes_str(model),
				 RP_DECISION_PREFILL_DECODE);
}

static uint64_t decisions(const struct rp_decision_series *series)
{
	return atomic_load(&series->decisions[RP_DECISION_PREFILL_DECODE]);
}

static void each_key_has_its_counters(void **state)
{
	(void)state;
	count(RP_DECISION_DISAGG, "a", "m");
	count(RP_DECISION_DISAGG, "a", "m");
	count(RP_DECISION_DISAGG, "b", "m");
	count(RP_DECISION_PD, "a", "m");
	count(RP_DECISION_PD, "a", "");
	assert_int_equal(atomic_load(&table.count), 4);
	assert_int_equal(decisions(&table.cell[0]), 2);
	assert_int_equal(atomic_load(&table.cell[0].decisions[RP_DECISION_DECODE_ONLY]), 0);
	assert_int_equal(decisions(&table.cell[1]), 1);
	assert_int_equal(decisions(&table.cell[2]), 1);
	assert_string_equal(table.cell[3].subject, "unknown");
}

static void selections_without_a_match_are_counted_by_selector(void **state)
{
	(void)state;
	count(RP_DECISION_DISAGG, "a", "rev");
	rp_decision_series_count_no_match(&table, RP_BYTES_LIT("a"), RP_BYTES_LIT("rev"));
	rp_decision_series_count_no_match(&table, RP_BYTES_LIT("a"), RP_BYTES_LIT("site"));
	rp_decision_series_count_no_match(&table, RP_BYTES_LIT("a"), RP_BYTES_LIT("rev"));
	assert_int_equal(atomic_load(&table.count), 3);
	assert_int_equal(table.cell[1].family, RP_DECISION_NO_MATCH);
	assert_string_equal(table.cell[1].subject, "rev");
	assert_int_equal(atomic_load(&table.cell[1].decisions[0]), 2);
}

static void what_comes_too_late_is_other(void **state)
{
	(void)state;
	char model[16];

	for (unsigned i = 0; i < RP_DECISION_SERIES_MAX + 3; i++) {
		snprintf(model, sizeof(model), "m%u", i);
		count(RP_DECISION_DISAGG, "a", model);
	}
	assert_int_equal(atomic_load(&table.count), RP_DECISION_SERIES_MAX);
	assert_int_equal(decisions(&table.other[RP_DECISION_DISAGG]), 3);
	assert_string_equal(table.other[RP_DECISION_DISAGG].subject, "other");
	assert_int_equal(atomic_load(&table.other[RP_DECISION_PD].is_used), 0);
	count(RP_DECISION_DISAGG, "a", "m0");
	assert_int_equal(decisions(&table.cell[0]), 2);
}

static void long_names_are_cut(void **state)
{
	(void)state;
	char name[400];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	count(RP_DECISION_PD, name, name);
	count(RP_DECISION_PD, name, name);
	assert_int_equal(atomic_load(&table.count), 1);
	assert_int_equal(table.cell[0].plugin_len, RP_PLUGIN_NAME_MAX);
	assert_int_equal(table.cell[0].subject_len, RP_METRIC_LABEL_MAX);
	assert_int_equal(decisions(&table.cell[0]), 2);
}

static void decision_names_are_the_label_values(void **state)
{
	(void)state;
	assert_string_equal(rp_stage_decision_name(RP_DECISION_DECODE_ONLY), "decode-only");
	assert_string_equal(rp_stage_decision_name(RP_DECISION_ENCODE_PREFILL_DECODE),
			    "encode-prefill-decode");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_key_has_its_counters, setup),
		cmocka_unit_test_setup(selections_without_a_match_are_counted_by_selector, setup),
		cmocka_unit_test_setup(what_comes_too_late_is_other, setup),
		cmocka_unit_test_setup(long_names_are_cut, setup),
		cmocka_unit_test(decision_names_are_the_label_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
