/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/grpc_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct rp_body_pool pool;

/* Three messages, "abc", "" and 300 bytes, as one stream. */
static uint8_t stream[5 + 3 + 5 + 5 + 300];

static void make_stream(void)
{
	struct rp_writer w = rp_writer(stream, sizeof(stream));

	rp_write_bytes(&w, RP_BYTES_LIT("\0\0\0\0\3abc"));
	rp_write_bytes(&w, RP_BYTES_LIT("\0\0\0\0\0"));
	rp_write_bytes(&w, RP_BYTES_LIT("\0\0\0\x01\x2c"));
	for (unsigned i = 0; i < 300; i++)
		rp_write_u8(&w, (uint8_t)i);
	assert_int_equal(rp_written(&w), sizeof(stream));
}

static void check(const struct rp_grpc_message *message, unsigned index)
{
	static const size_t lengths[] = {3, 0, 300};
	static const size_t offsets[] = {5, 13, 18};
	uint8_t out[300];

	assert_true(index < 3);
	if (message->gathered == NULL) {
		assert_int_equal(message->view.len, lengths[index]);
		if (lengths[index] > 0)
			assert_memory_equal(message->view.ptr, stream + offsets[index],
					    lengths[index]);
		return;
	}
	assert_int_equal(message->gathered->bytes, lengths[index]);
	rp_body_copy_out(message->gathered, 0, out, lengths[index]);
	assert_memory_equal(out, stream + offsets[index], lengths[index]);
}

static unsigned feed(struct rp_grpc_frame *frame, struct rp_bytes in, unsigned index)
{
	struct rp_grpc_message message;

	while (rp_grpc_frame_next(frame, &pool, 1000, &in, &message) == RP_OK)
		check(&message, index++);
	assert_int_equal(in.len, 0);
	return index;
}

static void test_messages_come_out_wherever_the_stream_is_cut_twice(void **state)
{
	struct rp_grpc_frame frame;
	unsigned index;

	(void)state;
	make_stream();
	rp_body_pool_init(&pool, 1 << 20);
	for (size_t a = 0; a <= sizeof(stream); a++) {
		for (size_t b = a; b <= sizeof(stream); b += 1 + (b - a) / 16) {
			frame = (struct rp_grpc_frame){0};
			index = feed(&frame, rp_bytes(stream, a), 0);
			index = feed(&frame, rp_bytes(stream + a, b - a), index);
			index = feed(&frame, rp_bytes(stream + b, sizeof(stream) - b), index);
			assert_int_equal(index, 3);
			assert_false(rp_grpc_frame_is_inside(&frame));
			rp_grpc_frame_fini(&frame, &pool);
			assert_int_equal(pool.bytes_used, 0);
		}
	}
	rp_body_pool_fini(&pool);
}

static void test_a_whole_message_is_shown_where_it_is(void **state)
{
	struct rp_bytes in = rp_bytes(stream, sizeof(stream));
	struct rp_grpc_frame frame = {0};
	struct rp_grpc_message message;

	(void)state;
	make_stream();
	rp_body_pool_init(&pool, 0); /* it takes no memory at all */
	assert_int_equal(rp_grpc_frame_next(&frame, &pool, 1000, &in, &message), RP_OK);
	assert_ptr_equal(message.view.ptr, stream + 5);
	assert_null(message.gathered);
	assert_int_equal(pool.bytes_used, 0);
	rp_body_pool_fini(&pool);
}

static void test_limits_and_compression_are_told_from_the_prefix(void **state)
{
	struct rp_grpc_message message;
	struct rp_grpc_frame frame = {0};
	struct rp_bytes in = RP_BYTES_LIT("\0\xff\xff\xff\xff");

	(void)state;
	rp_body_pool_init(&pool, 1 << 20);
	assert_int_equal(rp_grpc_frame_next(&frame, &pool, 1000, &in, &message), RP_ETOOBIG);
	assert_int_equal(rp_grpc_frame_bytes(&frame), UINT32_MAX);
	frame = (struct rp_grpc_frame){0};
	in = RP_BYTES_LIT("\1\0\0\0\1x");
	assert_int_equal(rp_grpc_frame_next(&frame, &pool, 1000, &in, &message), RP_EUNSUPPORTED);
	frame = (struct rp_grpc_frame){0};
	in = RP_BYTES_LIT("\0\0\0\0\2x");
	assert_int_equal(rp_grpc_frame_next(&frame, &pool, 1000, &in, &message), RP_EAGAIN);
	assert_true(rp_grpc_frame_is_inside(&frame));
	rp_grpc_frame_fini(&frame, &pool);
	assert_int_equal(pool.bytes_used, 0);
	rp_body_pool_fini(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_out_wherever_the_stream_is_cut_twice),
		cmocka_unit_test(test_a_whole_message_is_shown_where_it_is),
		cmocka_unit_test(test_limits_and_compression_are_told_from_the_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
