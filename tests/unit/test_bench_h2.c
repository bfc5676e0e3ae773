/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/pb_wire.h"
#include "perf/bench/bench_run.h"

enum { SCRIPT_BYTES = 4096, OUT_BYTES = 64 << 10 };

/* A connection without a socket: bytes are fed, and what it would send is looked at. */
struct bed {
	struct rp_bench_options options;
	struct rp_bench_plan plan;
	struct rp_bench_run run;
	struct rp_bench_thread thread;
	struct rp_bench_conn *slots[1];
	int64_t reopen_ns[1];
	struct rp_bench_stream *idle[1];
	struct rp_bench_conn conn;
	struct rp_bench_stream stream;
	struct rp_bench_out out;
	uint8_t sent[OUT_BYTES];
};

static struct bed bed;

static void bed_init(void)
{
	struct rp_diag diag;

	memset(&bed, 0, sizeof(bed));
	rp_bench_options_init(&bed.options);
	bed.options.target = "picker:9002";
	bed.options.body_bytes = 200;
	bed.options.answer = RP_BENCH_ANSWER_NONE;
	assert_int_equal(rp_bench_plan_init(&bed.plan, &bed.options, &diag), RP_OK);
	pthread_mutex_init(&bed.run.lock, NULL);
	bed.thread = (struct rp_bench_thread){
		.run = &bed.run,
		.options = &bed.options,
		.plan = &bed.plan,
		.slots = bed.slots,
		.reopen_ns = bed.reopen_ns,
		.idle = bed.idle,
		.slot_count = 1,
		.stage = RP_BENCH_STAGE_LOAD,
		.measure_end_ns = INT64_MAX,
	};
	bed.slots[0] = &bed.conn;
	bed.conn.thread = &bed.thread;
	bed.conn.fd = -1;
	assert_int_equal(rp_bench_h2_init(&bed.conn), RP_OK);
	bed.conn.state = RP_BENCH_CONN_SETTINGS;
	bed.out = (struct rp_bench_out){bed.sent, 0, sizeof(bed.sent)};
}

static void bed_fini(void)
{
	rp_bench_h2_fini(&bed.conn);
	rp_bench_plan_fini(&bed.plan);
}

/* ---- scripts of frames ---- */

static uint8_t script[SCRIPT_BYTES];
static struct rp_writer w;

static void begin_script(void)
{
	w = rp_writer(script, sizeof(script));
}

static void frame(uint8_t type, uint8_t flags, uint32_t stream, struct rp_bytes payload)
{
	rp_write_u8(&w, 0);
	rp_write_u8(&w, (uint8_t)(payload.len >> 8));
	rp_write_u8(&w, (uint8_t)payload.len);
	rp_write_u8(&w, type);
	rp_write_u8(&w, flags);
	rp_write_be32(&w, stream);
	rp_write_bytes(&w, payload);
}

/* The picker's answer to stream 1: headers, the pick and the body's echo in two DATA frames of
 * which one is padded, PING in between, trailers. */
static void write_answer(const uint8_t *digits)
{
	static uint8_t messages[1024];
	static uint8_t body[256];
	static const char pick[] = "10.0.0.1:80";
	struct rp_writer m = rp_writer(messages, sizeof(messages));

	rp_bench_text_copy(&bed.plan.request, digits, 0, bed.plan.request.len, body);
	/* set_headers: one header; envoy.lb as metadata: lengths by hand are in test_bench_reply.
	 */
	for (int i = 0; i < 2; i++) {
		uint8_t inner[512];
		struct rp_writer r = rp_writer(inner, sizeof(inner));
		size_t reply = rp_pb_write_begin(&r, i == 0 ? 1 : 3);
		size_t common = rp_pb_write_begin(&r, 1);
		size_t mutation = rp_pb_write_begin(&r, i == 0 ? 2 : 3);
		size_t part = rp_pb_write_begin(&r, i == 0 ? 1 : 3);

		if (i == 0) {
			size_t header = rp_pb_write_begin(&r, 1);

			rp_pb_write_bytes(&r, 1, RP_BYTES_LIT("x-gateway-destination-endpoint"));
			rp_pb_write_bytes(&r, 3, rp_bytes_str(pick));
			rp_pb_write_end(&r, header);
		} else {
			rp_pb_write_bytes(&r, 1, rp_bytes(body, bed.plan.request.len));
			rp_pb_write_uint(&r, 2, 1);
		}
		rp_pb_write_end(&r, part);
		rp_pb_write_end(&r, mutation);
		rp_pb_write_end(&r, common);
		rp_pb_write_end(&r, reply);
		rp_write_u8(&m, 0);
		rp_write_be32(&m, (uint32_t)rp_written(&r));
		rp_write_bytes(&m, rp_writer_bytes(&r));
	}
	struct rp_bytes all = rp_writer_bytes(&m);
	uint8_t padded[64] = {3};

	memcpy(padded + 1, all.ptr, 50);
	/* :status 200; content-type: application/grpc, with indexing */
	frame(NGHTTP2_HEADERS, 0, 1, RP_BYTES_LIT("\x88"));
	frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1,
	      RP_BYTES_LIT("\x5f\x10"
			   "application/grpc"));
	frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, rp_bytes(padded, 1 + 50 + 3));
	frame(NGHTTP2_PING, 0, 0, RP_BYTES_LIT("pingpong"));
	frame(NGHTTP2_DATA, 0, 1, rp_bytes_slice(all, 50, SIZE_MAX));
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
	      RP_BYTES_LIT("\x40\x0bgrpc-status\x01"
			   "0"));
	assert_int_equal(m.err, RP_OK);
	assert_int_equal(w.err, RP_OK);
}

static int feed(struct rp_bytes in, size_t cut, const char **ret_why)
{
	int err = rp_bench_h2_feed(&bed.conn, rp_bytes_slice(in, 0, cut), ret_why);

	return err != RP_OK
		       ? err
		       : rp_bench_h2_feed(&bed.conn, rp_bytes_slice(in, cut, SIZE_MAX), ret_why);
}

static void open_connection(void)
{
	const char *why = NULL;

	bed_init();
	begin_script();
	frame(NGHTTP2_SETTINGS, 0, 0, (struct rp_bytes){0});
	assert_int_equal(feed(rp_writer_bytes(&w), 0, &why), RP_OK);
	assert_int_equal(bed.conn.state, RP_BENCH_CONN_OPEN);
	rp_bench_h2_fill(&bed.conn, &bed.out);
}

/* ---- tests ---- */

static void a_call_is_the_same_however_its_answer_is_cut(void **state)
{
	(void)state;
	for (size_t cut = 0;; cut++) {
		const char *why = "";
		uint8_t digits[RP_BENCH_DIGITS];

		open_connection();
		bed.options.is_shape_only = true; /* the metadata is left out */
		rp_bench_plan_digits(&bed.plan, 0, digits);
		rp_bench_stream_start(&bed.stream, &bed.conn, 0, false);
		rp_bench_h2_fill(&bed.conn, &bed.out);
		assert_int_equal(bed.stream.id, 1);
		begin_script();
		write_answer(digits);
		struct rp_bytes in = rp_writer_bytes(&w);

		assert_int_equal(feed(in, cut, &why), RP_OK);
		if (bed.thread.stats.completed != 1)
			fail_msg("cut at %zu: %s", cut, bed.thread.stats.wrong_reasons.list[0].why);
		assert_int_equal(bed.conn.open, 0);
		/* 54 bytes of DATA with padding, the rest, none of them acknowledged yet. */
		assert_true(bed.conn.unacked > 250 && bed.conn.unacked < 500);
		size_t before = bed.out.used;

		rp_bench_h2_fill(&bed.conn, &bed.out);
		/* The PING's answer and the empty DATA frame with END_STREAM. */
		assert_int_equal(bed.out.used - before, 9 + 8 + 9);
		assert_memory_equal(bed.sent + before + 9, "pingpong", 8);
		assert_memory_equal(bed.sent + before + 17, "\0\0\0\0\1\0\0\0\1", 9);
		bed_fini();
		if (cut == in.len)
			return;
	}
}

static void settings_of_the_peer_hold(void **state)
{
	const char *why = "";

	(void)state;
	for (size_t cut = 0; cut < 60; cut++) {
		bed_init();
		begin_script();
		/* window 100, frames of 1 MiB, 7 streams, no header table, one that nobody knows */
		frame(NGHTTP2_SETTINGS, 0, 0,
		      RP_BYTES_LIT("\0\4\0\0\0\x64\0\5\0\x10\0\0\0\3\0\0\0\7\0\1\0\0\0\0\0\x77\0\0"
				   "\0\1"));
		frame(NGHTTP2_WINDOW_UPDATE, 0, 0, RP_BYTES_LIT("\0\0\0\1"));
		assert_int_equal(feed(rp_writer_bytes(&w), cut, &why), RP_OK);
		assert_int_equal(bed.conn.peer_initial_window, 100);
		assert_int_equal(bed.conn.peer_max_streams, 7);
		assert_int_equal(bed.conn.send_window, 65536);
		rp_bench_stream_start(&bed.stream, &bed.conn, 0, false);
		rp_bench_h2_fill(&bed.conn, &bed.out);
		assert_int_equal(bed.stream.send_window, 0);
		assert_int_equal(bed.conn.send_window, 65536 - 100);
		bed_fini();
	}
}

static void what_breaks_http2_is_refused(void **state)
{
	static const struct {
		uint8_t type;
		uint8_t flags;
		uint8_t stream;
		const char *payload;
		size_t len;
		const char *why;
	} cases[] = {
		{NGHTTP2_SETTINGS, 0, 0, "123", 3, "SETTINGS"},
		{NGHTTP2_SETTINGS, 0, 0, "\0\4\xff\xff\xff\xff", 6, "INITIAL_WINDOW"},
		{NGHTTP2_SETTINGS, 0, 0, "\0\5\0\0\0\1", 6, "MAX_FRAME"},
		{NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\0", 4, "WINDOW_UPDATE"},
		{NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4, "WINDOW_UPDATE"},
		{NGHTTP2_WINDOW_UPDATE, 0, 0, "\0", 1, "WINDOW_UPDATE"},
		{NGHTTP2_PING, 0, 0, "1234567", 7, "PING"},
		{NGHTTP2_GOAWAY, 0, 0, "1234567", 7, "GOAWAY"},
		{NGHTTP2_RST_STREAM, 0, 1, "12", 2, "RST_STREAM"},
		{NGHTTP2_PUSH_PROMISE, 0, 1, "1234", 4, "PUSH_PROMISE"},
		{NGHTTP2_CONTINUATION, 0, 1, "", 0, "CONTINUATION"},
		{NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\xff\xff\xff", 6,
		 "header block"},
		{NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_PADDED, 1, "\x05", 1,
		 "padding"},
		{NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x05g", 2, "padding"},
	};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(cases); i++) {
		for (size_t cut = 0; cut <= 9 + cases[i].len; cut++) {
			const char *why = "";

			open_connection();
			begin_script();
			frame(cases[i].type, cases[i].flags, cases[i].stream,
			      rp_bytes(cases[i].payload, cases[i].len));
			assert_int_equal(feed(rp_writer_bytes(&w), cut, &why), RP_EPROTO);
			if (strstr(why, cases[i].why) == NULL)
				fail_msg("case %zu: %s", i, why);
			bed_fini();
		}
	}
}

static void a_peer_that_speaks_no_http2_is_refused(void **state)
{
	const char *why = "";

	(void)state;
	bed_init();
	assert_int_equal(feed(rp_bytes_str("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
			      0, &why),
			 RP_EPROTO);
	bed_fini();
}

static void more_data_than_the_window_allows_is_refused(void **state)
{
	const char *why = "";

	(void)state;
	open_connection();
	bed.options.stream_window = 100;
	bed.options.is_shape_only = true;
	rp_bench_stream_start(&bed.stream, &bed.conn, 0, false);
	rp_bench_h2_fill(&bed.conn, &bed.out);
	begin_script();
	frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
	      RP_BYTES_LIT("\x88\x5f\x10"
			   "application/grpc"));
	frame(NGHTTP2_DATA, 0, 1, rp_bytes(bed.sent, 101));
	assert_int_equal(feed(rp_writer_bytes(&w), 0, &why), RP_EPROTO);
	assert_non_null(strstr(why, "window"));
	rp_bench_stream_finish(&bed.stream, RP_BENCH_RIGHT, NULL);
	bed_fini();
}

static void garbage_does_no_harm(void **state)
{
	(void)state;
	srand(5);
	for (int round = 0; round < 2000; round++) {
		uint8_t digits[RP_BENCH_DIGITS];
		const char *why = "";

		open_connection();
		rp_bench_plan_digits(&bed.plan, 0, digits);
		rp_bench_stream_start(&bed.stream, &bed.conn, 0, false);
		rp_bench_h2_fill(&bed.conn, &bed.out);
		begin_script();
		write_answer(digits);
		struct rp_bytes in = rp_writer_bytes(&w);

		for (int i = 0; i < 1 + round % 5; i++)
			script[(size_t)rand() % in.len] = (uint8_t)rand();
		(void)!feed(in, (size_t)rand() % in.len, &why);
		if (bed.stream.conn != NULL)
			rp_bench_stream_finish(&bed.stream, RP_BENCH_RIGHT, NULL);
		assert_int_equal(bed.conn.open, 0);
		bed_fini();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_the_same_however_its_answer_is_cut),
		cmocka_unit_test(settings_of_the_peer_hold),
		cmocka_unit_test(what_breaks_http2_is_refused),
		cmocka_unit_test(a_peer_that_speaks_no_http2_is_refused),
		cmocka_unit_test(more_data_than_the_window_allows_is_refused),
		cmocka_unit_test(garbage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
