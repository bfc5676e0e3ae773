/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "perf/bench/bench_broken.h"
#include "perf/bench/bench_result.h"

enum { REQUESTS = 4 };

/* How long an answer is awaited: where none is expected, and where a busy machine may be slow. */
#define SHORT_S 0.5
#define LONG_S	20

static const char *const whats[] = {
#define WHAT(name, what, reason) what,
	RP_BENCH_FAULTS(WHAT)
#undef WHAT
};

static const char *const reasons[] = {
#define REASON(name, what, reason) reason,
	RP_BENCH_FAULTS(REASON)
#undef REASON
};

/* Was what happened what should have? All streams right, or none, and for the reason. */
static bool is_as_expected(const struct rp_bench_stats *stats, const char *reason,
			   const char **ret_seen)
{
	uint64_t bad = stats->failed + stats->wrong;

	*ret_seen = "every stream was right";
	if (bad == 0)
		return reason == NULL && stats->completed == REQUESTS;
	*ret_seen = stats->wrong > 0 ? stats->wrong_reasons.list[0].why
				     : stats->failed_reasons.list[0].why;
	return reason != NULL && bad == REQUESTS && stats->completed == 0 &&
	       strncmp(*ret_seen, reason, strlen(reason)) == 0;
}

static bool try_fault(enum rp_bench_fault fault)
{
	static struct rp_bench_result result; /* too large for a stack frame */
	struct rp_bench_options options;
	struct rp_bench_broken *broken;
	struct rp_diag diag = {0};
	const atomic_bool stop = false;
	const char *seen = diag.message;
	uint16_t port;
	char target[32];

	if (rp_bench_broken_start(fault, &broken, &port) != RP_OK)
		return false;
	snprintf(target, sizeof(target), "127.0.0.1:%u", port);
	rp_bench_options_init(&options);
	options.target = target;
	snprintf(options.host, sizeof(options.host), "127.0.0.1");
	snprintf(options.port, sizeof(options.port), "%u", port);
	options.is_tls = false;
	options.is_quiet = true;
	options.connections = 1;
	options.streams = 2;
	options.requests = REQUESTS;
	options.warmup_s = 0;
	options.timeout_s = reasons[fault] != NULL && strncmp(reasons[fault], "no answer", 9) == 0
				    ? SHORT_S
				    : LONG_S;
	options.body_bytes = 4000;
	options.chunk_bytes = 1000;
	options.answer = RP_BENCH_ANSWER_SSE;
	options.sse_chunks = 4;
	options.sse_interval_ms = 2;
	bool is_right = rp_bench_run(&options, &stop, &result, &diag) == RP_OK;

	if (is_right) {
		is_right = is_as_expected(&result.stats, reasons[fault], &seen);
		rp_bench_result_fini(&result);
	}
	rp_bench_broken_stop(broken);
	printf("%s  %-40s %s\n", is_right ? "ok    " : "MISSED", whats[fault], seen);
	return is_right;
}

bool rp_bench_self_test(void)
{
	bool is_right = true;

	for (int fault = 0; fault < RP_BENCH_FAULT_COUNT; fault++)
		is_right = try_fault((enum rp_bench_fault)fault) && is_right;
	puts(is_right ? "Every fault was caught, and the right picker was found right."
		      : "This build does not catch what is wrong: its figures mean nothing.");
	return is_right;
}
