/* SPDX-License-Identifier: Apache-2.0
 *
 * What a thread of the load generator is made of: connections, and streams that are records of a
 * fixed size, used again and again. One thread owns all of it; nothing here is shared.
 *
 *   bench_thread.c  the turns of the loop, when streams start
 *   bench_stream.c  what one stream does and expects (ext_proc)
 *   bench_message.c the bytes of its messages
 *   bench_h2.c      frames that come (RFC 9113), bench_h2_send.c: that go; HPACK is nghttp2's
 *   bench_conn.c    socket and TLS: bytes in both directions
 */
#ifndef RP_PERF_BENCH_LOAD_H
#define RP_PERF_BENCH_LOAD_H

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "perf/bench/bench_plan.h"
#include "perf/bench/bench_reply.h"
#include "perf/bench/bench_stats.h"

struct rp_bench_run;
struct rp_bench_thread;

/* ---- streams ---- */

enum rp_bench_phase {
	RP_BENCH_PHASE_PICK,	 /* the reply to the request's headers is due */
	RP_BENCH_PHASE_REQUEST,	 /* the echo of its body */
	RP_BENCH_PHASE_HEADERS,	 /* the reply to the response's headers */
	RP_BENCH_PHASE_RESPONSE, /* the echo of its body */
	RP_BENCH_PHASE_END,	 /* all was answered; the status is due */
};

struct rp_bench_stream {
	struct rp_bench_conn *conn;	    /* NULL: not in use */
	struct rp_bench_stream *next;	    /* of its bucket, or free */
	struct rp_bench_stream *ready_next; /* it has something to send */
	struct rp_bench_stream *paced_next; /* SSE chunks at fixed times */
	int32_t id;			    /* 0: nothing was sent yet */
	uint8_t phase;
	bool is_ready;
	bool is_paced;
	bool is_in_pace; /* among those whose next chunk is due at a fixed time */
	bool is_measured;
	bool is_idle; /* opened to stay */
	bool is_half_closed;
	bool has_headers; /* of the gRPC answer */
	uint64_t number;
	int64_t begin_ns;    /* when it was meant to start */
	int64_t progress_ns; /* last sign of life, in either direction */
	int64_t chunk_ns; /* when the first chunk of the answer, in lock step the last, was sent */
	int64_t paced_ns; /* when the next one is due */
	/* sending */
	uint32_t message;	/* the one that is being sent */
	uint32_t message_limit; /* those before this one may be sent */
	uint32_t message_end;	/* there are no more than these; an idle stream's never end */
	uint32_t message_at;	/* bytes of it that are sent */
	uint32_t message_len;	/* 0: not begun */
	uint32_t text_at;
	uint32_t text_len;
	const struct rp_bench_text *text;
	uint8_t head_len;
	bool has_end_of_stream;
	bool has_suffix;
	uint8_t head[24];
	int64_t send_window;
	/* receiving */
	uint32_t unacked; /* bytes for which no WINDOW_UPDATE was sent */
	uint32_t echoed;  /* bytes of the body that is being echoed */
	uint32_t chunks_echoed;
	uint32_t suffix_len;
	uint8_t digits[RP_BENCH_DIGITS];
	struct rp_bench_decoder decoder;
	uint8_t suffix[RP_BENCH_SUFFIX_BYTES];
};

enum rp_bench_outcome { RP_BENCH_RIGHT, RP_BENCH_FAILED, RP_BENCH_WRONG };

/** Start a stream on an open connection. begin_ns: what latencies count from. */
void rp_bench_stream_start(struct rp_bench_stream *stream, struct rp_bench_conn *conn,
			   int64_t begin_ns, bool is_idle);
/** It is over: count it and give the record back; RST_STREAM if the picker still knows it. */
void rp_bench_stream_finish(struct rp_bench_stream *stream, enum rp_bench_outcome outcome,
			    const char *why, ...) RP_PRINTF(3, 4);
/** The picker has not seen it, and will not on this connection: it is to start anew on another. */
void rp_bench_stream_withdraw(struct rp_bench_stream *stream);
/** Bytes of the call. The stream may be over afterwards. */
void rp_bench_stream_data(struct rp_bench_stream *stream, struct rp_bytes piece);
/** The picker has ended the call; status -1: without grpc-status. */
void rp_bench_stream_end(struct rp_bench_stream *stream, int status, struct rp_bytes message);
/** Has it something to send that flow control of the stream does not stop? */
bool rp_bench_stream_can_send(const struct rp_bench_stream *stream);
/** The next bytes of the message at hand, at most max and never of two. @return bytes written */
uint32_t rp_bench_stream_pull(struct rp_bench_stream *stream, uint32_t max, uint8_t *out);
/** The next chunk of the answer may go out. */
void rp_bench_stream_next_chunk(struct rp_bench_stream *stream, int64_t now_ns);
/** The run ends: half-close an idle stream, now or when what it waits for has come. */
void rp_bench_stream_leave(struct rp_bench_stream *stream);
/** Is an answer of the picker due? */
bool rp_bench_stream_is_waiting(const struct rp_bench_stream *stream);

/* ---- connections ---- */

enum rp_bench_conn_state {
	RP_BENCH_CONN_CONNECTING,
	RP_BENCH_CONN_HANDSHAKE,
	RP_BENCH_CONN_SETTINGS, /* the peer's are awaited */
	RP_BENCH_CONN_OPEN,
	RP_BENCH_CONN_CLOSED,
};

struct rp_bench_out {
	uint8_t *data;
	size_t used;
	size_t bytes;
};

struct rp_bench_conn {
	struct rp_bench_thread *thread;
	struct rp_bench_conn *next; /* all of the thread */
	uint32_t slot;
	int fd;
	uint8_t state;
	bool is_dirty; /* to be flushed at the end of the turn */
	struct rp_bench_conn *dirty_next;
	bool is_writable_awaited;
	bool is_going_away; /* GOAWAY came: no new streams */
	SSL *ssl;
	struct rp_bytes in;	  /* encrypted bytes for OpenSSL */
	struct rp_bench_out wire; /* data NULL: nothing is pending */
	size_t wire_sent;
	struct rp_bench_out control; /* whole frames that go before all others */
	/* receiving frames */
	uint8_t frame_head[9];
	uint8_t frame_head_bytes;
	uint8_t frame_type;
	uint8_t frame_flags;
	bool is_pad_due; /* the byte that tells the padding is still to come */
	int32_t frame_stream;
	uint32_t frame_left;
	uint32_t pad_bytes;
	struct rp_bench_stream *frame_target; /* of a DATA frame */
	uint32_t gathered;
	uint8_t *gather; /* a frame but DATA, RP_BENCH_FRAME_BYTES_MAX */
	uint32_t block_bytes;
	int32_t block_stream; /* CONTINUATION of it is due; 0: none */
	bool block_ends_stream;
	uint8_t *block;
	nghttp2_hd_inflater *inflater;
	nghttp2_hd_deflater *deflater;
	uint32_t blocks_made; /* since the compression state changed */
	bool can_keep_block;
	uint16_t kept_bytes;
	uint8_t kept_block[512]; /* header block of every call but the first ones */
	/* flow control and streams */
	int64_t send_window;
	uint32_t unacked;
	uint32_t peer_initial_window;
	uint32_t peer_max_frame;
	uint32_t peer_max_streams;
	int32_t next_id;
	uint32_t open; /* streams that are in use here */
	uint32_t busy; /* of them those that are not idle */
	uint32_t idle;
	struct rp_bench_stream *ready_first;
	struct rp_bench_stream *ready_last;
	struct rp_bench_stream **buckets;
	uint32_t bucket_mask;
};

/** Begin to connect. @return NULL if that cannot be, with -errno in *ret_err */
struct rp_bench_conn *rp_bench_conn_open(struct rp_bench_thread *thread, uint32_t slot,
					 int *ret_err);
/** Free it; its streams are gone already. */
void rp_bench_conn_free(struct rp_bench_conn *conn);
void rp_bench_conn_event(struct rp_bench_conn *conn, uint32_t events);
/** Send what is due, as far as the socket takes it. */
void rp_bench_conn_flush(struct rp_bench_conn *conn);
/** Something is to be sent: flush it at the end of the turn. */
void rp_bench_conn_wake(struct rp_bench_conn *conn);
/** It is of no use any more: all its streams have failed. why: static text or copied at once. */
void rp_bench_conn_lose(struct rp_bench_conn *conn, const char *why);
/** A context for clients that verify nothing and offer h2; NULL when out of memory. */
SSL_CTX *rp_bench_tls_context(void);

/* ---- frames ---- */

enum { RP_BENCH_H2_WINDOW = 65535 }; /* until something else is said (RFC 9113, 6.9.2) */

RP_MUST_CHECK int rp_bench_h2_init(struct rp_bench_conn *conn);
void rp_bench_h2_fini(struct rp_bench_conn *conn);
/** Bytes that came. @return RP_OK; RP_EPROTO: the peer broke RFC 9113, *ret_why says how */
RP_MUST_CHECK int rp_bench_h2_feed(struct rp_bench_conn *conn, struct rp_bytes in,
				   const char **ret_why);
/** Frames that are due, into out. */
void rp_bench_h2_fill(struct rp_bench_conn *conn, struct rp_bench_out *out);
/** The client's preface. */
void rp_bench_h2_begin(struct rp_bench_conn *conn);
/** A frame that goes before all of calls; stream 0: of the connection. */
void rp_bench_h2_control(struct rp_bench_conn *conn, uint8_t type, uint8_t flags, int32_t stream,
			 struct rp_bytes payload);
/** The same with four bytes of payload. */
void rp_bench_h2_control_number(struct rp_bench_conn *conn, uint8_t type, int32_t stream,
				uint32_t value);
void rp_bench_h2_reset(struct rp_bench_conn *conn, struct rp_bench_stream *stream, uint32_t error);
/** An empty DATA frame with END_STREAM. */
void rp_bench_h2_end(struct rp_bench_conn *conn, struct rp_bench_stream *stream);
/** Put a stream among those that send; it takes its place once. */
void rp_bench_h2_ready(struct rp_bench_conn *conn, struct rp_bench_stream *stream);
void rp_bench_h2_unready(struct rp_bench_conn *conn, struct rp_bench_stream *stream);
/** Its id is given: frames of it are delivered. */
void rp_bench_h2_know(struct rp_bench_conn *conn, struct rp_bench_stream *stream);
/** The stream is over: frames of it are no longer delivered. */
void rp_bench_h2_forget(struct rp_bench_conn *conn, struct rp_bench_stream *stream);

/* ---- threads ---- */

enum {
	RP_BENCH_RECV_BYTES = 256 << 10,
	RP_BENCH_SEND_BYTES = 256 << 10,
	RP_BENCH_WIRE_BYTES = RP_BENCH_SEND_BYTES + (32 << 10), /* records add a little */
	RP_BENCH_RECORD_BYTES = 16 << 10,
};

struct rp_bench_thread {
	struct rp_bench_run *run;
	const struct rp_bench_options *options;
	const struct rp_bench_plan *plan;
	uint32_t index;
	_Atomic uint32_t tid;
	int epoll_fd;
	int64_t now_ns;
	SSL_CTX *tls;
	struct rp_bench_conn *conns;
	struct rp_bench_conn *dirty;
	struct rp_bench_conn **slots; /* the connection in use; NULL: to be opened again */
	int64_t *reopen_ns;
	uint32_t slot_count;
	struct rp_bench_stream *streams;
	struct rp_bench_stream *free;
	struct rp_bench_stream *retry; /* to be started before new ones */
	uint32_t stream_count;
	uint32_t open;
	uint64_t next_number;
	bool has_begun;	    /* streams may start */
	bool has_stopped;   /* no new streams */
	bool is_full;	    /* open loop: a start waits for room */
	bool was_full;	    /* the same, in the turn before */
	bool is_ready_told; /* for the stage */
	uint32_t open_told;
	/* SSE at fixed times: in the order of their times, as the interval is one for all */
	struct rp_bench_stream *paced_first;
	struct rp_bench_stream *paced_last;
	int64_t sse_interval_ns;
	int64_t feed_interval_ns;
	/* buffers of the turn */
	uint8_t *recv;
	uint8_t *record;
	struct rp_bench_out plain;
	uint8_t *wires; /* free ones, chained through their first bytes */
	struct rp_bench_stats stats;
	/* when things happen */
	int stage;	       /* enum rp_bench_stage, as last seen */
	int64_t load_begin_ns; /* of the warm-up */
	int64_t measure_begin_ns;
	int64_t measure_end_ns;
	int64_t next_sweep_ns;
	int64_t next_second_ns;
	int64_t drain_until_ns;
	int64_t connected_ns; /* when it had a usable connection last */
	uint64_t starts_due;  /* open loop: starts so far */
	uint64_t feeds_done;
	uint32_t next_slot;
	uint32_t idle_wanted;
	uint32_t idle_open;	  /* that have their pick */
	uint32_t measured_wanted; /* --requests: this thread's part */
	uint32_t measured_started;
	uint32_t measured_done;
	struct rp_bench_stream **idle;
};

/* ---- what a stream's messages are ---- */

/*
 * Messages of a stream, by number: 0 the request's headers, then its body's chunks, the response's
 * headers and its chunks. message_limit says how far it may go at the moment.
 */

static inline const struct rp_bench_plan *rp_bench_stream_plan(const struct rp_bench_stream *stream)
{
	return stream->conn->thread->plan;
}

static inline uint32_t rp_bench_stream_requests(const struct rp_bench_stream *stream)
{
	return 1 + rp_bench_stream_plan(stream)->request_chunks;
}

/** Bytes of an answer's body before a chunk; an idle stream's chunks are all the same one. */
static inline uint64_t rp_bench_stream_answer_at(const struct rp_bench_stream *stream,
						 uint32_t chunk)
{
	const struct rp_bench_plan *plan = rp_bench_stream_plan(stream);

	if (stream->is_idle)
		return (uint64_t)chunk * plan->feed.len;
	uint64_t at = (uint64_t)chunk * plan->answer_chunk_bytes;

	return at < plan->answer.len ? at : plan->answer.len;
}

/* ---- of a thread ---- */

/** A buffer of RP_BENCH_WIRE_BYTES; aborts when out of memory. */
uint8_t *rp_bench_thread_wire(struct rp_bench_thread *thread);
void rp_bench_thread_give_wire(struct rp_bench_thread *thread, uint8_t *wire);
/** The stream's record is free again. */
void rp_bench_thread_give_stream(struct rp_bench_thread *thread, struct rp_bench_stream *stream);
/** The same, but it is to be started again, on another connection. */
void rp_bench_thread_retry_stream(struct rp_bench_thread *thread, struct rp_bench_stream *stream);
/** An idle stream has its pick. */
void rp_bench_thread_idle_ready(struct rp_bench_thread *thread, struct rp_bench_stream *stream);
/** Put a stream behind those whose next chunk is due at a fixed time. */
void rp_bench_thread_pace(struct rp_bench_thread *thread, struct rp_bench_stream *stream);
/** A connection was lost or goes away: its slot is to be filled anew. */
void rp_bench_thread_slot_free(struct rp_bench_thread *thread, struct rp_bench_conn *conn,
			       const char *why);
/** Is the measured window open? */
bool rp_bench_thread_is_measuring(const struct rp_bench_thread *thread);
void *rp_bench_thread_main(void *thread);

#endif /* RP_PERF_BENCH_LOAD_H */
