/* SPDX-License-Identifier: Apache-2.0 */
#include "control/http_response.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* What a reader of a response saw. */
struct seen {
	char body[256];
	size_t body_bytes; /* those above the array are only counted */
	bool is_keep_alive;
	size_t left; /* bytes that do not belong to the response */
};

static int collect(void *user, struct rp_bytes piece)
{
	struct seen *seen = user;

	for (size_t i = 0; i < piece.len; i++, seen->body_bytes++) {
		if (seen->body_bytes < sizeof(seen->body))
			seen->body[seen->body_bytes] = (char)piece.ptr[i];
	}
	return RP_OK;
}

/* Read `in` in pieces that end at `cut`, and every `step` bytes behind it; then the peer closes. */
static int read_cut(struct rp_bytes in, size_t cut, size_t step, struct seen *ret_seen)
{
	static struct rp_http_response response;
	size_t at = 0;
	int err = RP_EAGAIN;

	*ret_seen = (struct seen){.body_bytes = 0};
	memset(&response, 0xa5, sizeof(response));
	rp_http_response_begin(&response);
	while (err == RP_EAGAIN && at < in.len) {
		size_t bytes = at < cut ? cut - at : step;
		struct rp_bytes piece = rp_bytes_slice(in, at, bytes);

		at += piece.len;
		err = rp_http_response_feed(&response, &piece, collect, ret_seen);
		at -= piece.len;
		assert_true(err != RP_EAGAIN || piece.len == 0);
	}
	if (err == RP_EAGAIN)
		err = rp_http_response_eof(&response);
	ret_seen->is_keep_alive = response.is_keep_alive;
	ret_seen->left = in.len - at;
	return err;
}

/* Read as a whole, byte by byte, and cut in two at each offset: always the same. */
static int read_every_way(struct rp_bytes in, struct seen *ret_seen)
{
	int err = read_cut(in, in.len, in.len, ret_seen);
	struct seen other;

	assert_int_equal(read_cut(in, 1, 1, &other), err);
	for (size_t cut = 1; cut <= in.len; cut++) {
		assert_int_equal(read_cut(in, cut, in.len, &other), err);
		if (err != RP_OK)
			continue;
		assert_int_equal(other.body_bytes, ret_seen->body_bytes);
		assert_memory_equal(other.body, ret_seen->body, sizeof(other.body));
		assert_int_equal(other.is_keep_alive, ret_seen->is_keep_alive);
		assert_int_equal(other.left, ret_seen->left);
	}
	return err;
}

struct row {
	const char *response;
	int err;
	const char *body;
	bool is_keep_alive;
	size_t left;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct seen seen;
		int err = read_every_way(rp_bytes_str(row->response), &seen);

		if (err != row->err)
			fail_msg("%s\n-> %s, not %s", row->response, rp_err_text(err),
				 rp_err_text(row->err));
		if (err != RP_OK)
			continue;
		if (seen.body_bytes != strlen(row->body) ||
		    memcmp(seen.body, row->body, seen.body_bytes) != 0 ||
		    seen.is_keep_alive != row->is_keep_alive || seen.left != row->left)
			fail_msg("%s\n-> %.*s keep-alive %d left %zu", row->response,
				 (int)seen.body_bytes, seen.body, seen.is_keep_alive, seen.left);
	}
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct row rows[] = {__VA_ARGS__};                                    \
		(void)state;                                                                       \
		check_rows(rows, RP_ARRAY_LEN(rows));                                              \
	} while (0)

#define OK_HEAD	 "HTTP/1.1 200 OK\r\n"
#define CHUNKED	 OK_HEAD "Transfer-Encoding: chunked\r\n"
#define X50	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X100	 X50 X50
#define ZERO50	 "00000000000000000000000000000000000000000000000000"
#define ZERO100	 ZERO50 ZERO50
#define BLANK50	 "                                                  "
#define BLANK200 BLANK50 BLANK50 BLANK50 BLANK50

static void a_body_ends_after_its_length(void **state)
{
	CHECK({OK_HEAD "Content-Length: 5\r\n\r\nhello", RP_OK, "hello", true, 0},
	      {OK_HEAD "content-LENGTH:5\r\n\r\nhello", RP_OK, "hello", true, 0},
	      {OK_HEAD "Content-Length: \t5 \t\r\n\r\nhello", RP_OK, "hello", true, 0},
	      {OK_HEAD "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", RP_OK, "hello", true,
	       0},
	      {OK_HEAD "Content-Length: 0\r\n\r\n", RP_OK, "", true, 0},
	      {OK_HEAD "Content-Length: 5\r\n\r\nhello, again", RP_OK, "hello", true, 7},
	      {"HTTP/1.1 200\nContent-Length: 5\n\nhello", RP_OK, "hello", true, 0},
	      {"HTTP/1.1 200 " X100 X100 "\r\nX: " X100 X100 "\r\nContent-Length: 2\r\n\r\nab",
	       RP_OK, "ab", true, 0});
}

static void a_length_that_two_readers_may_read_differently_is_refused(void **state)
{
	CHECK({OK_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", RP_EPROTO, "", false,
	       0},
	      {OK_HEAD "Content-Length: 5, 5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: -5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: +5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: 0x5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: 5 5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length:\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: 18446744073709551616\r\n\r\nhello", RP_EPROTO, "", false,
	       0},
	      {OK_HEAD "Content-Length : 5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD " Content-Length: 5\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "X: y\r\n\tfolded\r\n\r\nhello", RP_EPROTO, "", false, 0},
	      {OK_HEAD "Content-Length: " ZERO100 ZERO100 "5\r\n\r\nhello", RP_ETOOBIG, "", false,
	       0},
	      {OK_HEAD "Transfer-Encoding: " BLANK200 "chunked\r\n\r\n0\r\n\r\n", RP_EUNSUPPORTED,
	       "", false, 0});
}

static void a_chunked_body_is_put_together(void **state)
{
	CHECK({CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n", RP_OK, "hello", true, 0},
	      {CHUNKED "\r\n2\r\nhe\r\n00003;a=b\r\nllo\r\n0\r\nTrailer: x\r\n\r\nrest", RP_OK,
	       "hello", true, 4},
	      {CHUNKED "\r\nA \r\n0123456789\r\nb\r\n0123456789a\r\n0 \r\n\r\n", RP_OK,
	       "01234567890123456789a", true, 0},
	      {CHUNKED "\r\n0\r\n\r\n", RP_OK, "", true, 0},
	      {CHUNKED "\r\n2;" X100 X100 "\r\nab\r\n0\r\n\r\n", RP_OK, "ab", true, 0},
	      /* The length is not looked at, but such a peer gets no second request. */
	      {CHUNKED "Content-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", RP_OK, "hello", false,
	       0});
}

static void a_broken_chunk_is_refused(void **state)
{
	CHECK({CHUNKED "\r\n\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\ng\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\n-1\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\n5x\r\nhello\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\n5\r\nhello, \r\n0\r\n\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\n5\r\nhello0\r\n\r\n", RP_EPROTO, "", false, 0},
	      {CHUNKED "\r\n800001\r\n", RP_ETOOBIG, "", false, 0},
	      {CHUNKED "\r\nffffffffffffffffffffffffffffffff\r\n", RP_ETOOBIG, "", false, 0},
	      {CHUNKED "\r\n" ZERO100 ZERO100 "5\r\nhello\r\n0\r\n\r\n", RP_EPROTO, "", false, 0});
}

static void an_encoding_that_was_not_asked_for_is_refused(void **state)
{
	CHECK({OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab", RP_EUNSUPPORTED, "",
	       false, 0},
	      {OK_HEAD "Content-Encoding: " BLANK200 "gzip\r\nContent-Length: 2\r\n\r\nab",
	       RP_EUNSUPPORTED, "", false, 0},
	      {OK_HEAD "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nab", RP_OK, "ab",
	       true, 0},
	      {OK_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", RP_EUNSUPPORTED, "",
	       false, 0},
	      {OK_HEAD "Transfer-Encoding: identity\r\n\r\nab", RP_EUNSUPPORTED, "", false, 0},
	      {CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RP_EUNSUPPORTED, "", false,
	       0});
}

static void without_length_or_chunks_the_body_ends_with_the_connection(void **state)
{
	CHECK({OK_HEAD "\r\nhello", RP_OK, "hello", false, 0},
	      {OK_HEAD "\r\n", RP_OK, "", false, 0},
	      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello", RP_OK, "hello", false, 0});
}

static void an_end_that_comes_too_early_is_an_error(void **state)
{
	CHECK({"", RP_ECLOSED, "", false, 0}, {"HTTP/1.1 200 OK", RP_ECLOSED, "", false, 0},
	      {OK_HEAD, RP_ECLOSED, "", false, 0},
	      {OK_HEAD "Content-Length: 5\r\n\r\nhell", RP_ECLOSED, "", false, 0},
	      {CHUNKED "\r\n5", RP_ECLOSED, "", false, 0},
	      {CHUNKED "\r\n5\r\nhell", RP_ECLOSED, "", false, 0},
	      {CHUNKED "\r\n5\r\nhello\r\n", RP_ECLOSED, "", false, 0},
	      {CHUNKED "\r\n5\r\nhello\r\n0\r\n", RP_ECLOSED, "", false, 0},
	      {CHUNKED "\r\n0\r\nTrailer: x\r\n", RP_ECLOSED, "", false, 0});
}

static void only_200_is_a_page(void **state)
{
	CHECK({"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nab", RP_EUNSUPPORTED, "", false,
	       0},
	      {"HTTP/1.1 204 No Content\r\n\r\n", RP_EUNSUPPORTED, "", false, 0},
	      {"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nab", RP_EUNSUPPORTED, "",
	       false, 0},
	      {"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
	       RP_EUNSUPPORTED, "", false, 0},
	      {"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n", RP_EUNSUPPORTED, "",
	       false, 0},
	      {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nab", RP_EUNSUPPORTED, "", false,
	       0},
	      {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nab", RP_EUNSUPPORTED, "", false, 0},
	      {"HTTP/1.1 101 Switching\r\n\r\n", RP_EUNSUPPORTED, "", false, 0});
}

static void interim_responses_are_passed_over(void **state)
{
	CHECK({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nContent-Length: 9\r\n"
	       "Connection: close\r\n\r\n" OK_HEAD "Content-Length: 2\r\n\r\nab",
	       RP_OK, "ab", true, 0});
}

static void a_status_line_of_something_else_is_refused(void **state)
{
	CHECK({"\r\n" OK_HEAD "\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/2 200 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.x 200 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.1  200 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.1 20 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.1 2000 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.1 +20 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"HTTP/1.1 200OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"http/1.1 200 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"ICY 200 OK\r\n\r\n", RP_EPROTO, "", false, 0},
	      {"GET /metrics HTTP/1.1\r\n\r\n", RP_EPROTO, "", false, 0},
	      {OK_HEAD "no colon\r\n\r\n", RP_EPROTO, "", false, 0},
	      {OK_HEAD "noblank\r\n\r\n", RP_EPROTO, "", false, 0},
	      {OK_HEAD ": no name\r\n\r\n", RP_EPROTO, "", false, 0});
}

static void the_connection_lives_on_as_both_sides_say(void **state)
{
#define BODY "Content-Length: 1\r\n\r\na"
	CHECK({OK_HEAD "Connection: close\r\n" BODY, RP_OK, "a", false, 0},
	      {OK_HEAD "Connection: x , CLOSE\r\n" BODY, RP_OK, "a", false, 0},
	      {OK_HEAD "Connection: close\r\nConnection: keep-alive\r\n" BODY, RP_OK, "a", false,
	       0},
	      {OK_HEAD "Connection: closed\r\n" BODY, RP_OK, "a", true, 0},
	      {OK_HEAD "Connection: " X100 X100 ", close\r\n" BODY, RP_OK, "a", false, 0},
	      {"HTTP/1.0 200 OK\r\n" BODY, RP_OK, "a", false, 0},
	      {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" BODY, RP_OK, "a", true, 0});
#undef BODY
}

/* Feed prefix, then n times `again`, until that is no longer welcome. */
static int flood(const char *prefix, const char *again, size_t most, struct seen *seen)
{
	struct rp_http_response response;
	struct rp_bytes in = rp_bytes_str(prefix);
	int err;

	*seen = (struct seen){.body_bytes = 0};
	rp_http_response_begin(&response);
	err = rp_http_response_feed(&response, &in, collect, seen);
	for (size_t fed = 0; err == RP_EAGAIN && fed < most; fed += strlen(again)) {
		in = rp_bytes_str(again);
		err = rp_http_response_feed(&response, &in, collect, seen);
	}
	return err;
}

static void nothing_has_no_end(void **state)
{
	struct seen seen;

	(void)state;
	/* One line, many lines, many interim responses, many trailers. */
	assert_int_equal(flood("HTTP/1.1 200 ", X100, 17u << 10, &seen), RP_ETOOBIG);
	assert_int_equal(flood(OK_HEAD "X: ", X100, 17u << 10, &seen), RP_ETOOBIG);
	assert_int_equal(flood(OK_HEAD, "X: y\r\n", 17u << 10, &seen), RP_ETOOBIG);
	assert_int_equal(flood("", "HTTP/1.1 100 Go\r\n\r\n", 17u << 10, &seen), RP_ETOOBIG);
	assert_int_equal(flood(CHUNKED "\r\n0\r\n", "X: y\r\n", 17u << 10, &seen), RP_ETOOBIG);
	assert_int_equal(flood(CHUNKED "\r\n5;", X100, 17u << 10, &seen), RP_ETOOBIG);
	/* A length that is a lie is not waited for. */
	assert_int_equal(flood(OK_HEAD "Content-Length: 209715200\r\n\r\n", X100, 100, &seen),
			 RP_ETOOBIG);
	assert_int_equal(seen.body_bytes, 0);
	/* Without a length the bytes are counted. */
	assert_int_equal(flood(OK_HEAD "\r\n", X100, 9u << 20, &seen), RP_ETOOBIG);
	assert_in_range(seen.body_bytes, RP_SCRAPE_BODY_BYTES_MAX - 100, RP_SCRAPE_BODY_BYTES_MAX);
	/* Chunks of one byte, with far more around them than in them. */
	assert_int_equal(flood(CHUNKED "\r\n", "1;" X100 "\r\na\r\n", 9u << 20, &seen), RP_ETOOBIG);
	assert_in_range(seen.body_bytes, 1, RP_SCRAPE_BODY_BYTES_MAX / 100);
}

static void a_page_of_the_largest_size_is_read(void **state)
{
	struct seen seen;
	char head[64];

	(void)state;
	snprintf(head, sizeof(head), OK_HEAD "Content-Length: %u\r\n\r\n",
		 RP_SCRAPE_BODY_BYTES_MAX);
	assert_int_equal(flood(head, X100, 9u << 20, &seen), RP_OK);
	assert_int_equal(seen.body_bytes, RP_SCRAPE_BODY_BYTES_MAX);
}

static int refuse(void *user, struct rp_bytes piece)
{
	(void)user;
	(void)piece;
	return RP_ENOMEM;
}

static void an_error_of_the_body_s_reader_ends_the_response(void **state)
{
	struct rp_http_response response;
	struct rp_bytes in = RP_BYTES_LIT(OK_HEAD "Content-Length: 5\r\n\r\nhello");

	(void)state;
	rp_http_response_begin(&response);
	assert_int_equal(rp_http_response_feed(&response, &in, refuse, NULL), RP_ENOMEM);
}

static void random_bytes_end_in_some_way(void **state)
{
	static const char alphabet[] = "HTTP/1.1 200\r\n\r\n:5;afContent-Length: 9";
	unsigned seed = 11;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[96];
		size_t len = (size_t)rand_r(&seed) % sizeof(text);
		struct seen whole;
		struct seen pieces;
		size_t head = round % 2 == 0 ? 0 : strlen(CHUNKED "\r\n");
		char all[256];
		int err;

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[(size_t)rand_r(&seed) % (sizeof(alphabet) - 1)];
		memcpy(all, CHUNKED "\r\n", head);
		memcpy(all + head, text, len);
		err = read_cut(rp_bytes(all, head + len), head + len, 1, &whole);
		assert_int_equal(read_cut(rp_bytes(all, head + len), 1, 1, &pieces), err);
		if (err == RP_OK)
			assert_memory_equal(&whole, &pieces, sizeof(whole));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_ends_after_its_length),
		cmocka_unit_test(a_length_that_two_readers_may_read_differently_is_refused),
		cmocka_unit_test(a_chunked_body_is_put_together),
		cmocka_unit_test(a_broken_chunk_is_refused),
		cmocka_unit_test(an_encoding_that_was_not_asked_for_is_refused),
		cmocka_unit_test(without_length_or_chunks_the_body_ends_with_the_connection),
		cmocka_unit_test(an_end_that_comes_too_early_is_an_error),
		cmocka_unit_test(only_200_is_a_page),
		cmocka_unit_test(interim_responses_are_passed_over),
		cmocka_unit_test(a_status_line_of_something_else_is_refused),
		cmocka_unit_test(the_connection_lives_on_as_both_sides_say),
		cmocka_unit_test(nothing_has_no_end),
		cmocka_unit_test(a_page_of_the_largest_size_is_read),
		cmocka_unit_test(an_error_of_the_body_s_reader_ends_the_response),
		cmocka_unit_test(random_bytes_end_in_some_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
