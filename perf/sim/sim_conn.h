/* SPDX-License-Identifier: Apache-2.0
 *
 * One client connection: reads a request, has it answered, sends the answer, goes on with the next.
 * Requests that were sent ahead wait in the buffer. A client that goes away, or ends its side,
 * while its call waits or runs ends the call.
 */
#ifndef RP_PERF_SIM_CONN_H
#define RP_PERF_SIM_CONN_H

#include "perf/sim/sim_call.h"
#include "perf/sim/sim_http.h"
#include "perf/sim/sim_server.h"

enum rp_sim_conn_state {
	RP_SIM_CONN_READING,
	RP_SIM_CONN_BUSY,      /* its call waits or runs */
	RP_SIM_CONN_FLUSHING,  /* the whole answer is in out */
	RP_SIM_CONN_LINGERING, /* answer sent; reads on so that the client gets to see it */
};

struct rp_sim_conn {
	struct rp_sim_source source; /* first: events point here */
	struct rp_sim_server *server;
	struct rp_sim_endpoint *endpoint;
	enum rp_sim_conn_state state;
	bool is_closed;
	bool must_close;  /* after this answer */
	bool must_linger; /* the request was not read to its end */
	bool has_said_continue;
	uint32_t interest; /* epoll events asked for */
	struct rp_sim_http http;
	struct rp_sim_buf in;
	struct rp_sim_buf out;
	size_t out_at; /* sent so far */
	struct rp_sim_timer timer;
	struct rp_sim_call call;
	struct rp_sim_conn *next;
	struct rp_sim_conn *prev;
};

/** Take what waits on a listener. */
void rp_sim_conn_accept(struct rp_sim_server *server, struct rp_sim_endpoint *endpoint);
/** Events of epoll. */
void rp_sim_conn_on_events(struct rp_sim_conn *conn, uint32_t events);
/** The connection's timer is due. */
void rp_sim_conn_on_timer(struct rp_sim_conn *conn);
/** Its call left the queue and runs. */
void rp_sim_conn_on_start(struct rp_sim_conn *conn);
/** Close at once; the memory lives until rp_sim_conn_free_closed(). */
void rp_sim_conn_close(struct rp_sim_conn *conn);
void rp_sim_conn_free_closed(struct rp_sim_server *server);
/** Bytes that are not yet sent. */
size_t rp_sim_conn_unsent(const struct rp_sim_conn *conn);

#endif /* RP_PERF_SIM_CONN_H */
