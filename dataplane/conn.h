/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection: socket, TLS if the port has it, HTTP/2 session, deadlines, close. Output is
 * gathered and written once a turn; while a send is under way nothing more is framed. An idle
 * connection holds no buffers.
 */
#ifndef RP_DATAPLANE_CONN_H
#define RP_DATAPLANE_CONN_H

#include "dataplane/h2_session.h"
#include "dataplane/loop.h"
#include "dataplane/tls.h"
#include "shm/counters.h"

struct rp_conn_buf;

enum rp_conn_state {
	RP_CONN_HANDSHAKE, /* TLS */
	RP_CONN_OPEN,
	RP_CONN_FINISHING, /* the last bytes are being sent */
	RP_CONN_LINGERING, /* ours is shut; waiting for the peer's */
	RP_CONN_CLOSED,
};

struct rp_conn {
	struct rp_io io;
	struct rp_conn_env *env;
	struct rp_tls *tls;	       /* NULL: plain text */
	struct rp_h2_session *session; /* NULL before the handshake is over */
	struct rp_conn_buf *out;       /* encrypted, or plain text on a plain port; NULL: nothing */
	enum rp_conn_state state;
	bool is_health;
	bool is_dirty; /* in the list of connections to flush */
	bool is_sending;
	bool has_more;	      /* output was left behind when the last send was made */
	bool is_recv_stopped; /* back-pressure */
	bool has_ended_in;    /* the peer shut its side */
	bool has_failed;      /* protocol error: say good-bye and close */
	bool is_draining;     /* the first GOAWAY is out, or will be when the session is made */
	bool is_shut_down;    /* the second one too */
	int64_t deadline_ns; /* of the handshake, of lingering, of the first GOAWAY; INT64_MAX: none
			      */
	int64_t sent_ns;     /* when the send under way was made */
	size_t sending_bytes;
	size_t ignored_bytes; /* received after the end */
	struct rp_conn *prev;
	struct rp_conn *next;
	struct rp_conn *dirty_prev;
	struct rp_conn *dirty_next;
};

/* What connections need of their worker, and what they keep there. */
struct rp_conn_env {
	struct rp_loop *loop;
	struct rp_h2_env *ext_proc;
	struct rp_h2_env *health;
	struct rp_counters *counters;
	struct rp_tls_context *tls;	/* for new connections of the ext_proc port; NULL: plain */
	void (*begin_turn)(void *user); /* before the first byte of a turn is looked at */
	void (*on_gone)(void *user, const struct rp_conn *conn); /* it is about to be freed */
	void *user;
	int64_t now_ns;
	uint32_t count;
	struct rp_conn *first; /* all connections */
	struct rp_conn *dirty_first;
	struct rp_conn *dirty_last;
	struct rp_conn *conn_free;
	struct rp_conn_buf *buf_free;
	uint8_t *plain_out; /* scratch: heads and short pieces of one record */
	uint8_t *plain_in;  /* scratch: one decrypted record */
};

/** The fields from loop to user are the caller's. @return RP_OK or RP_ENOMEM */
RP_MUST_CHECK int rp_conn_env_init(struct rp_conn_env *env);
/** All connections must be gone. */
void rp_conn_env_fini(struct rp_conn_env *env);

/**
 * Take over an accepted socket.
 * @return RP_OK: fd is the connection's; else the caller closes it
 */
RP_MUST_CHECK int rp_conn_open(struct rp_conn_env *env, int fd, bool is_health);
/** At once, with what was not sent. on_gone follows. */
void rp_conn_close(struct rp_conn *conn);
/** Graceful: GOAWAY, PING, GOAWAY, and close after the last stream (ext_proc reference 1.6). */
void rp_conn_drain(struct rp_conn *conn);

/** End of a turn: flush the sessions that got bytes or want to write. */
void rp_conn_flush_dirty(struct rp_conn_env *env);
/** Deadlines of all connections; a few times a second. */
void rp_conn_tick(struct rp_conn_env *env);

uint32_t rp_conn_stream_count(const struct rp_conn *conn);

#endif /* RP_DATAPLANE_CONN_H */
