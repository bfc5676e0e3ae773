/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_reply.h"

#include <time.h>

static const char json_type[] = "application/json";
static const char text_type[] = "text/plain; charset=utf-8";

static void update_date(struct rp_sim_server *server)
{
	time_t now = (time_t)server->wall_s;
	struct tm tm;

	if (server->date_s == server->wall_s)
		return;
	gmtime_r(&now, &tm);
	strftime(server->date, sizeof(server->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	server->date_s = server->wall_s;
}

/* Status line and the fields of every answer. */
static void add_head(struct rp_sim_conn *conn, int status, const char *type)
{
	struct rp_sim_buf *out = &conn->out;

	update_date(conn->server);
	RP_SIM_BUF_LIT(out, "HTTP/1.1 ");
	rp_sim_buf_add_u64(out, (uint64_t)status);
	RP_SIM_BUF_LIT(out, " ");
	rp_sim_buf_add_str(out, rp_sim_http_reason(status));
	RP_SIM_BUF_LIT(out, "\r\nserver: fasthttp\r\ndate: ");
	rp_sim_buf_add_str(out, conn->server->date);
	RP_SIM_BUF_LIT(out, "\r\ncontent-type: ");
	rp_sim_buf_add_str(out, type);
	RP_SIM_BUF_LIT(out, "\r\n");
	if (conn->must_close)
		RP_SIM_BUF_LIT(out, "connection: close\r\n");
	else if (conn->http.is_http_1_0)
		RP_SIM_BUF_LIT(out, "connection: keep-alive\r\n");
}

static void add_field(struct rp_sim_buf *out, const char *name, const char *value)
{
	rp_sim_buf_add_str(out, name);
	RP_SIM_BUF_LIT(out, ": ");
	rp_sim_buf_add_str(out, value);
	RP_SIM_BUF_LIT(out, "\r\n");
}

static void add_pod(struct rp_sim_conn *conn)
{
	const struct rp_sim_endpoint *endpoint = conn->endpoint;
	const char *namespace = endpoint->options->pod_namespace;
	struct rp_sim_buf *out = &conn->out;

	if (endpoint->pod[0] != '\0') {
		add_field(out, "x-inference-pod", endpoint->pod);
		RP_SIM_BUF_LIT(out, "x-inference-port: ");
		rp_sim_buf_add_u64(out, endpoint->port);
		RP_SIM_BUF_LIT(out, "\r\n");
	}
	if (namespace != NULL && namespace[0] != '\0')
		add_field(out, "x-inference-namespace", namespace);
	if (endpoint->options->has_request_id_headers)
		add_field(out, "x-request-id", conn->call.id);
}

static void add_body(struct rp_sim_conn *conn, struct rp_bytes body)
{
	struct rp_sim_buf *out = &conn->out;

	RP_SIM_BUF_LIT(out, "content-length: ");
	rp_sim_buf_add_u64(out, body.len);
	RP_SIM_BUF_LIT(out, "\r\n\r\n");
	rp_sim_buf_add(out, body.ptr, body.len);
	conn->state = RP_SIM_CONN_FLUSHING;
}

void rp_sim_reply_json(struct rp_sim_conn *conn, int status, struct rp_bytes body, bool names_pod)
{
	add_head(conn, status, json_type);
	if (names_pod)
		add_pod(conn);
	add_body(conn, body);
}

void rp_sim_reply_text(struct rp_sim_conn *conn, int status, const char *body)
{
	add_head(conn, status, text_type);
	add_body(conn, rp_bytes_str(body));
}

void rp_sim_reply_wrong_method(struct rp_sim_conn *conn, const char *allowed)
{
	add_head(conn, 405, text_type);
	add_field(&conn->out, "allow", allowed);
	add_body(conn, rp_bytes_str(rp_sim_http_reason(405)));
}

void rp_sim_reply_metrics(struct rp_sim_conn *conn, struct rp_bytes page)
{
	add_head(conn, 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
	add_body(conn, page);
}

static const char *error_type(int status)
{
	switch (status) {
	case 400:
		return "BadRequestError";
	case 401:
		return "AuthenticationError";
	case 403:
		return "PermissionDeniedError";
	case 404:
		return "NotFoundError";
	case 422:
		return "UnprocessableEntityError";
	case 429:
		return "RateLimitError";
	default:
		return status >= 500 ? "InternalServerError" : "APIConnectionError";
	}
}

void rp_sim_reply_error(struct rp_sim_conn *conn, int status, struct rp_bytes message,
			const char *param)
{
	struct rp_sim_buf body = {0};

	RP_SIM_BUF_LIT(&body, "{\"error\":{\"message\":");
	rp_sim_buf_add_json_str(&body, message);
	RP_SIM_BUF_LIT(&body, ",\"type\":\"");
	rp_sim_buf_add_str(&body, error_type(status));
	RP_SIM_BUF_LIT(&body, "\",\"param\":");
	if (param == NULL)
		RP_SIM_BUF_LIT(&body, "null");
	else
		rp_sim_buf_add_json_str(&body, rp_bytes_str(param));
	RP_SIM_BUF_LIT(&body, ",\"code\":");
	rp_sim_buf_add_u64(&body, (uint64_t)status);
	RP_SIM_BUF_LIT(&body, "}}");
	rp_sim_reply_json(conn, status, rp_sim_buf_bytes(&body), false);
	conn->out.is_failed = conn->out.is_failed || body.is_failed;
	rp_sim_buf_fini(&body);
}

void rp_sim_reply_begin_stream(struct rp_sim_conn *conn)
{
	/* HTTP/1.0 has no chunks: the end of the connection ends the stream. */
	if (conn->http.is_http_1_0)
		conn->must_close = true;
	add_head(conn, 200, "text/event-stream");
	add_pod(conn);
	if (!conn->http.is_http_1_0)
		RP_SIM_BUF_LIT(&conn->out, "transfer-encoding: chunked\r\n");
	RP_SIM_BUF_LIT(&conn->out, "\r\n");
}

void rp_sim_reply_chunk(struct rp_sim_conn *conn, struct rp_bytes data)
{
	static const char hex[] = "0123456789abcdef";
	char size[16];
	size_t at = sizeof(size);

	if (data.len == 0)
		return;
	if (conn->http.is_http_1_0) {
		rp_sim_buf_add(&conn->out, data.ptr, data.len);
		return;
	}
	for (size_t rest = data.len; rest > 0; rest >>= 4)
		size[--at] = hex[rest & 15];
	rp_sim_buf_add(&conn->out, size + at, sizeof(size) - at);
	RP_SIM_BUF_LIT(&conn->out, "\r\n");
	rp_sim_buf_add(&conn->out, data.ptr, data.len);
	RP_SIM_BUF_LIT(&conn->out, "\r\n");
}

void rp_sim_reply_end_stream(struct rp_sim_conn *conn)
{
	if (!conn->http.is_http_1_0)
		RP_SIM_BUF_LIT(&conn->out, "0\r\n\r\n");
	conn->state = RP_SIM_CONN_FLUSHING;
}
