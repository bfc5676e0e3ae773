/* SPDX-License-Identifier: Apache-2.0
 *
 * The results are those of cel-go, the reference implementation's library, over the same usage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/expression.h"
#include "config/expression_run.h"
#include "shm/limits.h"

static const struct rp_expression_usage full = {100, 7, 107, 64, true};
static const struct rp_expression_usage empty = {0, 0, 0, 0, false};

static uint8_t code[RP_EXPRESSION_CODE_MAX];

static void format(const struct rp_expression_value *value, char *out, size_t out_bytes)
{
	switch (value->kind) {
	case RP_EXPR_IS_ERROR:
		snprintf(out, out_bytes, "%s", rp_expression_fault_text(value->fault));
		break;
	case RP_EXPR_IS_BOOL:
		snprintf(out, out_bytes, "%s", value->is_true ? "true" : "false");
		break;
	case RP_EXPR_IS_INT:
		snprintf(out, out_bytes, "%lld", (long long)value->i);
		break;
	case RP_EXPR_IS_UINT:
		snprintf(out, out_bytes, "%lluu", (unsigned long long)value->u);
		break;
	case RP_EXPR_IS_DOUBLE:
		snprintf(out, out_bytes, "%.17g (double)", value->d);
		break;
	case RP_EXPR_IS_STRING:
		snprintf(out, out_bytes, "\"%.*s\"", (int)value->text.len,
			 (const char *)value->text.ptr);
		break;
	case RP_EXPR_IS_MAP:
		snprintf(out, out_bytes, "%s", value->is_details ? "details" : "usage");
		break;
	}
}

struct result {
	const char *text;
	const char *value;
};

static void check_all(const struct result *results, size_t count,
		      const struct rp_expression_usage *usage)
{
	for (size_t i = 0; i < count; i++) {
		struct rp_expression_error error = {0};
		struct rp_expression_value value;
		size_t bytes = 0;
		char out[128];

		if (rp_expression_compile(rp_bytes_str(results[i].text), code, sizeof(code), &bytes,
					  &error) != RP_OK)
			fail_msg("%s: column %u: %s", results[i].text, error.column, error.message);
		value = rp_expression_run(rp_bytes(code, bytes), usage);
		format(&value, out, sizeof(out));
		if (strcmp(out, results[i].value) != 0)
			fail_msg("%s is %s, not %s", results[i].text, out, results[i].value);
	}
}

#define NO_KEY	    "no such key"
#define NO_OVERLOAD "no such overload: the operands' types do not fit"

static void members_of_usage_are_doubles(void **state)
{
	static const struct result results[] = {
		{"usage.prompt_tokens", "100 (double)"},
		{" usage . completion_tokens\n", "7 (double)"},
		{".usage.total_tokens // all", "107 (double)"},
		{"usage.prompt_tokens_details.cached_tokens", "64 (double)"},
		{"usage[\"prompt_tokens\"]", "100 (double)"},
		{"usage['prompt_tokens_details'][\"cached_tokens\"]", "64 (double)"},
		{"usage[true ? 'total_tokens' : 'nope']", "107 (double)"},
		{"usage", "usage"},
		{"usage.prompt_tokens_details", "details"},
		{"usage.nope", NO_KEY},
		{"usage.cached_tokens", NO_KEY},
		{"usage.prompt_tokens_details.prompt_tokens", NO_KEY},
		{"usage.prompt_tokens.nope", NO_KEY},
		{"usage[usage.prompt_tokens]", NO_KEY},
		{"dyn(1).nope", NO_KEY},
	};
	static const struct result absent[] = {
		{"usage.prompt_tokens", "0 (double)"},
		{"usage.prompt_tokens_details", NO_KEY},
		{"usage.prompt_tokens_details.cached_tokens", NO_KEY},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
	check_all(absent, RP_ARRAY_LEN(absent), &empty);
}

static void has_and_in_ask_without_an_error(void **state)
{
	static const struct result results[] = {
		{"has(usage.prompt_tokens)", "true"},
		{"has(usage.nope)", "false"},
		{"has(usage.prompt_tokens_details.cached_tokens)", "true"},
		{"has(usage.prompt_tokens.nope)", "false"},
		{"has(usage.nope.nope)", NO_KEY},
		{"has((usage.prompt_tokens))", "true"},
		{"has((true ? usage : usage).prompt_tokens)", "true"},
		{"'prompt_tokens' in usage", "true"},
		{"'nope' in usage", "false"},
		{"'cached_tokens' in usage.prompt_tokens_details", "true"},
		{"usage.prompt_tokens in usage", "false"},
		{"'a' in usage.prompt_tokens", NO_OVERLOAD},
		{"'a' in usage.nope", NO_KEY},
	};
	static const struct result absent[] = {
		{"has(usage.prompt_tokens)", "true"},
		{"has(usage.prompt_tokens_details)", "false"},
		{"has(usage.prompt_tokens_details.cached_tokens)", NO_KEY},
		{"'prompt_tokens_details' in usage", "false"},
		{"has(usage.prompt_tokens_details) ? usage.prompt_tokens_details.cached_tokens : 0",
		 "0"},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
	check_all(absent, RP_ARRAY_LEN(absent), &empty);
}

static void integers_overflow_into_errors(void **state)
{
	static const struct result results[] = {
		{"1 + 2 * 3 - 4 / 2 % 3", "5"},
		{"2 - 1 - 1", "0"},
		{"-7 / 2", "-3"},
		{"-7 % 3", "-1"},
		{"0x10 + 01", "17"},
		{"-0x8000000000000000", "-9223372036854775808"},
		{"7u / 2u + 0xFFU", "258u"},
		{"18446744073709551615u", "18446744073709551615u"},
		{"9223372036854775807 + 1", "integer overflow"},
		{"-9223372036854775807 - 2", "integer overflow"},
		{"9223372036854775807 * 2", "integer overflow"},
		{"-(-9223372036854775808)", "integer overflow"},
		{"-9223372036854775808 / -1", "integer overflow"},
		{"-9223372036854775808 % -1", "integer overflow"},
		{"0u - 1u", "integer overflow"},
		{"18446744073709551615u + 1u", "integer overflow"},
		{"18446744073709551615u * 2u", "integer overflow"},
		{"1 / 0", "division by zero"},
		{"1 % 0", "division by zero"},
		{"1u / 0u", "division by zero"},
		{"1u % 0u", "division by zero"},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

static void doubles_follow_iec_60559(void **state)
{
	static const struct result results[] = {
		{"1.5 + .5", "2 (double)"},
		{"1e3 / 8.0", "125 (double)"},
		{"1.0 / 0.0", "inf (double)"},
		{"-1.0 / 0.0", "-inf (double)"},
		{"0.0 / 0.0 == 0.0 / 0.0", "false"},
		{"0.0 / 0.0 != 0.0 / 0.0", "true"},
		{"0.0 / 0.0 < 1.0", "NaN values cannot be ordered"},
		{"-0.0 == 0.0", "true"},
		{"usage.prompt_tokens / 0.0 > 1e308", "true"},
		{"1.5e-3", "0.0015 (double)"},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

static void types_do_not_mix_in_arithmetic(void **state)
{
	static const struct result results[] = {
		{"usage.prompt_tokens * 2", NO_OVERLOAD},
		{"usage.prompt_tokens * 2.0", "200 (double)"},
		{"usage.prompt_tokens % usage.completion_tokens", NO_OVERLOAD},
		{"int(usage.prompt_tokens) % 7", "2"},
		{"-usage.prompt_tokens", "-100 (double)"},
		{"--usage.prompt_tokens", "100 (double)"},
		{"---1", "-1"},
		{"-dyn(true)", NO_OVERLOAD},
		{"-dyn(1u)", NO_OVERLOAD},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

static void conversions_keep_to_the_range(void **state)
{
	static const struct result results[] = {
		{"int(1.9)", "1"},
		{"int(-1.9)", "-1"},
		{"int(9223372036854774784.0)", "9223372036854774784"},
		{"int(9223372036854775807.0)", "integer overflow"},
		{"int(-9223372036854775808.0)", "integer overflow"},
		{"int(0.0 / 0.0)", "integer overflow"},
		{"int(9223372036854775807u)", "9223372036854775807"},
		{"int(9223372036854775808u)", "integer overflow"},
		{"uint(0.9)", "0u"},
		{"uint(-0.5)", "integer overflow"},
		{"uint(-1)", "integer overflow"},
		{"uint(18446744073709551615.0)", "integer overflow"},
		{"double(18446744073709551615u)", "1.8446744073709552e+19 (double)"},
		{"double(int(uint(3)))", "3 (double)"},
		{"int(dyn(true))", NO_OVERLOAD},
		{"int(usage.nope)", NO_KEY},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

static void numbers_of_all_types_compare(void **state)
{
	static const struct result results[] = {
		{"usage.prompt_tokens == 100", "true"},
		{"usage.prompt_tokens == 100u", "true"},
		{"usage.prompt_tokens > 99", "true"},
		{"usage.prompt_tokens <= 99.5", "false"},
		{"usage.prompt_tokens >= usage.total_tokens", "false"},
		{"usage.prompt_tokens == 'a'", "false"},
		{"usage.prompt_tokens != usage", "true"},
		{"usage.prompt_tokens < usage.prompt_tokens_details", NO_OVERLOAD},
		{"usage == usage", "true"},
		{"usage.prompt_tokens_details == usage", "false"},
		{"dyn(-1) < 1u", "true"},
		{"1u < dyn(-1)", "false"},
		{"18446744073709551615u > dyn(9223372036854775807)", "true"},
		{"dyn(9223372036854775807) == 9223372036854775807.0", "true"},
		{"dyn(9007199254740993) > 9007199254740992.0", "false"},
		{"dyn(1) < 0.0 / 0.0", "NaN values cannot be ordered"},
		{"dyn(1) != 0.0 / 0.0", "true"},
		{"false < true", "true"},
		{"dyn(true) < 1", NO_OVERLOAD},
		{"'a' < 'ab'", "true"},
		{"'b' >= 'ab'", "true"},
		{"'' == \"\"", "true"},
		{"1 < 2 == true", "true"},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

static void logic_swallows_errors_that_do_not_matter(void **state)
{
	static const struct result results[] = {
		{"usage.nope > 0.0 || true", "true"},
		{"true || usage.nope > 0.0", "true"},
		{"usage.nope > 0.0 && false", "false"},
		{"false && usage.nope", "false"},
		{"usage.nope && true", NO_KEY},
		{"true && usage.nope", NO_KEY},
		{"usage.prompt_tokens && false", "false"},
		{"usage.prompt_tokens && true", NO_OVERLOAD},
		{"true && usage.prompt_tokens", NO_OVERLOAD},
		{"true || false && false", "true"},
		{"!usage.prompt_tokens", NO_OVERLOAD},
		{"!!usage.prompt_tokens", "100 (double)"},
		{"!(1 > 2)", "true"},
		{"1 / 0 > 0 ? 1 : 2", "division by zero"},
		{"true ? 1 : 1 / 0", "1"},
		{"usage.prompt_tokens ? 1 : 2", NO_OVERLOAD},
		{"true ? (false ? 1 : 2) : 3", "2"},
		{"false ? 1 : true ? 2 : 3", "2"},
		{"false ? 1 : false ? 2 : 3", "3"},
		{"true ? 1 : usage.prompt_tokens", "1"},
		{"'not a number'", "\"not a number\""},
	};

	(void)state;
	check_all(results, RP_ARRAY_LEN(results), &full);
}

struct refusal {
	const char *text;
	uint32_t line;
	uint32_t column;
	const char *message; /* its beginning */
};

static void what_is_wrong_is_refused_with_its_place(void **state)
{
	static const struct refusal refusals[] = {
		{"", 1, 1, "the expression ends too early"},
		{"usage.prompt_tokens + -", 1, 24, "the expression ends too early"},
		{"usage.prompt_tokens > ", 1, 23, "the expression ends too early"},
		{"usage.prompt_tokens\n  + * 2", 2, 5, "a value is missing here"},
		{"'\xc3\xa4\xc3\xb6' == ^", 1, 9, "this character belongs to no expression"},
		{"1 2", 1, 3, "an operator is missing"},
		{"usage.5", 1, 6, "an operator is missing"},
		{"(1", 1, 1, "this ( is not closed"},
		{"1)", 1, 2, "this ) closes nothing"},
		{"usage['a'", 1, 6, "this [ is not closed"},
		{"usage]", 1, 6, "this ] closes nothing"},
		{"(usage]", 1, 7, "this ] closes nothing"},
		{"true ? 1", 1, 6, "this ? has no :"},
		{"(true ? 1)", 1, 7, "this ? has no :"},
		{"1 : 2", 1, 3, "this : has no ?"},
		{"true ? 1 : 2 : 3", 1, 14, "this : has no ?"},
		{"true ? false ? 1 : 2 : 3", 1, 14, "put the ?: between ? and : in parentheses"},
		{"1 = 2", 1, 3, "there is no assignment"},
		{"true & true", 1, 6, "there are no bit operators"},
		{"!-usage.a", 1, 2, "! and - do not mix"},
		{"-!true", 1, 2, "! and - do not mix"},
		{"usage.", 1, 7, "the name of a member is missing"},
		{"usage.in", 1, 7, "the name of a member is missing"},
		{".true", 1, 2, "a name is missing"},
		{"\"abc", 1, 1, "this string has no end"},
		{"'a\nb'", 1, 1, "this string has no end"},
		{"foo.bar", 1, 1, "there is no variable foo"},
		{"has()", 1, 5, "a value is missing here"},
		{"has(usage)", 1, 1, "has() takes a member"},
		{"has(usage['a'])", 1, 1, "has() takes a member"},
		{"has(true ? usage.a : usage.b)", 1, 1, "has() takes a member"},
		{"int(1, 2)", 1, 6, "functions take one value"},
		{"9223372036854775808", 1, 1, "this number is too large for an int"},
		{"--9223372036854775808", 1, 3, "this number is too large for an int"},
		{"18446744073709551616u", 1, 1, "this number is too large"},
		{"0x10000000000000000", 1, 1, "this number is too large"},
		{"1e999", 1, 1, "this number is too large for a double"},
	};
	static const struct refusal types[] = {
		{"1 + 1.0", 1, 3, "+ does not take int and double"},
		{"(usage.a + 1) + 1.5", 1, 15, "+ does not take int and double"},
		{"usage + 1", 1, 7, "+ does not take usage itself and int"},
		{"usage.a % 2.0", 1, 9, "% does not take doubles"},
		{"1 == 1.0", 1, 3, "== does not take int and double"},
		{"1 < 2 < 3", 1, 7, "< does not take bool and int"},
		{"usage < usage", 1, 7, "< does not take usage itself"},
		{"usage == 1", 1, 7, "== does not take usage itself and int"},
		{"1 && true", 1, 3, "&& does not take int"},
		{"!1", 1, 1, "! does not take int"},
		{"-1u", 1, 1, "- does not take uint"},
		{"-true", 1, 1, "- does not take bool"},
		{"1 ? 1 : 2", 1, 3, "?: needs a bool before the ?, not int"},
		{"true ? 1 : 2.0", 1, 6, "?: chooses between int and double"},
		{"1.a", 1, 2, "int has no members"},
		{"1['a']", 1, 2, "int has no members"},
		{"usage[1]", 1, 6, "a member is named by a string, not by int"},
		{"1 in usage", 1, 3, "in looks for a name, not for int"},
		{"'a' in 1", 1, 5, "in looks into usage, not into int"},
		{"int(true)", 1, 1, "int() does not convert bool"},
		{"double(usage)", 1, 1, "double() does not convert usage itself"},
	};
	static const struct refusal unsupported[] = {
		{"usage.a == null", 1, 12, "null is not supported"},
		{"1 in [1]", 1, 6, "lists are not supported"},
		{"{}", 1, 1, "maps and messages are not supported"},
		{"size(usage)", 1, 1, "the function size is not supported"},
		{"usage.size()", 1, 11, "methods are not supported"},
		{"r'a'", 1, 1, "raw strings and bytes are not supported"},
		{"'a\\n'", 1, 1, "escapes in strings are not supported"},
		{"'''a'''", 1, 1, "triple quotes are not supported"},
		{"'a' + 'b'", 1, 5, "strings are supported only"},
		{"int('1')", 1, 1, "strings are supported only"},
		{"true ? 'a' : usage.b", 1, 6, "strings are supported only"},
	};
	const struct {
		const struct refusal *refusals;
		size_t count;
	} tables[] = {
		{refusals, RP_ARRAY_LEN(refusals)},
		{types, RP_ARRAY_LEN(types)},
		{unsupported, RP_ARRAY_LEN(unsupported)},
	};

	(void)state;
	for (size_t t = 0; t < RP_ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct refusal *r = &tables[t].refusals[i];
			struct rp_expression_error error = {0};
			size_t bytes = 0;
			int err = rp_expression_compile(rp_bytes_str(r->text), code, sizeof(code),
							&bytes, &error);

			if (err != RP_ECONFIG)
				fail_msg("%s: %s", r->text, rp_err_text(err));
			if (error.line != r->line || error.column != r->column ||
			    strncmp(error.message, r->message, strlen(r->message)) != 0)
				fail_msg("%s: %u:%u: %s", r->text, error.line, error.column,
					 error.message);
		}
	}
}

static int compile_repeated(const char *before, char middle, size_t count, const char *after)
{
	static char text[RP_EXPRESSION_BYTES_MAX + 64];
	struct rp_expression_error error = {0};
	size_t bytes = 0;
	size_t len = strlen(before);

	memcpy(text, before, len);
	memset(text + len, middle, count);
	len += count;
	memcpy(text + len, after, strlen(after));
	len += strlen(after);
	return rp_expression_compile(rp_bytes(text, len), code, sizeof(code), &bytes, &error);
}

static void length_and_depth_are_bounded(void **state)
{
	static char sum[RP_EXPRESSION_BYTES_MAX];
	struct rp_expression_error error = {0};
	size_t bytes = 0;

	(void)state;
	assert_int_equal(compile_repeated("1", ' ', RP_EXPRESSION_BYTES_MAX - 1, ""), RP_OK);
	assert_int_equal(compile_repeated("1", ' ', RP_EXPRESSION_BYTES_MAX, ""), RP_ETOOBIG);
	assert_int_equal(compile_repeated("1", '(', 8, ""), RP_ECONFIG);
	assert_int_equal(compile_repeated("", '(', RP_EXPRESSION_DEPTH_MAX, "1"), RP_ECONFIG);
	assert_int_equal(compile_repeated("", '(', RP_EXPRESSION_DEPTH_MAX + 1, "1"), RP_ETOOBIG);
	/* signs cancel out, whatever their number */
	assert_int_equal(compile_repeated("", '!', 2 * RP_EXPRESSION_DEPTH_MAX, "true"), RP_OK);
	for (size_t i = 0; i < sizeof(sum); i++)
		sum[i] = i % 2 == 0 ? '1' : '+';
	assert_int_equal(rp_expression_compile(rp_bytes(sum, sizeof(sum) - 1), code, sizeof(code),
					       &bytes, &error),
			 RP_ETOOBIG);
	assert_int_equal(
		rp_expression_compile(rp_bytes(sum, 801), code, sizeof(code), &bytes, &error),
		RP_OK);
	assert_int_equal(rp_expression_run(rp_bytes(code, bytes), &full).i, 401);
}

static void an_expression_cut_anywhere_is_refused_or_compiled(void **state)
{
	struct rp_bytes text = RP_BYTES_LIT(
		"has(usage.prompt_tokens_details) && 'cached_tokens' in "
		"usage['prompt_tokens_details'] "
		"? usage.prompt_tokens - 1.5e1 * double(0xFFu) : !!(1 != -2) ? -.5 : 0.0 // end");

	(void)state;
	for (size_t len = 0; len <= text.len; len++) {
		uint8_t *copy = malloc(len == 0 ? 1 : len); /* a sanitizer sees the end */
		struct rp_expression_error error = {0};
		size_t bytes = 0;
		int err;

		assert_non_null(copy);
		memcpy(copy, text.ptr, len);
		err = rp_expression_compile(rp_bytes(copy, len), code, sizeof(code), &bytes,
					    &error);
		if (err == RP_OK) {
			struct rp_expression_value value =
				rp_expression_run(rp_bytes(code, bytes), &full);

			assert_false(value.kind == RP_EXPR_IS_ERROR &&
				     value.fault == RP_EXPR_BAD_CODE);
		} else {
			assert_true(error.message[0] != '\0' && error.column >= 1);
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_usage_are_doubles),
		cmocka_unit_test(has_and_in_ask_without_an_error),
		cmocka_unit_test(integers_overflow_into_errors),
		cmocka_unit_test(doubles_follow_iec_60559),
		cmocka_unit_test(types_do_not_mix_in_arithmetic),
		cmocka_unit_test(conversions_keep_to_the_range),
		cmocka_unit_test(numbers_of_all_types_compare),
		cmocka_unit_test(logic_swallows_errors_that_do_not_matter),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(length_and_depth_are_bounded),
		cmocka_unit_test(an_expression_cut_anywhere_is_refused_or_compiled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
