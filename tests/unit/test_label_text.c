/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "config/label_text.h"

/* How many requirements there are; -1: it is none. */
static int count(struct rp_bytes text)
{
	struct rp_selector_text one;
	int n = 0;

	for (; text.len > 0; n++) {
		if (rp_selector_next(&text, &one) != RP_OK)
			return -1;
	}
	return n;
}

static void keys_and_values_are_kubernetes(void **state)
{
	char name[65];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(rp_label_is_key(RP_BYTES_LIT("llm-d.ai/role")));
	assert_true(rp_label_is_key(RP_BYTES_LIT("a")));
	assert_true(rp_label_is_key(rp_bytes(name, 63)));
	assert_false(rp_label_is_key(rp_bytes(name, 64)));
	assert_false(rp_label_is_key(RP_BYTES_LIT("")));
	assert_false(rp_label_is_key(RP_BYTES_LIT("/a")));
	assert_false(rp_label_is_key(RP_BYTES_LIT("a/")));
	assert_false(rp_label_is_key(RP_BYTES_LIT("a/b/c")));
	assert_false(rp_label_is_key(RP_BYTES_LIT("-a")));
	assert_true(rp_label_is_value(RP_BYTES_LIT("")));
	assert_true(rp_label_is_value(RP_BYTES_LIT("A.b_c-9")));
	assert_false(rp_label_is_value(RP_BYTES_LIT("a b")));
	assert_false(rp_label_is_value(RP_BYTES_LIT("a/b")));
}

static void selectors_in_text_are_read_as_kubectl_reads_them(void **state)
{
	static const struct {
		const char *text;
		int count;
	} cases[] = {
		{"a", 1},
		{"a=b", 1},
		{"a==b,c!=d", 2},
		{" a = b , !c ", 2},
		{"a in (b,c),d", 2},
		{"a notin(b)", 1},
		{"a>1,b<2", 2},
		{"a=", 1},
		{"in in (in)", 1},
		{"a in ()", 1},
		{"a,", -1},
		{",a", -1},
		{"a in b", -1},
		{"a in (b", -1},
		{"a>b", -1},
		{"a>", -1},
		{"a b", -1},
		{"!a=b", -1},
		{"=b", -1},
		{"a=b c", -1},
		{"a in (b c)", -1},
		{"a~b", -1},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		int n = count(rp_bytes_str(cases[i].text));

		if (n != cases[i].count)
			print_error("%s: %d\n", cases[i].text, n);
		assert_int_equal(n, cases[i].count);
	}
}

static void values_are_cut_at_commas_and_trimmed(void **state)
{
	struct rp_bytes rest = RP_BYTES_LIT(" a ,,b");
	struct rp_bytes value;

	(void)state;
	assert_true(rp_selector_next_value(&rest, &value));
	assert_true(rp_bytes_equal_str(value, "a"));
	assert_true(rp_selector_next_value(&rest, &value));
	assert_int_equal(value.len, 0);
	assert_true(rp_selector_next_value(&rest, &value));
	assert_true(rp_bytes_equal_str(value, "b"));
	assert_false(rp_selector_next_value(&rest, &value));
}

/* In memory of exactly its size, so that a sanitizer sees any read beyond. */
static void every_beginning_of_a_selector_is_safe(void **state)
{
	static const char text[] = "app=llama,tier in (a, b),!old,n>5,x notin (y),z!=1";

	(void)state;
	for (size_t len = 1; len < sizeof(text); len++) {
		char *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, text, len);
		(void)count(rp_bytes(copy, len));
		free(copy);
	}
	assert_int_equal(count(rp_bytes_str(text)), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_values_are_kubernetes),
		cmocka_unit_test(selectors_in_text_are_read_as_kubectl_reads_them),
		cmocka_unit_test(values_are_cut_at_commas_and_trimmed),
		cmocka_unit_test(every_beginning_of_a_selector_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
