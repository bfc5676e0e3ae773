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
	char *path;   /* owned; NULL: the text does not change */
	char *text;   /* owned, terminated, without blanks around it; NULL: there is none */
	bool is_word; /* a token: a text with blanks in it is no good */
};

struct rp_kube_access {
	char server[RP_KUBE_SERVER_BYTES_MAX]; /* "https://host:port", perhaps a path, no '/' last
						*/
	char origin[RP_KUBE_SERVER_BYTES_MAX]; /* for logs: "in-cluster", or file and context */
	char tls_server_name[RP_ENDPOINT_NAME_MAX]; /* empty: the host of `server` */
	char proxy[RP_KUBE_SERVER_BYTES_MAX];	    /* proxy-url, perhaps with a password; empty: as
						       HTTPS_PROXY and NO_PROXY say */
	bool is_insecure;			    /* insecure-skip-tls-verify */
	struct rp_kube_text ca;
	struct rp_kube_text client_cert;
	struct rp_kube_text client_key;
	struct rp_kube_text token;
};

/**
 * Find access by --kubeconfig, $KUBECONFIG (a list, merged; files that are missing are left out),
 * the service account of the pod, and $HOME/.kube/config, in this order. --kube-context asks for a
 * kubeconfig file: the service account is then passed over.
 *
 * @return RP_OK: the caller frees *ret; RP_ENOTFOUND: there is none of them, diag says what to do;
 *         RP_ECONFIG: there is one that cannot be used (an exec plugin, no such context, ...)
 */
RP_MUST_CHECK int rp_kube_access_find(const struct rp_flags *flags, struct rp_kube_access *ret,
				      struct rp_diag *reterr);
/** Credentials are wiped. */
void rp_kube_access_fini(struct rp_kube_access *access);

/**
 * Access by a service account: $KUBERNETES_SERVICE_HOST and _PORT, token and ca.crt in `directory`.
 * @return RP_OK; RP_ENOTFOUND: no such variables; RP_ECONFIG: no such files; RP_ENOMEM
 */
RP_MUST_CHECK int rp_kube_access_in_cluster(const char *directory, struct rp_kube_access *ret,
					    struct rp_diag *reterr);

/**
 * Check and set the server's URL, "http://" or "https://" with neither user nor query.
 * @return RP_OK; RP_EFORMAT
 */
RP_MUST_CHECK int rp_kube_access_set_server(struct rp_kube_access *access, const char *url);

/**
 * Read a text's file again. What cannot be read, or is empty, leaves the text as it is.
 * @return true: the text is another one now
 */
bool rp_kube_text_refresh(struct rp_kube_text *text);
/**
 * Take over a file's text, and its path for later.
 * @return RP_OK; RP_ENOMEM; RP_EFORMAT or another error with a sentence in *reterr
 */
RP_MUST_CHECK int rp_kube_text_open(struct rp_kube_text *text, const char *path,
				    struct rp_diag *reterr);
/** Take over a text without blanks around it. @return RP_OK; RP_ENOMEM; RP_EFORMAT: no good */
RP_MUST_CHECK int rp_kube_text_set(struct rp_kube_text *text, struct rp_bytes in);

#endif /* RP_CONTROL_KUBE_ACCESS_H */
