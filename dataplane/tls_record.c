/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/tls_record.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

enum {
	HEAD_BYTES = 5,
	FINISHED_BYTES = 16,
	IV_BYTES = 12,
	TAG_BYTES = 16,
	EXPLICIT_BYTES = 8, /* TLS 1.2 with AES-GCM: the nonce's variable part goes along */
	PLAIN_MAX = 16384,
	SEALED_MAX = PLAIN_MAX + 256, /* RFC 8446 5.2; what we open of TLS 1.2 is smaller */
	OVERHEAD_MAX = HEAD_BYTES + EXPLICIT_BYTES + 1 + TAG_BYTES,
	AAD_BYTES_MAX = 13,
	IDLE_RECORDS_MAX = 32, /* without a byte of data, one after the other */
};

/* RFC 8446 5.5: 2^24.5 full records under one key; then our side changes its key. */
static const uint64_t records_max = UINT64_C(1) << 24;

enum content { CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_DATA = 23 };

enum alert {
	ALERT_NONE = -1, /* fail silently: the peer has said why */
	ALERT_CLOSE_NOTIFY = 0,
	ALERT_UNEXPECTED_MESSAGE = 10,
	ALERT_BAD_RECORD_MAC = 20,
	ALERT_RECORD_OVERFLOW = 22,
	ALERT_ILLEGAL_PARAMETER = 47,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_USER_CANCELED = 90,
	ALERT_NO_RENEGOTIATION = 100,
};

enum { MESSAGE_KEY_UPDATE = 24 };

/* One direction. */
struct half {
	EVP_CIPHER_CTX *ctx;
	uint64_t seq;
	uint64_t explicit_nonce; /* TLS 1.2 with AES-GCM, of what is sent */
	uint8_t iv[IV_BYTES];
	uint8_t secret[RP_TLS_SECRET_BYTES_MAX]; /* TLS 1.3 */
};

struct rp_tls_record {
	struct half in;
	struct half out;
	const EVP_CIPHER *cipher;
	const EVP_MD *md;
	size_t secret_bytes;
	uint8_t *held; /* a record that has not come whole; NULL: none */
	size_t held_bytes;
	uint32_t idle_records;
	bool is_tls13;
	bool has_explicit_nonce;
	bool has_ended; /* close_notify came */
};

static void put_be64(uint8_t *to, uint64_t v)
{
	v = htobe64(v);
	memcpy(to, &v, sizeof(v));
}

static uint64_t get_be64(const uint8_t *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof(v));
	return be64toh(v);
}

/* ---- keys ---- */

static bool derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool is_done = ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return is_done;
}

/* OpenSSL's parameters lack const. */
static OSSL_PARAM octets(const char *name, const void *data, size_t n)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, n);
}

static OSSL_PARAM digest_of(const EVP_MD *md)
{
	return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						(char *)(uintptr_t)EVP_MD_get0_name(md), 0);
}

/* RFC 8446 7.1, HKDF-Expand-Label with an empty context. */
static bool expand_label(const struct rp_tls_record *record, const uint8_t *secret,
			 const char *label, uint8_t *out, size_t n)
{
	uint8_t info[32];
	struct rp_writer w = rp_writer(info, sizeof(info));
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;

	rp_write_u8(&w, 0);
	rp_write_u8(&w, (uint8_t)n);
	rp_write_u8(&w, (uint8_t)(6 + strlen(label)));
	rp_write_str(&w, "tls13 ");
	rp_write_str(&w, label);
	rp_write_u8(&w, 0);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		digest_of(record->md),
		octets(OSSL_KDF_PARAM_KEY, secret, record->secret_bytes),
		octets(OSSL_KDF_PARAM_INFO, info, rp_written(&w)),
		OSSL_PARAM_construct_end(),
	};

	return derive("HKDF", params, out, n);
}

static bool set_key(const struct rp_tls_record *record, struct half *half, const uint8_t *key,
		    bool is_sealing)
{
	if (EVP_CipherInit_ex(half->ctx, record->cipher, NULL, key, NULL, is_sealing) != 1)
		return false;
	half->seq = 0;
	return true;
}

/* RFC 8446 7.3 */
static bool set_traffic_keys(const struct rp_tls_record *record, struct half *half, bool is_sealing)
{
	uint8_t key[EVP_MAX_KEY_LENGTH];
	size_t key_bytes = (size_t)EVP_CIPHER_get_key_length(record->cipher);
	bool is_set = expand_label(record, half->secret, "key", key, key_bytes) &&
		      expand_label(record, half->secret, "iv", half->iv, IV_BYTES) &&
		      set_key(record, half, key, is_sealing);

	OPENSSL_cleanse(key, sizeof(key));
	return is_set;
}

/* RFC 8446 7.2 */
static bool update_traffic_keys(const struct rp_tls_record *record, struct half *half,
				bool is_sealing)
{
	uint8_t next[RP_TLS_SECRET_BYTES_MAX];

	if (!expand_label(record, half->secret, "traffic upd", next, record->secret_bytes))
		return false;
	memcpy(half->secret, next, record->secret_bytes);
	OPENSSL_cleanse(next, sizeof(next));
	return set_traffic_keys(record, half, is_sealing);
}

static bool start_tls13(struct rp_tls_record *record, const struct rp_tls_start *start)
{
	record->secret_bytes = (size_t)EVP_MD_get_size(record->md);
	if (start->client_secret.bytes != record->secret_bytes ||
	    start->server_secret.bytes != record->secret_bytes)
		return false;
	memcpy(record->in.secret, start->client_secret.data, record->secret_bytes);
	memcpy(record->out.secret, start->server_secret.data, record->secret_bytes);
	if (!set_traffic_keys(record, &record->in, false) ||
	    !set_traffic_keys(record, &record->out, true))
		return false;
	record->out.seq = start->sent_records;
	return true;
}

/* Is what OpenSSL wrote last its Finished, and nothing behind it? The nonces go on from there. */
static bool ends_with_finished(const struct rp_tls_start *start)
{
	static const uint8_t head[HEAD_BYTES] = {CONTENT_HANDSHAKE, 3, 3, 0,
						 EXPLICIT_BYTES + FINISHED_BYTES + TAG_BYTES};

	return start->sent_records == 0 && memcmp(start->last_out, head, sizeof(head)) == 0;
}

/* RFC 5246 6.3: the key block; AEADs take no MAC keys. */
static bool start_tls12(struct rp_tls_record *record, SSL *ssl, const struct rp_tls_start *start)
{
	static const char label[] = "key expansion";
	uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
	uint8_t seed[sizeof(label) - 1 + 2 * SSL3_RANDOM_SIZE];
	uint8_t block[2 * (EVP_MAX_KEY_LENGTH + IV_BYTES)];
	size_t key_bytes = (size_t)EVP_CIPHER_get_key_length(record->cipher);
	size_t iv_bytes = record->has_explicit_nonce ? IV_BYTES - EXPLICIT_BYTES : IV_BYTES;
	size_t master_bytes =
		SSL_SESSION_get_master_key(SSL_get0_session(ssl), master, sizeof(master));

	if (record->has_explicit_nonce && !ends_with_finished(start)) {
		OPENSSL_cleanse(master, sizeof(master));
		return false;
	}
	memcpy(seed, label, sizeof(label) - 1);
	SSL_get_server_random(ssl, seed + sizeof(label) - 1, SSL3_RANDOM_SIZE);
	SSL_get_client_random(ssl, seed + sizeof(label) - 1 + SSL3_RANDOM_SIZE, SSL3_RANDOM_SIZE);
	const OSSL_PARAM params[] = {
		digest_of(record->md),
		octets(OSSL_KDF_PARAM_SECRET, master, master_bytes),
		octets(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
		OSSL_PARAM_construct_end(),
	};
	bool is_set = derive("TLS1-PRF", params, block, 2 * (key_bytes + iv_bytes)) &&
		      set_key(record, &record->in, block, false) &&
		      set_key(record, &record->out, block + key_bytes, true);

	memcpy(record->in.iv, block + 2 * key_bytes, iv_bytes);
	memcpy(record->out.iv, block + 2 * key_bytes + iv_bytes, iv_bytes);
	OPENSSL_cleanse(master, sizeof(master));
	OPENSSL_cleanse(block, sizeof(block));
	/* Each side's Finished was number 0. OpenSSL began with an explicit nonce of its choice:
	 * ours go on behind it, so that none comes twice. */
	record->in.seq = record->out.seq = 1;
	record->out.explicit_nonce = get_be64(start->last_out + HEAD_BYTES) + 1;
	return is_set;
}

static const EVP_CIPHER *cipher_of(const SSL_CIPHER *suite)
{
	switch (SSL_CIPHER_get_cipher_nid(suite)) {
	case NID_aes_128_gcm:
		return EVP_aes_128_gcm();
	case NID_aes_256_gcm:
		return EVP_aes_256_gcm();
	case NID_chacha20_poly1305:
		return EVP_chacha20_poly1305();
	default:
		return NULL;
	}
}

int rp_tls_record_new(SSL *ssl, const struct rp_tls_start *start, struct rp_tls_record **ret_record)
{
	const SSL_CIPHER *suite = SSL_get_current_cipher(ssl);
	const EVP_CIPHER *cipher = suite != NULL ? cipher_of(suite) : NULL;

	/* RFC 6066 4: OpenSSL cuts for a client that asked for shorter records. */
	if (cipher == NULL || SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl)) !=
				      TLSEXT_max_fragment_length_DISABLED)
		return RP_EUNSUPPORTED;
	struct rp_tls_record *record = OPENSSL_zalloc(sizeof(*record));

	if (record == NULL)
		return RP_ENOMEM;
	record->cipher = cipher;
	record->md = SSL_CIPHER_get_handshake_digest(suite);
	record->is_tls13 = SSL_version(ssl) == TLS1_3_VERSION;
	record->has_explicit_nonce =
		!record->is_tls13 && EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE;
	record->in.ctx = EVP_CIPHER_CTX_new();
	record->out.ctx = EVP_CIPHER_CTX_new();
	bool is_started =
		record->in.ctx != NULL && record->out.ctx != NULL &&
		(record->is_tls13 ? start_tls13(record, start) : start_tls12(record, ssl, start));

	if (!is_started) {
		rp_tls_record_free(record);
		return RP_ENOMEM;
	}
	*ret_record = record;
	return RP_OK;
}

void rp_tls_record_free(struct rp_tls_record *record)
{
	if (record == NULL)
		return;
	EVP_CIPHER_CTX_free(record->in.ctx);
	EVP_CIPHER_CTX_free(record->out.ctx);
	OPENSSL_free(record->held);
	OPENSSL_cleanse(record, sizeof(*record));
	OPENSSL_free(record);
}

/* ---- one record ---- */

static void xor_nonce(const struct half *half, uint8_t *nonce)
{
	uint8_t seq[8];

	put_be64(seq, half->seq);
	memcpy(nonce, half->iv, IV_BYTES);
	for (size_t i = 0; i < sizeof(seq); i++)
		nonce[IV_BYTES - sizeof(seq) + i] ^= seq[i];
}

/* The additional data. TLS 1.3: the record's head; TLS 1.2: number, type, version, plain length. */
static size_t write_aad(const struct rp_tls_record *record, const struct half *half,
			const uint8_t *head, size_t plain_bytes, uint8_t *aad)
{
	if (record->is_tls13) {
		memcpy(aad, head, HEAD_BYTES);
		return HEAD_BYTES;
	}
	put_be64(aad, half->seq);
	memcpy(aad + 8, head, 3);
	aad[11] = (uint8_t)(plain_bytes >> 8);
	aad[12] = (uint8_t)plain_bytes;
	return AAD_BYTES_MAX;
}

static bool seal_pieces(EVP_CIPHER_CTX *ctx, const struct rp_bytes *pieces, size_t count,
			uint8_t **at)
{
	for (size_t i = 0; i < count; i++) {
		int n = 0;

		if (EVP_EncryptUpdate(ctx, *at, &n, pieces[i].ptr, (int)pieces[i].len) != 1)
			return false;
		*at += n;
	}
	return true;
}

static bool seal(struct rp_tls_record *record, struct rp_tls_sink *sink, enum content type,
		 const struct rp_bytes *pieces, size_t count)
{
	struct half *half = &record->out;
	size_t nonce_bytes = record->has_explicit_nonce ? EXPLICIT_BYTES : 0;
	size_t plain = 0;

	for (size_t i = 0; i < count; i++)
		plain += pieces[i].len;
	size_t sealed = nonce_bytes + plain + (record->is_tls13 ? 1 : 0) + TAG_BYTES;
	const uint8_t outer = record->is_tls13 ? CONTENT_DATA : (uint8_t)type;
	const uint8_t type_byte = (uint8_t)type;
	const struct rp_bytes inner = rp_bytes(&type_byte, 1);
	uint8_t nonce[IV_BYTES], aad[AAD_BYTES_MAX];
	int n = 0;

	if (sink->bytes - sink->used < HEAD_BYTES + sealed)
		return false;
	uint8_t *head = sink->data + sink->used, *at = head + HEAD_BYTES + nonce_bytes;

	memcpy(head, (const uint8_t[]){outer, 3, 3, (uint8_t)(sealed >> 8), (uint8_t)sealed},
	       HEAD_BYTES);
	if (record->has_explicit_nonce) {
		memcpy(nonce, half->iv, IV_BYTES - EXPLICIT_BYTES);
		put_be64(nonce + IV_BYTES - EXPLICIT_BYTES, half->explicit_nonce++);
		memcpy(head + HEAD_BYTES, nonce + IV_BYTES - EXPLICIT_BYTES, EXPLICIT_BYTES);
	} else {
		xor_nonce(half, nonce);
	}
	size_t aad_bytes = write_aad(record, half, head, plain, aad);

	if (EVP_EncryptInit_ex(half->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(half->ctx, NULL, &n, aad, (int)aad_bytes) != 1 ||
	    !seal_pieces(half->ctx, pieces, count, &at) ||
	    (record->is_tls13 && !seal_pieces(half->ctx, &inner, 1, &at)) ||
	    EVP_EncryptFinal_ex(half->ctx, at, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(half->ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
				head + HEAD_BYTES + sealed - TAG_BYTES) != 1)
		return false;
	half->seq++;
	sink->used += HEAD_BYTES + sealed;
	return true;
}

/* @return ALERT_NONE, with type and plain bytes in out; else what is wrong with the record */
static enum alert open_record(struct rp_tls_record *record, const uint8_t *whole, size_t sealed,
			      uint8_t *out, size_t *ret_n, uint8_t *ret_type)
{
	struct half *half = &record->in;
	size_t nonce_bytes = record->has_explicit_nonce ? EXPLICIT_BYTES : 0;
	const uint8_t *at = whole + HEAD_BYTES + nonce_bytes;
	uint8_t nonce[IV_BYTES], aad[AAD_BYTES_MAX], tag[TAG_BYTES];
	int n = 0, rest = 0;

	if (sealed < nonce_bytes + TAG_BYTES)
		return ALERT_BAD_RECORD_MAC;
	size_t plain = sealed - nonce_bytes - TAG_BYTES;

	if (record->has_explicit_nonce) {
		memcpy(nonce, half->iv, IV_BYTES - EXPLICIT_BYTES);
		memcpy(nonce + IV_BYTES - EXPLICIT_BYTES, whole + HEAD_BYTES, EXPLICIT_BYTES);
	} else {
		xor_nonce(half, nonce);
	}
	size_t aad_bytes = write_aad(record, half, whole, plain, aad);

	memcpy(tag, at + plain, TAG_BYTES);
	if (EVP_DecryptInit_ex(half->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(half->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1 ||
	    EVP_DecryptUpdate(half->ctx, NULL, &n, aad, (int)aad_bytes) != 1 ||
	    EVP_DecryptUpdate(half->ctx, out, &n, at, (int)plain) != 1 ||
	    EVP_DecryptFinal_ex(half->ctx, out + n, &rest) != 1)
		return ALERT_BAD_RECORD_MAC;
	half->seq++;
	*ret_type = whole[0];
	if (record->is_tls13) {
		while (plain > 0 && out[plain - 1] == 0)
			plain--;
		if (plain == 0)
			return ALERT_UNEXPECTED_MESSAGE; /* padding only: no type (RFC 8446 5.4) */
		*ret_type = out[--plain];
	}
	*ret_n = plain;
	return plain <= PLAIN_MAX ? ALERT_NONE : ALERT_RECORD_OVERFLOW;
}

/* ---- reading ---- */

static int fail(struct rp_tls_record *record, struct rp_tls_sink *sink, enum alert alert)
{
	const uint8_t fatal[2] = {2, (uint8_t)alert};
	const struct rp_bytes message = rp_bytes(fatal, sizeof(fatal));

	if (alert != ALERT_NONE)
		(void)seal(record, sink, CONTENT_ALERT, &message, 1);
	return RP_EPROTO;
}

static enum alert check_head(const struct rp_tls_record *record, const uint8_t *head,
			     size_t *ret_sealed)
{
	*ret_sealed = (size_t)head[3] << 8 | head[4];
	if (record->is_tls13 && head[0] != CONTENT_DATA)
		return ALERT_UNEXPECTED_MESSAGE;
	return *ret_sealed <= SEALED_MAX ? ALERT_NONE : ALERT_RECORD_OVERFLOW;
}

/* Bytes of the record under way to those that are held, up to `wanted` of it. */
static bool hold(struct rp_tls_record *record, struct rp_bytes *in, size_t wanted)
{
	size_t n =
		wanted > record->held_bytes ? rp_min_size(in->len, wanted - record->held_bytes) : 0;

	if (record->held == NULL)
		record->held = OPENSSL_malloc(HEAD_BYTES + SEALED_MAX);
	if (record->held == NULL)
		return false;
	if (n > 0)
		memcpy(record->held + record->held_bytes, in->ptr, n);
	record->held_bytes += n;
	*in = rp_bytes_slice(*in, n, in->len);
	return true;
}

static void let_go(struct rp_tls_record *record)
{
	OPENSSL_free(record->held);
	record->held = NULL;
	record->held_bytes = 0;
}

/**
 * The next whole record: in place if it came in one piece, else gathered.
 * @return RP_OK with *ret_whole of a head and *ret_sealed bytes; RP_EAGAIN; RP_EPROTO with *alert
 */
static int next_record(struct rp_tls_record *record, struct rp_bytes *in, const uint8_t **ret_whole,
		       size_t *ret_sealed, enum alert *alert)
{
	*alert = ALERT_INTERNAL_ERROR;
	if (record->held_bytes == 0 && in->len >= HEAD_BYTES) {
		*alert = check_head(record, in->ptr, ret_sealed);
		if (*alert != ALERT_NONE)
			return RP_EPROTO;
		if (in->len >= HEAD_BYTES + *ret_sealed) {
			*ret_whole = in->ptr;
			*in = rp_bytes_slice(*in, HEAD_BYTES + *ret_sealed, in->len);
			return RP_OK;
		}
	}
	if (record->held_bytes == 0 && in->len == 0) {
		if (record->held != NULL)
			let_go(record);
		return RP_EAGAIN;
	}
	if (!hold(record, in, HEAD_BYTES))
		return RP_EPROTO;
	if (record->held_bytes < HEAD_BYTES)
		return RP_EAGAIN;
	*alert = check_head(record, record->held, ret_sealed);
	if (*alert != ALERT_NONE)
		return RP_EPROTO;
	(void)hold(record, in, HEAD_BYTES + *ret_sealed);
	if (record->held_bytes < HEAD_BYTES + *ret_sealed)
		return RP_EAGAIN;
	*ret_whole = record->held;
	record->held_bytes = 0; /* the memory stays until the bytes that came are used up */
	return RP_OK;
}

static bool change_key(struct rp_tls_record *record, struct rp_tls_sink *sink)
{
	static const uint8_t update[] = {MESSAGE_KEY_UPDATE, 0, 0, 1, 0}; /* none is asked for */
	const struct rp_bytes message = rp_bytes(update, sizeof(update));

	return seal(record, sink, CONTENT_HANDSHAKE, &message, 1) &&
	       update_traffic_keys(record, &record->out, true);
}

/* RFC 8446 4.6.3: KeyUpdate is all that a client may still say; it ends its record. TLS 1.2: a
 * renegotiation is refused. */
static enum alert on_handshake(struct rp_tls_record *record, struct rp_tls_sink *sink,
			       struct rp_bytes message)
{
	static const uint8_t head[] = {MESSAGE_KEY_UPDATE, 0, 0, 1};

	if (!record->is_tls13)
		return ALERT_NO_RENEGOTIATION;
	if (message.len != sizeof(head) + 1 || memcmp(message.ptr, head, sizeof(head)) != 0)
		return ALERT_UNEXPECTED_MESSAGE;
	if (message.ptr[4] > 1)
		return ALERT_ILLEGAL_PARAMETER;
	if (!update_traffic_keys(record, &record->in, false) ||
	    (message.ptr[4] == 1 && !change_key(record, sink)))
		return ALERT_INTERNAL_ERROR;
	return ALERT_NONE;
}

/* @return RP_EAGAIN: nothing to do about it */
static int on_alert(const struct rp_tls_record *record, struct rp_bytes alert)
{
	if (alert.len != 2)
		return RP_EPROTO;
	if (alert.ptr[1] == ALERT_CLOSE_NOTIFY)
		return RP_ECLOSED;
	/* Warnings of TLS 1.2; TLS 1.3 knows this one (RFC 8446 6.1). */
	bool is_warning =
		record->is_tls13 ? alert.ptr[1] == ALERT_USER_CANCELED : alert.ptr[0] == 1;

	return is_warning ? RP_EAGAIN : RP_EPROTO;
}

int rp_tls_record_read(struct rp_tls_record *record, struct rp_bytes *in, struct rp_tls_sink *sink,
		       uint8_t *out, size_t *ret_n)
{
	/* RFC 8446 6.1: whatever follows close_notify is ignored. */
	if (record->has_ended)
		return RP_ECLOSED;
	for (;;) {
		const uint8_t *whole = NULL;
		size_t sealed = 0, n = 0;
		uint8_t type = 0;
		enum alert alert = ALERT_NONE;
		int err = next_record(record, in, &whole, &sealed, &alert);

		if (err == RP_EAGAIN)
			return err;
		if (err == RP_OK)
			alert = open_record(record, whole, sealed, out, &n, &type);
		if (alert != ALERT_NONE)
			return fail(record, sink, alert);
		if (type == CONTENT_DATA && n > 0) {
			record->idle_records = 0;
			*ret_n = n;
			return RP_OK;
		}
		if (++record->idle_records > IDLE_RECORDS_MAX)
			return fail(record, sink, ALERT_UNEXPECTED_MESSAGE);
		if (type == CONTENT_HANDSHAKE) {
			alert = on_handshake(record, sink, rp_bytes(out, n));
		} else if (type == CONTENT_ALERT) {
			err = on_alert(record, rp_bytes(out, n));
			record->has_ended = err == RP_ECLOSED;
			if (err != RP_EAGAIN)
				return err;
		} else if (type != CONTENT_DATA) {
			alert = ALERT_UNEXPECTED_MESSAGE;
		}
		if (alert != ALERT_NONE)
			return fail(record, sink, alert);
	}
}

/* ---- writing ---- */

int rp_tls_record_write(struct rp_tls_record *record, struct rp_tls_sink *sink,
			const struct rp_bytes *pieces, size_t count)
{
	if (record->is_tls13 && record->out.seq >= records_max && !change_key(record, sink))
		return RP_EPROTO;
	return seal(record, sink, CONTENT_DATA, pieces, count) ? RP_OK : RP_EPROTO;
}

void rp_tls_record_close(struct rp_tls_record *record, struct rp_tls_sink *sink)
{
	static const uint8_t warning[2] = {1, ALERT_CLOSE_NOTIFY};
	const struct rp_bytes message = rp_bytes(warning, sizeof(warning));

	(void)seal(record, sink, CONTENT_ALERT, &message, 1);
}
