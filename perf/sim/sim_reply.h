/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as they go over the wire: heads, whole bodies, errors and the chunks of a stream.
 */
#ifndef RP_PERF_SIM_REPLY_H
#define RP_PERF_SIM_REPLY_H

#include "perf/sim/sim_conn.h"

/** A whole JSON answer; `names_pod` adds the headers that tell who generated it. */
void rp_sim_reply_json(struct rp_sim_conn *conn, int status, struct rp_bytes body, bool names_pod);
/** A whole plain-text answer. */
void rp_sim_reply_text(struct rp_sim_conn *conn, int status, const char *body);
/** 405 with the method that would do. */
void rp_sim_reply_wrong_method(struct rp_sim_conn *conn, const char *allowed);
/** The page of /metrics. */
void rp_sim_reply_metrics(struct rp_sim_conn *conn, struct rp_bytes page);
/** The error object of the API; `param` may be NULL. */
void rp_sim_reply_error(struct rp_sim_conn *conn, int status, struct rp_bytes message,
			const char *param);
/** The head of a stream of server-sent events. */
void rp_sim_reply_begin_stream(struct rp_sim_conn *conn);
/** One chunk of a stream; nothing is done for an empty one. */
void rp_sim_reply_chunk(struct rp_sim_conn *conn, struct rp_bytes data);
/** The end of a stream. */
void rp_sim_reply_end_stream(struct rp_sim_conn *conn);

#endif /* RP_PERF_SIM_REPLY_H */
