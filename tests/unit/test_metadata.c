/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "dataplane/ext_proc_fields.h"
#include "dataplane/metadata.h"

static uint8_t storage[512];

/* filter_metadata[name_space].fields[key] = value; kind 0: a value without any. */
static struct rp_bytes metadata(const char *name_space, const char *key, uint32_t kind)
{
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t entry, fields, field, value;

	entry = rp_pb_write_begin(&w, RP_PB_METADATA_FILTER_METADATA);
	rp_pb_write_bytes(&w, RP_PB_ENTRY_KEY, rp_bytes_str(name_space));
	fields = rp_pb_write_begin(&w, RP_PB_ENTRY_VALUE);
	field = rp_pb_write_begin(&w, RP_PB_STRUCT_FIELDS);
	rp_pb_write_bytes(&w, RP_PB_ENTRY_KEY, rp_bytes_str(key));
	value = rp_pb_write_begin(&w, RP_PB_ENTRY_VALUE);
	if (kind == RP_PB_VALUE_STRING)
		rp_pb_write_bytes(&w, kind, RP_BYTES_LIT("1.2.3.4:5"));
	else if (kind != 0)
		rp_pb_write_uint(&w, kind, 1);
	rp_pb_write_end(&w, value);
	rp_pb_write_end(&w, field);
	rp_pb_write_end(&w, fields);
	rp_pb_write_end(&w, entry);
	RP_ASSERT(w.err == RP_OK);
	return rp_writer_bytes(&w);
}

#define KEY "x-gateway-destination-endpoint-served"

static void who_served_is_found_or_what_is_missing_said(void **state RP_UNUSED)
{
	static const char no_space[] = "fail: missing envoy lb metadata";
	static const char no_value[] = "fail: missing destination endpoint served metadata";

	assert_true(rp_bytes_equal_str(
		rp_metadata_served(metadata("envoy.lb", KEY, RP_PB_VALUE_STRING)), "1.2.3.4:5"));
	assert_true(rp_bytes_equal_str(rp_metadata_served(rp_bytes("", 0)), no_space));
	assert_true(rp_bytes_equal_str(
		rp_metadata_served(metadata("envoy.other", KEY, RP_PB_VALUE_STRING)), no_space));
	assert_true(rp_bytes_equal_str(
		rp_metadata_served(metadata("envoy.lb", "other", RP_PB_VALUE_STRING)), no_value));
	assert_true(rp_bytes_equal_str(
		rp_metadata_served(metadata("envoy.lb", KEY, RP_PB_VALUE_BOOL)), no_value));
	assert_true(rp_bytes_equal_str(rp_metadata_served(metadata("envoy.lb", KEY, 0)), no_value));
}

static void metadata_cut_anywhere_is_refused(void **state RP_UNUSED)
{
	struct rp_bytes whole = metadata("envoy.lb", KEY, RP_PB_VALUE_STRING);

	for (size_t len = 0; len < whole.len; len++) {
		uint8_t *copy = malloc(len + 1); /* so that a read beyond it is seen */
		struct rp_bytes text;

		assert_non_null(copy);
		memcpy(copy, whole.ptr, len);
		text = rp_metadata_served(rp_bytes(copy, len));
		assert_true(rp_bytes_starts_with(text, RP_BYTES_LIT("fail: ")));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_served_is_found_or_what_is_missing_said),
		cmocka_unit_test(metadata_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
