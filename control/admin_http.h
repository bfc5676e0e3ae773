/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 server of the metrics port: /metrics, /healthz, /readyz. Small on purpose: no
 * request bodies, no TLS. A client that is slow to ask or to read is cut off after a while; there
 * are two page buffers, and when clients hold both, further ones get the newer page.
 */
#ifndef RP_CONTROL_ADMIN_HTTP_H
#define RP_CONTROL_ADMIN_HTTP_H

#include "control/control.h"

struct rp_admin_http;

/**
 * Serve on a listening, non-blocking socket, which stays the caller's. Needs control->loop, shared,
 * settings, flags and pool_name; table and scrape are looked at when they are needed.
 *
 * @return RP_OK; RP_ENOMEM; -errno
 */
RP_MUST_CHECK int rp_admin_http_new(struct rp_control *control, int listen_fd,
				    struct rp_admin_http **ret_admin);
/** Close all connections. NULL is fine. */
void rp_admin_http_free(struct rp_admin_http *admin);

#endif /* RP_CONTROL_ADMIN_HTTP_H */
