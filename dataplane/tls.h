/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS of a server connection. The handshake is OpenSSL's, over a BIO of our own that reads from the
 * bytes that just came and writes to the connection's output buffer; the records behind it are
 * opened and sealed without copies (tls_record.h). ALPN must choose h2 (RFC 9113 3.3).
 */
#ifndef RP_DATAPLANE_TLS_H
#define RP_DATAPLANE_TLS_H

#include "shm/bytes.h"
#include "shm/process.h"

struct rp_tls_context; /* certificate, key, ticket keys: one a reload, shared by its connections */
struct rp_tls;

enum {
	RP_TLS_RECORD_BYTES = 16384,
	RP_TLS_PLAIN_BYTES_MAX = RP_TLS_RECORD_BYTES + 256, /* room that opening a record needs */
};

/* Where a connection's encrypted output goes. */
struct rp_tls_sink {
	uint8_t *data;
	size_t used;
	size_t bytes;
};

/** Let OpenSSL allocate from freelists. To be called before anything else of this file. */
void rp_tls_init_memory(void);

/** Do what OpenSSL would put off until the first context: it takes longer than the rest of a start.
 */
void rp_tls_warm_up(void);

/**
 * Make a context of a message of the secrets socket.
 *
 * @param cert, key  PEM
 * @param[out] ret_why  static text on failure
 * @return RP_OK; RP_EFORMAT: certificate, key or ciphers are not usable; RP_ENOMEM
 */
RP_MUST_CHECK int rp_tls_context_new(const struct rp_secrets_message *message, struct rp_bytes cert,
				     struct rp_bytes key, struct rp_tls_context **ret_context,
				     const char **ret_why);
/** Connections that were made of it live on. */
void rp_tls_context_free(struct rp_tls_context *context);

RP_MUST_CHECK int rp_tls_new(struct rp_tls_context *context, struct rp_tls **ret_tls);
void rp_tls_free(struct rp_tls *tls);

/** Bytes that came; a view that is read by the next calls of handshake and read until it is empty.
 */
void rp_tls_feed(struct rp_tls *tls, struct rp_bytes in);

/**
 * Go on with the handshake, as far as the fed bytes reach.
 * @return RP_OK: it is complete; RP_EAGAIN; RP_EPROTO: failed, an alert may be in the sink
 */
RP_MUST_CHECK int rp_tls_handshake(struct rp_tls *tls, struct rp_tls_sink *sink);

/**
 * Decrypt into out, which has room for RP_TLS_PLAIN_BYTES_MAX.
 * @return RP_OK with *ret_n > 0; RP_EAGAIN: all fed bytes are used up; RP_ECLOSED: close_notify
 * came; RP_EPROTO
 */
RP_MUST_CHECK int rp_tls_read(struct rp_tls *tls, struct rp_tls_sink *sink, uint8_t *out,
			      size_t *ret_n);

/** Room that encrypting n bytes takes in a sink. */
size_t rp_tls_room_for(size_t n);
/** Encrypt the pieces, which make up one record and which the sink must have room for.
 * @return RP_OK; RP_EPROTO */
RP_MUST_CHECK int rp_tls_write(struct rp_tls *tls, struct rp_tls_sink *sink,
			       const struct rp_bytes *pieces, size_t count);
/** Pieces are encrypted where they lie; otherwise each would be a record of its own. */
bool rp_tls_takes_pieces(const struct rp_tls *tls);
/** close_notify into the sink. */
void rp_tls_close(struct rp_tls *tls, struct rp_tls_sink *sink);

#endif /* RP_DATAPLANE_TLS_H */
