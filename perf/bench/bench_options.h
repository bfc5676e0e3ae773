/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of ringpick-bench.
 */
#ifndef RP_PERF_BENCH_OPTIONS_H
#define RP_PERF_BENCH_OPTIONS_H

#include "shm/err.h"
#include "shm/limits.h"

enum rp_bench_answer { RP_BENCH_ANSWER_JSON, RP_BENCH_ANSWER_SSE, RP_BENCH_ANSWER_NONE };

struct rp_bench_options {
	const char *target; /* HOST:PORT as given */
	char host[256];
	char port[8];
	bool is_tls;
	bool is_chat;
	bool is_shape_only; /* --check shape */
	bool is_quiet;
	bool is_self_test;
	bool wants_help;
	bool wants_version;
	uint32_t connections;
	uint32_t streams;  /* kept open on each connection */
	uint32_t max_open; /* open loop: streams open at once on a connection */
	uint32_t threads;
	uint32_t requests; /* 0: by time */
	uint32_t body_bytes;
	uint32_t chunk_bytes;
	uint32_t prefixes;
	uint32_t shared_bytes;
	enum rp_bench_answer answer;
	uint32_t answer_bytes;
	uint32_t sse_chunks;
	uint32_t sse_chunk_bytes;
	uint32_t idle_streams;
	uint32_t stream_window;
	uint32_t connection_window;
	uint64_t seed;
	double rate; /* streams a second; 0: closed loop */
	double duration_s;
	double warmup_s; /* below 0: not given */
	double timeout_s;
	double sse_interval_ms;
	double feed_interval_ms;
	const char *model;
	const char *metrics_url;
	const char *json_path;
	const char *html_path;
	uint32_t pid_count;
	uint32_t pids[RP_BENCH_PIDS_MAX];
};

void rp_bench_options_init(struct rp_bench_options *options);

/**
 * Read the command line. Texts in *options point into argv.
 * @return RP_OK; RP_ECONFIG with the reason in *diag
 */
RP_MUST_CHECK int rp_bench_options_parse(int argc, char **argv, struct rp_bench_options *options,
					 struct rp_diag *diag);

/** Text of --help. */
const char *rp_bench_options_help(void);

#endif /* RP_PERF_BENCH_OPTIONS_H */
