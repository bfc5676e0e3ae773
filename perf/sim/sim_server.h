/* SPDX-License-Identifier: Apache-2.0
 *
 * The process: endpoints, connections, timers and the epoll loop that turns them.
 */
#ifndef RP_PERF_SIM_SERVER_H
#define RP_PERF_SIM_SERVER_H

#include "perf/sim/sim_endpoint.h"
#include "perf/sim/sim_timer.h"

struct rp_sim_conn;

struct rp_sim_server {
	const struct rp_sim_options *options;
	struct rp_sim_endpoint *endpoints; /* owned */
	uint32_t endpoint_count;
	struct rp_sim_source epoll;
	struct rp_sim_source signals;
	struct rp_sim_source alarm; /* timerfd of the earliest timer */
	int64_t alarm_ns;	    /* what it is set to */
	struct rp_sim_timers timers;
	struct rp_sim_conn *conns;
	struct rp_sim_conn *closed; /* freed at the end of the turn */
	uint32_t conn_count;
	uint32_t conn_max;
	struct rp_sim_endpoint *scans; /* endpoints that need one */
	int64_t now_ns;		       /* one reading a turn */
	int64_t wall_s;
	int64_t date_s;
	char date[32];		   /* HTTP-date of date_s */
	struct rp_sim_buf scratch; /* a body under construction */
	bool should_stop;
};

/** Listen everywhere. RP_OK, or an error with the place in *diag. */
RP_MUST_CHECK int rp_sim_server_init(struct rp_sim_server *server,
				     const struct rp_sim_options *options, struct rp_diag *diag);
/** Serve until SIGTERM or SIGINT. RP_OK or -errno. */
RP_MUST_CHECK int rp_sim_server_run(struct rp_sim_server *server);
void rp_sim_server_fini(struct rp_sim_server *server);
/** Look for waiting calls of an endpoint that can run, at the end of the turn. */
void rp_sim_server_want_scan(struct rp_sim_server *server, struct rp_sim_endpoint *endpoint);

#endif /* RP_PERF_SIM_SERVER_H */
