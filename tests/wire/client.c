/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dataplane/grpc_call.h"
#include "dataplane/sched.h"
#include "shm/clock.h"

void buffer_put(struct buffer *buffer, const void *data, size_t len)
{
	if (buffer->len + len > buffer->capacity) {
		buffer->capacity = 2 * (buffer->len + len) + 256;
		buffer->data = realloc(buffer->data, buffer->capacity);
		assert_non_null(buffer->data);
	}
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

static ssize_t read_data(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t length,
			 uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct client *client = user;
	size_t n = client->out.len - client->out.taken;

	(void)h2;
	(void)id;
	(void)source;
	if (n == 0 && !client->is_half_closed) {
		client->has_wait = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (client->cut == CUT_FRAMES)
		length = rp_min_size(length, n > 20000 ? 4093 : 3);
	n = rp_min_size(n, length);
	if (n > 0)
		memcpy(buf, client->out.data + client->out.taken, n);
	client->out.taken += n;
	if (client->out.taken == client->out.len && client->is_half_closed)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct client *client = user;
	struct rp_bytes key = rp_bytes(name, name_len), text = rp_bytes(value, value_len);
	uint64_t number;

	(void)h2;
	(void)frame;
	(void)flags;
	if (rp_bytes_equal_str(key, ":status")) {
		assert_int_equal(rp_bytes_to_u64(text, 999, &number), RP_OK);
		client->http_status = (int)number;
	} else if (rp_bytes_equal_str(key, "grpc-status")) {
		assert_int_equal(rp_bytes_to_u64(text, 99, &number), RP_OK);
		client->grpc_status = (int)number;
	} else if (rp_bytes_equal_str(key, "grpc-message")) {
		rp_bytes_to_str(text, client->grpc_message, sizeof(client->grpc_message));
	}
	return 0;
}

static int on_chunk(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		    void *user)
{
	struct client *client = user;

	(void)h2;
	(void)flags;
	(void)id;
	buffer_put(&client->in, data, len);
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct client *client = user;

	(void)h2;
	if (frame->hd.type == NGHTTP2_DATA && frame->hd.length == 0 &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		client->empty_data++;
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct client *client = user;

	(void)h2;
	(void)id;
	(void)error;
	client->is_closed = true;
	return 0;
}

static bool receive(void *user, struct rp_bytes piece, bool is_lasting)
{
	struct client *client = user;

	(void)is_lasting;
	assert_true(nghttp2_session_mem_recv(client->h2, piece.ptr, piece.len) >= 0);
	return true;
}

/* A turn of the worker. */
static void turn(struct client *client)
{
	struct rp_env *env = &client->world->env;

	env->now_ns += RP_NS_PER_MS;
	client->world->h2.now_ns = env->now_ns;
	rp_sched_refresh(env->sched);
	rp_h2_session_flush(client->server);
	rp_grpc_tick(env, env->now_ns);
	assert_int_equal(rp_h2_session_pull(client->server, receive, client), RP_OK);
}

void client_pump(struct client *client)
{
	const uint8_t *data;
	ssize_t n;
	bool is_quiet;
	size_t step;

	do {
		is_quiet = true;
		while ((n = nghttp2_session_mem_send(client->h2, &data)) > 0) {
			is_quiet = false;
			step = client->cut == CUT_FEED ? 1 : (size_t)n;
			for (size_t at = 0; at < (size_t)n; at += step)
				assert_int_equal(rp_h2_session_feed(client->server,
								    rp_bytes(data + at, step)),
						 RP_OK);
		}
		turn(client);
	} while (!is_quiet);
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			    .value = (uint8_t *)(uintptr_t)value,
			    .namelen = strlen(name),
			    .valuelen = strlen(value)};
}

void client_open(struct client *client, struct world *world, const struct client_call *call,
		 enum client_cut cut)
{
	nghttp2_data_provider provider = {.read_callback = read_data};
	nghttp2_session_callbacks *callbacks;
	nghttp2_nv nv[9];
	size_t count = 0;

	*client = (struct client){.world = world, .cut = cut, .grpc_status = -1};
	assert_int_equal(rp_h2_session_new(&world->h2, call->is_health_port, &client->server),
			 RP_OK);
	assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_chunk);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	assert_int_equal(nghttp2_session_client_new(&client->h2, callbacks, client), 0);
	nghttp2_session_callbacks_del(callbacks);
	assert_int_equal(nghttp2_submit_settings(client->h2, NGHTTP2_FLAG_NONE, NULL, 0), 0);

	nv[count++] = header(":method", call->method);
	nv[count++] = header(":scheme", "http");
	nv[count++] = header(":path", call->path);
	nv[count++] = header(":authority", "epp:9002");
	nv[count++] = header("te", "trailers");
	nv[count++] = header("content-type", call->content_type);
	if (call->grpc_timeout != NULL)
		nv[count++] = header("grpc-timeout", call->grpc_timeout);
	if (call->grpc_encoding != NULL)
		nv[count++] = header("grpc-encoding", call->grpc_encoding);
	client->stream = nghttp2_submit_request(client->h2, NULL, nv, count, &provider, NULL);
	assert_true(client->stream > 0);
	client_pump(client);
}

static void resume(struct client *client)
{
	if (client->has_wait && !client->is_closed)
		(void)nghttp2_session_resume_data(client->h2, client->stream);
	client->has_wait = false;
	client_pump(client);
}

void client_send_raw(struct client *client, const void *bytes, size_t len)
{
	buffer_put(&client->out, bytes, len);
	resume(client);
}

void client_send(struct client *client, const void *message, size_t len)
{
	uint8_t prefix[5];
	struct rp_writer w = rp_writer(prefix, sizeof(prefix));

	rp_write_u8(&w, 0);
	rp_write_be32(&w, (uint32_t)len);
	buffer_put(&client->out, prefix, sizeof(prefix));
	client_send_raw(client, message, len);
}

void client_half_close(struct client *client)
{
	client->is_half_closed = true;
	resume(client);
}

void client_reset(struct client *client)
{
	assert_int_equal(nghttp2_submit_rst_stream(client->h2, NGHTTP2_FLAG_NONE, client->stream,
						   NGHTTP2_CANCEL),
			 0);
	client_pump(client);
}

bool client_next(struct client *client, struct rp_bytes *ret_message)
{
	struct rp_reader r = rp_reader(
		rp_bytes(client->in.data + client->in.taken, client->in.len - client->in.taken));
	uint32_t n;

	if (rp_reader_left(&r) < 5)
		return false;
	assert_int_equal(rp_read_u8(&r), 0);
	n = rp_read_be32(&r);
	if (rp_reader_left(&r) < n)
		return false;
	*ret_message = rp_read_bytes(&r, n);
	client->in.taken += 5 + n;
	return true;
}

void client_close(struct client *client)
{
	assert_int_equal(client->empty_data, 0);
	assert_int_equal(client->in.taken, client->in.len);
	nghttp2_session_del(client->h2);
	rp_h2_session_free(client->server);
	free(client->out.data);
	free(client->in.data);
}
