/* SPDX-License-Identifier: Apache-2.0
 *
 * What h2_session.c (the connection, and what comes in) and h2_stream.c (a stream, and what goes
 * out) know of each other; included by these two only. They are all that knows nghttp2.
 */
#ifndef RP_DATAPLANE_H2_INTERNAL_H
#define RP_DATAPLANE_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "dataplane/h2_session.h"

/* The header fields that matter of the block being received; a connection receives one at a time.
 */
struct header_store {
	uint32_t count;
	uint32_t bytes;
	bool is_over_limit;
	uint16_t method_len, path_len, type_len, timeout_len, encoding_len;
	uint8_t method[16];
	uint8_t path[RP_H2_PATH_MAX];
	uint8_t type[64];
	uint8_t timeout[16];
	uint8_t encoding[32];
};

struct rp_h2_session {
	struct rp_h2_env *env;
	nghttp2_session *h2;
	struct rp_h2_stream *streams;
	struct rp_h2_stream *flush_first;
	struct rp_h2_stream *flush_last;
	uint32_t stream_count;
	uint64_t out_bytes;
	void (*wake)(void *user);
	void *wake_user;
	bool (*write)(void *user, struct rp_bytes piece, bool is_lasting); /* during a pull */
	void *write_user;
	bool is_full; /* write refused: stop after this frame */
	bool is_health;
	bool is_established;
	bool is_notice_due; /* the first GOAWAY is to be written */
	bool is_notice_acked;
	bool is_going_away;    /* the second GOAWAY was submitted */
	uint32_t reset_tokens; /* see count_reset() */
	int64_t reset_refill_ns;
	struct header_store headers;
};

static inline void rp_h2_wake(struct rp_h2_session *session)
{
	if (session->wake != NULL)
		session->wake(session->wake_user);
}

static inline void rp_h2_write(struct rp_h2_session *session, struct rp_bytes piece,
			       bool is_lasting)
{
	if (!session->write(session->write_user, piece, is_lasting))
		session->is_full = true;
}

static inline struct rp_h2_stream *rp_h2_stream_of(nghttp2_session *h2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h2, id);
}

/** @return NULL: no memory */
struct rp_h2_stream *rp_h2_stream_new(struct rp_h2_session *session, int32_t id);
/** on_close, and everything of it is given back. */
void rp_h2_stream_free(struct rp_h2_stream *stream, uint32_t error);
/** on_flush is due, or no more. */
void rp_h2_flush_add(struct rp_h2_stream *stream);
void rp_h2_flush_remove(struct rp_h2_stream *stream);
/** Give the stream's window back unless its output has piled up: the peer must take that first. */
void rp_h2_stream_credit(struct rp_h2_stream *stream);
/** nghttp2_send_data_callback: frames are written out of the stream's queue. */
int rp_h2_on_send_data(nghttp2_session *h2, nghttp2_frame *frame, const uint8_t *frame_head,
		       size_t length, nghttp2_data_source *source, void *user);

#endif /* RP_DATAPLANE_H2_INTERNAL_H */
