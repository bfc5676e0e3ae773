/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "control/plugin_stats.h"

enum { PLUGINS = 3 };

/* A configuration of three plugins with that many extension points each. */
static struct {
	struct rp_config_blob blob;
	struct rp_config_plugin plugin[PLUGINS];
} config;
static struct rp_plugin_stat kept[RP_PLUGIN_STATS_MAX];
static struct rp_plugin_stat fresh[RP_PLUGIN_STATS_MAX];

static void configure(const char *const name[PLUGINS], const uint32_t points[PLUGINS])
{
	uint32_t count = 0;

	memset(&config, 0, sizeof(config));
	memset(fresh, 0, sizeof(fresh));
	config.blob.plugin_count = PLUGINS;
	config.blob.plugins_offset = (uint32_t)((uint8_t *)config.plugin - (uint8_t *)&config);
	for (uint32_t i = 0; i < PLUGINS; i++) {
		config.plugin[i].stat_first = points[i] == 0 ? RP_CONFIG_NONE : count;
		config.plugin[i].stat_points = points[i];
		for (uint32_t point = 0; point < RP_EXTENSION_POINTS; point++) {
			if ((points[i] & 1u << point) == 0)
				continue;
			fresh[count].extension_point = point;
			snprintf(fresh[count].plugin_type, sizeof(fresh[count].plugin_type), "t");
			snprintf(fresh[count].plugin_name, sizeof(fresh[count].plugin_name), "%s",
				 name[i]);
			count++;
		}
	}
	rp_plugin_stats_keep(kept, &config.blob, fresh);
}

static int clear(void **state)
{
	(void)state;
	memset(kept, 0, sizeof(kept));
	return 0;
}

static void a_plugin_keeps_its_index_wherever_it_stands(void **state)
{
	(void)state;
	configure((const char *const[]){"a", "b", "c"}, (const uint32_t[]){4, 64 | 128, 8});
	assert_int_equal(config.plugin[0].stat_first, 0);
	assert_int_equal(config.plugin[1].stat_first, 1);
	assert_int_equal(config.plugin[2].stat_first, 3);
	configure((const char *const[]){"c", "d", "b"}, (const uint32_t[]){8, 2, 64 | 128});
	assert_int_equal(config.plugin[0].stat_first, 3);
	assert_int_equal(config.plugin[1].stat_first, 4);
	assert_int_equal(config.plugin[2].stat_first, 1);
	assert_string_equal(kept[0].plugin_name, "a");
	assert_string_equal(kept[4].plugin_name, "d");
}

static void other_points_of_the_same_name_are_another_plugin(void **state)
{
	(void)state;
	configure((const char *const[]){"a", "b", "c"}, (const uint32_t[]){4, 0, 8});
	configure((const char *const[]){"a", "b", "c"}, (const uint32_t[]){2 | 4, 1, 8});
	assert_int_equal(config.plugin[0].stat_first, 2);
	assert_int_equal(config.plugin[1].stat_first, 4);
	assert_int_equal(config.plugin[2].stat_first, 1);
}

static void a_plugin_without_points_has_none(void **state)
{
	(void)state;
	configure((const char *const[]){"a", "b", "c"}, (const uint32_t[]){0, 0, 0});
	assert_int_equal(config.plugin[1].stat_first, RP_CONFIG_NONE);
	assert_int_equal(kept[0].plugin_type[0], '\0');
	config.blob = (struct rp_config_blob){0};
	rp_plugin_stats_keep(kept, &config.blob, fresh);
}

static void without_room_a_plugin_goes_without_and_others_keep_theirs(void **state)
{
	char name[PLUGINS][16];
	uint32_t placed = 0;

	(void)state;
	for (unsigned round = 0; round < RP_PLUGIN_STATS_MAX; round++) {
		const char *const names[PLUGINS] = {name[0], name[1], "stays"};

		snprintf(name[0], sizeof(name[0]), "x%u", round);
		snprintf(name[1], sizeof(name[1]), "y%u", round);
		configure(names, (const uint32_t[]){4, 64 | 128, 8});
		assert_int_equal(config.plugin[2].stat_first, 3);
		for (uint32_t i = 0; i < PLUGINS; i++) {
			if (config.plugin[i].stat_first == RP_CONFIG_NONE)
				assert_int_equal(config.plugin[i].stat_points, 0);
			else
				placed++;
		}
	}
	assert_in_range(placed, RP_PLUGIN_STATS_MAX, 3 * RP_PLUGIN_STATS_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_plugin_keeps_its_index_wherever_it_stands, clear),
		cmocka_unit_test_setup(other_points_of_the_same_name_are_another_plugin, clear),
		cmocka_unit_test_setup(a_plugin_without_points_has_none, clear),
		cmocka_unit_test_setup(without_room_a_plugin_goes_without_and_others_keep_theirs,
				       clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
