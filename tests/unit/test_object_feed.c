/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/kube/object_feed.h"

/* What a feed gave, as text. */
struct heard {
	char text[1024];
	size_t bytes;
	int too_big;
	int err; /* for callbacks to return */
};

static int on_object(void *user, struct rp_bytes type, const cJSON *object)
{
	struct heard *heard = user;
	char *text = cJSON_PrintUnformatted(object);
	int n = snprintf(heard->text + heard->bytes, sizeof(heard->text) - heard->bytes, "%.*s%s\n",
			 (int)type.len, (const char *)type.ptr, text);

	assert_true(n > 0 && (size_t)n < sizeof(heard->text) - heard->bytes);
	heard->bytes += (size_t)n;
	cJSON_free(text);
	return heard->err;
}

static int on_too_big(void *user)
{
	struct heard *heard = user;

	heard->too_big++;
	return heard->err;
}

static const struct rp_object_feed_ops ops = {on_object, on_too_big};

/* Feed all, cut at `at`, or byte by byte if that is SIZE_MAX. The feed is the caller's to end. */
static int feed_cut(struct rp_object_feed *feed, const char *text, size_t bytes, size_t at,
		    const char *array_key, struct heard *heard)
{
	int err = RP_OK;

	if (array_key != NULL)
		rp_object_feed_init_list(feed, array_key, &ops, heard);
	else
		rp_object_feed_init_watch(feed, &ops, heard);
	if (at != SIZE_MAX) {
		err = rp_object_feed_push(feed, rp_bytes(text, at));
		if (err == RP_OK)
			err = rp_object_feed_push(feed, rp_bytes(text + at, bytes - at));
	} else {
		for (size_t i = 0; i < bytes && err == RP_OK; i++)
			err = rp_object_feed_push(feed, rp_bytes(text + i, 1));
	}
	if (err != RP_OK)
		assert_int_equal(rp_object_feed_end(feed), err);
	return rp_object_feed_end(feed);
}

static void expect(const char *array_key, const char *text, int err, const char *heard_text,
		   const char *version, const char *next)
{
	size_t bytes = strlen(text);

	for (size_t i = 0; i <= bytes + 1; i++) {
		struct heard heard = {0};
		struct rp_object_feed feed;

		assert_int_equal(
			feed_cut(&feed, text, bytes, i <= bytes ? i : SIZE_MAX, array_key, &heard),
			err);
		if (heard_text != NULL)
			assert_string_equal(heard.text, heard_text);
		if (err == RP_OK) {
			assert_string_equal(feed.version, version);
			assert_string_equal(feed.next, next);
		}
		rp_object_feed_fini(&feed);
	}
}

static void expect_list(const char *text, int err, const char *heard, const char *version,
			const char *next)
{
	expect("items", text, err, heard, version, next);
}

static void list_gives_its_items_and_metadata_in_whatever_order(void **state)
{
	(void)state;
	expect_list("{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"12\",\"continue\":"
		    "\"abc==\"},\"items\":[{\"a\":1},{\"b\":{\"items\":[{}]}}]}\n",
		    RP_OK, "{\"a\":1}\n{\"b\":{\"items\":[{}]}}\n", "12", "abc==");
	expect_list(" { \"items\" : [ { \"a\" : 1 } ] , \"x\" : [ [ { \"items\" : [ 1 ] } ] ] , "
		    "\"metadata\" : { \"resourceVersion\" : \"7\" } } ",
		    RP_OK, "{\"a\":1}\n", "7", "");
	expect_list("{\"x\":{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{}]},"
		    "\"metadata\":{\"resourceVersion\":\"2\",\"remainingItemCount\":3}}",
		    RP_OK, "", "2", "");
	expect_list("{\"it\\u0065ms\":[{}]}", RP_OK, "{}\n", "", "");
}

static void list_may_have_no_items(void **state)
{
	(void)state;
	expect_list("{\"items\":null,\"metadata\":{\"resourceVersion\":\"2\"}}", RP_OK, "", "2",
		    "");
	expect_list("{\"items\":[],\"metadata\":{\"resourceVersion\":\"2\"}}", RP_OK, "", "2", "");
	expect_list("{\"metadata\":{\"resourceVersion\":\"2\"}}", RP_OK, "", "2", "");
	expect_list("{}", RP_OK, "", "", "");
	expect_list("{\"metadata\":null}", RP_OK, "", "", "");
}

static void list_has_no_version_if_it_is_of_no_use(void **state)
{
	char text[600];
	char version[2 * RP_KUBE_VERSION_BYTES_MAX];

	(void)state;
	expect_list("{\"metadata\":{}}", RP_OK, "", "", "");
	expect_list("{\"metadata\":{\"resourceVersion\":\"0\"}}", RP_OK, "", "", "");
	expect_list("{\"metadata\":{\"resourceVersion\":5}}", RP_OK, "", "", "");
	memset(version, '1', sizeof(version));
	version[sizeof(version) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"metadata\":{\"resourceVersion\":\"%s\"}}", version);
	expect_list(text, RP_OK, "", "", "");
}

static void list_may_be_of_another_member(void **state)
{
	(void)state;
	expect("resources", "{\"groupVersion\":\"g/v1\",\"resources\":[{\"name\":\"a\"}]}", RP_OK,
	       "{\"name\":\"a\"}\n", "", "");
}

static void watch_gives_events_of_whatever_distance(void **state)
{
	(void)state;
	expect(NULL,
	       "{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n{\"object\":{},\"type\":\"X\"}{\"type\":"
	       "\"DELETED\",\"object\":{\"b\":[]}} \r\n",
	       RP_OK, "ADDED{\"a\":1}\nX{}\nDELETED{\"b\":[]}\n", "", "");
	expect(NULL, "", RP_OK, "", "", "");
	expect(NULL, "\n", RP_OK, "", "", "");
}

static void watch_refuses_what_is_no_event(void **state)
{
	static const char *const bad[] = {
		"[]",
		"null",
		"1",
		"{}",
		"{\"type\":\"ADDED\"}",
		"{\"type\":\"\",\"object\":{}}",
		"{\"type\":1,\"object\":{}}",
		"{\"type\":\"ADDED\",\"object\":[]}",
		"{\"type\":\"ADDED\",\"object\":{}},",
		"{\"type\":\"ADDED\",\"object\":{}",
		"}",
		"<html>",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++)
		expect(NULL, bad[i], RP_EFORMAT, NULL, "", "");
}

static void list_refuses_what_is_no_list(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"[]",
		"null",
		"{\"items\":{}}",
		"{\"items\":1}",
		"{\"items\":true}",
		"{\"items\":\"\"}",
		"{\"items\":[1]}",
		"{\"items\":[null]}",
		"{\"items\":[{}",
		"{\"items\":[{}]",
		"{\"items\":[{}]}}",
		"{\"items\":[{},]}",
		"{\"items\":[{}{}]}",
		"{\"items\":[{}}",
		"{\"metadata\":[]}",
		"{\"metadata\":\"\"}",
		"{\"a\":1}{}",
		"{\"a\"}",
		"{\"a\":}",
		"{a:1}",
		"{,}",
		"{\"a\":1,}",
		"{\"a\":[1,]}",
		"{\"a\":[,1]}",
		"{\"a\":01}",
		"{\"a\":-}",
		"{\"a\":1.}",
		"{\"a\":.1}",
		"{\"a\":1e}",
		"{\"a\":1e+}",
		"{\"a\":+1}",
		"{\"a\":1 2}",
		"{\"a\":nul}",
		"{\"a\":nulll}",
		"{\"a\":TRUE}",
		"{\"a\":\"\\x\"}",
		"{\"a\":\"\\u12g4\"}",
		"{\"a\":\"\n\"}",
		"{\"a\":\"",
		"\xef\xbb\xbf{}",
		"{\"items\":[{\"a\":\"\\ud800\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++)
		expect_list(bad[i], RP_EFORMAT, NULL, "", "");
}

static void strings_numbers_and_words_come_through(void **state)
{
	(void)state;
	expect_list("{\"items\":[{\"a\":\"x\\\"}]{\\\\\",\"b\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\","
		    "\"c\":[true,false,null,-0,1.5e3,-2E-1,0.25]}]}",
		    RP_OK,
		    "{\"a\":\"x\\\"}]{\\\\\",\"b\":\"\xc3\xa9\xf0\x9f\x98\x80\xc3\xa9\","
		    "\"c\":[true,false,null,-0,1500,-0.2,0.25]}\n",
		    "", "");
}

static void number_may_be_of_any_size(void **state)
{
	(void)state;
	expect_list("{\"items\":[{\"a\":123456789012345678901234567890}]}", RP_OK,
		    "{\"a\":1.2345678901234568e+29}\n", "", "");
	expect_list("{\"items\":[{\"a\":0.2500000000000000000000000000000000000000000000000000000"
		    "0000000000000000000000000000000000000000000000000000000}]}",
		    RP_OK, "{\"a\":0.25}\n", "", "");
	expect_list("{\"items\":[{\"a\":[-1000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000000000e-80,4]}]}",
		    RP_OK, "{\"a\":[-1,4]}\n", "", "");
	expect_list("{\"items\":[{\"a\":1000000000000000000000000000000000000000000000000000000"
		    "00000000000000000000000000e99999}],\"x\":1e999999999999999999999999999999999"
		    "99999999999999999999999999999999999999999999999999999999}",
		    RP_OK, "{\"a\":null}\n", "", "");
}

static void depth_is_bounded_before_it_is_parsed(void **state)
{
	char text[3 * RP_KUBE_JSON_DEPTH_MAX];

	(void)state;
	for (uint32_t depth = RP_KUBE_JSON_DEPTH_MAX - 1; depth <= RP_KUBE_JSON_DEPTH_MAX + 1;
	     depth++) {
		size_t n = (size_t)snprintf(text, sizeof(text), "{\"x\":");

		memset(text + n, '[', depth - 1);
		memset(text + n + depth - 1, ']', depth - 1);
		snprintf(text + n + 2 * (depth - 1), 2, "}");
		expect_list(text, depth <= RP_KUBE_JSON_DEPTH_MAX ? RP_OK : RP_ETOOBIG, "", "", "");
	}
}

/* `first` then blanks in a string up to `bytes`, then `last`. */
static char *stuffed(const char *first, size_t bytes, const char *last)
{
	char *text = malloc(strlen(first) + bytes + strlen(last) + 1);

	assert_non_null(text);
	memcpy(text, first, strlen(first));
	memset(text + strlen(first), ' ', bytes);
	memcpy(text + strlen(first) + bytes, last, strlen(last) + 1);
	return text;
}

static void object_that_is_too_big_is_left_out_however_it_is_cut(void **state)
{
	static const size_t cuts[] = {0, 1, 20, 4096, RP_KUBE_OBJECT_BYTES_MAX, SIZE_MAX};
	char *text = stuffed("{\"items\":[{},{\"a\":\"", RP_KUBE_OBJECT_BYTES_MAX - 7,
			     "\"},{\"b\":1}],\"metadata\":{\"resourceVersion\":\"3\"}}");

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cuts); i++) {
		struct heard heard = {0};
		struct rp_object_feed feed;

		assert_int_equal(feed_cut(&feed, text, strlen(text), cuts[i], "items", &heard),
				 RP_OK);
		assert_int_equal(heard.too_big, 1);
		assert_string_equal(heard.text, "{}\n{\"b\":1}\n");
		assert_string_equal(feed.version, "3");
		rp_object_feed_fini(&feed);
	}
	free(text);
}

static int count_object(void *user, struct rp_bytes type RP_UNUSED, const cJSON *object RP_UNUSED)
{
	(*(int *)user)++;
	return RP_OK;
}

static int refuse_too_big(void *user RP_UNUSED)
{
	return RP_ETOOBIG;
}

static void object_may_be_as_big_as_the_bound(void **state)
{
	static const struct rp_object_feed_ops counting = {count_object, refuse_too_big};

	(void)state;
	for (size_t over = 0; over <= 1; over++) {
		char *text = stuffed("{\"items\":[{\"a\":\"", RP_KUBE_OBJECT_BYTES_MAX - 8 + over,
				     "\"}]}");
		struct rp_object_feed feed;
		int count = 0;

		rp_object_feed_init_list(&feed, "items", &counting, &count);
		assert_int_equal(rp_object_feed_push(&feed, rp_bytes_str(text)),
				 over == 0 ? RP_OK : RP_ETOOBIG);
		assert_int_equal(count, over == 0 ? 1 : 0);
		rp_object_feed_fini(&feed);
		free(text);
	}
}

static void long_key_is_none_of_ours(void **state)
{
	char *text = stuffed("{\"", 100000, "\":[1],\"items\":[{}]}");
	struct heard heard = {0};
	struct rp_object_feed feed;

	(void)state;
	assert_int_equal(feed_cut(&feed, text, strlen(text), SIZE_MAX, "items", &heard), RP_OK);
	assert_string_equal(heard.text, "{}\n");
	assert_true(feed.text_room <= 4096);
	rp_object_feed_fini(&feed);
	free(text);
}

static void continue_token_that_is_too_long_is_an_error(void **state)
{
	char *text = stuffed("{\"metadata\":{\"continue\":\"", RP_KUBE_CONTINUE_BYTES_MAX, "\"}}");
	struct heard heard = {0};
	struct rp_object_feed feed;

	(void)state;
	assert_int_equal(feed_cut(&feed, text, strlen(text), SIZE_MAX, "items", &heard),
			 RP_ETOOBIG);
	rp_object_feed_fini(&feed);
	free(text);
}

static void error_of_a_callback_ends_the_feed(void **state)
{
	static const char text[] = "{\"items\":[{\"a\":1},{\"b\":1}]}";
	struct heard heard = {.err = RP_ECLOSED};
	struct rp_object_feed feed;

	(void)state;
	assert_int_equal(feed_cut(&feed, text, strlen(text), 0, "items", &heard), RP_ECLOSED);
	assert_string_equal(heard.text, "{\"a\":1}\n");
	assert_int_equal(rp_object_feed_push(&feed, RP_BYTES_LIT(" ")), RP_ECLOSED);
	assert_int_equal(rp_object_feed_end(&feed), RP_ECLOSED);
	rp_object_feed_fini(&feed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_gives_its_items_and_metadata_in_whatever_order),
		cmocka_unit_test(list_may_have_no_items),
		cmocka_unit_test(list_has_no_version_if_it_is_of_no_use),
		cmocka_unit_test(list_may_be_of_another_member),
		cmocka_unit_test(watch_gives_events_of_whatever_distance),
		cmocka_unit_test(watch_refuses_what_is_no_event),
		cmocka_unit_test(list_refuses_what_is_no_list),
		cmocka_unit_test(strings_numbers_and_words_come_through),
		cmocka_unit_test(number_may_be_of_any_size),
		cmocka_unit_test(depth_is_bounded_before_it_is_parsed),
		cmocka_unit_test(object_that_is_too_big_is_left_out_however_it_is_cut),
		cmocka_unit_test(object_may_be_as_big_as_the_bound),
		cmocka_unit_test(long_key_is_none_of_ours),
		cmocka_unit_test(continue_token_that_is_too_long_is_an_error),
		cmocka_unit_test(error_of_a_callback_ends_the_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
