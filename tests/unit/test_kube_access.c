/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/kube/kubeconfig.h"

static char root[64]; /* home, too */
static struct rp_kube_access access_;
static struct rp_diag diag;

static void path_of(const char *name, char *out, size_t out_bytes)
{
	assert_true((size_t)snprintf(out, out_bytes, "%s/%s", root, name) < out_bytes);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(name, path, sizeof(path));
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int find_with(const char *kubeconfig, const char *context)
{
	struct rp_flags flags = {.kubeconfig = kubeconfig, .kube_context = context};

	rp_kube_access_fini(&access_);
	memset(&diag, 0, sizeof(diag));
	return rp_kube_access_find(&flags, &access_, &diag);
}

/* Of one file of this text. */
static int find(const char *text)
{
	char path[128];

	write_file("config", text);
	path_of("config", path, sizeof(path));
	return find_with(path, "");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "%s", "/tmp/kube_access_XXXXXX");
	assert_non_null(mkdtemp(root));
	setenv("HOME", root, 1);
	unsetenv("KUBECONFIG");
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("KUBERNETES_SERVICE_PORT");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	rp_kube_access_fini(&access_);
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#define HEAD                                                                                       \
	"apiVersion: v1\n"                                                                         \
	"kind: Config\n"                                                                           \
	"current-context: here\n"                                                                  \
	"contexts:\n"                                                                              \
	"- name: here\n"                                                                           \
	"  context: {cluster: c, user: u, namespace: ignored}\n"                                   \
	"- name: there\n"                                                                          \
	"  context: {cluster: d, user: v}\n"
#define CLUSTER "clusters:\n- name: c\n  cluster:\n    server: https://api.example:6443\n"
#define USER	"users:\n- name: u\n  user:\n    token: secret\n"
/* Base64 of "-----CA-----\n", "-----CERT-----\n", "-----KEY-----\n". */
#define CA_DATA	  "LS0tLS1DQS0tLS0tCg=="
#define CERT_DATA "LS0tLS1DRVJULS0tLS0K"
#define KEY_DATA  "LS0tLS1LRVktLS0tLQo="

static const char full[] = HEAD "clusters:\n"
				"- name: d\n"
				"  cluster: {server: 'http://127.0.0.1:8001/'}\n"
				"- name: c\n"
				"  cluster:\n"
				"    server: https://[fd00::1]:6443/prefix/\n"
				"    certificate-authority: not-there\n"
				"    certificate-authority-data: " CA_DATA "\n"
				"    tls-server-name: kubernetes.default\n"
				"    proxy-url: http://proxy:3128\n"
				"    extensions: [{name: x, extension: {}}]\n"
				"users:\n"
				"- name: v\n"
				"  user: {}\n"
				"- name: u\n"
				"  user:\n"
				"    client-certificate-data: " CERT_DATA "\n"
				"    client-key-data: " KEY_DATA "\n"
				"    token: secret\n";

static void file_gives_server_and_credentials(void **state)
{
	char origin[256];

	(void)state;
	assert_int_equal(find(full), RP_OK);
	assert_string_equal(access_.server, "https://[fd00::1]:6443/prefix");
	assert_string_equal(access_.tls_server_name, "kubernetes.default");
	assert_string_equal(access_.proxy, "http://proxy:3128");
	assert_string_equal(access_.ca.text, "-----CA-----");
	assert_null(access_.ca.path);
	assert_string_equal(access_.client_cert.text, "-----CERT-----");
	assert_string_equal(access_.client_key.text, "-----KEY-----");
	assert_string_equal(access_.token.text, "secret");
	assert_false(access_.is_insecure);
	snprintf(origin, sizeof(origin), "%s/config, context here", root);
	assert_string_equal(access_.origin, origin);
}

static void json_is_read_like_yaml(void **state)
{
	(void)state;
	assert_int_equal(find("{\"current-context\": \"a\","
			      "\"contexts\": [{\"name\": \"a\", \"context\": {\"cluster\": \"c\", "
			      "\"user\": \"u\"}}],"
			      "\"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": "
			      "\"https://h\", \"insecure-skip-tls-verify\": true}}],"
			      "\"users\": [{\"name\": \"u\", \"user\": {\"token\": \"t\"}}]}"),
			 RP_OK);
	assert_string_equal(access_.server, "https://h");
	assert_true(access_.is_insecure);
	assert_string_equal(access_.token.text, "t");
}

static void flag_chooses_the_context(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(find(full), RP_OK);
	path_of("config", path, sizeof(path));
	assert_int_equal(find_with(path, "there"), RP_OK);
	assert_string_equal(access_.server, "http://127.0.0.1:8001");
	assert_null(access_.token.text);
	assert_null(access_.ca.text);
	assert_int_equal(find_with(path, "nowhere"), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "there is no context \"nowhere\""));
	assert_string_equal(diag.file, path);
}

static void context_without_a_user_is_anonymous(void **state)
{
	(void)state;
	assert_int_equal(find("current-context: a\n"
			      "contexts: [{name: a, context: {cluster: c}}]\n" CLUSTER),
			 RP_OK);
	assert_null(access_.token.text);
	assert_null(access_.client_cert.text);
}

static void files_are_looked_for_beside_the_kubeconfig(void **state)
{
	char path[128];

	(void)state;
	write_file("ca.pem", "CA\n");
	write_file("me.crt", "CERT\n");
	write_file("me.key", "KEY\n");
	write_file("token", " word\n");
	assert_int_equal(find(HEAD CLUSTER "    certificate-authority: ca.pem\n"
					   "users:\n"
					   "- name: u\n"
					   "  user:\n"
					   "    client-certificate: ./me.crt\n"
					   "    client-key: me.key\n"
					   "    tokenFile: token\n"),
			 RP_OK);
	assert_string_equal(access_.ca.text, "CA");
	assert_string_equal(access_.client_cert.text, "CERT");
	assert_string_equal(access_.client_key.text, "KEY");
	assert_string_equal(access_.token.text, "word");
	path_of("token", path, sizeof(path));
	assert_string_equal(access_.token.path, path);
}

static void changed_file_is_read_again(void **state)
{
	char path[128];

	(void)state;
	path_of("token", path, sizeof(path));
	write_file("token", "one\n");
	assert_int_equal(find(HEAD CLUSTER "users: [{name: u, user: {tokenFile: token}}]\n"),
			 RP_OK);
	assert_false(rp_kube_text_refresh(&access_.token));
	write_file("token", "two\n");
	assert_true(rp_kube_text_refresh(&access_.token));
	assert_string_equal(access_.token.text, "two");
	assert_false(rp_kube_text_refresh(&access_.token));
	write_file("token", "");
	assert_false(rp_kube_text_refresh(&access_.token));
	unlink(path);
	assert_false(rp_kube_text_refresh(&access_.token));
	assert_string_equal(access_.token.text, "two");
	/* One without a file never changes. */
	assert_false(rp_kube_text_refresh(&access_.ca));
}

static void token_file_wins_while_it_can_be_read(void **state)
{
	static const char text[] =
		HEAD CLUSTER "users: [{name: u, user: {token: old, tokenFile: token}}]\n";

	(void)state;
	assert_int_equal(find(text), RP_OK);
	assert_string_equal(access_.token.text, "old");
	write_file("token", "new");
	assert_true(rp_kube_text_refresh(&access_.token));
	assert_string_equal(access_.token.text, "new");
	assert_int_equal(find(text), RP_OK);
	assert_string_equal(access_.token.text, "new");
}

/* text, part of the message, line (0: none) */
static const struct {
	const char *text;
	const char *message;
	uint32_t line;
} bad[] = {
	{"", "no current-context", 0},
	{"- a\n", "must be a mapping", 1},
	{"a: [\n", "", 2},
	{"current-context: 5\n", "must be a string", 1},
	{"contexts: []\n", "no current-context", 0},
	{"current-context: x\n", "there is no context \"x\"", 0},
	{"current-context: x\ncontexts: {}\n", "contexts must be a list", 2},
	{"current-context: x\ncontexts: [{name: x, context: 5}]\n", "must be a mapping", 2},
	{"current-context: x\ncontexts: [{name: x}]\n", "names no cluster", 0},
	{"current-context: x\ncontexts: [{name: 5}]\n", "name must be a string", 2},
	{"current-context: x\ncontexts:\n- name: x\n- name: x\n", "two of the name \"x\"", 4},
	{HEAD, "there is no cluster \"c\"", 0},
	{HEAD CLUSTER, "there is no user \"u\"", 0},
	{HEAD "clusters: [{name: c}]\n", "server must be", 0},
	{HEAD "clusters: [{name: c, cluster: {server: 'h:6443'}}]\n", "server must be", 9},
	{HEAD "clusters: [{name: c, cluster: {server: 'ftp://h'}}]\n", "server must be", 9},
	{HEAD "clusters: [{name: c, cluster: {server: 'https://u:p@h'}}]\n", "server must be", 9},
	{HEAD "clusters: [{name: c, cluster: {server: 'https://h?q'}}]\n", "server must be", 9},
	{HEAD "clusters: [{name: c, cluster: {server: \"https://h\\0x\"}}]\n", "NUL", 9},
	{HEAD "clusters: [{name: c, cluster: {server: 'https://h:99999'}}]\n", "server must be", 9},
	{HEAD CLUSTER "    tls-server-name: a/b\n", "tls-server-name must be", 13},
	{HEAD CLUSTER "    proxy-url: ftp://x\n", "proxy-url must begin", 13},
	{HEAD CLUSTER "    insecure-skip-tls-verify: maybe\n", "true or false", 13},
	{HEAD CLUSTER "    insecure-skip-tls-verify: true\n"
		      "    certificate-authority-data: " CA_DATA "\n",
	 "does not go with", 13},
	{HEAD CLUSTER "    certificate-authority: none.pem\n", "none.pem cannot be opened", 13},
	{HEAD CLUSTER "    certificate-authority-data: '%%%'\n", "base64", 13},
	{HEAD CLUSTER "    certificate-authority-data: QUI\n", "base64", 13},
	{HEAD CLUSTER "    certificate-authority-data: QQ==QQ==\n", "base64", 13},
	{HEAD CLUSTER "    certificate-authority-data: QUJD=\n", "base64", 13},
	{HEAD CLUSTER "    certificate-authority-data: AAAA\n", "base64", 13}, /* NUL bytes */
	{HEAD CLUSTER "users: [{name: u, user: {exec: {command: aws}}}]\n", "plugin is not run",
	 13},
	{HEAD CLUSTER "users: [{name: u, user: {auth-provider: {name: gcp}}}]\n", "not built in",
	 13},
	{HEAD CLUSTER "users: [{name: u, user: {username: a, password: b}}]\n",
	 "passwords are not sent", 13},
	{HEAD CLUSTER "users: [{name: u, user: {token: t, as: root}}]\n", "impersonation", 13},
	{HEAD CLUSTER "users: [{name: u, user: {token: 5}}]\n", "must be a string", 13},
	{HEAD CLUSTER "users: [{name: u, user: {token: \"a b\"}}]\n", "that no token has", 13},
	{HEAD CLUSTER "users: [{name: u, user: {token: \"a\\r\\nX: y\"}}]\n", "no token has", 13},
	{HEAD CLUSTER "users: [{name: u, user: {tokenFile: nothing}}]\n", "cannot be opened", 13},
	{HEAD CLUSTER "users: [{name: u, user: {client-key-data: " KEY_DATA "}}]\n", "go together",
	 13},
	{HEAD CLUSTER "users: [{name: u, user: {client-certificate-data: " CERT_DATA "}}]\n",
	 "go together", 13},
};

static void what_cannot_be_used_is_refused_with_its_place(void **state)
{
	char path[128];

	(void)state;
	path_of("config", path, sizeof(path));
	for (size_t i = 0; i < RP_ARRAY_LEN(bad); i++) {
		int err = find(bad[i].text);

		if (err != RP_ECONFIG || strstr(diag.message, bad[i].message) == NULL ||
		    (bad[i].line != 0 && diag.line != bad[i].line) || strcmp(diag.file, path) != 0)
			fail_msg("%zu: %d, %s:%u: %s", i, err, diag.file, diag.line, diag.message);
		assert_true(diag.message[0] != '\0');
		assert_null(strstr(diag.message, "secret"));
	}
}

static void file_that_is_cut_anywhere_does_no_harm(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(full); len++) {
		struct rp_kubeconfig config = {0};
		char *copy = malloc(len + 1); /* so that a sanitizer sees a read beyond it */
		int err;

		assert_non_null(copy);
		memcpy(copy, full, len);
		memset(&diag, 0, sizeof(diag));
		rp_kube_access_fini(&access_);
		err = rp_kubeconfig_add(&config, "k", rp_bytes(copy, len), &diag);
		if (err == RP_OK)
			err = rp_kubeconfig_access(&config, "", &access_, &diag);
		assert_true(err == RP_OK || err == RP_ECONFIG);
		assert_true(err == RP_OK || diag.message[0] != '\0');
		rp_kubeconfig_fini(&config);
		free(copy);
	}
}

static void list_of_files_is_merged_and_the_first_wins(void **state)
{
	char list[512];

	(void)state;
	write_file("a", "current-context: x\n"
			"clusters: [{name: c, cluster: {server: 'https://first'}}]\n");
	write_file("b", "current-context: y\n"
			"contexts: [{name: x, context: {cluster: c, user: u}}]\n"
			"clusters: [{name: c, cluster: {server: 'https://second', "
			"tls-server-name: n}}]\n");
	write_file("d", "users: [{name: u, user: {token: t}}]\n");
	snprintf(list, sizeof(list), ":%s/missing:%s/a::%s/b:%s/d:", root, root, root, root);
	setenv("KUBECONFIG", list, 1);
	assert_int_equal(find_with("", ""), RP_OK);
	assert_string_equal(access_.server, "https://first");
	assert_string_equal(access_.tls_server_name, ""); /* entries are not mixed */
	assert_string_equal(access_.token.text, "t");
	/* The flag's file alone counts. */
	snprintf(list, sizeof(list), "%s/d", root);
	assert_int_equal(find_with(list, "x"), RP_ECONFIG);
	write_file("b", "contexts: [\n");
	assert_int_equal(find_with("", ""), RP_ECONFIG);
	assert_non_null(strstr(diag.file, "/b"));
}

static void too_many_files_are_refused(void **state)
{
	char list[4096];
	size_t at = 0;

	(void)state;
	write_file("a", "{}");
	for (uint32_t i = 0; i <= RP_KUBE_CONFIG_FILES_MAX; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s/a:", root);
	setenv("KUBECONFIG", list, 1);
	assert_int_equal(find_with("", ""), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "too many"));
}

static void home_is_the_last_place(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(find_with("", ""), RP_ENOTFOUND);
	assert_non_null(strstr(diag.message, "--kubeconfig"));
	assert_string_equal(diag.file, "");
	path_of(".kube", path, sizeof(path));
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(".kube/config", HEAD CLUSTER USER);
	assert_int_equal(find_with("", ""), RP_OK);
	assert_string_equal(access_.server, "https://api.example:6443");
	/* $KUBECONFIG takes its place, even if it names nothing. */
	setenv("KUBECONFIG", "/nonexistent/config", 1);
	assert_int_equal(find_with("", ""), RP_ENOTFOUND);
	assert_non_null(strstr(diag.message, "no file that exists"));
	unsetenv("HOME");
	unsetenv("KUBECONFIG");
	assert_int_equal(find_with("", ""), RP_ENOTFOUND);
}

static void file_that_the_flag_names_must_be_there(void **state)
{
	(void)state;
	assert_int_equal(find_with("/nonexistent/config", ""), RP_ECONFIG);
	assert_string_equal(diag.file, "/nonexistent/config");
	assert_non_null(strstr(diag.message, "cannot be opened"));
	assert_int_equal(find_with(root, ""), RP_ECONFIG);
}

static int in_cluster(const char *host, const char *port)
{
	setenv("KUBERNETES_SERVICE_HOST", host, 1);
	setenv("KUBERNETES_SERVICE_PORT", port, 1);
	rp_kube_access_fini(&access_);
	memset(&diag, 0, sizeof(diag));
	return rp_kube_access_in_cluster(root, &access_, &diag);
}

static void service_account_gives_access_in_a_cluster(void **state)
{
	char path[128];

	(void)state;
	write_file("token", "jwt\n");
	write_file("ca.crt", "CA\n");
	assert_int_equal(in_cluster("10.0.0.1", "443"), RP_OK);
	assert_string_equal(access_.server, "https://10.0.0.1:443");
	assert_string_equal(access_.origin, "in-cluster");
	assert_string_equal(access_.token.text, "jwt");
	assert_string_equal(access_.ca.text, "CA");
	path_of("token", path, sizeof(path));
	assert_string_equal(access_.token.path, path);
	assert_int_equal(in_cluster("fd00::1", "6443"), RP_OK);
	assert_string_equal(access_.server, "https://[fd00::1]:6443");
	write_file("token", "rotated");
	assert_true(rp_kube_text_refresh(&access_.token));
	assert_string_equal(access_.token.text, "rotated");
}

static void pod_without_a_service_account_is_told_so(void **state)
{
	(void)state;
	assert_int_equal(in_cluster("", "443"), RP_ENOTFOUND);
	assert_int_equal(in_cluster("10.0.0.1", ""), RP_ENOTFOUND);
	assert_int_equal(in_cluster("10.0.0.1", "443"), RP_ECONFIG);
	assert_non_null(strstr(diag.message, "automountServiceAccountToken"));
	assert_non_null(strstr(diag.file, "/token"));
	write_file("token", "jwt");
	assert_int_equal(in_cluster("10.0.0.1", "443"), RP_ECONFIG);
	assert_non_null(strstr(diag.file, "/ca.crt"));
	write_file("ca.crt", "CA");
	assert_int_equal(in_cluster("10.0.0.1", "http"), RP_ECONFIG);
	assert_int_equal(in_cluster("10.0.0.1/x?", "443"), RP_ECONFIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(file_gives_server_and_credentials),
		TEST(json_is_read_like_yaml),
		TEST(flag_chooses_the_context),
		TEST(context_without_a_user_is_anonymous),
		TEST(files_are_looked_for_beside_the_kubeconfig),
		TEST(changed_file_is_read_again),
		TEST(token_file_wins_while_it_can_be_read),
		TEST(what_cannot_be_used_is_refused_with_its_place),
		TEST(file_that_is_cut_anywhere_does_no_harm),
		TEST(list_of_files_is_merged_and_the_first_wins),
		TEST(too_many_files_are_refused),
		TEST(home_is_the_last_place),
		TEST(file_that_the_flag_names_must_be_there),
		TEST(service_account_gives_access_in_a_cluster),
		TEST(pod_without_a_service_account_is_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
