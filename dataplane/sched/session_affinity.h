/* SPDX-License-Identifier: Apache-2.0
 *
 * What session-affinity-scorer and session-affinity-filter have in common (scheduling
 * reference 3.7): which endpoint a request's session belongs to, and how it comes to belong there.
 *
 * - encoded_endpoint_header: the client brings the endpoint's name along, in base64, as it got it
 *   with an earlier answer. Names are compared by their 64-bit hashes: whoever makes up another
 *   name of the same hash could have sent that name.
 * - session_id: the client brings an id along; who serves it stands in the table that all workers
 *   share. Only a binding whose endpoint was not among the candidates goes to another one.
 */
#ifndef RP_DATAPLANE_SCHED_SESSION_AFFINITY_H
#define RP_DATAPLANE_SCHED_SESSION_AFFINITY_H

#include "dataplane/sched/sched_plugin.h"

/** Hash of an endpoint's name: what rp_session_find() needs to have prepared. */
void rp_session_prepare(const struct rp_call *call, uint32_t table_idx, void *prepared);

/**
 * The candidate that the request's session belongs to.
 * @return index in `in`, RP_NO_ENDPOINT if there is none
 */
uint32_t rp_session_find(const struct rp_call *call, const struct rp_candidates *in);

/** Bind the session to the pick, or add the header that names it to the answer. */
void rp_session_pre_request(const struct rp_call *call);

/** The bytes that rp_session_prepare() writes. */
enum { RP_SESSION_PREPARED_BYTES = sizeof(uint64_t) };

#endif /* RP_DATAPLANE_SCHED_SESSION_AFFINITY_H */
