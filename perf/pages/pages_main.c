/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-pages: the metrics pages of many model servers for next to no CPU time, so that what
 * scraping them costs can be measured. Every address of 127.0.0.0/8 is a server of its own on the
 * one port. The page has exactly --page-bytes bytes in the shape of vLLM's and its figures change
 * from answer to answer. `GET /stats` tells how many pages were asked for since the last such
 * request, and how long after its page before each connection asked again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/bytes.h"
#include "shm/clock.h"

enum {
	VARIANTS = 16, /* pages with different figures */
	PAGE_BYTES_MIN = 1500,
	PAGE_BYTES_MAX = 1 << 20,
	HEAD_BYTES = 256,
	CONNS_MAX = 65536, /* by descriptor */
	EVENTS = 256,
	GAP_BUCKETS = 5000, /* of GAP_US each; the last one holds all above */
	GAP_US = 100,
};

struct page {
	char *text; /* head and body */
	size_t bytes;
};

struct conn {
	int64_t asked_ns; /* 0: not yet */
	size_t sent;
	const struct page *page; /* being sent; NULL: none */
	bool wants_write;
	uint32_t turn;
};

static struct page page[VARIANTS];
static struct conn conn[CONNS_MAX];
static int epoll_fd;
static uint64_t pages_asked;
static uint64_t gap_count;
static uint64_t gap_max_ns;
static uint64_t gap[GAP_BUCKETS + 1];

/* ---- pages ---- */

/* What a picker reads stands first and last on a vLLM page, histograms between. */
static void write_begin(struct rp_writer *w, unsigned i)
{
	char text[PAGE_BYTES_MIN];

	snprintf(text, sizeof(text),
		 "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
		 "# TYPE process_resident_memory_bytes gauge\n"
		 "process_resident_memory_bytes %u.0\n"
		 "# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
		 "# TYPE vllm:num_requests_running gauge\n"
		 "vllm:num_requests_running{engine=\"0\",model_name=\"reviews-1\"} %u.0\n"
		 "# HELP vllm:num_requests_waiting Number of requests waiting to be processed.\n"
		 "# TYPE vllm:num_requests_waiting gauge\n"
		 "vllm:num_requests_waiting{engine=\"0\",model_name=\"reviews-1\"} %u.0\n"
		 "# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.\n"
		 "# TYPE vllm:kv_cache_usage_perc gauge\n"
		 "vllm:kv_cache_usage_perc{engine=\"0\",model_name=\"reviews-1\"} 0.%u\n",
		 734003200u + 4096u * i, i * 7, i * i, 12345u * (i + 1));
	rp_write_str(w, text);
}

static void write_end(struct rp_writer *w)
{
	rp_write_str(w,
		     "# HELP vllm:lora_requests_info Running stats on lora requests.\n"
		     "# TYPE vllm:lora_requests_info gauge\n"
		     "vllm:lora_requests_info{max_lora=\"2\",running_lora_adapters=\"\","
		     "waiting_lora_adapters=\"\"} 1.7567e+09\n"
		     "# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig\n"
		     "# TYPE vllm:cache_config_info gauge\n"
		     "vllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",engine=\"0\","
		     "gpu_memory_utilization=\"0.9\",num_gpu_blocks=\"27000\"} 1.0\n");
}

/* Histogram lines until `bytes` are full, the rest as a comment. */
static void fill(struct rp_writer *w, size_t bytes, unsigned i)
{
	char line[256];

	for (unsigned nth = 0;; nth++) {
		int n;

		if (nth % 20 == 0)
			n = snprintf(line, sizeof(line),
				     "# HELP vllm:time_%u_seconds Histogram of a time in seconds.\n"
				     "# TYPE vllm:time_%u_seconds histogram\n",
				     nth / 20, nth / 20);
		else
			n = snprintf(line, sizeof(line),
				     "vllm:time_%u_seconds_bucket{engine=\"0\",le=\"%u.5\","
				     "model_name=\"reviews-1\"} %u.0\n",
				     nth / 20, nth % 20, nth * 37 * (i + 1));
		if ((size_t)n + 3 > bytes)
			break;
		rp_write_str(w, line);
		bytes -= (size_t)n;
	}
	while (bytes > 0) {
		size_t n = bytes > sizeof(line) ? sizeof(line) / 2 : bytes;

		memset(line, '#', n);
		line[n - 1] = '\n';
		rp_write_bytes(w, rp_bytes(line, n));
		bytes -= n;
	}
}

static void make_page(struct page *p, size_t body_bytes, unsigned i)
{
	struct rp_writer w;
	char end_text[PAGE_BYTES_MIN];
	struct rp_writer end = rp_writer(end_text, sizeof(end_text));
	char head[HEAD_BYTES];
	size_t head_bytes;

	p->text = malloc(HEAD_BYTES + body_bytes);
	if (p->text == NULL)
		abort();
	w = rp_writer(p->text, HEAD_BYTES + body_bytes);
	snprintf(head, sizeof(head),
		 "HTTP/1.1 200 OK\r\ndate: Tue, 02 Sep 2025 10:00:00 GMT\r\nserver: uvicorn\r\n"
		 "content-length: %zu\r\n"
		 "content-type: text/plain; version=0.0.4; charset=utf-8\r\n\r\n",
		 body_bytes);
	rp_write_str(&w, head);
	head_bytes = rp_written(&w);
	write_end(&end);
	write_begin(&w, i);
	fill(&w, body_bytes - (rp_written(&w) - head_bytes) - rp_written(&end), i);
	rp_write_bytes(&w, rp_writer_bytes(&end));
	RP_ASSERT(w.err == RP_OK);
	p->bytes = rp_written(&w);
	RP_ASSERT(p->bytes == head_bytes + body_bytes);
}

/* ---- connections ---- */

static void hang_up(int fd)
{
	conn[fd] = (struct conn){.turn = 0};
	close(fd);
}

static void watch(int fd, bool wants_write, int op)
{
	struct epoll_event event = {.events = wants_write ? EPOLLOUT : EPOLLIN, .data.fd = fd};

	conn[fd].wants_write = wants_write;
	if (epoll_ctl(epoll_fd, op, fd, &event) != 0)
		hang_up(fd);
}

static void accept_all(int listener)
{
	int one = 1;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= CONNS_MAX) {
			close(fd);
			continue;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		conn[fd] = (struct conn){.turn = (uint32_t)fd};
		watch(fd, false, EPOLL_CTL_ADD);
	}
}

static void send_page(int fd)
{
	struct conn *c = &conn[fd];
	ssize_t n = send(fd, c->page->text + c->sent, c->page->bytes - c->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		hang_up(fd);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->page->bytes)
		c->page = NULL;
	if (c->wants_write != (c->page != NULL))
		watch(fd, c->page != NULL, EPOLL_CTL_MOD);
}

static uint64_t gap_quantile_us(double q)
{
	uint64_t left = (uint64_t)((double)gap_count * q);

	for (uint64_t i = 0; i < GAP_BUCKETS; i++) {
		if (gap[i] >= left)
			return (i + 1) * GAP_US;
		left -= gap[i];
	}
	return gap_max_ns / 1000;
}

static void send_stats(int fd)
{
	char body[512];
	char text[1024];
	int n = snprintf(body, sizeof(body),
			 "{\"pages\":%llu,\"gap_us\":{\"count\":%llu,\"p1\":%llu,\"p50\":%llu,"
			 "\"p99\":%llu,\"p999\":%llu,\"max\":%llu}}\n",
			 (unsigned long long)pages_asked, (unsigned long long)gap_count,
			 (unsigned long long)gap_quantile_us(0.01),
			 (unsigned long long)gap_quantile_us(0.5),
			 (unsigned long long)gap_quantile_us(0.99),
			 (unsigned long long)gap_quantile_us(0.999),
			 (unsigned long long)(gap_max_ns / 1000));

	n = snprintf(text, sizeof(text),
		     "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
		     "Content-Type: application/json\r\nConnection: close\r\n\r\n%s",
		     n, body);
	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
	hang_up(fd);
	pages_asked = 0;
	gap_count = 0;
	gap_max_ns = 0;
	memset(gap, 0, sizeof(gap));
}

/* A request comes whole in one segment from the clients that this is made for. */
static void on_request(int fd, int64_t now_ns)
{
	struct conn *c = &conn[fd];
	char request[2048];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			hang_up(fd);
		return;
	}
	if (n >= 10 && memcmp(request, "GET /stats", 10) == 0) {
		send_stats(fd);
		return;
	}
	pages_asked++;
	if (c->asked_ns != 0) {
		uint64_t ns = (uint64_t)(now_ns - c->asked_ns);
		uint64_t i = ns / 1000 / GAP_US;

		gap[i < GAP_BUCKETS ? i : GAP_BUCKETS]++;
		gap_count++;
		gap_max_ns = ns > gap_max_ns ? ns : gap_max_ns;
	}
	c->asked_ns = now_ns;
	c->page = &page[c->turn++ % VARIANTS];
	c->sent = 0;
	send_page(fd);
}

static int serve(int listener)
{
	struct epoll_event event[EVENTS];

	for (;;) {
		int n = epoll_wait(epoll_fd, event, EVENTS, -1);
		int64_t now_ns = rp_clock_monotonic_ns();

		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			int fd = event[i].data.fd;

			if (fd == listener)
				accept_all(listener);
			else if (conn[fd].wants_write)
				send_page(fd);
			else
				on_request(fd, now_ns);
		}
	}
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_ANY)}};
	struct epoll_event event = {.events = EPOLLIN};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	event.data.fd = fd;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 4096) != 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return -1;
	return fd;
}

static bool read_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	return rp_bytes_to_u64(rp_bytes_str(text), max, ret_value) == RP_OK && *ret_value >= min;
}

int main(int argc, char *argv[])
{
	struct rlimit files;
	uint64_t port;
	uint64_t bytes;
	int listener;

	if (argc != 3 || !read_number(argv[1], 1, UINT16_MAX, &port) ||
	    !read_number(argv[2], PAGE_BYTES_MIN, PAGE_BYTES_MAX, &bytes)) {
		fprintf(stderr, "Usage: ringpick-pages PORT PAGE-BYTES (%d to %d)\n",
			PAGE_BYTES_MIN, PAGE_BYTES_MAX);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	for (unsigned i = 0; i < VARIANTS; i++)
		make_page(&page[i], bytes, i);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener = epoll_fd < 0 ? -1 : listen_on((uint16_t)port);
	if (listener < 0) {
		perror("ringpick-pages");
		return 1;
	}
	return serve(listener);
}
