/* SPDX-License-Identifier: Apache-2.0
 *
 * --tls-cipher-suites: Go's names of TLS 1.2 suites to OpenSSL's.
 */
#ifndef RP_CONFIG_TLS_CIPHERS_H
#define RP_CONFIG_TLS_CIPHERS_H

#include "shm/bytes.h"

/**
 * Turn a comma-separated list of Go's names into a list for SSL_CTX_set_cipher_list().
 *
 * Names of TLS 1.3 suites are left out, as Go does: those are not configurable.
 * @param[out] out  terminated; empty if nothing is left: use the library's default
 * @param[out] reterr  names the unknown suite
 * @return RP_OK; RP_ECONFIG: unknown suite; RP_ETOOBIG: out is too small
 */
RP_MUST_CHECK int rp_tls_ciphers_map(struct rp_bytes names, char *out, size_t out_bytes,
				     struct rp_diag *reterr);

#endif /* RP_CONFIG_TLS_CIPHERS_H */
