/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "control/kube/curl_loop.h"
#include "shm/clock.h"
#include "shm/log.h"

enum {
	CONNECT_TIMEOUT_MS = 10000,
	PEER_TIMEOUT_MS = 30000, /* of bytes that nobody acknowledges */
	KEEPALIVE_IDLE_S = 15,
	KEEPALIVE_INTERVAL_S = 5,
	CREDENTIALS_AGE_S = 3, /* files are read again at most so often, by calls that start */
	TEXT_BYTES = 512,
};

struct rp_kube_transfer {
	struct rp_kube_client *client;
	struct rp_kube_call *call; /* NULL: cancelled */
	struct rp_kube_transfer *next;
	struct rp_kube_transfer *prev;
	CURL *easy;
	struct curl_slist *headers;
	char *url;
	char *method;
	char *body;
	size_t body_bytes;
	int64_t deadline_ns;
	int data_err;	  /* of on_data, or of a bound */
	bool is_added;	  /* to the multi handle */
	bool is_repeated; /* after a 401 */
	bool is_cut;	  /* an error body that was longer than what is kept */
	size_t header_bytes;
	size_t error_bytes;
	uint8_t error_body[RP_KUBE_ERROR_BODY_BYTES];
	char curl_text[CURL_ERROR_SIZE];
	char text[TEXT_BYTES];
};

struct rp_kube_client {
	struct rp_curl_loop curl;
	struct rp_kube_access access;
	int64_t credentials_ns;	       /* when the files were read last */
	char *base;		       /* URL without a path's end; names who must be there */
	struct curl_slist *connect_to; /* where that really is, if it has another name */
	char *host_header;	       /* "Host: …", if the URL does not say it */
	struct rp_kube_transfer *transfers;
	uint32_t transfer_count;
};

/* ---- what a transfer is told by curl ---- */

static long status_of(CURL *easy)
{
	long status = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
	struct rp_kube_transfer *t = user;

	(void)line;
	t->header_bytes += size * count;
	if (t->header_bytes <= RP_KUBE_HEADER_BYTES_MAX)
		return size * count;
	t->data_err = RP_ETOOBIG;
	snprintf(t->text, sizeof(t->text), "the answer's headers are too long");
	return 0;
}

/* Any number but the piece's length ends the transfer. */
static size_t on_body(char *piece, size_t size, size_t count, void *user)
{
	struct rp_kube_transfer *t = user;
	size_t bytes = size * count;
	long status = status_of(t->easy);
	size_t kept;
	int err;

	if (t->call == NULL)
		return 0;
	if (status >= 200 && status <= 299) {
		if (t->call->ops->on_data == NULL || bytes == 0)
			return bytes;
		err = t->call->ops->on_data(t->call, rp_bytes(piece, bytes));
		if (err == RP_OK)
			return t->call == NULL ? 0 : bytes;
		t->data_err = err;
		snprintf(t->text, sizeof(t->text), "the answer was not taken: %s",
			 rp_err_text(err));
		return 0;
	}
	kept = rp_min_size(bytes, sizeof(t->error_body) - t->error_bytes);
	memcpy(t->error_body + t->error_bytes, piece, kept);
	t->error_bytes += kept;
	t->is_cut = kept < bytes;
	return kept;
}

static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
	int timeout_ms = PEER_TIMEOUT_MS;

	(void)user;
	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	return CURL_SOCKOPT_OK;
}

/* ---- credentials ---- */

static void refresh_credentials(struct rp_kube_client *client)
{
	int64_t now_ns = rp_clock_monotonic_ns();

	if (now_ns < client->credentials_ns + CREDENTIALS_AGE_S * RP_NS_PER_S)
		return;
	client->credentials_ns = now_ns;
	(void)rp_kube_text_refresh(&client->access.token);
	/* curl opens new connections for calls whose certificates differ. */
	if (rp_kube_text_refresh(&client->access.ca))
		RP_LOG_MSG(RP_V1, "kube", "The API server's CA certificates have changed");
	if (rp_kube_text_refresh(&client->access.client_cert) |
	    rp_kube_text_refresh(&client->access.client_key))
		RP_LOG_MSG(RP_V1, "kube", "The client certificate has changed");
}

static bool add_header(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (longer != NULL)
		*headers = longer;
	return longer != NULL;
}

static void free_headers(struct curl_slist **headers)
{
	for (struct curl_slist *line = *headers; line != NULL; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(*headers);
	*headers = NULL;
}

static int make_headers(const struct rp_kube_client *client, struct rp_kube_transfer *t)
{
	const char *token = client->access.token.text;
	bool is_ok = add_header(&t->headers, "Accept: application/json") &&
		     add_header(&t->headers, "Expect:");
	char *line;

	if (t->body != NULL)
		is_ok = is_ok && add_header(&t->headers, "Content-Type: application/json");
	if (client->host_header != NULL)
		is_ok = is_ok && add_header(&t->headers, client->host_header);
	if (token == NULL || !is_ok)
		return is_ok ? RP_OK : RP_ENOMEM;
	if (asprintf(&line, "Authorization: Bearer %s", token) < 0)
		return RP_ENOMEM;
	is_ok = add_header(&t->headers, line);
	explicit_bzero(line, strlen(line));
	free(line);
	return is_ok ? RP_OK : RP_ENOMEM;
}

/* ---- options of a transfer ---- */

/* Options that make a transfer safe: one that fails fails the transfer. */
static bool set_blob(CURL *easy, CURLoption option, const char *text)
{
	struct curl_blob blob;

	if (text == NULL)
		return true;
	blob.data = (void *)(uintptr_t)text; /* copied by curl */
	blob.len = strlen(text);
	blob.flags = CURL_BLOB_COPY;
	return curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

static bool set_tls(CURL *easy, const struct rp_kube_access *access)
{
	bool is_ok = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
		     CURLE_OK;

	if (access->ca.text != NULL) /* and no others: curl knows a directory by default */
		is_ok = is_ok && set_blob(easy, CURLOPT_CAINFO_BLOB, access->ca.text) &&
			curl_easy_setopt(easy, CURLOPT_CAINFO, NULL) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (access->is_insecure)
		is_ok = is_ok && curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
	return is_ok && set_blob(easy, CURLOPT_SSLCERT_BLOB, access->client_cert.text) &&
	       set_blob(easy, CURLOPT_SSLKEY_BLOB, access->client_key.text);
}

static bool set_connection(CURL *easy, const struct rp_kube_client *client)
{
	const struct rp_kube_access *access = &client->access;
	bool is_ok =
		curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) ==
			CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S) ==
			CURLE_OK;

	if (client->connect_to != NULL)
		is_ok = is_ok &&
			curl_easy_setopt(easy, CURLOPT_CONNECT_TO, client->connect_to) == CURLE_OK;
	if (access->proxy[0] != '\0')
		is_ok = is_ok && curl_easy_setopt(easy, CURLOPT_PROXY, access->proxy) == CURLE_OK;
	return is_ok;
}

static bool set_request(struct rp_kube_transfer *t)
{
	CURL *easy = t->easy;
	bool is_ok = curl_easy_setopt(easy, CURLOPT_URL, t->url) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ==
			     CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_USERAGENT, "ringpick/" RP_VERSION) == CURLE_OK;

	if (t->body != NULL)
		is_ok = is_ok &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)t->body_bytes) ==
				CURLE_OK &&
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body) == CURLE_OK;
	return is_ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->method) == CURLE_OK;
}

static bool set_callbacks(struct rp_kube_transfer *t)
{
	CURL *easy = t->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_text) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       /* A name that is being looked up is not waited for at the end. */
	       curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
}

/* Make the handle of a transfer, with the credentials of now. */
static int prepare(struct rp_kube_transfer *t)
{
	const struct rp_kube_client *client = t->client;
	int64_t left_ns = t->deadline_ns - rp_clock_monotonic_ns();
	int err = make_headers(client, t);

	if (err != RP_OK)
		return err;
	t->easy = curl_easy_init();
	if (t->easy == NULL || !set_callbacks(t) || !set_request(t) ||
	    !set_connection(t->easy, client) || !set_tls(t->easy, &client->access) ||
	    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK ||
	    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS,
			     (long)(left_ns / RP_NS_PER_MS < 1 ? 1 : left_ns / RP_NS_PER_MS)) !=
		    CURLE_OK)
		return RP_ENOMEM;
	return RP_OK;
}

/* ---- beginning and end of a transfer ---- */

static void drop_handle(struct rp_kube_transfer *t)
{
	if (t->is_added)
		(void)curl_multi_remove_handle(t->client->curl.multi, t->easy);
	t->is_added = false;
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	free_headers(&t->headers);
}

static void unlink_transfer(struct rp_kube_transfer *t)
{
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		t->client->transfers = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->client->transfer_count--;
}

static void free_transfer(struct rp_kube_transfer *t)
{
	drop_handle(t);
	if (t->body != NULL)
		explicit_bzero(t->body, t->body_bytes);
	free(t->body);
	free(t->url);
	free(t->method);
	free(t);
}

/* The Status object's message, or a sentence of our own (API conventions, "Response Status Kind").
 */
static void explain_status(struct rp_kube_transfer *t, long status)
{
	cJSON *root = cJSON_ParseWithLength((const char *)t->error_body, t->error_bytes);
	const char *message =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "message"));

	if (message != NULL && message[0] != '\0')
		(void)rp_bytes_to_str(rp_bytes_cut(rp_bytes_str(message), sizeof(t->text) - 1),
				      t->text, sizeof(t->text));
	else
		snprintf(t->text, sizeof(t->text), "HTTP status %ld", status);
	cJSON_Delete(root);
}

static int err_of(CURL *easy, CURLcode code)
{
	static const struct {
		CURLcode code;
		int err;
	} known[] = {
		{CURLE_OK, RP_OK},
		{CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
		{CURLE_OUT_OF_MEMORY, RP_ENOMEM},
		{CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
		{CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH},
		{CURLE_PEER_FAILED_VERIFICATION, RP_ECONFIG},
		{CURLE_SSL_CACERT_BADFILE, RP_ECONFIG},
		{CURLE_SSL_CERTPROBLEM, RP_ECONFIG},
		{CURLE_SSL_CONNECT_ERROR, RP_EPROTO},
		{CURLE_WEIRD_SERVER_REPLY, RP_EPROTO},
		{CURLE_UNSUPPORTED_PROTOCOL, RP_EPROTO},
	};
	long os_errno = 0;

	for (size_t i = 0; i < RP_ARRAY_LEN(known); i++)
		if (known[i].code == code)
			return known[i].err;
	if (code != CURLE_COULDNT_CONNECT)
		return RP_ECLOSED;
	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
	return os_errno > 0 ? -(int)os_errno : -ECONNREFUSED;
}

/* Tell the owner and free the transfer. */
static void finish(struct rp_kube_transfer *t, CURLcode code)
{
	struct rp_kube_call *call = t->call;
	struct rp_kube_outcome outcome = {.text = t->text};
	curl_off_t retry_after_s = 0;
	long status = 0;

	if (t->easy != NULL) {
		status = status_of(t->easy);
		(void)curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	}
	if (retry_after_s > RP_KUBE_RETRY_AFTER_S_MAX)
		retry_after_s = RP_KUBE_RETRY_AFTER_S_MAX;
	outcome.retry_after_ns = retry_after_s > 0 ? (int64_t)retry_after_s * RP_NS_PER_S : 0;
	outcome.status = status > 0 ? (uint32_t)status : 0;
	outcome.error_body = rp_bytes(t->error_body, t->error_bytes);
	if (t->data_err != RP_OK)
		outcome.err = t->data_err; /* text says why already */
	else if (code == CURLE_OK || t->is_cut) {
		if (status < 200 || status > 299)
			explain_status(t, status);
	} else {
		outcome.err = err_of(t->easy, code);
		snprintf(t->text, sizeof(t->text), "%s",
			 t->curl_text[0] != '\0' ? t->curl_text : curl_easy_strerror(code));
	}
	drop_handle(t);
	unlink_transfer(t);
	if (call != NULL) {
		call->transfer = NULL;
		call->ops->on_done(call, &outcome);
	}
	free_transfer(t);
}

/* @return true: the transfer runs, or will in this turn's end */
static bool add(struct rp_kube_transfer *t)
{
	t->is_added = curl_multi_add_handle(t->client->curl.multi, t->easy) == CURLM_OK;
	return t->is_added;
}

/* A 401 may only mean that the token was replaced: once, the call is made again with what the file
 * holds now. */
static bool repeat(struct rp_kube_transfer *t, CURLcode code)
{
	struct rp_kube_client *client = t->client;

	if ((code != CURLE_OK && !t->is_cut) || t->call == NULL || t->data_err != RP_OK ||
	    t->is_repeated || client->access.token.path == NULL || status_of(t->easy) != 401)
		return false;
	t->is_repeated = true;
	(void)rp_kube_text_refresh(&client->access.token);
	drop_handle(t);
	t->header_bytes = 0;
	t->error_bytes = 0;
	t->is_cut = false;
	t->curl_text[0] = '\0';
	if (prepare(t) != RP_OK || !add(t))
		finish(t, CURLE_OUT_OF_MEMORY);
	return true;
}

/* Whom callbacks cancelled goes, what they started begins. */
static void settle(struct rp_kube_client *client)
{
	struct rp_kube_transfer *t = client->transfers;

	while (t != NULL) {
		struct rp_kube_transfer *next = t->next;

		if (t->call == NULL) {
			unlink_transfer(t);
			free_transfer(t);
		} else if (!t->is_added && !add(t)) {
			finish(t, CURLE_OUT_OF_MEMORY);
			next = client->transfers; /* its callback may have freed any of them */
		}
		t = next;
	}
}

static void on_turn(struct rp_curl_loop *curl)
{
	struct rp_kube_client *client = RP_CONTAINER_OF(curl, struct rp_kube_client, curl);
	struct rp_kube_transfer *t;
	struct CURLMsg *message;
	int left;

	settle(client);
	while ((message = curl_multi_info_read(curl->multi, &left)) != NULL) {
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t) !=
			    CURLE_OK)
			continue;
		if (!repeat(t, code))
			finish(t, code);
	}
}

/* ---- client ---- */

/* To verify another name than the server's, the URL has that name, and curl is told where it is. */
static int set_base(struct rp_kube_client *client)
{
	const struct rp_kube_access *access = &client->access;
	char *host = NULL, *port = NULL, *connect_to = NULL;
	CURLU *url = curl_url();
	int err = RP_ENOMEM;

	if (access->tls_server_name[0] == '\0') {
		client->base = strdup(access->server);
		err = client->base == NULL ? RP_ENOMEM : RP_OK;
		goto out;
	}
	if (url == NULL || curl_url_set(url, CURLUPART_URL, access->server, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		goto out;
	if (asprintf(&connect_to, "::%s:%s", host, port) < 0) {
		connect_to = NULL;
		goto out;
	}
	client->connect_to = curl_slist_append(NULL, connect_to);
	if (client->connect_to == NULL)
		goto out;
	if (asprintf(&client->host_header, "Host: %s:%s", host, port) < 0) {
		client->host_header = NULL;
		goto out;
	}
	if (curl_url_set(url, CURLUPART_HOST, access->tls_server_name, 0) != CURLUE_OK) {
		err = RP_ECONFIG;
		goto out;
	}
	if (curl_url_get(url, CURLUPART_URL, &client->base, 0) == CURLUE_OK)
		err = RP_OK;
out:
	free(connect_to);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return err;
}

static void free_client(struct rp_kube_client *client)
{
	rp_curl_loop_fini(&client->curl);
	curl_slist_free_all(client->connect_to);
	free(client->host_header);
	free(client->base);
	free(client);
}

int rp_kube_client_new(struct rp_events *loop, struct rp_kube_access *access,
		       struct rp_kube_client **ret_client)
{
	struct rp_kube_client *client = calloc(1, sizeof(*client));
	size_t base_bytes;
	int err;

	if (client == NULL)
		return RP_ENOMEM;
	err = rp_curl_loop_init(&client->curl, loop, on_turn);
	if (err != RP_OK) {
		free(client);
		return err;
	}
	client->access = *access;
	err = set_base(client);
	if (err != RP_OK) {
		free_client(client);
		return err;
	}
	base_bytes = strlen(client->base);
	if (base_bytes > 0 && client->base[base_bytes - 1] == '/')
		client->base[base_bytes - 1] = '\0';
	client->credentials_ns = rp_clock_monotonic_ns();
	*access = (struct rp_kube_access){0};
	*ret_client = client;
	return RP_OK;
}

void rp_kube_client_free(struct rp_kube_client *client)
{
	if (client == NULL)
		return;
	RP_ASSERT(!client->curl.is_in_curl);
	while (client->transfers != NULL) {
		struct rp_kube_transfer *t = client->transfers;

		if (t->call != NULL)
			t->call->transfer = NULL;
		unlink_transfer(t);
		free_transfer(t);
	}
	rp_kube_access_fini(&client->access);
	free_client(client);
}

/* ---- calls ---- */

static int make_transfer(struct rp_kube_client *client, const struct rp_kube_request *request,
			 struct rp_kube_transfer **ret_transfer)
{
	struct rp_kube_transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return RP_ENOMEM;
	t->client = client;
	t->deadline_ns = rp_clock_monotonic_ns() + request->timeout_ns;
	t->method = strdup(request->method);
	if (asprintf(&t->url, "%s%s", client->base, request->path) < 0)
		t->url = NULL;
	if (request->body.len > 0) {
		t->body = malloc(request->body.len);
		t->body_bytes = request->body.len;
		if (t->body != NULL)
			memcpy(t->body, request->body.ptr, request->body.len);
	}
	if (t->method == NULL || t->url == NULL || (request->body.len > 0 && t->body == NULL) ||
	    prepare(t) != RP_OK) {
		free_transfer(t);
		return RP_ENOMEM;
	}
	*ret_transfer = t;
	return RP_OK;
}

int rp_kube_call_start(struct rp_kube_client *client, struct rp_kube_call *call,
		       const struct rp_kube_request *request)
{
	struct rp_kube_transfer *t;
	int err;

	RP_ASSERT(call->transfer == NULL && request->path[0] == '/');
	if (client->transfer_count == RP_KUBE_CALLS_MAX)
		return RP_ENOMEM;
	refresh_credentials(client);
	err = make_transfer(client, request, &t);
	if (err != RP_OK)
		return err;
	/* From within curl a handle cannot be added: settle() does it. */
	if (!client->curl.is_in_curl && !add(t)) {
		free_transfer(t);
		return RP_ENOMEM;
	}
	t->next = client->transfers;
	if (t->next != NULL)
		t->next->prev = t;
	client->transfers = t;
	client->transfer_count++;
	t->call = call;
	call->transfer = t;
	return RP_OK;
}

void rp_kube_call_cancel(struct rp_kube_call *call)
{
	struct rp_kube_transfer *t = call->transfer;

	if (t == NULL)
		return;
	call->transfer = NULL;
	t->call = NULL;
	if (t->client->curl.is_in_curl)
		return; /* settle() frees it */
	unlink_transfer(t);
	free_transfer(t);
}
