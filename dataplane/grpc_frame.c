/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/grpc_frame.h"

static void frame_reset(struct rp_grpc_frame *frame, struct rp_body_pool *pool)
{
	rp_body_free(&frame->gathered, pool);
	frame->is_handed_up = false;
	frame->prefix_len = 0;
	frame->bytes = 0;
}

static struct rp_bytes cut_front(struct rp_bytes *in, size_t n)
{
	struct rp_bytes front = rp_bytes_slice(*in, 0, n);

	*in = rp_bytes_slice(*in, n, in->len);
	return front;
}

/* True once all five bytes are there. */
static bool read_prefix(struct rp_grpc_frame *frame, struct rp_bytes *in)
{
	size_t wanted = RP_GRPC_PREFIX_BYTES - frame->prefix_len;
	struct rp_bytes part = cut_front(in, wanted);
	struct rp_reader r;

	if (part.len > 0)
		memcpy(frame->prefix + frame->prefix_len, part.ptr, part.len);
	frame->prefix_len = (uint8_t)(frame->prefix_len + part.len);
	if (frame->prefix_len < RP_GRPC_PREFIX_BYTES)
		return false;
	r = rp_reader(rp_bytes(frame->prefix + 1, 4));
	frame->bytes = rp_read_be32(&r);
	return true;
}

int rp_grpc_frame_next(struct rp_grpc_frame *frame, struct rp_body_pool *pool, uint64_t message_max,
		       struct rp_bytes *in, struct rp_grpc_message *ret_message)
{
	size_t wanted;
	int err;

	if (frame->is_handed_up)
		frame_reset(frame, pool);
	if (frame->prefix_len < RP_GRPC_PREFIX_BYTES) {
		if (!read_prefix(frame, in))
			return RP_EAGAIN;
		if (frame->prefix[0] != 0)
			return RP_EUNSUPPORTED;
		if (frame->bytes > message_max)
			return RP_ETOOBIG;
	}
	*ret_message = (struct rp_grpc_message){0};
	if (frame->gathered.bytes == 0 && in->len >= frame->bytes) {
		ret_message->view = cut_front(in, frame->bytes);
		frame->prefix_len = 0;
		return RP_OK;
	}
	wanted = (size_t)(frame->bytes - frame->gathered.bytes);
	if (frame->is_upload &&
	    !rp_body_upload_fits(&frame->gathered, pool, rp_min_size(in->len, wanted)))
		return RP_ENOMEM;
	err = rp_body_append(&frame->gathered, pool, rp_bytes_slice(*in, 0, wanted));
	if (err != RP_OK)
		return err;
	cut_front(in, wanted);
	if (frame->gathered.bytes < frame->bytes)
		return RP_EAGAIN;
	frame->is_handed_up = true;
	ret_message->gathered = &frame->gathered;
	return RP_OK;
}

uint32_t rp_grpc_frame_bytes(const struct rp_grpc_frame *frame)
{
	return frame->bytes;
}

bool rp_grpc_frame_is_inside(const struct rp_grpc_frame *frame)
{
	return frame->prefix_len > 0 && !frame->is_handed_up;
}

void rp_grpc_frame_fini(struct rp_grpc_frame *frame, struct rp_body_pool *pool)
{
	frame_reset(frame, pool);
}
