/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/kube/client.h"
#include "shm/clock.h"
#include "shm/log.h"
#include "tests/support/api_server.h"

enum { WAIT_S = 20, SEEN_BYTES = 65536 };

/* A call and what it got. */
struct seen {
	struct rp_kube_call call;
	char data[SEEN_BYTES];
	size_t data_bytes;
	int pieces;
	int done;
	struct rp_kube_outcome outcome;
	char text[1024];
	size_t error_bytes;
	int data_err;	      /* what on_data returns */
	bool cancels_in_data; /* itself */
	struct seen *cancels; /* in either callback */
	struct seen *starts;  /* in either callback */
};

static struct tls_pair authority, other_authority, server_pair;
static struct api_server server;
static struct rp_events *loop;
static struct rp_kube_client *client;
static struct seen seen[3];
static char directory[64], token_path[96], ca_path[96];
static char head[API_HEAD_BYTES], body[API_HEAD_BYTES];

static void begin(struct seen *s, const char *method, const char *path, const char *text);

static void meddle(struct seen *s)
{
	if (s->cancels != NULL)
		rp_kube_call_cancel(&s->cancels->call);
	if (s->starts != NULL) {
		struct seen *other = s->starts;

		s->starts = NULL;
		begin(other, "GET", "/started", "");
	}
}

static int on_data(struct rp_kube_call *call, struct rp_bytes piece)
{
	struct seen *s = call->user;
	size_t n = rp_min_size(piece.len, sizeof(s->data) - 1 - s->data_bytes);

	assert_int_equal(s->done, 0);
	memcpy(s->data + s->data_bytes, piece.ptr, n);
	s->data_bytes += n;
	s->pieces++;
	if (s->cancels_in_data)
		rp_kube_call_cancel(call);
	meddle(s);
	return s->data_err;
}

static void on_done(struct rp_kube_call *call, const struct rp_kube_outcome *outcome)
{
	struct seen *s = call->user;

	assert_null(call->transfer);
	assert_non_null(outcome->text);
	s->done++;
	s->outcome = *outcome;
	s->error_bytes = outcome->error_body.len;
	snprintf(s->text, sizeof(s->text), "%s", outcome->text);
	meddle(s);
}

static const struct rp_kube_call_ops ops = {.on_data = on_data, .on_done = on_done};

static void begin_within(struct seen *s, const char *method, const char *path, const char *text,
			 int64_t timeout_ns)
{
	struct rp_kube_request request = {.method = method,
					  .path = path,
					  .body = rp_bytes_str(text),
					  .timeout_ns = timeout_ns};

	s->call.ops = &ops;
	s->call.user = s;
	assert_int_equal(rp_kube_call_start(client, &s->call, &request), RP_OK);
	assert_int_equal(s->done, 0);
}

static void begin(struct seen *s, const char *method, const char *path, const char *text)
{
	begin_within(s, method, path, text, WAIT_S * RP_NS_PER_S);
}

static void turn_for(int64_t ns)
{
	int64_t end_ns = rp_clock_monotonic_ns() + ns;

	while (rp_clock_monotonic_ns() < end_ns)
		assert_int_equal(rp_events_turn(loop, RP_NS_PER_MS), RP_OK);
}

static void wait_done(struct seen *s)
{
	int64_t end_ns = rp_clock_monotonic_ns() + WAIT_S * RP_NS_PER_S;

	while (s->done == 0) {
		assert_true(rp_clock_monotonic_ns() < end_ns);
		assert_int_equal(rp_events_turn(loop, 10 * RP_NS_PER_MS), RP_OK);
	}
}

static void forget(struct seen *s)
{
	rp_kube_call_cancel(&s->call);
	memset(s, 0, sizeof(*s));
}

static void get(const char *path)
{
	forget(&seen[0]);
	begin(&seen[0], "GET", path, "");
	wait_done(&seen[0]);
}

static void write_file(const char *path, const char *text)
{
	char temporary[128];
	FILE *file;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static struct rp_kube_access access_to(const char *scheme)
{
	struct rp_kube_access access = {.token = {.is_word = true}};
	char url[128];

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u", scheme, server.port);
	assert_int_equal(rp_kube_access_set_server(&access, url), RP_OK);
	assert_int_equal(rp_kube_text_open(&access.token, token_path, NULL), RP_OK);
	return access;
}

static void make_client(struct rp_kube_access access)
{
	assert_int_equal(rp_kube_client_new(loop, &access, &client), RP_OK);
	assert_null(access.token.text);
}

static void start_plain(api_script *script)
{
	api_server_start(&server, NULL, NULL, script);
	make_client(access_to("http"));
}

static void start_tls(api_script *script)
{
	struct rp_kube_access access;

	api_server_start(&server, &server_pair, NULL, script);
	access = access_to("https");
	assert_int_equal(rp_kube_text_open(&access.ca, ca_path, NULL), RP_OK);
	make_client(access);
}

static int set_up(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	client = NULL;
	write_file(token_path, "first\n");
	write_file(ca_path, authority.cert);
	assert_int_equal(rp_events_new(&loop), RP_OK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_kube_client_free(client);
	api_server_stop(&server);
	rp_events_free(loop);
	return 0;
}

static int set_up_all(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	rp_log_init(RP_LOG_ERROR, NULL);
	unsetenv("HTTPS_PROXY");
	unsetenv("https_proxy");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	snprintf(directory, sizeof(directory), "%s", "/tmp/kube_client_XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(token_path, sizeof(token_path), "%s/token", directory);
	snprintf(ca_path, sizeof(ca_path), "%s/ca.crt", directory);
	tls_make_authority("one", &authority);
	tls_make_authority("two", &other_authority);
	tls_make_cert(&authority, "server", "IP:127.0.0.1,DNS:api.example", &server_pair);
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	unlink(token_path);
	unlink(ca_path);
	rmdir(directory);
	return 0;
}

/* ---- answers ---- */

static bool say_hello(struct api_conn *conn)
{
	api_answer(conn, 200, "Content-Type: application/json\r\n", "{\"kind\":\"PodList\"}");
	return true;
}

static void whole_answer_comes_with_its_status(void **state)
{
	(void)state;
	start_tls(say_hello);
	get("/api/v1/pods?labelSelector=a%3Db");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 200);
	assert_string_equal(seen[0].data, "{\"kind\":\"PodList\"}");
	api_server_last(&server, head, NULL);
	assert_ptr_equal(strstr(head, "GET /api/v1/pods?labelSelector=a%3Db HTTP/1.1\r\n"), head);
	assert_non_null(strstr(head, "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(head, "\r\nUser-Agent: ringpick/"));
	assert_non_null(strstr(head, "\r\nAuthorization: Bearer first\r\n"));
	assert_null(strstr(head, "Expect"));
	assert_null(strstr(head, "Content-Type"));
}

static void body_goes_out_with_its_method(void **state)
{
	static const char *const methods[] = {"POST", "PUT"};
	char *large = malloc(8001);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 8000);
	large[8000] = '\0';
	start_tls(say_hello);
	for (size_t i = 0; i < RP_ARRAY_LEN(methods); i++) {
		forget(&seen[0]);
		begin(&seen[0], methods[i], "/reviews", large);
		wait_done(&seen[0]);
		assert_int_equal(seen[0].outcome.status, 200);
		api_server_last(&server, head, body);
		assert_ptr_equal(strstr(head, methods[i]), head);
		assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
		assert_null(strstr(head, "Expect"));
		assert_string_equal(body, large);
	}
	free(large);
}

static void connection_is_used_again(void **state)
{
	(void)state;
	start_tls(say_hello);
	for (int i = 0; i < 5; i++)
		get("/");
	assert_int_equal(api_server_conns(&server), 1);
	assert_int_equal(api_server_requests(&server), 5);
}

static bool stream_slowly(struct api_conn *conn)
{
	api_send(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		api_send(conn, "3\r\nab\n\r\n");
		usleep(30000);
	}
	api_send(conn, "0\r\n\r\n");
	return true;
}

static void stream_comes_piece_by_piece(void **state)
{
	(void)state;
	start_tls(stream_slowly);
	get("/watch");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_string_equal(seen[0].data, "ab\nab\nab\nab\nab\n");
	assert_true(seen[0].pieces >= 2);
}

static bool close_unasked(struct api_conn *conn)
{
	api_answer(conn, 200, "", "x");
	return false;
}

static void kept_connection_that_is_gone_is_replaced(void **state)
{
	(void)state;
	start_tls(close_unasked);
	for (int i = 0; i < 4; i++) {
		get("/");
		assert_int_equal(seen[0].outcome.err, RP_OK);
	}
}

/* ---- token ---- */

static bool want_second_token(struct api_conn *conn)
{
	bool is_second = strstr(conn->head, "Bearer second\r\n") != NULL;

	if (!is_second)
		write_file(token_path, "second\n");
	api_answer(conn, is_second ? 200 : 401, "", is_second ? "yes" : "{\"message\":\"no\"}");
	return true;
}

static void replaced_token_is_read_after_401(void **state)
{
	(void)state;
	start_tls(want_second_token);
	begin(&seen[0], "POST", "/", "a body");
	wait_done(&seen[0]);
	assert_int_equal(seen[0].outcome.status, 200);
	assert_string_equal(seen[0].data, "yes");
	assert_int_equal(seen[0].error_bytes, 0);
	assert_int_equal(api_server_requests(&server), 2);
	api_server_last(&server, head, body);
	assert_string_equal(body, "a body");
}

static bool refuse_token(struct api_conn *conn)
{
	api_answer(conn, 401, "", "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}");
	return true;
}

static void token_that_is_revoked_is_tried_twice_only(void **state)
{
	(void)state;
	start_tls(refuse_token);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 401);
	assert_string_equal(seen[0].text, "Unauthorized");
	assert_int_equal(api_server_requests(&server), 2);
	get("/");
	assert_int_equal(api_server_requests(&server), 4);
}

static void token_without_a_file_is_tried_once(void **state)
{
	struct rp_kube_access access;

	(void)state;
	api_server_start(&server, NULL, NULL, refuse_token);
	access = access_to("http");
	free(access.token.path);
	access.token.path = NULL;
	make_client(access);
	get("/");
	assert_int_equal(seen[0].outcome.status, 401);
	assert_int_equal(api_server_requests(&server), 1);
}

static void token_that_is_gone_or_bad_stays_the_old_one(void **state)
{
	static const char *const bad[] = {"", "  \n", "a b", "x\r\nHost: y", "\x01"};

	(void)state;
	start_plain(refuse_token);
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		write_file(token_path, bad[i]);
		get("/");
		api_server_last(&server, head, NULL);
		assert_non_null(strstr(head, "\r\nAuthorization: Bearer first\r\n"));
	}
	unlink(token_path);
	get("/");
	api_server_last(&server, head, NULL);
	assert_non_null(strstr(head, "\r\nAuthorization: Bearer first\r\n"));
}

static void new_token_is_read_in_time(void **state)
{
	(void)state;
	start_plain(say_hello);
	write_file(token_path, "third");
	turn_for(3100 * RP_NS_PER_MS);
	get("/");
	api_server_last(&server, head, NULL);
	assert_non_null(strstr(head, "\r\nAuthorization: Bearer third\r\n"));
	assert_int_equal(api_server_requests(&server), 1);
}

/* ---- answers that are no 2xx ---- */

static bool deny(struct api_conn *conn)
{
	api_answer(conn, 403, "",
		   "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"pods is "
		   "forbidden: User \\\"x\\\" cannot list\",\"code\":403}");
	return true;
}

static void refusal_shows_the_message_of_its_status_object(void **state)
{
	(void)state;
	start_tls(deny);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 403);
	assert_string_equal(seen[0].text, "pods is forbidden: User \"x\" cannot list");
	assert_int_equal(seen[0].data_bytes, 0);
	assert_true(seen[0].error_bytes > 0);
}

static const char *error_body;

static bool answer_with_error_body(struct api_conn *conn)
{
	api_answer(conn, 500, "", error_body);
	return true;
}

static void error_body_of_any_form_is_taken(void **state)
{
	static const char *const bodies[] = {
		"",	  "{",	   "[]",      "null", "{\"message\":5}", "{\"message\":\"\"}",
		"<html>", "\"x\"", "\xff\xfe"};

	(void)state;
	start_plain(answer_with_error_body);
	for (size_t i = 0; i < RP_ARRAY_LEN(bodies); i++) {
		error_body = bodies[i];
		get("/");
		assert_int_equal(seen[0].outcome.err, RP_OK);
		assert_int_equal(seen[0].outcome.status, 500);
		assert_string_equal(seen[0].text, "HTTP status 500");
		assert_int_equal(seen[0].error_bytes, strlen(bodies[i]));
	}
}

static char retry_after[128];

static bool say_later(struct api_conn *conn)
{
	api_answer(conn, 429, retry_after, "{\"message\":\"too many requests\"}");
	return true;
}

static void retry_after_is_read_in_both_forms(void **state)
{
	char date[64];
	time_t when = time(NULL) + 100;
	struct tm tm;

	(void)state;
	start_tls(say_later);
	snprintf(retry_after, sizeof(retry_after), "Retry-After: 7\r\n");
	get("/");
	assert_int_equal(seen[0].outcome.status, 429);
	assert_int_equal(seen[0].outcome.retry_after_ns, 7 * RP_NS_PER_S);
	gmtime_r(&when, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	snprintf(retry_after, sizeof(retry_after), "Retry-After: %s\r\n", date);
	get("/");
	assert_in_range(seen[0].outcome.retry_after_ns, 70 * RP_NS_PER_S, 100 * RP_NS_PER_S);
	snprintf(retry_after, sizeof(retry_after), "Retry-After: 99999999999999999999\r\n");
	get("/");
	assert_true(seen[0].outcome.retry_after_ns <= RP_KUBE_RETRY_AFTER_S_MAX * RP_NS_PER_S);
	snprintf(retry_after, sizeof(retry_after), "Retry-After: -5\r\n");
	get("/");
	assert_int_equal(seen[0].outcome.retry_after_ns, 0);
	retry_after[0] = '\0';
	get("/");
	assert_int_equal(seen[0].outcome.retry_after_ns, 0);
}

static bool redirect(struct api_conn *conn)
{
	api_answer(conn, 302, "Location: /elsewhere\r\n", "");
	return true;
}

static void redirect_is_not_followed(void **state)
{
	(void)state;
	start_tls(redirect);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 302);
	assert_int_equal(api_server_requests(&server), 1);
}

static bool fail_at_length(struct api_conn *conn)
{
	static char kilobyte[1025];

	memset(kilobyte, 'y', 1024);
	api_send(conn, "HTTP/1.1 503 No\r\nContent-Length: 100000000\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		api_send(conn, kilobyte);
	return false;
}

static void error_body_is_kept_to_its_bound_and_not_read_on(void **state)
{
	(void)state;
	start_tls(fail_at_length);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 503);
	assert_int_equal(seen[0].error_bytes, RP_KUBE_ERROR_BODY_BYTES);
	assert_string_equal(seen[0].text, "HTTP status 503");
}

/* ---- answers that break off ---- */

static bool break_off(struct api_conn *conn)
{
	api_send(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	usleep(50000);
	if (strstr(conn->head, "/reset") != NULL)
		api_reset(conn);
	return false;
}

static void answer_that_breaks_off_is_an_error(void **state)
{
	static const char *const paths[] = {"/end", "/reset"};

	(void)state;
	start_tls(break_off);
	for (size_t i = 0; i < RP_ARRAY_LEN(paths); i++) {
		get(paths[i]);
		assert_int_equal(seen[0].outcome.err, RP_ECLOSED);
		assert_int_equal(seen[0].outcome.status, 200);
		assert_string_equal(seen[0].data, "half");
		assert_true(seen[0].text[0] != '\0');
	}
}

static bool hang(struct api_conn *conn)
{
	char byte;

	if (strstr(conn->head, "/quick") != NULL)
		return say_hello(conn);
	if (strstr(conn->head, "/half") != NULL)
		api_send(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	/* Until the client closes. */
	if (conn->ssl == NULL)
		return recv(conn->fd, &byte, 1, 0) > 0;
	return true; /* the next read waits as well */
}

static void call_ends_in_time_and_its_connection_is_closed(void **state)
{
	static const char *const paths[] = {"/none", "/half"};
	int64_t begin_ns;

	(void)state;
	start_tls(hang);
	for (size_t i = 0; i < RP_ARRAY_LEN(paths); i++) {
		forget(&seen[0]);
		begin_ns = rp_clock_monotonic_ns();
		begin_within(&seen[0], "GET", paths[i], "", 200 * RP_NS_PER_MS);
		wait_done(&seen[0]);
		assert_int_equal(seen[0].outcome.err, -ETIMEDOUT);
		assert_true(rp_clock_monotonic_ns() - begin_ns >= 190 * RP_NS_PER_MS);
		get("/quick");
		assert_int_equal(seen[0].outcome.status, 200);
	}
	/* None of the stuck connections carried another request. */
	assert_int_equal(api_server_conns(&server), 3);
}

static void nobody_there_is_told(void **state)
{
	(void)state;
	start_tls(say_hello);
	api_server_stop(&server);
	get("/");
	assert_int_equal(seen[0].outcome.err, -ECONNREFUSED);
	assert_int_equal(seen[0].outcome.status, 0);
	assert_non_null(strstr(seen[0].text, "127.0.0.1"));
	api_server_start(&server, NULL, NULL, say_hello); /* for tear_down() */
}

static bool flood_headers(struct api_conn *conn)
{
	api_send(conn, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 10000; i++)
		api_send(conn, "X-Header: 0123456789012345678901234567890123456789\r\n");
	api_send(conn, "\r\n");
	return false;
}

static bool send_one_long_header(struct api_conn *conn)
{
	api_send(conn, "HTTP/1.1 200 OK\r\nX: ");
	for (int i = 0; i < 100000; i++)
		api_send(conn, "0123456789");
	return false;
}

static void headers_without_end_end_the_call(void **state)
{
	(void)state;
	start_plain(flood_headers);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_ETOOBIG);
	rp_kube_client_free(client);
	api_server_stop(&server);
	start_plain(send_one_long_header);
	get("/");
	assert_true(seen[0].outcome.err < 0);
	assert_int_equal(seen[0].data_bytes, 0);
}

static bool talk_nonsense(struct api_conn *conn)
{
	api_send(conn, "220 mail.example ESMTP\r\n");
	return false;
}

static void another_protocol_is_an_error(void **state)
{
	(void)state;
	start_plain(talk_nonsense);
	get("/");
	assert_true(seen[0].outcome.err < 0);
	assert_int_equal(seen[0].outcome.status, 0);
	assert_int_equal(seen[0].data_bytes, 0);
}

/* ---- who the server is ---- */

static void server_of_another_authority_is_refused(void **state)
{
	struct rp_kube_access access;

	(void)state;
	api_server_start(&server, &server_pair, NULL, say_hello);
	access = access_to("https");
	assert_int_equal(rp_kube_text_set(&access.ca, rp_bytes_str(other_authority.cert)), RP_OK);
	make_client(access);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_ECONFIG);
	assert_non_null(strstr(seen[0].text, "certificate"));
	assert_int_equal(api_server_requests(&server), 0);
}

static void without_an_authority_the_systems_count(void **state)
{
	(void)state;
	api_server_start(&server, &server_pair, NULL, say_hello);
	make_client(access_to("https"));
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_ECONFIG);
	assert_int_equal(api_server_requests(&server), 0);
}

static void insecure_takes_any_server(void **state)
{
	struct rp_kube_access access;

	(void)state;
	api_server_start(&server, &server_pair, NULL, say_hello);
	access = access_to("https");
	access.is_insecure = true;
	make_client(access);
	get("/");
	assert_int_equal(seen[0].outcome.status, 200);
}

static void get_as(const char *tls_server_name, const char *alt_names)
{
	static struct tls_pair pair;
	struct rp_kube_access access;

	tls_make_cert(&authority, "server", alt_names, &pair);
	api_server_start(&server, &pair, NULL, say_hello);
	access = access_to("https");
	snprintf(access.tls_server_name, sizeof(access.tls_server_name), "%s", tls_server_name);
	assert_int_equal(rp_kube_text_set(&access.ca, rp_bytes_str(authority.cert)), RP_OK);
	make_client(access);
	get("/some/path");
}

static void restart(void)
{
	rp_kube_client_free(client);
	api_server_stop(&server);
}

static void name_of_the_certificate_must_be_the_servers(void **state)
{
	char host[64];

	(void)state;
	get_as("", "DNS:api.example,IP:127.0.0.2");
	assert_int_equal(seen[0].outcome.err, RP_ECONFIG);
	restart();
	get_as("api.example", "DNS:api.example");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 200);
	api_server_last(&server, head, NULL);
	snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", server.port);
	assert_non_null(strstr(head, host));
	assert_ptr_equal(strstr(head, "GET /some/path HTTP/1.1\r\n"), head);
	restart();
	get_as("api.example", "IP:127.0.0.1");
	assert_int_equal(seen[0].outcome.err, RP_ECONFIG);
	assert_int_equal(api_server_requests(&server), 0);
}

static void new_authority_is_taken_up(void **state)
{
	static struct tls_pair pair;
	uint16_t port;

	(void)state;
	start_tls(say_hello);
	get("/");
	assert_int_equal(seen[0].outcome.status, 200);
	port = server.port;
	api_server_stop(&server);
	tls_make_cert(&other_authority, "server", "IP:127.0.0.1", &pair);
	/* The same address, so that nothing but the file tells. */
	api_server_start_at(&server, port, &pair, NULL, say_hello);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_ECONFIG);
	write_file(ca_path, other_authority.cert);
	turn_for(3100 * RP_NS_PER_MS);
	get("/");
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_int_equal(seen[0].outcome.status, 200);
}

static void client_certificate_is_shown(void **state)
{
	struct rp_kube_access access;
	static struct tls_pair pair;
	char path[96];

	(void)state;
	tls_make_cert(&authority, "alice", "DNS:alice", &pair);
	snprintf(path, sizeof(path), "%s/client.crt", directory);
	write_file(path, pair.cert);
	api_server_start(&server, &server_pair, authority.cert, say_hello);
	access = access_to("https");
	assert_int_equal(rp_kube_text_set(&access.ca, rp_bytes_str(authority.cert)), RP_OK);
	assert_int_equal(rp_kube_text_open(&access.client_cert, path, NULL), RP_OK);
	assert_int_equal(rp_kube_text_set(&access.client_key, rp_bytes_str(pair.key)), RP_OK);
	make_client(access);
	unlink(path);
	get("/");
	assert_int_equal(seen[0].outcome.status, 200);
	assert_string_equal(server.client_name, "alice");
}

static void proxy_of_the_kubeconfig_is_asked(void **state)
{
	struct rp_kube_access access;

	(void)state;
	api_server_start(&server, NULL, NULL, say_hello);
	access = access_to("http");
	snprintf(access.proxy, sizeof(access.proxy), "%s", access.server);
	assert_int_equal(rp_kube_access_set_server(&access, "http://api.example"), RP_OK);
	make_client(access);
	get("/x");
	assert_int_equal(seen[0].outcome.status, 200);
	api_server_last(&server, head, NULL);
	assert_ptr_equal(strstr(head, "GET http://api.example/x HTTP/1.1\r\n"), head);
}

/* ---- cancelling and starting within callbacks ---- */

static void cancelled_call_says_nothing_more(void **state)
{
	(void)state;
	start_tls(hang);
	begin(&seen[0], "GET", "/half", "");
	rp_kube_call_cancel(&seen[0].call);
	rp_kube_call_cancel(&seen[0].call);
	begin(&seen[1], "GET", "/half", "");
	while (seen[1].data_bytes == 0)
		assert_int_equal(rp_events_turn(loop, RP_NS_PER_MS), RP_OK);
	rp_kube_call_cancel(&seen[1].call);
	assert_null(seen[1].call.transfer);
	turn_for(50 * RP_NS_PER_MS);
	assert_int_equal(seen[0].done + seen[1].done, 0);
	get("/quick");
	assert_int_equal(seen[0].outcome.status, 200);
}

static void call_cancels_itself_in_its_data(void **state)
{
	(void)state;
	start_tls(stream_slowly);
	seen[0].cancels_in_data = true;
	begin(&seen[0], "GET", "/", "");
	turn_for(300 * RP_NS_PER_MS);
	assert_int_equal(seen[0].pieces, 1);
	assert_int_equal(seen[0].done, 0);
}

static void callbacks_cancel_and_start_other_calls(void **state)
{
	(void)state;
	start_tls(stream_slowly);
	/* In on_data: ends the second, starts the third. */
	begin(&seen[1], "GET", "/", "");
	seen[0].cancels = &seen[1];
	seen[0].starts = &seen[2];
	begin(&seen[0], "GET", "/", "");
	wait_done(&seen[0]);
	wait_done(&seen[2]);
	assert_int_equal(seen[1].done, 0);
	assert_int_equal(seen[0].outcome.err, RP_OK);
	assert_string_equal(seen[2].data, "ab\nab\nab\nab\nab\n");
}

static void call_is_started_again_by_its_own_end(void **state)
{
	(void)state;
	start_tls(deny); /* on_data is not called */
	seen[0].cancels = &seen[1];
	seen[0].starts = &seen[2];
	begin(&seen[1], "GET", "/", "");
	rp_kube_call_cancel(&seen[1].call);
	begin(&seen[0], "GET", "/", "");
	wait_done(&seen[0]);
	wait_done(&seen[2]);
	assert_int_equal(seen[1].done, 0);
	assert_int_equal(seen[2].outcome.status, 403);
	seen[0].done = 0;
	begin(&seen[0], "GET", "/", "");
	wait_done(&seen[0]);
	assert_int_equal(seen[0].outcome.status, 403);
}

static void owner_that_does_not_take_data_ends_the_call(void **state)
{
	(void)state;
	start_tls(stream_slowly);
	seen[0].data_err = RP_EFORMAT;
	begin(&seen[0], "GET", "/", "");
	wait_done(&seen[0]);
	assert_int_equal(seen[0].outcome.err, RP_EFORMAT);
	assert_int_equal(seen[0].outcome.status, 200);
	assert_int_equal(seen[0].pieces, 1);
}

static void calls_are_bounded_and_end_with_the_client(void **state)
{
	static struct rp_kube_call call[RP_KUBE_CALLS_MAX + 1];
	struct rp_kube_request request = {
		.method = "GET", .path = "/", .timeout_ns = WAIT_S * RP_NS_PER_S};

	(void)state;
	start_plain(hang);
	for (size_t i = 0; i < RP_ARRAY_LEN(call); i++) {
		call[i] = (struct rp_kube_call){.ops = &ops, .user = &seen[0]};
		assert_int_equal(rp_kube_call_start(client, &call[i], &request),
				 i < RP_KUBE_CALLS_MAX ? RP_OK : RP_ENOMEM);
	}
	turn_for(50 * RP_NS_PER_MS);
	rp_kube_client_free(client);
	client = NULL;
	for (size_t i = 0; i < RP_ARRAY_LEN(call); i++)
		assert_null(call[i].transfer);
	assert_int_equal(seen[0].done, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whole_answer_comes_with_its_status),
		TEST(body_goes_out_with_its_method),
		TEST(connection_is_used_again),
		TEST(stream_comes_piece_by_piece),
		TEST(kept_connection_that_is_gone_is_replaced),
		TEST(replaced_token_is_read_after_401),
		TEST(token_that_is_revoked_is_tried_twice_only),
		TEST(token_without_a_file_is_tried_once),
		TEST(token_that_is_gone_or_bad_stays_the_old_one),
		TEST(new_token_is_read_in_time),
		TEST(refusal_shows_the_message_of_its_status_object),
		TEST(error_body_of_any_form_is_taken),
		TEST(retry_after_is_read_in_both_forms),
		TEST(redirect_is_not_followed),
		TEST(error_body_is_kept_to_its_bound_and_not_read_on),
		TEST(answer_that_breaks_off_is_an_error),
		TEST(call_ends_in_time_and_its_connection_is_closed),
		TEST(nobody_there_is_told),
		TEST(headers_without_end_end_the_call),
		TEST(another_protocol_is_an_error),
		TEST(server_of_another_authority_is_refused),
		TEST(without_an_authority_the_systems_count),
		TEST(insecure_takes_any_server),
		TEST(name_of_the_certificate_must_be_the_servers),
		TEST(new_authority_is_taken_up),
		TEST(client_certificate_is_shown),
		TEST(proxy_of_the_kubeconfig_is_asked),
		TEST(cancelled_call_says_nothing_more),
		TEST(call_cancels_itself_in_its_data),
		TEST(callbacks_cancel_and_start_other_calls),
		TEST(call_is_started_again_by_its_own_end),
		TEST(owner_that_does_not_take_data_ends_the_call),
		TEST(calls_are_bounded_and_end_with_the_client),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
