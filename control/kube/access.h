/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the API server is and who we are there: in a cluster by the service account's files,
 * outside by a kubeconfig file (Kubernetes reference 5.3). Files are opened by their path each
 * time, as they are symlinks that are swapped.
 */
#ifndef RP_CONTROL_KUBE_ACCESS_H
#define RP_CONTROL_KUBE_ACCESS_H

#include "config/flags.h"
#include "shm/bytes.h"
#include "shm/limits.h"

/* Text that stands in the kubeconfig file or in a file of its own. */
struct rp_kube_text {
	char *path;	    /* owned; NULL: the text does not change */
	char *text;	    /* owned, terminated; NULL: there is none */
	int64_t changed_ns; /* mtime of the file as read */
};

struct rp_kube_access {
	char server[RP_KUBE_SERVER_BYTES_MAX]; /* "https://host:port", perhaps a path, no '/' last
						*/
	char origin[RP_KUBE_SERVER_BYTES_MAX]; /* for logs: "in-cluster", or file and context */
	char tls_server_name[RP_ENDPOINT_NAME_MAX]; /* empty: the host of `server` */
	bool is_insecure;			    /* insecure-skip-tls-verify */
	struct rp_kube_text ca;
	struct rp_kube_text client_cert;
	struct rp_kube_text client_key;
	struct rp_kube_text token;
};

/**
 * Find access by --kubeconfig, $KUBECONFIG (a list, merged), the service account of the pod, and
 * $HOME/.kube/config, in this order.
 *
 * @return RP_OK: the caller frees *ret; RP_ENOTFOUND: there is none of them, diag says what to do;
 *         RP_ECONFIG: there is one that cannot be used (an exec plugin, no such context, ...)
 */
RP_MUST_CHECK int rp_kube_access_find(const struct rp_flags *flags, struct rp_kube_access *ret,
				      struct rp_diag *reterr);
void rp_kube_access_fini(struct rp_kube_access *access);

/**
 * Read a text's file again. What cannot be read leaves the text as it is.
 * @return true: the text is another one now
 */
bool rp_kube_text_refresh(struct rp_kube_text *text);

#endif /* RP_CONTROL_KUBE_ACCESS_H */
