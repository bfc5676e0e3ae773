/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads that fill the worker's memory for bodies are refused; answers on their way go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client.h"
#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"

enum { MEMORY_BYTES = 1 << 20, UPLOADS = 64, CHUNK_BYTES = 15000, ANSWER_BYTES = 100000 };

static const struct client_call process = {
	.method = "POST",
	.path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
	.content_type = "application/grpc",
};
static struct world world;
static uint8_t message[ANSWER_BYTES + 64];
static uint8_t filler[ANSWER_BYTES];

static void send_headers(struct client *client, uint32_t kind)
{
	struct rp_writer w = rp_writer(message, sizeof(message));

	rp_pb_write_end(&w, rp_pb_write_begin(&w, kind));
	client_send(client, message, rp_written(&w));
}

static void send_body(struct client *client, uint32_t kind, const void *bytes, size_t n,
		      bool is_end)
{
	struct rp_writer w = rp_writer(message, sizeof(message));
	size_t part = rp_pb_write_begin(&w, kind);

	rp_pb_write_bytes(&w, RP_PB_BODY_BODY, rp_bytes(bytes, n));
	if (is_end)
		rp_pb_write_uint(&w, RP_PB_BODY_END_OF_STREAM, 1);
	rp_pb_write_end(&w, part);
	assert_int_equal(w.err, RP_OK);
	client_send(client, message, rp_written(&w));
}

static uint32_t count_replies(struct client *client)
{
	struct rp_bytes reply;
	uint32_t count = 0;

	while (client_next(client, &reply))
		count++;
	return count;
}

static void answers_go_on_while_uploads_fill_the_memory(void **state)
{
	static const char request[] = "{\"model\":\"m\",\"prompt\":\"p\"}";
	static struct client honest, upload[UPLOADS];
	enum client_cut cut = (enum client_cut)(uintptr_t)*state;
	struct world_options options;
	int refused = 0;

	world_options_default(&options);
	options.settings.body_memory_bytes = MEMORY_BYTES;
	world_begin(&world, &options);
	client_open(&honest, &world, &process, cut);
	send_headers(&honest, RP_PB_REQUEST_REQUEST_HEADERS);
	send_body(&honest, RP_PB_REQUEST_REQUEST_BODY, request, sizeof(request) - 1, true);
	assert_int_equal(count_replies(&honest), 2);

	/* Each a little shorter than the one before, so that no gap is left. */
	for (int i = 0; i < UPLOADS; i++) {
		client_open(&upload[i], &world, &process, cut);
		send_headers(&upload[i], RP_PB_REQUEST_REQUEST_HEADERS);
		for (int n = CHUNK_BYTES; n > 0 && !upload[i].is_closed; n -= 3000)
			send_body(&upload[i], RP_PB_REQUEST_REQUEST_BODY, filler, (size_t)n, false);
		refused += upload[i].is_closed;
	}
	assert_in_range(refused, 1, UPLOADS - 4);
	assert_true(world.env.bodies.bytes_used <= MEMORY_BYTES / 4 * 3);

	send_headers(&honest, RP_PB_REQUEST_RESPONSE_HEADERS);
	send_body(&honest, RP_PB_REQUEST_RESPONSE_BODY, filler, ANSWER_BYTES, true);
	client_half_close(&honest);
	assert_int_equal(count_replies(&honest), 3); /* headers, two parts */
	assert_int_equal(honest.grpc_status, 0);
	client_close(&honest);
	for (int i = 0; i < UPLOADS; i++) {
		assert_true(count_replies(&upload[i]) <= 1);
		client_close(&upload[i]);
	}
	world_end(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(answers_go_on_while_uploads_fill_the_memory,
					  (void *)(uintptr_t)CUT_NONE),
		cmocka_unit_test_prestate(answers_go_on_while_uploads_fill_the_memory,
					  (void *)(uintptr_t)CUT_FRAMES),
	};
	int failed;

	world_init(&world);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	world_fini(&world);
	return failed;
}
