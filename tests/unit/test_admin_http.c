/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/admin_http.h"
#include "shm/clock.h"
#include "shm/log.h"
#include "tests/support/prom_check.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct rp_control control;
static struct rp_admin_http *admin;
static int listen_fd;
static struct sockaddr_in address;
static char answer[32 << 20];

static int set_up(void **state)
{
	struct rp_settings settings = {.worker_count = 2,
				       .endpoints_max = 16,
				       .metric_series_max = RP_METRIC_SERIES_MAX,
				       .prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN};
	socklen_t len = sizeof(address);

	(void)state;
	rp_log_init(RP_LOG_ERROR - 1, NULL);
	memset(&control, 0, sizeof(control));
	if (rp_shared_create(&settings, &control.shared) != RP_OK ||
	    rp_events_new(&control.loop) != RP_OK)
		return 1;
	control.settings = &control.shared.tables->settings;
	control.flags.refresh_prometheus_metrics_interval = 5 * RP_NS_PER_S;
	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	address = (struct sockaddr_in){.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (bind(listen_fd, (struct sockaddr *)&address, len) != 0 ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &len) != 0 ||
	    listen(listen_fd, 128) != 0)
		return 1;
	return rp_admin_http_new(&control, listen_fd, &admin) != RP_OK;
}

static int tear_down(void **state)
{
	(void)state;
	rp_admin_http_free(admin);
	rp_events_free(control.loop);
	close(listen_fd);
	close(control.shared.tables_segment.fd);
	close(control.shared.live_segment.fd);
	rp_shared_detach(&control.shared);
	return 0;
}

/* Run the server until it has nothing to do. */
static void settle(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(rp_events_turn(control.loop, RP_NS_PER_MS), RP_OK);
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void say_bytes(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void say(int fd, const char *text)
{
	say_bytes(fd, text, strlen(text));
}

/* What comes within a few turns, terminated; *ret_is_closed tells whether the server ended. */
static size_t hear(int fd, bool *ret_is_closed)
{
	size_t n = 0;
	int idle = 0;

	*ret_is_closed = false;
	while (idle < 20) {
		ssize_t got = recv(fd, answer + n, sizeof(answer) - 1 - n, MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno == ECONNRESET)) {
			*ret_is_closed = true;
			break;
		}
		idle = got > 0 ? 0 : idle + 1;
		n += got > 0 ? (size_t)got : 0;
		assert_int_equal(rp_events_turn(control.loop, RP_NS_PER_MS), RP_OK);
	}
	answer[n] = '\0';
	return n;
}

static void expect(int fd, const char *status_line, bool is_closed)
{
	bool was_closed;

	(void)hear(fd, &was_closed);
	if (strncmp(answer, status_line, strlen(status_line)) != 0)
		fail_msg("%s instead of %s", answer, status_line);
	assert_int_equal(was_closed, is_closed);
}

static size_t count_of(const char *needle)
{
	size_t count = 0;

	for (const char *at = answer; (at = strstr(at, needle)) != NULL; at++)
		count++;
	return count;
}

static void metrics_are_served_on_a_connection_that_stays(void **state)
{
	int fd = dial();
	bool is_closed;

	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *body;
		const char *length;
		size_t n;

		say(fd, GET("/metrics?x=y"));
		n = hear(fd, &is_closed);
		assert_false(is_closed);
		assert_memory_equal(answer, "HTTP/1.1 200 OK\r\n", 17);
		assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
		body = strstr(answer, "\r\n\r\n") + 4;
		length = strstr(answer, "Content-Length: ") + 16;
		assert_int_equal(strtoul(length, NULL, 10), n - (size_t)(body - answer));
		assert_true(prom_check_page(body, n - (size_t)(body - answer)) > 50);
	}
	close(fd);
}

static void probes_tell_life_and_readiness(void **state)
{
	struct rp_process_state *process = &control.shared.live->process;
	int fd = dial();

	(void)state;
	say(fd, GET("/healthz"));
	expect(fd, "HTTP/1.1 200 OK", false);
	say(fd, GET("/readyz"));
	expect(fd, "HTTP/1.1 503 Service Unavailable", false);
	atomic_store(&process->phase, RP_PHASE_SERVING);
	for (int i = 0; i < 2; i++) {
		say(fd, GET("/readyz"));
		expect(fd, "HTTP/1.1 503 Service Unavailable", false);
		atomic_store(&process->worker[i].pid, 1);
		atomic_store(&process->worker[i].is_ready, 1);
	}
	say(fd, GET("/readyz"));
	expect(fd, "HTTP/1.1 200 OK", false);
	atomic_store(&process->phase, RP_PHASE_DRAINING);
	say(fd, GET("/readyz"));
	expect(fd, "HTTP/1.1 503 Service Unavailable", false);
	close(fd);
}

static void other_paths_and_methods_are_told_so(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, GET("/debug/pprof/"));
	expect(fd, "HTTP/1.1 404 Not Found", false);
	say(fd, GET("/metrics/"));
	expect(fd, "HTTP/1.1 404 Not Found", false);
	say(fd, "DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(fd, "HTTP/1.1 405 Method Not Allowed", false);
	assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
	say(fd, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	expect(fd, "HTTP/1.1 405 Method Not Allowed", true);
	close(fd);
}

static void head_is_answered_without_a_body(void **state)
{
	static const char *const path[] = {"/metrics", "/healthz", "/nothing"};
	int fd = dial();
	char request[80];
	bool is_closed;

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(path); i++) {
		size_t n;

		snprintf(request, sizeof(request), "HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n", path[i]);
		say(fd, request);
		n = hear(fd, &is_closed);
		assert_memory_equal(answer + n - 4, "\r\n\r\n", 4);
		assert_int_equal(count_of("\r\n\r\n"), 1);
		assert_null(strstr(answer, "Content-Length: 0\r\n"));
	}
	close(fd);
}

static void requests_may_be_split_anywhere(void **state)
{
	const char *text = GET("/healthz");

	(void)state;
	for (size_t at = 1; at < strlen(text); at++) {
		int fd = dial();

		say_bytes(fd, text, at);
		for (int i = 0; i < 4; i++)
			assert_int_equal(rp_events_turn(control.loop, RP_NS_PER_MS), RP_OK);
		say(fd, text + at);
		expect(fd, "HTTP/1.1 200 OK", false);
		close(fd);
	}
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	int fd = dial();
	bool is_closed;

	(void)state;
	for (int i = 0; i < 100; i++)
		say(fd, GET("/healthz") GET("/nothing"));
	say(fd, "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	(void)hear(fd, &is_closed);
	assert_true(is_closed);
	assert_int_equal(count_of("HTTP/1.1 200 OK"), 101);
	assert_int_equal(count_of("HTTP/1.1 404 Not Found"), 100);
	assert_true(strstr(answer, " 200 ") < strstr(answer, " 404 "));
	close(fd);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	static char text[RP_ADMIN_REQUEST_BYTES_MAX + 100];
	int fd = dial();

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ", 35);
	say_bytes(fd, text, sizeof(text));
	expect(fd, "HTTP/1.1 431 ", true);
	close(fd);
}

static void nonsense_is_refused_and_the_connection_ends(void **state)
{
	static const char *const text[] = {"\x16\x03\x01\x02\x01\n", "GET\r\n\r\n",
					   "GET / HTTP/1.1\r\n\r\n",
					   "GET / HTTP/1.1\r\nHost: a\r\n x\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < RP_ARRAY_LEN(text); i++) {
		int fd = dial();

		say(fd, text[i]);
		expect(fd, "HTTP/1.1 400 Bad Request", true);
		close(fd);
	}
}

static void clients_that_vanish_leave_nothing(void **state)
{
	const char *text = GET("/metrics");
	const struct linger reset = {1, 0};

	(void)state;
	for (size_t at = 0; at <= strlen(text); at += 3) {
		int fd = dial();

		if (at != 0)
			say_bytes(fd, text, at);
		if (at % 2 == 0)
			assert_int_equal(
				setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
		if (at % 4 == 0)
			settle();
		close(fd);
		settle();
	}
}

/* A page of several megabytes, more than sockets hold. */
static void make_page_large(void)
{
	struct rp_worker_region *worker = control.shared.live->worker;
	char model[64];

	for (int i = 0; i < 300; i++) {
		struct rp_request_series *series;

		snprintf(model, sizeof(model), "model-%d", i);
		series = rp_request_series_get(&worker->series, RP_METRIC_SERIES_MAX,
					       rp_bytes_str(model), rp_bytes_str(model),
					       RP_BYTES_LIT("fairness"), 0);
		rp_counter_add(&series->requests, 1);
		for (int h = 0; h < RP_SERIES_HISTOGRAM_COUNT; h++)
			rp_request_series_observe(series, (enum rp_series_histogram)h, 1);
	}
}

static int dial_narrow(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int bytes = 4096;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* One response with a body, however long its parts are on the way. */
static size_t hear_response(int fd)
{
	int64_t deadline_ns = rp_clock_monotonic_ns() + 8 * RP_NS_PER_S;
	size_t whole = SIZE_MAX;
	size_t n = 0;

	while (n < whole && rp_clock_monotonic_ns() < deadline_ns) {
		ssize_t got = recv(fd, answer + n, sizeof(answer) - 1 - n, MSG_DONTWAIT);
		const char *end;

		assert_true(got > 0 || (got < 0 && errno == EAGAIN));
		n += got > 0 ? (size_t)got : 0;
		answer[n] = '\0';
		end = whole == SIZE_MAX ? strstr(answer, "\r\n\r\n") : NULL;
		if (end != NULL)
			whole = (size_t)(end + 4 - answer) +
				strtoul(strstr(answer, "Content-Length: ") + 16, NULL, 10);
		assert_int_equal(rp_events_turn(control.loop, RP_NS_PER_MS), RP_OK);
	}
	assert_int_equal(n, whole);
	return n;
}

static size_t resident_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
	fclose(file);
	return pages * RP_PAGE;
}

static void slow_readers_cost_two_pages_at_most(void **state)
{
	enum { SLOW = 40 };
	const int wide = 4 << 20;
	int slow[SLOW];
	int fd;
	const char *body;
	size_t page_bytes;
	size_t before;
	size_t total;

	(void)state;
	make_page_large();
	fd = dial();
	say(fd, GET("/metrics"));
	page_bytes = hear_response(fd);
	assert_true(page_bytes > (1u << 20));
	close(fd);
	settle();
	before = resident_bytes();
	for (int i = 0; i < SLOW; i++) {
		slow[i] = dial_narrow();
		say(slow[i], GET("/metrics"));
		settle();
	}
	/* One more buffer at its next power of two, and some for the sockets' sake. */
	assert_true(resident_bytes() < before + 3 * page_bytes + (8u << 20));
	/* The others are served all the while. */
	fd = dial();
	say(fd, GET("/healthz"));
	expect(fd, "HTTP/1.1 200 OK", false);
	say(fd, GET("/metrics"));
	assert_true(hear_response(fd) > (1u << 20));
	close(fd);
	/* Who reads after all gets a whole page. */
	assert_int_equal(setsockopt(slow[0], SOL_SOCKET, SO_RCVBUF, &wide, sizeof(wide)), 0);
	total = hear_response(slow[0]);
	body = strstr(answer, "\r\n\r\n") + 4;
	assert_true(prom_check_page(body, total - (size_t)(body - answer)) > 10000);
	for (int i = 0; i < SLOW; i++)
		close(slow[i]);
	settle();
}

static void idle_connections_give_way_to_new_ones(void **state)
{
	enum { CROWD = RP_ADMIN_CONNECTIONS_MAX + 20 };
	int fds[CROWD];
	int served = 0;
	int fd;
	bool is_closed;

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		fds[i] = dial();
		say(fds[i], "GET /metr");
		settle();
	}
	fd = dial();
	say(fd, GET("/healthz"));
	expect(fd, "HTTP/1.1 200 OK", false);
	close(fd);
	settle();
	for (int i = 0; i < CROWD; i++) {
		(void)hear(fds[i], &is_closed);
		assert_int_equal(is_closed, i < CROWD - (int)RP_ADMIN_CONNECTIONS_MAX + 1);
		served += !is_closed;
		close(fds[i]);
	}
	assert_int_equal(served, RP_ADMIN_CONNECTIONS_MAX - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(metrics_are_served_on_a_connection_that_stays),
		TEST(probes_tell_life_and_readiness),
		TEST(other_paths_and_methods_are_told_so),
		TEST(head_is_answered_without_a_body),
		TEST(requests_may_be_split_anywhere),
		TEST(pipelined_requests_are_answered_in_order),
		TEST(a_request_that_is_too_long_is_refused),
		TEST(nonsense_is_refused_and_the_connection_ends),
		TEST(clients_that_vanish_leave_nothing),
		TEST(slow_readers_cost_two_pages_at_most),
		TEST(idle_connections_give_way_to_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
