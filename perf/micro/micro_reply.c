/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies, encoded and put into DATA frames by a real HTTP/2 session; what comes out is counted and
 * dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/ext_proc_reply.h"
#include "perf/micro/micro_bed.h"

enum { RUNS = 64, FRAME_HEAD_BYTES = 9, WINDOW_MAX = 0x7fffffff, WINDOW_FIRST = 65535 };

struct reply_bed {
	struct rp_arena_pool arenas;
	struct rp_arena arena;
	struct rp_body_pool bodies;
	struct rp_h2_env h2;
	struct rp_h2_session *session;
	struct rp_h2_stream *stream;
	struct rp_body body[RUNS]; /* moved out by the runs */
	uint32_t next;
	uint8_t *payload;
	size_t payload_bytes;
	uint64_t out_bytes;    /* of this reply */
	uint64_t expect_bytes; /* of the first one */
	uint64_t credit;       /* bytes sent that the windows do not know yet */
};

static struct rp_h2_stream *opened; /* by on_request() */

static void on_request(struct rp_h2_stream *stream, const struct rp_h2_request *request)
{
	(void)request;
	opened = stream;
}

static void on_data(struct rp_h2_stream *stream, struct rp_bytes data)
{
	(void)stream;
	(void)data;
}

static void on_stream(struct rp_h2_stream *stream)
{
	(void)stream;
}

static void on_close(struct rp_h2_stream *stream, uint32_t error)
{
	(void)stream;
	(void)error;
}

static const struct rp_h2_stream_ops stream_ops = {on_request, on_data,	  on_stream,
						   on_stream,  on_stream, on_close};

static void feed(struct reply_bed *bed, const void *bytes, size_t len)
{
	RP_MICRO_CHECK(rp_h2_session_feed(bed->session, rp_bytes(bytes, len)) == RP_OK);
}

static bool count_piece(void *user, struct rp_bytes piece, bool is_lasting)
{
	struct reply_bed *bed = user;

	(void)is_lasting;
	bed->out_bytes += piece.len;
	return true;
}

static void pull(struct reply_bed *bed)
{
	RP_MICRO_CHECK(rp_h2_session_pull(bed->session, count_piece, bed) == RP_OK);
}

/* RFC 9113, section 6.9 */
static void feed_window_update(struct reply_bed *bed, uint8_t stream, uint32_t bytes)
{
	uint8_t frame[FRAME_HEAD_BYTES + 4] = {0, 0, 4, 8};

	frame[8] = stream;
	for (unsigned i = 0; i < 4; i++)
		frame[FRAME_HEAD_BYTES + i] = (uint8_t)(bytes >> (24 - 8 * i));
	feed(bed, frame, sizeof(frame));
}

static void open_stream(struct reply_bed *bed)
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
	static const uint8_t head[FRAME_HEAD_BYTES] = {0, 0, sizeof(call) - 1, 1, 4, 0, 0, 0, 1};
	/* INITIAL_WINDOW_SIZE as large as it goes */
	static const uint8_t settings[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff};
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	feed(bed, preface, sizeof(preface) - 1);
	feed(bed, settings, sizeof(settings));
	feed_window_update(bed, 0, WINDOW_MAX - WINDOW_FIRST);
	feed(bed, head, sizeof(head));
	feed(bed, call, sizeof(call) - 1);
	bed->stream = opened;
	/* The response's HEADERS go with the first bytes: let them go now. */
	RP_ASSERT(rp_h2_stream_send(bed->stream, RP_BYTES_LIT("\0\0\0\0\0")) == RP_OK);
	rp_h2_session_flush(bed->session);
	pull(bed);
}

static void *setup(const struct rp_micro_case *c)
{
	struct reply_bed *bed = rp_micro_alloc(sizeof(*bed));

	rp_arena_pool_init(&bed->arenas);
	rp_arena_init(&bed->arena, &bed->arenas);
	rp_body_pool_init(&bed->bodies, RP_BODY_BYTES_MAX);
	bed->h2 = (struct rp_h2_env){.arenas = &bed->arenas,
				     .bodies = &bed->bodies,
				     .stream_ops = &stream_ops,
				     .streams_max = 1};
	bed->payload_bytes = c->arg[0];
	bed->payload = rp_micro_alloc(c->arg[0] + 1);
	memset(bed->payload, 'x', c->arg[0]);
	RP_ASSERT(rp_h2_session_new(&bed->h2, false, &bed->session) == RP_OK);
	open_stream(bed);
	return bed;
}

static void prepare(void *user)
{
	struct reply_bed *bed = user;

	bed->next = 0;
	for (uint32_t i = 0; i < RUNS; i++) {
		rp_body_free(&bed->body[i], &bed->bodies);
		RP_ASSERT(rp_body_append(&bed->body[i], &bed->bodies,
					 rp_bytes(bed->payload, bed->payload_bytes)) == RP_OK);
	}
	if (bed->credit > 0) {
		feed_window_update(bed, 0, (uint32_t)bed->credit);
		feed_window_update(bed, 1, (uint32_t)bed->credit);
		pull(bed);
	}
	bed->credit = 0;
}

/* Frames of the reply, and how many bytes they are. */
static void finish(struct reply_bed *bed)
{
	bed->out_bytes = 0;
	pull(bed);
	if (bed->expect_bytes == 0)
		bed->expect_bytes = bed->out_bytes;
	/* The payload, and little more. */
	RP_MICRO_CHECK(bed->out_bytes == bed->expect_bytes && bed->out_bytes > bed->payload_bytes &&
		       bed->out_bytes < bed->payload_bytes + 512);
	bed->credit += bed->out_bytes / 2; /* never more than the DATA that was sent */
}

static void run_headers(void *user)
{
	struct reply_bed *bed = user;
	const struct rp_header set[] = {
		{RP_BYTES_LIT("x-gateway-destination-endpoint"), RP_BYTES_LIT("10.2.0.7:8000")},
	};
	const struct rp_ext_proc_mutation mutation = {
		.set = set,
		.set_count = 1,
		.is_route_cache_cleared = true,
		.destination = RP_BYTES_LIT("10.2.0.7:8000"),
	};

	RP_MICRO_CHECK(rp_ext_proc_send_common(bed->stream, &bed->arena,
					       RP_EXT_PROC_REPLY_REQUEST_HEADERS, &mutation,
					       NULL) == RP_OK);
	finish(bed);
	rp_arena_reset(&bed->arena);
}

static void run_body(void *user)
{
	struct reply_bed *bed = user;
	struct rp_body *body = &bed->body[bed->next++];

	RP_MICRO_CHECK(rp_ext_proc_send_streamed(bed->stream, RP_EXT_PROC_REPLY_REQUEST_BODY, body,
						 true) == RP_OK);
	finish(bed);
}

static void run_chunk(void *user)
{
	struct reply_bed *bed = user;

	RP_MICRO_CHECK(rp_ext_proc_send_small(bed->stream, RP_EXT_PROC_REPLY_RESPONSE_BODY,
					      rp_bytes(bed->payload, bed->payload_bytes),
					      false) == RP_OK);
	finish(bed);
}

static void teardown(void *user)
{
	struct reply_bed *bed = user;

	for (uint32_t i = 0; i < RUNS; i++)
		rp_body_free(&bed->body[i], &bed->bodies);
	rp_h2_session_free(bed->session);
	rp_h2_env_fini(&bed->h2);
	rp_arena_reset(&bed->arena);
	rp_arena_pool_fini(&bed->arenas);
	rp_body_pool_fini(&bed->bodies);
	free(bed->payload);
	free(bed);
}

const struct rp_micro_ops rp_micro_reply_headers = {setup, prepare, run_headers, teardown, RUNS};
const struct rp_micro_ops rp_micro_reply_body = {setup, prepare, run_body, teardown, RUNS};
const struct rp_micro_ops rp_micro_reply_chunk = {setup, prepare, run_chunk, teardown, RUNS};
