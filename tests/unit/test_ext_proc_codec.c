/* SPDX-License-Identifier: Apache-2.0
 *
 * ProcessingRequest, decoded from one piece and from a body of small buffers. The bytes were
 * serialised by protobuf's Python runtime from tests/proto/ext_proc.proto.
 */
#include "dataplane/ext_proc_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/subset_hint.h"

#define HEADERS_HEX "121c0a1a0a180a053a706174681a0f2f76312f636f6d706c6574696f6e735a0408041004"
#define BODY_HEX    "221f0a1b7b226d6f64656c223a226d31222c2270726f6d7074223a2261227d1001"
#define SUBSET_HEX                                                                                 \
	"120c0a080a060a01611a0162180142640a620a14656e766f792e6c622e7375627365745f68696e74124a0a48" \
	"0a"                                                                                       \
	"25782d676174657761792d64657374696e6174696f6e2d656e64706f696e742d737562736574121f321d0a0f" \
	"1a"                                                                                       \
	"0d31302e322e302e383a383030300a0a1a0831302e322e302e36"
#define OBSERVED_HEX "1a0a0a080a060a016b1201764a0f0a0178120a0a080a017912031a017a5001"

static struct rp_arena_pool arenas;
static struct rp_arena arena;
static struct rp_body_pool bodies;

/* A decoded message and what it was decoded from. */
struct decoded {
	uint8_t bytes[512];
	size_t len;
	struct rp_body gathered;
	struct rp_grpc_message source;
	struct rp_ext_proc_message message;
};

/* As a view, or in a chain of buffers of `cut` bytes each. */
static int decode(struct decoded *d, const uint8_t *bytes, size_t len, size_t cut)
{
	struct rp_body_buf *buf;

	*d = (struct decoded){.len = len};
	memcpy(d->bytes, bytes, len);
	if (cut == 0) {
		d->source.view = rp_bytes(d->bytes, len);
		return rp_ext_proc_decode(&d->source, &arena, &d->message);
	}
	for (size_t at = 0; at < len; at += cut) {
		size_t n = rp_min_size(cut, len - at);

		buf = malloc(sizeof(*buf) + n);
		assert_non_null(buf);
		*buf = (struct rp_body_buf){.end = (uint32_t)n, .capacity = (uint32_t)n};
		memcpy(buf->data, bytes + at, n);
		if (d->gathered.last == NULL)
			d->gathered.first = buf;
		else
			d->gathered.last->next = buf;
		d->gathered.last = buf;
		d->gathered.bytes += n;
	}
	d->source.gathered = &d->gathered;
	return rp_ext_proc_decode(&d->source, &arena, &d->message);
}

static void drop(struct decoded *d)
{
	struct rp_body_buf *next;

	for (struct rp_body_buf *buf = d->gathered.first; buf != NULL; buf = next) {
		next = buf->next;
		free(buf);
	}
	rp_arena_reset(&arena);
}

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		out[n] = (uint8_t)byte;
	return n;
}

static int set_up(void **state)
{
	(void)state;
	rp_arena_pool_init(&arenas);
	rp_arena_init(&arena, &arenas);
	rp_body_pool_init(&bodies, 1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_body_pool_fini(&bodies);
	rp_arena_pool_fini(&arenas);
	return 0;
}

static void test_headers_decode_wherever_buffers_end(void **state)
{
	uint8_t bytes[256];
	size_t len = from_hex(HEADERS_HEX, bytes);
	struct rp_header header;
	struct rp_reader r;
	struct decoded d;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		assert_int_equal(decode(&d, bytes, len, cut), RP_OK);
		assert_int_equal(d.message.kind, RP_EXT_PROC_REQUEST_HEADERS);
		assert_false(d.message.is_end_of_stream);
		assert_true(d.message.has_protocol_config);
		assert_int_equal(d.message.request_body_mode, RP_BODY_MODE_FULL_DUPLEX);
		assert_int_equal(d.message.response_body_mode, RP_BODY_MODE_FULL_DUPLEX);
		r = rp_reader(d.message.headers);
		assert_true(rp_ext_proc_next_header(&r, &header));
		assert_true(rp_bytes_equal_str(header.name, ":path"));
		assert_true(rp_bytes_equal_str(header.value, "/v1/completions"));
		assert_false(rp_ext_proc_next_header(&r, &header));
		assert_int_equal(r.err, RP_OK);
		drop(&d);
	}
}

static void test_body_payload_is_found_wherever_buffers_end(void **state)
{
	static const char body[] = "{\"model\":\"m1\",\"prompt\":\"a\"}";
	uint8_t bytes[256], joined[64];
	size_t len = from_hex(BODY_HEX, bytes), at;
	struct rp_pb_input in;
	struct rp_bytes piece;
	struct decoded d;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		assert_int_equal(decode(&d, bytes, len, cut), RP_OK);
		assert_int_equal(d.message.kind, RP_EXT_PROC_REQUEST_BODY);
		assert_true(d.message.is_end_of_stream);
		assert_int_equal(d.message.body.left, sizeof(body) - 1);
		in = d.message.body;
		for (at = 0; in.left > 0; at += piece.len) {
			piece = rp_pb_input_piece(&in, in.left);
			assert_true(piece.len > 0);
			memcpy(joined + at, piece.ptr, piece.len);
		}
		assert_memory_equal(joined, body, sizeof(body) - 1);
		assert_int_equal(arenas.bytes_total, 0); /* payload takes no scratch */
		drop(&d);
	}
}

static void test_body_payload_moves_out_of_a_gathered_message(void **state)
{
	uint8_t bytes[256], out[64];
	size_t len = from_hex(BODY_HEX, bytes);
	struct rp_grpc_frame frame = {0};
	struct rp_grpc_message message;
	struct rp_ext_proc_message decoded;
	struct rp_body to = {0};
	struct rp_bytes in;
	uint8_t prefix[] = {0, 0, 0, 0, (uint8_t)len};

	(void)state;
	in = rp_bytes(prefix, sizeof(prefix));
	assert_int_equal(rp_grpc_frame_next(&frame, &bodies, 1000, &in, &message), RP_EAGAIN);
	in = rp_bytes(bytes, 3);
	assert_int_equal(rp_grpc_frame_next(&frame, &bodies, 1000, &in, &message), RP_EAGAIN);
	in = rp_bytes(bytes + 3, len - 3);
	assert_int_equal(rp_grpc_frame_next(&frame, &bodies, 1000, &in, &message), RP_OK);
	assert_non_null(message.gathered);
	assert_int_equal(rp_ext_proc_decode(&message, &arena, &decoded), RP_OK);
	assert_int_equal(rp_ext_proc_take_body(&decoded, &message, &bodies, &to), RP_OK);
	assert_int_equal(to.bytes, 27);
	rp_body_copy_out(&to, 0, out, 27);
	assert_memory_equal(out, "{\"model\":\"m1\",\"prompt\":\"a\"}", 27);
	rp_body_free(&to, &bodies);
	rp_grpc_frame_fini(&frame, &bodies);
	assert_int_equal(bodies.bytes_used, 0);
}

static void test_subset_hint_is_found_wherever_buffers_end(void **state)
{
	uint8_t bytes[256];
	size_t len = from_hex(SUBSET_HEX, bytes);
	struct rp_subset subset;
	struct rp_bytes value;
	struct decoded d;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		assert_int_equal(decode(&d, bytes, len, cut), RP_OK);
		assert_true(d.message.is_end_of_stream);
		assert_int_equal(rp_subset_hint_find(d.message.metadata, &value), RP_OK);
		subset = (struct rp_subset){0};
		assert_int_equal(rp_subset_hint_add(&arena, value, &subset), RP_OK);
		assert_true(subset.is_given);
		assert_int_equal(subset.count, 2);
		assert_true(rp_bytes_equal_str(subset.entry[0], "10.2.0.8:8000"));
		assert_true(rp_bytes_equal_str(subset.entry[1], "10.2.0.6"));
		drop(&d);
	}
}

/* The short way through usual headers and the long way through others say the same. */
static void test_headers_read_the_same_whatever_their_encoding(void **state)
{
	static const struct {
		const char *hex; /* of a HeaderMap with one header */
		const char *name;
		const char *value;
	} cases[] = {
		{"0a060a016b1a0176", "k", "v"},	      /* key, raw_value */
		{"0a060a016b120176", "k", "v"},	      /* key, value */
		{"0a061a01760a016b", "k", "v"},	      /* the other order */
		{"0a090a016b12017a1a0176", "k", "v"}, /* value and raw_value */
		{"0a090a016b1a017612017a", "k", "v"}, /* raw_value and value */
		{"0a080a016b1a00120176", "k", "v"},   /* an empty raw_value */
		{"0a050a016b1a00", "k", ""},	      /* nothing at all */
		{"0a030a016b", "k", ""},	      /* no value */
		{"0a080a016b1a01762001", "k", "v"},   /* an unknown field behind */
		{"0a0820010a016b1a0176", "k", "v"},   /* and before */
		{"0a090a016a0a016b1a0176", "k", "v"}, /* the last key counts */
		{"1201000a060a016b1a0176", "k", "v"}, /* an unknown field of the map */
		{"0a86000a016b1a0176", "k", "v"},     /* a length longer than need be */
		{"0a070a81006b1a0176", "k", "v"},
	};
	struct rp_header header;
	uint8_t bytes[64];

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		size_t len = from_hex(cases[i].hex, bytes);
		struct rp_reader r = rp_reader(rp_bytes(bytes, len));

		assert_true(rp_ext_proc_next_header(&r, &header));
		assert_true(rp_bytes_equal_str(header.name, cases[i].name));
		assert_true(rp_bytes_equal_str(header.value, cases[i].value));
		assert_false(rp_ext_proc_next_header(&r, &header));
		assert_int_equal(r.err, RP_OK);
		/* Cut short it is refused, or has no such header. */
		for (size_t cut = 1; cut < len; cut++) {
			r = rp_reader(rp_bytes(bytes, cut));
			while (rp_ext_proc_next_header(&r, &header))
				;
			assert_true(r.err == RP_EFORMAT || bytes[0] == 0x12);
		}
	}
}

static void test_value_serves_where_raw_value_is_empty(void **state)
{
	uint8_t bytes[256];
	size_t len = from_hex(OBSERVED_HEX, bytes);
	struct rp_header header;
	struct rp_reader r;
	struct decoded d;

	(void)state;
	assert_int_equal(decode(&d, bytes, len, 0), RP_OK);
	assert_int_equal(d.message.kind, RP_EXT_PROC_RESPONSE_HEADERS);
	assert_true(d.message.is_observed);
	r = rp_reader(d.message.headers);
	assert_true(rp_ext_proc_next_header(&r, &header));
	assert_true(rp_bytes_equal_str(header.value, "v"));
	drop(&d);
}

static void test_of_the_oneof_the_last_member_counts(void **state)
{
	uint8_t bytes[64];
	/* request_headers, request_body {eos}, response_body {"ab"} */
	size_t len = from_hex("1200220210012a040a026162", bytes);
	struct decoded d;

	(void)state;
	assert_int_equal(decode(&d, bytes, len, 0), RP_OK);
	assert_int_equal(d.message.kind, RP_EXT_PROC_RESPONSE_BODY);
	assert_int_equal(d.message.body.left, 2);
	assert_false(d.message.is_end_of_stream); /* that was the other member's */
	drop(&d);
}

/* No input may do more than fail: every prefix, and every byte replaced by every value. */
static void test_cut_and_broken_messages_only_fail(void **state)
{
	static const char *const all[] = {HEADERS_HEX, BODY_HEX, SUBSET_HEX, OBSERVED_HEX};
	uint8_t bytes[256], broken[256];
	struct rp_subset subset;
	struct rp_header header;
	struct rp_bytes value;
	struct rp_reader r;
	struct decoded d;

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(all); i++) {
		size_t len = from_hex(all[i], bytes);

		for (size_t n = 0; n < len; n++) {
			(void)decode(&d, bytes, n, n % 3);
			drop(&d);
		}
		for (size_t at = 0; at < len; at++) {
			for (unsigned v = 0; v < 256; v++) {
				memcpy(broken, bytes, len);
				broken[at] = (uint8_t)v;
				if (decode(&d, broken, len, v % 7) == RP_OK) {
					r = rp_reader(d.message.headers);
					while (rp_ext_proc_next_header(&r, &header))
						;
					subset = (struct rp_subset){0};
					if (rp_subset_hint_find(d.message.metadata, &value) ==
						    RP_OK &&
					    rp_subset_hint_add(&arena, value, &subset) == RP_OK)
						assert_true(subset.count <= 64);
				}
				drop(&d);
			}
		}
	}
}

static void test_groups_have_a_bound(void **state)
{
	uint8_t bytes[256];
	struct decoded d;

	(void)state;
	memset(bytes, 0x0b, sizeof(bytes)); /* field 1, start of a group, over and over */
	assert_int_equal(decode(&d, bytes, sizeof(bytes), 0), RP_EFORMAT);
	drop(&d);
	assert_int_equal(decode(&d, (const uint8_t *)"\x0b\x08\x01\x0c\x50\x01", 6, 0), RP_OK);
	assert_true(d.message.is_observed);
	drop(&d);
	assert_int_equal(decode(&d, (const uint8_t *)"\x0c", 1, 0), RP_EFORMAT);
	drop(&d);
	assert_int_equal(decode(&d, (const uint8_t *)"\x0b\x08\x01", 3, 0), RP_EFORMAT);
	drop(&d);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_headers_decode_wherever_buffers_end),
		TEST(test_body_payload_is_found_wherever_buffers_end),
		TEST(test_body_payload_moves_out_of_a_gathered_message),
		TEST(test_subset_hint_is_found_wherever_buffers_end),
		TEST(test_headers_read_the_same_whatever_their_encoding),
		TEST(test_value_serves_where_raw_value_is_empty),
		TEST(test_of_the_oneof_the_last_member_counts),
		TEST(test_cut_and_broken_messages_only_fail),
		TEST(test_groups_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
