/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/pb_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_varints_come_back_at_every_length(void **state)
{
	uint8_t storage[32];
	struct rp_pb_field field;
	struct rp_reader r;

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int less = 0; less < 2; less++) {
			uint64_t value = (UINT64_C(1) << bit) - (uint64_t)less;
			struct rp_writer w = rp_writer(storage, sizeof(storage));

			rp_pb_write_uint(&w, 7, value);
			assert_int_equal(rp_written(&w), 1 + rp_pb_varint_bytes(value));
			r = rp_reader(rp_writer_bytes(&w));
			assert_true(rp_pb_next(&r, &field));
			assert_int_equal(field.number, 7);
			assert_true(field.value == value);
			assert_false(rp_pb_next(&r, &field));
			assert_int_equal(r.err, RP_OK);
		}
	}
}

static void test_lengths_are_patched_at_their_shortest(void **state)
{
	static uint8_t storage[40000], text[20000];
	static const size_t lengths[] = {0,   1,   100, 123,   124,   125,
					 126, 127, 128, 16380, 16384, 20000};
	struct rp_pb_field outer, inner;
	struct rp_reader r;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < RP_ARRAY_LEN(lengths); i++) {
		size_t n = lengths[i], in = 1 + rp_pb_varint_bytes(n) + n;
		struct rp_writer w = rp_writer(storage, sizeof(storage));
		size_t mark = rp_pb_write_begin(&w, 3);

		rp_pb_write_bytes(&w, 1, rp_bytes(text, n));
		rp_pb_write_end(&w, mark);
		assert_int_equal(rp_written(&w), 1 + rp_pb_varint_bytes(in) + in);
		r = rp_reader(rp_writer_bytes(&w));
		assert_true(rp_pb_next(&r, &outer));
		assert_int_equal(rp_reader_left(&r), 0);
		r = rp_reader(outer.bytes);
		assert_true(rp_pb_next(&r, &inner));
		assert_int_equal(inner.bytes.len, n);
		assert_memory_equal(inner.bytes.ptr, text, n);
	}
}

static void test_a_full_writer_keeps_its_error(void **state)
{
	uint8_t storage[130];
	uint8_t text[127] = {0};
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t mark = rp_pb_write_begin(&w, 1);

	(void)state;
	rp_write_bytes(&w, rp_bytes(text, 127));
	rp_write_u8(&w, 0); /* 130 bytes: no room for the length's second byte */
	rp_pb_write_end(&w, mark);
	assert_int_equal(w.err, RP_ETOOBIG);
}

static void test_malformed_fields_are_errors(void **state)
{
	const struct rp_bytes bad[] = {
		RP_BYTES_LIT("\x08"),	  /* a varint without bytes */
		RP_BYTES_LIT("\x08\x80"), /* and one that does not end */
		RP_BYTES_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* eleven bytes */
		RP_BYTES_LIT("\x0a\x05\x01"), /* a length beyond the end */
		RP_BYTES_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* a huge one */
		RP_BYTES_LIT("\x09\x01\x02"),				      /* half a double */
		RP_BYTES_LIT("\x0d\x01"),				      /* half a fixed32 */
		RP_BYTES_LIT("\x00"),					      /* field number 0 */
		RP_BYTES_LIT("\x0e"),					      /* wire type 6 */
		RP_BYTES_LIT("\x88\x80\x80\x80\x80\x01\x01"), /* a field number above 2^29 */
	};
	struct rp_pb_field field;
	struct rp_pb_input in;
	struct rp_pb_tag tag;
	struct rp_reader r;

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		r = rp_reader(bad[i]);
		while (rp_pb_next(&r, &field))
			;
		assert_int_equal(r.err, RP_EFORMAT);
		in = rp_pb_input_bytes(bad[i]);
		while (rp_pb_input_next(&in, &tag))
			rp_pb_input_skip(&in, tag.type == RP_PB_LEN ? tag.value : 0);
		assert_int_equal(in.err, RP_EFORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_varints_come_back_at_every_length),
		cmocka_unit_test(test_lengths_are_patched_at_their_shortest),
		cmocka_unit_test(test_a_full_writer_keeps_its_error),
		cmocka_unit_test(test_malformed_fields_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
