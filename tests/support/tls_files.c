/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tls_files.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { VALID_SECONDS = 86400 };

static long serial = 1;

static void put_pem(BIO *bio, char *out)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);

	RP_ASSERT(len > 0 && len < TLS_PEM_BYTES);
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	BIO_free(bio);
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	RP_ASSERT(extension != NULL && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *begin_cert(EVP_PKEY *key, const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	RP_ASSERT(X509_set_version(cert, 2) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(cert), -VALID_SECONDS);
	X509_gmtime_adj(X509_getm_notAfter(cert), VALID_SECONDS);
	RP_ASSERT(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
					     (const unsigned char *)name, -1, -1, 0) == 1);
	RP_ASSERT(X509_set_pubkey(cert, key) == 1);
	return cert;
}

static void end_cert(X509 *cert, EVP_PKEY *key, EVP_PKEY *signer, struct tls_pair *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());

	RP_ASSERT(X509_sign(cert, signer, EVP_sha256()) > 0);
	RP_ASSERT(PEM_write_bio_X509(bio, cert) == 1);
	put_pem(bio, ret->cert);
	bio = BIO_new(BIO_s_mem());
	RP_ASSERT(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	put_pem(bio, ret->key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void tls_make_authority(const char *name, struct tls_pair *ret)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = begin_cert(key, name);

	RP_ASSERT(X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1);
	add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(cert, cert, NID_key_usage, "critical,keyCertSign");
	end_cert(cert, key, key, ret);
}

void tls_make_cert(const struct tls_pair *authority, const char *name, const char *alt_names,
		   struct tls_pair *ret)
{
	BIO *cert_bio = BIO_new_mem_buf(authority->cert, -1);
	BIO *key_bio = BIO_new_mem_buf(authority->key, -1);
	X509 *issuer = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	EVP_PKEY *signer = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = begin_cert(key, name);

	RP_ASSERT(issuer != NULL && signer != NULL);
	RP_ASSERT(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1);
	add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(cert, issuer, NID_subject_alt_name, alt_names);
	end_cert(cert, key, signer, ret);
	X509_free(issuer);
	EVP_PKEY_free(signer);
	BIO_free(cert_bio);
	BIO_free(key_bio);
}
