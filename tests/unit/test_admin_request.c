/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "control/admin_request.h"

static struct rp_admin_request request;

/* From a block of its own size, so that a sanitizer sees every read beyond it. */
static int parse(const char *text, size_t len, size_t *ret_used, uint32_t *ret_status)
{
	char *copy = malloc(len + (len == 0));
	int err;

	assert_non_null(copy);
	memcpy(copy, text, len);
	err = rp_admin_request_parse(rp_bytes(copy, len), &request, ret_used, ret_status);
	/* Views as offsets into the caller's text: the copy dies here. */
	if (err == RP_OK) {
		request.method.ptr = (const uint8_t *)text + (request.method.ptr - (uint8_t *)copy);
		if (request.path.len != 0)
			request.path.ptr =
				(const uint8_t *)text + (request.path.ptr - (uint8_t *)copy);
	}
	free(copy);
	return err;
}

static void assert_request(const char *text, const char *method, const char *path, bool is_last)
{
	uint32_t status = 0;
	size_t used = 0;

	/* Any beginning of it is not enough, and none is an error. */
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(parse(text, len, &used, &status), RP_EAGAIN);
	assert_int_equal(parse(text, strlen(text), &used, &status), RP_OK);
	assert_int_equal(used, strlen(text));
	assert_true(rp_bytes_equal_str(request.method, method));
	assert_true(rp_bytes_equal_str(request.path, path));
	assert_int_equal(request.is_last, is_last);
}

static void assert_refused(const char *text, uint32_t want)
{
	uint32_t status = 0;
	size_t used = 0;

	for (size_t len = 0; len < strlen(text); len++) {
		int err = parse(text, len, &used, &status);

		assert_true(err == RP_EAGAIN || (err == RP_EPROTO && status == want));
	}
	assert_int_equal(parse(text, strlen(text), &used, &status), RP_EPROTO);
	assert_int_equal(status, want);
}

static void requests_are_taken_at_their_last_byte(void **state)
{
	(void)state;
	assert_request("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/metrics", false);
	assert_request("GET /metrics HTTP/1.1\nhost:a\n\n", "GET", "/metrics", false);
	assert_request("\r\n\r\nHEAD / HTTP/1.1\r\nHOST:\r\n\r\n", "HEAD", "/", false);
	assert_request("GET /metrics?name[]=a&b HTTP/1.1\r\nHost: a\r\nX: \tb c\x80 \r\n\r\n",
		       "GET", "/metrics", false);
	assert_request("GET HTTP://host:1/readyz?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/readyz",
		       false);
	assert_request("GET http://host HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "", false);
	assert_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "", false);
}

static void the_last_request_is_known(void **state)
{
	(void)state;
	assert_request("GET / HTTP/1.0\r\n\r\n", "GET", "/", true);
	assert_request("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", "GET", "/", false);
	assert_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x ,CLOSE\r\n\r\n", "GET", "/",
		       true);
	assert_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST", "/",
		       false);
	assert_request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST", "/",
		       true);
	assert_request("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "POST",
		       "/", true);
}

static void only_the_first_request_is_used(void **state)
{
	const char *text = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n";
	uint32_t status = 0;
	size_t used = 0;

	(void)state;
	assert_int_equal(parse(text, strlen(text), &used, &status), RP_OK);
	assert_string_equal(text + used, "GET /b HTTP/1.1\r\n");
}

static void malformed_requests_are_refused(void **state)
{
	(void)state;
	assert_refused("GET\r\n", 400);
	assert_refused("GET /\r\n", 400);
	assert_refused("GET  / HTTP/1.1\r\n", 400);
	assert_refused("GET / HTTP/1.1 \r\n", 400);
	assert_refused(" GET / HTTP/1.1\r\n", 400);
	assert_refused("G\x01T / HTTP/1.1\r\n", 400);
	assert_refused("GET /\x7f HTTP/1.1\r\n", 400);
	assert_refused("GET / HTTP/1.x\r\n", 400);
	assert_refused("GET / http/1.1\r\n", 400);
	assert_refused("GET / HTTP/2.0\r\n", 505);
	assert_refused("PRI * HTTP/2.0\r\n", 505);
	assert_refused("\x16\x03\x01\x02 \n", 400);
	assert_refused("GET / HTTP/1.1\r\n\r\n", 400); /* no Host */
	assert_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\nHost : a\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\nHost\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\n: a\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\nHost: a\rb\r\n", 400);
	assert_refused("GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_taken_at_their_last_byte),
		cmocka_unit_test(the_last_request_is_known),
		cmocka_unit_test(only_the_first_request_is_used),
		cmocka_unit_test(malformed_requests_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
