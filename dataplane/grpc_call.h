/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC over an HTTP/2 stream: which method, message framing, deadline, status. Sits between
 * h2_session.h (below) and the services (above: ext_proc_stream.h, grpc_health.h).
 */
#ifndef RP_DATAPLANE_GRPC_CALL_H
#define RP_DATAPLANE_GRPC_CALL_H

#include "dataplane/env.h"
#include "dataplane/h2_session.h"

enum rp_grpc_status {
	RP_GRPC_OK = 0,
	RP_GRPC_CANCELLED = 1,
	RP_GRPC_UNKNOWN = 2,
	RP_GRPC_INVALID_ARGUMENT = 3,
	RP_GRPC_DEADLINE_EXCEEDED = 4,
	RP_GRPC_NOT_FOUND = 5,
	RP_GRPC_RESOURCE_EXHAUSTED = 8,
	RP_GRPC_UNIMPLEMENTED = 12,
	RP_GRPC_INTERNAL = 13,
	RP_GRPC_UNAVAILABLE = 14,
};

/** The one set of callbacks that worker.c gives to every rp_h2_env, whose `worker` must point to
 * the worker's struct rp_env. */
extern const struct rp_h2_stream_ops rp_grpc_stream_ops;

/**
 * To be called in each turn, before the sessions are pulled: ends overdue calls (grpc-timeout) and
 * tells Watch callers of changed health. One comparison when nothing is due.
 * @return next deadline, monotonic ns; INT64_MAX: none
 */
int64_t rp_grpc_tick(struct rp_env *env, int64_t now_ns);

/** Give back the records of closed calls. No call may be open. */
void rp_grpc_fini(struct rp_env *env);

#endif /* RP_DATAPLANE_GRPC_CALL_H */
