/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/pool_flags.h"

static void ports_are_read_each_once_in_their_order(void **state)
{
	struct rp_target_ports ports;

	(void)state;
	assert_int_equal(rp_target_ports_parse("8000", &ports, NULL), RP_OK);
	assert_int_equal(ports.count, 1);
	assert_int_equal(rp_target_ports_parse("8001,8000,8001, 9", &ports, NULL), RP_OK);
	assert_int_equal(ports.count, 3);
	assert_int_equal(ports.port[0], 8001);
	assert_int_equal(ports.port[1], 8000);
	assert_int_equal(ports.port[2], 9);
	assert_int_equal(rp_target_ports_parse("1,2,3,4,5,6,7,8,8", &ports, NULL), RP_OK);
	assert_int_equal(ports.count, 8);
}

static void what_is_no_list_of_ports_is_refused(void **state)
{
	static const char *const bad[] = {
		"", ",", "0", "65536", "-1", "8000,,1", "8000x", "http", "1,2,3,4,5,6,7,8,9"};
	struct rp_target_ports ports;
	struct rp_diag diag;

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		diag = (struct rp_diag){0};
		if (rp_target_ports_parse(bad[i], &ports, &diag) != RP_ECONFIG ||
		    diag.message[0] == '\0')
			fail_msg("\"%s\" is let in", bad[i]);
	}
}

/* The flags' defaults, with these. */
static struct rp_flags flags_with(const char *pool_name, const char *selector, const char *ports)
{
	static struct rp_flags flags;
	char program[] = "ringpick";
	char *argv[] = {program, NULL};
	int err = rp_flags_parse(1, argv, NULL, &flags, NULL);

	assert_int_equal(err, RP_OK);
	flags.pool_name = pool_name;
	flags.endpoint_selector = selector;
	flags.endpoint_target_ports = ports;
	return flags;
}

static void check_flags(int want, const char *pool_name, const char *selector, const char *ports)
{
	struct rp_flags flags = flags_with(pool_name, selector, ports);
	struct rp_diag diag = {0};
	int err = rp_pool_flags_check(&flags, &diag);

	if (err != want)
		fail_msg("\"%s\", \"%s\": %d, %s", pool_name, selector, err, diag.message);
}

static void a_selector_needs_ports_and_stands_alone(void **state)
{
	struct rp_flags with_file = flags_with("", "app=a", "8000");

	(void)state;
	check_flags(RP_OK, "p", "", "");
	check_flags(RP_OK, "", "", "");
	check_flags(RP_OK, "", "app in (a,b),!x", "8000");
	check_flags(RP_ECONFIG, "", "app=a", "");
	check_flags(RP_ECONFIG, "p", "app=a", "8000");
	check_flags(RP_ECONFIG, "", "app in a", "8000");
	with_file.endpoints_file = "endpoints.yaml";
	assert_int_equal(rp_pool_flags_check(&with_file, NULL), RP_ECONFIG);
}

static int find(const char *pool_name, const char *selector, struct rp_pool_identity *ret)
{
	struct rp_flags flags = flags_with(pool_name, selector, "");

	return rp_pool_identity_find(&flags, ret, NULL);
}

static void the_pool_goes_by_its_flags(void **state)
{
	struct rp_pool_identity identity;

	(void)state;
	unsetenv("NAMESPACE");
	assert_int_equal(find("gold", "", &identity), RP_OK);
	assert_string_equal(identity.name, "gold");
	assert_string_equal(identity.name_space, "default");
	setenv("NAMESPACE", "lab", 1);
	assert_int_equal(find("", "", &identity), RP_OK);
	assert_string_equal(identity.name, "epp");
	assert_string_equal(identity.name_space, "lab");
	unsetenv("NAMESPACE");
}

static void with_a_selector_it_goes_by_our_deployment(void **state)
{
	static const struct {
		const char *pod, *name; /* NULL: refused */
	} cases[] = {
		{"router-7c9f-x2x", "router"},
		{"a-b-7c9f-x2x", "a-b"},
		{"a-b-c-d-e", "a-b-c"},
		{"router-0", NULL},
		{"router", NULL},
		{"-a-b", NULL},
		{"router--b", NULL},
		{"router-A-b", NULL},
		{"", NULL},
		{"router-7c9f-", NULL},
		{"x.y-1-2", "x.y"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_pool_identity identity = {.name = ""};
		int err;

		setenv("POD_NAME", cases[i].pod, 1);
		err = find("", "app=a", &identity);
		if (cases[i].name == NULL
			    ? err != RP_ECONFIG
			    : err != RP_OK || strcmp(identity.name, cases[i].name) != 0)
			fail_msg("\"%s\": %d, \"%s\"", cases[i].pod, err, identity.name);
	}
	unsetenv("POD_NAME");
	assert_int_equal(find("", "app=a", &(struct rp_pool_identity){.name = ""}), RP_ECONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_read_each_once_in_their_order),
		cmocka_unit_test(what_is_no_list_of_ports_is_refused),
		cmocka_unit_test(a_selector_needs_ports_and_stands_alone),
		cmocka_unit_test(the_pool_goes_by_its_flags),
		cmocka_unit_test(with_a_selector_it_goes_by_our_deployment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
