/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls to one Kubernetes API server, over libcurl on control's loop. Credentials are the client's
 * business: it reads rotated token and CA files again, and after a 401 it reads the token at once
 * and repeats the call once. HTTP/1.1; a peer that is gone is noticed by TCP_USER_TIMEOUT and
 * keepalive probes within 30 s (Kubernetes reference 5.2, 5.3).
 */
#ifndef RP_CONTROL_KUBE_CLIENT_H
#define RP_CONTROL_KUBE_CLIENT_H

#include "control/event_loop.h"
#include "control/kube/access.h"
#include "shm/bytes.h"

struct rp_kube_client;
struct rp_kube_transfer; /* of client.c */

struct rp_kube_request {
	const char *method;   /* "GET", "POST", "PUT" */
	const char *path;     /* with query, percent-encoded, begins with '/'; copied */
	struct rp_bytes body; /* JSON; copied; empty: none */
	int64_t timeout_ns;   /* > 0, for the whole call; a watch gives its timeoutSeconds and some
				 more */
};

/* How a call ended. Views live until the callback returns. */
struct rp_kube_outcome {
	int err; /* RP_OK: `status` came and the body is whole (or over what is kept, if that is no
		    2xx); RP_ECLOSED, -ETIMEDOUT...: no answer, or one that broke off; text says
		    why; else what on_data returned */
	uint32_t status;	/* HTTP status; 0: none came */
	int64_t retry_after_ns; /* of the answer's Retry-After, at most RP_KUBE_RETRY_AFTER_S_MAX;
				   0: none */
	const char *text; /* for a log: curl's message, or the `message` of the Status object; never
			     NULL, never a credential */
	struct rp_bytes error_body; /* of an answer that is no 2xx, its first
				       RP_KUBE_ERROR_BODY_BYTES */
};

struct rp_kube_call;

struct rp_kube_call_ops {
	/** A piece of a 2xx answer's body. An error ends the call, and is its outcome's err. May be
	 * NULL. */
	int (*on_data)(struct rp_kube_call *call, struct rp_bytes piece);
	/** The call is over; never from within rp_kube_call_start(). The call may be started again,
	 * or freed. */
	void (*on_done)(struct rp_kube_call *call, const struct rp_kube_outcome *outcome);
};

/* A call on its owner's storage, zeroed at first. */
struct rp_kube_call {
	const struct rp_kube_call_ops *ops;
	void *user;
	struct rp_kube_transfer *transfer; /* NULL: not under way */
};

/**
 * The process must ignore SIGPIPE. A proxy is taken from the kubeconfig's proxy-url, or else from
 * HTTPS_PROXY, ALL_PROXY and NO_PROXY, as libcurl reads them.
 *
 * @param access  moved in on RP_OK; freed with the client
 */
RP_MUST_CHECK int rp_kube_client_new(struct rp_events *loop, struct rp_kube_access *access,
				     struct rp_kube_client **ret_client);
/** Calls under way end without on_done. Not from within a callback of a call. NULL is fine. */
void rp_kube_client_free(struct rp_kube_client *client);

/**
 * Start a call that is not under way; on_done follows unless it is cancelled. From within
 * callbacks, too.
 * @return RP_OK; RP_ENOMEM, also when RP_KUBE_CALLS_MAX are under way
 */
RP_MUST_CHECK int rp_kube_call_start(struct rp_kube_client *client, struct rp_kube_call *call,
				     const struct rp_kube_request *request);
/** End a call without on_done, also from within its own callbacks. Idempotent. */
void rp_kube_call_cancel(struct rp_kube_call *call);

#endif /* RP_CONTROL_KUBE_CLIENT_H */
