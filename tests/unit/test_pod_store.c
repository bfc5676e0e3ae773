/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/pod_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rp_pod_store *store;
static struct rp_endpoint_set set;

static const uint16_t three_ports[] = {8100, 8101, 8102};

static int set_up(void **state)
{
	(void)state;
	return rp_pod_store_new(&store);
}

static int tear_down(void **state)
{
	(void)state;
	rp_endpoint_set_fini(&set);
	rp_pod_store_free(store);
	return 0;
}

static int put_json(const char *json)
{
	cJSON *pod = cJSON_Parse(json);
	int err;

	assert_non_null(pod);
	err = rp_pod_store_put(store, pod);
	cJSON_Delete(pod);
	return err;
}

static bool remove_pod(const char *name)
{
	char json[512];
	cJSON *pod;
	bool was_known;

	snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"%s\"}}", name);
	pod = cJSON_Parse(json);
	was_known = rp_pod_store_remove(store, pod);
	cJSON_Delete(pod);
	return was_known;
}

/* A ready pod; more members of its metadata may follow. */
static int put(const char *name, const char *ip, const char *more_metadata)
{
	char json[4096];

	snprintf(json, sizeof(json),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"lab\"%s},\"status\":{\"podIP\":"
		 "\"%s\",\"hostIP\":\"10.1.0.7\",\"conditions\":[{\"type\":\"Initialized\","
		 "\"status\":\"True\"},{\"type\":\"Ready\",\"status\":\"True\"}]}}",
		 name, more_metadata, ip);
	return put_json(json);
}

/* "identity=address#rank" of each endpoint, by blanks. */
static const char *endpoints(const uint16_t *port, uint32_t port_count)
{
	static char text[4096];
	size_t at = 0;

	rp_endpoint_set_fini(&set);
	assert_int_equal(rp_pod_store_endpoints(store, port, port_count, &set), RP_OK);
	text[0] = '\0';
	for (size_t i = 0; i < set.count; i++) {
		const struct rp_discovered_endpoint *e = &set.endpoint[i];

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s/%.*s=%s:%u#%u",
				       i == 0 ? "" : " ", (int)e->name_space.len,
				       (const char *)e->name_space.ptr, (int)e->name.len,
				       (const char *)e->name.ptr, e->ip, e->port, e->rank);
	}
	return text;
}

static void a_ready_pod_is_an_endpoint_with_its_node_and_labels(void **state)
{
	const struct rp_discovered_endpoint *e;

	(void)state;
	assert_int_equal(put("z-a", "10.9.0.4", ",\"labels\":{\"b\":\"2\",\"app\":\"z\"}"), RP_OK);
	assert_string_equal(endpoints(three_ports, 1), "lab/z-a-rank-0=10.9.0.4:8100#0");
	e = &set.endpoint[0];
	assert_true(rp_bytes_equal_str(e->pod, "z-a"));
	assert_true(rp_bytes_equal_str(e->node, "10.1.0.7"));
	assert_int_equal(e->label_count, 2);
	assert_true(rp_bytes_equal_str(set.label[e->label_first].key, "app"));
	assert_true(rp_bytes_equal_str(set.label[e->label_first].value, "z"));
	assert_true(rp_bytes_equal_str(set.label[e->label_first + 1].key, "b"));
	assert_true(rp_bytes_equal_str(set.label[e->label_first + 1].value, "2"));
	/* The set stands on its own. */
	assert_true(remove_pod("z-a"));
	assert_true(rp_bytes_equal_str(e->pod, "z-a"));
	assert_string_equal(endpoints(three_ports, 1), "");
}

static void ranks_are_places_in_the_ports_list(void **state)
{
	static const uint16_t reordered[] = {8102, 8100};

	(void)state;
	assert_int_equal(put("z", "10.9.0.4", ""), RP_OK);
	assert_string_equal(endpoints(three_ports, 3),
			    "lab/z-rank-0=10.9.0.4:8100#0 lab/z-rank-1=10.9.0.4:8101#1 "
			    "lab/z-rank-2=10.9.0.4:8102#2");
	assert_string_equal(endpoints(three_ports + 1, 1), "lab/z-rank-0=10.9.0.4:8101#0");
	assert_string_equal(endpoints(reordered, 2),
			    "lab/z-rank-0=10.9.0.4:8102#0 lab/z-rank-1=10.9.0.4:8100#1");
	assert_string_equal(endpoints(three_ports, 0), "");
}

/* Which of the three ports are active. */
static void expect_active(const char *annotations, const char *ranks)
{
	char more[1024];
	char seen[4] = "";
	size_t count = 0;

	snprintf(more, sizeof(more), ",\"annotations\":%s", annotations);
	(void)put("z", "10.9.0.4", more);
	(void)endpoints(three_ports, 3);
	for (size_t i = 0; i < set.count; i++)
		seen[count++] = (char)('0' + set.endpoint[i].rank);
	seen[count] = '\0';
	if (strcmp(seen, ranks) != 0)
		fail_msg("%s: ranks %s, not %s", annotations, seen, ranks);
}

static void active_ports_are_leading_numbers_of_a_list(void **state)
{
	(void)state;
	expect_active("{\"llm-d.ai/active-ports\":\" 8102, 8100 ,99\"}", "02");
	expect_active("{\"llm-d.ai/active-ports\":\"\"}", "");
	expect_active("{\"llm-d.ai/active-ports\":\"\","
		      "\"inference.networking.k8s.io/active-ports\":\"8100\"}",
		      "");
	expect_active("{\"inference.networking.k8s.io/active-ports\":\"8101x\"}", "1");
	expect_active("{\"llm-d.ai/active-ports\":\"8101\","
		      "\"inference.networking.k8s.io/active-ports\":\"8100\"}",
		      "1");
	expect_active("{\"llm-d.ai/active-ports\":\"+8100,\\t08101\\n,-8102\"}", "01");
	expect_active("{\"llm-d.ai/active-ports\":\"8100 8101\"}", "0");
	expect_active("{\"llm-d.ai/active-ports\":\"8102,8102,8102\"}", "2");
	expect_active("{\"llm-d.ai/active-ports\":\",,8102,\"}", "2");
	expect_active("{\"llm-d.ai/active-ports\":\"x8100,+,-,+ 8101,0x1fa4,8_100\"}", "");
	expect_active("{\"llm-d.ai/active-ports\":\"73636,18446744073709559716,4294975396\"}", "");
	expect_active("{\"llm-d.ai/active-ports\":8100}", "");
	expect_active("{\"other\":\"8100\"}", "012");
	expect_active("{}", "012");
	expect_active("null", "012");
}

static void pods_that_are_not_ready_are_not_kept(void **state)
{
	static const char *const statuses[] = {
		"{}",
		"null",
		"{\"podIP\":\"10.0.0.1\"}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":{}}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[\"Ready\",7]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\"}]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\",\"status\":true}]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
		"\"False\"}]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
		"\"Unknown\"}]}",
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"ready\",\"status\":"
		"\"True\"}]}",
		/* The first one counts. */
		"{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
		"\"False\"},{\"type\":\"Ready\",\"status\":\"True\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(statuses); i++) {
		char json[512];

		snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"p\"},\"status\":%s}",
			 statuses[i]);
		assert_int_equal(put_json(json), RP_EAGAIN);
		assert_int_equal(rp_pod_store_count(store), 0);
		/* Of one that was ready it is a change. */
		assert_int_equal(put("p", "10.0.0.1", ""), RP_OK);
		assert_int_equal(put_json(json), RP_OK);
		assert_int_equal(rp_pod_store_count(store), 0);
	}
}

static void a_pod_that_is_being_deleted_leaves_at_once(void **state)
{
	(void)state;
	assert_int_equal(put("p", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("p", "10.0.0.1", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""),
			 RP_OK);
	assert_string_equal(endpoints(three_ports, 1), "");
	assert_int_equal(put("p", "10.0.0.1", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""),
			 RP_EAGAIN);
	assert_false(remove_pod("p"));
}

static void heartbeats_change_nothing(void **state)
{
	(void)state;
	assert_int_equal(put("p", "10.0.0.1", ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}"), RP_OK);
	assert_int_equal(put("p", "10.0.0.1", ",\"labels\":{\"b\":\"2\",\"a\":\"1\"}"), RP_EAGAIN);
	assert_int_equal(put("p", "10.0.0.1",
			     ",\"labels\":{\"b\":\"2\",\"a\":\"1\"},\"resourceVersion\":\"9\","
			     "\"annotations\":{\"x\":\"y\"},\"generation\":4"),
			 RP_EAGAIN);
	assert_int_equal(put_json("{\"metadata\":{\"name\":\"p\",\"namespace\":\"lab\",\"labels\":"
				  "{\"a\":\"1\",\"b\":\"2\"}},\"status\":{\"phase\":\"Running\","
				  "\"hostIP\":\"10.1.0.7\",\"podIP\":\"10.0.0.1\",\"conditions\":"
				  "[{\"type\":\"Ready\",\"status\":\"True\",\"lastProbeTime\":"
				  "\"2026-01-01T00:00:00Z\"},{\"type\":\"Initialized\"}]}}"),
			 RP_EAGAIN);
	assert_int_equal(put("p", "10.0.0.1", ",\"labels\":{\"a\":\"1\",\"b\":\"3\"}"), RP_OK);
	assert_int_equal(put("p", "10.0.0.1",
			     ",\"labels\":{\"a\":\"1\",\"b\":\"3\"},"
			     "\"annotations\":{\"llm-d.ai/active-ports\":\"1\"}"),
			 RP_OK);
	assert_int_equal(put("p", "10.0.0.1", ",\"labels\":{\"a\":\"1b\",\"\":\"3\"}"), RP_OK);
}

static void a_pod_with_a_new_address_keeps_its_identity(void **state)
{
	(void)state;
	assert_int_equal(put("p", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("p", "10.0.0.2", ""), RP_OK);
	assert_int_equal(rp_pod_store_count(store), 1);
	assert_string_equal(endpoints(three_ports, 1), "lab/p-rank-0=10.0.0.2:8100#0");
}

static void ipv6_addresses_are_made_canonical(void **state)
{
	(void)state;
	assert_int_equal(put("p", "FD00:0:0::0001", ""), RP_OK);
	assert_string_equal(endpoints(three_ports, 1), "lab/p-rank-0=fd00::1:8100#0");
	assert_int_equal(put("p", "fd00::1", ""), RP_EAGAIN);
}

static void a_ready_pod_without_an_address_has_no_endpoint(void **state)
{
	static const char *const ips[] = {"",
					  "pod.example",
					  "10.0.0",
					  "10.0.0.1 ",
					  "10.0.0.01",
					  "::g",
					  "fe80::1%eth0",
					  "[fd00::1]",
					  "10.0.0.1:80",
					  "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(ips); i++) {
		(void)put("p", ips[i], "");
		assert_string_equal(endpoints(three_ports, 3), "");
	}
	assert_int_equal(put("p", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("p", "", ""), RP_OK);
	assert_int_equal(put("p", "", ""), RP_EAGAIN);
}

static void of_too_many_labels_the_first_64_by_key_are_kept(void **state)
{
	cJSON *pod = cJSON_Parse("{\"metadata\":{\"name\":\"p\"},\"status\":{\"podIP\":\"1.2.3.4\","
				 "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
	cJSON *labels = cJSON_AddObjectToObject(cJSON_GetObjectItemCaseSensitive(pod, "metadata"),
						"labels");
	char long_value[RP_LABEL_BYTES_MAX];

	(void)state;
	memset(long_value, 'v', sizeof(long_value));
	long_value[sizeof(long_value) - 1] = '\0';
	cJSON_AddStringToObject(labels, "000", long_value);
	for (int i = 0; i < 100; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%02d", i * 37 % 100);
		cJSON_AddStringToObject(labels, key, key + 1);
	}
	assert_int_equal(rp_pod_store_put(store, pod), RP_OK);
	assert_int_equal(rp_pod_store_put(store, pod), RP_EAGAIN);
	cJSON_Delete(pod);
	(void)endpoints(three_ports, 2);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.endpoint[0].label_count, 64);
	assert_int_equal(set.endpoint[0].label_first, set.endpoint[1].label_first);
	for (uint32_t i = 0; i < 64; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%02u", i);
		assert_true(rp_bytes_equal_str(set.label[i].key, key));
		assert_true(rp_bytes_equal_str(set.label[i].value, key + 1));
	}
}

static void of_equal_labels_the_last_one_counts(void **state)
{
	(void)state;
	assert_int_equal(put("p", "10.0.0.1", ",\"labels\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\"}"),
			 RP_OK);
	(void)endpoints(three_ports, 1);
	assert_int_equal(set.endpoint[0].label_count, 2);
	assert_true(rp_bytes_equal_str(set.label[0].value, "3"));
}

static void what_is_no_pod_is_refused(void **state)
{
	char json[600] = "{\"metadata\":{\"name\":\"";
	size_t at = strlen(json);

	(void)state;
	assert_int_equal(put_json("[]"), RP_EFORMAT);
	assert_int_equal(put_json("null"), RP_EFORMAT);
	assert_int_equal(put_json("{\"metadata\":[]}"), RP_EFORMAT);
	assert_int_equal(put_json("{\"metadata\":{}}"), RP_EFORMAT);
	assert_int_equal(put_json("{\"metadata\":{\"name\":\"\"}}"), RP_EFORMAT);
	assert_int_equal(put_json("{\"metadata\":{\"name\":7}}"), RP_EFORMAT);
	memset(json + at, 'n', RP_KUBE_NAME_MAX + 1);
	snprintf(json + at + RP_KUBE_NAME_MAX + 1, 16, "\"}}");
	assert_int_equal(put_json(json), RP_EFORMAT);
	snprintf(json + at + RP_KUBE_NAME_MAX, 16, "\"}}");
	assert_int_equal(put_json(json), RP_EAGAIN);
	json[at + RP_KUBE_NAME_MAX] = '\0';
	assert_int_equal(put(json + at, "10.0.0.1", ""), RP_OK);
	(void)endpoints(three_ports, 3);
	assert_int_equal(set.count, 3);
	assert_true(set.endpoint[2].name.len < RP_ENDPOINT_NAME_MAX);
}

static void a_list_takes_the_place_of_all_when_it_is_complete(void **state)
{
	(void)state;
	assert_int_equal(put("a", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("b", "10.0.0.2", ""), RP_OK);
	assert_false(rp_pod_store_is_synced(store));
	rp_pod_store_begin_list(store);
	assert_int_equal(put("b", "10.0.0.3", ""), RP_OK);
	assert_int_equal(put("c", "10.0.0.4", ""), RP_OK);
	assert_int_equal(put("d", "10.0.0.5", ""), RP_OK);
	assert_true(remove_pod("d"));
	assert_false(remove_pod("a"));
	assert_string_equal(endpoints(three_ports, 1),
			    "lab/a-rank-0=10.0.0.1:8100#0 lab/b-rank-0=10.0.0.2:8100#0");
	assert_true(rp_pod_store_end_list(store));
	assert_true(rp_pod_store_is_synced(store));
	assert_string_equal(endpoints(three_ports, 1),
			    "lab/b-rank-0=10.0.0.3:8100#0 lab/c-rank-0=10.0.0.4:8100#0");
	assert_int_equal(rp_pod_store_count(store), 2);
}

static void a_list_that_failed_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(put("a", "10.0.0.1", ""), RP_OK);
	rp_pod_store_begin_list(store);
	assert_int_equal(put("b", "10.0.0.2", ""), RP_OK);
	rp_pod_store_fail_list(store);
	assert_false(rp_pod_store_is_synced(store));
	assert_string_equal(endpoints(three_ports, 1), "lab/a-rank-0=10.0.0.1:8100#0");
	/* The next one starts anew. */
	rp_pod_store_begin_list(store);
	assert_int_equal(put("c", "10.0.0.2", ""), RP_OK);
	rp_pod_store_begin_list(store);
	assert_true(rp_pod_store_end_list(store));
	assert_string_equal(endpoints(three_ports, 1), "");
}

static void a_list_of_the_same_pods_is_no_change(void **state)
{
	(void)state;
	rp_pod_store_begin_list(store);
	assert_true(rp_pod_store_end_list(store)); /* the first */
	rp_pod_store_begin_list(store);
	assert_false(rp_pod_store_end_list(store));
	for (int round = 0; round < 3; round++) {
		rp_pod_store_begin_list(store);
		assert_int_equal(put("a", "10.0.0.1", ""), RP_OK);
		assert_int_equal(put("b", round == 2 ? "10.0.0.3" : "10.0.0.2", ""), RP_OK);
		assert_int_equal(rp_pod_store_end_list(store), round != 1);
	}
	rp_pod_store_begin_list(store);
	assert_int_equal(put("a", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("c", "10.0.0.3", ""), RP_OK);
	assert_true(rp_pod_store_end_list(store));
	assert_false(rp_pod_store_end_list(store)); /* none is under way */
}

static void endpoints_are_ordered_by_identity(void **state)
{
	(void)state;
	/* '-' stands before digits and letters: "a-rank-…" comes before "a0-rank-…". */
	assert_int_equal(put("a0", "10.0.0.1", ""), RP_OK);
	assert_int_equal(put("a", "10.0.0.2", ""), RP_OK);
	assert_int_equal(put("a-rank-0", "10.0.0.3", ""), RP_OK);
	assert_string_equal(endpoints(three_ports, 1),
			    "lab/a-rank-0=10.0.0.2:8100#0 lab/a-rank-0-rank-0=10.0.0.3:8100#0 "
			    "lab/a0-rank-0=10.0.0.1:8100#0");
}

static void pods_beyond_the_bound_are_refused_and_those_known_still_change(void **state)
{
	char name[32];

	(void)state;
	for (uint32_t i = 0; i < RP_KUBE_PODS_MAX; i++) {
		snprintf(name, sizeof(name), "p%05u", i);
		assert_int_equal(put(name, "10.0.0.1", ""), RP_OK);
	}
	assert_int_equal(put("more", "10.0.0.1", ""), RP_ETOOBIG);
	assert_int_equal(put("p00007", "10.0.0.2", ""), RP_OK);
	assert_true(remove_pod("p00008"));
	assert_int_equal(put("more", "10.0.0.1", ""), RP_OK);
	assert_int_equal(rp_pod_store_count(store), RP_KUBE_PODS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_ready_pod_is_an_endpoint_with_its_node_and_labels),
		TEST(ranks_are_places_in_the_ports_list),
		TEST(active_ports_are_leading_numbers_of_a_list),
		TEST(pods_that_are_not_ready_are_not_kept),
		TEST(a_pod_that_is_being_deleted_leaves_at_once),
		TEST(heartbeats_change_nothing),
		TEST(a_pod_with_a_new_address_keeps_its_identity),
		TEST(ipv6_addresses_are_made_canonical),
		TEST(a_ready_pod_without_an_address_has_no_endpoint),
		TEST(of_too_many_labels_the_first_64_by_key_are_kept),
		TEST(of_equal_labels_the_last_one_counts),
		TEST(what_is_no_pod_is_refused),
		TEST(a_list_takes_the_place_of_all_when_it_is_complete),
		TEST(a_list_that_failed_changes_nothing),
		TEST(a_list_of_the_same_pods_is_no_change),
		TEST(endpoints_are_ordered_by_identity),
		TEST(pods_beyond_the_bound_are_refused_and_those_known_still_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
