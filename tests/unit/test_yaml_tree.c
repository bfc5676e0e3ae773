/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "config/yaml_tree.h"
#include "shm/limits.h"

static struct rp_yaml_tree tree;
static struct rp_diag diag;

static int parse(const char *text)
{
	rp_yaml_free(&tree);
	diag = (struct rp_diag){0};
	return rp_yaml_parse(rp_bytes_str(text), &tree, &diag);
}

/* The value of one key of the root mapping. */
static const struct rp_yaml_node *get(const char *key)
{
	const struct rp_yaml_node *node = rp_yaml_get(rp_yaml_root(&tree), key);

	assert_non_null(node);
	return node;
}

static int tear_down(void **state)
{
	(void)state;
	rp_yaml_free(&tree);
	return 0;
}

static void nodes_know_line_and_column(void **state)
{
	(void)state;
	assert_int_equal(parse("a: 1\nb:\n- x\n- {c: [p, q], d: 2}\n"), RP_OK);
	const struct rp_yaml_node *b = get("b");

	assert_int_equal(b->kind, RP_YAML_SEQ);
	assert_int_equal(b->count, 2);
	const struct rp_yaml_node *x = rp_yaml_first(b);

	assert_int_equal(x->line, 3);
	assert_int_equal(x->column, 3);
	const struct rp_yaml_node *map = rp_yaml_next(b, x);

	assert_int_equal(map->kind, RP_YAML_MAP);
	assert_int_equal(map->count, 4);
	assert_null(rp_yaml_next(b, map));
	const struct rp_yaml_node *d = rp_yaml_get(map, "d");

	assert_int_equal(d->line, 4);
	assert_int_equal(d->column, 18);
	assert_null(rp_yaml_get(map, "e"));
	assert_null(rp_yaml_get(d, "e"));
}

static void empty_texts_have_no_root(void **state)
{
	(void)state;
	assert_int_equal(parse(""), RP_OK);
	assert_null(rp_yaml_root(&tree));
	assert_int_equal(parse("# only a comment\n"), RP_OK);
	assert_null(rp_yaml_root(&tree));
	assert_int_equal(parse("---\n...\n"), RP_OK);
	assert_int_equal(rp_yaml_root(&tree)->kind, RP_YAML_NULL);
}

static void scalars_have_the_kinds_of_yaml_1_1(void **state)
{
	static const struct {
		const char *text;
		enum rp_yaml_kind kind;
	} cases[] = {
		{"~", RP_YAML_NULL},	  {"", RP_YAML_NULL},	    {"null", RP_YAML_NULL},
		{"true", RP_YAML_BOOL},	  {"Off", RP_YAML_BOOL},    {"y", RP_YAML_BOOL},
		{"1", RP_YAML_INT},	  {"-7", RP_YAML_INT},	    {"0x1f", RP_YAML_INT},
		{"0.5", RP_YAML_FLOAT},	  {"1e3", RP_YAML_FLOAT},   {".5", RP_YAML_FLOAT},
		{"5.", RP_YAML_FLOAT},	  {"1e", RP_YAML_STR},	    {".", RP_YAML_STR},
		{"1.2.3", RP_YAML_STR},	  {".inf", RP_YAML_STR},    {".nan", RP_YAML_STR},
		{"1e999", RP_YAML_STR},	  {"tRUE", RP_YAML_STR},    {"\"1\"", RP_YAML_STR},
		{"'true'", RP_YAML_STR},  {"!!str 5", RP_YAML_STR}, {"! 5", RP_YAML_STR},
		{"!!int 5", RP_YAML_INT}, {"50ms", RP_YAML_STR},    {"1Gi", RP_YAML_STR},
		{"| \n  5", RP_YAML_STR},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		snprintf(text, sizeof(text), "k: %s", cases[i].text);
		assert_int_equal(parse(text), RP_OK);
		if (get("k")->kind != cases[i].kind)
			fail_msg("%s is a %s", cases[i].text, rp_yaml_kind_name(get("k")->kind));
	}
}

static void values_are_read_within_their_ranges(void **state)
{
	bool flag;
	int64_t number;
	double real;

	(void)state;
	assert_int_equal(parse("a: 9223372036854775807\nb: 9223372036854775808\nc: 2.0\nd: 2.5\n"
			       "e: no\nf: \"1\"\ng: 0x10"),
			 RP_OK);
	assert_int_equal(rp_yaml_int(get("a"), &number), RP_OK);
	assert_true(number == INT64_MAX);
	assert_int_equal(rp_yaml_int(get("b"), &number), RP_EFORMAT);
	assert_int_equal(rp_yaml_double(get("b"), &real), RP_OK);
	assert_true(real == 9223372036854775808.0);
	assert_int_equal(rp_yaml_int(get("c"), &number), RP_OK);
	assert_int_equal(number, 2);
	assert_int_equal(rp_yaml_int(get("d"), &number), RP_EFORMAT);
	assert_int_equal(rp_yaml_double(get("d"), &real), RP_OK);
	assert_true(real == 2.5);
	assert_int_equal(rp_yaml_bool(get("e"), &flag), RP_OK);
	assert_false(flag);
	assert_int_equal(rp_yaml_int(get("f"), &number), RP_EFORMAT);
	assert_int_equal(rp_yaml_double(get("f"), &real), RP_EFORMAT);
	assert_int_equal(rp_yaml_bool(get("a"), &flag), RP_EFORMAT);
	assert_int_equal(rp_yaml_double(get("g"), &real), RP_OK);
	assert_true(real == 16.0);
}

static void json_is_yaml(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"a\":{\"b\":[1,\t\"x\\/\\u00e9\\\"\"]},\"c\":null}"), RP_OK);
	const struct rp_yaml_node *list = rp_yaml_get(get("a"), "b");

	assert_true(
		rp_bytes_equal_str(rp_yaml_next(list, rp_yaml_first(list))->text, "x/\xc3\xa9\""));
	assert_int_equal(get("c")->kind, RP_YAML_NULL);
}

static void only_the_first_document_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("a: 1\n---\n: : : {"), RP_OK);
	assert_int_equal(get("a")->kind, RP_YAML_INT);
}

static void errors_say_where(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint32_t line;
		uint32_t column;
		const char *part;
	} cases[] = {
		{"a: 1\nb: 2\na: 3\n", RP_EFORMAT, 3, 1,
		 "duplicate key \"a\", first set on line 1"},
		{"x:\n  a: 1\n  \"a\": 3\n", RP_EFORMAT, 3, 3, "duplicate key"},
		{"a: [1\n", RP_EFORMAT, 2, 1, "not valid YAML"},
		{"a:\n\t- 1\n", RP_EFORMAT, 2, 1, "cannot start any token"},
		{"a: \xff\n", RP_EFORMAT, 1, 4, "UTF-8"},
		{"a: 1\nb: \"\xc3\xa9\" \x0e\n", RP_EFORMAT, 2, 8, "control characters"},
		{"a: *x\n", RP_EFORMAT, 1, 4, "no anchor"},
		{"a: &x [*x]\n", RP_EFORMAT, 1, 8, "contains itself"},
		{"a: &x {b: 1}\nc:\n  <<: *x\n", RP_EFORMAT, 3, 3, "merge keys"},
		{"? [a]\n: 1\n", RP_EFORMAT, 1, 3, "key must be"},
		{"a: &x k\n*x : 1\n", RP_EFORMAT, 2, 1, "alias cannot be a key"},
		{"a: !!binary aGk=\n", RP_EFORMAT, 1, 4, "tag"},
		{"a: !mine {b: 1}\n", RP_EFORMAT, 1, 4, "tag"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].text), cases[i].err);
		if (diag.line != cases[i].line || diag.column != cases[i].column ||
		    strstr(diag.message, cases[i].part) == NULL)
			fail_msg("%s -> %u:%u: %s", cases[i].text, diag.line, diag.column,
				 diag.message);
	}
}

static void aliases_are_copied(void **state)
{
	(void)state;
	assert_int_equal(parse("a: &x {b: [1, 2]}\nc: *x\nd: &x 7\ne: *x\n"), RP_OK);
	const struct rp_yaml_node *c = get("c");

	assert_int_equal(rp_yaml_get(c, "b")->count, 2);
	assert_true(rp_bytes_equal_str(get("e")->text, "7"));
}

static void a_billion_laughs_are_cut_short(void **state)
{
	char text[2048] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";

	(void)state;
	for (int i = 1; i < 12; i++) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len,
			 "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
			 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	}
	assert_int_equal(parse(text), RP_ETOOBIG);
	assert_non_null(strstr(diag.message, "too many values"));
}

static void nesting_is_bounded_also_through_aliases(void **state)
{
	char text[256] = "";

	(void)state;
	memset(text, '[', RP_YAML_DEPTH_MAX);
	memset(text + RP_YAML_DEPTH_MAX, ']', RP_YAML_DEPTH_MAX);
	assert_int_equal(parse(text), RP_OK);
	memset(text, '[', RP_YAML_DEPTH_MAX + 1);
	assert_int_equal(parse(text), RP_ETOOBIG);
	assert_int_equal(diag.column, RP_YAML_DEPTH_MAX + 1);
	assert_int_equal(parse("a: &a [[[[[[[[[[x]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\n"
			       "c: [[[[[[[[[[*b]]]]]]]]]]\n"),
			 RP_OK);
	assert_int_equal(parse("a: &a [[[[[[[[[[x]]]]]]]]]]\nb: &b [[[[[[[[[[*a]]]]]]]]]]\n"
			       "c: [[[[[[[[[[[[*b]]]]]]]]]]]]\n"),
			 RP_ETOOBIG);
}

static void keys_of_a_mapping_are_bounded(void **state)
{
	size_t room = 16 * (RP_YAML_KEYS_MAX + 1);
	char *text = test_calloc(1, room);
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i <= RP_YAML_KEYS_MAX; i++)
		len += (size_t)snprintf(text + len, room - len, "k%u: 1\n", i);
	assert_int_equal(parse(text), RP_ETOOBIG);
	test_free(text);
}

/* Cut at each offset, in exact-size memory: an answer, never a crash. */
static void every_prefix_is_safe(void **state)
{
	static const char text[] = "a: &x {b: [1, 'two', \"\\L\\u00e9\"], c: |\n  text\n}\n"
				   "d: *x\ne:\n- ~\n- !!str 5\n- ? f\n  : 0.5 # end\n...\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = test_malloc(len + 1);

		memcpy(copy, text, len);
		rp_yaml_free(&tree);
		diag.message[0] = '\0';
		if (rp_yaml_parse(rp_bytes(copy, len), &tree, &diag) != RP_OK)
			assert_true(diag.message[0] != '\0');
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_line_and_column),
		cmocka_unit_test(empty_texts_have_no_root),
		cmocka_unit_test(scalars_have_the_kinds_of_yaml_1_1),
		cmocka_unit_test(values_are_read_within_their_ranges),
		cmocka_unit_test(json_is_yaml),
		cmocka_unit_test(only_the_first_document_counts),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(aliases_are_copied),
		cmocka_unit_test(a_billion_laughs_are_cut_short),
		cmocka_unit_test(nesting_is_bounded_also_through_aliases),
		cmocka_unit_test(keys_of_a_mapping_are_bounded),
		cmocka_unit_test(every_prefix_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, tear_down);
}
