/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shm/bytes.h"

static void views_compare_by_content(void **state)
{
	(void)state;
	assert_true(rp_bytes_equal(RP_BYTES_LIT("abc"), rp_bytes_str("abc")));
	assert_true(rp_bytes_equal(rp_bytes(NULL, 0), RP_BYTES_LIT("")));
	assert_false(rp_bytes_equal(RP_BYTES_LIT("abc"), RP_BYTES_LIT("abd")));
	assert_true(
		rp_bytes_equal_nocase(RP_BYTES_LIT("Content-TYPE"), RP_BYTES_LIT("content-type")));
	/* '@' and '`' differ in the same bit as letters do. */
	assert_false(rp_bytes_equal_nocase(RP_BYTES_LIT("@"), RP_BYTES_LIT("`")));
	assert_true(rp_bytes_starts_with(RP_BYTES_LIT("abc"), RP_BYTES_LIT("ab")));
	assert_true(rp_bytes_ends_with(RP_BYTES_LIT("abc"), RP_BYTES_LIT("bc")));
	assert_false(rp_bytes_ends_with(RP_BYTES_LIT("c"), RP_BYTES_LIT("bc")));
}

static void find_knows_empty_and_missing_needles(void **state)
{
	(void)state;
	assert_int_equal(rp_bytes_find(RP_BYTES_LIT("a, b"), RP_BYTES_LIT(", ")), 1);
	assert_int_equal(rp_bytes_find(RP_BYTES_LIT(""), RP_BYTES_LIT("")), 0);
	assert_true(rp_bytes_find(RP_BYTES_LIT("abc"), RP_BYTES_LIT("abcd")) == SIZE_MAX);
	assert_true(rp_bytes_find(rp_bytes(NULL, 0), RP_BYTES_LIT("x")) == SIZE_MAX);
}

static void slice_and_trim_stay_inside(void **state)
{
	(void)state;
	struct rp_bytes text = RP_BYTES_LIT(" \t ab c\r\n");

	assert_true(rp_bytes_equal_str(rp_bytes_trim(text), "ab c"));
	assert_int_equal(rp_bytes_trim(RP_BYTES_LIT(" \n")).len, 0);
	assert_true(rp_bytes_equal_str(rp_bytes_slice(text, 3, 2), "ab"));
	assert_int_equal(rp_bytes_slice(text, 100, 2).len, 0);
	assert_int_equal(rp_bytes_slice(text, 8, SIZE_MAX).len, 1);
}

static void cut_never_splits_a_utf8_sequence(void **state)
{
	(void)state;
	/* 1, 2, 3 and 4 bytes. */
	struct rp_bytes text = RP_BYTES_LIT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

	for (size_t len = 0; len < RP_ARRAY_LEN(want); len++)
		assert_int_equal(rp_bytes_cut(text, len).len, want[len]);
	assert_int_equal(rp_bytes_cut(RP_BYTES_LIT("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}

static void u64_takes_digits_only_and_no_overflow(void **state)
{
	(void)state;
	const char *const bad[] = {"",
				   "-1",
				   "+1",
				   " 1",
				   "1 ",
				   "0x1",
				   "18446744073709551616",
				   "99999999999999999999999"};
	uint64_t value = 7;

	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++)
		assert_int_equal(rp_bytes_to_u64(rp_bytes_str(bad[i]), UINT64_MAX, &value),
				 RP_EFORMAT);
	assert_int_equal(value, 7);
	assert_int_equal(rp_bytes_to_u64(RP_BYTES_LIT("18446744073709551615"), UINT64_MAX, &value),
			 RP_OK);
	assert_true(value == UINT64_MAX);
	assert_int_equal(rp_bytes_to_u64(RP_BYTES_LIT("65535"), 65535, &value), RP_OK);
	assert_int_equal(rp_bytes_to_u64(RP_BYTES_LIT("65536"), 65535, &value), RP_EFORMAT);
	assert_int_equal(value, 65535);
}

static void to_str_always_terminates(void **state)
{
	(void)state;
	char out[4] = "xxx";

	assert_int_equal(rp_bytes_to_str(RP_BYTES_LIT("abcdef"), out, sizeof(out)), 3);
	assert_string_equal(out, "abc");
	assert_int_equal(rp_bytes_to_str(rp_bytes(NULL, 0), out, sizeof(out)), 0);
	assert_string_equal(out, "");
	assert_int_equal(rp_bytes_to_str(RP_BYTES_LIT("a"), out, 1), 0);
	assert_string_equal(out, "");
}

/* Everything a writer can write, into `bytes` of room. */
static struct rp_writer write_all(uint8_t *storage, size_t bytes)
{
	struct rp_writer w = rp_writer(storage, bytes);

	rp_write_u8(&w, 0xfe);
	rp_write_be32(&w, 0x01020304);
	rp_write_le64(&w, UINT64_C(0x0807060504030201));
	rp_write_str(&w, "text");
	rp_write_u64_dec(&w, 0);
	rp_write_u64_dec(&w, UINT64_MAX);
	return w;
}

static const char all[] = "\xfe\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08text"
			  "018446744073709551615";

static void writer_stops_at_every_cut(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= sizeof(all); bytes++) {
		uint8_t storage[64];
		struct rp_writer w;

		memset(storage, 0xaa, sizeof(storage));
		w = write_all(storage, bytes);
		assert_int_equal(w.err, bytes >= sizeof(all) - 1 ? RP_OK : RP_ETOOBIG);
		assert_true(rp_written(&w) <= bytes);
		assert_memory_equal(storage, all, rp_written(&w));
		assert_int_equal(storage[bytes], 0xaa);
		assert_int_equal(rp_writer_bytes(&w).len, rp_written(&w));
	}
}

static void reader_fails_at_every_cut_and_stays_failed(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= sizeof(all) - 1; bytes++) {
		struct rp_reader r = rp_reader(rp_bytes(all, bytes));

		assert_int_equal(rp_read_u8(&r), bytes >= 1 ? 0xfe : 0);
		assert_int_equal(rp_read_be32(&r), bytes >= 5 ? 0x01020304 : 0);
		assert_true(rp_read_le64(&r) == (bytes >= 13 ? UINT64_C(0x0807060504030201) : 0));
		assert_int_equal(rp_read_bytes(&r, 25).len, bytes >= 38 ? 25 : 0);
		assert_int_equal(r.err, bytes >= 38 ? RP_OK : RP_EFORMAT);
		if (r.err != RP_OK) {
			assert_int_equal(rp_read_u8(&r), 0);
			assert_int_equal(rp_read_bytes(&r, 0).len, 0);
		} else {
			assert_int_equal(rp_reader_left(&r), 0);
		}
	}
}

static void a_word_of_a_list_is_found_in_any_case(void **state)
{
	(void)state;
	assert_true(rp_bytes_has_word(RP_BYTES_LIT("a, Close ,b"), RP_BYTES_LIT("close")));
	assert_true(rp_bytes_has_word(RP_BYTES_LIT(",,close"), RP_BYTES_LIT("close")));
	assert_false(rp_bytes_has_word(RP_BYTES_LIT("closed, clos e"), RP_BYTES_LIT("close")));
	assert_false(rp_bytes_has_word(RP_BYTES_LIT(""), RP_BYTES_LIT("close")));
}

static void utf8_is_what_encodes_a_character_in_the_shortest_way(void **state)
{
	(void)state;
	uint8_t b[4];

	/* Every character forth and back, and cut at each byte. */
	for (uint32_t c = 0; c <= 0x110000; c++) {
		size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		bool is_valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		uint32_t point = 0;

		b[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c >> 6 * (n - 1));
		for (size_t i = 1; i < n; i++)
			b[i] = (uint8_t)(0x80 | (c >> 6 * (n - 1 - i) & 0x3f));
		assert_int_equal(rp_bytes_utf8(rp_bytes(b, n), &point), is_valid ? n : 0);
		assert_int_equal(point, is_valid ? c : 0);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(rp_bytes_utf8(rp_bytes(b, cut), NULL), 0);
	}
	for (uint32_t word = 0; word <= 0xffff; word++) {
		b[0] = (uint8_t)(word >> 8);
		b[1] = (uint8_t)word;
		b[2] = b[3] = 0x80;
		size_t n = rp_bytes_utf8(rp_bytes(b, 4), NULL);

		if (b[0] >= 0x80 && b[0] < 0xc2)
			assert_int_equal(n, 0);
		if (n > 1)
			assert_int_equal(b[1] & 0xc0, 0x80);
		if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90) || b[0] > 0xf4)
			assert_int_equal(n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_of_a_list_is_found_in_any_case),
		cmocka_unit_test(utf8_is_what_encodes_a_character_in_the_shortest_way),
		cmocka_unit_test(views_compare_by_content),
		cmocka_unit_test(find_knows_empty_and_missing_needles),
		cmocka_unit_test(slice_and_trim_stay_inside),
		cmocka_unit_test(cut_never_splits_a_utf8_sequence),
		cmocka_unit_test(u64_takes_digits_only_and_no_overflow),
		cmocka_unit_test(to_str_always_terminates),
		cmocka_unit_test(writer_stops_at_every_cut),
		cmocka_unit_test(reader_fails_at_every_cut_and_stays_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
