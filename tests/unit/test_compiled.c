/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "config/rp_config.h"

static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
static struct rp_config_control control;
static struct rp_config_blob *blob;

/* The built-in default in memory of exactly its size, so that a sanitizer sees any read beyond. */
static int set_up(void **state)
{
	struct rp_config_blob *room = malloc(RP_CONFIG_BLOB_BYTES);

	(void)state;
	if (room == NULL || rp_config_load("x", RP_BYTES_LIT(""), false, 1, room,
					   RP_CONFIG_BLOB_BYTES, stats, &control, NULL) != RP_OK)
		return 1;
	blob = realloc(room, room->bytes);
	return blob == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	free(blob);
	return 0;
}

/* Read all there is through the accessors. */
static void read_all(const struct rp_config_blob *b)
{
	volatile uint8_t sink = 0;

	for (uint32_t i = 0; i < b->plugin_count; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(b, i);
		struct rp_bytes name = rp_config_blob_str(b, plugin->name);
		const uint8_t *params = rp_config_blob_params(b, plugin);

		for (size_t k = 0; k < name.len; k++)
			sink ^= name.ptr[k];
		for (uint32_t k = 0; k < plugin->params_bytes; k++)
			sink ^= params[k];
		assert_non_null(rp_plugin_type_name((enum rp_plugin_type)plugin->type));
	}
	for (uint32_t i = 0; i < b->profile_count; i++) {
		const struct rp_config_profile *profile = rp_config_blob_profile(b, i);

		for (uint32_t k = 0; k < profile->scorer_count; k++)
			assert_true(rp_config_blob_ref(b, profile->scorer_first + k)->plugin <
				    b->plugin_count);
		for (uint32_t k = 0; k < profile->filter_count; k++)
			assert_true(rp_config_blob_ref(b, profile->filter_first + k)->plugin <
				    b->plugin_count);
		assert_true(profile->picker < b->plugin_count);
	}
	for (uint32_t i = 0; i < b->parser_count; i++)
		assert_true(rp_config_blob_parser(b, i) < b->plugin_count);
	for (uint32_t i = 0; i < b->producer_count; i++)
		assert_true(rp_config_blob_producer(b, i) < b->plugin_count);
}

static void a_whole_blob_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(rp_config_blob_check(blob, blob->bytes), RP_OK);
	read_all(blob);
}

static void a_blob_that_is_cut_is_refused(void **state)
{
	(void)state;
	for (size_t bytes = sizeof(*blob); bytes < blob->bytes; bytes++)
		assert_int_equal(rp_config_blob_check(blob, bytes), RP_EFORMAT);
	assert_int_equal(rp_config_blob_check(blob, sizeof(*blob) - 1), RP_EFORMAT);
}

static void a_blob_of_another_kind_is_refused(void **state)
{
	(void)state;
	blob->magic++;
	assert_int_equal(rp_config_blob_check(blob, blob->bytes), RP_EFORMAT);
	blob->magic--;
}

/* Every word of the blob gets wild values: refused, or safe to read. */
static void a_blob_with_a_wild_word_is_refused_or_harmless(void **state)
{
	static const uint32_t wild[] = {0, 1, 7, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
	uint32_t *words = (uint32_t *)(void *)blob;
	uint32_t count = blob->bytes / 4;
	unsigned refused = 0;

	(void)state;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t kept = words[i];
		uint32_t bytes = count * 4;

		for (size_t k = 0; k < RP_ARRAY_LEN(wild) + 1; k++) {
			words[i] = k < RP_ARRAY_LEN(wild) ? wild[k] : kept + 8;
			if (rp_config_blob_check(blob, bytes) == RP_OK)
				read_all(blob);
			else
				refused++;
		}
		words[i] = kept;
	}
	assert_true(refused > 100);
}

static void type_names_are_upstreams(void **state)
{
	(void)state;
	assert_string_equal(rp_plugin_type_name(RP_PLUGIN_QUEUE_SCORER), "queue-scorer");
	assert_string_equal(rp_plugin_type_name(RP_PLUGIN_FILE_DISCOVERY), "file-discovery");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_blob_is_accepted),
		cmocka_unit_test(a_blob_that_is_cut_is_refused),
		cmocka_unit_test(a_blob_of_another_kind_is_refused),
		cmocka_unit_test(a_blob_with_a_wild_word_is_refused_or_harmless),
		cmocka_unit_test(type_names_are_upstreams),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
