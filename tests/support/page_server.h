/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of one page for tests of scraping. It lives on the tested code's loop and misbehaves on
 * demand. There is one a process; a test zeroes it and sets its loop.
 */
#ifndef RP_TESTS_PAGE_SERVER_H
#define RP_TESTS_PAGE_SERVER_H

#include "control/event_loop.h"

enum { PAGE_SERVER_CONNECTIONS_MAX = 128, PAGE_SERVER_REQUESTS_MAX = 4096 };

enum page_manner {
	ANSWERS,	    /* at once and whole */
	DRIPS,		    /* a byte a turn */
	HANGS,		    /* reads requests, says nothing */
	FLOODS,		    /* sends the reply's head and then bytes for ever */
	CLOSES_AFTER_REPLY, /* whatever the reply says */
	CLOSES_UNANSWERED,  /* at every request */
	CLOSES_REUSED,	    /* unanswered at the second request of a connection */
	RESETS_REUSED,	    /* the same with a reset */
};

struct page_conn {
	struct rp_events_watch watch;
	bool is_open;
	int requests;
	size_t ends_seen; /* bytes of "\r\n\r\n" matched */
	size_t sent;	  /* of the reply */
	bool is_sending;
};

struct page_server {
	struct rp_events *loop;
	struct rp_events_watch listener;
	char ip[16]; /* of this process only: others may still be asking an old port of theirs */
	uint16_t port;
	enum page_manner manner;
	char reply[4096];
	struct page_conn conn[PAGE_SERVER_CONNECTIONS_MAX];
	int accepts;
	int requests;
	int64_t request_ns[PAGE_SERVER_REQUESTS_MAX];
	size_t bytes_sent;
	char request[512]; /* the last bytes received at once */
};

extern struct page_server page_server;

/** Listen on page_server.port, or on any if that is 0. */
void page_server_start(void);
/** Stop listening and close all connections. */
void page_server_stop(void);
int page_server_open_conns(void);
/** Send of the reply what the manner and the socket allow. */
void page_server_send(struct page_conn *conn);

#endif /* RP_TESTS_PAGE_SERVER_H */
