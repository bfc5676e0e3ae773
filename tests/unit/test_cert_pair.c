/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/secrets.h"

static struct rp_cert_pair pair;
static struct rp_cert_pair other;
static struct rp_diag diag;
static char directory[64];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/rp_cert_XXXXXX");
	return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/tls.crt", directory);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/tls.key", directory);
	(void)unlink(path);
	return rmdir(directory);
}

static void write_file(const char *name, const uint8_t *data, size_t bytes)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

static X509 *parse(const struct rp_cert_pair *from)
{
	BIO *bio = BIO_new_mem_buf(from->cert, (int)from->cert_bytes);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(cert);
	return cert;
}

static void made_certificate_has_the_properties_of_upstreams(void **state)
{
	char name[128];
	int days = 0;
	int seconds = 0;
	X509 *cert;

	(void)state;
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	cert = parse(&pair);
	assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	X509_NAME_oneline(X509_get_subject_name(cert), name, sizeof(name));
	assert_string_equal(name, "/O=Inference Ext");
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)), 0);
	assert_int_equal(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(cert),
					X509_get0_notAfter(cert)),
			 1);
	assert_int_equal(days, 3650);
	assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
	assert_int_equal(X509_check_ca(cert), 0);
	assert_int_equal(X509_get_ext_by_NID(cert, NID_subject_alt_name, -1), -1);
	assert_true(X509_get_ext_by_NID(cert, NID_basic_constraints, -1) >= 0);
	assert_int_equal(X509_get_signature_nid(cert), NID_ecdsa_with_SHA256);
	assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(cert)), 256);
	assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
	X509_free(cert);
	assert_true(rp_bytes_starts_with(rp_bytes(pair.key, pair.key_bytes),
					 RP_BYTES_LIT("-----BEGIN PRIVATE KEY-----")));
}

static void made_certificates_differ_in_serial_and_key(void **state)
{
	X509 *a;
	X509 *b;

	(void)state;
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	assert_int_equal(rp_cert_pair_make(&other, &diag), RP_OK);
	a = parse(&pair);
	b = parse(&other);
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a), X509_get0_serialNumber(b)),
			     0);
	assert_false(rp_bytes_equal(rp_bytes(pair.key, pair.key_bytes),
				    rp_bytes(other.key, other.key_bytes)));
	X509_free(a);
	X509_free(b);
}

static void loaded_pair_is_the_one_in_the_files(void **state)
{
	(void)state;
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	write_file("tls.crt", pair.cert, pair.cert_bytes);
	write_file("tls.key", pair.key, pair.key_bytes);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_OK);
	assert_true(rp_bytes_equal(rp_bytes(pair.cert, pair.cert_bytes),
				   rp_bytes(other.cert, other.cert_bytes)));
	assert_true(rp_bytes_equal(rp_bytes(pair.key, pair.key_bytes),
				   rp_bytes(other.key, other.key_bytes)));
}

static void loading_names_what_is_wrong(void **state)
{
	static uint8_t huge[RP_CERT_BYTES_MAX];

	(void)state;
	assert_int_equal(rp_cert_pair_load("/nowhere", &other, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "/nowhere/tls.crt"));

	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	write_file("tls.crt", pair.cert, pair.cert_bytes);
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	write_file("tls.key", pair.key, pair.key_bytes);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "do not belong together"));

	write_file("tls.key", (const uint8_t *)"x", 1);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "tls.key"));

	write_file("tls.crt", huge, 0);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
	write_file("tls.crt", huge, sizeof(huge));
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "larger"));
}

static void certificate_cut_anywhere_is_refused_or_whole(void **state)
{
	(void)state;
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	write_file("tls.key", pair.key, pair.key_bytes);
	for (uint32_t cut = 0; cut < pair.cert_bytes - 1; cut++) {
		write_file("tls.crt", pair.cert, cut);
		assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
	}
}

static void chain_with_a_broken_issuer_is_refused(void **state)
{
	static uint8_t chain[8192];

	(void)state;
	assert_int_equal(rp_cert_pair_make(&pair, &diag), RP_OK);
	assert_int_equal(rp_cert_pair_make(&other, &diag), RP_OK);
	assert_true(pair.cert_bytes + other.cert_bytes <= sizeof(chain));
	memcpy(chain, pair.cert, pair.cert_bytes);
	memcpy(chain + pair.cert_bytes, other.cert, other.cert_bytes);
	write_file("tls.crt", chain, pair.cert_bytes + other.cert_bytes);
	write_file("tls.key", pair.key, pair.key_bytes);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_OK);
	memset(chain + pair.cert_bytes + 60, '!', 40);
	write_file("tls.crt", chain, pair.cert_bytes + other.cert_bytes);
	assert_int_equal(rp_cert_pair_load(directory, &other, &diag), RP_ECONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_certificate_has_the_properties_of_upstreams),
		cmocka_unit_test(made_certificates_differ_in_serial_and_key),
		cmocka_unit_test(loaded_pair_is_the_one_in_the_files),
		cmocka_unit_test(loading_names_what_is_wrong),
		cmocka_unit_test(certificate_cut_anywhere_is_refused_or_whole),
		cmocka_unit_test(chain_with_a_broken_issuer_is_refused),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
