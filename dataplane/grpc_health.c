/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/grpc_health.h"

#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"

#define EXT_PROC_SERVICE "envoy.service.ext_proc.v3.ExternalProcessor"

enum { REPLY_BYTES = 128 };

enum rp_health_status rp_grpc_health_status(const struct rp_env *env)
{
	return rp_env_is_live(env) && !rp_env_is_draining(env) ? RP_HEALTH_SERVING
							       : RP_HEALTH_NOT_SERVING;
}

int rp_grpc_health_read(const struct rp_grpc_message *message)
{
	struct rp_pb_input in = message->gathered != NULL ? rp_pb_input_body(message->gathered)
							  : rp_pb_input_bytes(message->view);
	struct rp_pb_tag tag;

	while (rp_pb_input_next(&in, &tag)) {
		if (tag.type != RP_PB_LEN)
			continue;
		if (tag.number == RP_PB_HEALTH_SERVICE && tag.value > RP_HEALTH_SERVICE_BYTES_MAX)
			return RP_ETOOBIG;
		rp_pb_input_skip(&in, tag.value);
	}
	return in.err;
}

static int send_framed(struct rp_h2_stream *stream, struct rp_writer *w)
{
	struct rp_writer length = rp_writer(w->begin + 1, 4);

	rp_write_be32(&length, (uint32_t)(rp_written(w) - RP_GRPC_PREFIX_BYTES));
	return rp_h2_stream_send(stream, rp_writer_bytes(w));
}

int rp_grpc_health_send(struct rp_h2_stream *stream, enum rp_health_status status)
{
	uint8_t storage[REPLY_BYTES];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	rp_write_bytes(&w, rp_bytes("\0\0\0\0\0", RP_GRPC_PREFIX_BYTES));
	rp_pb_write_uint(&w, RP_PB_HEALTH_STATUS, (uint64_t)status);
	return send_framed(stream, &w);
}

int rp_grpc_health_send_list(struct rp_h2_stream *stream, enum rp_health_status status)
{
	uint8_t storage[REPLY_BYTES];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t entry, value;

	rp_write_bytes(&w, rp_bytes("\0\0\0\0\0", RP_GRPC_PREFIX_BYTES));
	entry = rp_pb_write_begin(&w, RP_PB_HEALTH_LIST_STATUSES);
	rp_pb_write_bytes(&w, RP_PB_ENTRY_KEY, RP_BYTES_LIT(EXT_PROC_SERVICE));
	value = rp_pb_write_begin(&w, RP_PB_ENTRY_VALUE);
	rp_pb_write_uint(&w, RP_PB_HEALTH_STATUS, (uint64_t)status);
	rp_pb_write_end(&w, value);
	rp_pb_write_end(&w, entry);
	return send_framed(stream, &w);
}
