/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shm/err.h"
#include "shm/publication.h"

static struct rp_publication pub;

static int setup(void **state)
{
	(void)state;
	memset(&pub, 0, sizeof(pub));
	rp_publication_init(&pub);
	return 0;
}

static void publish(uint32_t config, uint32_t table)
{
	rp_publication_publish(&pub, (struct rp_published){config, table});
}

static struct rp_published current(void)
{
	struct rp_published pair;

	assert_true(rp_publication_current(&pub, &pair));
	return pair;
}

/* Publish a new table while the config stays; returns the slot it went to. */
static uint32_t publish_table(void)
{
	uint32_t slot;

	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
	publish(current().config_slot, slot);
	return slot;
}

static void nothing_is_current_before_the_first_publication(void **state)
{
	(void)state;
	struct rp_published pair = {7, 7};
	uint32_t slot;

	assert_false(rp_publication_current(&pub, &pair));
	assert_int_equal(pair.config_slot, 7);
	assert_int_equal(rp_publication_begin_config(&pub, &slot), RP_OK);
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
}

static void pair_is_published_together(void **state)
{
	(void)state;
	publish(1, 2);
	assert_int_equal(current().config_slot, 1);
	assert_int_equal(current().table_slot, 2);
}

static void begin_never_gives_the_current_slot(void **state)
{
	(void)state;
	uint32_t slot;

	publish(0, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rp_publication_begin_config(&pub, &slot), RP_OK);
		assert_int_not_equal(slot, current().config_slot);
		assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
		assert_int_not_equal(slot, current().table_slot);
		publish(current().config_slot, slot);
	}
}

static void slot_is_not_reused_while_a_reader_holds_it(void **state)
{
	(void)state;
	uint32_t held;
	uint32_t slot;

	publish(0, 0);
	rp_publication_online(&pub, 5, 0);
	held = current().table_slot;
	for (int i = 1; i < RP_PUBLICATION_SLOTS; i++)
		assert_int_not_equal(publish_table(), held);
	/* All others were retired since reader 5 reported, too. */
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_EAGAIN);
	/* Configs did not change: they are not held up. */
	assert_int_equal(rp_publication_begin_config(&pub, &slot), RP_OK);
	rp_publication_quiescent(&pub, 5, 0);
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
}

static void offline_reader_holds_nothing(void **state)
{
	(void)state;
	uint32_t slot;

	publish(0, 0);
	rp_publication_online(&pub, 5, 0);
	rp_publication_offline(&pub, 5);
	for (int i = 0; i < 10; i++)
		(void)publish_table();
	rp_publication_online(&pub, 5, 0);
	for (int i = 1; i < RP_PUBLICATION_SLOTS; i++)
		(void)publish_table();
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_EAGAIN);
	rp_publication_offline(&pub, 5);
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
}

static void slowest_reader_counts(void **state)
{
	(void)state;
	uint32_t slot;

	publish(0, 0);
	rp_publication_online(&pub, 0, 0);
	rp_publication_online(&pub, RP_READERS_MAX - 1, 0);
	for (int i = 1; i < RP_PUBLICATION_SLOTS; i++) {
		(void)publish_table();
		rp_publication_quiescent(&pub, 0, 0);
	}
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_EAGAIN);
	rp_publication_quiescent(&pub, RP_READERS_MAX - 1, 0);
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
}

/* Control dies between any two stores of publish(): its successor starts from what is there. */
static void slot_is_safe_when_control_died_inside_publish(void **state)
{
	(void)state;
	uint32_t slot;

	publish(0, 0);
	rp_publication_online(&pub, 1, 0);
	/* Died after the first store: table 0 marked, though still current. */
	pub.table_retired_at[0] = atomic_load(&pub.epoch) + 1;
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
	assert_int_not_equal(slot, 0);
	/* Died after the second: new pair, old epoch. The reader may still be in table 0. */
	atomic_store(&pub.current, slot);
	rp_publication_quiescent(&pub, 1, 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
		assert_int_not_equal(slot, 0);
		publish(0, slot);
	}
	rp_publication_quiescent(&pub, 1, 0);
	assert_int_equal(rp_publication_begin_table(&pub, &slot), RP_OK);
	assert_int_equal(slot, 0);
}

static void stall_shows_only_while_online(void **state)
{
	(void)state;
	publish(0, 0);
	assert_false(rp_publication_is_stalled(&pub, 3, INT64_MAX));
	rp_publication_online(&pub, 3, 100);
	assert_false(rp_publication_is_stalled(&pub, 3, 100));
	assert_true(rp_publication_is_stalled(&pub, 3, 101));
	rp_publication_quiescent(&pub, 3, 200);
	assert_false(rp_publication_is_stalled(&pub, 3, 101));
	rp_publication_offline(&pub, 3);
	assert_false(rp_publication_is_stalled(&pub, 3, INT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_current_before_the_first_publication, setup),
		cmocka_unit_test_setup(pair_is_published_together, setup),
		cmocka_unit_test_setup(begin_never_gives_the_current_slot, setup),
		cmocka_unit_test_setup(slot_is_not_reused_while_a_reader_holds_it, setup),
		cmocka_unit_test_setup(offline_reader_holds_nothing, setup),
		cmocka_unit_test_setup(slowest_reader_counts, setup),
		cmocka_unit_test_setup(slot_is_safe_when_control_died_inside_publish, setup),
		cmocka_unit_test_setup(stall_shows_only_while_online, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
