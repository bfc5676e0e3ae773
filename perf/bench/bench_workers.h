/* SPDX-License-Identifier: Apache-2.0
 *
 * How connections and requests are spread over the workers of ringpick, from its metrics page.
 */
#ifndef RP_PERF_BENCH_WORKERS_H
#define RP_PERF_BENCH_WORKERS_H

#include "perf/bench/bench_run.h"

/**
 * Fetch http://HOST:PORT/path and take ringpick_worker_connections and
 * ringpick_worker_requests_total of each worker into result->workers; requests are added with the
 * sign. url NULL, and a page that cannot be had: nothing happens. Blocks for 2 s at most.
 */
void rp_bench_workers_read(const char *url, struct rp_bench_result *result, int sign);

/** Take one page's samples; split off for tests. */
void rp_bench_workers_take(struct rp_bytes page, struct rp_bench_result *result, int sign);

#endif /* RP_PERF_BENCH_WORKERS_H */
