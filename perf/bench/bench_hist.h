/* SPDX-License-Identifier: Apache-2.0
 *
 * A histogram of durations: log-linear buckets, 128 to each power of two, so that what is read from
 * it is at most 1/128 above what was put in. Fixed size, no allocation, mergeable.
 */
#ifndef RP_PERF_BENCH_HIST_H
#define RP_PERF_BENCH_HIST_H

#include "shm/base.h"

enum { RP_BENCH_HIST_BITS = 7, RP_BENCH_HIST_BUCKETS = (1 << RP_BENCH_HIST_BITS) * 30 };

/* Values above this (2^36 ns, 68 s) are counted as it; max stays exact. */
#define RP_BENCH_HIST_MAX_NS ((INT64_C(1) << 36) - 1)

struct rp_bench_hist {
	uint64_t count;
	int64_t max_ns;
	double sum_ns;
	uint64_t buckets[RP_BENCH_HIST_BUCKETS];
};

/** Count one duration; a negative one counts as 0. A zeroed histogram is empty. */
void rp_bench_hist_add(struct rp_bench_hist *hist, int64_t ns);
/** Add all of `from` to `into`. */
void rp_bench_hist_merge(struct rp_bench_hist *into, const struct rp_bench_hist *from);

/**
 * The duration that the given part (0 to 1) of all counted ones does not exceed, by nearest rank.
 * @return upper end of its bucket, never above the largest counted one; 0 if nothing was counted
 */
int64_t rp_bench_hist_at(const struct rp_bench_hist *hist, double part);
double rp_bench_hist_mean(const struct rp_bench_hist *hist);
/** The largest duration that is counted in a bucket, nanoseconds. */
int64_t rp_bench_hist_upper(uint32_t bucket);

#endif /* RP_PERF_BENCH_HIST_H */
