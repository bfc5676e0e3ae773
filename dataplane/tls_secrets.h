/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS material of a worker: asked of control on a private socket (shm/process.h), made into a
 * context.
 */
#ifndef RP_DATAPLANE_TLS_SECRETS_H
#define RP_DATAPLANE_TLS_SECRETS_H

#include "dataplane/tls.h"

/** Ask control for the material. A lost question does no harm: ask again. */
void rp_tls_secrets_ask(int fd);

/**
 * Take one message off the socket.
 *
 * @param[out] ret_context  NULL: serve without TLS
 * @return RP_OK; RP_EAGAIN: none is there; RP_ECLOSED; RP_EFORMAT: it is of no use, what was known
 *         stays in force (logged)
 */
RP_MUST_CHECK int rp_tls_secrets_receive(int fd, struct rp_tls_context **ret_context);

#endif /* RP_DATAPLANE_TLS_SECRETS_H */
