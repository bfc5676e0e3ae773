/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS material of the ext_proc port: a self-signed pair made in memory, or tls.crt and tls.key of
 * --cert-path, and the key of session tickets. Workers get it on their private sockets
 * (shm/process.h, rp_secrets_message) when they ask, and again whenever it changes.
 */
#ifndef RP_CONTROL_SECRETS_H
#define RP_CONTROL_SECRETS_H

#include "control/control.h"

/* A PEM chain and its PEM key. */
struct rp_cert_pair {
	uint8_t cert[RP_CERT_BYTES_MAX];
	uint8_t key[RP_CERT_BYTES_MAX];
	uint32_t cert_bytes;
	uint32_t key_bytes;
};

/**
 * Make a self-signed certificate as upstream's (ext-proc reference 1.5), with an ECDSA P-256 key.
 * @return RP_OK; RP_EUNSUPPORTED if OpenSSL refuses, *reterr says what
 */
RP_MUST_CHECK int rp_cert_pair_make(struct rp_cert_pair *ret_pair, struct rp_diag *reterr);

/**
 * Read tls.crt and tls.key of a directory and check that they parse and belong together.
 * @return RP_OK; RP_ECONFIG with the reason in *reterr
 */
RP_MUST_CHECK int rp_cert_pair_load(const char *directory, struct rp_cert_pair *ret_pair,
				    struct rp_diag *reterr);

/**
 * Make or load what the flags ask for, and serve the workers from now on.
 *
 * @param worker_fds  control's ends of the secrets sockets, settings->worker_count of them
 * @return RP_OK; RP_ECONFIG and *reterr if the flags cannot be fulfilled; -errno
 */
RP_MUST_CHECK int rp_secrets_new(struct rp_control *control, const int *worker_fds,
				 struct rp_secrets **ret_secrets, struct rp_diag *reterr);
void rp_secrets_free(struct rp_secrets *secrets);

#endif /* RP_CONTROL_SECRETS_H */
