/* SPDX-License-Identifier: Apache-2.0
 *
 * One simulated model server: its place to listen, its adapters, its queue and its figures.
 */
#ifndef RP_PERF_SIM_ENDPOINT_H
#define RP_PERF_SIM_ENDPOINT_H

#include "perf/sim/sim_call.h"
#include "perf/sim/sim_lora.h"
#include "perf/sim/sim_options.h"
#include "perf/sim/sim_random.h"

enum { RP_SIM_POD_NAME_MAX = 272 };

/* What an epoll event points to begins with this. */
enum rp_sim_source_kind {
	RP_SIM_SOURCE_LISTENER,
	RP_SIM_SOURCE_CONN,
	RP_SIM_SOURCE_SIGNAL,
	RP_SIM_SOURCE_TIMER
};

struct rp_sim_source {
	enum rp_sim_source_kind kind;
	int fd;
};

struct rp_sim_metrics {
	struct rp_sim_histogram histograms[RP_SIM_HISTOGRAM_COUNT];
	uint64_t counters[RP_SIM_COUNTER_COUNT];
	uint64_t success[RP_SIM_FINISH_COUNT];
	bool is_dirty;		/* page is older than the figures */
	struct rp_sim_buf page; /* the last exposition */
};

struct rp_sim_endpoint {
	struct rp_sim_source source; /* first: events point here */
	const struct rp_sim_options *options;
	uint32_t idx;
	uint16_t port;
	char pod[RP_SIM_POD_NAME_MAX]; /* empty: no x-inference-pod header */
	struct rp_sim_tuning tuning;   /* own copy */
	struct rp_sim_fake *fake;      /* owned; NULL: real figures */
	struct rp_sim_random random;
	uint64_t next_id;
	int64_t start_ns;
	struct rp_sim_loras loras;
	struct rp_sim_metrics metrics;
	uint32_t running;
	uint32_t waiting;
	struct rp_sim_call *queue_first;
	struct rp_sim_call *queue_last;
	bool needs_scan; /* a slot or an adapter's place became free */
	bool is_scan_listed;
	struct rp_sim_endpoint *next_scan;
};

/** Prepare everything but the socket. RP_OK or RP_ENOMEM. */
RP_MUST_CHECK int rp_sim_endpoint_init(struct rp_sim_endpoint *endpoint,
				       const struct rp_sim_options *options, uint32_t idx,
				       uint32_t endpoint_count, int64_t now_ns, int64_t wall_s);
/** Listen without blocking. RP_OK or -errno; endpoint->port is set, also for port 0. */
RP_MUST_CHECK int rp_sim_endpoint_listen(struct rp_sim_endpoint *endpoint, const char *host,
					 uint16_t port);
void rp_sim_endpoint_fini(struct rp_sim_endpoint *endpoint);
/** "cmpl-" or "chatcmpl-" and a version-5 UUID of seed, port and a count, into call->id. */
void rp_sim_endpoint_make_id(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call);

#endif /* RP_PERF_SIM_ENDPOINT_H */
