/* SPDX-License-Identifier: Apache-2.0
 *
 * Our sessions against nghttp2's client, in one process, through byte queues cut at any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

#include "dataplane/h2_session.h"
#include "shm/clock.h"

enum { QUEUE_BYTES = 8 << 20, STREAMS_MAX = 64 };

/* ---- server side: an owner that echoes ---- */

struct owner {
	struct rp_h2_stream *stream;
	struct rp_body held;
	bool has_ended;
};

static struct rp_arena_pool arenas;
static struct rp_body_pool bodies;
static struct rp_h2_env env;
static int requests, data_calls, ends, flushes, drains, closes, wakes;
static uint32_t last_close_error;
static char last_path[256];
static bool finishes_at_once; /* trailers only */
static bool echoes = true;
static int reject_status;

static void on_request(struct rp_h2_stream *stream, const struct rp_h2_request *request)
{
	struct owner *owner = calloc(1, sizeof(*owner));

	requests++;
	owner->stream = stream;
	stream->owner = owner;
	(void)rp_bytes_to_str(request->path, last_path, sizeof(last_path));
	if (request->content_type.len > 0)
		assert_true(rp_bytes_equal_str(request->content_type, "application/grpc"));
	if (reject_status != 0)
		rp_h2_stream_reject(stream, reject_status);
	else if (finishes_at_once)
		rp_h2_stream_finish(stream, 12, "no such 100% m\xc3\xa9thod");
}

static void on_data(struct rp_h2_stream *stream, struct rp_bytes data)
{
	struct owner *owner = stream->owner;

	data_calls++;
	if (echoes)
		assert_int_equal(rp_body_append(&owner->held, &bodies, data), RP_OK);
}

static void on_end(struct rp_h2_stream *stream)
{
	struct owner *owner = stream->owner;

	ends++;
	owner->has_ended = true;
}

static void on_flush(struct rp_h2_stream *stream)
{
	struct owner *owner = stream->owner;

	flushes++;
	if (stream->is_finished)
		return;
	if (owner->held.bytes > 0) {
		assert_int_equal(rp_h2_stream_send(stream, RP_BYTES_LIT("<")), RP_OK);
		assert_int_equal(rp_h2_stream_send_body(stream, &owner->held, owner->held.bytes),
				 RP_OK);
		assert_int_equal(rp_h2_stream_send(stream, RP_BYTES_LIT(">")), RP_OK);
	}
	if (owner->has_ended && echoes)
		rp_h2_stream_finish(stream, 0, NULL);
}

static void on_drained(struct rp_h2_stream *stream)
{
	(void)stream;
	drains++;
}

static void on_close(struct rp_h2_stream *stream, uint32_t error)
{
	struct owner *owner = stream->owner;

	closes++;
	last_close_error = error;
	rp_body_free(&owner->held, &bodies);
	free(owner);
}

static const struct rp_h2_stream_ops stream_ops = {on_request, on_data,	   on_end,
						   on_flush,   on_drained, on_close};

/* ---- client side ---- */

struct reply {
	char status[8];
	char grpc_status[8];
	char grpc_message[512];
	uint8_t *body;
	size_t body_bytes;
	int data_frames;
	int empty_data_frames;
	bool has_trailers;
	bool is_closed;
	uint32_t error;
	/* request */
	size_t send_left;
	size_t sent;
};

struct client {
	nghttp2_session *h2;
	struct reply reply[STREAMS_MAX];
	uint32_t window_updates;
	int goaways;
	int32_t goaway_last_id[4];
	char goaway_text[64];
	uint32_t goaway_error;
	bool holds_end; /* DATA without END_STREAM */
};

static uint8_t to_server[QUEUE_BYTES];
static size_t to_server_bytes;
static uint8_t to_client[QUEUE_BYTES];
static size_t to_client_bytes;
static size_t pull_max = SIZE_MAX;

static struct reply *reply_of(struct client *c, int32_t id)
{
	assert_true(id > 0 && (size_t)id / 2 < STREAMS_MAX);
	return &c->reply[id / 2];
}

static ssize_t client_send(nghttp2_session *h2, const uint8_t *data, size_t n, int flags,
			   void *user)
{
	(void)h2;
	(void)flags;
	(void)user;
	assert_true(n <= QUEUE_BYTES - to_server_bytes);
	memcpy(to_server + to_server_bytes, data, n);
	to_server_bytes += n;
	return (ssize_t)n;
}

static int client_on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
			    size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
			    void *user)
{
	struct reply *r = reply_of(user, frame->hd.stream_id);
	struct rp_bytes key = rp_bytes(name, name_len);

	(void)h2;
	(void)flags;
	if (rp_bytes_equal_str(key, ":status"))
		(void)rp_bytes_to_str(rp_bytes(value, value_len), r->status, sizeof(r->status));
	if (rp_bytes_equal_str(key, "grpc-status"))
		(void)rp_bytes_to_str(rp_bytes(value, value_len), r->grpc_status,
				      sizeof(r->grpc_status));
	if (rp_bytes_equal_str(key, "grpc-message"))
		(void)rp_bytes_to_str(rp_bytes(value, value_len), r->grpc_message,
				      sizeof(r->grpc_message));
	return 0;
}

static int client_on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct client *c = user;

	(void)h2;
	if (frame->hd.type == NGHTTP2_WINDOW_UPDATE)
		c->window_updates++;
	if (frame->hd.type == NGHTTP2_GOAWAY) {
		c->goaway_last_id[c->goaways++ & 3] = frame->goaway.last_stream_id;
		c->goaway_error = frame->goaway.error_code;
		(void)rp_bytes_to_str(
			rp_bytes(frame->goaway.opaque_data, frame->goaway.opaque_data_len),
			c->goaway_text, sizeof(c->goaway_text));
	}
	if (frame->hd.type == NGHTTP2_DATA) {
		reply_of(c, frame->hd.stream_id)->data_frames++;
		if (frame->hd.length == 0)
			reply_of(c, frame->hd.stream_id)->empty_data_frames++;
	}
	if (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
		reply_of(c, frame->hd.stream_id)->has_trailers = true;
	return 0;
}

static int client_on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data,
			  size_t n, void *user)
{
	struct reply *r = reply_of(user, id);

	(void)h2;
	(void)flags;
	if (r->body != NULL)
		memcpy(r->body + r->body_bytes, data, n);
	r->body_bytes += n;
	return 0;
}

static int client_on_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user)
{
	struct reply *r = reply_of(user, id);

	(void)h2;
	r->is_closed = true;
	r->error = error;
	return 0;
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)((at * 2654435761u) >> 11);
}

static ssize_t client_read(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t n, uint32_t *flags,
			   nghttp2_data_source *source, void *user)
{
	struct client *c = user;
	struct reply *r = reply_of(c, id);

	(void)h2;
	(void)source;
	n = rp_min_size(n, r->send_left);
	if (n == 0 && c->holds_end)
		return NGHTTP2_ERR_DEFERRED;
	for (size_t i = 0; i < n; i++)
		buf[i] = pattern(r->sent + i);
	r->sent += n;
	r->send_left -= n;
	if (r->send_left == 0 && !c->holds_end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void client_init(struct client *c, uint32_t stream_window)
{
	nghttp2_session_callbacks *callbacks = NULL;
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, stream_window}};

	memset(c, 0, sizeof(*c));
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_send_callback(callbacks, client_send);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, client_on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, client_on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_on_close);
	assert_int_equal(nghttp2_session_client_new(&c->h2, callbacks, c), 0);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_submit_settings(c->h2, 0, settings, 1);
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), 0};
}

static int32_t client_request(struct client *c, const char *path, size_t body_bytes, bool has_body)
{
	const nghttp2_nv headers[] = {nv(":method", "POST"), nv(":scheme", "http"),
				      nv(":authority", "x"), nv(":path", path),
				      nv("content-type", "application/grpc")};
	const nghttp2_data_provider provider = {.read_callback = client_read};
	int32_t id =
		nghttp2_submit_request(c->h2, NULL, headers, 5, has_body ? &provider : NULL, NULL);

	assert_true(id > 0);
	reply_of(c, id)->send_left = body_bytes;
	return id;
}

/* ---- the wire between them ---- */

static bool take(void *user, struct rp_bytes piece, bool is_lasting)
{
	size_t *pulled = user;

	(void)is_lasting;
	assert_true(piece.len > 0);
	assert_true(piece.len <= QUEUE_BYTES - to_client_bytes);
	memcpy(to_client + to_client_bytes, piece.ptr, piece.len);
	to_client_bytes += piece.len;
	*pulled += piece.len;
	return *pulled < pull_max;
}

/* One exchange of all queued bytes, in pieces of cut bytes. @return whether anything moved */
static bool exchange(struct rp_h2_session *session, struct client *c, size_t cut)
{
	bool has_moved = false;
	size_t pulled = 0;

	assert_int_equal(nghttp2_session_send(c->h2), 0);
	for (size_t at = 0; at < to_server_bytes; at += cut) {
		has_moved = true;
		assert_int_equal(rp_h2_session_feed(
					 session, rp_bytes(to_server + at,
							   rp_min_size(cut, to_server_bytes - at))),
				 RP_OK);
	}
	to_server_bytes = 0;
	rp_h2_session_flush(session);
	assert_int_equal(rp_h2_session_pull(session, take, &pulled), RP_OK);
	assert_true(pull_max == SIZE_MAX || pulled <= pull_max + RP_H2_PULL_SLACK_BYTES);
	for (size_t at = 0; at < to_client_bytes; at += cut) {
		size_t n = rp_min_size(cut, to_client_bytes - at);

		has_moved = true;
		assert_int_equal(nghttp2_session_mem_recv(c->h2, to_client + at, n), n);
	}
	to_client_bytes = 0;
	return has_moved;
}

static void settle(struct rp_h2_session *session, struct client *c, size_t cut)
{
	for (int i = 0; i < 10000 && exchange(session, c, cut); i++) {
	}
}

static void on_wake(void *user)
{
	(void)user;
	wakes++;
}

static int setup(void **state)
{
	struct rp_h2_session *session = NULL;

	requests = data_calls = ends = flushes = drains = closes = wakes = 0;
	last_close_error = 0;
	finishes_at_once = false;
	echoes = true;
	reject_status = 0;
	pull_max = SIZE_MAX;
	to_server_bytes = to_client_bytes = 0;
	rp_arena_pool_init(&arenas);
	rp_body_pool_init(&bodies, 64 << 20);
	env = (struct rp_h2_env){.arenas = &arenas,
				 .bodies = &bodies,
				 .stream_ops = &stream_ops,
				 .worker = &env,
				 .streams_max = 1000};
	if (rp_h2_session_new(&env, false, &session) != RP_OK)
		return -1;
	rp_h2_session_set_wake(session, on_wake, NULL);
	*state = session;
	return 0;
}

static int teardown(void **state)
{
	rp_h2_session_free(*state);
	assert_int_equal(closes, requests);
	assert_int_equal(env.streams_open, 0);
	rp_h2_env_fini(&env);
	rp_arena_pool_fini(&arenas);
	rp_body_pool_fini(&bodies);
	return 0;
}

/* ---- tests ---- */

static void check_echo(const struct reply *r, size_t n)
{
	assert_string_equal(r->status, "200");
	assert_string_equal(r->grpc_status, "0");
	assert_true(r->has_trailers);
	assert_true(r->is_closed);
	assert_int_equal(r->error, 0);
	assert_int_equal(r->empty_data_frames, 0);
	assert_true(r->body_bytes >= n + (n > 0 ? 2 : 0));
}

static void a_call_is_echoed_whatever_the_cut(void **state)
{
	static const size_t cuts[] = {1, 2, 3, 7, 9, 10, 100, 16384, SIZE_MAX / 2};
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 1 << 20);
	for (size_t i = 0; i < RP_ARRAY_LEN(cuts); i++) {
		int32_t id = client_request(&c, "/a.B/C", 3000, true);

		settle(session, &c, cuts[i]);
		check_echo(reply_of(&c, id), 3000);
		assert_int_equal(closes, i + 1);
		assert_int_equal(last_close_error, 0);
	}
	assert_string_equal(last_path, "/a.B/C");
	assert_true(rp_h2_session_is_established(session));
	assert_int_equal(rp_h2_session_out_bytes(session), 0);
	assert_int_equal(bodies.bytes_used, 0);
	assert_ptr_equal(rp_h2_session_worker(session), &env);
	nghttp2_session_del(c.h2);
}

static void a_large_body_passes_small_windows_and_small_pulls(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;
	const size_t n = 3000000;
	uint8_t *body = malloc(n * 2);

	pull_max = 20000;
	client_init(&c, 65535);
	int32_t id = client_request(&c, "/a.B/C", n, true);
	struct reply *r = reply_of(&c, id);

	r->body = body;
	settle(session, &c, 5000);
	check_echo(r, n);
	/* Window updates come by the half window, not by the chunk. */
	assert_true(c.window_updates < 30);
	size_t at = 0;

	for (size_t i = 0; i < r->body_bytes; i++) {
		if (body[i] == pattern(at))
			at++;
		else
			assert_true(body[i] == '<' || body[i] == '>');
	}
	assert_true(at >= n - 64);
	assert_int_equal(bodies.bytes_used, 0);
	free(body);
	nghttp2_session_del(c.h2);
}

static void windows_are_given_back_while_a_body_is_held(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 65535);
	c.holds_end = true;
	echoes = false;
	int32_t first = client_request(&c, "/a.B/C", 24 << 20, true);

	settle(session, &c, SIZE_MAX / 2);
	assert_int_equal(reply_of(&c, first)->send_left, 0);
	nghttp2_session_del(c.h2);
}

static void a_stream_that_takes_no_answers_gets_no_window(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 0); /* our answers cannot leave */
	c.holds_end = true;
	int32_t slow = client_request(&c, "/a.B/C", 8 << 20, true);

	settle(session, &c, SIZE_MAX / 2);
	assert_true(reply_of(&c, slow)->sent <= RP_H2_STREAM_OUT_BYTES + 2 * RP_H2_STREAM_WINDOW);
	assert_true(reply_of(&c, slow)->sent >= RP_H2_STREAM_WINDOW);
	/* The connection's window is not tied to it. */
	c.holds_end = false;
	int32_t other = client_request(&c, "/a.B/C", 1000, true);

	settle(session, &c, SIZE_MAX / 2);
	assert_int_equal(ends, 1);
	assert_int_equal(reply_of(&c, other)->send_left, 0);
	/* Once the answers can leave, it goes on. */
	const nghttp2_settings_entry open = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20};

	nghttp2_submit_settings(c.h2, 0, &open, 1);
	nghttp2_session_resume_data(c.h2, slow);
	settle(session, &c, SIZE_MAX / 2);
	assert_int_equal(reply_of(&c, slow)->send_left, 0);
	check_echo(reply_of(&c, other), 1000);
	nghttp2_session_del(c.h2);
}

static void a_refusal_is_trailers_only_with_an_encoded_message(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	finishes_at_once = true;
	client_init(&c, 65535);
	c.holds_end = true;
	int32_t id = client_request(&c, "/a.B/C", 10, true);

	settle(session, &c, 3);
	const struct reply *r = reply_of(&c, id);

	assert_string_equal(r->status, "200");
	assert_string_equal(r->grpc_status, "12");
	assert_string_equal(r->grpc_message, "no such 100%25 m%C3%A9thod");
	assert_true(r->has_trailers);
	assert_int_equal(r->data_frames, 0);
	/* The client had not ended: RST_STREAM(NO_ERROR) freed the stream. */
	assert_true(r->is_closed);
	assert_int_equal(rp_h2_session_stream_count(session), 0);
	nghttp2_session_del(c.h2);
}

static void a_rejection_is_a_bare_http_status(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	reject_status = 415;
	client_init(&c, 65535);
	int32_t id = client_request(&c, "/a.B/C", 0, false);

	settle(session, &c, 100);
	assert_string_equal(reply_of(&c, id)->status, "415");
	assert_string_equal(reply_of(&c, id)->grpc_status, "");
	assert_true(reply_of(&c, id)->is_closed);
	nghttp2_session_del(c.h2);
}

static void finishing_later_needs_no_empty_data_frame(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 65535);
	c.holds_end = true;
	int32_t id = client_request(&c, "/a.B/C", 10, true);

	settle(session, &c, 100);
	assert_int_equal(reply_of(&c, id)->body_bytes, 12);
	assert_int_equal(drains, 1);
	assert_false(reply_of(&c, id)->has_trailers);
	c.holds_end = false;
	nghttp2_session_resume_data(c.h2, id);
	settle(session, &c, 100);
	check_echo(reply_of(&c, id), 10);
	assert_int_equal(reply_of(&c, id)->data_frames, 1);
	nghttp2_session_del(c.h2);
}

/* The last DATA frame is made but does not fit into this pull; the end is told meanwhile. */
static void finishing_behind_a_frame_that_waits_sends_trailers(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 1 << 20);
	c.holds_end = true;
	pull_max = 1;
	int32_t id = client_request(&c, "/a.B/C", 16384 + 98, true);

	while (reply_of(&c, id)->body_bytes < 16384)
		assert_true(exchange(session, &c, SIZE_MAX / 2));
	assert_int_equal(reply_of(&c, id)->body_bytes, 16384);
	c.holds_end = false;
	nghttp2_session_resume_data(c.h2, id);
	settle(session, &c, SIZE_MAX / 2);
	check_echo(reply_of(&c, id), 16384 + 98);
	nghttp2_session_del(c.h2);
}

static void a_small_answer_does_not_wait_for_a_large_one(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 1 << 20);
	settle(session, &c, SIZE_MAX / 2);
	int32_t large = client_request(&c, "/a.B/C", 300000, true);
	int32_t small = client_request(&c, "/a.B/C", 10, true);

	/* One pull: as much as the connection's window of 65,535 bytes lets through. */
	assert_true(exchange(session, &c, SIZE_MAX / 2));
	assert_true(reply_of(&c, large)->body_bytes < 65535);
	assert_int_equal(reply_of(&c, small)->body_bytes, 12);
	settle(session, &c, SIZE_MAX / 2);
	check_echo(reply_of(&c, large), 300000);
	check_echo(reply_of(&c, small), 10);
	nghttp2_session_del(c.h2);
}

static void long_paths_are_cut_and_too_many_headers_refused(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;
	char path[300];
	nghttp2_nv headers[RP_H2_HEADERS_MAX + 8];
	size_t count = 0;

	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	client_init(&c, 65535);
	int32_t id = client_request(&c, path, 0, false);

	settle(session, &c, 1);
	check_echo(reply_of(&c, id), 0);
	assert_int_equal(strlen(last_path), RP_H2_PATH_MAX);

	headers[count++] = nv(":method", "POST");
	headers[count++] = nv(":scheme", "http");
	headers[count++] = nv(":path", "/");
	headers[count++] = nv(":authority", "x");
	while (count < RP_ARRAY_LEN(headers))
		headers[count++] = nv("x-filler", "v");
	id = nghttp2_submit_request(c.h2, NULL, headers, count, NULL, NULL);
	settle(session, &c, 1000);
	assert_int_equal(requests, 1);
	assert_string_equal(reply_of(&c, id)->status, "431");
	assert_true(reply_of(&c, id)->is_closed);
	assert_int_equal(rp_h2_session_stream_count(session), 0);
	nghttp2_session_del(c.h2);
}

static void streams_over_the_workers_limit_are_refused(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	env.streams_max = 2;
	client_init(&c, 65535);
	c.holds_end = true;
	int32_t first = client_request(&c, "/a.B/C", 5, true);
	int32_t second = client_request(&c, "/a.B/C", 5, true);
	int32_t third = client_request(&c, "/a.B/C", 5, true);

	settle(session, &c, 1000);
	assert_int_equal(requests, 2);
	assert_int_equal(rp_h2_session_stream_count(session), 2);
	assert_false(reply_of(&c, first)->is_closed);
	assert_true(reply_of(&c, third)->is_closed);
	assert_int_equal(reply_of(&c, third)->error, NGHTTP2_REFUSED_STREAM);
	nghttp2_submit_rst_stream(c.h2, 0, second, NGHTTP2_CANCEL);
	settle(session, &c, 1000);
	assert_int_equal(closes, 1);
	assert_int_equal(last_close_error, NGHTTP2_CANCEL);
	nghttp2_session_del(c.h2);
}

static void resets_before_any_answer_are_bounded(void **state)
{
	struct rp_h2_session *session = *state;
	static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
	uint32_t id = 1;
	size_t pulled = 0;
	int err = rp_h2_session_feed(session, RP_BYTES_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));

	assert_int_equal(err, RP_OK);
	err = rp_h2_session_feed(session, rp_bytes(settings, sizeof(settings)));
	/* By hand: HEADERS with indexed fields only, then RST_STREAM. */
	for (int i = 0; i < (int)RP_H2_RESETS_BURST_MAX + 100 && err == RP_OK; i++, id += 2) {
		const uint8_t frames[] = {0,
					  0,
					  3,
					  1,
					  4,
					  0,
					  (uint8_t)(id >> 16),
					  (uint8_t)(id >> 8),
					  (uint8_t)id,
					  0x83,
					  0x86,
					  0x84,
					  0,
					  0,
					  4,
					  3,
					  0,
					  0,
					  (uint8_t)(id >> 16),
					  (uint8_t)(id >> 8),
					  (uint8_t)id,
					  0,
					  0,
					  0,
					  8};

		to_client_bytes = 0;
		err = rp_h2_session_feed(session, rp_bytes(frames, sizeof(frames)));
		rp_h2_session_flush(session);
		assert_int_equal(rp_h2_session_pull(session, take, &pulled), RP_OK);
		if (rp_h2_session_is_done(session))
			return; /* GOAWAY went out */
	}
	fail_msg("a flood of resets was endured");
}

/* Answers that nobody takes: each needs a frame, whatever becomes of its stream. */
static void answers_that_are_not_taken_are_bounded(void **state)
{
	struct rp_h2_session *session = *state;
	static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
	size_t pulled = 0;
	int err = rp_h2_session_feed(session, RP_BYTES_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));

	finishes_at_once = true;
	assert_int_equal(err, RP_OK);
	err = rp_h2_session_feed(session, rp_bytes(settings, sizeof(settings)));
	for (uint32_t id = 1; id < 4 * RP_H2_QUEUED_FRAMES_MAX && err == RP_OK; id += 2) {
		const uint8_t bytes[] = {(uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
		uint8_t frames[] = {0,	  0,	6,    1,    5, 0,   0, 0, 0, /* HEADERS */
				    0x83, 0x86, 0x84, 0x01, 1, 'h', 0, 0, 4,
				    3,	  0,	0,    0,    0, 0, /* RST_STREAM */
				    0,	  0,	0,    8};

		memcpy(frames + 6, bytes, sizeof(bytes));
		memcpy(frames + 21, bytes, sizeof(bytes));
		err = rp_h2_session_feed(session, rp_bytes(frames, sizeof(frames)));
		assert_true(rp_h2_session_queued_frames(session) <= RP_H2_QUEUED_FRAMES_MAX + 4);
	}
	assert_int_equal(err, RP_EPROTO);
	to_client_bytes = 0;
	assert_int_equal(rp_h2_session_pull(session, take, &pulled), RP_OK);
	assert_true(rp_h2_session_is_done(session));
}

static void both_goaways_come_in_order_and_streams_run_to_their_end(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 65535);
	c.holds_end = true;
	int32_t first = client_request(&c, "/a.B/C", 10, true);

	settle(session, &c, 100);
	rp_h2_session_shutdown_notice(session);
	assert_true(wakes > 0);
	assert_false(rp_h2_session_is_notice_acked(session));
	size_t pulled = 0;

	assert_int_equal(rp_h2_session_pull(session, take, &pulled), RP_OK);
	/* A stream that the client opens before it reads the GOAWAY is served. */
	c.holds_end = false;
	int32_t second = client_request(&c, "/a.B/C", 10, true);

	settle(session, &c, 100);
	assert_int_equal(c.goaways, 1);
	assert_int_equal(c.goaway_last_id[0], INT32_MAX);
	assert_string_equal(c.goaway_text, "graceful_stop");
	assert_true(rp_h2_session_is_notice_acked(session));
	check_echo(reply_of(&c, second), 10);
	rp_h2_session_shutdown(session);
	settle(session, &c, 100);
	assert_int_equal(c.goaways, 2);
	assert_int_equal(c.goaway_last_id[1], second);
	assert_int_equal(c.goaway_error, 0);
	assert_false(rp_h2_session_is_done(session));
	nghttp2_session_resume_data(c.h2, first);
	settle(session, &c, 100);
	check_echo(reply_of(&c, first), 10);
	assert_true(rp_h2_session_is_done(session));
	nghttp2_session_del(c.h2);
}

static void garbage_is_an_error_and_not_a_crash(void **state)
{
	struct rp_h2_session *session = *state;
	int err = RP_OK;

	err = rp_h2_session_feed(session, RP_BYTES_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(err, RP_EPROTO);
	assert_false(rp_h2_session_is_established(session));
}

static void a_free_with_open_streams_closes_them(void **state)
{
	struct rp_h2_session *session = *state;
	static struct client c;

	client_init(&c, 0);
	c.holds_end = true;
	for (int i = 0; i < 10; i++)
		(void)client_request(&c, "/a.B/C", 40000, true);
	settle(session, &c, 1000);
	assert_int_equal(rp_h2_session_stream_count(session), 10);
	assert_true(rp_h2_session_out_bytes(session) >= 400000);
	nghttp2_session_del(c.h2);
	/* teardown() frees and checks. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_call_is_echoed_whatever_the_cut),
		TEST(a_large_body_passes_small_windows_and_small_pulls),
		TEST(windows_are_given_back_while_a_body_is_held),
		TEST(a_stream_that_takes_no_answers_gets_no_window),
		TEST(a_refusal_is_trailers_only_with_an_encoded_message),
		TEST(a_rejection_is_a_bare_http_status),
		TEST(finishing_later_needs_no_empty_data_frame),
		TEST(finishing_behind_a_frame_that_waits_sends_trailers),
		TEST(a_small_answer_does_not_wait_for_a_large_one),
		TEST(answers_that_are_not_taken_are_bounded),
		TEST(long_paths_are_cut_and_too_many_headers_refused),
		TEST(streams_over_the_workers_limit_are_refused),
		TEST(resets_before_any_answer_are_bounded),
		TEST(both_goaways_come_in_order_and_streams_run_to_their_end),
		TEST(garbage_is_an_error_and_not_a_crash),
		TEST(a_free_with_open_streams_closes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
