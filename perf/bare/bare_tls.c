/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bare/bare_tls.h"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

static BIO_METHOD *method;

static int bio_read(BIO *bio, char *out, int room)
{
	struct rp_bare_io *io = BIO_get_data(bio);
	size_t n = (size_t)room < io->in_len ? (size_t)room : io->in_len;

	BIO_clear_retry_flags(bio);
	if (n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, io->in, n);
	io->in += n;
	io->in_len -= n;
	return (int)n;
}

static int bio_write(BIO *bio, const char *in, int len)
{
	struct rp_bare_buf *out = ((struct rp_bare_io *)BIO_get_data(bio))->out;

	BIO_clear_retry_flags(bio);
	if (out == NULL || (size_t)len > RP_BARE_OUT_BYTES - out->used) {
		BIO_set_retry_write(bio); /* who floods us with key updates is thrown out */
		return -1;
	}
	memcpy(out->data + out->used, in, (size_t)len);
	out->used += (size_t)len;
	return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned int in_len, void *user)
{
	(void)ssl;
	(void)user;
	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len,
				  (const unsigned char *)"\x02h2", 3, in,
				  in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static bool use_own_certificate(SSL_CTX *tls)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool is_used = key != NULL && cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
		       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
		       X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "O", MBSTRING_ASC,
						  (const unsigned char *)"bare", -1, -1, 0) == 1 &&
		       X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
		       X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
		       X509_gmtime_adj(X509_getm_notAfter(cert), 365 * 86400) != NULL &&
		       X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0 &&
		       SSL_CTX_use_certificate(tls, cert) == 1 &&
		       SSL_CTX_use_PrivateKey(tls, key) == 1;

	X509_free(cert);
	EVP_PKEY_free(key);
	return is_used;
}

SSL_CTX *rp_bare_tls_new(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bare buffers");
	if (tls == NULL || method == NULL)
		goto failed;
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(tls, 1);
	SSL_CTX_set_alpn_select_cb(tls, select_alpn, NULL);
	/* AES-128 first, as gateways have it. */
	if (SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
					  "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	    use_own_certificate(tls))
		return tls;
failed:
	rp_bare_tls_free(tls);
	return NULL;
}

void rp_bare_tls_free(SSL_CTX *tls)
{
	SSL_CTX_free(tls);
	BIO_meth_free(method);
	method = NULL;
}

SSL *rp_bare_tls_open(SSL_CTX *tls, struct rp_bare_io *io)
{
	BIO *bio = BIO_new(method);
	SSL *ssl = SSL_new(tls);

	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, io);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	return ssl;
}
