/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/byte_runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_BYTES = 300 };

/* What the scans are compared with: one byte after the other. */
static size_t plain_run(struct rp_bytes in, bool *has_high)
{
	size_t n = 0;

	while (n < in.len && in.ptr[n] != '"' && in.ptr[n] != '\\' && in.ptr[n] >= 0x20)
		*has_high |= in.ptr[n++] >= 0x80;
	return n;
}

static size_t clean_run(struct rp_bytes in)
{
	size_t at = 0;

	while (at < in.len && in.ptr[at] != '\\') {
		size_t n = rp_bytes_utf8(rp_bytes_slice(in, at, SIZE_MAX), NULL);

		if (n == 0)
			break;
		at += n;
	}
	return at;
}

static size_t find(struct rp_bytes in, struct rp_bytes needle)
{
	for (size_t at = 0; at + needle.len <= in.len; at++) {
		if (memcmp(in.ptr + at, needle.ptr, needle.len) == 0)
			return at;
	}
	return SIZE_MAX;
}

static void check(struct rp_bytes in)
{
	bool ours = false;
	bool theirs = false;

	assert_int_equal(rp_run_plain(in, &ours), plain_run(in, &theirs));
	assert_true(ours == theirs);
	assert_int_equal(rp_run_clean(in), clean_run(in));
}

/* A copy that ends where its memory does, so that a read beyond is seen. */
static void check_copy(struct rp_bytes in)
{
	uint8_t *copy = malloc(in.len + 1);

	assert_non_null(copy);
	memcpy(copy + 1, in.ptr, in.len);
	check(rp_bytes(copy + 1, in.len));
	free(copy);
}

static void a_run_ends_at_the_first_special_byte_wherever_it_stands(void **state RP_UNUSED)
{
	static const uint8_t specials[] = {'"', '\\', 0, 0x1f, 0x20, 0x7f, 0x80, 0xff, 'a', 0xc3};
	uint8_t text[TEXT_BYTES];

	for (size_t at = 0; at < sizeof(text); at++) {
		for (size_t i = 0; i < RP_ARRAY_LEN(specials); i++) {
			memset(text, 'x', sizeof(text));
			text[at] = specials[i];
			check(rp_bytes(text, sizeof(text)));
			check(rp_bytes(text, at + 1));
			text[(at + 17) % sizeof(text)] = 0xe9;
			check(rp_bytes(text, sizeof(text)));
		}
	}
}

static void every_length_and_place_is_read_and_no_byte_more(void **state RP_UNUSED)
{
	uint8_t text[TEXT_BYTES];

	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++)
		check_copy(rp_bytes(text, len));
	for (size_t len = 0; len < sizeof(text); len += 2)
		memcpy(text + len, "\xc3\xa9", 2);
	for (size_t begin = 0; begin < 40; begin++) {
		for (size_t len = 0; len <= 140; len++)
			check_copy(rp_bytes(text + begin, len));
	}
}

/* All pairs, and all triples and quadruples of bytes at the edges of the rules, over the places
 * where a block ends. */
static void what_is_no_utf_8_ends_a_clean_run(void **state RP_UNUSED)
{
	static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
					0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
					0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff, '\\'};
	static const char *const fill[] = {"x", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"};
	const size_t n = RP_ARRAY_LEN(edges);
	uint8_t text[120];

	for (size_t f = 0; f < RP_ARRAY_LEN(fill); f++) {
		size_t unit = strlen(fill[f]);
		size_t begin = 96 / unit * unit;

		for (size_t i = 0; i < n * n * n * n; i++) {
			size_t at = i % 12 == 0 ? 32 / unit * unit : begin - (i % 5) * unit;

			for (size_t k = 0; k + unit <= sizeof(text); k += unit)
				memcpy(text + k, fill[f], unit);
			text[at] = edges[i % n];
			text[at + 1] = edges[i / n % n];
			text[at + 2] = edges[i / n / n % n];
			text[at + 3] = edges[i / n / n / n];
			assert_int_equal(rp_run_clean(rp_bytes(text, sizeof(text))),
					 clean_run(rp_bytes(text, sizeof(text))));
			assert_int_equal(rp_run_clean(rp_bytes(text, at + 2)),
					 clean_run(rp_bytes(text, at + 2)));
		}
	}
	for (uint32_t pair = 0; pair < 65536; pair++) {
		memset(text, 'x', sizeof(text));
		text[31] = (uint8_t)(pair >> 8);
		text[32] = (uint8_t)pair;
		check(rp_bytes(text, sizeof(text)));
	}
}

static void a_needle_is_found_at_each_place(void **state RP_UNUSED)
{
	const struct rp_bytes needle = RP_BYTES_LIT("\"usage\"");
	uint8_t text[TEXT_BYTES];

	for (size_t len = 0; len < 80; len++) {
		for (size_t at = 0; at + needle.len <= len; at++) {
			memset(text, 'u', len);
			memcpy(text + len - 3, "gaga", 3);
			memcpy(text + at, needle.ptr, needle.len);
			assert_int_equal(rp_run_find(rp_bytes(text, len), needle), at);
			assert_int_equal(rp_run_find(rp_bytes(text, at + needle.len - 1), needle),
					 find(rp_bytes(text, at + needle.len - 1), needle));
			memcpy(text + at, "\"usaga\"", needle.len);
			assert_true(rp_run_find(rp_bytes(text, len), needle) == SIZE_MAX);
		}
	}
	assert_true(rp_run_find(rp_bytes("\"u", 2), needle) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_ends_at_the_first_special_byte_wherever_it_stands),
		cmocka_unit_test(every_length_and_place_is_read_and_no_byte_more),
		cmocka_unit_test(what_is_no_utf_8_ends_a_clean_run),
		cmocka_unit_test(a_needle_is_found_at_each_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
