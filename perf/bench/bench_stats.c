/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_stats.h"

#include "shm/bytes.h"

static void merge_reasons(struct rp_bench_reasons *into, const struct rp_bench_reasons *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		rp_bench_reason_add(into, from->list[i].stream, from->list[i].why);
}

void rp_bench_second_merge(struct rp_bench_second *into, const struct rp_bench_second *from)
{
	into->completed += from->completed;
	into->failed += from->failed;
	rp_bench_hist_merge(&into->pick, &from->pick);
}

void rp_bench_stats_merge(struct rp_bench_stats *into, const struct rp_bench_stats *from)
{
	into->started += from->started;
	into->completed += from->completed;
	into->failed += from->failed;
	into->wrong += from->wrong;
	into->chunks += from->chunks;
	into->late += from->late;
	into->late_full += from->late_full;
	into->unstarted += from->unstarted;
	into->open_peak += from->open_peak;
	rp_bench_hist_merge(&into->pick, &from->pick);
	rp_bench_hist_merge(&into->stream, &from->stream);
	rp_bench_hist_merge(&into->chunk, &from->chunk);
	merge_reasons(&into->wrong_reasons, &from->wrong_reasons);
	merge_reasons(&into->failed_reasons, &from->failed_reasons);
}

void rp_bench_reason_add(struct rp_bench_reasons *reasons, uint64_t stream, const char *why)
{
	if (reasons->count == RP_BENCH_REASONS_MAX)
		return;
	struct rp_bench_reason *reason = &reasons->list[reasons->count++];

	reason->stream = stream;
	rp_bytes_to_str(rp_bytes_str(why), reason->why, sizeof(reason->why));
}
