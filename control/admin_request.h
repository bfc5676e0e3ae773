/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an HTTP/1.1 request on the metrics port (RFC 9112).
 */
#ifndef RP_CONTROL_ADMIN_REQUEST_H
#define RP_CONTROL_ADMIN_REQUEST_H

#include "shm/bytes.h"

struct rp_admin_request {
	struct rp_bytes method;
	struct rp_bytes path; /* without the query; empty for forms that have none */
	bool is_last;	      /* the connection ends with the response */
};

/**
 * Parse one request head.
 *
 * @param in  what has come so far; views in *ret_request point into it
 * @param[out] ret_used  bytes of the head with the empty line; written on RP_OK
 * @param[out] ret_status  the answer to a request that cannot be served; written on RP_EPROTO
 * @return RP_OK; RP_EAGAIN: no empty line yet; RP_EPROTO: answer *ret_status and close
 */
RP_MUST_CHECK int rp_admin_request_parse(struct rp_bytes in, struct rp_admin_request *ret_request,
					 size_t *ret_used, uint32_t *ret_status);

#endif /* RP_CONTROL_ADMIN_REQUEST_H */
