/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/publisher.h"
#include "shm/clock.h"
#include "shm/log.h"

static struct rp_control control;
static struct rp_publisher *publisher;
static int published;

static void on_published(struct rp_control *c)
{
	assert_ptr_equal(c, &control);
	assert_non_null(c->table);
	published++;
}

static void start_control(void)
{
	assert_int_equal(rp_events_new(&control.loop), RP_OK);
	snprintf(control.pool_name, sizeof(control.pool_name), "pool");
	snprintf(control.pool_namespace, sizeof(control.pool_namespace), "space");
	control.table = NULL;
	published = 0;
	assert_int_equal(rp_publisher_new(&control, on_published, &publisher), RP_OK);
}

static void stop_control(void)
{
	rp_publisher_free(publisher);
	rp_events_free(control.loop);
}

static int create(void **state)
{
	struct rp_settings settings = {.worker_count = 2,
				       .endpoints_max = 4,
				       .metric_series_max = 16,
				       .prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN};

	(void)state;
	rp_log_init(RP_LOG_ERROR - 1, NULL);
	if (rp_shared_create(&settings, &control.shared) != RP_OK)
		return 1;
	control.settings = &control.shared.tables->settings;
	start_control();
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	stop_control();
	rp_shared_detach(&control.shared);
	return 0;
}

/* Publish a configuration that only has a head. */
static void give_config(void)
{
	static struct rp_plugin_stat stats[RP_PLUGIN_STATS_MAX];
	struct rp_config_blob *blob = calloc(1, sizeof(*blob));

	assert_non_null(blob);
	blob->bytes = sizeof(*blob);
	blob->generation = rp_publisher_next_config_generation(publisher);
	rp_publisher_take_config(publisher, blob, stats);
}

/* One endpoint for each letter. */
static void give_endpoints(const char *names)
{
	struct rp_endpoint_set set = {.count = strlen(names)};

	set.endpoint = calloc(set.count + 1, sizeof(*set.endpoint));
	set.label = calloc(1, sizeof(*set.label));
	assert_non_null(set.endpoint);
	assert_non_null(set.label);
	set.label[0] = (struct rp_discovered_label){RP_BYTES_LIT("k"), RP_BYTES_LIT("v")};
	set.label_count = 1;
	for (size_t i = 0; i < set.count; i++)
		set.endpoint[i] = (struct rp_discovered_endpoint){
			.name_space = RP_BYTES_LIT("default"),
			.name = rp_bytes(names + i, 1),
			.ip = "10.0.0.1",
			.port = (uint16_t)names[i],
			.label_count = 1,
		};
	assert_int_equal(rp_endpoint_set_normalize(&set), RP_OK);
	rp_publisher_take_endpoints(publisher, &set);
	assert_null(set.endpoint);
}

static struct rp_published current(void)
{
	struct rp_published pair = {0};

	assert_true(rp_publication_current(&control.shared.live->publication, &pair));
	return pair;
}

static const struct rp_endpoint *endpoint_named(char name)
{
	for (uint32_t i = 0; i < control.table->endpoint_count; i++) {
		const struct rp_endpoint *endpoint = &control.table->endpoint[i];
		struct rp_bytes found = rp_endpoint_table_borrow_str(control.table, endpoint->name);

		if (found.len == 1 && found.ptr[0] == (uint8_t)name)
			return endpoint;
	}
	return NULL;
}

static void nothing_is_published_before_both_parts_are_there(void **state)
{
	struct rp_published pair;

	(void)state;
	assert_int_equal(rp_publisher_next_config_generation(publisher), 1);
	assert_false(rp_publisher_resume(publisher));
	give_config();
	assert_false(rp_publication_current(&control.shared.live->publication, &pair));
	give_endpoints("ba");
	assert_int_equal(published, 1);
	pair = current();
	assert_ptr_equal(control.table, &control.shared.tables->table[pair.table_slot]);
	assert_int_equal(control.table->endpoint_count, 2);
	assert_int_equal(control.table->table_generation, 1);
	assert_int_equal(control.table->config_generation, 1);
	assert_true(rp_bytes_equal_str(rp_endpoint_address(&control.table->endpoint[0]),
				       "10.0.0.1:97"));
	assert_true(rp_bytes_equal_str(rp_endpoint_ip(&control.table->endpoint[0]), "10.0.0.1"));
	assert_int_equal(control.table->endpoint[1].label_count, 1);
	assert_true(rp_bytes_equal_str(
		rp_endpoint_table_borrow_str(control.table, control.table->pool_name), "pool"));
	assert_int_equal(rp_publisher_next_config_generation(publisher), 2);
}

/* One objective. */
static void give_rules(int32_t priority)
{
	struct rp_request_rules *rules = calloc(1, sizeof(*rules));

	assert_non_null(rules);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("gold"), priority),
			 RP_OK);
	rp_publisher_take_rules(publisher, rules);
	free(rules);
}

static int32_t priority(void)
{
	assert_ptr_equal(control.table, &control.shared.tables->table[current().table_slot]);
	return rp_request_rules_priority(&control.table->rules, RP_BYTES_LIT("gold"));
}

static void rules_are_published_with_the_endpoints(void **state)
{
	(void)state;
	give_rules(7);
	assert_int_equal(published, 0);
	give_endpoints("a");
	give_config();
	assert_int_equal(published, 1);
	assert_int_equal(priority(), 7);
	give_endpoints("ab");
	assert_int_equal(priority(), 7);
	give_rules(8);
	assert_int_equal(published, 3);
	assert_int_equal(priority(), 8);
	assert_int_equal(control.table->endpoint_count, 2);
}

static void rules_outlive_the_control_that_published_them(void **state)
{
	(void)state;
	give_endpoints("a");
	give_config();
	give_rules(7);
	stop_control();
	start_control();
	assert_true(rp_publisher_resume(publisher));
	give_endpoints("ab");
	assert_int_equal(published, 1);
	assert_int_equal(control.table->endpoint_count, 2);
	assert_int_equal(priority(), 7);
}

static void endpoints_before_the_configuration_wait_for_it(void **state)
{
	(void)state;
	give_endpoints("a");
	assert_int_equal(published, 0);
	give_config();
	assert_int_equal(published, 1);
}

static void empty_set_is_published(void **state)
{
	(void)state;
	give_config();
	give_endpoints("");
	assert_int_equal(published, 1);
	assert_int_equal(control.table->endpoint_count, 0);
}

static void endpoint_keeps_its_slot_and_figures_while_others_come_and_go(void **state)
{
	struct rp_endpoint_figures figures = {.waiting = 7};
	uint32_t slot;

	(void)state;
	give_config();
	give_endpoints("ab");
	slot = endpoint_named('b')->slot;
	rp_endpoint_metrics_write(&control.shared.live->metrics, slot, &figures);
	give_endpoints("bc");
	assert_int_equal(endpoint_named('b')->slot, slot);
	assert_null(endpoint_named('a'));
	assert_int_not_equal(endpoint_named('c')->slot, slot);
	rp_endpoint_metrics_read(&control.shared.live->metrics, slot, &figures);
	assert_int_equal(figures.waiting, 7);
	assert_int_equal(control.table->table_generation, 2);
	assert_int_equal(control.table->config_generation, 1);
}

static void returning_endpoint_gets_its_slot_back_without_old_figures(void **state)
{
	struct rp_endpoint_figures figures = {.waiting = 7};
	uint32_t slot;
	uint32_t generation;

	(void)state;
	give_config();
	give_endpoints("a");
	slot = endpoint_named('a')->slot;
	generation = endpoint_named('a')->generation;
	rp_endpoint_metrics_write(&control.shared.live->metrics, slot, &figures);
	give_endpoints("");
	assert_int_equal(control.shared.live->registry.slot[slot].is_used, 0);
	give_endpoints("a");
	assert_int_equal(endpoint_named('a')->slot, slot);
	assert_int_equal(endpoint_named('a')->generation, generation);
	rp_endpoint_metrics_read(&control.shared.live->metrics, slot, &figures);
	assert_int_equal(figures.waiting, 0);
}

/* The same slot and generation, but its load is that of a new endpoint, whether another control
 * lists it again or this one; one that stays keeps its load. */
static void endpoint_that_comes_back_has_no_load(void **state)
{
	struct rp_inflight *inflight = &control.shared.live->inflight;
	struct rp_inflight_load load;
	uint32_t slot;
	uint32_t life;

	(void)state;
	give_config();
	give_endpoints("ab");
	slot = endpoint_named('a')->slot;
	life = rp_inflight_load_add(inflight, 0, 0, slot, 1, 100);
	give_endpoints("abc");
	rp_inflight_load_sum(inflight, 1, 0, slot, &load);
	assert_int_equal(load.requests, 1);
	give_endpoints("bc");
	give_endpoints("abc");
	assert_int_equal(endpoint_named('a')->slot, slot);
	rp_inflight_load_sum(inflight, 1, 0, slot, &load);
	assert_int_equal(load.requests, 0);
	assert_int_equal(load.tokens, 0);
	assert_int_not_equal(rp_inflight_load_add(inflight, 0, 0, slot, 1, 7), life);
	rp_inflight_load_sub(inflight, 0, 0, slot, life, 1, 100);
	rp_inflight_load_sum(inflight, 1, 0, slot, &load);
	assert_int_equal(load.requests, 1);
	assert_int_equal(load.tokens, 7);

	stop_control();
	start_control();
	assert_true(rp_publisher_resume(publisher));
	give_endpoints("abc");
	rp_inflight_load_sum(inflight, 1, 0, slot, &load);
	assert_int_equal(load.requests, 1);
}

static void full_pool_is_replaced_at_once_and_never_exceeds_the_bound(void **state)
{
	(void)state;
	give_config();
	give_endpoints("abcd");
	give_endpoints("efgh");
	assert_int_equal(control.table->endpoint_count, 4);
	assert_non_null(endpoint_named('h'));
	give_endpoints("abcde");
	assert_int_equal(control.table->endpoint_count, 4);
}

static void slot_goes_to_another_endpoint_only_rested_and_without_requests(void **state)
{
	struct rp_endpoint_registry *registry = &control.shared.live->registry;
	struct rp_inflight *inflight = &control.shared.live->inflight;
	uint32_t slot;

	(void)state;
	give_config();
	give_endpoints("abcd");
	slot = endpoint_named('a')->slot;
	/* All others have just been used, too. */
	for (uint32_t i = registry->slot_count; i < RP_ENDPOINTS_MAX; i++)
		registry->slot[i].is_used = 1;
	registry->slot_count = RP_ENDPOINTS_MAX;
	give_endpoints("bcd");
	give_endpoints("bcde");
	assert_null(endpoint_named('e'));
	assert_int_equal(control.table->endpoint_count, 3);

	registry->slot[slot].freed_ns -= (RP_SLOT_REST_S + 1) * RP_NS_PER_S;
	rp_inflight_add(inflight, 1, slot);
	give_endpoints("bcde");
	assert_null(endpoint_named('e'));

	rp_inflight_remove(inflight, 1, slot);
	give_endpoints("bcde");
	assert_non_null(endpoint_named('e'));
	assert_int_equal(endpoint_named('e')->slot, slot);
	assert_int_equal(endpoint_named('e')->generation, 2);
	assert_int_equal(control.shared.live->prefix.ring[slot].generation, 2);
	assert_int_equal(control.shared.live->items.index.ring[slot].generation, 2);
	assert_true(control.shared.live->items.index.ring[slot].ring_size / 2 >= RP_ITEM_CAPACITY);
}

/* A reader that never moves on holds old slots; what changes meanwhile is published once it does.
 */
static void slow_reader_delays_but_only_the_newest_state_is_published(void **state)
{
	struct rp_publication *pub = &control.shared.live->publication;
	int before;

	(void)state;
	give_config();
	give_endpoints("a");
	rp_publication_online(pub, 0, rp_clock_monotonic_ns());
	give_endpoints("b");
	give_endpoints("c");
	give_endpoints("d");
	before = published;
	give_endpoints("ab");
	give_endpoints("abc");
	assert_int_equal(published, before);
	rp_publication_quiescent(pub, 0, rp_clock_monotonic_ns());
	for (int i = 0; i < 100 && published == before; i++)
		assert_int_equal(rp_events_turn(control.loop, 10 * RP_NS_PER_MS), RP_OK);
	assert_int_equal(published, before + 1);
	assert_int_equal(control.table->endpoint_count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rp_events_turn(control.loop, 10 * RP_NS_PER_MS), RP_OK);
	assert_int_equal(published, before + 1);
}

static void restarted_control_goes_on_where_the_former_stopped(void **state)
{
	struct rp_endpoint_figures figures = {.waiting = 9};
	struct rp_published before;
	uint32_t slot_a;
	uint32_t slot_b;

	(void)state;
	give_config();
	give_endpoints("ab");
	slot_a = endpoint_named('a')->slot;
	slot_b = endpoint_named('b')->slot;
	rp_endpoint_metrics_write(&control.shared.live->metrics, slot_b, &figures);
	before = current();
	stop_control();

	start_control();
	assert_int_equal(rp_publisher_next_config_generation(publisher), 2);
	assert_true(rp_publisher_resume(publisher));
	assert_int_equal(control.table->endpoint_count, 2);
	give_config();
	assert_int_equal(published, 0);
	assert_int_equal(current().config_slot, before.config_slot);
	/* `a` left while nobody looked. */
	give_endpoints("bc");
	assert_int_equal(published, 1);
	assert_int_equal(control.table->config_generation, 2);
	assert_int_equal(control.table->table_generation, 2);
	assert_int_equal(endpoint_named('b')->slot, slot_b);
	assert_int_equal(control.shared.live->registry.slot[slot_a].is_used, 0);
	rp_endpoint_metrics_read(&control.shared.live->metrics, slot_b, &figures);
	assert_int_equal(figures.waiting, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_published_before_both_parts_are_there,
						create, destroy),
		cmocka_unit_test_setup_teardown(endpoints_before_the_configuration_wait_for_it,
						create, destroy),
		cmocka_unit_test_setup_teardown(rules_are_published_with_the_endpoints, create,
						destroy),
		cmocka_unit_test_setup_teardown(rules_outlive_the_control_that_published_them,
						create, destroy),
		cmocka_unit_test_setup_teardown(empty_set_is_published, create, destroy),
		cmocka_unit_test_setup_teardown(
			endpoint_keeps_its_slot_and_figures_while_others_come_and_go, create,
			destroy),
		cmocka_unit_test_setup_teardown(
			returning_endpoint_gets_its_slot_back_without_old_figures, create, destroy),
		cmocka_unit_test_setup_teardown(
			full_pool_is_replaced_at_once_and_never_exceeds_the_bound, create, destroy),
		cmocka_unit_test_setup_teardown(
			slot_goes_to_another_endpoint_only_rested_and_without_requests, create,
			destroy),
		cmocka_unit_test_setup_teardown(
			slow_reader_delays_but_only_the_newest_state_is_published, create, destroy),
		cmocka_unit_test_setup_teardown(endpoint_that_comes_back_has_no_load, create,
						destroy),
		cmocka_unit_test_setup_teardown(restarted_control_goes_on_where_the_former_stopped,
						create, destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
