/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/pool_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct rp_pool_object pool;

static int read_pool(const char *json, bool is_v1, struct rp_pool_object *ret)
{
	cJSON *object = cJSON_Parse(json);
	int err;

	assert_non_null(object);
	memset(ret, 0xa5, sizeof(*ret));
	err = rp_pool_object_read(object, is_v1, ret);
	cJSON_Delete(object);
	return err;
}

static int read_v1(const char *spec, struct rp_pool_object *ret)
{
	char json[4096];

	snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"p7\"},\"spec\":%s}", spec);
	return read_pool(json, true, ret);
}

static void a_pool_is_its_ports_in_order_and_its_selector_by_key(void **state)
{
	(void)state;
	assert_int_equal(read_v1("{\"selector\":{\"matchLabels\":{\"z\":\"1\",\"app\":\"x.y_z\","
				 "\"k8s.io/empty\":\"\"}},\"targetPorts\":[{\"number\":8101},"
				 "{\"number\":8100}],\"appProtocol\":\"kubernetes.io/h2c\","
				 "\"endpointPickerRef\":{\"name\":\"x\"}}",
				 &pool),
			 RP_OK);
	assert_int_equal(pool.port_count, 2);
	assert_int_equal(pool.port[0], 8101);
	assert_int_equal(pool.port[1], 8100);
	assert_string_equal(pool.selector, "app=x.y_z,k8s.io/empty=,z=1");
	assert_string_equal(pool.app_protocol, "kubernetes.io/h2c");
	assert_false(pool.is_deleting);
}

static void a_pool_without_a_protocol_has_an_empty_one(void **state)
{
	(void)state;
	assert_int_equal(read_v1("{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
				 "\"targetPorts\":[{\"number\":65535}]}",
				 &pool),
			 RP_OK);
	assert_string_equal(pool.app_protocol, "");
}

static void the_old_version_has_one_port_and_labels_at_once(void **state)
{
	(void)state;
	assert_int_equal(read_pool("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"selector\":"
				   "{\"app\":\"z\"},\"targetPortNumber\":8000}}",
				   false, &pool),
			 RP_OK);
	assert_int_equal(pool.port_count, 1);
	assert_int_equal(pool.port[0], 8000);
	assert_string_equal(pool.selector, "app=z");
	assert_int_equal(read_pool("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"selector\":{},"
				   "\"targetPortNumber\":8000}}",
				   false, &pool),
			 RP_OK);
	assert_string_equal(pool.selector, "");
	/* One version is not the other. */
	assert_int_equal(read_pool("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"selector\":"
				   "{\"app\":\"z\"},\"targetPortNumber\":8000}}",
				   true, &pool),
			 RP_EFORMAT);
	assert_int_equal(read_pool("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"selector\":"
				   "{\"matchLabels\":{\"a\":\"b\"}},\"targetPorts\":"
				   "[{\"number\":1}]}}",
				   false, &pool),
			 RP_EFORMAT);
}

static void a_pool_that_is_being_deleted_says_so(void **state)
{
	(void)state;
	assert_int_equal(
		read_pool("{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":"
			  "\"2026-01-01T00:00:00Z\"},\"spec\":{\"selector\":{\"matchLabels\":"
			  "{\"a\":\"b\"}},\"targetPorts\":[{\"number\":1}]}}",
			  true, &pool),
		RP_OK);
	assert_true(pool.is_deleting);
	assert_int_equal(
		read_pool("{\"metadata\":{\"name\":\"p\",\"deletionTimestamp\":null},\"spec\":"
			  "{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"targetPorts\":"
			  "[{\"number\":1}]}}",
			  true, &pool),
		RP_OK);
	assert_false(pool.is_deleting);
}

#define SELECTOR "\"selector\":{\"matchLabels\":{\"a\":\"b\"}}"
#define PORTS	 "\"targetPorts\":[{\"number\":1}]"

static void what_the_schema_would_not_let_in_is_refused(void **state)
{
	static const char *const specs[] = {
		"{}",
		"[]",
		"null",
		"{" SELECTOR "}",
		"{" PORTS "}",
		"{" SELECTOR ",\"targetPorts\":[]}",
		"{" SELECTOR ",\"targetPorts\":{}}",
		"{" SELECTOR ",\"targetPorts\":[1]}",
		"{" SELECTOR ",\"targetPorts\":[{}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":0}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":-1}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":65536}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1e300}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1.5}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":\"1\"}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1},{\"number\":1}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1},{\"number\":2},{\"number\":3},"
		"{\"number\":4},{\"number\":5},{\"number\":6},{\"number\":7},{\"number\":8},"
		"{\"number\":9}]}",
		"{\"selector\":{}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":[]}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a\":1}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"\":\"b\"}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a,b\":\"b\"}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a\":\"b,c=d\"}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a\":\"-b\"}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a\":\"b\\u00e9\"}}," PORTS "}",
		"{\"selector\":{\"matchLabels\":{\"a\":\"0123456789012345678901234567890123456789"
		"012345678901234567890123\"}}," PORTS "}",
		"{" SELECTOR "," PORTS ",\"appProtocol\":\"0123456789012345678901234567890123456789"
		"012345678901234567890123\"}",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(specs); i++) {
		if (read_v1(specs[i], &pool) != RP_EFORMAT)
			fail_msg("accepted: %s", specs[i]);
	}
	assert_int_equal(read_pool("{\"spec\":{" SELECTOR "," PORTS "}}", true, &pool), RP_EFORMAT);
	assert_int_equal(read_pool("[]", true, &pool), RP_EFORMAT);
	assert_int_equal(read_pool("7", false, &pool), RP_EFORMAT);
}

static void the_longest_selector_of_64_labels_fits_and_65_do_not(void **state)
{
	(void)state;
	for (int count = 64; count <= 65; count++) {
		cJSON *object = cJSON_Parse("{\"metadata\":{\"name\":\"p\"},\"spec\":{" PORTS "}}");
		cJSON *selector = cJSON_AddObjectToObject(
			cJSON_GetObjectItemCaseSensitive(object, "spec"), "selector");
		cJSON *labels = cJSON_AddObjectToObject(selector, "matchLabels");

		for (int i = 0; i < count; i++) {
			char key[318];
			char value[64];

			memset(key, 'k', sizeof(key));
			snprintf(key, sizeof(key), "%03d", i);
			key[3] = 'k';
			key[253] = '/';
			key[317] = '\0';
			memset(value, 'v', sizeof(value));
			value[63] = '\0';
			cJSON_AddStringToObject(labels, key, value);
		}
		assert_int_equal(rp_pool_object_read(object, true, &pool),
				 count == 64 ? RP_OK : RP_EFORMAT);
		if (count == 64)
			assert_int_equal(strlen(pool.selector), 64 * (317 + 63 + 2) - 1);
		cJSON_Delete(object);
	}
}

static void pools_differ_by_selector_ports_and_their_order(void **state)
{
	static struct rp_pool_object other;
	static const char *const specs[] = {
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1},{\"number\":2}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":2},{\"number\":1}]}",
		"{" SELECTOR ",\"targetPorts\":[{\"number\":1}]}",
		"{\"selector\":{\"matchLabels\":{\"a\":\"c\"}},\"targetPorts\":[{\"number\":1},"
		"{\"number\":2}]}",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(specs); i++) {
		assert_int_equal(read_v1(specs[0], &pool), RP_OK);
		assert_int_equal(read_v1(specs[i], &other), RP_OK);
		assert_int_equal(rp_pool_object_equals(&pool, &other), i == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_is_its_ports_in_order_and_its_selector_by_key),
		cmocka_unit_test(a_pool_without_a_protocol_has_an_empty_one),
		cmocka_unit_test(the_old_version_has_one_port_and_labels_at_once),
		cmocka_unit_test(a_pool_that_is_being_deleted_says_so),
		cmocka_unit_test(what_the_schema_would_not_let_in_is_refused),
		cmocka_unit_test(the_longest_selector_of_64_labels_fits_and_65_do_not),
		cmocka_unit_test(pools_differ_by_selector_ports_and_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
