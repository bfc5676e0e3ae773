/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc.health.v1 as the segment tells it: every service name is SERVING while the pool is known and
 * nobody asked us to stop (ext_proc reference 7, without leader election).
 */
#ifndef RP_DATAPLANE_GRPC_HEALTH_H
#define RP_DATAPLANE_GRPC_HEALTH_H

#include "dataplane/env.h"
#include "dataplane/grpc_frame.h"
#include "dataplane/h2_session.h"

enum rp_health_status {
	RP_HEALTH_UNKNOWN = 0,
	RP_HEALTH_SERVING = 1,
	RP_HEALTH_NOT_SERVING = 2,
};

enum rp_health_status rp_grpc_health_status(const struct rp_env *env);

/** Is this a well-formed HealthCheckRequest with a service name of bearable length?
 * @return RP_OK; RP_EFORMAT; RP_ETOOBIG */
RP_MUST_CHECK int rp_grpc_health_read(const struct rp_grpc_message *message);

/** Queue a HealthCheckResponse. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_grpc_health_send(struct rp_h2_stream *stream, enum rp_health_status status);
/** Queue a HealthListResponse. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_grpc_health_send_list(struct rp_h2_stream *stream,
					   enum rp_health_status status);

#endif /* RP_DATAPLANE_GRPC_HEALTH_H */
