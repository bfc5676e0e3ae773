/* SPDX-License-Identifier: Apache-2.0
 *
 * One server-side HTTP/2 connection: nghttp2's callbacks on one side, streams with an output queue
 * on the other; with h2_stream.c the only one that knows nghttp2. Bytes in by rp_h2_session_feed(),
 * bytes out by rp_h2_session_pull(); sockets and TLS are the connection's business (conn.h).
 *
 * The stream's owner (grpc_call.h) gets calls through struct rp_h2_stream_ops and answers with the
 * rp_h2_stream_… functions. Answers given during a feed are gathered and written once.
 */
#ifndef RP_DATAPLANE_H2_SESSION_H
#define RP_DATAPLANE_H2_SESSION_H

#include "dataplane/arena.h"
#include "dataplane/body.h"
#include "dataplane/mem_class.h"

enum { RP_GRPC_MESSAGE_BYTES_MAX = 127 };
enum { RP_H2_FRAME_BYTES_MAX = 16384 + 9, RP_H2_PULL_SLACK_BYTES = 3 * RP_H2_FRAME_BYTES_MAX };

struct rp_h2_session;
struct rp_h2_stream;

/* What the request's HEADERS said; views die with the call. Longer paths are cut: they match
 * nothing. */
struct rp_h2_request {
	struct rp_bytes method;
	struct rp_bytes path;
	struct rp_bytes content_type;
	struct rp_bytes grpc_timeout;
	struct rp_bytes grpc_encoding;
};

/* Calls into the stream's owner. */
struct rp_h2_stream_ops {
	/* Headers are complete. The owner sets stream->owner. */
	void (*on_request)(struct rp_h2_stream *stream, const struct rp_h2_request *request);
	/* Body bytes, split anywhere; valid for the call only. The window is re-credited at once,
	 * unless the stream's own output has piled up. */
	void (*on_data)(struct rp_h2_stream *stream, struct rp_bytes data);
	/* END_STREAM came (may be with the headers). */
	void (*on_end)(struct rp_h2_stream *stream);
	/* A turn's feed is done: answer now what came in it (batched). Only for streams that got
	 * data. */
	void (*on_flush)(struct rp_h2_stream *stream);
	/* The output queue is empty again. */
	void (*on_drained)(struct rp_h2_stream *stream);
	/* The stream is gone, whatever it still had to send is dropped. error: RFC 9113 code, 0:
	 * normal. Last call; the arena and the stream are freed after it. */
	void (*on_close)(struct rp_h2_stream *stream, uint32_t error);
};

struct rp_h2_stream {
	struct rp_h2_session *session;
	void *owner;	       /* grpc_call's */
	struct rp_arena arena; /* the exchange's memory; may be reset by the owner while open */
	int32_t id;
	bool has_ended_in; /* END_STREAM seen */
	bool has_sent_headers;
	bool is_finished;    /* trailers are queued: nothing more may be sent */
	bool is_flush_due;   /* in the session's list of streams to flush */
	bool is_deferred;    /* nghttp2 waits for rp_h2_stream_send */
	bool is_announced;   /* on_request was called, on_close is owed */
	bool has_trailers;   /* they are with nghttp2 */
	uint32_t unconsumed; /* bytes received whose stream window was not given back yet */
	struct rp_body out;  /* queued, not framed yet */
	int grpc_status;     /* of the trailers */
	struct rp_bytes grpc_message; /* in the arena; percent-encoded when sent */
	struct rp_h2_stream *flush_prev;
	struct rp_h2_stream *flush_next;
	struct rp_h2_stream *prev; /* all streams of the session */
	struct rp_h2_stream *next;
};

/* What a session needs of its worker. */
struct rp_h2_env {
	struct rp_arena_pool *arenas;
	struct rp_body_pool *bodies;
	const struct rp_h2_stream_ops *stream_ops;
	void *worker;			  /* the worker's struct rp_env: rp_h2_session_worker() */
	uint32_t streams_max;		  /* of the worker, all sessions together */
	uint32_t streams_open;		  /* kept by the sessions */
	int64_t now_ns;			  /* of this turn */
	struct rp_h2_stream *stream_free; /* for reuse */
	struct rp_mem_classes memory;	  /* of nghttp2 */
};

void rp_h2_env_fini(struct rp_h2_env *env);

/**
 * @param is_health  the connection came in on the health port (rp_h2_session_is_health)
 * @return RP_OK or RP_ENOMEM
 */
RP_MUST_CHECK int rp_h2_session_new(struct rp_h2_env *env, bool is_health,
				    struct rp_h2_session **ret_session);
/** Call wake(user) whenever there is something to flush or pull that did not come of a feed. */
void rp_h2_session_set_wake(struct rp_h2_session *session, void (*wake)(void *user), void *user);
/** All streams get on_close first. */
void rp_h2_session_free(struct rp_h2_session *session);

/** Bytes from the peer. @return RP_OK; RP_EPROTO: broken, or over RP_H2_QUEUED_FRAMES_MAX: pull
 * what is left (GOAWAY), then close */
RP_MUST_CHECK int rp_h2_session_feed(struct rp_h2_session *session, struct rp_bytes in);
/** End of a turn: on_flush for each stream that got data. */
void rp_h2_session_flush(struct rp_h2_session *session);

/**
 * Frames to send, appended by calls of `write` (once per contiguous piece, in order). A lasting
 * piece is body bytes that stay where they are until rp_body_pool_release(), if the pool is held;
 * others go away with the call. `write` may refuse (return false) after taking a piece when its
 * buffer is full; the rest comes with the next pull, but for what completes a frame and one more
 * frame: at most RP_H2_PULL_SLACK_BYTES.
 * @return RP_OK; RP_EPROTO
 */
RP_MUST_CHECK int
rp_h2_session_pull(struct rp_h2_session *session,
		   bool (*write)(void *user, struct rp_bytes piece, bool is_lasting), void *user);

/** Nothing more to read or write: the connection may be closed. */
bool rp_h2_session_is_done(const struct rp_h2_session *session);
uint32_t rp_h2_session_stream_count(const struct rp_h2_session *session);
/** Bytes queued by all streams, not framed yet. */
uint64_t rp_h2_session_out_bytes(const struct rp_h2_session *session);
/** Frames that wait to be pulled and for no window: all but DATA. */
size_t rp_h2_session_queued_frames(const struct rp_h2_session *session);
/** The client's preface and SETTINGS have come. */
bool rp_h2_session_is_established(const struct rp_h2_session *session);
bool rp_h2_session_is_health(const struct rp_h2_session *session);
void *rp_h2_session_worker(const struct rp_h2_session *session);

/** Drain, step 1: GOAWAY with the highest stream id, debug data `graceful_stop`, and a PING. */
void rp_h2_session_shutdown_notice(struct rp_h2_session *session);
/** The PING of step 1 was acknowledged. */
bool rp_h2_session_is_notice_acked(const struct rp_h2_session *session);
/** Drain, step 2: GOAWAY with the real last stream id; the session is done when its streams are. */
void rp_h2_session_shutdown(struct rp_h2_session *session);

/* ---- answers; legal until on_close ---- */

/** Queue a copy of the bytes. The response HEADERS go out before the first of them.
 * @return RP_OK; RP_ENOMEM */
RP_MUST_CHECK int rp_h2_stream_send(struct rp_h2_stream *stream, struct rp_bytes bytes);
/** Queue the first n bytes of *body by moving its buffers: no copy but at a split. */
RP_MUST_CHECK int rp_h2_stream_send_body(struct rp_h2_stream *stream, struct rp_body *body,
					 uint64_t n);
/** Queue trailers grpc-status and grpc-message after what is queued; trailers-only if nothing was
 * sent. message: raw text, cut to RP_GRPC_MESSAGE_BYTES_MAX; kept in the arena, which may not be
 * reset afterwards. */
void rp_h2_stream_finish(struct rp_h2_stream *stream, int grpc_status, const char *message);
/** HTTP answer without gRPC (405, 415): headers with END_STREAM. */
void rp_h2_stream_reject(struct rp_h2_stream *stream, int http_status);
/** RST_STREAM. on_close follows. */
void rp_h2_stream_reset(struct rp_h2_stream *stream, uint32_t error);

#endif /* RP_DATAPLANE_H2_SESSION_H */
