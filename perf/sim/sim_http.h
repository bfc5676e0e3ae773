/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP/1.1 requests (RFC 9112) in a growing buffer: head, then a body by Content-Length or in
 * chunks. The parser is called again with more bytes until it has a whole request; a chunked body
 * is joined where it lies. Offsets, not pointers: the buffer may move.
 */
#ifndef RP_PERF_SIM_HTTP_H
#define RP_PERF_SIM_HTTP_H

#include "perf/sim/sim_buf.h"

enum rp_sim_method {
	RP_SIM_METHOD_OTHER,
	RP_SIM_METHOD_GET,
	RP_SIM_METHOD_POST,
};

enum rp_sim_http_phase {
	RP_SIM_HTTP_HEAD,
	RP_SIM_HTTP_BODY,
	RP_SIM_HTTP_CHUNK_SIZE,
	RP_SIM_HTTP_CHUNK_DATA,
	RP_SIM_HTTP_CHUNK_END,
	RP_SIM_HTTP_TRAILERS,
	RP_SIM_HTTP_DONE,
};

/* A part of the buffer. len 0: absent. */
struct rp_sim_span {
	size_t at;
	size_t len;
};

struct rp_sim_http {
	enum rp_sim_http_phase phase;
	enum rp_sim_method method;
	struct rp_sim_span path; /* without the query */
	struct rp_sim_span request_id;
	struct rp_sim_span return_error;
	bool has_return_error;
	bool keep_alive;
	bool is_http_1_0;
	bool expects_continue;
	size_t searched; /* bytes without the end of the head */
	size_t body_at;
	size_t body_bytes; /* body so far */
	size_t body_left;  /* of the Content-Length body, or of the chunk */
	size_t raw_at;	   /* first byte not yet consumed */
	uint32_t trailers;
	int status; /* what to answer when the parser fails */
};

/** Start over with the next request, which begins at the first byte of the buffer. */
void rp_sim_http_init(struct rp_sim_http *http);

/**
 * Go on with the bytes that are there.
 *
 * @param in        owned by the caller; a chunked body is joined in it
 * @param body_max  bytes a body may have
 * @return RP_OK: http and the body are complete, the next request begins at raw_at;
 *         RP_EAGAIN: needs more; RP_EPROTO or RP_ETOOBIG: answer http->status and close
 * Context: O(new bytes). Source: RFC 9112 3, 5, 6, 7.1.
 */
RP_MUST_CHECK int rp_sim_http_parse(struct rp_sim_http *http, struct rp_sim_buf *in,
				    size_t body_max);

/** How much room for the next read is of use (not more than the buffer's doubling). */
size_t rp_sim_http_wanted(const struct rp_sim_http *http, const struct rp_sim_buf *in);

/** A span as a view that dies with the next change of the buffer. */
static inline struct rp_bytes rp_sim_http_view(const struct rp_sim_buf *in, struct rp_sim_span span)
{
	return rp_bytes(in->data + span.at, span.len);
}

/** The standard text of a status code. */
const char *rp_sim_http_reason(int status);

#endif /* RP_PERF_SIM_HTTP_H */
