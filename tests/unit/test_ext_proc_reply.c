/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies byte for byte, against what protobuf's own runtime makes of them. The stream is a buffer.
 */
#include "dataplane/ext_proc_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static uint8_t sent[300000];
static size_t sent_bytes;
static struct rp_arena_pool arenas;
static struct rp_arena arena;
static struct rp_body_pool bodies;

int rp_h2_stream_send(struct rp_h2_stream *stream, struct rp_bytes bytes)
{
	(void)stream;
	assert_true(sent_bytes + bytes.len <= sizeof(sent));
	memcpy(sent + sent_bytes, bytes.ptr, bytes.len);
	sent_bytes += bytes.len;
	return RP_OK;
}

int rp_h2_stream_send_body(struct rp_h2_stream *stream, struct rp_body *body, uint64_t n)
{
	struct rp_bytes front;

	while (n > 0) {
		front = rp_bytes_slice(rp_body_front(body), 0, (size_t)n);
		assert_int_equal(rp_h2_stream_send(stream, front), RP_OK);
		rp_body_take(body, &bodies, front.len);
		n -= front.len;
	}
	return RP_OK;
}

static void assert_sent(const char *hex)
{
	char text[1024];

	assert_true(2 * sent_bytes < sizeof(text));
	for (size_t i = 0; i < sent_bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", sent[i]);
	assert_string_equal(text, hex);
	sent_bytes = 0;
}

static int set_up(void **state)
{
	(void)state;
	rp_arena_pool_init(&arenas);
	rp_arena_init(&arena, &arenas);
	rp_body_pool_init(&bodies, 1 << 20);
	sent_bytes = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_arena_reset(&arena);
	assert_int_equal(bodies.bytes_used, 0);
	rp_body_pool_fini(&bodies);
	rp_arena_pool_fini(&arenas);
	return 0;
}

/* x-gateway-destination-endpoint, 10.2.0.7:8000 */
#define DESTINATION_HEX "782d676174657761792d64657374696e6174696f6e2d656e64706f696e74"
#define ADDRESS_HEX	"31302e322e302e373a38303030"

static void test_request_headers_reply_is_the_reference_bytes(void **state)
{
	const struct rp_header set[] = {
		{RP_BYTES_LIT("x-gateway-destination-endpoint"), RP_BYTES_LIT("10.2.0.7:8000")},
		{RP_BYTES_LIT("Content-Length"), RP_BYTES_LIT("27")},
	};
	const struct rp_ext_proc_mutation mutation = {
		.set = set,
		.set_count = 2,
		.is_route_cache_cleared = true,
		.destination = RP_BYTES_LIT("10.2.0.7:8000"),
	};

	(void)state;
	assert_int_equal(rp_ext_proc_send_common(NULL, &arena, RP_EXT_PROC_REPLY_REQUEST_HEADERS,
						 &mutation, NULL),
			 RP_OK);
	assert_sent("0000000098"
		    "0a510a4f124b0a310a2f0a1e" DESTINATION_HEX "1a0d" ADDRESS_HEX
		    "0a160a140a0e436f6e74656e742d4c656e6774681a023237"
		    "2801"
		    "42430a410a08656e766f792e6c6212352a330a310a1e" DESTINATION_HEX
		    "120f1a0d" ADDRESS_HEX);
}

#define BODY "{\"model\":\"m1\",\"prompt\":\"a\"}"
#define BODY_REPLY_HEX                                                                             \
	"00000000271a250a231a211a1f0a1b"                                                           \
	"7b226d6f64656c223a226d31222c2270726f6d7074223a2261227d1001"

static void test_request_body_reply_is_the_reference_bytes(void **state)
{
	struct rp_body body = {0};

	(void)state;
	assert_int_equal(rp_body_append(&body, &bodies, RP_BYTES_LIT(BODY)), RP_OK);
	assert_int_equal(
		rp_ext_proc_send_streamed(NULL, RP_EXT_PROC_REPLY_REQUEST_BODY, &body, true),
		RP_OK);
	assert_sent(BODY_REPLY_HEX);
	assert_int_equal(rp_ext_proc_send_small(NULL, RP_EXT_PROC_REPLY_REQUEST_BODY,
						RP_BYTES_LIT(BODY), true),
			 RP_OK);
	assert_sent(BODY_REPLY_HEX);
}

static void test_empty_replies_are_the_reference_bytes(void **state)
{
	struct rp_body body = {0};

	(void)state;
	assert_int_equal(
		rp_ext_proc_send_streamed(NULL, RP_EXT_PROC_REPLY_RESPONSE_BODY, &body, true),
		RP_OK);
	assert_sent("000000000a22080a061a041a021001");
	assert_int_equal(rp_ext_proc_send_small(NULL, RP_EXT_PROC_REPLY_RESPONSE_BODY,
						RP_BYTES_LIT(""), false),
			 RP_OK);
	assert_sent("000000000822060a041a021a00");
	assert_int_equal(rp_ext_proc_send_common(NULL, &arena, RP_EXT_PROC_REPLY_RESPONSE_TRAILERS,
						 NULL, NULL),
			 RP_OK);
	assert_sent("00000000023200");
}

/* { a: { x: 3, y: -4 }, b: { x: 2 } } */
#define REPORTS_HEX                                                                                \
	"42420a270a016112222a200a0e0a017812091100000000000008400a0e0a0179"                         \
	"12091100000000000010c00a170a016212122a100a0e0a017812091100000000"                         \
	"00000040"

static void test_reports_are_grouped_and_the_last_of_equal_keys_counts(void **state)
{
	const struct rp_report report[] = {
		{RP_BYTES_LIT("a"), RP_BYTES_LIT("x"), 1},
		{RP_BYTES_LIT("b"), RP_BYTES_LIT("x"), 2},
		{RP_BYTES_LIT("a"), RP_BYTES_LIT("x"), 3},
		{RP_BYTES_LIT("a"), RP_BYTES_LIT("y"), -4},
	};
	struct rp_bytes metadata = rp_ext_proc_encode_reports(&arena, report, 4);
	struct rp_ext_proc_mutation mutation = {.metadata = metadata};
	struct rp_body body = {0};

	(void)state;
	assert_int_equal(rp_ext_proc_encode_reports(&arena, report, 0).len, 0);
	assert_int_equal(rp_ext_proc_send_common(NULL, &arena, RP_EXT_PROC_REPLY_RESPONSE_TRAILERS,
						 &mutation, NULL),
			 RP_OK);
	assert_sent("00000000463200" REPORTS_HEX);
	assert_int_equal(rp_ext_proc_send_streamed_end(NULL, RP_EXT_PROC_REPLY_RESPONSE_BODY, &body,
						       metadata),
			 RP_OK);
	assert_sent("000000004e22080a061a041a021001" REPORTS_HEX);
}

static void test_immediate_503_begins_with_the_reference_bytes(void **state)
{
	(void)state;
	assert_int_equal(
		rp_ext_proc_send_immediate(
			NULL, 503,
			RP_BYTES_LIT(
				"inference error: ServiceUnavailable - failed to find endpoint "
				"candidates for serving the request"),
			"rejected-no-endpoints"),
		RP_OK);
	assert_int_equal(sent_bytes, 5 + 167);
	sent_bytes = 36;
	assert_sent("00000000a73aa4010a0308f703123b0a390a370a1e782d6c6c6d2d642d72657175657374");
}

static void test_long_error_texts_are_cut(void **state)
{
	static char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(rp_ext_proc_send_immediate(NULL, 400, rp_bytes(text, sizeof(text)), NULL),
			 RP_OK);
	assert_true(sent_bytes < RP_EXT_PROC_ERROR_BYTES_MAX + 64);
}

/* Number of replies for a body of n bytes, whose payload must come out in order. */
static unsigned count_parts(size_t n)
{
	struct rp_body body = {0};
	size_t at = 0, left = n, message;
	unsigned parts = 0;
	uint8_t byte;

	for (size_t i = 0; i < n; i++) {
		byte = (uint8_t)(i * 31 >> 3);
		assert_int_equal(rp_body_append(&body, &bodies, rp_bytes(&byte, 1)), RP_OK);
	}
	sent_bytes = 0;
	assert_int_equal(
		rp_ext_proc_send_streamed(NULL, RP_EXT_PROC_REPLY_RESPONSE_BODY, &body, true),
		RP_OK);
	for (; at < sent_bytes; parts++) {
		size_t payload = left < RP_BODY_PART_BYTES_MAX ? left : RP_BODY_PART_BYTES_MAX;
		bool is_last = payload == left;
		const uint8_t *end;

		message = (size_t)sent[at + 1] << 24 | (size_t)sent[at + 2] << 16 |
			  (size_t)sent[at + 3] << 8 | sent[at + 4];
		end = sent + at + 5 + message;
		assert_int_equal(end[-2] == 0x10 && end[-1] == 1, is_last);
		end -= is_last ? 2 : 0;
		for (size_t i = 0; i < payload; i++)
			assert_int_equal((end - payload)[i], (uint8_t)((n - left + i) * 31 >> 3));
		left -= payload;
		at += 5 + message;
	}
	assert_int_equal(left, 0);
	assert_int_equal(at, sent_bytes);
	return parts;
}

static void test_bodies_are_cut_at_62000_bytes(void **state)
{
	(void)state;
	assert_int_equal(count_parts(0), 1);
	assert_int_equal(count_parts(61000), 1);
	assert_int_equal(count_parts(62000), 1);
	assert_int_equal(count_parts(62001), 2);
	assert_int_equal(count_parts(63000), 2);
	assert_int_equal(count_parts(125000), 3);
}

static void test_a_replaced_body_stands_in_the_reply(void **state)
{
	const struct rp_ext_proc_mutation mutation = {.is_route_cache_cleared = true};
	struct rp_body body = {0};

	(void)state;
	assert_int_equal(rp_body_append(&body, &bodies, RP_BYTES_LIT("ab")), RP_OK);
	assert_int_equal(rp_ext_proc_send_common(NULL, &arena, RP_EXT_PROC_REPLY_REQUEST_BODY,
						 &mutation, &body),
			 RP_OK);
	assert_sent("000000000c1a0a0a0828011a040a026162");
	assert_int_equal(
		rp_ext_proc_send_common(NULL, &arena, RP_EXT_PROC_REPLY_RESPONSE_BODY, NULL, &body),
		RP_OK);
	assert_sent("000000000822060a041a021001");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_request_headers_reply_is_the_reference_bytes),
		TEST(test_request_body_reply_is_the_reference_bytes),
		TEST(test_empty_replies_are_the_reference_bytes),
		TEST(test_reports_are_grouped_and_the_last_of_equal_keys_counts),
		TEST(test_immediate_503_begins_with_the_reference_bytes),
		TEST(test_long_error_texts_are_cut),
		TEST(test_bodies_are_cut_at_62000_bytes),
		TEST(test_a_replaced_body_stands_in_the_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
