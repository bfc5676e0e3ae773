/* SPDX-License-Identifier: Apache-2.0
 *
 * Random conversations: messages of all kinds in any order, in any mode, with broken bytes among
 * them, ended in any way. Whatever comes, nothing may crash and nothing may be left behind. A seed
 * repeats a conversation.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client.h"
#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"

enum { CONVERSATIONS = 20000, MESSAGES_MAX = 12 };

static struct world world;
static uint64_t random_state;
static uint64_t reply_count;

static uint32_t below(uint32_t n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((random_state >> 33) % n);
}

static const char *const bodies[] = {
	"",
	"{\"model\":\"m\",\"prompt\":\"p\"}",
	"{\"model\":\"m\",",
	"\"prompt\":\"p\"}",
	"data: {\"usage\":{\"prompt_tokens\":7}}\n\n",
	"data: {\"model\":\"m",
	"-t\"}\n\ndata: [DONE]\n\n",
};

static void write_headers(struct rp_writer *w)
{
	static const char *const headers[][2] = {
		{":path", "/v1/completions"},		{":path", "/any"},
		{"content-type", "text/event-stream"},	{"x-llm-d-model-name-rewrite", "m-t"},
		{"x-llm-d-inference-objective", "low"}, {":status", "500"},
		{"x-prefiller-host-port", "1.1.1.1:1"}, {"", ""},
	};
	size_t map = rp_pb_write_begin(w, RP_PB_HEADERS_HEADERS), entry;

	for (uint32_t n = below(5); n > 0; n--) {
		uint32_t i = below(RP_ARRAY_LEN(headers));

		entry = rp_pb_write_begin(w, RP_PB_HEADER_MAP_HEADERS);
		rp_pb_write_bytes(w, RP_PB_HEADER_KEY, rp_bytes_str(headers[i][0]));
		rp_pb_write_bytes(w, RP_PB_HEADER_RAW_VALUE, rp_bytes_str(headers[i][1]));
		rp_pb_write_end(w, entry);
	}
	rp_pb_write_end(w, map);
}

/* index: of the message in its conversation */
static size_t make_message(uint32_t index, uint8_t *out, size_t out_bytes)
{
	static const uint8_t kinds[] = {4, 4, 4, 6, 3, 5, 5, 5, 7, 2};
	struct rp_writer w = rp_writer(out, out_bytes);
	/* Most begin with request headers; then anything, bodies above all. */
	uint32_t kind = index == 0 && below(8) != 0 ? RP_PB_REQUEST_REQUEST_HEADERS
						    : kinds[below(RP_ARRAY_LEN(kinds))];
	size_t part = rp_pb_write_begin(&w, kind), mark;

	if (kind == RP_PB_REQUEST_REQUEST_BODY || kind == RP_PB_REQUEST_RESPONSE_BODY) {
		rp_pb_write_bytes(&w, RP_PB_BODY_BODY,
				  rp_bytes_str(bodies[below(RP_ARRAY_LEN(bodies))]));
		if (below(3) == 0)
			rp_pb_write_uint(&w, RP_PB_BODY_END_OF_STREAM, 1);
	} else {
		if (below(8) != 0)
			write_headers(&w);
		if (below(4) == 0)
			rp_pb_write_uint(&w, RP_PB_HEADERS_END_OF_STREAM, 1);
	}
	rp_pb_write_end(&w, part);
	if (below(4) == 0) {
		mark = rp_pb_write_begin(&w, RP_PB_REQUEST_PROTOCOL_CONFIG);
		rp_pb_write_uint(&w, 1, below(7));
		rp_pb_write_uint(&w, 2, below(7));
		rp_pb_write_end(&w, mark);
	}
	if (below(40) == 0)
		rp_pb_write_uint(&w, RP_PB_REQUEST_OBSERVABILITY_MODE, 1);
	assert_int_equal(w.err, RP_OK);
	if (below(20) == 0)
		out[below((uint32_t)rp_written(&w))] = (uint8_t)below(256);
	return rp_written(&w);
}

static void converse(uint64_t seed)
{
	const struct client_call call = {
		.method = "POST",
		.path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
		.content_type = "application/grpc",
	};
	struct client client;
	struct rp_bytes reply;
	uint8_t message[2048];

	random_state = seed;
	client_open(&client, &world, &call, (enum client_cut)below(CUT_COUNT));
	for (uint32_t i = 0, n = below(MESSAGES_MAX); i < n && !client.is_closed; i++)
		client_send(&client, message, make_message(i, message, sizeof(message)));
	if (below(3) != 0)
		client_half_close(&client);
	else if (below(2) == 0 && !client.is_closed)
		client_reset(&client);
	while (client_next(&client, &reply))
		reply_count++;
	client_close(&client);
}

static void test_no_conversation_leaves_anything_behind(void **state)
{
	struct world_options options;

	(void)state;
	for (uint64_t seed = 1; seed <= CONVERSATIONS; seed++) {
		if (seed % 500 == 1) {
			world_options_default(&options);
			options.settings.has_header_echo = seed / 500 % 2;
			options.settings.body_bytes_max = seed / 500 % 3 == 0 ? 40 : 4096;
			options.settings.body_memory_bytes = seed / 500 % 4 == 3 ? 3000 : 1 << 20;
			options.rules = seed / 500 % 2 == 0 ? world_some_rules() : NULL;
			options.has_detector = seed / 500 % 5 == 0;
			world_begin(&world, &options);
		}
		converse(seed);
		for (uint32_t i = 0; i < WORLD_ENDPOINTS; i++) {
			if (rp_inflight_sum(&world.env.live->inflight, 1, i) != 0)
				fail_msg("seed %" PRIu64 " left a request in flight", seed);
		}
		if (world.env.bodies.bytes_used != 0)
			fail_msg("seed %" PRIu64 " left body bytes", seed);
		if (seed % 500 == 0)
			world_end(&world);
	}
	/* The conversations are real ones: they get answers. */
	assert_true(reply_count > CONVERSATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_conversation_leaves_anything_behind),
	};
	int failed;

	world_init(&world);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_fini(&world);
	return failed;
}
