/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/tls.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "dataplane/mem_class.h"
#include "dataplane/tls_record.h"

enum { RECORD_OVERHEAD = 64, ROOM_SLACK = 4096 };

/* What a context offers unless a list is given: AES-128 first, as it is the cheapest here and the
 * upstream picker's first choice too. */
#define CIPHERS_TLS13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define CIPHERS_TLS12                                                                              \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct rp_tls_context {
	SSL_CTX *ctx;
	BIO_METHOD *method;
	uint32_t users; /* the owner and its connections */
};

struct rp_tls {
	struct rp_tls_context *context;
	SSL *ssl;		      /* until the records are taken over */
	struct rp_tls_record *record; /* from then on */
	struct rp_bytes in;
	struct rp_tls_sink *sink;   /* during a call */
	struct rp_tls_start *start; /* during the handshake */
	bool is_broken;		    /* nothing may be sent any more, not even to close */
};

/* OpenSSL's allocator hooks take no argument; a worker is one thread. */
static struct rp_mem_classes memory;

static void *tls_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n > 0 ? rp_mem_alloc(&memory, n) : NULL;
}

static void *tls_realloc(void *ptr, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	if (n == 0) {
		rp_mem_free(&memory, ptr);
		return NULL;
	}
	return rp_mem_realloc(&memory, ptr, n);
}

static void tls_free(void *ptr, const char *file, int line)
{
	(void)file;
	(void)line;
	rp_mem_free(&memory, ptr);
}

void rp_tls_init_memory(void)
{
	/* Refused once OpenSSL has allocated something: it then stays with malloc, which is slower
	 * only. */
	(void)CRYPTO_set_mem_functions(tls_malloc, tls_realloc, tls_free);
}

/* ---- the BIO ---- */

static int bio_read(BIO *bio, char *out, int n)
{
	struct rp_tls *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (tls->in.len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t taken = rp_min_size((size_t)n, tls->in.len);

	memcpy(out, tls->in.ptr, taken);
	tls->in = rp_bytes_slice(tls->in, taken, tls->in.len);
	return (int)taken;
}

static int bio_write(BIO *bio, const char *in, int n)
{
	struct rp_tls *tls = BIO_get_data(bio);
	struct rp_tls_sink *sink = tls->sink;

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (sink == NULL || (size_t)n > sink->bytes - sink->used) {
		BIO_set_retry_write(bio);
		return -1;
	}
	memcpy(sink->data + sink->used, in, (size_t)n);
	sink->used += (size_t)n;
	if (tls->start != NULL && (size_t)n >= sizeof(tls->start->last_out))
		memcpy(tls->start->last_out, in + n - sizeof(tls->start->last_out),
		       sizeof(tls->start->last_out));
	return n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
	(void)bio;
	(void)number;
	(void)ptr;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method_new(void)
{
	BIO_METHOD *method =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ringpick buffers");

	if (method != NULL) {
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	return method;
}

/* ---- what the records' keys come from ---- */

static bool read_hex(const char *text, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = OPENSSL_hexchar2int((unsigned char)text[2 * i]);
		int low = OPENSSL_hexchar2int((unsigned char)text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* TLS 1.3's traffic secrets have no other way out of OpenSSL 3.0 than its key log: a label, the
 * client's random in 64 digits, the secret. They are kept in memory, until the handshake is over.
 */
static void on_secret(const SSL *ssl, const char *line)
{
	static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ",
			  server[] = "SERVER_TRAFFIC_SECRET_0 ";
	const struct rp_tls *tls = SSL_get_app_data(ssl);
	struct rp_tls_start *start = tls->start;
	bool is_client = strncmp(line, client, sizeof(client) - 1) == 0;

	if (start == NULL || (!is_client && strncmp(line, server, sizeof(server) - 1) != 0))
		return;
	struct rp_tls_secret *secret = is_client ? &start->client_secret : &start->server_secret;
	size_t at = sizeof(client) - 1 + 2 * SSL3_RANDOM_SIZE + 1, len = strlen(line);
	size_t n = len > at ? (len - at) / 2 : 0;

	secret->bytes = n <= sizeof(secret->data) && read_hex(line + at, secret->data, n) ? n : 0;
}

/* Counts the records that go out behind our Finished: session tickets. */
static void on_message(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
		       void *user)
{
	const struct rp_tls *tls = SSL_get_app_data(ssl);

	(void)version;
	(void)user;
	if (is_sent == 0 || tls->start == NULL)
		return;
	if (type == SSL3_RT_HEADER)
		tls->start->sent_records++;
	else if (type == SSL3_RT_HANDSHAKE && len > 0 &&
		 *(const uint8_t *)bytes == SSL3_MT_FINISHED)
		tls->start->sent_records = 0;
}

/* ---- the context ---- */

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned int in_len, void *user)
{
	(void)ssl;
	(void)user;
	/* RFC 7301 3.1: names with a length byte each. */
	for (unsigned int at = 0; at < in_len; at += 1u + in[at]) {
		if (in[at] == 2 && in_len - at >= 3 && in[at + 1] == 'h' && in[at + 2] == '2') {
			*out = in + at + 1;
			*out_len = 2;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

/* select_alpn() is not asked when the client offers nothing: that is refused here. */
static int on_client_hello(SSL *ssl, int *alert, void *user)
{
	const unsigned char *data = NULL;
	size_t len = 0;

	(void)user;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
				      &data, &len) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

/* The first certificate of the PEM text is ours, the others go along. */
static bool use_chain(SSL_CTX *ctx, struct rp_bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *cert = bio != NULL ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
	bool is_used = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	while (is_used) {
		X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (issuer == NULL)
			break; /* the end of the text, or what follows is no certificate */
		if (SSL_CTX_add0_chain_cert(ctx, issuer) != 1) {
			X509_free(issuer);
			is_used = false;
		}
	}
	BIO_free(bio);
	return is_used;
}

static bool use_key(SSL_CTX *ctx, struct rp_bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	bool is_used = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		       SSL_CTX_check_private_key(ctx) == 1;

	EVP_PKEY_free(key);
	BIO_free(bio);
	return is_used;
}

static const char *configure(SSL_CTX *ctx, const struct rp_secrets_message *message,
			     struct rp_bytes cert, struct rp_bytes key)
{
	uint8_t tickets[RP_TICKET_KEY_BYTES];

	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* An idle connection holds no record buffers. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
	SSL_CTX_set_keylog_callback(ctx, on_secret);
	SSL_CTX_set_msg_callback(ctx, on_message);
	if (message->tls_min_version != TLS1_2_VERSION &&
	    message->tls_min_version != TLS1_3_VERSION)
		return "the least TLS version is neither 1.2 nor 1.3";
	if (SSL_CTX_set_min_proto_version(ctx, (int)message->tls_min_version) != 1)
		return "the least TLS version is refused";
	if (memchr(message->cipher_list, '\0', sizeof(message->cipher_list)) == NULL)
		return "the list of ciphers has no end";
	bool has_list = message->cipher_list[0] != '\0';

	if (SSL_CTX_set_ciphersuites(ctx, CIPHERS_TLS13) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, has_list ? message->cipher_list : CIPHERS_TLS12) != 1)
		return "no cipher of the list is known";
	if (!use_chain(ctx, cert))
		return "the certificate is not usable";
	if (!use_key(ctx, key))
		return "the key is not usable or does not belong to the certificate";
	memcpy(tickets, message->ticket_key, sizeof(tickets));
	bool is_set = SSL_CTX_set_tlsext_ticket_keys(ctx, tickets, sizeof(tickets)) == 1;

	OPENSSL_cleanse(tickets, sizeof(tickets));
	return is_set ? NULL : "the ticket keys are refused";
}

static void context_release(struct rp_tls_context *context)
{
	if (--context->users > 0)
		return;
	SSL_CTX_free(context->ctx);
	BIO_meth_free(context->method);
	rp_mem_free(&memory, context);
}

void rp_tls_warm_up(void)
{
	/* No key at all: what counts is that the decoders of keys have been looked up. */
	static const char nothing[] = "-----BEGIN PRIVATE KEY-----\n"
				      "MAA=\n"
				      "-----END PRIVATE KEY-----\n";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx != NULL)
		(void)use_key(ctx, RP_BYTES_LIT(nothing));
	ERR_clear_error();
	SSL_CTX_free(ctx);
}

int rp_tls_context_new(const struct rp_secrets_message *message, struct rp_bytes cert,
		       struct rp_bytes key, struct rp_tls_context **ret_context,
		       const char **ret_why)
{
	struct rp_tls_context *context = rp_mem_calloc(&memory, 1, sizeof(*context));

	*ret_why = "out of memory";
	if (context == NULL)
		return RP_ENOMEM;
	context->users = 1;
	context->ctx = SSL_CTX_new(TLS_server_method());
	context->method = bio_method_new();
	if (context->ctx == NULL || context->method == NULL) {
		context_release(context);
		return RP_ENOMEM;
	}
	const char *why = configure(context->ctx, message, cert, key);

	ERR_clear_error();
	if (why != NULL) {
		*ret_why = why;
		context_release(context);
		return RP_EFORMAT;
	}
	*ret_why = "";
	*ret_context = context;
	return RP_OK;
}

void rp_tls_context_free(struct rp_tls_context *context)
{
	if (context != NULL)
		context_release(context);
}

/* ---- a connection ---- */

int rp_tls_new(struct rp_tls_context *context, struct rp_tls **ret_tls)
{
	struct rp_tls *tls = rp_mem_calloc(&memory, 1, sizeof(*tls));
	BIO *bio = BIO_new(context->method);

	if (tls != NULL) {
		tls->ssl = SSL_new(context->ctx);
		tls->start = rp_mem_calloc(&memory, 1, sizeof(*tls->start));
	}
	if (tls == NULL || tls->ssl == NULL || tls->start == NULL || bio == NULL) {
		if (tls != NULL) {
			SSL_free(tls->ssl);
			rp_mem_free(&memory, tls->start);
		}
		BIO_free(bio);
		rp_mem_free(&memory, tls);
		return RP_ENOMEM;
	}
	(void)SSL_set_app_data(tls->ssl, tls);
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio); /* owns it now */
	SSL_set_accept_state(tls->ssl);
	tls->context = context;
	context->users++;
	*ret_tls = tls;
	return RP_OK;
}

static void forget_start(struct rp_tls *tls)
{
	if (tls->start == NULL)
		return;
	OPENSSL_cleanse(tls->start, sizeof(*tls->start));
	rp_mem_free(&memory, tls->start);
	tls->start = NULL;
}

void rp_tls_free(struct rp_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	rp_tls_record_free(tls->record);
	forget_start(tls);
	context_release(tls->context);
	rp_mem_free(&memory, tls);
}

void rp_tls_feed(struct rp_tls *tls, struct rp_bytes in)
{
	tls->in = in;
}

/* What a call that did not succeed means. */
static int result_of(struct rp_tls *tls, int n)
{
	int error = SSL_get_error(tls->ssl, n);

	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ)
		return RP_EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return RP_ECLOSED;
	/* With WANT_WRITE the sink was full: somebody floods us with key updates. */
	tls->is_broken = true;
	return RP_EPROTO;
}

/* The handshake is complete: its records are ours, if they can be. */
static void take_over(struct rp_tls *tls)
{
	if (rp_tls_record_new(tls->ssl, tls->start, &tls->record) == RP_OK) {
		SSL_free(tls->ssl);
		tls->ssl = NULL;
	}
	forget_start(tls);
	ERR_clear_error();
}

int rp_tls_handshake(struct rp_tls *tls, struct rp_tls_sink *sink)
{
	if (tls->is_broken || tls->start == NULL)
		return RP_EPROTO;
	tls->sink = sink;
	int n = SSL_do_handshake(tls->ssl);
	int err = n == 1 ? RP_OK : result_of(tls, n);

	tls->sink = NULL;
	if (err == RP_OK)
		take_over(tls);
	return err;
}

int rp_tls_read(struct rp_tls *tls, struct rp_tls_sink *sink, uint8_t *out, size_t *ret_n)
{
	if (tls->is_broken)
		return RP_EPROTO;
	if (tls->record != NULL) {
		int err = rp_tls_record_read(tls->record, &tls->in, sink, out, ret_n);

		tls->is_broken = err == RP_EPROTO;
		return err;
	}
	tls->sink = sink;
	int n = SSL_read(tls->ssl, out, RP_TLS_PLAIN_BYTES_MAX);

	tls->sink = NULL;
	if (n <= 0)
		return result_of(tls, n);
	*ret_n = (size_t)n;
	return RP_OK;
}

size_t rp_tls_room_for(size_t n)
{
	return n + (n / RP_TLS_RECORD_BYTES + 1) * RECORD_OVERHEAD + ROOM_SLACK;
}

bool rp_tls_takes_pieces(const struct rp_tls *tls)
{
	return tls->record != NULL;
}

/* OpenSSL makes a record of each piece. */
static int write_by_openssl(struct rp_tls *tls, struct rp_tls_sink *sink, struct rp_bytes piece)
{
	tls->sink = sink;
	int n = SSL_write(tls->ssl, piece.ptr, (int)piece.len);

	tls->sink = NULL;
	if (n == (int)piece.len)
		return RP_OK;
	(void)result_of(tls, n);
	return RP_EPROTO;
}

int rp_tls_write(struct rp_tls *tls, struct rp_tls_sink *sink, const struct rp_bytes *pieces,
		 size_t count)
{
	int err = tls->is_broken ? RP_EPROTO : RP_OK;

	if (err == RP_OK && tls->record != NULL)
		err = rp_tls_record_write(tls->record, sink, pieces, count);
	else
		for (size_t i = 0; err == RP_OK && i < count; i++)
			err = write_by_openssl(tls, sink, pieces[i]);
	tls->is_broken = err != RP_OK;
	return err;
}

void rp_tls_close(struct rp_tls *tls, struct rp_tls_sink *sink)
{
	if (tls->is_broken)
		return;
	if (tls->record != NULL) {
		rp_tls_record_close(tls->record, sink);
		return;
	}
	tls->sink = sink;
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
	tls->sink = NULL;
}
