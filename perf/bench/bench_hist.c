/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_hist.h"

#include <math.h>

enum { PER_OCTAVE = 1 << RP_BENCH_HIST_BITS };

static uint32_t bucket_of(int64_t ns)
{
	uint64_t value = (uint64_t)ns;

	if (value < 2 * PER_OCTAVE)
		return (uint32_t)value;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - RP_BENCH_HIST_BITS;

	return shift * PER_OCTAVE + (uint32_t)(value >> shift);
}

int64_t rp_bench_hist_upper(uint32_t bucket)
{
	if (bucket < 2 * PER_OCTAVE)
		return bucket;
	uint32_t shift = bucket / PER_OCTAVE - 1;
	int64_t lower = (int64_t)(bucket - shift * PER_OCTAVE) << shift;

	return lower + (INT64_C(1) << shift) - 1;
}

void rp_bench_hist_add(struct rp_bench_hist *hist, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	hist->count++;
	hist->sum_ns += (double)ns;
	if (ns > hist->max_ns)
		hist->max_ns = ns;
	if (ns > RP_BENCH_HIST_MAX_NS)
		ns = RP_BENCH_HIST_MAX_NS;
	hist->buckets[bucket_of(ns)]++;
}

void rp_bench_hist_merge(struct rp_bench_hist *into, const struct rp_bench_hist *from)
{
	into->count += from->count;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
	for (uint32_t i = 0; i < RP_BENCH_HIST_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

int64_t rp_bench_hist_at(const struct rp_bench_hist *hist, double part)
{
	if (hist->count == 0)
		return 0;
	double wanted = ceil(part * (double)hist->count);
	uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
	uint64_t seen = 0;

	for (uint32_t i = 0; i < RP_BENCH_HIST_BUCKETS; i++) {
		seen += hist->buckets[i];
		if (seen >= rank) {
			int64_t upper = rp_bench_hist_upper(i);

			return upper < hist->max_ns && upper < RP_BENCH_HIST_MAX_NS ? upper
										    : hist->max_ns;
		}
	}
	return hist->max_ns;
}

double rp_bench_hist_mean(const struct rp_bench_hist *hist)
{
	return hist->count == 0 ? 0 : hist->sum_ns / (double)hist->count;
}
