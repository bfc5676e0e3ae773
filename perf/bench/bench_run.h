/* SPDX-License-Identifier: Apache-2.0
 *
 * One run: threads that load the picker, the window in which is measured, and what came of it.
 */
#ifndef RP_PERF_BENCH_RUN_H
#define RP_PERF_BENCH_RUN_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "perf/bench/bench_plan.h"
#include "perf/bench/bench_proc.h"
#include "perf/bench/bench_stats.h"
#include "shm/clock.h"

enum rp_bench_stage {
	RP_BENCH_STAGE_CONNECT,
	RP_BENCH_STAGE_IDLE, /* idle streams are opened */
	RP_BENCH_STAGE_LOAD,
	RP_BENCH_STAGE_DRAIN, /* what is open is answered */
};

enum { RP_BENCH_SECONDS_KEPT = 8 };

/* What threads share. Times are of CLOCK_MONOTONIC. */
struct rp_bench_run {
	const struct rp_bench_options *options;
	struct rp_bench_plan plan;
	struct sockaddr_storage address;
	socklen_t address_bytes;
	_Atomic int stage;
	int64_t measure_begin_ns; /* written before the stage moves on to LOAD */
	int64_t measure_end_ns;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	uint32_t threads_ready; /* with the stage */
	uint64_t open;		/* streams, as of the last second */
	bool has_failed;
	char why[RP_BENCH_REASON_BYTES];
	struct rp_bench_second seconds[RP_BENCH_SECONDS_KEPT];
};

/** A thread is through with the stage. */
void rp_bench_run_ready(struct rp_bench_run *run);
/** There is no point in going on. why: copied; the first one counts. */
void rp_bench_run_fail(struct rp_bench_run *run, const char *why);

struct rp_bench_point {
	double t_s;
	uint64_t completed;
	uint64_t failed;
	int64_t p50_ns;
	int64_t p99_ns;
	int64_t max_ns;
};

/* A worker of the server, from its metrics page. */
struct rp_bench_worker {
	char name[32];
	double connections;
	double requests; /* in the measured window */
};

struct rp_bench_result {
	struct rp_bench_stats stats;
	double seconds; /* of the measured window */
	bool was_interrupted;
	char started[32];				/* ISO 8601 */
	struct rp_bench_proc before[RP_BENCH_PIDS_MAX]; /* connected, nothing opened yet */
	struct rp_bench_proc begin[RP_BENCH_PIDS_MAX];	/* of the measured window */
	struct rp_bench_proc end[RP_BENCH_PIDS_MAX];	/* CPU only */
	struct rp_bench_proc after[RP_BENCH_PIDS_MAX];	/* memory, just after it */
	int64_t client_cpu_ns;				/* all threads, in the measured window */
	int64_t client_cpu_ns_worst;			/* the busiest one */
	int64_t client_wait_ns;				/* ready to run, but without a CPU */
	int64_t client_wanted_ns_worst;			/* CPU and waiting of one thread */
	uint32_t point_count;
	struct rp_bench_point *points;
	uint32_t worker_count;
	struct rp_bench_worker workers[RP_BENCH_WORKERS_MAX];
};

/**
 * Load the picker as the options say and measure. Blocks until it is over.
 *
 * @param[in] stop   if it becomes true (a signal handler), the run ends early
 * @param[out] ret   results, to be given to rp_bench_result_fini(); valid with RP_OK only
 * @return RP_OK; RP_ECONFIG: options do not fit each other; RP_ECLOSED: no connection, or the
 * picker allows fewer streams than wanted; the reason is in *diag
 */
RP_MUST_CHECK int rp_bench_run(const struct rp_bench_options *options, const atomic_bool *stop,
			       struct rp_bench_result *ret, struct rp_diag *diag);
void rp_bench_result_fini(struct rp_bench_result *result);

#endif /* RP_PERF_BENCH_RUN_H */
