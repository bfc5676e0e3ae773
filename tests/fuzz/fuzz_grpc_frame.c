/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of a byte stream are the same however it is cut, whether or not the reader takes
 * them apart, and nothing of them stays in the pool.
 */
#include "dataplane/grpc_frame.h"
#include "tests/fuzz/fuzz.h"

enum { MESSAGE_BYTES_MAX = 3000 };

static void mix_message(uint64_t *digest, struct rp_body_pool *pool, struct rp_grpc_message *m)
{
	struct rp_body moved = {0};
	uint8_t text[MESSAGE_BYTES_MAX];
	size_t len;

	if (m->gathered == NULL) {
		RP_ASSERT(m->view.len <= MESSAGE_BYTES_MAX);
		fuzz_mix(digest, m->view);
		return;
	}
	len = (size_t)m->gathered->bytes;
	RP_ASSERT(len <= MESSAGE_BYTES_MAX);
	if (len % 2 == 1)
		RP_ASSERT(rp_body_move(&moved, m->gathered, len - len / 3, pool) == RP_OK);
	rp_body_copy_out(&moved, 0, text, (size_t)moved.bytes);
	rp_body_copy_out(m->gathered, 0, text + moved.bytes, (size_t)m->gathered->bytes);
	rp_body_free(&moved, pool);
	fuzz_mix(digest, rp_bytes(text, len));
}

static uint64_t read_stream(struct fuzz_cuts cuts)
{
	struct rp_grpc_frame frame = {0};
	struct rp_grpc_message message;
	struct rp_body_pool pool;
	struct rp_bytes piece;
	uint64_t digest = 0;
	int err = RP_EAGAIN;

	rp_body_pool_init(&pool, 1 << 20);
	while (err == RP_EAGAIN && fuzz_next(&cuts, &piece)) {
		while ((err = rp_grpc_frame_next(&frame, &pool, MESSAGE_BYTES_MAX, &piece,
						 &message)) == RP_OK)
			mix_message(&digest, &pool, &message);
		RP_ASSERT(err != RP_EAGAIN || piece.len == 0);
	}
	fuzz_mix_u64(&digest, (uint64_t)err);
	fuzz_mix_u64(&digest, rp_grpc_frame_is_inside(&frame));
	if (err == RP_ETOOBIG)
		RP_ASSERT(rp_grpc_frame_bytes(&frame) > MESSAGE_BYTES_MAX);
	rp_grpc_frame_fini(&frame, &pool);
	RP_ASSERT(pool.bytes_used == 0);
	rp_body_pool_fini(&pool);
	return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes in = rp_bytes(data, size);

	RP_ASSERT(read_stream(fuzz_whole(in)) == read_stream(fuzz_cuts(in)));
	return 0;
}
