/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/h2_bed.h"

#include "dataplane/burst.h"
#include "dataplane/grpc_call.h"
#include "dataplane/sched.h"
#include "shm/clock.h"
#include "shm/log.h"

enum { FRAME_HEAD_BYTES = 9, FRAME_BYTES_MAX = 16384, FRAME_DATA = 0, FLAG_END_STREAM = 1 };

struct h2_bed *h2_bed_begin(const struct world_options *options, bool is_health)
{
	static struct h2_bed bed;

	if (bed.world.shared.live == NULL) {
		world_init(&bed.world);
		rp_log_init(RP_LOG_ERROR, &bed.world.shared.live->worker[0].log);
	}
	world_begin(&bed.world, options);
	RP_ASSERT(rp_h2_session_new(&bed.world.h2, is_health, &bed.session) == RP_OK);
	bed.is_over = false;
	bed.stream = 1;
	bed.frame_len = 0;
	bed.frame_left = 0;
	return &bed;
}

/* What goes out is a row of whole frames. */
static bool take_output(void *user, struct rp_bytes piece, bool is_lasting)
{
	struct h2_bed *bed = user;

	(void)is_lasting;
	while (piece.len > 0) {
		size_t n = rp_min_size(piece.len, bed->frame_left);

		piece = rp_bytes_slice(piece, n, SIZE_MAX);
		bed->frame_left -= n;
		if (bed->frame_left > 0 || piece.len == 0)
			continue;
		bed->frame[bed->frame_len++] = piece.ptr[0];
		piece = rp_bytes_slice(piece, 1, SIZE_MAX);
		if (bed->frame_len < FRAME_HEAD_BYTES)
			continue;
		bed->frame_len = 0;
		bed->frame_left =
			(size_t)bed->frame[0] << 16 | (size_t)bed->frame[1] << 8 | bed->frame[2];
		RP_ASSERT(bed->frame_left <= FRAME_BYTES_MAX && bed->frame[3] <= 9);
		/* A proxy takes many empty DATA frames for an attack. */
		RP_ASSERT(bed->frame[3] != FRAME_DATA || bed->frame_left > 0 ||
			  (bed->frame[4] & FLAG_END_STREAM) != 0);
	}
	return true;
}

void h2_bed_turn(struct h2_bed *bed, int64_t ns)
{
	struct rp_env *env = &bed->world.env;

	env->now_ns += ns;
	bed->world.h2.now_ns = env->now_ns;
	rp_sched_refresh(env->sched);
	rp_h2_session_flush(bed->session);
	rp_burst_tick(env);
	rp_grpc_tick(env, env->now_ns);
	if (rp_h2_session_pull(bed->session, take_output, bed) != RP_OK ||
	    rp_h2_session_is_done(bed->session))
		bed->is_over = true;
}

void h2_bed_feed(struct h2_bed *bed, struct rp_bytes in)
{
	if (bed->is_over || in.len == 0)
		return;
	if (rp_h2_session_feed(bed->session, in) != RP_OK)
		bed->is_over = true;
}

void h2_bed_call(struct h2_bed *bed, uint8_t stream)
{
	/* RFC 7541: fields of the static table, or as literals that are not indexed. */
	static const char call[] = "\x83\x86\x04\x34"
				   "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
				   "\x01\x03"
				   "epp"
				   "\x0f\x10\x10"
				   "application/grpc"
				   "\x00\x02"
				   "te"
				   "\x08"
				   "trailers";
	const uint8_t head[FRAME_HEAD_BYTES] = {0, 0, sizeof(call) - 1, 1, 4, 0, 0, 0, stream};

	bed->stream = stream;
	h2_bed_feed(bed, rp_bytes(head, sizeof(head)));
	h2_bed_feed(bed, rp_bytes(call, sizeof(call) - 1));
}

void h2_bed_open(struct h2_bed *bed, bool has_call)
{
	h2_bed_feed(bed, RP_BYTES_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	h2_bed_feed(bed, RP_BYTES_LIT("\0\0\0\4\0\0\0\0\0"));
	if (has_call)
		h2_bed_call(bed, 1);
	h2_bed_turn(bed, RP_NS_PER_MS);
}

void h2_bed_data(struct h2_bed *bed, struct rp_bytes in, bool is_end)
{
	do {
		struct rp_bytes part = rp_bytes_slice(in, 0, FRAME_BYTES_MAX);
		uint8_t head[FRAME_HEAD_BYTES] = {0};

		in = rp_bytes_slice(in, part.len, SIZE_MAX);
		head[1] = (uint8_t)(part.len >> 8);
		head[2] = (uint8_t)part.len;
		head[4] = is_end && in.len == 0 ? FLAG_END_STREAM : 0;
		head[8] = bed->stream;
		h2_bed_feed(bed, rp_bytes(head, sizeof(head)));
		h2_bed_feed(bed, part);
	} while (in.len > 0);
}

void h2_bed_end(struct h2_bed *bed)
{
	h2_bed_turn(bed, RP_NS_PER_MS);
	rp_h2_session_free(bed->session);
	RP_ASSERT(bed->world.h2.streams_open == 0);
	world_end(&bed->world);
}
