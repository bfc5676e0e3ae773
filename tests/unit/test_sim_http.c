/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shm/limits.h"

enum { BODY_MAX = 1000 };

static const char plain[] = "POST /v1/completions?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
			    "X-Request-Id: r-1\r\n\r\nhelloGET";
static const char chunked[] = "POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\nGET";

/* Feed text in two parts, the first of `cut` bytes; the outcome of the last call. */
static int feed(struct rp_sim_http *http, struct rp_sim_buf *in, const char *text, size_t cut)
{
	size_t bytes = strlen(text);
	int err;

	rp_sim_http_init(http);
	rp_sim_buf_add(in, text, cut);
	err = rp_sim_http_parse(http, in, BODY_MAX);
	if (err != RP_EAGAIN)
		return err;
	rp_sim_buf_add(in, text + cut, bytes - cut);
	return rp_sim_http_parse(http, in, BODY_MAX);
}

static void check_hello(const struct rp_sim_http *http, const struct rp_sim_buf *in)
{
	assert_int_equal(http->method, RP_SIM_METHOD_POST);
	assert_true(rp_bytes_equal_str(rp_sim_http_view(in, http->path), "/v1/completions"));
	assert_int_equal(http->body_bytes, 5);
	assert_memory_equal(in->data + http->body_at, "hello", 5);
	assert_true(http->keep_alive);
}

static void a_request_may_be_cut_anywhere(void **state)
{
	const char *const texts[] = {plain, chunked};

	(void)state;
	for (size_t t = 0; t < RP_ARRAY_LEN(texts); t++) {
		for (size_t cut = 1; cut <= strlen(texts[t]); cut++) {
			struct rp_sim_http http;
			struct rp_sim_buf in = {0};

			assert_int_equal(feed(&http, &in, texts[t], cut), RP_OK);
			check_hello(&http, &in);
			rp_sim_buf_fini(&in);
		}
	}
}

static void a_request_may_come_byte_by_byte(void **state)
{
	const char *const texts[] = {plain, chunked};

	(void)state;
	for (size_t t = 0; t < RP_ARRAY_LEN(texts); t++) {
		struct rp_sim_http http;
		struct rp_sim_buf in = {0};
		int err = RP_EAGAIN;

		rp_sim_http_init(&http);
		for (size_t i = 0; texts[t][i] != '\0' && err == RP_EAGAIN; i++) {
			rp_sim_buf_add(&in, &texts[t][i], 1);
			err = rp_sim_http_parse(&http, &in, BODY_MAX);
		}
		assert_int_equal(err, RP_OK);
		check_hello(&http, &in);
		assert_int_equal(http.raw_at, in.len);
		rp_sim_buf_fini(&in);
	}
}

static void what_follows_a_request_is_left_alone(void **state)
{
	const char *const texts[] = {plain, chunked};

	(void)state;
	for (size_t t = 0; t < RP_ARRAY_LEN(texts); t++) {
		struct rp_sim_http http;
		struct rp_sim_buf in = {0};

		assert_int_equal(feed(&http, &in, texts[t], strlen(texts[t])), RP_OK);
		assert_int_equal(in.len - http.raw_at, 3);
		assert_memory_equal(in.data + http.raw_at, "GET", 3);
		rp_sim_buf_fini(&in);
	}
}

static void wrong_requests_get_their_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"\r\n\r\n", 400},
		{"GET\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/1.1 \r\n\r\n", 505},
		{"GET / FTP\r\n\r\n", 400},
		{"GET / HTTP/1.1\nA: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nX-Request-Id: a\rb\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 413},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400},
		{"POST / HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		struct rp_sim_http http;
		struct rp_sim_buf in = {0};
		int err = feed(&http, &in, cases[i].text, strlen(cases[i].text));

		if (err == RP_OK || err == RP_EAGAIN || http.status != cases[i].status)
			fail_msg("%s: %d, status %d", cases[i].text, err, http.status);
		rp_sim_buf_fini(&in);
	}
}

static void an_endless_head_or_chunk_line_is_refused(void **state)
{
	static const char chunk_head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct rp_sim_http http;
	struct rp_sim_buf in = {0};
	size_t fed = 0;
	int err = RP_EAGAIN;

	(void)state;
	rp_sim_http_init(&http);
	while (err == RP_EAGAIN && fed++ < 2 * RP_SIM_HEAD_BYTES_MAX) {
		rp_sim_buf_add(&in, "a", 1);
		err = rp_sim_http_parse(&http, &in, BODY_MAX);
	}
	assert_int_equal(err, RP_ETOOBIG);
	assert_int_equal(http.status, 431);
	in.len = 0;
	rp_sim_http_init(&http);
	rp_sim_buf_add_str(&in, chunk_head);
	err = rp_sim_http_parse(&http, &in, BODY_MAX);
	for (fed = 0; err == RP_EAGAIN && fed < 2 * RP_SIM_CHUNK_LINE_MAX; fed++) {
		rp_sim_buf_add(&in, "1", 1);
		err = rp_sim_http_parse(&http, &in, BODY_MAX);
	}
	assert_int_equal(err, RP_ETOOBIG);
	rp_sim_buf_fini(&in);
}

static void http_1_0_closes_unless_asked(void **state)
{
	struct rp_sim_http http;
	struct rp_sim_buf in = {0};
	static const char closing[] = "GET / HTTP/1.0\r\n\r\n";
	static const char keeping[] =
		"GET http://h/x HTTP/1.0\r\nConnection: a, Keep-Alive\r\n\r\n";

	(void)state;
	assert_int_equal(feed(&http, &in, closing, sizeof(closing) - 1), RP_OK);
	assert_false(http.keep_alive);
	in.len = 0;
	assert_int_equal(feed(&http, &in, keeping, sizeof(keeping) - 1), RP_OK);
	assert_true(http.keep_alive);
	assert_true(rp_bytes_equal_str(rp_sim_http_view(&in, http.path), "/x"));
	rp_sim_buf_fini(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_may_be_cut_anywhere),
		cmocka_unit_test(a_request_may_come_byte_by_byte),
		cmocka_unit_test(what_follows_a_request_is_left_alone),
		cmocka_unit_test(wrong_requests_get_their_status),
		cmocka_unit_test(an_endless_head_or_chunk_line_is_refused),
		cmocka_unit_test(http_1_0_closes_unless_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
