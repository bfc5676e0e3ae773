/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/kubeconfig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A mapping of a file. */
struct place {
	const struct rp_kubeconfig_file *file;
	const struct rp_yaml_node *map;
};

/* ---- nodes ---- */

static int refuse(const struct rp_kubeconfig_file *file, const struct rp_yaml_node *node,
		  struct rp_diag *reterr, const char *format, ...) RP_PRINTF(4, 5);

static int refuse(const struct rp_kubeconfig_file *file, const struct rp_yaml_node *node,
		  struct rp_diag *reterr, const char *format, ...)
{
	char text[RP_DIAG_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (reterr != NULL)
		snprintf(reterr->file, sizeof(reterr->file), "%s", file->path);
	return rp_diag_set(reterr, RP_ECONFIG, node == NULL ? 0 : node->line,
			   node == NULL ? 0 : node->column, "%s", text);
}

/* By its exact name; NULL for null, too. */
static const struct rp_yaml_node *find(const struct rp_yaml_node *map, const char *name)
{
	const struct rp_yaml_node *key;

	if (map == NULL || map->kind != RP_YAML_MAP)
		return NULL;
	for (key = rp_yaml_first(map); key != NULL;) {
		const struct rp_yaml_node *value = rp_yaml_next(map, key);

		RP_ASSERT(value != NULL); /* the tree's promise: key, value, key, value */
		if (rp_bytes_equal_str(key->text, name))
			return value->kind == RP_YAML_NULL ? NULL : value;
		key = rp_yaml_next(map, value);
	}
	return NULL;
}

/* *ret_node is NULL if there is no such key, or it is empty. */
static int get_string(struct place at, const char *name, const struct rp_yaml_node **ret_node,
		      struct rp_diag *reterr)
{
	const struct rp_yaml_node *node = find(at.map, name);

	*ret_node = NULL;
	if (node == NULL)
		return RP_OK;
	if (node->kind != RP_YAML_STR)
		return refuse(at.file, node, reterr, "%s must be a string, not of kind %s", name,
			      rp_yaml_kind_name(node->kind));
	if (memchr(node->text.ptr, '\0', node->text.len) != NULL)
		return refuse(at.file, node, reterr, "%s has a NUL byte", name);
	if (node->text.len > 0)
		*ret_node = node;
	return RP_OK;
}

/* A short string into storage of its own. */
static int get_short(struct place at, const char *name, char *out, size_t out_bytes,
		     struct rp_diag *reterr)
{
	const struct rp_yaml_node *node;
	int err = get_string(at, name, &node, reterr);

	if (err != RP_OK || node == NULL)
		return err;
	if (node->text.len >= out_bytes)
		return refuse(at.file, node, reterr, "%s is longer than %zu bytes", name,
			      out_bytes - 1);
	(void)rp_bytes_to_str(node->text, out, out_bytes);
	return RP_OK;
}

/* ---- named entries ---- */

/*
 * The first entry of a list ("clusters") by a name, and in it what stands by `kind` ("cluster").
 * *ret->map is NULL if that is empty.
 */
static int find_named(const struct rp_kubeconfig *config, const char *list_name, const char *kind,
		      struct rp_bytes name, struct place *ret, struct rp_diag *reterr)
{
	for (uint32_t i = 0; i < config->count; i++) {
		const struct rp_kubeconfig_file *file = &config->file[i];
		const struct rp_yaml_node *list = find(rp_yaml_root(&file->tree), list_name);
		const struct rp_yaml_node *entry, *found = NULL;

		if (list != NULL && list->kind != RP_YAML_SEQ)
			return refuse(file, list, reterr, "%s must be a list", list_name);
		for (entry = list == NULL ? NULL : rp_yaml_first(list); entry != NULL;
		     entry = rp_yaml_next(list, entry)) {
			const struct rp_yaml_node *its_name;
			int err =
				get_string((struct place){file, entry}, "name", &its_name, reterr);

			if (err != RP_OK)
				return err;
			if (its_name == NULL || !rp_bytes_equal(its_name->text, name))
				continue;
			if (found != NULL)
				return refuse(file, entry, reterr,
					      "%s has two of the name \"%.*s\"", list_name,
					      (int)rp_min_size(name.len, 200),
					      (const char *)name.ptr);
			found = entry;
		}
		if (found != NULL) {
			*ret = (struct place){file, find(found, kind)};
			if (ret->map != NULL && ret->map->kind != RP_YAML_MAP)
				return refuse(file, ret->map, reterr, "%s must be a mapping", kind);
			return RP_OK;
		}
	}
	return refuse(&config->file[0], NULL, reterr, "there is no %s \"%.*s\"", kind,
		      (int)rp_min_size(name.len, 200), (const char *)name.ptr);
}

/* ---- texts ---- */

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/*
 * RFC 4648, section 4; ends of lines may stand anywhere.
 * @param out  room for as many bytes as there are in `in`
 */
static int decode_base64(struct rp_bytes in, uint8_t *out, size_t *ret_bytes)
{
	uint32_t bits = 0;
	size_t digits = 0, pads = 0, bytes = 0;

	for (size_t i = 0; i < in.len; i++) {
		int value = base64_value(in.ptr[i]);

		if (in.ptr[i] == '\n' || in.ptr[i] == '\r')
			continue;
		if (in.ptr[i] == '=') {
			pads++;
			continue;
		}
		if (value < 0 || pads > 0)
			return RP_EFORMAT;
		bits = bits << 6 | (uint32_t)value;
		if (++digits % 4 != 1)
			out[bytes++] = (uint8_t)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	if ((digits + pads) % 4 != 0 || pads > 2)
		return RP_EFORMAT;
	*ret_bytes = bytes;
	return RP_OK;
}

static int set_data(struct place at, const struct rp_yaml_node *node, const char *name,
		    struct rp_kube_text *text, struct rp_diag *reterr)
{
	uint8_t *bytes = malloc(node->text.len);
	size_t len;
	int err;

	if (bytes == NULL)
		return RP_ENOMEM;
	err = decode_base64(node->text, bytes, &len);
	if (err == RP_OK)
		err = rp_kube_text_set(text, rp_bytes(bytes, len));
	explicit_bzero(bytes, node->text.len);
	free(bytes);
	return err == RP_EFORMAT ? refuse(at.file, node, reterr, "%s is no text in base64", name)
				 : err;
}

/* The path as from the directory of the file that names it. */
static char *resolve(const struct rp_kubeconfig_file *file, struct rp_bytes path)
{
	const char *slash = strrchr(file->path, '/');
	size_t directory_bytes =
		slash == NULL || path.ptr[0] == '/' ? 0 : (size_t)(slash - file->path) + 1;
	char *whole = malloc(directory_bytes + path.len + 1);

	if (whole == NULL)
		return NULL;
	memcpy(whole, file->path, directory_bytes);
	memcpy(whole + directory_bytes, path.ptr, path.len);
	whole[directory_bytes + path.len] = '\0';
	return whole;
}

static int set_file(struct place at, const struct rp_yaml_node *node, const char *name,
		    struct rp_kube_text *text, struct rp_diag *reterr)
{
	struct rp_diag why = {0};
	char *path = resolve(at.file, node->text);
	int err;

	if (path == NULL)
		return RP_ENOMEM;
	err = rp_kube_text_open(text, path, &why);
	if (err != RP_OK && err != RP_ENOMEM)
		err = refuse(at.file, node, reterr, "%s: %.300s %s", name, path, why.message);
	free(path);
	return err;
}

/* Data wins over a file. */
static int get_text(struct place at, const char *file_key, const char *data_key,
		    struct rp_kube_text *text, struct rp_diag *reterr)
{
	const struct rp_yaml_node *file, *data;
	int err = get_string(at, file_key, &file, reterr);

	if (err == RP_OK)
		err = get_string(at, data_key, &data, reterr);
	if (err != RP_OK)
		return err;
	if (data != NULL)
		return set_data(at, data, data_key, text, reterr);
	return file == NULL ? RP_OK : set_file(at, file, file_key, text, reterr);
}

/* ---- cluster and user ---- */

static int check_proxy(struct place at, const char *proxy, struct rp_diag *reterr)
{
	static const char *const schemes[] = {"http://", "https://", "socks5://"};

	if (proxy[0] == '\0')
		return RP_OK;
	for (size_t i = 0; i < RP_ARRAY_LEN(schemes); i++)
		if (strncmp(proxy, schemes[i], strlen(schemes[i])) == 0)
			return RP_OK;
	return refuse(at.file, find(at.map, "proxy-url"), reterr,
		      "proxy-url must begin with http://, https:// or socks5://");
}

static int read_cluster(struct place at, struct rp_kube_access *access, struct rp_diag *reterr)
{
	const struct rp_yaml_node *insecure = find(at.map, "insecure-skip-tls-verify");
	const struct rp_yaml_node *node = find(at.map, "server");
	char server[RP_KUBE_SERVER_BYTES_MAX] = "";
	int err = get_short(at, "server", server, sizeof(server), reterr);

	if (err != RP_OK)
		return err;
	if (rp_kube_access_set_server(access, server) != RP_OK)
		return refuse(at.file, node != NULL ? node : at.map, reterr,
			      "server must be the API server's URL, as in https://host:6443");
	err = get_short(at, "tls-server-name", access->tls_server_name,
			sizeof(access->tls_server_name), reterr);
	if (err == RP_OK &&
	    access->tls_server_name[strcspn(access->tls_server_name, " \t\r\n/?#@:[]%")] != '\0')
		err = refuse(at.file, find(at.map, "tls-server-name"), reterr,
			     "tls-server-name must be a host name or an IPv4 address");
	if (err == RP_OK)
		err = get_short(at, "proxy-url", access->proxy, sizeof(access->proxy), reterr);
	if (err == RP_OK)
		err = check_proxy(at, access->proxy, reterr);
	if (err != RP_OK)
		return err;
	if (insecure != NULL && rp_yaml_bool(insecure, &access->is_insecure) != RP_OK)
		return refuse(at.file, insecure, reterr,
			      "insecure-skip-tls-verify must be true or false");
	err = get_text(at, "certificate-authority", "certificate-authority-data", &access->ca,
		       reterr);
	if (err == RP_OK && access->is_insecure && access->ca.text != NULL)
		err = refuse(at.file, insecure, reterr,
			     "insecure-skip-tls-verify does not go with a certificate-authority");
	return err;
}

/* What would make us somebody else than the rest of the entry says. */
static int refuse_foreign(struct place at, struct rp_diag *reterr)
{
	static const struct {
		const char *key;
		const char *remedy;
	} foreign[] = {
		{"exec", "a plugin is not run: use token, tokenFile or a client certificate"},
		{"auth-provider",
		 "providers are not built in: use token, tokenFile or a client certificate"},
		{"username",
		 "passwords are not sent: use token, tokenFile or a client certificate"},
		{"password",
		 "passwords are not sent: use token, tokenFile or a client certificate"},
		{"as", "impersonation is not supported"},
		{"as-uid", "impersonation is not supported"},
		{"as-groups", "impersonation is not supported"},
		{"as-user-extra", "impersonation is not supported"},
	};

	for (size_t i = 0; i < RP_ARRAY_LEN(foreign); i++) {
		const struct rp_yaml_node *node = find(at.map, foreign[i].key);

		if (node != NULL)
			return refuse(at.file, node, reterr, "%s: %s", foreign[i].key,
				      foreign[i].remedy);
	}
	return RP_OK;
}

/* A token's file wins over a token as long as it can be read. */
static int read_token(struct place at, struct rp_kube_text *text, struct rp_diag *reterr)
{
	const struct rp_yaml_node *token, *file;
	int err = get_string(at, "token", &token, reterr);

	if (err == RP_OK)
		err = get_string(at, "tokenFile", &file, reterr);
	if (err != RP_OK)
		return err;
	text->is_word = true;
	if (token != NULL) {
		err = rp_kube_text_set(text, token->text);
		if (err == RP_EFORMAT)
			return refuse(at.file, token, reterr, "token has bytes that no token has");
	}
	if (err == RP_OK && file != NULL)
		err = set_file(at, file, "tokenFile", text, reterr);
	return err == RP_ECONFIG && text->text != NULL ? RP_OK : err;
}

static int read_user(struct place at, struct rp_kube_access *access, struct rp_diag *reterr)
{
	int err = refuse_foreign(at, reterr);

	if (err == RP_OK)
		err = read_token(at, &access->token, reterr);
	if (err == RP_OK)
		err = get_text(at, "client-certificate", "client-certificate-data",
			       &access->client_cert, reterr);
	if (err == RP_OK)
		err = get_text(at, "client-key", "client-key-data", &access->client_key, reterr);
	if (err == RP_OK && (access->client_cert.text == NULL) != (access->client_key.text == NULL))
		err = refuse(at.file, at.map, reterr,
			     "client-certificate and client-key go together");
	return err;
}

/* ---- the whole ---- */

int rp_kubeconfig_add(struct rp_kubeconfig *config, const char *path, struct rp_bytes text,
		      struct rp_diag *reterr)
{
	struct rp_kubeconfig_file *file = &config->file[config->count];
	const struct rp_yaml_node *root;
	int err;

	if (reterr != NULL)
		snprintf(reterr->file, sizeof(reterr->file), "%s", path);
	if (config->count == RP_KUBE_CONFIG_FILES_MAX)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "is one file too many: %u are read",
				   RP_KUBE_CONFIG_FILES_MAX);
	err = rp_yaml_parse(text, &file->tree, reterr);
	if (err != RP_OK)
		return err == RP_ENOMEM ? err : RP_ECONFIG;
	file->path = strdup(path);
	config->count++; /* fini() frees it from here on */
	if (file->path == NULL)
		return RP_ENOMEM;
	root = rp_yaml_root(&file->tree);
	if (root != NULL && root->kind != RP_YAML_MAP && root->kind != RP_YAML_NULL)
		return rp_diag_set(reterr, RP_ECONFIG, root->line, root->column,
				   "is no kubeconfig file: it must be a mapping");
	return RP_OK;
}

static int name_context(const struct rp_kubeconfig *config, const char *context,
			struct rp_bytes *ret_name, struct rp_diag *reterr)
{
	*ret_name = rp_bytes_str(context);
	for (uint32_t i = 0; i < config->count && ret_name->len == 0; i++) {
		struct place at = {&config->file[i], rp_yaml_root(&config->file[i].tree)};
		const struct rp_yaml_node *node;
		int err = get_string(at, "current-context", &node, reterr);

		if (err != RP_OK)
			return err;
		if (node != NULL)
			*ret_name = node->text;
	}
	return ret_name->len > 0 ? RP_OK
				 : refuse(&config->file[0], NULL, reterr,
					  "there is no current-context: give --kube-context");
}

static int read_context(const struct rp_kubeconfig *config, struct rp_bytes name,
			struct rp_kube_access *access, struct rp_diag *reterr)
{
	const struct rp_yaml_node *cluster = NULL, *user = NULL;
	struct place context, at;
	int err = find_named(config, "contexts", "context", name, &context, reterr);

	if (err == RP_OK)
		err = get_string(context, "cluster", &cluster, reterr);
	if (err == RP_OK)
		err = get_string(context, "user", &user, reterr);
	if (err != RP_OK)
		return err;
	snprintf(access->origin, sizeof(access->origin), "%.300s, context %.*s", context.file->path,
		 (int)rp_min_size(name.len, 150), (const char *)name.ptr);
	if (cluster == NULL)
		return refuse(context.file, context.map, reterr, "the context names no cluster");
	err = find_named(config, "clusters", "cluster", cluster->text, &at, reterr);
	if (err == RP_OK)
		err = read_cluster(at, access, reterr);
	if (err != RP_OK || user == NULL)
		return err;
	err = find_named(config, "users", "user", user->text, &at, reterr);
	return err == RP_OK ? read_user(at, access, reterr) : err;
}

int rp_kubeconfig_access(const struct rp_kubeconfig *config, const char *context,
			 struct rp_kube_access *ret, struct rp_diag *reterr)
{
	struct rp_kube_access access = {0};
	struct rp_bytes name;
	int err;

	RP_ASSERT(config->count > 0);
	err = name_context(config, context, &name, reterr);
	if (err == RP_OK)
		err = read_context(config, name, &access, reterr);
	if (err != RP_OK) {
		rp_kube_access_fini(&access);
		return err;
	}
	*ret = access;
	return RP_OK;
}

void rp_kubeconfig_fini(struct rp_kubeconfig *config)
{
	for (uint32_t i = 0; i < config->count; i++) {
		struct rp_kubeconfig_file *file = &config->file[i];

		if (file->tree.text != NULL)
			explicit_bzero(file->tree.text, file->tree.text_room);
		rp_yaml_free(&file->tree);
		free(file->path);
	}
	*config = (struct rp_kubeconfig){0};
}
