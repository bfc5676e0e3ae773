/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "shm/endpoint_table.h"

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct rp_endpoint_table));
	rp_endpoint_table_reset(*state);
	return *state == NULL;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int add(struct rp_endpoint_table *table, const char *name, uint32_t slot)
{
	return rp_endpoint_table_add(table, RP_BYTES_LIT("default"), rp_bytes_str(name),
				     RP_BYTES_LIT("[fd00::1]:8000"), RP_BYTES_LIT("[fd00::1]"),
				     8000, slot, 9);
}

static void endpoint_keeps_what_was_added(void **state)
{
	struct rp_endpoint_table *table = *state;
	const struct rp_endpoint *endpoint = &table->endpoint[1];

	assert_int_equal(add(table, "a", 3), RP_OK);
	assert_int_equal(add(table, "b", 4), RP_OK);
	assert_int_equal(
		rp_endpoint_table_add_label(table, RP_BYTES_LIT("role"), RP_BYTES_LIT("decode")),
		RP_OK);
	assert_int_equal(rp_endpoint_table_add_label(table, RP_BYTES_LIT("x"), RP_BYTES_LIT("")),
			 RP_OK);
	assert_int_equal(table->endpoint_count, 2);
	assert_int_equal(endpoint->slot, 4);
	assert_int_equal(endpoint->generation, 9);
	assert_int_equal(endpoint->port, 8000);
	assert_int_equal(endpoint->label_first, 0);
	assert_int_equal(endpoint->label_count, 2);
	assert_int_equal(table->endpoint[0].label_count, 0);
	assert_true(rp_bytes_equal_str(rp_endpoint_address(endpoint), "[fd00::1]:8000"));
	assert_true(rp_bytes_equal_str(rp_endpoint_ip(endpoint), "[fd00::1]"));
	assert_true(rp_bytes_equal_str(rp_endpoint_table_borrow_str(table, endpoint->name), "b"));
	assert_true(rp_bytes_equal_str(rp_endpoint_table_borrow_str(table, endpoint->name_space),
				       "default"));
	assert_true(rp_bytes_equal_str(rp_endpoint_table_borrow_str(table, table->label[0].value),
				       "decode"));
}

static void table_takes_all_endpoints_and_no_more(void **state)
{
	struct rp_endpoint_table *table = *state;

	for (uint32_t i = 0; i < RP_ENDPOINTS_MAX; i++)
		assert_int_equal(add(table, "n", i), RP_OK);
	assert_int_equal(add(table, "n", 0), RP_ETOOBIG);
	rp_endpoint_table_reset(table);
	assert_int_equal(add(table, "n", 0), RP_OK);
	assert_int_equal(table->endpoint_count, 1);
}

static void refused_endpoint_leaves_no_trace(void **state)
{
	struct rp_endpoint_table *table = *state;
	char big[RP_ENDPOINT_NAME_MAX + 1];
	uint32_t pool_bytes;

	memset(big, 'x', sizeof(big));
	assert_int_equal(add(table, "a", 1), RP_OK);
	table->pool_bytes = RP_TABLE_POOL_BYTES - 3;
	pool_bytes = table->pool_bytes;
	assert_int_equal(add(table, "ab", 2), RP_ETOOBIG);
	assert_int_equal(rp_endpoint_table_add_label(table, RP_BYTES_LIT("ab"), RP_BYTES_LIT("cd")),
			 RP_ETOOBIG);
	table->pool_bytes = 0;
	assert_int_equal(rp_endpoint_table_add(table, RP_BYTES_LIT("d"), rp_bytes(big, sizeof(big)),
					       RP_BYTES_LIT("1.2.3.4:5"), RP_BYTES_LIT("1.2.3.4"),
					       5, 1, 1),
			 RP_ETOOBIG);
	assert_int_equal(rp_endpoint_table_add(table, RP_BYTES_LIT("d"), RP_BYTES_LIT("n"),
					       rp_bytes(big, RP_ENDPOINT_ADDRESS_MAX),
					       rp_bytes(big, 4), 5, 1, 1),
			 RP_ETOOBIG);
	assert_int_equal(table->pool_bytes, 0);
	assert_int_equal(pool_bytes, RP_TABLE_POOL_BYTES - 3);
	assert_int_equal(table->endpoint_count, 1);
	assert_int_equal(table->label_count, 0);
	assert_int_equal(table->endpoint[0].label_count, 0);
}

static void labels_are_bounded(void **state)
{
	struct rp_endpoint_table *table = *state;
	char big[RP_LABEL_BYTES_MAX];

	memset(big, 'x', sizeof(big));
	assert_int_equal(add(table, "a", 1), RP_OK);
	assert_int_equal(
		rp_endpoint_table_add_label(table, RP_BYTES_LIT("k"), rp_bytes(big, sizeof(big))),
		RP_ETOOBIG);
	for (uint32_t i = 0; i < RP_ENDPOINT_LABELS_MAX; i++)
		assert_int_equal(rp_endpoint_table_add_label(table, RP_BYTES_LIT("k"),
							     rp_bytes(big, sizeof(big) - 1)),
				 RP_OK);
	assert_int_equal(rp_endpoint_table_add_label(table, RP_BYTES_LIT("k"), RP_BYTES_LIT("v")),
			 RP_ETOOBIG);
}

static void foreign_string_is_cut_to_the_pool(void **state)
{
	struct rp_endpoint_table *table = *state;
	const struct rp_table_str foreign[] = {
		{UINT32_MAX, UINT32_MAX}, {RP_TABLE_POOL_BYTES, 1}, {RP_TABLE_POOL_BYTES - 1, 9}};
	const char *end = table->pool + RP_TABLE_POOL_BYTES;

	for (size_t i = 0; i < RP_ARRAY_LEN(foreign); i++) {
		struct rp_bytes view = rp_endpoint_table_borrow_str(table, foreign[i]);

		assert_true((const char *)view.ptr + view.len <= end);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(endpoint_keeps_what_was_added, setup, teardown),
		cmocka_unit_test_setup_teardown(table_takes_all_endpoints_and_no_more, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refused_endpoint_leaves_no_trace, setup, teardown),
		cmocka_unit_test_setup_teardown(labels_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign_string_is_cut_to_the_pool, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
