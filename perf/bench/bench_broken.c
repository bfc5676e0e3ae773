/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_broken.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/pb_wire.h"

enum { PEERS_MAX = 8, BUFFER_BYTES = 64 << 10, PIECE_BYTES = 1500, GRPC_PREFIX_BYTES = 5 };

/* Bytes that grow. */
struct heap {
	uint8_t *data;
	size_t len;
	size_t room;
};

struct call {
	struct peer *peer;
	struct call *next;
	int32_t id;
	struct heap in;	  /* messages that are not complete */
	struct heap body; /* of the request */
	struct heap held; /* a chunk that is sent later */
	struct heap out;
	size_t out_at;
	uint32_t chunks;
	int status; /* -1: the call is open; -2: ends without one */
};

struct peer {
	struct rp_bench_broken *broken;
	int fd;
	bool is_closed;
	nghttp2_session *h2;
	struct call *calls;
};

struct rp_bench_broken {
	enum rp_bench_fault fault;
	int listen_fd;
	int stop_fd;
	pthread_t thread;
	nghttp2_session_callbacks *callbacks;
	struct peer peers[PEERS_MAX];
};

static void heap_add(struct heap *heap, struct rp_bytes more)
{
	if (more.len > heap->room - heap->len) {
		heap->room = heap->room * 2 + more.len;
		heap->data = realloc(heap->data, heap->room);
		RP_ASSERT(heap->data != NULL);
	}
	if (more.len > 0)
		memcpy(heap->data + heap->len, more.ptr, more.len);
	heap->len += more.len;
}

static void heap_drop(struct heap *heap, size_t n)
{
	memmove(heap->data, heap->data + n, heap->len - n);
	heap->len -= n;
}

static bool has(const struct call *call, enum rp_bench_fault fault)
{
	return call->peer->broken->fault == fault;
}

/* ---- replies ---- */

static void reply(struct call *call, const struct rp_writer *w)
{
	uint8_t prefix[GRPC_PREFIX_BYTES];
	struct rp_writer head = rp_writer(prefix, sizeof(prefix));

	RP_ASSERT(w->err == RP_OK);
	rp_write_u8(&head, has(call, RP_BENCH_FAULT_COMPRESSED));
	rp_write_be32(&head, (uint32_t)rp_written(w));
	heap_add(&call->out, rp_writer_bytes(&head));
	heap_add(&call->out, rp_writer_bytes(w));
	nghttp2_session_resume_data(call->peer->h2, call->id);
}

static void write_metadata(struct rp_writer *w, const char *name, const char *pick)
{
	size_t metadata = rp_pb_write_begin(w, 8);
	size_t entry = rp_pb_write_begin(w, 1);

	rp_pb_write_bytes(w, 1, rp_bytes_str(name));
	size_t value = rp_pb_write_begin(w, 2);
	size_t fields = rp_pb_write_begin(w, 5);
	size_t field = rp_pb_write_begin(w, 1);

	rp_pb_write_bytes(w, 1, RP_BYTES_LIT("x-gateway-destination-endpoint"));
	size_t text = rp_pb_write_begin(w, 2);

	rp_pb_write_bytes(w, 3, rp_bytes_str(pick));
	rp_pb_write_end(w, text);
	rp_pb_write_end(w, field);
	rp_pb_write_end(w, fields);
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, entry);
	rp_pb_write_end(w, metadata);
}

static void reply_to_request_headers(struct call *call)
{
	uint8_t storage[512];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	const char *pick = "10.0.0.1:8000";
	size_t headers = rp_pb_write_begin(&w, 1);
	size_t common = rp_pb_write_begin(&w, 1);

	if (!has(call, RP_BENCH_FAULT_NO_HEADER)) {
		size_t mutation = rp_pb_write_begin(&w, 2);
		size_t option = rp_pb_write_begin(&w, 1);
		size_t header = rp_pb_write_begin(&w, 1);

		rp_pb_write_bytes(&w, 1, RP_BYTES_LIT("x-gateway-destination-endpoint"));
		rp_pb_write_bytes(&w, 3, rp_bytes_str(pick));
		rp_pb_write_end(&w, header);
		rp_pb_write_end(&w, option);
		rp_pb_write_end(&w, mutation);
	}
	rp_pb_write_uint(&w, 5, 1); /* clear_route_cache */
	rp_pb_write_end(&w, common);
	rp_pb_write_end(&w, headers);
	if (!has(call, RP_BENCH_FAULT_NO_METADATA))
		write_metadata(&w,
			       has(call, RP_BENCH_FAULT_OTHER_NAMESPACE) ? "envoy.bl" : "envoy.lb",
			       has(call, RP_BENCH_FAULT_TWO_PICKS) ? "10.0.0.2:8000" : pick);
	if (has(call, RP_BENCH_FAULT_GARBAGE))
		rp_write_u8(&w, 0x0f); /* wire type 7 */
	reply(call, &w);
}

static void reply_body(struct call *call, uint32_t number, struct rp_bytes body, bool is_end)
{
	static uint8_t storage[BUFFER_BYTES + 64];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t outer = rp_pb_write_begin(&w, number);
	size_t common = rp_pb_write_begin(&w, 1);
	size_t mutation = rp_pb_write_begin(&w, 3);

	if (has(call, RP_BENCH_FAULT_WRONG_MUTATION)) {
		rp_pb_write_bytes(&w, 1, body);
	} else {
		size_t streamed = rp_pb_write_begin(&w, 3);

		rp_pb_write_bytes(&w, 1, body);
		if (is_end)
			rp_pb_write_uint(&w, 2, 1);
		rp_pb_write_end(&w, streamed);
	}
	rp_pb_write_end(&w, mutation);
	rp_pb_write_end(&w, common);
	rp_pb_write_end(&w, outer);
	reply(call, &w);
}

static void reply_to_response_headers(struct call *call)
{
	uint8_t storage[16];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	rp_pb_write_end(&w, rp_pb_write_begin(&w, 2));
	reply(call, &w);
}

static void reply_immediate(struct call *call)
{
	uint8_t storage[32];
	struct rp_writer w = rp_writer(storage, sizeof(storage));
	size_t immediate = rp_pb_write_begin(&w, 7);
	size_t status = rp_pb_write_begin(&w, 1);

	rp_pb_write_uint(&w, 1, 503);
	rp_pb_write_end(&w, status);
	rp_pb_write_end(&w, immediate);
	reply(call, &w);
}

/* ---- what one call does ---- */

static void end_call(struct call *call, int status)
{
	call->status = status;
	nghttp2_session_resume_data(call->peer->h2, call->id);
}

static void echo_request(struct call *call)
{
	struct rp_bytes body = rp_bytes(call->body.data, call->body.len);

	if (has(call, RP_BENCH_FAULT_REQUEST_BYTE))
		call->body.data[body.len / 2] ^= 1;
	if (has(call, RP_BENCH_FAULT_REQUEST_SHORT))
		body.len--;
	if (has(call, RP_BENCH_FAULT_ORDER))
		reply_body(call, 3, rp_bytes_slice(body, 0, 1), false);
	reply_to_request_headers(call);
	while (body.len > 0) {
		struct rp_bytes piece = rp_bytes_slice(body, 0, PIECE_BYTES);
		bool is_last = piece.len == body.len;

		body = rp_bytes_slice(body, piece.len, SIZE_MAX);
		if (is_last && has(call, RP_BENCH_FAULT_REQUEST_LONG)) {
			reply_body(call, 3, piece, false);
			piece = RP_BYTES_LIT(" ");
		}
		reply_body(call, 3, piece,
			   (is_last && !has(call, RP_BENCH_FAULT_END_MISSING)) ||
				   has(call, RP_BENCH_FAULT_END_EARLY));
	}
	if (has(call, RP_BENCH_FAULT_END_TWICE))
		reply_body(call, 3, (struct rp_bytes){0}, true);
	if (has(call, RP_BENCH_FAULT_ENDED))
		end_call(call, 0);
}

static void answer_request(struct call *call)
{
	if (has(call, RP_BENCH_FAULT_IMMEDIATE)) {
		reply_immediate(call);
		end_call(call, 0);
	} else if (has(call, RP_BENCH_FAULT_STATUS)) {
		end_call(call, 13);
	} else if (has(call, RP_BENCH_FAULT_RESET)) {
		nghttp2_submit_rst_stream(call->peer->h2, NGHTTP2_FLAG_NONE, call->id,
					  NGHTTP2_INTERNAL_ERROR);
	} else if (has(call, RP_BENCH_FAULT_CLOSED)) {
		call->peer->is_closed = true;
	} else if (!has(call, RP_BENCH_FAULT_SILENT)) {
		echo_request(call);
	}
}

static void echo_chunk(struct call *call, struct rp_bytes body, bool is_end)
{
	uint32_t i = call->chunks++;

	if (has(call, RP_BENCH_FAULT_CHUNK_SWALLOWED) && i == 1)
		return;
	if (has(call, RP_BENCH_FAULT_CHUNKS_SWAPPED) && i == 1) {
		heap_add(&call->held, body);
		return;
	}
	struct heap flipped = {0};

	if (has(call, RP_BENCH_FAULT_RESPONSE_BYTE)) {
		heap_add(&flipped, body);
		flipped.data[0] ^= 1;
		body = rp_bytes(flipped.data, flipped.len);
	}
	if (has(call, RP_BENCH_FAULT_RESPONSE_END_MISSING))
		is_end = false;
	if (has(call, RP_BENCH_FAULT_RESPONSE_END_EARLY))
		is_end = true;
	reply_body(call, 4, body, is_end);
	if (has(call, RP_BENCH_FAULT_CHUNK_AGAIN))
		reply_body(call, 4, body, is_end);
	if (call->held.len > 0)
		reply_body(call, 4, rp_bytes(call->held.data, call->held.len), false);
	free(flipped.data);
}

static void on_body(struct call *call, uint32_t number, struct rp_bytes message)
{
	struct rp_reader r = rp_reader(message);
	struct rp_bytes body = {0};
	struct rp_pb_field field;
	bool is_end = false;

	while (rp_pb_next(&r, &field)) {
		if (field.number == 1)
			body = field.bytes;
		else if (field.number == 2)
			is_end = field.value != 0;
	}
	if (number == 5) {
		echo_chunk(call, body, is_end);
		return;
	}
	heap_add(&call->body, body);
	if (is_end)
		answer_request(call);
}

static void on_message(struct call *call, struct rp_bytes message)
{
	struct rp_reader r = rp_reader(message);
	struct rp_pb_field field;

	while (rp_pb_next(&r, &field)) {
		if (field.number == 3)
			reply_to_response_headers(call);
		else if (field.number == 4 || field.number == 5)
			on_body(call, field.number, field.bytes);
	}
}

static void read_messages(struct call *call)
{
	size_t at = 0;

	while (call->in.len - at >= GRPC_PREFIX_BYTES) {
		struct rp_reader r = rp_reader(rp_bytes(call->in.data + at + 1, 4));
		size_t n = rp_read_be32(&r);

		if (call->in.len - at - GRPC_PREFIX_BYTES < n)
			break;
		on_message(call, rp_bytes(call->in.data + at + GRPC_PREFIX_BYTES, n));
		at += GRPC_PREFIX_BYTES + n;
	}
	heap_drop(&call->in, at);
}

/* ---- HTTP/2 ---- */

#define FIELD(name, value)                                                                         \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			sizeof(value) - 1, NGHTTP2_NV_FLAG_NONE                                    \
	}

static ssize_t read_output(nghttp2_session *h2, int32_t id, uint8_t *out, size_t bytes,
			   uint32_t *flags, nghttp2_data_source *source, void *user)
{
	static const nghttp2_nv right = FIELD("grpc-status", "0");
	static const nghttp2_nv internal = FIELD("grpc-status", "13");
	struct call *call = source->ptr;
	size_t n = rp_min_size(bytes, call->out.len - call->out_at);

	(void)user;
	if (n > 0)
		memcpy(out, call->out.data + call->out_at, n);
	call->out_at += n;
	if (call->out_at == call->out.len) {
		if (call->status == -1)
			return n > 0 ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (call->status >= 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(h2, id, call->status == 0 ? &right : &internal, 1);
		}
	}
	return (ssize_t)n;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	static const nghttp2_nv fields[] = {FIELD(":status", "200"),
					    FIELD("content-type", "application/grpc")};
	struct peer *peer = user;
	struct call *call = calloc(1, sizeof(*call));
	nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_output};

	RP_ASSERT(call != NULL);
	call->peer = peer;
	call->id = frame->hd.stream_id;
	call->status = -1;
	call->next = peer->calls;
	peer->calls = call;
	nghttp2_session_set_stream_user_data(h2, call->id, call);
	/* Streams above 1 are dropped without a word (RFC 9113, 6.8). */
	if (has(call, RP_BENCH_FAULT_GOES_AWAY) && call->id == 1)
		nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE, 1, NGHTTP2_NO_ERROR, NULL, 0);
	return nghttp2_submit_response(h2, call->id, fields, RP_ARRAY_LEN(fields), &provider);
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *user)
{
	struct call *call = nghttp2_session_get_stream_user_data(h2, id);

	(void)flags;
	(void)user;
	if (call != NULL) {
		heap_add(&call->in, rp_bytes(data, len));
		read_messages(call);
	}
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

	(void)user;
	if (call != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		end_call(call, has(call, RP_BENCH_FAULT_NO_STATUS) ? -2 : 0);
	return 0;
}

static void call_free(struct call *call)
{
	free(call->in.data);
	free(call->body.data);
	free(call->held.data);
	free(call->out.data);
	free(call);
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct peer *peer = user;
	struct call *call = nghttp2_session_get_stream_user_data(h2, id);
	struct call **at = &peer->calls;

	(void)error;
	if (call == NULL)
		return 0;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call_free(call);
	return 0;
}

/* ---- the thread ---- */

static void peer_close(struct peer *peer)
{
	nghttp2_session_del(peer->h2);
	while (peer->calls != NULL) {
		struct call *call = peer->calls;

		peer->calls = call->next;
		call_free(call);
	}
	close(peer->fd);
	*peer = (struct peer){.fd = -1};
}

static bool send_all(int fd, struct rp_bytes bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		bytes = rp_bytes_slice(bytes, (size_t)n, SIZE_MAX);
	}
	return true;
}

static bool peer_turn(struct peer *peer)
{
	uint8_t in[4 << 10];
	ssize_t n = recv(peer->fd, in, sizeof(in), 0);

	if (n <= 0 || nghttp2_session_mem_recv(peer->h2, in, (size_t)n) != n)
		return false;
	for (;;) {
		const uint8_t *out;

		n = nghttp2_session_mem_send(peer->h2, &out);
		if (n <= 0)
			return n == 0 && !peer->is_closed;
		if (!send_all(peer->fd, rp_bytes(out, (size_t)n)))
			return false;
	}
}

static void peer_accept(struct rp_bench_broken *broken)
{
	int fd = accept4(broken->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct peer *peer = NULL;

	for (uint32_t i = 0; i < PEERS_MAX && peer == NULL; i++) {
		if (broken->peers[i].fd < 0)
			peer = &broken->peers[i];
	}
	if (fd < 0 || peer == NULL) {
		close(fd);
		return;
	}
	*peer = (struct peer){.broken = broken, .fd = fd};
	RP_ASSERT(nghttp2_session_server_new(&peer->h2, broken->callbacks, peer) == 0);
	nghttp2_submit_settings(peer->h2, NGHTTP2_FLAG_NONE, NULL, 0);
}

static void *serve(void *argument)
{
	struct rp_bench_broken *broken = argument;

	for (;;) {
		struct pollfd fds[PEERS_MAX + 2];

		for (uint32_t i = 0; i < PEERS_MAX; i++)
			fds[i] = (struct pollfd){.fd = broken->peers[i].fd, .events = POLLIN};
		fds[PEERS_MAX] = (struct pollfd){.fd = broken->listen_fd, .events = POLLIN};
		fds[PEERS_MAX + 1] = (struct pollfd){.fd = broken->stop_fd, .events = POLLIN};
		if (poll(fds, RP_ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[PEERS_MAX + 1].revents != 0)
			return NULL;
		for (uint32_t i = 0; i < PEERS_MAX; i++) {
			if (fds[i].revents != 0 && !peer_turn(&broken->peers[i]))
				peer_close(&broken->peers[i]);
		}
		if (fds[PEERS_MAX].revents != 0)
			peer_accept(broken);
	}
}

static int listen_on_loopback(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, bytes) != 0 || listen(fd, PEERS_MAX) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &bytes) != 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

int rp_bench_broken_start(enum rp_bench_fault fault, struct rp_bench_broken **ret,
			  uint16_t *ret_port)
{
	struct rp_bench_broken *broken = calloc(1, sizeof(*broken));

	RP_ASSERT(broken != NULL);
	broken->fault = fault;
	broken->listen_fd = listen_on_loopback(ret_port);
	if (broken->listen_fd < 0) {
		int err = broken->listen_fd;

		free(broken);
		return err;
	}
	broken->stop_fd = eventfd(0, EFD_CLOEXEC);
	for (uint32_t i = 0; i < PEERS_MAX; i++)
		broken->peers[i].fd = -1;
	RP_ASSERT(broken->stop_fd >= 0 && nghttp2_session_callbacks_new(&broken->callbacks) == 0);
	nghttp2_session_callbacks_set_on_begin_headers_callback(broken->callbacks,
								on_begin_headers);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(broken->callbacks, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(broken->callbacks, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(broken->callbacks, on_close);
	RP_ASSERT(pthread_create(&broken->thread, NULL, serve, broken) == 0);
	*ret = broken;
	return RP_OK;
}

void rp_bench_broken_stop(struct rp_bench_broken *broken)
{
	RP_ASSERT(eventfd_write(broken->stop_fd, 1) == 0);
	pthread_join(broken->thread, NULL);
	for (uint32_t i = 0; i < PEERS_MAX; i++) {
		if (broken->peers[i].fd >= 0)
			peer_close(&broken->peers[i]);
	}
	nghttp2_session_callbacks_del(broken->callbacks);
	close(broken->listen_fd);
	close(broken->stop_fd);
	free(broken);
}
