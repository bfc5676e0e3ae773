/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/api_server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	RP_ASSERT(cert != NULL);
	BIO_free(bio);
	return cert;
}

static SSL_CTX *make_context(const struct tls_pair *pair, const char *client_authority)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	X509 *cert = read_cert(pair->cert);
	BIO *bio = BIO_new_mem_buf(pair->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	RP_ASSERT(SSL_CTX_use_certificate(context, cert) == 1 &&
		  SSL_CTX_use_PrivateKey(context, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (client_authority != NULL) {
		cert = read_cert(client_authority);
		RP_ASSERT(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert) == 1);
		X509_free(cert);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
		(void)SSL_CTX_set_session_id_context(context, (const unsigned char *)"api", 3);
	}
	return context;
}

static ssize_t receive(struct api_conn *conn, char *out, size_t bytes)
{
	if (conn->ssl != NULL)
		return SSL_read(conn->ssl, out, (int)bytes);
	return recv(conn->fd, out, bytes, 0);
}

static bool read_exactly(struct api_conn *conn, char *out, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		ssize_t n = receive(conn, out + at, bytes - at);

		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static bool read_request(struct api_conn *conn)
{
	const char *length;
	size_t body_bytes = 0;

	conn->head_bytes = 0;
	conn->head[0] = '\0';
	conn->body[0] = '\0';
	while (strstr(conn->head, "\r\n\r\n") == NULL) {
		if (conn->head_bytes + 1 >= sizeof(conn->head) ||
		    !read_exactly(conn, conn->head + conn->head_bytes, 1))
			return false;
		conn->head[++conn->head_bytes] = '\0';
	}
	length = strstr(conn->head, "Content-Length: ");
	if (length != NULL)
		body_bytes = strtoul(length + strlen("Content-Length: "), NULL, 10);
	RP_ASSERT(body_bytes < sizeof(conn->body));
	if (!read_exactly(conn, conn->body, body_bytes))
		return false;
	conn->body[body_bytes] = '\0';
	return true;
}

static void note_request(struct api_conn *conn)
{
	struct api_server *server = conn->server;

	pthread_mutex_lock(&server->lock);
	conn->number = ++server->request_count;
	memcpy(server->last_head, conn->head, sizeof(conn->head));
	memcpy(server->last_body, conn->body, sizeof(conn->body));
	pthread_mutex_unlock(&server->lock);
}

static bool shake_hands(struct api_conn *conn)
{
	struct api_server *server = conn->server;
	X509 *cert;

	conn->ssl = SSL_new(server->context);
	RP_ASSERT(SSL_set_fd(conn->ssl, conn->fd) == 1);
	if (SSL_accept(conn->ssl) != 1)
		return false;
	cert = SSL_get0_peer_certificate(conn->ssl);
	pthread_mutex_lock(&server->lock);
	server->client_name[0] = '\0';
	if (cert != NULL)
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
					  server->client_name, sizeof(server->client_name));
	pthread_mutex_unlock(&server->lock);
	return true;
}

static void *serve(void *user)
{
	struct api_conn *conn = user;
	struct api_server *server = conn->server;

	if (server->context == NULL || shake_hands(conn))
		while (read_request(conn)) {
			note_request(conn);
			if (!server->script(conn))
				break;
		}
	if (conn->ssl != NULL)
		(void)SSL_shutdown(conn->ssl);
	SSL_free(conn->ssl);
	ERR_clear_error();
	pthread_mutex_lock(&server->lock);
	close(conn->fd);
	server->conn_fd[conn->conn_number - 1] = -1;
	pthread_mutex_unlock(&server->lock);
	free(conn);
	return NULL;
}

static void *accept_all(void *user)
{
	struct api_server *server = user;

	for (;;) {
		int fd = accept(server->fd, NULL, NULL);
		struct api_conn *conn;

		if (fd < 0)
			return NULL;
		conn = calloc(1, sizeof(*conn));
		RP_ASSERT(conn != NULL);
		conn->server = server;
		conn->fd = fd;
		pthread_mutex_lock(&server->lock);
		RP_ASSERT(server->conn_count < API_CONNS_MAX);
		server->conn_fd[server->conn_count] = fd;
		conn->conn_number = server->conn_count + 1;
		if (server->is_stopping)
			shutdown(fd, SHUT_RDWR);
		RP_ASSERT(pthread_create(&server->thread[server->conn_count], NULL, serve, conn) ==
			  0);
		server->conn_count++;
		pthread_mutex_unlock(&server->lock);
	}
}

void api_server_start_at(struct api_server *server, uint16_t port, const struct tls_pair *pair,
			 const char *client_authority, api_script *script)
{
	int on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t bytes = sizeof(address);

	memset(server, 0, sizeof(*server));
	server->script = script;
	if (pair != NULL)
		server->context = make_context(pair, client_authority);
	pthread_mutex_init(&server->lock, NULL);
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	RP_ASSERT(server->fd >= 0 &&
		  setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		  bind(server->fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		  listen(server->fd, 64) == 0 &&
		  getsockname(server->fd, (struct sockaddr *)&address, &bytes) == 0);
	server->port = ntohs(address.sin_port);
	RP_ASSERT(pthread_create(&server->acceptor, NULL, accept_all, server) == 0);
}

void api_server_start(struct api_server *server, const struct tls_pair *pair,
		      const char *client_authority, api_script *script)
{
	api_server_start_at(server, 0, pair, client_authority, script);
}

void api_server_stop(struct api_server *server)
{
	pthread_mutex_lock(&server->lock);
	server->is_stopping = true;
	for (int i = 0; i < server->conn_count; i++)
		if (server->conn_fd[i] >= 0)
			shutdown(server->conn_fd[i], SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	shutdown(server->fd, SHUT_RDWR);
	pthread_join(server->acceptor, NULL);
	for (int i = 0; i < server->conn_count; i++)
		pthread_join(server->thread[i], NULL);
	close(server->fd);
	pthread_mutex_destroy(&server->lock);
	SSL_CTX_free(server->context);
}

int api_server_requests(struct api_server *server)
{
	int count;

	pthread_mutex_lock(&server->lock);
	count = server->request_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

int api_server_conns(struct api_server *server)
{
	int count;

	pthread_mutex_lock(&server->lock);
	count = server->conn_count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

void api_server_last(struct api_server *server, char *head, char *body)
{
	pthread_mutex_lock(&server->lock);
	memcpy(head, server->last_head, API_HEAD_BYTES);
	if (body != NULL)
		memcpy(body, server->last_body, API_HEAD_BYTES);
	pthread_mutex_unlock(&server->lock);
}

void api_send(struct api_conn *conn, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = conn->ssl != NULL ? SSL_write(conn->ssl, text, (int)left)
					      : send(conn->fd, text, left, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		left -= (size_t)n;
	}
}

void api_answer(struct api_conn *conn, int status, const char *headers, const char *body)
{
	char head[1024];

	snprintf(head, sizeof(head), "HTTP/1.1 %d Text\r\nContent-Length: %zu\r\n%s\r\n", status,
		 strlen(body), headers);
	api_send(conn, head);
	api_send(conn, body);
}

void api_reset(struct api_conn *conn)
{
	struct linger linger = {.l_onoff = 1};

	(void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	SSL_free(conn->ssl); /* no close_notify before the reset */
	conn->ssl = NULL;
}
