/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/string_runs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_BYTES = 300, RUNS = 20000 };

/* What the scans are compared with: one byte after the other. 0: nothing whole begins here. */
static size_t piece_len(struct rp_bytes in, uint8_t *ret_meant)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *letter;

	if (in.len == 0 || in.ptr[0] == '"' || in.ptr[0] < 0x20)
		return 0;
	*ret_meant = in.ptr[0];
	if (in.ptr[0] != '\\')
		return 1;
	letter = in.len >= 2 ? memchr(letters, in.ptr[1], sizeof(letters) - 1) : NULL;
	if (letter == NULL)
		return 0;
	*ret_meant = (uint8_t)meant[letter - letters];
	return 2;
}

static struct rp_bytes from(struct rp_bytes in, size_t at)
{
	return rp_bytes_slice(in, at, SIZE_MAX);
}

/* A run may end early, but only between two pieces, and must say what is in it. */
static size_t check_skip(struct rp_bytes in)
{
	bool ours = false;
	bool theirs = false;
	size_t run = rp_string_skip(in, &ours);
	size_t at = 0;

	while (at < run) {
		uint8_t meant = 0;
		size_t n = piece_len(from(in, at), &meant);

		assert_true(n > 0);
		theirs |= in.ptr[at] >= 0x80;
		at += n;
	}
	assert_int_equal(at, run);
	assert_true(ours == theirs);
	return run;
}

static size_t check_unescape(struct rp_bytes in, size_t room)
{
	uint8_t *out = malloc(room + 1);
	size_t at = 0;
	size_t written = 0;
	size_t len;
	size_t run;

	assert_non_null(out);
	out[room] = 0xa5;
	run = rp_string_unescape(in, out, room, &len);
	assert_int_equal(out[room], 0xa5);
	assert_true(len <= room);
	while (at < run) {
		uint8_t meant = 0;
		/* Quotes and control characters are the scanner's business. */
		size_t n = in.ptr[at] != '\\' ? 1 : piece_len(from(in, at), &meant);

		assert_true(n > 0 && in.ptr[at] < 0x80);
		assert_int_equal(out[written], n == 1 ? in.ptr[at] : meant);
		written++;
		at += n;
	}
	assert_int_equal(at, run);
	assert_int_equal(written, len);
	free(out);
	return run;
}

/* In memory that ends where the text does, so that a read beyond is seen. */
static void check(struct rp_bytes in)
{
	uint8_t *copy = malloc(in.len + 1);
	struct rp_bytes text;

	assert_non_null(copy);
	if (in.len > 0)
		memcpy(copy + 1, in.ptr, in.len);
	text = rp_bytes(copy + 1, in.len);
	check_skip(text);
	check_unescape(text, 0);
	check_unescape(text, RP_STRING_ROOM_BYTES);
	check_unescape(text, in.len + RP_STRING_ROOM_BYTES);
	free(copy);
}

static void a_run_holds_whole_pieces_only_wherever_something_stands(void **state RP_UNUSED)
{
	static const char *const specials[] = {
		"\"",	  "\\",	    "\\n",    "\\\"",	  "\\\\",	"\\\\\\\\\\\\\\", "\\u0041",
		"\\q",	  "\\\x01", "\x01",   "\x7f",	  "\x80",	"\xc3\xa9",	  "\\\\\\n",
		"\\\xa9", "\\b\\f", "\\/\\r", "\\t\\u00", "\\\\\\\"\"", "\\\xee"};
	uint8_t text[TEXT_BYTES];

	for (size_t i = 0; i < RP_ARRAY_LEN(specials); i++) {
		size_t n = strlen(specials[i]);

		for (size_t at = 0; at + n <= sizeof(text); at++) {
			memset(text, 'x', sizeof(text));
			memcpy(text + at, specials[i], n);
			check(rp_bytes(text, sizeof(text)));
			check(rp_bytes(text, at + n));
			check(rp_bytes(text, at + 1));
			memcpy(text + (at + 70) % (sizeof(text) - 2), "\\n", 2);
			check(rp_bytes(text, sizeof(text)));
		}
	}
}

static void each_byte_behind_a_backslash_is_judged(void **state RP_UNUSED)
{
	uint8_t text[TEXT_BYTES];

	for (size_t c = 0; c < 256; c++) {
		for (size_t at = 60; at < 70; at++) {
			memset(text, 'n', sizeof(text));
			text[at] = '\\';
			text[at + 1] = (uint8_t)c;
			check(rp_bytes(text, sizeof(text)));
		}
	}
}

static void random_texts_of_few_kinds_of_bytes_are_read_right(void **state RP_UNUSED)
{
	static const char kinds[] = "\\\\\\\\nnn\"/bfrtuq xxxxxxxxxxxxxxxxxxxxxx\x1f\x80";
	uint8_t text[TEXT_BYTES];
	uint64_t seed = 7;

	for (size_t i = 0; i < RUNS; i++) {
		/* Fewer kinds, longer runs. */
		size_t count = 4 + i % (sizeof(kinds) - 4);

		for (size_t k = 0; k < sizeof(text); k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			text[k] = (uint8_t)kinds[(seed >> 33) % count];
		}
		check(rp_bytes(text, i % sizeof(text)));
	}
}

/* Not only right, but of use: where the machine has the means, all of a text is taken. */
static void long_text_with_escapes_is_taken_to_its_end(void **state RP_UNUSED)
{
	enum { LONG_BYTES = 4000 };
	static uint8_t text[LONG_BYTES + 1];
	struct rp_bytes in = rp_bytes(text, LONG_BYTES);
	size_t run;

	for (size_t i = 0; i < LONG_BYTES; i++)
		text[i] = (uint8_t) "a line of text that is not long.\\n"[i % 34];
	run = check_skip(in);
	assert_true(run == 0 || run > LONG_BYTES - 64);
	run = check_unescape(in, LONG_BYTES + RP_STRING_ROOM_BYTES);
	assert_true(run == 0 || run > LONG_BYTES - 130);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_holds_whole_pieces_only_wherever_something_stands),
		cmocka_unit_test(each_byte_behind_a_backslash_is_judged),
		cmocka_unit_test(random_texts_of_few_kinds_of_bytes_are_read_right),
		cmocka_unit_test(long_text_with_escapes_is_taken_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
