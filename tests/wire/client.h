/* SPDX-License-Identifier: Apache-2.0
 *
 * A gateway in memory: nghttp2's client side against one rp_h2_session, one gRPC call at a time.
 */
#ifndef RP_TESTS_WIRE_CLIENT_H
#define RP_TESTS_WIRE_CLIENT_H

#include <nghttp2/nghttp2.h>

#include "world.h"

/* How the client's bytes are cut. */
enum client_cut {
	CUT_NONE,   /* a message a DATA frame, fed whole */
	CUT_FEED,   /* fed one byte at a time */
	CUT_FRAMES, /* a few bytes a DATA frame, so that every message is put together */
	CUT_COUNT,
};

struct buffer {
	uint8_t *data;
	size_t len;
	size_t taken;
	size_t capacity;
};

struct client {
	struct world *world;
	struct rp_h2_session *server;
	nghttp2_session *h2;
	enum client_cut cut;
	int32_t stream;
	struct buffer out; /* DATA to send */
	struct buffer in;  /* DATA received */
	bool is_half_closed;
	bool is_closed;
	bool has_wait; /* the data provider is deferred */
	int http_status;
	int grpc_status; /* -1: none yet */
	char grpc_message[512];
	uint32_t empty_data; /* empty DATA frames without END_STREAM: a proxy counts them as a flood
			      */
};

struct client_call {
	const char *method;
	const char *path;
	const char *content_type;
	const char *grpc_timeout;
	const char *grpc_encoding;
	bool is_health_port;
};

void buffer_put(struct buffer *buffer, const void *data, size_t len);

void client_open(struct client *client, struct world *world, const struct client_call *call,
		 enum client_cut cut);
/** Queue a message (prefix added) or raw bytes, then exchange bytes until both sides are quiet. */
void client_send(struct client *client, const void *message, size_t len);
void client_send_raw(struct client *client, const void *bytes, size_t len);
void client_half_close(struct client *client);
void client_reset(struct client *client);
void client_pump(struct client *client);
/** The next whole message received. @return false: none */
bool client_next(struct client *client, struct rp_bytes *ret_message);
void client_close(struct client *client);

#endif /* RP_TESTS_WIRE_CLIENT_H */
