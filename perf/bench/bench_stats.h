/* SPDX-License-Identifier: Apache-2.0
 *
 * What is counted: by each thread on its own, added up at the end, and handed over once a second.
 */
#ifndef RP_PERF_BENCH_STATS_H
#define RP_PERF_BENCH_STATS_H

#include "perf/bench/bench_hist.h"

enum { RP_BENCH_REASONS_MAX = 20, RP_BENCH_REASON_BYTES = 160 };

struct rp_bench_reason {
	uint64_t stream;
	char why[RP_BENCH_REASON_BYTES];
};

struct rp_bench_reasons {
	uint32_t count;
	struct rp_bench_reason list[RP_BENCH_REASONS_MAX];
};

/* One second of the timeline. */
struct rp_bench_second {
	uint64_t completed;
	uint64_t failed; /* and wrong */
	struct rp_bench_hist pick;
};

struct rp_bench_stats {
	uint64_t started;   /* in the measured window */
	uint64_t completed; /* in the measured window */
	uint64_t failed;    /* in the whole run, as */
	uint64_t wrong;
	uint64_t chunks;    /* echoed in the measured window */
	uint64_t late;	    /* open loop: started more than 1 ms late, the client's fault */
	uint64_t late_full; /* as many streams as allowed were open */
	uint64_t unstarted; /* due in the measured window, but there was never room for them */
	uint32_t open_peak;
	struct rp_bench_hist pick;
	struct rp_bench_hist stream;
	struct rp_bench_hist chunk;
	struct rp_bench_reasons wrong_reasons;
	struct rp_bench_reasons failed_reasons;
	struct rp_bench_second second; /* since it was handed over last */
};

void rp_bench_stats_merge(struct rp_bench_stats *into, const struct rp_bench_stats *from);
void rp_bench_second_merge(struct rp_bench_second *into, const struct rp_bench_second *from);
void rp_bench_reason_add(struct rp_bench_reasons *reasons, uint64_t stream, const char *why);

#endif /* RP_PERF_BENCH_STATS_H */
