/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_session_id_producer;

static void check(struct plugin_bed *bed, const struct rp_call *call, const char *header,
		  const char *value, const char *id)
{
	plugin_bed_header(bed, header, value);
	assert_int_equal(call->ops->produce(call), RP_OK);
	assert_true(rp_bytes_equal_str(call->data->text, id));
}

static void a_header_is_the_id_without_blanks(void **state RP_UNUSED)
{
	struct plugin_bed *bed = plugin_bed_new(0);
	struct rp_params_session_id_producer params = {
		.header_name = plugin_bed_str(bed, "x-conversation")};
	const struct rp_call *call = plugin_bed_set(bed, 0, "id", &rp_session_id_producer, &params);

	assert_int_equal(call->ops->produce(call), RP_OK);
	assert_int_equal(call->data->text.len, 0);
	check(bed, call, "x-conversation", " c-1 ", "c-1");
	check(bed, call, "x-conversation", "", "");
	plugin_bed_free(bed);
}

static void a_cookie_is_found_among_others(void **state RP_UNUSED)
{
	static const char *const rows[][2] = {
		{"sid=1", "1"},
		{"a=b; sid=1; sid=2", "1"},
		{"asid=7;sid= 3 ;b", "3"},
		{"sid", ""},
		{"sid;sid=4=5", "4=5"},
		{";;=;sid=;sid=6", ""},
		{"Sid=1", ""},
		{"", ""},
	};
	struct plugin_bed *bed = plugin_bed_new(0);
	struct rp_params_session_id_producer params = {.cookie_name = plugin_bed_str(bed, "sid")};
	const struct rp_call *call = plugin_bed_set(bed, 0, "id", &rp_session_id_producer, &params);

	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++)
		check(bed, call, "cookie", rows[i][0], rows[i][1]);
	plugin_bed_free(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_the_id_without_blanks),
		cmocka_unit_test(a_cookie_is_found_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
