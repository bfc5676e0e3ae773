/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_workers.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_S = 2 };

static struct rp_bench_worker *worker_of(struct rp_bench_result *result, struct rp_bytes name)
{
	for (uint32_t i = 0; i < result->worker_count; i++) {
		if (rp_bytes_equal_str(name, result->workers[i].name))
			return &result->workers[i];
	}
	if (result->worker_count == RP_BENCH_WORKERS_MAX ||
	    name.len >= sizeof(result->workers[0].name))
		return NULL;
	struct rp_bench_worker *worker = &result->workers[result->worker_count++];

	*worker = (struct rp_bench_worker){0};
	rp_bytes_to_str(name, worker->name, sizeof(worker->name));
	return worker;
}

/* name{worker="0"} 12 */
static bool is_sample(struct rp_bytes line, const char *name, struct rp_bytes *ret_worker,
		      double *ret_value)
{
	struct rp_bytes label = RP_BYTES_LIT("{worker=\"");
	char number[64];

	if (!rp_bytes_starts_with(line, rp_bytes_str(name)))
		return false;
	line = rp_bytes_slice(line, strlen(name), SIZE_MAX);
	if (!rp_bytes_starts_with(line, label))
		return false;
	line = rp_bytes_slice(line, label.len, SIZE_MAX);
	size_t end = rp_bytes_find(line, RP_BYTES_LIT("\"} "));

	if (end == SIZE_MAX)
		return false;
	*ret_worker = rp_bytes_slice(line, 0, end);
	rp_bytes_to_str(rp_bytes_slice(line, end + 3, SIZE_MAX), number, sizeof(number));
	*ret_value = strtod(number, NULL);
	return true;
}

void rp_bench_workers_take(struct rp_bytes page, struct rp_bench_result *result, int sign)
{
	while (page.len > 0) {
		size_t end = rp_bytes_find(page, RP_BYTES_LIT("\n"));
		struct rp_bytes line = rp_bytes_slice(page, 0, end);
		struct rp_bytes name;
		double value;
		struct rp_bench_worker *worker;

		if (is_sample(line, "ringpick_worker_connections", &name, &value)) {
			worker = worker_of(result, name);
			if (worker != NULL)
				worker->connections = value;
		} else if (is_sample(line, "ringpick_worker_requests_total", &name, &value)) {
			worker = worker_of(result, name);
			if (worker != NULL)
				worker->requests += sign * value;
		}
		page = rp_bytes_slice(page, end == SIZE_MAX ? page.len : end + 1, SIZE_MAX);
	}
}

static int dial(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct timeval timeout = {.tv_sec = TIMEOUT_S};
	struct addrinfo *found = NULL;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	return fd;
}

/* All that comes until the server closes; NULL if nothing did. */
static uint8_t *receive_all(int fd, size_t *ret_bytes)
{
	size_t room = 64 << 10;
	size_t used = 0;
	uint8_t *page = malloc(room);

	while (page != NULL) {
		ssize_t n = recv(fd, page + used, room - used, 0);

		if (n <= 0)
			break;
		used += (size_t)n;
		if (used < room)
			continue;
		if (room >= RP_BENCH_PAGE_BYTES_MAX)
			break;
		room *= 2;
		uint8_t *larger = realloc(page, room);

		if (larger == NULL)
			break;
		page = larger;
	}
	*ret_bytes = used;
	return page;
}

void rp_bench_workers_read(const char *url, struct rp_bench_result *result, int sign)
{
	static const char scheme[] = "http://";
	char host[256];
	char request[1024];

	if (url == NULL || strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return;
	struct rp_bytes rest = rp_bytes_str(url + sizeof(scheme) - 1);
	size_t slash = rp_bytes_find(rest, RP_BYTES_LIT("/"));
	const char *path = slash == SIZE_MAX ? "/metrics" : url + sizeof(scheme) - 1 + slash;

	rp_bytes_to_str(rp_bytes_slice(rest, 0, slash), host, sizeof(host));
	int n = snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
	char *colon = strrchr(host, ':');

	if (colon == NULL || n < 0 || (size_t)n >= sizeof(request))
		return;
	*colon = '\0';
	int fd = dial(host, colon + 1);

	if (fd < 0)
		return;
	size_t bytes = 0;
	uint8_t *page =
		send(fd, request, (size_t)n, MSG_NOSIGNAL) == n ? receive_all(fd, &bytes) : NULL;

	if (page != NULL)
		rp_bench_workers_take(rp_bytes(page, bytes), result, sign);
	free(page);
	close(fd);
}
