/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

enum { TOKENS_MAX = 4096, TEXT_MAX = 8192 };

struct run {
	struct rp_json_scan scan;
	struct rp_json_token token[TOKENS_MAX];
	uint32_t count;
	int err;
};

static void take(struct run *run, struct rp_bytes chunk)
{
	size_t at = 0;
	struct rp_json_token token;

	while (rp_json_scan_next(&run->scan, chunk, &at, &token) == RP_OK) {
		assert_true(run->count < TOKENS_MAX);
		run->token[run->count++] = token;
	}
}

static void scan_split(struct run *run, struct rp_bytes text, size_t cut)
{
	memset(run, 0, sizeof(*run));
	rp_json_scan_init(&run->scan);
	take(run, rp_bytes_slice(text, 0, cut));
	take(run, rp_bytes_slice(text, cut, SIZE_MAX));
	run->err = rp_json_scan_end(&run->scan);
}

static void scan_bytewise(struct run *run, struct rp_bytes text)
{
	memset(run, 0, sizeof(*run));
	rp_json_scan_init(&run->scan);
	for (size_t i = 0; i < text.len; i++)
		take(run, rp_bytes_slice(text, i, 1));
	run->err = rp_json_scan_end(&run->scan);
}

static void same(const struct run *a, const struct run *b)
{
	assert_int_equal(a->err, b->err);
	assert_string_equal(a->scan.error, b->scan.error);
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		assert_int_equal(a->token[i].kind, b->token[i].kind);
		assert_int_equal(a->token[i].begin, b->token[i].begin);
		assert_int_equal(a->token[i].end, b->token[i].end);
		assert_int_equal(a->token[i].depth, b->token[i].depth);
		assert_int_equal(a->token[i].has_escape, b->token[i].has_escape);
		assert_int_equal(a->token[i].has_high, b->token[i].has_high);
	}
}

static struct run whole;
static struct run pieces;

static void each_split_gives_the_same_tokens(void **state RP_UNUSED)
{
	static const char *const texts[] = {
		" {\"a\":[1,-2.5e+10,true,false,null,\"x\\u00e9\\n\\\"\"], \"b\" : {\"c\":{}} , "
		"\"\":[] } ",
		"{\"k\":\"\\ud83d\\ude00 plain text that is long enough for words\",\"n\":0}",
		"[1.5",
		"{\"a\":tru}",
		"{\"a\":01}",
		"{\"a\" 1}",
		"[1,]",
		"\"\\x\"",
		"-",
		"12",
		"nul",
		"",
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(texts); i++) {
		struct rp_bytes text = rp_bytes_str(texts[i]);

		scan_split(&whole, text, text.len);
		for (size_t cut = 0; cut < text.len; cut++) {
			scan_split(&pieces, text, cut);
			same(&whole, &pieces);
		}
		scan_bytewise(&pieces, text);
		same(&whole, &pieces);
	}
}

/* Long enough for blocks, with each kind of escape at each place of them. */
static void long_strings_give_the_same_tokens_however_cut(void **state RP_UNUSED)
{
	static const char *const pieces_of_text[] = {"\\n",	"\\\\",	    "\\\"",
						     "\\u00e9", "\xc3\xa9", "\\q",
						     "\x01",	"\\u00g",   "\\\\\\\\\\"};
	enum { LINE = 37, LINES = 8 };
	char text[LINE * LINES + 64];

	for (size_t i = 0; i < RP_ARRAY_LEN(pieces_of_text); i++) {
		for (size_t place = 0; place < LINE * LINES; place += 5) {
			size_t n = 2;
			struct rp_bytes in;

			memcpy(text, "[\"", n);
			for (size_t k = 0; k < LINE * LINES; k++) {
				size_t len = strlen(pieces_of_text[i]);

				if (k == place) {
					memcpy(text + n, pieces_of_text[i], len);
					n += len;
				}
				text[n++] = k % LINE == LINE - 2   ? '\\'
					    : k % LINE == LINE - 1 ? 'n'
								   : 'x';
			}
			memcpy(text + n, "\",1]", 4);
			in = rp_bytes(text, n + 4);
			scan_bytewise(&whole, in);
			for (size_t cut = 0; cut <= in.len; cut++) {
				scan_split(&pieces, in, cut);
				same(&whole, &pieces);
			}
		}
	}
}

static void errors_are_worded_like_gos(void **state RP_UNUSED)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{"", "unexpected end of JSON input"},
		{"  ", "unexpected end of JSON input"},
		{"{\"a\":1", "unexpected end of JSON input"},
		{"[tru", "unexpected end of JSON input"},
		{"1.", "unexpected end of JSON input"},
		{"x", "invalid character 'x' looking for beginning of value"},
		{"{a:1}", "invalid character 'a' looking for beginning of object key string"},
		{"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
		{"{\"a\" 1}", "invalid character '1' after object key"},
		{"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
		{"{\"a\":01}", "invalid character '1' after object key:value pair"},
		{"[1 2]", "invalid character '2' after array element"},
		{"[1,]", "invalid character ']' looking for beginning of value"},
		{"{} x", "invalid character 'x' after top-level value"},
		{"[\"a\nb\"]", "invalid character '\\n' in string literal"},
		{"[\"a\001\"]", "invalid character '\\x01' in string literal"},
		{"[\"\\q\"]", "invalid character 'q' in string escape code"},
		{"[\"\\u12g4\"]", "invalid character 'g' in \\u hexadecimal character escape"},
		{"[-x]", "invalid character 'x' in numeric literal"},
		{"[1.x]", "invalid character 'x' after decimal point in numeric literal"},
		{"[1ex]", "invalid character 'x' in exponent of numeric literal"},
		{"[1e+]", "invalid character ']' in exponent of numeric literal"},
		{"trXe", "invalid character 'X' in literal true (expecting 'u')"},
		{"'", "invalid character '\\'' looking for beginning of value"},
		{"\xef\xbb\xbf{}", "invalid character '\xc3\xaf' looking for beginning of value"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_bytes text = rp_bytes_str(cases[i].text);

		scan_split(&whole, text, text.len);
		assert_int_equal(whole.err, RP_EFORMAT);
		assert_string_equal(whole.scan.error, cases[i].error);
	}
}

static void depth_is_bounded(void **state RP_UNUSED)
{
	char text[2 * RP_JSON_DEPTH_MAX + 3];

	memset(text, '[', RP_JSON_DEPTH_MAX);
	memset(text + RP_JSON_DEPTH_MAX, ']', RP_JSON_DEPTH_MAX);
	scan_split(&whole, rp_bytes(text, 2 * RP_JSON_DEPTH_MAX), 0);
	assert_int_equal(whole.err, RP_OK);
	memset(text, '[', RP_JSON_DEPTH_MAX + 1);
	scan_split(&whole, rp_bytes(text, RP_JSON_DEPTH_MAX + 1), 0);
	assert_int_equal(whole.err, RP_EFORMAT);
	assert_string_equal(whole.scan.error, "exceeded max depth");
}

static void long_text_is_kept_up_to_the_buffer(void **state RP_UNUSED)
{
	char text[1000];

	memset(text, 'a', sizeof(text));
	text[0] = '"';
	text[sizeof(text) - 1] = '"';
	scan_split(&whole, rp_bytes(text, sizeof(text)), 500);
	assert_int_equal(whole.count, 1);
	assert_int_equal(rp_json_scan_text(&whole.scan).len, RP_JSON_TEXT_BYTES);
	assert_int_equal(whole.token[0].end, sizeof(text));
}

/* ---- against cJSON ---- */

static uint64_t seed = 42;

static uint32_t dice(uint32_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static cJSON *random_value(int depth)
{
	cJSON *value;

	switch (dice(depth > 4 ? 5 : 7)) {
	case 0:
		return cJSON_CreateNumber((double)dice(1000000) / 64 - 1000);
	case 1:
		return cJSON_CreateString(dice(2) ? "a \"quoted\"\n\xc3\xa9 text" : "plain");
	case 2:
		return cJSON_CreateTrue();
	case 3:
		return cJSON_CreateFalse();
	case 4:
		return cJSON_CreateNull();
	case 5:
		value = cJSON_CreateArray();
		for (uint32_t n = dice(5); n > 0; n--)
			cJSON_AddItemToArray(value, random_value(depth + 1));
		return value;
	default:
		value = cJSON_CreateObject();
		for (uint32_t n = dice(5); n > 0; n--) {
			char key[16];

			snprintf(key, sizeof(key), "k%u", n);
			cJSON_AddItemToObject(value, key, random_value(depth + 1));
		}
		return value;
	}
}

/* Walk the tokens along cJSON's tree; returns the index after the value. */
static uint32_t walk(const struct run *run, struct rp_bytes text, const cJSON *tree, uint32_t at)
{
	const struct rp_json_token *token = &run->token[at];
	char number[64];

	assert_true(at < run->count);
	if (cJSON_IsObject(tree) || cJSON_IsArray(tree)) {
		const cJSON *child;

		assert_int_equal(token->kind,
				 cJSON_IsObject(tree) ? RP_JSON_OBJECT_BEGIN : RP_JSON_ARRAY_BEGIN);
		at++;
		cJSON_ArrayForEach(child, tree)
		{
			if (cJSON_IsObject(tree)) {
				assert_int_equal(run->token[at].kind, RP_JSON_KEY);
				assert_memory_equal(text.ptr + run->token[at].begin + 1,
						    child->string, strlen(child->string));
				at++;
			}
			at = walk(run, text, child, at);
		}
		assert_int_equal(run->token[at].kind,
				 cJSON_IsObject(tree) ? RP_JSON_OBJECT_END : RP_JSON_ARRAY_END);
		assert_int_equal(run->token[at].depth, token->depth);
		return at + 1;
	}
	if (cJSON_IsNumber(tree)) {
		assert_int_equal(token->kind, RP_JSON_NUMBER);
		rp_bytes_to_str(rp_bytes_slice(text, token->begin, token->end - token->begin),
				number, sizeof(number));
		assert_true(strtod(number, NULL) == tree->valuedouble);
	} else if (cJSON_IsString(tree)) {
		assert_int_equal(token->kind, RP_JSON_STRING);
		assert_int_equal(token->has_escape, strchr(tree->valuestring, '"') != NULL);
	} else {
		assert_int_equal(token->kind, cJSON_IsTrue(tree)    ? RP_JSON_TRUE
					      : cJSON_IsFalse(tree) ? RP_JSON_FALSE
								    : RP_JSON_NULL);
	}
	return at + 1;
}

static void random_documents_read_as_cjson_reads_them(void **state RP_UNUSED)
{
	for (int round = 0; round < 2000; round++) {
		cJSON *tree = cJSON_CreateArray();
		char *printed;
		struct rp_bytes text;

		cJSON_AddItemToArray(tree, random_value(0));
		printed = dice(2) ? cJSON_Print(tree) : cJSON_PrintUnformatted(tree);
		text = rp_bytes_str(printed);
		scan_split(&whole, text, dice((uint32_t)text.len));
		assert_int_equal(whole.err, RP_OK);
		assert_int_equal(walk(&whole, text, tree, 0), whole.count);
		free(printed);
		cJSON_Delete(tree);
	}
}

/* One byte changed: cJSON is more lenient in places, so what we take it must take, too. */
static void what_is_accepted_cjson_accepts(void **state RP_UNUSED)
{
	static const char base[] = "{\"a\":[1,-2.5e+10,true,\"x\\u00e9\\n\"],\"b\":{\"c\":null}}";

	for (int round = 0; round < 20000; round++) {
		char text[sizeof(base)];
		cJSON *tree;

		memcpy(text, base, sizeof(base));
		for (uint32_t n = 1 + dice(3); n > 0; n--)
			text[dice(sizeof(base) - 1)] = (char)(32 + dice(95));
		scan_split(&whole, rp_bytes(text, sizeof(base) - 1), 0);
		if (whole.err != RP_OK)
			continue;
		tree = cJSON_ParseWithOpts(text, NULL, 1);
		/* cJSON refuses lone surrogates, Go replaces them. */
		if (tree == NULL)
			assert_non_null(strstr(text, "\\u"));
		cJSON_Delete(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_split_gives_the_same_tokens),
		cmocka_unit_test(long_strings_give_the_same_tokens_however_cut),
		cmocka_unit_test(errors_are_worded_like_gos),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(long_text_is_kept_up_to_the_buffer),
		cmocka_unit_test(random_documents_read_as_cjson_reads_them),
		cmocka_unit_test(what_is_accepted_cjson_accepts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
