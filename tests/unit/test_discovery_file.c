/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/discovery_file.h"
#include "shm/clock.h"
#include "shm/log.h"

static struct rp_endpoint_set set;
static struct rp_diag diag;
static size_t refused;

static int parse(const char *text)
{
	rp_endpoint_set_fini(&set);
	return rp_discovery_file_parse("ep.yaml", rp_bytes_str(text), 100, &set, &refused, &diag);
}

static int clean(void **state)
{
	(void)state;
	rp_endpoint_set_fini(&set);
	return 0;
}

static void assert_bytes(struct rp_bytes bytes, const char *text)
{
	assert_int_equal(bytes.len, strlen(text));
	assert_memory_equal(bytes.ptr, text, bytes.len);
}

static const char both[] = "endpoints:\n"
			   "- name: b\n"
			   "  namespace: prod\n"
			   "  address: 10.0.0.2\n"
			   "  port: \"8000\"\n"
			   "  labels: {zone: \"1\", gpu: a100}\n"
			   "- name: a\n"
			   "  address: \"10.0.0.1\"\n"
			   "  port: \"65535\"\n";

static void file_gives_sorted_endpoints_with_their_labels(void **state)
{
	(void)state;
	assert_int_equal(parse(both), RP_OK);
	assert_int_equal(refused, 0);
	assert_int_equal(set.count, 2);
	assert_bytes(set.endpoint[0].name_space, "default");
	assert_bytes(set.endpoint[0].name, "a");
	assert_string_equal(set.endpoint[0].ip, "10.0.0.1");
	assert_int_equal(set.endpoint[0].port, 65535);
	assert_int_equal(set.endpoint[0].label_count, 0);
	assert_bytes(set.endpoint[1].name_space, "prod");
	assert_int_equal(set.endpoint[1].label_count, 2);
	assert_bytes(set.label[set.endpoint[1].label_first].key, "zone");
	assert_bytes(set.label[set.endpoint[1].label_first].value, "1");
	assert_bytes(set.label[set.endpoint[1].label_first + 1].value, "a100");
}

static void json_is_read_like_yaml(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"endpoints\": [{\"name\": \"a\", \"address\": \"1.2.3.4\", "
			       "\"port\": \"80\", \"labels\": {\"k\": \"v\"}}]}"),
			 RP_OK);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.label_count, 1);
}

static void missing_or_null_list_means_no_endpoints(void **state)
{
	static const char *const text[] = {"endpoints: []", "endpoints:", "endpoints: null", "{}",
					   "other: 1"};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(text); i++) {
		assert_int_equal(parse(text[i]), RP_OK);
		assert_int_equal(set.count, 0);
	}
}

static void empty_file_is_an_error(void **state)
{
	static const char *const text[] = {"", "\n", "# only a comment\n", "---\n", "null"};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(text); i++) {
		assert_int_equal(parse(text[i]), RP_EFORMAT);
		assert_non_null(strstr(diag.message, "endpoints: []"));
	}
}

static void keys_match_without_case_and_unknown_ones_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(parse("version: 2\nEndPoints:\n- NAME: a\n  Address: 1.2.3.4\n"
			       "  PORT: '80'\n  colour: {red: 1}\n"),
			 RP_OK);
	assert_int_equal(set.count, 1);
	assert_bytes(set.endpoint[0].name, "a");
}

static void last_one_of_an_identity_wins(void **state)
{
	(void)state;
	assert_int_equal(parse("endpoints:\n"
			       "- {name: a, address: 1.1.1.1, port: '1'}\n"
			       "- {name: b, address: 1.1.1.2, port: '2'}\n"
			       "- {name: a, namespace: '', address: 1.1.1.3, port: '3'}\n"),
			 RP_OK);
	assert_int_equal(set.count, 2);
	assert_string_equal(set.endpoint[0].ip, "1.1.1.3");
	assert_int_equal(set.endpoint[0].port, 3);
}

static void unquoted_number_refuses_the_whole_file_and_says_where(void **state)
{
	(void)state;
	assert_int_equal(parse("endpoints:\n- name: a\n  address: 1.1.1.1\n  port: 8000\n"),
			 RP_EFORMAT);
	assert_int_equal(diag.line, 4);
	assert_int_equal(diag.column, 9);
	assert_string_equal(diag.file, "ep.yaml");
	assert_non_null(strstr(diag.message, "quotes"));
	assert_int_equal(parse("endpoints: [{name: a, address: 1.1.1.1, port: '1', "
			       "labels: {k: 7}}]"),
			 RP_EFORMAT);
	assert_int_equal(parse("endpoints: [{name: true, address: 1.1.1.1, port: '1'}]"),
			 RP_EFORMAT);
}

static void wrong_shapes_refuse_the_whole_file(void **state)
{
	static const char *const text[] = {"[]",
					   "7",
					   "endpoints: {}",
					   "endpoints: [7]",
					   "endpoints: [[]]",
					   "endpoints: [{labels: []}]",
					   "endpoints: [{name: {}}]",
					   "endpoints: [",
					   "endpoints: x"};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(text); i++) {
		assert_int_equal(parse(text[i]), RP_EFORMAT);
		assert_true(diag.message[0] != '\0');
	}
}

static void bad_entry_is_left_out_and_described(void **state)
{
	static const char *const entry[] = {
		"{name: x, address: example.com, port: '80'}",
		"{name: x, address: '::1', port: '80'}",
		"{name: x, address: 1.2.3, port: '80'}",
		"{name: x, address: 01.2.3.4, port: '80'}",
		"{name: x, port: '80'}",
		"{name: x, address: 1.2.3.4}",
		"{name: x, address: 1.2.3.4, port: '0'}",
		"{name: x, address: 1.2.3.4, port: '65536'}",
		"{name: x, address: 1.2.3.4, port: '-1'}",
		"{name: x, address: 1.2.3.4, port: ' 80'}",
		"{name: x, address: 1.2.3.4, port: eighty}",
		"{}",
	};
	char text[300];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(entry); i++) {
		snprintf(text, sizeof(text),
			 "endpoints:\n- {name: good, address: 1.1.1.1, port: '1'}\n- %s\n",
			 entry[i]);
		assert_int_equal(parse(text), RP_OK);
		assert_int_equal(refused, 1);
		assert_int_equal(set.count, 1);
		assert_int_equal(diag.line, 3);
	}
}

static void ipv4_mapped_address_passes_as_ipv4(void **state)
{
	(void)state;
	assert_int_equal(parse("endpoints: [{name: a, address: '::ffff:10.1.2.3', port: '80'}]"),
			 RP_OK);
	assert_int_equal(set.count, 1);
	assert_string_equal(set.endpoint[0].ip, "10.1.2.3");
}

static void bounds_refuse_entries(void **state)
{
	char *text = malloc(20000);
	size_t at = 0;

	(void)state;
	assert_non_null(text);
	at = (size_t)snprintf(text, 20000, "endpoints:\n");
	for (int i = 0; i < 101; i++)
		at += (size_t)snprintf(text + at, 20000 - at,
				       "- {name: n%d, address: 1.1.1.1, port: '1'}\n", i);
	assert_int_equal(parse(text), RP_OK);
	assert_int_equal(set.count, 100);
	assert_int_equal(refused, 1);
	assert_non_null(strstr(diag.message, "--max-endpoints"));

	at = (size_t)snprintf(text, 20000, "endpoints:\n- {address: 1.1.1.1, port: '1', name: ");
	memset(text + at, 'n', RP_ENDPOINT_NAME_MAX);
	snprintf(text + at + RP_ENDPOINT_NAME_MAX, 100, "}");
	assert_int_equal(parse(text), RP_OK);
	assert_int_equal(refused, 1);

	at = (size_t)snprintf(text, 20000, "endpoints:\n- {address: 1.1.1.1, port: '1', labels: {");
	for (uint32_t i = 0; i <= RP_ENDPOINT_LABELS_MAX; i++)
		at += (size_t)snprintf(text + at, 20000 - at, "l%u: v,", i);
	snprintf(text + at, 20000 - at, "}}\n- {name: b, address: 1.1.1.1, port: '1'}");
	assert_int_equal(parse(text), RP_OK);
	assert_int_equal(refused, 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.label_count, 0);
	free(text);
}

static void file_cut_anywhere_never_crashes(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(both); cut++) {
		struct rp_endpoint_set part = {0};
		char *exact = malloc(cut + 1); /* so that reading too far shows */

		assert_non_null(exact);
		memcpy(exact, both, cut);
		if (rp_discovery_file_parse("cut", rp_bytes(exact, cut), 100, &part, &refused,
					    NULL) == RP_OK)
			rp_endpoint_set_fini(&part);
		free(exact);
	}
}

/* ---- watching ---- */

static char directory[64];
static char path[128];
static struct rp_control control;
static int set_calls;
static size_t last_count;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void on_set(struct rp_control *c, struct rp_endpoint_set *given)
{
	assert_ptr_equal(c, &control);
	set_calls++;
	last_count = given->count;
}

/* Turn the loop until a set arrives, or for at most this long. */
static bool await_set(int64_t most_ms)
{
	int64_t until_ns = rp_clock_monotonic_ns() + most_ms * RP_NS_PER_MS;
	int calls = set_calls;

	while (set_calls == calls && rp_clock_monotonic_ns() < until_ns)
		assert_int_equal(rp_events_turn(control.loop, 10 * RP_NS_PER_MS), RP_OK);
	return set_calls != calls;
}

static int start_watching(void **state)
{
	static struct rp_settings settings = {.endpoints_max = 100};

	snprintf(directory, sizeof(directory), "/tmp/rp_ep_XXXXXX");
	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/ep.yaml", directory);
	control.settings = &settings;
	set_calls = 0;
	*state = NULL;
	return rp_events_new(&control.loop);
}

static int stop_watching(void **state)
{
	char command[128];

	rp_discovery_file_free(*state);
	rp_events_free(control.loop);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

static void reload_follows_writes_renames_and_symlink_swaps(void **state)
{
	struct rp_discovery_file *d = NULL;
	char other[128];
	char link[128];
	char data[128];

	write_file(path, both);
	assert_int_equal(rp_discovery_file_new(&control, path, true, true, on_set, &d, &diag),
			 RP_OK);
	*state = d;
	assert_int_equal(set_calls, 1);
	assert_int_equal(last_count, 2);

	write_file(path, "endpoints: [{name: a, address: 1.1.1.1, port: '1'}]");
	assert_true(await_set(3000));
	assert_int_equal(last_count, 1);

	snprintf(other, sizeof(other), "%s/new", directory);
	write_file(other, "endpoints: []");
	assert_int_equal(rename(other, path), 0);
	assert_true(await_set(3000));
	assert_int_equal(last_count, 0);

	/* As the kubelet does: path -> ..data/ep.yaml, ..data -> a directory, swapped by rename. */
	snprintf(other, sizeof(other), "%s/v1", directory);
	assert_int_equal(mkdir(other, 0700), 0);
	snprintf(other, sizeof(other), "%s/v2", directory);
	assert_int_equal(mkdir(other, 0700), 0);
	snprintf(other, sizeof(other), "%s/v1/ep.yaml", directory);
	write_file(other, both);
	snprintf(other, sizeof(other), "%s/v2/ep.yaml", directory);
	write_file(other, "endpoints: [{name: a, address: 1.1.1.1, port: '1'}]");
	snprintf(data, sizeof(data), "%s/..data", directory);
	snprintf(link, sizeof(link), "%s/..tmp", directory);
	assert_int_equal(symlink("v1", data), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("..data/ep.yaml", path), 0);
	assert_true(await_set(3000));
	assert_int_equal(last_count, 2);
	assert_int_equal(symlink("v2", link), 0);
	assert_int_equal(rename(link, data), 0);
	assert_true(await_set(3000));
	assert_int_equal(last_count, 1);
}

static void bad_reload_keeps_the_endpoints_and_a_good_one_recovers(void **state)
{
	struct rp_discovery_file *d = NULL;

	write_file(path, both);
	assert_int_equal(rp_discovery_file_new(&control, path, true, true, on_set, &d, &diag),
			 RP_OK);
	*state = d;
	write_file(path, "");
	assert_false(await_set(400));
	write_file(path, "endpoints: [{name: a, port: 80}]");
	assert_false(await_set(400));
	assert_int_equal(unlink(path), 0);
	assert_false(await_set(400));
	/* A bad entry beside a good one: the good one is used. */
	write_file(path, "endpoints: [{name: a, address: 1.1.1.1, port: '1'}, {name: b}]");
	assert_true(await_set(3000));
	assert_int_equal(last_count, 1);
}

static void first_reading_is_strict_unless_told_otherwise(void **state)
{
	struct rp_discovery_file *d = NULL;

	assert_int_equal(rp_discovery_file_new(&control, path, true, true, on_set, &d, &diag),
			 -ENOENT);
	assert_non_null(strstr(diag.message, "No such file"));
	assert_string_equal(diag.file, path);
	write_file(path, "endpoints: [{name: a, address: 1.1.1.1, port: '1'}, {name: b}]");
	assert_int_equal(rp_discovery_file_new(&control, path, true, true, on_set, &d, &diag),
			 RP_EFORMAT);
	assert_int_equal(set_calls, 0);
	assert_int_equal(rp_discovery_file_new(&control, path, false, false, on_set, &d, &diag),
			 RP_OK);
	*state = d;
	assert_int_equal(set_calls, 1);
	write_file(path, both);
	assert_false(await_set(300)); /* not watched */
}

static void burst_of_writes_is_read_once(void **state)
{
	struct rp_discovery_file *d = NULL;

	write_file(path, both);
	assert_int_equal(rp_discovery_file_new(&control, path, true, true, on_set, &d, &diag),
			 RP_OK);
	*state = d;
	for (int i = 0; i < 20; i++) {
		write_file(path, i % 2 == 0 ? "" : both);
		assert_int_equal(rp_events_turn(control.loop, 2 * RP_NS_PER_MS), RP_OK);
	}
	assert_true(await_set(3000));
	assert_false(await_set(300));
	assert_int_equal(set_calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(file_gives_sorted_endpoints_with_their_labels, clean),
		cmocka_unit_test_teardown(json_is_read_like_yaml, clean),
		cmocka_unit_test_teardown(missing_or_null_list_means_no_endpoints, clean),
		cmocka_unit_test_teardown(empty_file_is_an_error, clean),
		cmocka_unit_test_teardown(keys_match_without_case_and_unknown_ones_are_ignored,
					  clean),
		cmocka_unit_test_teardown(last_one_of_an_identity_wins, clean),
		cmocka_unit_test_teardown(unquoted_number_refuses_the_whole_file_and_says_where,
					  clean),
		cmocka_unit_test_teardown(wrong_shapes_refuse_the_whole_file, clean),
		cmocka_unit_test_teardown(bad_entry_is_left_out_and_described, clean),
		cmocka_unit_test_teardown(ipv4_mapped_address_passes_as_ipv4, clean),
		cmocka_unit_test_teardown(bounds_refuse_entries, clean),
		cmocka_unit_test_teardown(file_cut_anywhere_never_crashes, clean),
		cmocka_unit_test_setup_teardown(reload_follows_writes_renames_and_symlink_swaps,
						start_watching, stop_watching),
		cmocka_unit_test_setup_teardown(
			bad_reload_keeps_the_endpoints_and_a_good_one_recovers, start_watching,
			stop_watching),
		cmocka_unit_test_setup_teardown(first_reading_is_strict_unless_told_otherwise,
						start_watching, stop_watching),
		cmocka_unit_test_setup_teardown(burst_of_writes_is_read_once, start_watching,
						stop_watching),
	};

	rp_log_init(RP_LOG_ERROR - 1, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
