/* SPDX-License-Identifier: Apache-2.0
 *
 * The scraper against a server of pages that lives on the same loop and misbehaves on demand.
 */
#include "control/scrape.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/http_target.h"
#include "shm/clock.h"
#include "shm/log.h"
#include "tests/support/page_server.h"

#define MS RP_NS_PER_MS

static struct rp_events *loop;

/* ---- the bed ---- */

/* A page whose every figure derives from one number. */
static void serve_page(int number)
{
	static const char form[] =
		"# TYPE vllm:num_requests_waiting gauge\n"
		"vllm:num_requests_waiting{model_name=\"m\"} %d\n"
		"# TYPE vllm:num_requests_running gauge\n"
		"vllm:num_requests_running %d\n"
		"# TYPE vllm:kv_cache_usage_perc gauge\n"
		"vllm:kv_cache_usage_perc 0.%d\n"
		"# TYPE vllm:cache_config_info gauge\n"
		"vllm:cache_config_info{block_size=\"%d\",num_gpu_blocks=\"%d\"} 1\n";
	char body[1024];
	int n = snprintf(body, sizeof(body), form, number, number + 1, number, number + 2,
			 number + 3);

	snprintf(page_server.reply, sizeof(page_server.reply),
		 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
}

static void serve_text(const char *reply)
{
	snprintf(page_server.reply, sizeof(page_server.reply), "%s", reply);
}

static struct rp_endpoint_metrics metrics;
static struct rp_endpoint_table table;
static struct rp_engines *engines;
static struct rp_scrape *scrape;
static int fds_before;

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static int set_up(void **state)
{
	(void)state;
	rp_log_init(RP_LOG_ERROR - 1, NULL);
	fds_before = count_fds();
	memset(&page_server, 0, sizeof(page_server));
	memset(&metrics, 0, sizeof(metrics));
	if (rp_events_new(&loop) != RP_OK || rp_engines_new(NULL, 0, "", &engines, NULL) != RP_OK)
		return 1;
	page_server.loop = loop;
	scrape = NULL;
	page_server_start();
	serve_page(4);
	rp_endpoint_table_reset(&table);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_scrape_free(scrape);
	page_server_stop();
	rp_engines_free(engines);
	rp_events_free(loop);
	assert_int_equal(count_fds(), fds_before);
	return 0;
}

static struct rp_scrape_options usual(void)
{
	return (struct rp_scrape_options){.loop = loop,
					  .metrics = &metrics,
					  .engines = engines,
					  .path = "/metrics",
					  .engine_label_key = "llm-d.ai/engine-type",
					  .is_on = true,
					  .tick_ns = 50 * MS,
					  .period_ticks = 1,
					  .timeout_ns = RP_SCRAPE_TIMEOUT_S * RP_NS_PER_S};
}

static void start_with(struct rp_scrape_options options)
{
	assert_int_equal(rp_scrape_new_with(&options, &scrape), RP_OK);
	rp_scrape_set_endpoints(scrape, &table);
}

static void add_endpoint_at(uint32_t slot, uint32_t generation, const char *ip, uint16_t port)
{
	char address[RP_ENDPOINT_ADDRESS_MAX];
	char name[16];

	snprintf(address, sizeof(address), "%s:%u", ip, port);
	snprintf(name, sizeof(name), "pod-%u", slot);
	assert_int_equal(rp_endpoint_table_add(&table, RP_BYTES_LIT("default"), rp_bytes_str(name),
					       rp_bytes_str(address), rp_bytes_str(ip), port, slot,
					       generation),
			 RP_OK);
}

static void add_endpoint(uint32_t slot)
{
	add_endpoint_at(slot, 1, page_server.ip, page_server.port);
}

static void turn(void)
{
	assert_int_equal(rp_events_turn(loop, 10 * MS), RP_OK);
}

static void run_for(int64_t ns)
{
	int64_t end_ns = rp_clock_monotonic_ns() + ns;

	while (rp_clock_monotonic_ns() < end_ns)
		turn();
}

/* Turn until the condition holds. */
#define RUN_UNTIL(condition)                                                                       \
	do {                                                                                       \
		int64_t end_ns = rp_clock_monotonic_ns() + 10 * RP_NS_PER_S;                       \
		while (!(condition)) {                                                             \
			assert_true(rp_clock_monotonic_ns() < end_ns);                             \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

/* Good until the next call. */
static const struct rp_endpoint_figures *figures_of(uint32_t slot)
{
	static struct rp_endpoint_figures figures;

	rp_endpoint_metrics_read(&metrics, slot, &figures);
	return &figures;
}

static void assert_figures(uint32_t slot, int number)
{
	struct rp_endpoint_figures figures = *figures_of(slot);

	assert_int_equal(figures.waiting, number);
	assert_int_equal(figures.running, number + 1);
	assert_int_equal((int)(figures.kv_usage * 10 + 0.5), number);
	assert_int_equal(figures.cache_block_size, number + 2);
	assert_int_equal(figures.cache_num_blocks, number + 3);
}

static const struct rp_scrape_stats *stats(void)
{
	return rp_scrape_stats(scrape);
}

static uint64_t epoch(void)
{
	return atomic_load(&metrics.epoch);
}

/* After a first good page the server turns bad: errors are counted, nothing else moves. */
static void expect_errors_and_the_last_figures(uint64_t errors)
{
	struct rp_endpoint_figures before = *figures_of(0);
	uint64_t epoch_before = epoch();
	uint64_t pages_before = stats()->pages;

	RUN_UNTIL(stats()->poll_errors >= errors);
	assert_figures(0, 4);
	assert_int_equal(figures_of(0)->updated_ns, before.updated_ns);
	assert_int_equal(epoch(), epoch_before);
	assert_int_equal(stats()->pages, pages_before);
}

static void start_with_a_good_page(void)
{
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->pages >= 1 && epoch() == stats()->pages);
	assert_figures(0, 4);
}

/* ---- pages ---- */

static void a_page_becomes_the_figures_of_its_slot(void **state)
{
	int64_t begin_ns = rp_clock_monotonic_ns();
	char expected[256];

	(void)state;
	add_endpoint(7);
	start_with(usual());
	RUN_UNTIL(epoch() > 0);
	assert_figures(7, 4);
	assert_in_range(figures_of(7)->updated_ns, begin_ns, rp_clock_monotonic_ns());
	assert_int_equal(figures_of(0)->updated_ns, 0);
	assert_int_equal(stats()->extract_errors, 0);
	/* No Accept: servers answer in the classic text. No Accept-Encoding: nothing to unpack. */
	snprintf(expected, sizeof(expected),
		 "GET /metrics HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: ringpick/" RP_VERSION
		 "\r\n\r\n",
		 page_server.ip, page_server.port);
	assert_string_equal(page_server.request, expected);
}

static void one_connection_carries_all_pages(void **state)
{
	(void)state;
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->pages >= 6);
	assert_int_equal(page_server.accepts, 1);
	assert_int_equal(stats()->poll_errors, 0);
}

static void a_page_may_come_byte_by_byte(void **state)
{
	struct rp_scrape_options options = usual();

	(void)state;
	options.timeout_ns = 5 * RP_NS_PER_S;
	page_server.manner = DRIPS;
	add_endpoint(0);
	start_with(options);
	RUN_UNTIL(stats()->pages >= 2 && epoch() == stats()->pages);
	assert_figures(0, 4);
	assert_int_equal(page_server.accepts, 1);
	assert_int_equal(stats()->poll_errors, 0);
}

static void chunked_and_closed_pages_are_read_too(void **state)
{
	(void)state;
	serve_text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		   "27\r\n# TYPE vllm:num_requests_waiting gauge\n\r\n"
		   "1c\r\nvllm:num_requests_waiting 9\n\r\n0\r\n\r\n");
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(figures_of(0)->waiting == 9);
	/* The others are missing: one error a page, and the page counts. */
	assert_int_equal(stats()->extract_errors, stats()->pages);
	assert_int_equal(stats()->poll_errors, 0);

	page_server.manner = CLOSES_AFTER_REPLY;
	serve_text("HTTP/1.1 200 OK\r\n\r\n# TYPE vllm:num_requests_waiting gauge\n"
		   "vllm:num_requests_waiting 8\n");
	RUN_UNTIL(figures_of(0)->waiting == 8);
	assert_int_equal(stats()->poll_errors, 0);
}

/* ---- bad servers ---- */

static void a_server_that_hangs_is_given_up_after_a_second(void **state)
{
	int64_t begin_ns;
	int requests;

	(void)state;
	start_with_a_good_page();
	page_server.manner = HANGS;
	requests = page_server.requests;
	RUN_UNTIL(page_server.requests > requests);
	begin_ns = page_server.request_ns[page_server.requests - 1];
	expect_errors_and_the_last_figures(1);
	assert_in_range(rp_clock_monotonic_ns() - begin_ns, 900 * MS, 1900 * MS);
	/* One in flight at most: nobody asked again meanwhile. Afterwards it goes on as before. */
	assert_int_equal(page_server.requests, requests + 1);
	page_server.manner = ANSWERS;
	serve_page(5);
	RUN_UNTIL(figures_of(0)->waiting == 5);
}

static void the_timeout_does_not_wait_for_the_next_tick(void **state)
{
	struct rp_scrape_options options = usual();
	int64_t begin_ns;

	(void)state;
	options.tick_ns = RP_NS_PER_S;
	options.timeout_ns = 100 * MS;
	page_server.manner = HANGS;
	for (uint32_t slot = 0; slot < 50; slot++)
		add_endpoint(slot);
	start_with(options);
	RUN_UNTIL(page_server.requests >= 1);
	begin_ns = rp_clock_monotonic_ns();
	RUN_UNTIL(stats()->poll_errors >= 1);
	assert_in_range(rp_clock_monotonic_ns() - begin_ns, 50 * MS, 900 * MS);
	/* The others, each in its own time, none forgotten. */
	RUN_UNTIL(stats()->poll_errors == 50);
	assert_in_range(page_server.requests, 50, 55);
}

static void a_drip_that_never_ends_is_given_up_too(void **state)
{
	struct rp_scrape_options options = usual();

	(void)state;
	options.timeout_ns = 100 * MS;
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
	page_server.manner = DRIPS;
	add_endpoint(0);
	start_with(options);
	RUN_UNTIL(stats()->poll_errors == 2);
	assert_int_equal(stats()->pages, 0);
}

static void a_body_of_200_megabytes_is_not_read(void **state)
{
	size_t sent;

	(void)state;
	start_with_a_good_page();
	page_server.manner = FLOODS;
	sent = page_server.bytes_sent;
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n");
	expect_errors_and_the_last_figures(1);
	/* What fits into the buffers of two sockets is lost. */
	assert_in_range(page_server.bytes_sent - sent, 1, 16u << 20);
}

static void a_body_without_end_is_cut_at_the_bound(void **state)
{
	size_t sent;

	(void)state;
	start_with_a_good_page();
	page_server.manner = FLOODS;
	sent = page_server.bytes_sent;
	serve_text("HTTP/1.1 200 OK\r\n\r\n");
	expect_errors_and_the_last_figures(1);
	assert_in_range(page_server.bytes_sent - sent, 1, RP_SCRAPE_BODY_BYTES_MAX + (16u << 20));
}

static void a_head_without_end_is_cut_at_the_bound(void **state)
{
	(void)state;
	start_with_a_good_page();
	page_server.manner = FLOODS;
	serve_text("HTTP/1.1 200 OK\r\nX: ");
	expect_errors_and_the_last_figures(3);
}

static void a_close_in_the_body_is_one_error(void **state)
{
	uint64_t errors;

	(void)state;
	start_with_a_good_page();
	page_server.manner = CLOSES_AFTER_REPLY;
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 9\n");
	expect_errors_and_the_last_figures(2);
	/* Not tried twice: half an answer is an answer. */
	errors = stats()->poll_errors;
	assert_in_range(page_server.requests, stats()->pages + errors, stats()->pages + errors + 1);
}

static void only_status_200_updates(void **state)
{
	(void)state;
	start_with_a_good_page();
	serve_text("HTTP/1.1 503 Busy\r\nContent-Length: 67\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 9\n");
	expect_errors_and_the_last_figures(2);
	/* Redirects are not followed, wherever they lead. */
	serve_text("HTTP/1.1 302 Found\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n");
	expect_errors_and_the_last_figures(stats()->poll_errors + 2);
}

static void a_page_that_ends_inside_a_line_is_rejected(void **state)
{
	(void)state;
	start_with_a_good_page();
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 66\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 9\n");
	expect_errors_and_the_last_figures(2);
}

static void a_page_of_something_else_leaves_the_figures_stale(void **state)
{
	struct rp_endpoint_figures before;

	(void)state;
	start_with_a_good_page();
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>");
	RUN_UNTIL(stats()->poll_errors >= 1); /* no line feed at its end */
	before = *figures_of(0);
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n<html></html>\n");
	RUN_UNTIL(stats()->extract_errors >= 2);
	assert_figures(0, 4);
	assert_int_equal(figures_of(0)->updated_ns, before.updated_ns);
}

static void bytes_nobody_asked_for_end_the_connection(void **state)
{
	(void)state;
	serve_page(4);
	strncat(page_server.reply, "HTTP/1.1 200 OK\r\n",
		sizeof(page_server.reply) - 1 - strlen(page_server.reply));
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->pages == 3);
	assert_figures(0, 4);
	assert_int_equal(stats()->poll_errors, 0);
	assert_int_equal(page_server.accepts, page_server.requests);
}

/* ---- connections that go stale ---- */

static void a_connection_closed_while_idle_is_replaced(void **state)
{
	(void)state;
	page_server.manner = CLOSES_AFTER_REPLY;
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->pages == 4);
	assert_int_equal(stats()->poll_errors, 0);
}

static void a_connection_closed_under_a_request_is_tried_once_more(void **state)
{
	(void)state;
	page_server.manner = CLOSES_REUSED;
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->pages == 4);
	assert_int_equal(stats()->poll_errors, 0);
	assert_in_range(page_server.accepts, 4, 5);
	page_server.manner = RESETS_REUSED;
	RUN_UNTIL(stats()->pages == 8);
	assert_int_equal(stats()->poll_errors, 0);
}

static void a_fresh_connection_closed_unanswered_is_not_tried_again(void **state)
{
	(void)state;
	start_with_a_good_page();
	page_server.manner = CLOSES_UNANSWERED;
	expect_errors_and_the_last_figures(3);
	/* One of the three was tried twice: the first, on the connection from before. */
	assert_in_range(page_server.accepts, 4, 5);
}

static void nobody_listening_is_an_error_until_somebody_does(void **state)
{
	(void)state;
	start_with_a_good_page();
	page_server_stop();
	expect_errors_and_the_last_figures(3);
	page_server_start();
	serve_page(6);
	RUN_UNTIL(figures_of(0)->waiting == 6);
	assert_figures(0, 6);
}

/* ---- endpoints ---- */

static void endpoints_come_and_go(void **state)
{
	int accepts;

	(void)state;
	add_endpoint(0);
	add_endpoint(1);
	add_endpoint(16383);
	start_with(usual());
	RUN_UNTIL(figures_of(0)->updated_ns != 0 && figures_of(1)->updated_ns != 0 &&
		  figures_of(16383)->updated_ns != 0);
	assert_int_equal(stats()->endpoint_count, 3);
	assert_int_equal(page_server_open_conns(), 3);

	/* The same set again: connections stay. One leaves: its connection goes at once. */
	rp_scrape_set_endpoints(scrape, &table);
	rp_endpoint_table_reset(&table);
	add_endpoint(1);
	add_endpoint(16383);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(page_server_open_conns() == 2);
	assert_int_equal(page_server.accepts, 3);
	assert_int_equal(stats()->endpoint_count, 2);
	serve_page(5);
	RUN_UNTIL(figures_of(1)->waiting == 5 && figures_of(16383)->waiting == 5);
	assert_figures(0, 4);

	/* Another endpoint in its slot, one that moved, and one of another generation. */
	rp_endpoint_table_reset(&table);
	add_endpoint(0);
	add_endpoint_at(1, 1, page_server.ip, 1);
	add_endpoint_at(16383, 2, page_server.ip, page_server.port);
	accepts = page_server.accepts;
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(page_server.accepts == accepts + 2 && stats()->poll_errors > 0);
	serve_page(6);
	RUN_UNTIL(figures_of(0)->waiting == 6 && figures_of(16383)->waiting == 6);
	assert_figures(1, 5);

	rp_endpoint_table_reset(&table);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(page_server_open_conns() == 0);
	assert_int_equal(stats()->endpoint_count, 0);
	/* Idle for a while, and then again. */
	run_for(120 * MS);
	add_endpoint(3);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(figures_of(3)->waiting == 6);
}

static void an_endpoint_may_leave_in_the_middle_of_a_scrape(void **state)
{
	struct rp_scrape_options options = usual();

	(void)state;
	options.timeout_ns = 150 * MS;
	page_server.manner = HANGS;
	add_endpoint(0);
	add_endpoint(1);
	add_endpoint(2);
	start_with(options);
	RUN_UNTIL(page_server.requests == 3);
	rp_endpoint_table_reset(&table);
	add_endpoint(1);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(stats()->poll_errors == 2);
	assert_int_equal(stats()->endpoint_count, 1);
	rp_endpoint_table_reset(&table);
	rp_scrape_set_endpoints(scrape, &table);
	run_for(200 * MS);
	assert_in_range(stats()->poll_errors, 2, 3);
	assert_int_equal(epoch(), 0);
}

static void an_address_that_is_none_harms_no_other_endpoint(void **state)
{
	(void)state;
	add_endpoint_at(0, 1, "localhost", page_server.port);
	add_endpoint(1);
	add_endpoint_at(2, 1, "[::1", page_server.port);
	start_with(usual());
	RUN_UNTIL(figures_of(1)->updated_ns != 0);
	assert_int_equal(stats()->endpoint_count, 1);
}

static void the_label_chooses_the_engine_and_may_change(void **state)
{
	(void)state;
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 140\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 1\n"
		   "# TYPE sglang:num_queue_reqs gauge\nsglang:num_queue_reqs 2\n             \n");
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(figures_of(0)->waiting == 1);
	rp_endpoint_table_reset(&table);
	add_endpoint(0);
	assert_int_equal(rp_endpoint_table_add_label(&table, RP_BYTES_LIT("llm-d.ai/engine-type"),
						     RP_BYTES_LIT("sglang")),
			 RP_OK);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(figures_of(0)->waiting == 2);
	assert_int_equal(page_server.accepts, 1);
	assert_int_equal(stats()->poll_errors, 0);
}

static void custom_metrics_are_scraped_and_stay_when_their_series_goes(void **state)
{
	static const struct rp_engine_config config = {
		.name = "vllm",
		.spec = {"vllm:num_requests_waiting"},
		.custom_spec = {[0] = "vllm:num_requests_running", [3] = "gone"}};
	double value;

	(void)state;
	rp_engines_free(engines);
	assert_int_equal(rp_engines_new(&config, 1, "", &engines, NULL), RP_OK);
	serve_page(4);
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(figures_of(0)->waiting == 4);
	assert_true(rp_endpoint_metrics_custom(&metrics, 0, 0, &value));
	assert_true(value == 5);
	assert_false(rp_endpoint_metrics_custom(&metrics, 0, 3, &value));
	assert_true(stats()->extract_errors > 0);
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 67\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 9\n");
	RUN_UNTIL(figures_of(0)->waiting == 9);
	assert_true(rp_endpoint_metrics_custom(&metrics, 0, 0, &value));
	assert_true(value == 5);
}

/* ---- pace ---- */

static void answers_of_one_turn_are_one_bump(void **state)
{
	enum { N = 40 };

	(void)state;
	page_server.manner = HANGS;
	for (uint32_t slot = 0; slot < N; slot++)
		add_endpoint(slot);
	start_with(usual());
	RUN_UNTIL(page_server.requests == N);
	/* All answers lie in the sockets before the loop turns. */
	page_server.manner = ANSWERS;
	for (size_t i = 0; i < PAGE_SERVER_CONNECTIONS_MAX; i++) {
		if (page_server.conn[i].is_open)
			page_server_send(&page_server.conn[i]);
	}
	usleep(20000); /* a busy kernel delivers later */
	assert_int_equal(epoch(), 0);
	turn();
	assert_in_range(stats()->pages, N / 2, N);
	assert_int_equal(stats()->updates, stats()->pages);
	assert_int_equal(epoch(), 1);
}

static void endpoints_are_spread_over_the_tick(void **state)
{
	enum { N = 100, PARTS = 4 };
	struct rp_scrape_options options = usual();
	int64_t begin_ns = rp_clock_monotonic_ns();
	int in_part[PARTS] = {0};

	(void)state;
	options.tick_ns = 800 * MS;
	for (uint32_t slot = 0; slot < N; slot++)
		add_endpoint(slot);
	start_with(options);
	RUN_UNTIL(page_server.requests >= N);
	for (int i = 0; i < N; i++) {
		int64_t part = (page_server.request_ns[i] - begin_ns) / (options.tick_ns / PARTS);

		in_part[part < PARTS ? part : PARTS - 1]++;
	}
	for (int i = 0; i < PARTS; i++)
		assert_in_range(in_part[i], N / PARTS / 2, N / PARTS * 2);
}

static void many_endpoints_are_read_together_and_few_at_once(void **state)
{
	enum { N = 100, TICKS = 6 };
	int64_t oldest_ns = INT64_MAX;
	uint64_t pages;

	(void)state;
	for (uint32_t slot = 0; slot < N; slot++)
		add_endpoint(slot);
	start_with(usual());
	RUN_UNTIL(stats()->pages >= TICKS * N);
	/* Some ten times a tick the workers are told, however many pages there are. */
	assert_in_range(epoch(), 1, stats()->pages / 3);
	for (uint32_t slot = 0; slot < N; slot++) {
		assert_figures(slot, 4);
		if (figures_of(slot)->updated_ns < oldest_ns)
			oldest_ns = figures_of(slot)->updated_ns;
	}
	assert_true(rp_clock_monotonic_ns() - oldest_ns < 10 * 50 * MS);
	assert_int_equal(page_server.accepts, N);

	rp_endpoint_table_reset(&table);
	add_endpoint(0);
	rp_scrape_set_endpoints(scrape, &table);
	serve_page(5);
	RUN_UNTIL(figures_of(0)->waiting == 5);
	pages = stats()->pages - epoch();
	RUN_UNTIL(figures_of(0)->updated_ns > rp_clock_monotonic_ns() - 10 * MS);
	assert_int_equal(stats()->pages - epoch(), pages);

	for (uint32_t slot = 1; slot < N; slot++)
		add_endpoint(slot);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(figures_of(N - 1)->waiting == 5);
	assert_int_equal(stats()->poll_errors, 0);
}

static void pages_that_come_in_bits_do_not_mix(void **state)
{
	enum { N = 100 };
	struct rp_scrape_options options = usual();

	(void)state;
	options.timeout_ns = 10 * RP_NS_PER_S;
	page_server.manner = DRIPS;
	for (uint32_t slot = 0; slot < N; slot++)
		add_endpoint(slot);
	start_with(options);
	RUN_UNTIL(stats()->pages >= N);
	for (uint32_t slot = 0; slot < N; slot++) {
		if (figures_of(slot)->updated_ns != 0)
			assert_figures(slot, 4);
	}
	assert_int_equal(stats()->poll_errors, 0);
	assert_int_equal(stats()->extract_errors, 0);
}

static void missed_ticks_are_not_made_up_for(void **state)
{
	int requests;

	(void)state;
	for (uint32_t slot = 0; slot < 10; slot++)
		add_endpoint(slot);
	start_with(usual());
	RUN_UNTIL(stats()->pages >= 20);
	requests = page_server.requests;
	usleep(500000);
	turn();
	turn();
	assert_in_range(page_server.requests - requests, 0, 20);
	RUN_UNTIL(stats()->pages >= 60);
	assert_int_equal(stats()->poll_errors, 0);
}

static void a_source_may_be_asked_on_every_nth_tick_only(void **state)
{
	struct rp_scrape_options options = usual();
	int64_t begin_ns = rp_clock_monotonic_ns();

	(void)state;
	options.tick_ns = 20 * MS;
	options.period_ticks = 5;
	add_endpoint(0);
	start_with(options);
	RUN_UNTIL(page_server.requests == 5);
	/* The first on the first tick; a slow machine only makes it later. */
	assert_true(page_server.request_ns[0] - begin_ns < 5 * 100 * MS);
	assert_true(page_server.request_ns[4] - page_server.request_ns[0] >= 370 * MS);
}

/* ---- the whole ---- */

static void without_a_metrics_source_nobody_is_scraped(void **state)
{
	struct rp_scrape_options options = usual();

	(void)state;
	options.is_on = false;
	add_endpoint(0);
	start_with(options);
	run_for(150 * MS);
	assert_int_equal(page_server.accepts, 0);
	assert_int_equal(stats()->endpoint_count, 0);
	assert_int_equal(epoch(), 0);
}

static void the_configuration_says_what_is_scraped(void **state)
{
	static struct rp_control control;
	static struct rp_live live;

	(void)state;
	memset(&live, 0, sizeof(live));
	control.loop = loop;
	control.shared.live = &live;
	control.flags.refresh_metrics_interval = 1 * MS; /* raised to 50 ms */
	snprintf(control.config.scrape_path, sizeof(control.config.scrape_path), "/other");
	control.config.scrape_port = page_server.port;
	add_endpoint_at(0, 1, page_server.ip, 1);
	assert_int_equal(rp_scrape_new(&control, &scrape), RP_OK);
	rp_scrape_set_endpoints(scrape, &table);
	run_for(120 * MS);
	assert_int_equal(page_server.accepts, 0);
	rp_scrape_free(scrape);

	control.config.has_metrics_source = true;
	assert_int_equal(rp_scrape_new(&control, &scrape), RP_OK);
	rp_scrape_set_endpoints(scrape, &table);
	RUN_UNTIL(page_server.requests == 4);
	assert_true(page_server.request_ns[3] - page_server.request_ns[0] >= 120 * MS);
	assert_int_equal(strncmp(page_server.request, "GET /other HTTP/1.1\r\n", 21), 0);
	RUN_UNTIL(atomic_load(&live.metrics.waiting[0]) == 4);
	rp_scrape_free(scrape);

	snprintf(control.config.default_engine, sizeof(control.config.default_engine), "abacus");
	assert_int_equal(rp_scrape_new(&control, &scrape), RP_ECONFIG);
	scrape = NULL;
}

static void a_new_scraper_goes_on_from_the_living_figures(void **state)
{
	const struct rp_endpoint_figures living = {.waiting = 4,
						   .running = 5,
						   .kv_usage = 0.4,
						   .cache_block_size = 6,
						   .cache_num_blocks = 7,
						   .lora_max = 3,
						   .lora_active_count = 1,
						   .lora_active = {99},
						   .updated_ns = 1};

	(void)state;
	rp_endpoint_metrics_write(&metrics, 0, &living);
	page_server.manner = CLOSES_UNANSWERED;
	add_endpoint(0);
	start_with(usual());
	RUN_UNTIL(stats()->poll_errors == 2);
	assert_figures(0, 4);
	assert_int_equal(figures_of(0)->updated_ns, 1);
	/* What the page has not is as it was before this process. */
	page_server.manner = ANSWERS;
	serve_text("HTTP/1.1 200 OK\r\nContent-Length: 67\r\n\r\n"
		   "# TYPE vllm:num_requests_waiting gauge\nvllm:num_requests_waiting 9\n");
	RUN_UNTIL(figures_of(0)->waiting == 9);
	assert_int_equal(figures_of(0)->running, 5);
	assert_int_equal(figures_of(0)->cache_num_blocks, 7);
	assert_int_equal(figures_of(0)->lora_max, 3);
	assert_int_equal(figures_of(0)->lora_active[0], 99);
	/* Its end takes nothing along either. */
	rp_scrape_free(scrape);
	scrape = NULL;
	assert_int_equal(figures_of(0)->waiting, 9);
}

static void a_path_or_an_address_that_would_split_the_request_is_refused(void **state)
{
	struct rp_http_client client = {.loop = loop};
	struct rp_http_target target;
	const struct rp_bytes ip = RP_BYTES_LIT("127.0.0.1");

	(void)state;
	assert_int_equal(rp_http_target_init(&target, &client, ip, 1, "metrics"), RP_EFORMAT);
	assert_int_equal(rp_http_target_init(&target, &client, ip, 1, ""), RP_EFORMAT);
	assert_int_equal(rp_http_target_init(&target, &client, ip, 1, "/a b"), RP_EFORMAT);
	assert_int_equal(rp_http_target_init(&target, &client, ip, 1, "/a\r\nX: y"), RP_EFORMAT);
	assert_int_equal(
		rp_http_target_init(&target, &client, RP_BYTES_LIT("127.0.0.1\r\nX: y"), 1, "/"),
		RP_EFORMAT);
	assert_int_equal(rp_http_target_init(&target, &client, RP_BYTES_LIT("[::1]"), 1, "/"),
			 RP_OK);
	assert_non_null(strstr(target.request, "\r\nHost: [::1]:1\r\n"));
	rp_http_target_fini(&target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_page_becomes_the_figures_of_its_slot),
		TEST(one_connection_carries_all_pages),
		TEST(a_page_may_come_byte_by_byte),
		TEST(chunked_and_closed_pages_are_read_too),
		TEST(a_server_that_hangs_is_given_up_after_a_second),
		TEST(the_timeout_does_not_wait_for_the_next_tick),
		TEST(a_drip_that_never_ends_is_given_up_too),
		TEST(a_body_of_200_megabytes_is_not_read),
		TEST(a_body_without_end_is_cut_at_the_bound),
		TEST(a_head_without_end_is_cut_at_the_bound),
		TEST(a_close_in_the_body_is_one_error),
		TEST(only_status_200_updates),
		TEST(a_page_that_ends_inside_a_line_is_rejected),
		TEST(a_page_of_something_else_leaves_the_figures_stale),
		TEST(bytes_nobody_asked_for_end_the_connection),
		TEST(a_connection_closed_while_idle_is_replaced),
		TEST(a_connection_closed_under_a_request_is_tried_once_more),
		TEST(a_fresh_connection_closed_unanswered_is_not_tried_again),
		TEST(nobody_listening_is_an_error_until_somebody_does),
		TEST(endpoints_come_and_go),
		TEST(an_endpoint_may_leave_in_the_middle_of_a_scrape),
		TEST(an_address_that_is_none_harms_no_other_endpoint),
		TEST(the_label_chooses_the_engine_and_may_change),
		TEST(custom_metrics_are_scraped_and_stay_when_their_series_goes),
		TEST(answers_of_one_turn_are_one_bump),
		TEST(endpoints_are_spread_over_the_tick),
		TEST(many_endpoints_are_read_together_and_few_at_once),
		TEST(pages_that_come_in_bits_do_not_mix),
		TEST(missed_ticks_are_not_made_up_for),
		TEST(a_source_may_be_asked_on_every_nth_tick_only),
		TEST(without_a_metrics_source_nobody_is_scraped),
		TEST(the_configuration_says_what_is_scraped),
		TEST(a_new_scraper_goes_on_from_the_living_figures),
		TEST(a_path_or_an_address_that_would_split_the_request_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
