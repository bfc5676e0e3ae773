/* SPDX-License-Identifier: Apache-2.0
 *
 * One plain-http server that is asked for the same page again and again: a keep-alive connection,
 * one GET in flight at most, one send and one receive a page in the ordinary case. Redirects are
 * not followed, no encoding is asked for, and whatever goes wrong closes the connection.
 */
#ifndef RP_CONTROL_HTTP_TARGET_H
#define RP_CONTROL_HTTP_TARGET_H

#include <netinet/in.h>

#include "control/event_loop.h"
#include "control/http_response.h"

struct rp_http_target;

/* What several targets of one loop have in common. Outlives them. */
struct rp_http_client {
	struct rp_events *loop;
	uint8_t *recv_buffer; /* used within one callback only */
	size_t recv_bytes;
	/**
	 * The answer begins: lend storage for reading it until on_done or rp_http_target_fini().
	 * NULL (out of memory) ends the fetch.
	 */
	struct rp_http_response *(*on_answer)(struct rp_http_target *target);
	/** A piece of the page; an error ends the fetch with it. */
	int (*on_body)(struct rp_http_target *target, struct rp_bytes piece);
	/** The fetch is over: RP_OK with status 200 and a whole page, else why not. */
	void (*on_done)(struct rp_http_target *target, int err);
};

struct rp_http_target {
	struct rp_http_client *client;
	struct rp_events_watch watch;
	int fd; /* -1: not connected */
	bool is_in_flight;
	bool is_reused; /* the connection has carried a page before */
	uint32_t request_bytes;
	uint32_t request_sent;
	char *request;			   /* owned */
	struct rp_http_response *response; /* lent; NULL: none of its bytes have come yet */
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t address_bytes;
};

/**
 * Prepare a target on caller's storage; nothing is connected yet.
 *
 * @param ip    literal, IPv6 in brackets
 * @param path  begins with '/'
 * @return RP_OK; RP_EFORMAT: not an address, or a path with blanks or control characters; RP_ENOMEM
 */
RP_MUST_CHECK int rp_http_target_init(struct rp_http_target *target, struct rp_http_client *client,
				      struct rp_bytes ip, uint16_t port, const char *path);

/** Close and forget; a fetch in flight ends without on_done. */
void rp_http_target_fini(struct rp_http_target *target);

/**
 * Start a fetch; on_done follows, never from within this call unless it fails at once.
 * Our fault if one is in flight.
 */
void rp_http_target_fetch(struct rp_http_target *target);

/** End a fetch in flight with this error (a deadline); on_done is called. */
void rp_http_target_abort(struct rp_http_target *target, int err);

#endif /* RP_CONTROL_HTTP_TARGET_H */
