/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a run, for people and as JSON.
 */
#ifndef RP_PERF_BENCH_RESULT_H
#define RP_PERF_BENCH_RESULT_H

#include <stdio.h>

#include "perf/bench/bench_run.h"

/** A table. */
void rp_bench_result_print(FILE *out, const struct rp_bench_options *options,
			   const struct rp_bench_result *result);
/** One JSON object and a line break. */
void rp_bench_result_json(FILE *out, const struct rp_bench_options *options,
			  const struct rp_bench_result *result);
/** Was every stream answered, and right? */
bool rp_bench_result_is_right(const struct rp_bench_result *result);

#endif /* RP_PERF_BENCH_RESULT_H */
