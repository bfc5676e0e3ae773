/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int read_text(const char *text, char *out, size_t out_bytes, size_t *ret_len)
{
	struct rp_writer writer = rp_writer(out, out_bytes);
	int r = rp_base64_read(&writer, rp_bytes_str(text));

	*ret_len = rp_written(&writer);
	return r;
}

/* RFC 4648, section 10. */
static void known_texts_go_both_ways(void **state RP_UNUSED)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"ns/p2", "bnMvcDI="},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		char text[16], out[16];
		struct rp_writer writer = rp_writer(text, sizeof(text));
		size_t len;

		rp_base64_write(&writer, rp_bytes_str(rows[i][0]));
		assert_true(rp_bytes_equal_str(rp_writer_bytes(&writer), rows[i][1]));
		assert_int_equal(rp_written(&writer), rp_base64_bytes(strlen(rows[i][0])));
		assert_int_equal(read_text(rows[i][1], out, sizeof(out), &len), RP_OK);
		assert_true(rp_bytes_equal_str(rp_bytes(out, len), rows[i][0]));
	}
}

static void what_go_refuses_is_refused(void **state RP_UNUSED)
{
	static const char *const rows[] = {
		"%%%",	"Z",	 "Zg",	  "Zg=",      "Zm8",   "=",    "====",	    "Z===",
		"Zg=a", "Zg==a", "Zg===", "Zm8=Zg==", "Zm9v=", "Zm-v", "Zm9v Zg==", "\x80"};

	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		char out[16];
		size_t len;

		assert_int_equal(read_text(rows[i], out, sizeof(out), &len), RP_EFORMAT);
	}
}

static void line_breaks_and_unused_bits_do_not_count(void **state RP_UNUSED)
{
	static const char *const rows[] = {"Zm\r\n8=", "Zm8=\n", "Z\nm8=", "Zm9="};

	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		char out[16];
		size_t len;

		assert_int_equal(read_text(rows[i], out, sizeof(out), &len), RP_OK);
		assert_true(rp_bytes_equal_str(rp_bytes(out, len), "fo"));
	}
}

static void nothing_is_written_beyond_the_room(void **state RP_UNUSED)
{
	for (size_t room = 0; room < 6; room++) {
		char out[8] = "\1\1\1\1\1\1\1";
		size_t len;

		assert_int_equal(read_text("Zm9vYmFy", out, room, &len), RP_ETOOBIG);
		assert_int_equal(out[room], 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts_go_both_ways),
		cmocka_unit_test(what_go_refuses_is_refused),
		cmocka_unit_test(line_breaks_and_unused_bits_do_not_count),
		cmocka_unit_test(nothing_is_written_beyond_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
