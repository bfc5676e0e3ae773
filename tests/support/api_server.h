/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP/1.1 server on threads of its own that answers as a test's script says, with or without
 * TLS.
 */
#ifndef RP_TESTS_API_SERVER_H
#define RP_TESTS_API_SERVER_H

#include <pthread.h>

#include "tests/support/tls_files.h"

enum { API_HEAD_BYTES = 16384, API_CONNS_MAX = 256 };

struct api_server;

/* A connection, and the request it is at. */
struct api_conn {
	struct api_server *server;
	int fd;
	void *ssl; /* NULL: plain */
	char head[API_HEAD_BYTES];
	size_t head_bytes;
	char body[API_HEAD_BYTES];
	int number;	 /* of the request, from 1, over all connections */
	int conn_number; /* from 1 */
};

/** Answers one request. @return false: the connection is to be closed */
typedef bool api_script(struct api_conn *conn);

struct api_server {
	uint16_t port;
	api_script *script;
	int fd;
	void *context;
	pthread_t acceptor;
	pthread_mutex_t lock; /* of what follows */
	pthread_t thread[API_CONNS_MAX];
	int conn_fd[API_CONNS_MAX]; /* -1: closed */
	int conn_count;
	int request_count;
	bool is_stopping;
	char last_head[API_HEAD_BYTES];
	char last_body[API_HEAD_BYTES];
	char client_name[256]; /* of the last client certificate */
};

/**
 * Start on a free port of 127.0.0.1.
 * @param pair  NULL: without TLS
 * @param client_authority  PEM; clients must have a certificate of it; NULL: they need none
 */
void api_server_start(struct api_server *server, const struct tls_pair *pair,
		      const char *client_authority, api_script *script);
/** The same on a port that a server had before. */
void api_server_start_at(struct api_server *server, uint16_t port, const struct tls_pair *pair,
			 const char *client_authority, api_script *script);
/** Close all and join the threads. */
void api_server_stop(struct api_server *server);

int api_server_requests(struct api_server *server);
int api_server_conns(struct api_server *server);
/** Of the last request. */
void api_server_last(struct api_server *server, char *head, char *body);

/** Send bytes; a peer that is gone is none of the script's business. */
void api_send(struct api_conn *conn, const char *text);
/** Send a whole answer with a length. */
void api_answer(struct api_conn *conn, int status, const char *headers, const char *body);
/** Close with a reset instead of an end. */
void api_reset(struct api_conn *conn);

#endif /* RP_TESTS_API_SERVER_H */
