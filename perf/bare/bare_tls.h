/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of the bare server: OpenSSL reads from the receive buffer and writes into the output buffer.
 */
#ifndef RP_PERF_BARE_TLS_H
#define RP_PERF_BARE_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RP_BARE_RECORD_BYTES = 16384,
	RP_BARE_FILL_BYTES = 96 * 1024, /* frames of a turn are gathered until so many bytes */
	RP_BARE_PLAIN_BYTES = RP_BARE_FILL_BYTES + RP_BARE_RECORD_BYTES + 64,
	RP_BARE_OUT_BYTES = RP_BARE_PLAIN_BYTES + 16384,
};

struct rp_bare_buf {
	struct rp_bare_buf *next;
	size_t used;
	size_t sent; /* of those */
	uint8_t data[RP_BARE_OUT_BYTES];
};

struct rp_bare_io {
	const uint8_t *in; /* what was received, during a turn */
	size_t in_len;
	struct rp_bare_buf *out; /* NULL: nothing can be written */
};

/** With a self-signed certificate made now. @return NULL: OpenSSL failed */
SSL_CTX *rp_bare_tls_new(void);
void rp_bare_tls_free(SSL_CTX *tls);

/** The server's end of a connection; *io outlives it. @return NULL: out of memory */
SSL *rp_bare_tls_open(SSL_CTX *tls, struct rp_bare_io *io);

#endif /* RP_PERF_BARE_TLS_H */
