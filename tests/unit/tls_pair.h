/* SPDX-License-Identifier: Apache-2.0
 *
 * Our side of TLS and an OpenSSL client in one process; what they say is passed by hand.
 */
#ifndef RP_TESTS_UNIT_TLS_PAIR_H
#define RP_TESTS_UNIT_TLS_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "dataplane/tls.h"

enum { SINK_BYTES = 400000 };

static uint8_t cert_pem[8192], key_pem[8192], other_key_pem[8192];
static struct rp_bytes cert, key, other_key;
static uint8_t sink_data[SINK_BYTES];

static inline struct rp_bytes pem_of(uint8_t *to, X509 *x509, EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (x509 != NULL)
		PEM_write_bio_X509(bio, x509);
	else
		PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
	n = BIO_read(bio, to, 8192);
	BIO_free(bio);
	assert_true(n > 0);
	return rp_bytes(to, (size_t)n);
}

static inline int tls_pair_setup(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	EVP_PKEY *other = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();

	(void)state;
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), -10);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	X509_set_pubkey(x509, pkey);
	X509_sign(x509, pkey, EVP_sha256());
	cert = pem_of(cert_pem, x509, NULL);
	key = pem_of(key_pem, NULL, pkey);
	other_key = pem_of(other_key_pem, NULL, other);
	X509_free(x509);
	EVP_PKEY_free(pkey);
	EVP_PKEY_free(other);
	return 0;
}

static inline struct rp_tls_context *tls_pair_context(uint32_t min_version)
{
	struct rp_secrets_message message = {.tls_min_version = min_version};
	struct rp_tls_context *context = NULL;
	const char *why = NULL;

	memset(message.ticket_key, 7, sizeof(message.ticket_key));
	assert_int_equal(rp_tls_context_new(&message, cert, key, &context, &why), RP_OK);
	assert_string_equal(why, "");
	return context;
}

struct tls_pair {
	struct rp_tls *server;
	struct rp_tls_sink sink;
	SSL_CTX *ctx;
	SSL *client;
	BIO *to_client;
	BIO *from_client;
};

static inline void tls_pair_init(struct tls_pair *p, struct rp_tls_context *context,
				 const char *alpn, int max_version, SSL_SESSION *session)
{
	*p = (struct tls_pair){.sink = {.data = sink_data, .bytes = SINK_BYTES}};
	assert_int_equal(rp_tls_new(context, &p->server), RP_OK);
	p->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_max_proto_version(p->ctx, max_version);
	p->client = SSL_new(p->ctx);
	if (alpn != NULL)
		SSL_set_alpn_protos(p->client, (const uint8_t *)alpn, (unsigned)strlen(alpn));
	if (session != NULL)
		SSL_set_session(p->client, session);
	p->to_client = BIO_new(BIO_s_mem());
	p->from_client = BIO_new(BIO_s_mem());
	SSL_set_bio(p->client, p->to_client, p->from_client);
	SSL_set_connect_state(p->client);
}

static inline void tls_pair_fini(struct tls_pair *p)
{
	rp_tls_free(p->server);
	SSL_free(p->client);
	SSL_CTX_free(p->ctx);
	ERR_clear_error();
}

static inline void tls_pair_deliver(struct tls_pair *p)
{
	if (p->sink.used > 0)
		BIO_write(p->to_client, p->sink.data, (int)p->sink.used);
	p->sink.used = 0;
}

/* All of `bytes` from the server, in full records of uneven pieces. @return as rp_tls_write() */
static inline int tls_pair_write(struct tls_pair *p, struct rp_bytes bytes)
{
	int err = RP_OK;

	while (bytes.len > 0 && err == RP_OK) {
		struct rp_bytes left = rp_bytes_slice(bytes, 0, RP_TLS_RECORD_BYTES), piece[40];
		size_t count = 0;

		bytes = rp_bytes_slice(bytes, left.len, bytes.len);
		while (left.len > 0) {
			size_t n =
				rp_tls_takes_pieces(p->server) ? 9 + 31 * count * count : left.len;

			piece[count] = rp_bytes_slice(left, 0, n);
			left = rp_bytes_slice(left, piece[count].len, left.len);
			count++;
		}
		err = rp_tls_write(p->server, &p->sink, piece, count);
	}
	return err;
}

/* @return what the server's handshake came to */
static inline int tls_pair_shake(struct tls_pair *p, size_t cut)
{
	static uint8_t buf[65536];
	int err = RP_EAGAIN;

	for (int round = 0; round < 10 && err == RP_EAGAIN; round++) {
		(void)SSL_do_handshake(p->client);
		int n = BIO_read(p->from_client, buf, sizeof(buf));

		for (size_t at = 0; n > 0 && at < (size_t)n && err == RP_EAGAIN; at += cut) {
			rp_tls_feed(p->server,
				    rp_bytes(buf + at, rp_min_size(cut, (size_t)n - at)));
			err = rp_tls_handshake(p->server, &p->sink);
		}
		tls_pair_deliver(p);
	}
	if (err == RP_OK)
		assert_int_equal(SSL_do_handshake(p->client), 1);
	return err;
}

#endif /* RP_TESTS_UNIT_TLS_PAIR_H */
