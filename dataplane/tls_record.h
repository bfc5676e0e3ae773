/* SPDX-License-Identifier: Apache-2.0
 *
 * Record protection of an established TLS connection (RFC 8446 5, RFC 5246 6.2 with RFC 5288 and
 * RFC 7905). The handshake is OpenSSL's; from then on records are opened straight out of the
 * receive buffer and sealed straight into the output, by OpenSSL's ciphers: a copy and a walk
 * through its state machine less each way. Suites that are no AEAD known here stay with OpenSSL.
 */
#ifndef RP_DATAPLANE_TLS_RECORD_H
#define RP_DATAPLANE_TLS_RECORD_H

#include <openssl/ssl.h>

#include "dataplane/tls.h"

enum {
	RP_TLS_SECRET_BYTES_MAX = 48,
	RP_TLS_LAST_OUT_BYTES = 45, /* a sealed Finished of TLS 1.2 with AES-GCM */
};

struct rp_tls_secret {
	uint8_t data[RP_TLS_SECRET_BYTES_MAX];
	size_t bytes;
};

/* What is noted of the handshake for what comes after it. */
struct rp_tls_start {
	struct rp_tls_secret client_secret; /* TLS 1.3: the first traffic secrets */
	struct rp_tls_secret server_secret;
	uint64_t sent_records; /* under the keys that follow our Finished; that one not counted */
	uint8_t last_out[RP_TLS_LAST_OUT_BYTES]; /* the last bytes that OpenSSL wrote */
};

struct rp_tls_record;

/**
 * Take over from a complete handshake; ssl is not needed any more.
 * @return RP_OK; RP_EUNSUPPORTED: the suite is not known here, or the client asked for short
 * records; RP_ENOMEM
 */
RP_MUST_CHECK int rp_tls_record_new(SSL *ssl, const struct rp_tls_start *start,
				    struct rp_tls_record **ret_record);
void rp_tls_record_free(struct rp_tls_record *record);

/**
 * Open the next record of application data.
 * @param in  bytes that came; taken off at the front, a record that is not complete is kept
 * @param out  RP_TLS_PLAIN_BYTES_MAX of room
 * @return as rp_tls_read(); after RP_EPROTO, with an alert in the sink, no more calls; after
 * RP_ECLOSED always that
 */
RP_MUST_CHECK int rp_tls_record_read(struct rp_tls_record *record, struct rp_bytes *in,
				     struct rp_tls_sink *sink, uint8_t *out, size_t *ret_n);

/** Seal the pieces as one record. @return RP_OK; RP_EPROTO: no room, or OpenSSL */
RP_MUST_CHECK int rp_tls_record_write(struct rp_tls_record *record, struct rp_tls_sink *sink,
				      const struct rp_bytes *pieces, size_t count);
/** close_notify, if there is room. */
void rp_tls_record_close(struct rp_tls_record *record, struct rp_tls_sink *sink);

#endif /* RP_DATAPLANE_TLS_RECORD_H */
