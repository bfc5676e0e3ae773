/* SPDX-License-Identifier: Apache-2.0
 *
 * kubeconfig files give access that is whole, or a message. The input is up to three files with
 * lines "%%" between them.
 */
#include "control/kube/kubeconfig.h"
#include "tests/fuzz/fuzz.h"

enum { FILES_MAX = 3 };

static void check_text(const struct rp_kube_text *text)
{
	size_t len;

	if (text->text == NULL)
		return;
	len = strlen(text->text);
	RP_ASSERT(len > 0 && rp_bytes_trim(rp_bytes(text->text, len)).len == len);
	for (size_t i = 0; i < len && text->is_word; i++)
		RP_ASSERT(text->text[i] > ' ' && text->text[i] < 0x7f);
}

static void check(const struct rp_kube_access *access)
{
	size_t len = strlen(access->server);

	RP_ASSERT(len > strlen("http://") && access->server[len - 1] != '/');
	RP_ASSERT(strcspn(access->server, "?#@ \t\r\n") == len);
	RP_ASSERT((access->client_cert.text == NULL) == (access->client_key.text == NULL));
	RP_ASSERT(!access->is_insecure || access->ca.text == NULL);
	RP_ASSERT(strcspn(access->tls_server_name, " \r\n/?#@") == strlen(access->tls_server_name));
	check_text(&access->ca);
	check_text(&access->client_cert);
	check_text(&access->client_key);
	RP_ASSERT(access->token.text == NULL || access->token.is_word);
	check_text(&access->token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_bytes left = rp_bytes(data, size);
	struct rp_kubeconfig config = {0};
	struct rp_kube_access access = {0};
	struct rp_diag diag = {0};
	int err = RP_OK;

	for (int i = 0; i < FILES_MAX && err == RP_OK; i++) {
		size_t end = rp_min_size(rp_bytes_find(left, RP_BYTES_LIT("\n%%\n")), left.len);

		err = rp_kubeconfig_add(&config, "dir/file", rp_bytes_slice(left, 0, end), &diag);
		left = rp_bytes_slice(left, end + 4, SIZE_MAX);
		if (left.len == 0)
			break;
	}
	if (err == RP_OK)
		err = rp_kubeconfig_access(&config, "", &access, &diag);
	RP_ASSERT(err == RP_OK || (err == RP_ECONFIG && diag.message[0] != '\0'));
	if (err == RP_OK)
		check(&access);
	rp_kube_access_fini(&access);
	rp_kubeconfig_fini(&config);
	return 0;
}
