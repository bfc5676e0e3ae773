/* SPDX-License-Identifier: Apache-2.0 */
#include "config/tls_ciphers.h"

/* Suites that Go 1.24's crypto/tls knows, secure and insecure ones; "": TLS 1.3. */
static const struct {
	const char *go;
	const char *openssl;
} ciphers[] = {
	{"TLS_AES_128_GCM_SHA256", ""},
	{"TLS_AES_256_GCM_SHA384", ""},
	{"TLS_CHACHA20_POLY1305_SHA256", ""},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
	{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
	{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"},
	{"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
	{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
	{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
	{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"},
	{"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
	{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"},
	{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256"},
	{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"},
	{"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA"},
	{"TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA"},
	{"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA"},
	{"TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"},
	{"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
	{"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
	{"TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA"},
	{"TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256"},
	{"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA"},
	{"TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA"},
};

static const char *find(struct rp_bytes name)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(ciphers); i++) {
		if (rp_bytes_equal_str(name, ciphers[i].go))
			return ciphers[i].openssl;
	}
	return NULL;
}

int rp_tls_ciphers_map(struct rp_bytes names, char *out, size_t out_bytes, struct rp_diag *reterr)
{
	struct rp_writer w = rp_writer(out, out_bytes - 1);

	while (names.len > 0) {
		size_t end = rp_min_size(rp_bytes_find(names, RP_BYTES_LIT(",")), names.len);
		struct rp_bytes name = rp_bytes_slice(names, 0, end);
		const char *openssl = find(name);

		if (openssl == NULL)
			return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
					   "--tls-cipher-suites: unknown suite \"%.*s\"; names are "
					   "Go's, such as TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
					   (int)rp_min_size(name.len, 100), (const char *)name.ptr);
		if (openssl[0] != '\0') {
			if (rp_written(&w) > 0)
				rp_write_u8(&w, ':');
			rp_write_str(&w, openssl);
		}
		names = rp_bytes_slice(names, end + 1, names.len);
	}
	out[w.err == RP_OK ? rp_written(&w) : 0] = '\0';
	if (w.err != RP_OK)
		return rp_diag_set(reterr, w.err, 0, 0, "--tls-cipher-suites is too long");
	return RP_OK;
}
