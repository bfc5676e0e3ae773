/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BYTES_MAX = 2048, REPLIES_MAX = 16 };

/* What came out of a decoder, as text, so that two runs can be compared. */
struct seen {
	struct rp_bench_decoder decoder;
	char text[BYTES_MAX];
	size_t len;
};

static struct seen *seen_of(struct rp_bench_decoder *decoder)
{
	return RP_CONTAINER_OF(decoder, struct seen, decoder);
}

static void tell(struct seen *seen, const char *what, size_t len)
{
	assert_true(len < sizeof(seen->text) - seen->len);
	memcpy(seen->text + seen->len, what, len);
	seen->len += len;
	seen->text[seen->len] = '\0';
}

static int on_body(struct rp_bench_decoder *decoder, struct rp_bytes piece)
{
	tell(seen_of(decoder), (const char *)piece.ptr, piece.len);
	return RP_OK;
}

static int on_reply(struct rp_bench_decoder *decoder)
{
	const struct rp_bench_reply *reply = &decoder->reply;
	char line[2 * RP_BENCH_PICK_MAX + 64];
	int n = snprintf(line, sizeof(line), "<%u%s%s%s %u h%u=%.*s m%u=%.*s>", reply->kind,
			 reply->has_streamed_body ? " streamed" : "",
			 reply->has_other_body ? " other" : "",
			 reply->is_end_of_stream ? " end" : "", reply->http_status,
			 reply->header.count, reply->header.len, reply->header.text,
			 reply->metadata.count, reply->metadata.len, reply->metadata.text);

	tell(seen_of(decoder), line, (size_t)n);
	return RP_OK;
}

static const struct rp_bench_decoder_ops ops = {on_body, on_reply};

static uint8_t script[BYTES_MAX];

static struct rp_bytes from_hex(const char *hex)
{
	size_t n = 0;

	while (*hex != '\0') {
		unsigned byte;

		if (*hex == ' ') {
			hex++;
			continue;
		}
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		assert_true(n < sizeof(script));
		script[n++] = (uint8_t)byte;
		hex += 2;
	}
	return rp_bytes(script, n);
}

static int decode(struct seen *seen, struct rp_bytes in, size_t cut)
{
	memset(seen, 0, sizeof(*seen));
	int err = rp_bench_decoder_feed(&seen->decoder, &ops, rp_bytes_slice(in, 0, cut));

	if (err != RP_OK)
		return err;
	return rp_bench_decoder_feed(&seen->decoder, &ops, rp_bytes_slice(in, cut, SIZE_MAX));
}

/* Decode whole, cut at every offset and byte by byte: all the same. */
static int decode_all_ways(struct rp_bytes in, struct seen *ret)
{
	struct seen *cut = malloc(sizeof(*cut));
	int err = decode(ret, in, in.len);

	assert_non_null(cut);
	for (size_t i = 0; i <= in.len; i++) {
		assert_int_equal(decode(cut, in, i), err);
		assert_string_equal(cut->text, ret->text);
		assert_int_equal(rp_bench_decoder_is_idle(&cut->decoder),
				 rp_bench_decoder_is_idle(&ret->decoder));
	}
	memset(cut, 0, sizeof(*cut));
	int last = RP_OK;

	for (size_t i = 0; i < in.len && last == RP_OK; i++)
		last = rp_bench_decoder_feed(&cut->decoder, &ops, rp_bytes_slice(in, i, 1));
	assert_int_equal(last, err);
	assert_string_equal(cut->text, ret->text);
	free(cut);
	return err;
}

/* Golden bytes of the protocol's reference: a headers reply, then the body's. */
#define GOLDEN_HEADERS                                                                             \
	"00 00000098 0a51 0a4f 124b 0a31 0a2f 0a1e 782d676174657761792d64657374696e6174696f6e2d65" \
	"6e64706f696e74 1a0d 31302e322e302e373a38303030 0a16 0a14 0a0e "                           \
	"436f6e74656e742d4c656e677468"                                                             \
	" 1a02 3237 2801 4243 0a41 0a08 656e766f792e6c62 1235 2a33 0a31 0a1e"                      \
	" 782d676174657761792d64657374696e6174696f6e2d656e64706f696e74 120f 1a0d"                  \
	" 31302e322e302e373a38303030"
#define GOLDEN_BODY                                                                                \
	"00 00000027 1a25 0a23 1a21 1a1f 0a1b "                                                    \
	"7b226d6f64656c223a226d31222c2270726f6d7074223a2261227d"                                   \
	" 1001"

static void a_pick_is_read_from_header_and_metadata(void **state)
{
	static struct seen seen;

	(void)state;
	assert_int_equal(decode_all_ways(from_hex(GOLDEN_HEADERS), &seen), RP_OK);
	assert_string_equal(seen.text, "<1 0 h1=10.2.0.7:8000 m1=10.2.0.7:8000>");
	assert_true(rp_bench_decoder_is_idle(&seen.decoder));
}

static void messages_follow_each_other(void **state)
{
	static struct seen seen;

	(void)state;
	assert_int_equal(decode_all_ways(from_hex(GOLDEN_HEADERS GOLDEN_BODY), &seen), RP_OK);
	assert_string_equal(seen.text, "<1 0 h1=10.2.0.7:8000 m1=10.2.0.7:8000>"
				       "{\"model\":\"m1\",\"prompt\":\"a\"}"
				       "<3 streamed end 0 h0= m0=>");
}

static void replies_without_bytes_are_told_too(void **state)
{
	static struct seen seen;

	(void)state;
	/* response_body: end; not the end. response_trailers. An empty message. */
	assert_int_equal(decode_all_ways(from_hex("00 0000000a 2208 0a06 1a04 1a02 1001"
						  "00 00000008 2206 0a04 1a02 1a00"
						  "00 00000002 3200 00 00000000"),
					 &seen),
			 RP_OK);
	assert_string_equal(seen.text, "<4 streamed end 0 h0= m0=><4 streamed 0 h0= m0=>"
				       "<6 0 h0= m0=><0 0 h0= m0=>");
}

static void an_immediate_response_has_a_status(void **state)
{
	static struct seen seen;

	(void)state;
	assert_int_equal(decode_all_ways(from_hex("00 0000000a 3a08 0a03 08f703 1a01 78"), &seen),
			 RP_OK);
	assert_string_equal(seen.text, "<7 503 h0= m0=>");
}

static void other_body_mutations_are_told_apart(void **state)
{
	static struct seen seen;

	(void)state;
	/* BodyMutation.body; BodyMutation.clear_body */
	assert_int_equal(decode_all_ways(from_hex("00 00000009 1a07 0a05 1a03 0a01 78"
						  "00 00000008 1a06 0a04 1a02 1001"),
					 &seen),
			 RP_OK);
	assert_string_equal(seen.text, "<3 other 0 h0= m0=><3 other 0 h0= m0=>");
}

static void unknown_fields_are_skipped(void **state)
{
	static struct seen seen;

	(void)state;
	/* 15: varint, 64-bit, bytes, 32-bit; then an empty request_headers reply */
	assert_int_equal(decode_all_ways(from_hex("00 00000017 7896 01 79 0102030405060708"
						  "7a 02 ffff 7d 01020304 0a00"),
					 &seen),
			 RP_OK);
	assert_string_equal(seen.text, "<1 0 h0= m0=>");
}

static void malformed_messages_are_refused(void **state)
{
	static const struct {
		const char *hex;
		const char *why;
	} cases[] = {
		{"01 00000000", "compressed"},
		{"00 ffffffff", "larger than"},
		{"00 00000002 0a05 0000000000", "longer than its message"},
		{"00 00000001 0a", "cut off"},
		{"00 00000001 80", "cut off"},
		{"00 00000001 10", "cut off"},
		{"00 00000002 1080", "cut off"},
		{"00 00000002 0200", "no valid number"},
		{"00 00000002 0f00", "wire type"},
		{"00 00000003 790000", "longer than its message"},
		{"00 0000000c 10 ffffffffffffffffff02 00", "too long"},
		{"00 00000004 0a00 1200", "two responses"},
		{"00 00000008 1a06 0a04 1a04 1a00", "longer than its message"},
		{"00 0000000a 1a08 0a06 1a04 1a00 1a00", "two bodies"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		static struct seen seen;

		assert_int_equal(decode_all_ways(from_hex(cases[i].hex), &seen), RP_EFORMAT);
		if (strstr(seen.decoder.why, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].hex, seen.decoder.why);
	}
}

static void a_pick_beyond_the_bound_is_refused(void **state)
{
	static struct seen seen;
	static uint8_t message[700];
	struct rp_bytes golden = from_hex(GOLDEN_HEADERS);

	(void)state;
	for (size_t n = RP_BENCH_PICK_MAX - 1; n <= RP_BENCH_PICK_MAX + 1; n++) {
		/* HeadersResponse, CommonResponse, HeaderMutation, option, header with n bytes. */
		const size_t header = 32 + 3 + n;
		const size_t lens[] = {header + 12, header + 9, header + 6, header + 3, header};
		const uint8_t tags[] = {0x0a, 0x0a, 0x12, 0x0a, 0x0a};
		size_t at = 5;

		for (size_t i = 0; i < RP_ARRAY_LEN(lens); i++) {
			message[at++] = tags[i];
			message[at++] = (uint8_t)(0x80 | (lens[i] & 0x7f));
			message[at++] = (uint8_t)(lens[i] >> 7);
		}
		memcpy(message + at, golden.ptr + 15, 32); /* the name */
		at += 32;
		message[at++] = 0x1a;
		message[at++] = (uint8_t)(0x80 | (n & 0x7f));
		message[at++] = (uint8_t)(n >> 7);
		memset(message + at, 'p', n);
		at += n;
		message[0] = 0;
		message[1] = 0;
		message[2] = 0;
		message[3] = (uint8_t)((at - 5) >> 8);
		message[4] = (uint8_t)(at - 5);
		assert_int_equal(decode_all_ways(rp_bytes(message, at), &seen),
				 n <= RP_BENCH_PICK_MAX ? RP_OK : RP_EFORMAT);
		if (n <= RP_BENCH_PICK_MAX)
			assert_int_equal(seen.decoder.reply.header.len, n);
	}
}

static void garbage_does_no_harm_and_cuts_do_not_matter(void **state)
{
	static struct seen whole;
	static struct seen cut;

	(void)state;
	srand(11);
	for (int round = 0; round < 3000; round++) {
		struct rp_bytes in = from_hex(GOLDEN_HEADERS GOLDEN_BODY);

		for (int i = 0; i < 1 + round % 8; i++)
			script[5 + (size_t)rand() % (in.len - 5)] = (uint8_t)rand();
		size_t at = (size_t)rand() % in.len;
		int err = decode(&whole, in, in.len);

		assert_int_equal(decode(&cut, in, at), err);
		assert_string_equal(cut.text, whole.text);
	}
}

static int refuse_body(struct rp_bench_decoder *decoder, struct rp_bytes piece)
{
	(void)decoder;
	(void)piece;
	return RP_EPROTO;
}

static void what_a_callback_returns_is_returned(void **state)
{
	static struct rp_bench_decoder decoder;
	const struct rp_bench_decoder_ops refusing = {refuse_body, on_reply};

	(void)state;
	assert_int_equal(rp_bench_decoder_feed(&decoder, &refusing, from_hex(GOLDEN_BODY)),
			 RP_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pick_is_read_from_header_and_metadata),
		cmocka_unit_test(messages_follow_each_other),
		cmocka_unit_test(replies_without_bytes_are_told_too),
		cmocka_unit_test(an_immediate_response_has_a_status),
		cmocka_unit_test(other_body_mutations_are_told_apart),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(a_pick_beyond_the_bound_is_refused),
		cmocka_unit_test(garbage_does_no_harm_and_cuts_do_not_matter),
		cmocka_unit_test(what_a_callback_returns_is_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
