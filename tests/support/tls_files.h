/* SPDX-License-Identifier: Apache-2.0
 *
 * Authorities and certificates made for a test, as PEM.
 */
#ifndef RP_TESTS_TLS_FILES_H
#define RP_TESTS_TLS_FILES_H

#include "shm/err.h"

enum { TLS_PEM_BYTES = 4096 };

struct tls_pair {
	char cert[TLS_PEM_BYTES];
	char key[TLS_PEM_BYTES];
};

/** A self-signed authority. */
void tls_make_authority(const char *name, struct tls_pair *ret);
/**
 * A certificate of an authority's.
 * @param alt_names  as OpenSSL's subjectAltName: "IP:127.0.0.1,DNS:a.example"
 */
void tls_make_cert(const struct tls_pair *authority, const char *name, const char *alt_names,
		   struct tls_pair *ret);

#endif /* RP_TESTS_TLS_FILES_H */
