/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <curl/curl.h>

#include "control/kube/kubeconfig.h"
#include "control/read_file.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

/* ---- texts ---- */

static void wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

static bool is_good(struct rp_bytes in, bool is_word)
{
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.ptr[i];

		if (c == '\0' || (is_word && (c <= ' ' || c >= 0x7f)))
			return false;
	}
	return in.len > 0;
}

int rp_kube_text_set(struct rp_kube_text *text, struct rp_bytes in)
{
	char *copy;

	in = rp_bytes_trim(in);
	if (!is_good(in, text->is_word))
		return RP_EFORMAT;
	copy = malloc(in.len + 1);
	if (copy == NULL)
		return RP_ENOMEM;
	(void)rp_bytes_to_str(in, copy, in.len + 1);
	wipe(&text->text);
	text->text = copy;
	return RP_OK;
}

static int load(struct rp_kube_text *text, const char *path, struct rp_diag *reterr)
{
	uint8_t *bytes;
	size_t len;
	int err = rp_read_file(path, RP_KUBE_FILE_BYTES_MAX, &bytes, &len, reterr);

	if (err != RP_OK)
		return err;
	err = rp_kube_text_set(text, rp_bytes(bytes, len));
	explicit_bzero(bytes, len);
	free(bytes);
	return err == RP_OK ? RP_OK
			    : rp_diag_set(reterr, err, 0, 0,
					  "is empty, or has bytes that cannot be in it");
}

int rp_kube_text_open(struct rp_kube_text *text, const char *path, struct rp_diag *reterr)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return RP_ENOMEM;
	free(text->path);
	text->path = copy;
	return load(text, path, reterr);
}

bool rp_kube_text_refresh(struct rp_kube_text *text)
{
	struct rp_kube_text now = {.is_word = text->is_word};

	if (text->path == NULL || load(&now, text->path, NULL) != RP_OK)
		return false;
	if (text->text != NULL && strcmp(now.text, text->text) == 0) {
		wipe(&now.text);
		return false;
	}
	wipe(&text->text);
	text->text = now.text;
	return true;
}

static void text_fini(struct rp_kube_text *text)
{
	wipe(&text->text);
	free(text->path);
	text->path = NULL;
}

void rp_kube_access_fini(struct rp_kube_access *access)
{
	text_fini(&access->ca);
	text_fini(&access->client_cert);
	text_fini(&access->client_key);
	text_fini(&access->token);
	explicit_bzero(access, sizeof(*access)); /* proxy may hold a password */
}

/* ---- server ---- */

static bool has_part(CURLU *url, CURLUPart part)
{
	char *value = NULL;
	bool is_there = curl_url_get(url, part, &value, 0) == CURLUE_OK;

	curl_free(value);
	return is_there;
}

int rp_kube_access_set_server(struct rp_kube_access *access, const char *text)
{
	size_t len = strlen(text);
	CURLU *url = curl_url();
	int err = RP_EFORMAT;
	char *scheme = NULL;

	if (len < sizeof(access->server) && url != NULL &&
	    curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0) &&
	    !has_part(url, CURLUPART_USER) && !has_part(url, CURLUPART_PASSWORD) &&
	    !has_part(url, CURLUPART_QUERY) && !has_part(url, CURLUPART_FRAGMENT) &&
	    text[strcspn(text, "?#@ \t\r\n")] == '\0') {
		while (len > 0 && text[len - 1] == '/')
			len--;
		(void)rp_bytes_to_str(rp_bytes(text, len), access->server, sizeof(access->server));
		err = RP_OK;
	}
	curl_free(scheme);
	curl_url_cleanup(url);
	return err;
}

/* ---- in a cluster ---- */

static int open_account(struct rp_kube_text *text, const char *directory, const char *name,
			struct rp_diag *reterr)
{
	struct rp_diag why = {0};
	char *path;
	int err;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return RP_ENOMEM;
	err = rp_kube_text_open(text, path, &why);
	free(path);
	if (err == RP_OK || err == RP_ENOMEM)
		return err;
	if (reterr != NULL)
		memcpy(reterr->file, why.file, sizeof(reterr->file));
	return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
			   "%s: is a service account's token mounted "
			   "(automountServiceAccountToken)?",
			   why.message);
}

int rp_kube_access_in_cluster(const char *directory, struct rp_kube_access *ret,
			      struct rp_diag *reterr)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	struct rp_kube_access access = {.origin = "in-cluster", .token = {.is_word = true}};
	char url[RP_KUBE_SERVER_BYTES_MAX];
	bool is_v6;
	int err;

	if (host == NULL || host[0] == '\0' || port == NULL || port[0] == '\0')
		return rp_diag_set(reterr, RP_ENOTFOUND, 0, 0,
				   "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
				   "set");
	is_v6 = strchr(host, ':') != NULL && host[0] != '[';
	snprintf(url, sizeof(url), "https://%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
		 port);
	if (strlen(host) + strlen(port) > sizeof(url) - 16 ||
	    rp_kube_access_set_server(&access, url) != RP_OK)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT give no "
				   "address: \"%.200s\"",
				   url);
	err = open_account(&access.token, directory, "token", reterr);
	if (err == RP_OK)
		err = open_account(&access.ca, directory, "ca.crt", reterr);
	if (err != RP_OK) {
		rp_kube_access_fini(&access);
		return err;
	}
	*ret = access;
	return RP_OK;
}

/* ---- kubeconfig files ---- */

/* @return RP_OK; RP_ENOTFOUND: there is no such file; else RP_ECONFIG or RP_ENOMEM */
static int add_file(struct rp_kubeconfig *config, const char *path, struct rp_diag *reterr)
{
	uint8_t *bytes;
	size_t len;
	int err = rp_read_file(path, RP_KUBE_FILE_BYTES_MAX, &bytes, &len, reterr);

	if (err == -ENOENT || err == -ENOTDIR)
		return RP_ENOTFOUND;
	if (err != RP_OK)
		return err == -ENOMEM ? RP_ENOMEM : RP_ECONFIG;
	err = rp_kubeconfig_add(config, path, rp_bytes(bytes, len), reterr);
	explicit_bzero(bytes, len);
	free(bytes);
	return err;
}

/* @return as add_file(), RP_ENOTFOUND: none of them is there */
static int add_list(struct rp_kubeconfig *config, const char *list, struct rp_diag *reterr)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ":");
		char *path;
		int err;

		if (len > 0) {
			path = strndup(list, len);
			err = path == NULL ? RP_ENOMEM : add_file(config, path, reterr);
			free(path);
			if (err != RP_OK && err != RP_ENOTFOUND)
				return err;
		}
		list += len;
		list += *list == ':';
	}
	return config->count > 0 ? RP_OK : RP_ENOTFOUND;
}

static int add_home(struct rp_kubeconfig *config, struct rp_diag *reterr)
{
	const char *home = getenv("HOME");
	char *path;
	int err;

	if (home == NULL || home[0] == '\0')
		return RP_ENOTFOUND;
	if (asprintf(&path, "%s/.kube/config", home) < 0)
		return RP_ENOMEM;
	err = add_file(config, path, reterr);
	free(path);
	return err;
}

int rp_kube_access_find(const struct rp_flags *flags, struct rp_kube_access *ret,
			struct rp_diag *reterr)
{
	const char *list = getenv("KUBECONFIG");
	struct rp_kubeconfig config = {0};
	struct rp_diag in_cluster = {0};
	bool has_list = list != NULL && list[0] != '\0';
	int err = RP_ENOTFOUND, account_err = RP_ENOTFOUND;

	if (flags->kubeconfig[0] != '\0') {
		err = add_file(&config, flags->kubeconfig, reterr);
		if (err == RP_ENOTFOUND)
			err = RP_ECONFIG; /* *reterr says that it cannot be opened */
	} else {
		if (has_list)
			err = add_list(&config, list, reterr);
		if (err == RP_ENOTFOUND && flags->kube_context[0] == '\0') {
			account_err = rp_kube_access_in_cluster(SERVICE_ACCOUNT, ret, &in_cluster);
			if (account_err == RP_OK)
				return RP_OK;
		}
		if (err == RP_ENOTFOUND && !has_list)
			err = add_home(&config, reterr);
	}
	if (err == RP_OK)
		err = rp_kubeconfig_access(&config, flags->kube_context, ret, reterr);
	else if (err == RP_ENOTFOUND && account_err != RP_ENOTFOUND) {
		err = account_err;
		if (reterr != NULL)
			*reterr = in_cluster;
	} else if (err == RP_ENOTFOUND) {
		if (reterr != NULL)
			reterr->file[0] = '\0';
		err = rp_diag_set(
			reterr, err, 0, 0,
			"there is no access to a Kubernetes API server: run in a pod "
			"with a service account, or give --kubeconfig or KUBECONFIG%s, or "
			"use --endpoints-file",
			has_list ? " (which names no file that exists)" : "");
	}
	rp_kubeconfig_fini(&config);
	return err;
}
