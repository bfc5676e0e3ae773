/* SPDX-License-Identifier: Apache-2.0
 *
 * How the processes see one another: the phase of the whole, the state of each worker, connection
 * counts for balancing, and the numbers of the descriptors that a child inherits.
 */
#ifndef RP_SHM_PROCESS_H
#define RP_SHM_PROCESS_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/base.h"
#include "shm/limits.h"

/* Written by the supervisor, which then writes to every worker's wake eventfd. */
enum rp_phase {
	RP_PHASE_STARTING =
		0, /* nothing published yet: health answers NOT_SERVING, 9002 not listening */
	RP_PHASE_SERVING = 1,
	RP_PHASE_DRAINING = 2, /* signal seen: NOT_SERVING, still accepting (--drain-timeout) */
	RP_PHASE_STOPPING = 3, /* listeners closed, GOAWAY sent; a worker exits when its last
				  connection is gone */
};

struct rp_worker_state {
	alignas(RP_CACHE_LINE) _Atomic uint32_t connections; /* on the ext_proc port: reserved or
								open; added to by whoever accepts */
	alignas(RP_CACHE_LINE) _Atomic uint32_t
		generation;	     /* supervisor: starts of this worker, from 1 */
	_Atomic uint32_t pid;	     /* supervisor; 0: not running */
	_Atomic uint32_t is_ready;   /* worker: its loop runs and it has what TLS needs */
	_Atomic uint32_t io_backend; /* worker: enum rp_io_choice in use */
	_Atomic uint32_t streams;    /* worker: open ext_proc streams */
	_Atomic uint64_t
		accepted; /* worker: ext_proc connections adopted since start of the segment */
};

struct rp_process_state {
	alignas(RP_CACHE_LINE) _Atomic uint32_t phase; /* enum rp_phase; supervisor */
	_Atomic uint32_t is_pool_live;	      /* control: the pool is known (health: `live`) */
	_Atomic uint32_t is_protocol_refused; /* control: no parser speaks the pool's appProtocol */
	_Atomic uint32_t is_leader;	      /* control: holds the lease; looked at with leader
						 election only */
	_Atomic uint32_t control_generation;  /* supervisor: starts of control */
	_Atomic uint32_t worker_restarts;
	struct rp_worker_state worker[RP_WORKERS_MAX];
};

/*
 * Descriptors that children inherit at fixed numbers (dup2 before exec; all others are closed).
 * Sockets are non-blocking. Argument 1 of ringpick-worker is its index in decimal; control gets the
 * supervisor's own arguments after "--".
 */
enum rp_inherited_fd {
	RP_FD_TABLES = 3, /* both; a worker's is opened read-only */
	RP_FD_LIVE = 4,
	/* worker */
	RP_FD_EXT_PROC = 5, /* bound TCP socket, listening from RP_PHASE_SERVING on */
	RP_FD_HEALTH = 6,   /* listening TCP socket */
	RP_FD_WAKE = 7,	    /* eventfd: phase, publication or TLS material changed */
	RP_FD_SECRETS = 8,  /* SOCK_SEQPACKET to control: see rp_secrets_message */
	RP_FD_HANDOFF = 9,  /* SOCK_SEQPACKET, read end: accepted connections from other workers */
	RP_FD_HANDOFF_FIRST = 10, /* + i: write end towards worker i */
	/* control */
	RP_FD_SUPERVISOR = 5,  /* eventfd towards the supervisor: 1 is added at each publication */
	RP_FD_METRICS = 6,     /* listening TCP socket of the metrics port */
	RP_FD_WAKE_FIRST = 10, /* + i: wake eventfd of worker i */
	RP_FD_SECRETS_FIRST =
		10 + RP_WORKERS_MAX, /* + i: control's end of worker i's secrets socket */
};

/* Exit codes of children, which the supervisor reads. */
enum rp_exit {
	RP_EXIT_OK = 0,
	RP_EXIT_CONFIG = 1, /* what the user gave cannot work (the message is printed): before the
			       first publication the supervisor then gives up, too */
	RP_EXIT_FAULT = 3,  /* the machine's or our own fault: worth another try */
	RP_EXIT_EXEC = 127, /* the program could not be executed */
};

/*
 * On the secrets socket: a worker sends one byte RP_SECRETS_HELLO when it starts; control answers,
 * and also sends on its own when certificates change, one message: this head, then certificate
 * chain PEM, then key PEM. Key material goes nowhere else: no file of a worker's, no segment.
 */
enum { RP_SECRETS_HELLO = 'H', RP_TICKET_KEY_BYTES = 80 };

struct rp_secrets_message {
	uint32_t cert_bytes;			 /* PEM chain; 0: serve without TLS */
	uint32_t key_bytes;			 /* PEM key */
	uint8_t ticket_key[RP_TICKET_KEY_BYTES]; /* SSL_CTX_set_tlsext_ticket_keys, same for all
						    workers */
	uint32_t tls_min_version;		 /* 0x0303 or 0x0304 */
	char cipher_list[1024];			 /* OpenSSL names for TLS 1.2; empty: default */
};

/* On the handoff socket, with the connection's descriptor as SCM_RIGHTS. */
struct rp_handoff_message {
	uint32_t
		generation; /* of the receiving worker when the place was reserved; if it is another
			       by now, the reservation is gone and the receiver counts anew */
	uint32_t reserved;
};

#endif /* RP_SHM_PROCESS_H */
