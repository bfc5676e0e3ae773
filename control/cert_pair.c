/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "control/secrets.h"

enum { SERIAL_BYTES = 16, DAYS_VALID = 10 * 365 };

static int openssl_failed(struct rp_diag *reterr, int err, const char *what)
{
	char text[200] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return rp_diag_set(reterr, err, 0, 0, "%s: %s", what, text);
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool is_added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return is_added;
}

static bool set_serial(X509 *cert)
{
	unsigned char random[SERIAL_BYTES];
	BIGNUM *number = NULL;
	bool is_set;

	if (RAND_bytes(random, sizeof(random)) != 1)
		return false;
	random[0] &= 0x7f; /* RFC 5280 4.1.2.2: at most 20 octets, positive */
	random[0] |= 0x40;
	number = BN_bin2bn(random, sizeof(random), NULL);
	is_set = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return is_set;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
	static const unsigned char organization[] = "Inference Ext";
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, organization,
					  -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), 0) != NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(cert), DAYS_VALID, 0, NULL) != NULL &&
	       X509_set_pubkey(cert, key) == 1 &&
	       add_extension(cert, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth") &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

/* The contents of a memory BIO into a fixed array; 0 if they do not fit. */
static uint32_t take_bio(BIO *bio, uint8_t *out, size_t out_bytes)
{
	char *data = NULL;
	long n = BIO_get_mem_data(bio, &data);

	if (n <= 0 || (size_t)n > out_bytes)
		return 0;
	memcpy(out, data, (size_t)n);
	return (uint32_t)n;
}

int rp_cert_pair_make(struct rp_cert_pair *ret_pair, struct rp_diag *reterr)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	BIO *cert_pem = BIO_new(BIO_s_mem());
	BIO *key_pem = BIO_new(BIO_s_secmem());
	int err = RP_OK;

	if (key == NULL || cert == NULL || cert_pem == NULL || key_pem == NULL ||
	    !fill_certificate(cert, key) || PEM_write_bio_X509(cert_pem, cert) != 1 ||
	    PEM_write_bio_PKCS8PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1) {
		err = openssl_failed(reterr, RP_EUNSUPPORTED,
				     "cannot make a self-signed certificate");
		goto out;
	}
	ret_pair->cert_bytes = take_bio(cert_pem, ret_pair->cert, sizeof(ret_pair->cert));
	ret_pair->key_bytes = take_bio(key_pem, ret_pair->key, sizeof(ret_pair->key));
	RP_ASSERT(ret_pair->cert_bytes != 0);
	RP_ASSERT(ret_pair->key_bytes != 0);
out:
	BIO_free(key_pem);
	BIO_free(cert_pem);
	X509_free(cert);
	EVP_PKEY_free(key);
	return err;
}

static int read_pem(const char *directory, const char *name, uint8_t *out, uint32_t *ret_bytes,
		    char *path, size_t path_bytes, struct rp_diag *reterr)
{
	size_t at = 0;
	ssize_t n;
	int fd;

	if ((size_t)snprintf(path, path_bytes, "%s/%s", directory, name) >= path_bytes)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "--cert-path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "cannot read %s: %s (--cert-path names a directory with "
				   "tls.crt and tls.key)",
				   path, rp_err_text(-errno));
	do {
		n = read(fd, out + at, RP_CERT_BYTES_MAX - at);
		if (n > 0)
			at += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		int err = -errno;

		close(fd);
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "cannot read %s: %s", path,
				   rp_err_text(err));
	}
	close(fd);
	if (at == 0 || at == RP_CERT_BYTES_MAX)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "%s is empty or larger than %u bytes",
				   path, RP_CERT_BYTES_MAX - 1);
	*ret_bytes = (uint32_t)at;
	return RP_OK;
}

/* A key with a passphrase must not ask for it on the terminal. */
static int no_passphrase(char *buf RP_UNUSED, int bytes RP_UNUSED, int is_write RP_UNUSED,
			 void *user RP_UNUSED)
{
	return -1;
}

/* Every certificate of the chain must parse; the first must belong to the key. */
static int check_pair(const struct rp_cert_pair *pair, const char *cert_path, const char *key_path,
		      struct rp_diag *reterr)
{
	BIO *cert_pem = BIO_new_mem_buf(pair->cert, (int)pair->cert_bytes);
	BIO *key_pem = BIO_new_mem_buf(pair->key, (int)pair->key_bytes);
	X509 *leaf = PEM_read_bio_X509(cert_pem, NULL, no_passphrase, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, no_passphrase, NULL);
	char what[1100];
	int err = RP_OK;

	if (leaf == NULL) {
		snprintf(what, sizeof(what), "%s holds no PEM certificate", cert_path);
		err = openssl_failed(reterr, RP_ECONFIG, what);
	} else if (key == NULL) {
		snprintf(what, sizeof(what), "%s holds no PEM key without passphrase", key_path);
		err = openssl_failed(reterr, RP_ECONFIG, what);
	} else if (X509_check_private_key(leaf, key) != 1) {
		ERR_clear_error();
		err = rp_diag_set(reterr, RP_ECONFIG, 0, 0, "%s and %s do not belong together",
				  cert_path, key_path);
	}
	ERR_clear_error();
	while (err == RP_OK) {
		X509 *issuer = PEM_read_bio_X509(cert_pem, NULL, no_passphrase, NULL);

		if (issuer == NULL)
			break;
		X509_free(issuer);
	}
	if (err == RP_OK && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		snprintf(what, sizeof(what), "%s: malformed chain", cert_path);
		err = openssl_failed(reterr, RP_ECONFIG, what);
	}
	ERR_clear_error();
	EVP_PKEY_free(key);
	X509_free(leaf);
	BIO_free(key_pem);
	BIO_free(cert_pem);
	return err;
}

int rp_cert_pair_load(const char *directory, struct rp_cert_pair *ret_pair, struct rp_diag *reterr)
{
	char cert_path[1024] = "";
	char key_path[1024] = "";
	int err = read_pem(directory, "tls.crt", ret_pair->cert, &ret_pair->cert_bytes, cert_path,
			   sizeof(cert_path), reterr);

	if (err == RP_OK)
		err = read_pem(directory, "tls.key", ret_pair->key, &ret_pair->key_bytes, key_path,
			       sizeof(key_path), reterr);
	return err == RP_OK ? check_pair(ret_pair, cert_path, key_path, reterr) : err;
}
