/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_api.h"

#include <stdio.h>

#include "perf/sim/sim_admin.h"
#include "perf/sim/sim_generate.h"
#include "perf/sim/sim_metrics.h"
#include "perf/sim/sim_reply.h"
#include "perf/sim/sim_text.h"

typedef void (*handler)(struct rp_sim_conn *conn);

static void handle_completions(struct rp_sim_conn *conn)
{
	rp_sim_generate_handle(conn, false);
}

static void handle_chat(struct rp_sim_conn *conn)
{
	rp_sim_generate_handle(conn, true);
}

static void handle_metrics(struct rp_sim_conn *conn)
{
	rp_sim_reply_metrics(conn, rp_sim_metrics_page(conn->endpoint));
}

static void handle_health(struct rp_sim_conn *conn)
{
	rp_sim_reply_json(conn, 200, RP_BYTES_LIT("{}"), false);
}

static void handle_ready(struct rp_sim_conn *conn)
{
	const struct rp_sim_endpoint *endpoint = conn->endpoint;
	bool is_ready = conn->server->now_ns - endpoint->start_ns >= endpoint->options->startup_ns;

	rp_sim_reply_json(conn, is_ready ? 200 : 503, RP_BYTES_LIT("{}"), false);
}

static void handle_is_sleeping(struct rp_sim_conn *conn)
{
	rp_sim_reply_json(conn, 200, RP_BYTES_LIT("{\"is_sleeping\":false}"), false);
}

static void handle_nothing(struct rp_sim_conn *conn)
{
	rp_sim_reply_text(conn, 200, "");
}

static void add_model(struct rp_sim_conn *conn, const char *name, const char *parent)
{
	struct rp_sim_buf *out = &conn->server->scratch;
	bool is_first = parent == NULL && name == conn->endpoint->options->served[0];

	rp_sim_buf_add_str(out, is_first ? "{\"id\":" : ",{\"id\":");
	rp_sim_buf_add_json_str(out, rp_bytes_str(name));
	RP_SIM_BUF_LIT(out, ",\"object\":\"model\",\"created\":");
	rp_sim_buf_add_u64(out, (uint64_t)conn->server->wall_s);
	RP_SIM_BUF_LIT(out, ",\"owned_by\":\"vllm\",\"root\":");
	rp_sim_buf_add_json_str(out, rp_bytes_str(name));
	RP_SIM_BUF_LIT(out, ",\"parent\":");
	if (parent == NULL)
		RP_SIM_BUF_LIT(out, "null");
	else
		rp_sim_buf_add_json_str(out, rp_bytes_str(parent));
	RP_SIM_BUF_LIT(out, "}");
}

static void handle_models(struct rp_sim_conn *conn)
{
	const struct rp_sim_options *options = conn->endpoint->options;
	const struct rp_sim_loras *loras = &conn->endpoint->loras;
	struct rp_sim_buf *out = &conn->server->scratch;

	rp_sim_buf_reset(out);
	RP_SIM_BUF_LIT(out, "{\"object\":\"list\",\"data\":[");
	for (uint32_t i = 0; i < options->served_count; i++)
		add_model(conn, options->served[i], NULL);
	for (uint32_t i = 0; i < loras->count; i++)
		if (loras->items[i].is_listed)
			add_model(conn, loras->items[i].name, options->served[0]);
	RP_SIM_BUF_LIT(out, "]}");
	rp_sim_reply_json(conn, 200, rp_sim_buf_bytes(out), false);
}

static void refuse_body(struct rp_sim_conn *conn, const char *why)
{
	char message[256];

	snprintf(message, sizeof(message), "Failed to read and parse request body, %s", why);
	rp_sim_reply_text(conn, 400, message);
}

/* lora_name and lora_path of a body; false after an answer. */
static bool read_lora(struct rp_sim_conn *conn, struct rp_bytes *ret_name,
		      struct rp_bytes *ret_path)
{
	struct rp_sim_json json;
	struct rp_bytes key;

	rp_sim_json_init(&json, conn->in.data + conn->http.body_at, conn->http.body_bytes);
	rp_sim_json_enter(&json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&json, &key)) {
		if (rp_bytes_equal_str(key, "lora_name"))
			*ret_name = rp_sim_json_string(&json);
		else if (rp_bytes_equal_str(key, "lora_path"))
			*ret_path = rp_sim_json_string(&json);
		else
			rp_sim_json_skip(&json);
	}
	if (rp_sim_json_finish(&json) == RP_OK && ret_name->len > 0 &&
	    ret_name->len < RP_MODEL_NAME_MAX && ret_path->len < RP_SIM_KEEP_BYTES_MAX)
		return true;
	refuse_body(conn, json.error != NULL ? json.error : "lora_name is missing or too long");
	return false;
}

static void handle_load_lora(struct rp_sim_conn *conn)
{
	struct rp_bytes name = {0};
	struct rp_bytes path = {0};

	if (!read_lora(conn, &name, &path))
		return;
	if (rp_sim_loras_list(&conn->endpoint->loras, name, path) != RP_OK)
		rp_sim_reply_error(conn, 503, RP_BYTES_LIT("too many adapters"), NULL);
	else
		handle_nothing(conn);
}

static void handle_unload_lora(struct rp_sim_conn *conn)
{
	struct rp_bytes name = {0};
	struct rp_bytes path = {0};

	if (!read_lora(conn, &name, &path))
		return;
	rp_sim_loras_unlist(&conn->endpoint->loras, name);
	conn->endpoint->needs_scan = conn->endpoint->waiting > 0;
	rp_sim_server_want_scan(conn->server, conn->endpoint);
	handle_nothing(conn);
}

static void add_token_ids(struct rp_sim_buf *out, struct rp_bytes text, size_t *count)
{
	struct rp_bytes token;
	size_t at = 0;

	while (rp_sim_text_next(text, &at, &token)) {
		if ((*count)++ > 0)
			RP_SIM_BUF_LIT(out, ",");
		rp_sim_buf_add_u64(out, rp_sim_text_token_id(token));
	}
}

/* Each message is flattened to "### role: text" before it is cut into tokens. */
static void add_message_ids(struct rp_sim_json *json, struct rp_sim_buf *out, size_t *count)
{
	struct rp_bytes role = {0};
	struct rp_bytes content = {0};
	struct rp_sim_buf flat = {0};
	struct rp_bytes key;

	rp_sim_json_enter(json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(json, &key)) {
		if (rp_bytes_equal_str(key, "role"))
			role = rp_sim_json_string(json);
		else if (rp_bytes_equal_str(key, "content"))
			content = rp_sim_json_string(json);
		else
			rp_sim_json_skip(json);
	}
	RP_SIM_BUF_LIT(&flat, "### ");
	rp_sim_buf_add(&flat, role.ptr, role.len);
	RP_SIM_BUF_LIT(&flat, ": ");
	rp_sim_buf_add(&flat, content.ptr, content.len);
	RP_SIM_BUF_LIT(&flat, "\n");
	add_token_ids(out, rp_sim_buf_bytes(&flat), count);
	rp_sim_buf_fini(&flat);
}

static void handle_tokenize(struct rp_sim_conn *conn)
{
	struct rp_sim_buf *out = &conn->server->scratch;
	struct rp_sim_buf ids = {0};
	struct rp_sim_json json;
	struct rp_bytes key;
	bool has_prompt = false;
	bool has_messages = false;
	size_t count = 0;

	rp_sim_json_init(&json, conn->in.data + conn->http.body_at, conn->http.body_bytes);
	rp_sim_json_enter(&json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&json, &key)) {
		if (rp_bytes_equal_str(key, "prompt")) {
			has_prompt = true;
			add_token_ids(&ids, rp_sim_json_string(&json), &count);
		} else if (rp_bytes_equal_str(key, "messages")) {
			has_messages = true;
			rp_sim_json_enter(&json, RP_SIM_JSON_ARRAY);
			while (rp_sim_json_item(&json))
				add_message_ids(&json, &ids, &count);
		} else {
			rp_sim_json_skip(&json);
		}
		if (has_prompt && has_messages)
			rp_sim_json_fail(&json, "both prompt and messages are given");
	}
	if (rp_sim_json_finish(&json) != RP_OK) {
		refuse_body(conn, json.error);
	} else {
		rp_sim_buf_reset(out);
		RP_SIM_BUF_LIT(out, "{\"max_model_len\":");
		rp_sim_buf_add_u64(out, conn->endpoint->options->max_model_len);
		RP_SIM_BUF_LIT(out, ",\"count\":");
		rp_sim_buf_add_u64(out, count);
		RP_SIM_BUF_LIT(out, ",\"tokens\":[");
		rp_sim_buf_add(out, ids.data, ids.len);
		RP_SIM_BUF_LIT(out, "],\"token_strs\":null}");
		rp_sim_reply_json(conn, 200, rp_sim_buf_bytes(out), false);
		conn->out.is_failed = conn->out.is_failed || ids.is_failed || out->is_failed;
	}
	rp_sim_buf_fini(&ids);
}

struct route {
	const char *path;
	handler get;
	handler post;
};

static const struct route routes[] = {
	{"/v1/completions", NULL, handle_completions},
	{"/v1/chat/completions", NULL, handle_chat},
	{"/metrics", handle_metrics, NULL},
	{"/v1/models", handle_models, NULL},
	{"/health", handle_health, NULL},
	{"/ready", handle_health, NULL},
	{"/health/ready", handle_ready, NULL},
	{"/v1/load_lora_adapter", NULL, handle_load_lora},
	{"/v1/unload_lora_adapter", NULL, handle_unload_lora},
	{"/tokenize", NULL, handle_tokenize},
	{"/admin/config", rp_sim_admin_show, rp_sim_admin_change},
	{"/is_sleeping", handle_is_sleeping, NULL},
	{"/sleep", NULL, handle_nothing},
	{"/wake_up", NULL, handle_nothing},
};

void rp_sim_api_handle(struct rp_sim_conn *conn)
{
	struct rp_bytes path = rp_sim_http_view(&conn->in, conn->http.path);
	const struct route *route = NULL;
	handler chosen = NULL;

	for (size_t i = 0; i < RP_ARRAY_LEN(routes) && route == NULL; i++)
		if (rp_bytes_equal_str(path, routes[i].path))
			route = &routes[i];
	if (route == NULL) {
		rp_sim_reply_text(conn, 404, "Not Found");
		return;
	}
	if (conn->http.method == RP_SIM_METHOD_GET)
		chosen = route->get;
	else if (conn->http.method == RP_SIM_METHOD_POST)
		chosen = route->post;
	if (chosen != NULL)
		chosen(conn);
	else
		rp_sim_reply_wrong_method(conn, route->get == NULL    ? "POST"
						: route->post == NULL ? "GET"
								      : "GET, POST");
}
