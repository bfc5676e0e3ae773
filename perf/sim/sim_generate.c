/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "perf/sim/sim_answer.h"
#include "perf/sim/sim_latency.h"
#include "perf/sim/sim_metrics.h"
#include "perf/sim/sim_queue.h"
#include "perf/sim/sim_reply.h"
#include "perf/sim/sim_text.h"

enum { MESSAGE_MAX = RP_MODEL_NAME_MAX + 256 };

static void refuse(struct rp_sim_conn *conn, int status, const char *message, const char *param)
{
	rp_sim_reply_error(conn, status, rp_bytes_str(message), param);
}

/* The name that answers carry: the adapter's, or the first one served. */
static const char *model_name(const struct rp_sim_conn *conn)
{
	if (conn->call.lora != RP_SIM_LORA_NONE)
		return conn->endpoint->loras.items[conn->call.lora].name;
	return conn->endpoint->options->served[0];
}

/* Answer with one of the chosen failures at the chosen rate. True if it did. */
static bool inject_failure(struct rp_sim_conn *conn)
{
	struct rp_sim_endpoint *endpoint = conn->endpoint;
	uint32_t types = endpoint->options->failure_types;
	const char *model = endpoint->options->served[0];
	char message[MESSAGE_MAX];
	uint32_t pick;

	if (endpoint->tuning.failure_rate_percent == 0 ||
	    rp_sim_random_range(&endpoint->random, 1, 100) > endpoint->tuning.failure_rate_percent)
		return false;
	do {
		pick = rp_sim_random_range(&endpoint->random, 0, RP_SIM_FAILURE_COUNT - 1);
	} while ((types >> pick & 1) == 0);
	switch ((enum rp_sim_failure)pick) {
	case RP_SIM_FAILURE_RATE_LIMIT:
		snprintf(message, sizeof(message),
			 "Rate limit reached for %s: limit 3, used 3, requested 1.", model);
		refuse(conn, 429, message, NULL);
		break;
	case RP_SIM_FAILURE_INVALID_API_KEY:
		refuse(conn, 401, "Incorrect API key provided.", NULL);
		break;
	case RP_SIM_FAILURE_CONTEXT_LENGTH:
		refuse(conn, 400,
		       "This model's maximum context length is 4096 tokens. However, your messages "
		       "resulted in 4500 tokens.",
		       "messages");
		break;
	case RP_SIM_FAILURE_SERVER_ERROR:
		refuse(conn, 503, "The server is overloaded or not ready yet.", NULL);
		break;
	case RP_SIM_FAILURE_INVALID_REQUEST:
		refuse(conn, 400, "Invalid request: missing required parameter 'model'.", "model");
		break;
	case RP_SIM_FAILURE_MODEL_NOT_FOUND:
		snprintf(message, sizeof(message), "The model '%s-nonexistent' does not exist.",
			 model);
		refuse(conn, 404, message, "model");
		break;
	case RP_SIM_FAILURE_COUNT:
		break;
	}
	return true;
}

static bool parse_body(struct rp_sim_conn *conn)
{
	char message[MESSAGE_MAX];
	const char *why = NULL;
	int err =
		rp_sim_call_parse(&conn->call, conn->endpoint->options->mode,
				  conn->in.data + conn->http.body_at, conn->http.body_bytes, &why);

	if (err == RP_OK)
		return true;
	if (err == RP_ENOMEM) {
		refuse(conn, 500, "out of memory", NULL);
		return false;
	}
	snprintf(message, sizeof(message), "Failed to read and parse request body, %s",
		 why == NULL ? "malformed JSON" : why);
	rp_sim_reply_text(conn, 400, message);
	return false;
}

/* X-Return-Error: the client chooses the error. True if it did. */
static bool return_error(struct rp_sim_conn *conn)
{
	struct rp_bytes text;
	int status = 0;

	if (!conn->http.has_return_error)
		return false;
	text = rp_sim_http_view(&conn->in, conn->http.return_error);
	for (size_t i = 0; i < text.len && status < 1000; i++)
		status = text.ptr[i] >= '0' && text.ptr[i] <= '9'
				 ? status * 10 + (text.ptr[i] - '0')
				 : 1000;
	if (status < 200 || status > 599)
		refuse(conn, 400, "X-Return-Error is not an HTTP status code.", NULL);
	else
		refuse(conn, status, "Error requested by the X-Return-Error header.", NULL);
	return true;
}

static bool find_model(struct rp_sim_conn *conn)
{
	const struct rp_sim_options *options = conn->endpoint->options;
	struct rp_sim_call *call = &conn->call;
	char message[MESSAGE_MAX];

	for (uint32_t i = 0; i < options->served_count; i++)
		if (rp_bytes_equal_str(call->model, options->served[i]))
			return true;
	call->lora = rp_sim_loras_find(&conn->endpoint->loras, call->model);
	if (call->lora != RP_SIM_LORA_NONE)
		return true;
	snprintf(message, sizeof(message), "The model `%.*s` does not exist.",
		 (int)rp_min_size(call->model.len, RP_MODEL_NAME_MAX),
		 (const char *)call->model.ptr);
	refuse(conn, 404, message, NULL);
	return false;
}

static bool check_limits(struct rp_sim_conn *conn)
{
	const struct rp_sim_call *call = &conn->call;
	uint32_t max = conn->endpoint->options->max_model_len;
	int64_t limit = call->has_limit ? call->limit : 0;
	char message[MESSAGE_MAX];

	if (call->has_limit && limit <= 0) {
		refuse(conn, 400,
		       call->is_chat ? "Max completion tokens and max tokens should be positive"
				     : "Max tokens should be positive",
		       NULL);
		return false;
	}
	if (call->ignores_eos && !call->has_limit) {
		refuse(conn, 400,
		       "Ignore_eos is true but max_completion_tokens (or max_tokens) is "
		       "not set",
		       NULL);
		return false;
	}
	if (call->is_remote_decode && call->is_stream) {
		refuse(conn, 400, "Prefill does not support streaming", NULL);
		return false;
	}
	for (uint32_t i = 0; i < call->choice_count; i++) {
		int64_t prompt = call->choices[i].prompt_tokens;

		if (prompt + limit <= max)
			continue;
		snprintf(message, sizeof(message),
			 "This model's maximum context length is %u tokens. However, you requested "
			 "%lld tokens (%lld in the messages, %lld in the completion). Please "
			 "reduce the length of the messages or completion",
			 max, (long long)(prompt + limit), (long long)prompt, (long long)limit);
		refuse(conn, 400, message, NULL);
		return false;
	}
	return true;
}

static void choose_id(struct rp_sim_conn *conn)
{
	struct rp_bytes sent = {0};

	if (conn->http.request_id.len > 0)
		sent = rp_sim_http_view(&conn->in, conn->http.request_id);
	if (!conn->endpoint->options->has_request_id_headers || sent.len == 0) {
		rp_sim_endpoint_make_id(conn->endpoint, &conn->call);
		return;
	}
	memcpy(conn->call.id, sent.ptr, sent.len);
	conn->call.id[sent.len] = '\0';
}

void rp_sim_generate_handle(struct rp_sim_conn *conn, bool is_chat)
{
	struct rp_sim_call *call = &conn->call;
	struct rp_sim_endpoint *endpoint = conn->endpoint;

	call->is_chat = is_chat;
	if (inject_failure(conn) || !parse_body(conn) || return_error(conn) || !find_model(conn) ||
	    !check_limits(conn))
		return;
	call->arrived_ns = conn->server->now_ns;
	call->created_s = conn->server->wall_s;
	choose_id(conn);
	/* The body is no longer needed: a call may wait for long. What follows it stays. */
	call->model = (struct rp_bytes){0};
	if (conn->in.cap > RP_SIM_KEEP_BYTES_MAX && conn->in.len == conn->http.raw_at) {
		rp_sim_buf_fini(&conn->in);
		conn->http.raw_at = 0;
	}
	if (rp_sim_queue_submit(endpoint, call, conn->server->wall_s) != RP_OK) {
		rp_sim_reply_text(conn, 429,
				  "Failed to enqueue request, waiting requests queue is full");
		return;
	}
	if (call->state == RP_SIM_CALL_RUNNING)
		rp_sim_generate_start(conn);
}

static void release(struct rp_sim_conn *conn)
{
	rp_sim_queue_release(conn->endpoint, &conn->call, conn->server->wall_s);
	rp_sim_server_want_scan(conn->server, conn->endpoint);
}

static void set_timer(struct rp_sim_conn *conn, int64_t delay_ns)
{
	rp_sim_timer_set(&conn->server->timers, &conn->timer, conn->server->now_ns + delay_ns);
}

static void answer_whole(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;
	struct rp_sim_buf *body = &conn->server->scratch;

	rp_sim_buf_reset(body);
	rp_sim_answer_write(call, model_name(conn), body);
	rp_sim_metrics_finish(conn->endpoint, call, conn->server->now_ns);
	release(conn);
	if (body->is_failed || call->text.is_failed) {
		refuse(conn, 500, "out of memory", NULL);
		return;
	}
	rp_sim_reply_json(conn, 200, rp_sim_buf_bytes(body), true);
}

/* The time of a whole answer, counted as the first token and the mean of the others. */
static int64_t draw_times(struct rp_sim_conn *conn, int64_t first_ns)
{
	struct rp_sim_call *call = &conn->call;
	uint64_t tokens = rp_sim_call_tokens(call);
	uint64_t gaps = tokens > 1 ? tokens - 1 : 0;
	int64_t sum_ns = 0;
	double mean_s;

	if (conn->endpoint->tuning.inter_token_latency_ns > 0)
		for (uint64_t i = 0; i < gaps; i++)
			sum_ns += rp_sim_latency_inter_token_ns(conn->endpoint);
	call->first_token_ns = conn->server->now_ns + first_ns;
	mean_s = gaps == 0 ? 0 : (double)sum_ns * 1e-9 / (double)gaps;
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_FIRST_TOKEN,
			       (double)(call->first_token_ns - call->arrived_ns) * 1e-9, 1);
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_PER_TOKEN, mean_s, gaps);
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_INTER_TOKEN, mean_s, gaps);
	return first_ns + sum_ns;
}

static void begin_stream(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;

	rp_sim_reply_begin_stream(conn);
	rp_sim_answer_begin_events(call, model_name(conn));
	call->has_head = true;
	call->first_token_ns = conn->server->now_ns;
	call->text_at = call->choices[0].text_at;
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_FIRST_TOKEN,
			       (double)(call->first_token_ns - call->arrived_ns) * 1e-9, 1);
}

static void send_event(struct rp_sim_conn *conn)
{
	rp_sim_reply_chunk(conn, rp_sim_buf_bytes(&conn->server->scratch));
	conn->out.is_failed = conn->out.is_failed || conn->server->scratch.is_failed;
	conn->server->scratch.len = 0;
}

/* The next token of the present choice; false if it has no more. */
static bool send_token(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;
	const struct rp_sim_choice *choice = &call->choices[call->choice_idx];
	struct rp_sim_buf *event = &conn->server->scratch;
	struct rp_bytes text = rp_bytes(call->text.data, choice->text_at + choice->text_bytes);
	struct rp_bytes token;
	bool is_last;

	if (call->is_chat && call->tokens_sent == 0) {
		rp_sim_answer_add_role(call, event);
		send_event(conn);
	}
	if (call->tokens_sent == choice->tokens || !rp_sim_text_next(text, &call->text_at, &token))
		return false;
	call->tokens_sent++;
	/* The reason "length" rides on the last token, others come behind it. */
	is_last = call->tokens_sent == choice->tokens && choice->finish == RP_SIM_FINISH_LENGTH;
	rp_sim_answer_add_token(call, token, is_last, event);
	send_event(conn);
	return true;
}

/* Behind the last token of a choice. False if that was the last choice. */
static bool end_choice(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;
	const struct rp_sim_choice *choice = &call->choices[call->choice_idx];

	if (choice->finish != RP_SIM_FINISH_LENGTH || choice->tokens == 0) {
		rp_sim_answer_add_finish(call, &conn->server->scratch);
		send_event(conn);
	}
	if (++call->choice_idx == call->choice_count)
		return false;
	call->tokens_sent = 0;
	call->text_at = call->choices[call->choice_idx].text_at;
	return true;
}

static void end_stream(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;

	rp_sim_answer_add_end(call, model_name(conn), &conn->server->scratch);
	send_event(conn);
	rp_sim_reply_end_stream(conn);
	rp_sim_metrics_finish(conn->endpoint, call, conn->server->now_ns);
	release(conn);
}

/* Send tokens until one has to be waited for, the client is too slow, or all are sent. */
static void pump(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;
	bool has_delay = conn->endpoint->tuning.inter_token_latency_ns > 0;
	uint64_t prompt_gaps = 0;
	bool is_done = false;
	int64_t delay_ns = 0;

	rp_sim_buf_reset(&conn->server->scratch);
	if (!call->has_head)
		begin_stream(conn);
	while (!is_done && delay_ns == 0 && rp_sim_conn_unsent(conn) < RP_SIM_OUT_BYTES_MAX &&
	       !conn->out.is_failed) {
		const struct rp_sim_choice *choice = &call->choices[call->choice_idx];

		if (!send_token(conn) || call->tokens_sent == choice->tokens) {
			is_done = !end_choice(conn);
			continue;
		}
		if (has_delay)
			delay_ns = rp_sim_latency_inter_token_ns(conn->endpoint);
		if (delay_ns == 0)
			prompt_gaps++;
	}
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_PER_TOKEN, 0, prompt_gaps);
	rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_INTER_TOKEN, 0, prompt_gaps);
	if (is_done) {
		end_stream(conn);
	} else if (delay_ns > 0) {
		rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_PER_TOKEN,
				       (double)delay_ns * 1e-9, 1);
		rp_sim_metrics_observe(conn->endpoint, RP_SIM_HISTOGRAM_INTER_TOKEN,
				       (double)delay_ns * 1e-9, 1);
		set_timer(conn, delay_ns);
	}
}

void rp_sim_generate_start(struct rp_sim_conn *conn)
{
	struct rp_sim_call *call = &conn->call;
	struct rp_sim_endpoint *endpoint = conn->endpoint;
	int64_t delay_ns;

	call->started_ns = conn->server->now_ns;
	rp_sim_call_draw(call, endpoint->options->mode, endpoint->options->max_model_len,
			 &endpoint->random);
	delay_ns = rp_sim_latency_first_token_ns(endpoint, rp_sim_call_prompt_tokens(call));
	if (!call->is_stream)
		delay_ns = draw_times(conn, delay_ns);
	if (delay_ns > 0)
		set_timer(conn, delay_ns);
	else
		rp_sim_generate_on_timer(conn);
}

void rp_sim_generate_on_timer(struct rp_sim_conn *conn)
{
	if (conn->call.is_stream)
		pump(conn);
	else
		answer_whole(conn);
}

bool rp_sim_generate_resume(struct rp_sim_conn *conn)
{
	if (conn->call.state != RP_SIM_CALL_RUNNING || !conn->call.is_stream ||
	    !conn->call.has_head || conn->timer.place != 0)
		return false;
	pump(conn);
	return true;
}

void rp_sim_generate_cancel(struct rp_sim_conn *conn)
{
	if (conn->call.state != RP_SIM_CALL_IDLE)
		release(conn);
}
