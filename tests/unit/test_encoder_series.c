/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "shm/encoder_series.h"

static struct rp_encoder_series_table *table;

static int set_up(void **state)
{
	(void)state;
	table = calloc(1, sizeof(*table));
	return table == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	free(table);
	return 0;
}

static uint32_t find(const char *plugin)
{
	return rp_encoder_series_find(table, rp_bytes_str(plugin));
}

static uint64_t hits(uint32_t series, uint32_t slot, uint32_t generation)
{
	return rp_encoder_series_hits(table, series, slot, generation, RP_ENCODER_AUDIO);
}

static void each_instance_has_its_series_and_those_too_many_have_one(void **state)
{
	char name[400];

	(void)state;
	assert_int_equal(find("a"), 0);
	assert_int_equal(find("b"), 1);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(find(name), 2);
	assert_int_equal(find(name), 2);
	assert_int_equal(table->series[2].plugin_len, RP_PLUGIN_NAME_MAX);
	assert_int_equal(atomic_load(&table->series[RP_ENCODER_CACHES_MAX].is_used), 0);
	assert_int_equal(find("c"), RP_ENCODER_CACHES_MAX);
	assert_int_equal(find("d"), RP_ENCODER_CACHES_MAX);
	assert_string_equal(table->series[RP_ENCODER_CACHES_MAX].plugin, "other");
	assert_int_equal(find("b"), 1);
}

static void hits_of_a_slot_begin_at_zero_with_its_next_endpoint(void **state)
{
	uint32_t last = RP_ENDPOINTS_MAX - 1;

	(void)state;
	assert_int_equal(hits(0, last, 7), 0);
	rp_encoder_series_hit(table, 0, last, 7, RP_ENCODER_AUDIO, 2);
	rp_encoder_series_hit(table, 0, last, 7, RP_ENCODER_AUDIO, 3);
	rp_encoder_series_hit(table, 1, last, 7, RP_ENCODER_AUDIO, 4);
	rp_encoder_series_hit(table, 0, last, 7, RP_ENCODER_VIDEO, 9);
	assert_int_equal(hits(0, last, 7), 5);
	assert_int_equal(hits(1, last, 7), 4);
	assert_int_equal(hits(0, last, 8), 0);
	assert_int_equal(hits(0, 0, 7), 0);
	rp_encoder_series_hit(table, 1, last, 8, RP_ENCODER_AUDIO, 1);
	assert_int_equal(hits(0, last, 8), 0);
	assert_int_equal(hits(1, last, 8), 1);
	assert_int_equal(hits(1, last, 7), 0);
}

static void modalities_are_named_as_in_labels(void **state)
{
	(void)state;
	assert_string_equal(rp_encoder_modality_name(RP_ENCODER_IMAGE), "image");
	assert_string_equal(rp_encoder_modality_name(RP_ENCODER_AUDIO), "audio");
	assert_string_equal(rp_encoder_modality_name(RP_ENCODER_VIDEO), "video");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_instance_has_its_series_and_those_too_many_have_one, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(hits_of_a_slot_begin_at_zero_with_its_next_endpoint,
						set_up, tear_down),
		cmocka_unit_test(modalities_are_named_as_in_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
