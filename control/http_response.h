/* SPDX-License-Identifier: Apache-2.0
 *
 * Incremental reader of one HTTP/1.1 response to a GET: head, then a body of stated length, in
 * chunks, or up to the end of the connection (RFC 9112 6). No I/O and no allocation here.
 */
#ifndef RP_CONTROL_HTTP_RESPONSE_H
#define RP_CONTROL_HTTP_RESPONSE_H

#include "shm/bytes.h"
#include "shm/limits.h"

/** Gets the body piece by piece. A return other than RP_OK ends the response with that error. */
typedef int (*rp_http_on_body)(void *user, struct rp_bytes piece);

enum rp_http_state {
	RP_HTTP_STATUS_LINE,
	RP_HTTP_HEADERS,
	RP_HTTP_BODY_LENGTH,
	RP_HTTP_BODY_TO_CLOSE,
	RP_HTTP_CHUNK_SIZE,
	RP_HTTP_CHUNK_DATA,
	RP_HTTP_CHUNK_END,
	RP_HTTP_TRAILERS,
	RP_HTTP_DONE,
};

enum { RP_HTTP_LINE_KEPT_BYTES = 192 };

struct rp_http_response {
	enum rp_http_state state;
	uint32_t status;
	bool has_length;
	bool is_chunked;
	bool is_keep_alive;  /* the connection may carry another request */
	bool has_close;	     /* a Connection header says "close" */
	bool is_line_cut;    /* the line was longer than what is kept of it */
	uint64_t left_bytes; /* of the body or of the chunk */
	uint64_t body_bytes; /* seen so far, lines around chunks included */
	uint32_t head_bytes; /* of the head; of the lines since a chunk; of the trailers */
	uint32_t line_bytes; /* of the line being put together; only the begin of it is kept */
	char line[RP_HTTP_LINE_KEPT_BYTES];
};

void rp_http_response_begin(struct rp_http_response *response);

/**
 * Feed received bytes.
 *
 * @param[in,out] in  consumed from the front; bytes left after RP_OK do not belong to this response
 * @return RP_OK: the response is complete, its status is 200; RP_EAGAIN: it goes on;
 *         RP_EPROTO: malformed; RP_EUNSUPPORTED: another status than 200, or an encoding not asked
 *         for; RP_ETOOBIG: a bound is exceeded; or what on_body returned
 */
RP_MUST_CHECK int rp_http_response_feed(struct rp_http_response *response, struct rp_bytes *in,
					rp_http_on_body on_body, void *user);

/** The peer closed. @return RP_OK: that was the end of the body; RP_ECLOSED: it came too early */
RP_MUST_CHECK int rp_http_response_eof(struct rp_http_response *response);

#endif /* RP_CONTROL_HTTP_RESPONSE_H */
