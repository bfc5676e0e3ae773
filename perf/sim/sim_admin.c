/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_admin.h"

#include <stdlib.h>

#include "perf/sim/sim_duration.h"
#include "perf/sim/sim_reply.h"
#include "shm/clock.h"

static void add_name(struct rp_sim_buf *out, const char *name)
{
	if (out->len > 0 && out->data[out->len - 1] != '{')
		RP_SIM_BUF_LIT(out, ",");
	rp_sim_buf_add_json_str(out, rp_bytes_str(name));
	RP_SIM_BUF_LIT(out, ":");
}

static void add_text(struct rp_sim_buf *out, const char *name, const char *value)
{
	add_name(out, name);
	rp_sim_buf_add_json_str(out, rp_bytes_str(value == NULL ? "" : value));
}

static void add_number(struct rp_sim_buf *out, const char *name, double value)
{
	add_name(out, name);
	rp_sim_buf_add_double(out, value);
}

static void add_duration(struct rp_sim_buf *out, const char *name, int64_t ns)
{
	add_name(out, name);
	RP_SIM_BUF_LIT(out, "\"");
	rp_sim_buf_add_double(out, (double)ns / (double)RP_NS_PER_MS);
	RP_SIM_BUF_LIT(out, "ms\"");
}

void rp_sim_admin_show(struct rp_sim_conn *conn)
{
	const struct rp_sim_endpoint *endpoint = conn->endpoint;
	const struct rp_sim_tuning *tuning = &endpoint->tuning;
	struct rp_sim_buf *out = &conn->server->scratch;

	rp_sim_buf_reset(out);
	RP_SIM_BUF_LIT(out, "{");
	add_text(out, "pod", endpoint->pod);
	add_text(out, "pod-ip", endpoint->options->pod_ip);
	add_number(out, "port", endpoint->port);
	add_text(out, "model", endpoint->options->model);
	add_number(out, "max-num-seqs", tuning->max_num_seqs);
	add_duration(out, "time-to-first-token", tuning->time_to_first_token_ns);
	add_duration(out, "inter-token-latency", tuning->inter_token_latency_ns);
	add_number(out, "failure-injection-rate", tuning->failure_rate_percent);
	add_name(out, "fake-metrics");
	if (endpoint->fake == NULL) {
		RP_SIM_BUF_LIT(out, "null");
	} else {
		RP_SIM_BUF_LIT(out, "{");
		add_number(out, "running-requests", (double)endpoint->fake->running);
		add_number(out, "waiting-requests", (double)endpoint->fake->waiting);
		add_number(out, "kv-cache-usage", endpoint->fake->kv_cache_usage);
		RP_SIM_BUF_LIT(out, "}");
	}
	RP_SIM_BUF_LIT(out, "}");
	rp_sim_reply_json(conn, 200, rp_sim_buf_bytes(out), false);
}

static int64_t read_duration(struct rp_sim_json *json)
{
	int64_t ns = 0;

	if (rp_sim_json_peek(json) == RP_SIM_JSON_NUMBER)
		ns = rp_sim_json_integer(json) * RP_NS_PER_MS;
	else if (rp_sim_duration_parse(rp_sim_json_string(json), &ns) != RP_OK)
		rp_sim_json_fail(json, "not a duration");
	if (ns < 0 || ns > 86400 * RP_NS_PER_S)
		rp_sim_json_fail(json, "a duration is not within 0 and a day");
	return ns;
}

static uint32_t read_count(struct rp_sim_json *json, uint32_t min, uint32_t max)
{
	int64_t value = rp_sim_json_integer(json);

	if (value >= min && value <= max)
		return (uint32_t)value;
	rp_sim_json_fail(json, "a number is out of its range");
	return min;
}

struct change {
	struct rp_sim_tuning tuning;
	struct rp_sim_fake *fake; /* a copy, owned until it is put in place */
	bool is_out_of_memory;
};

static void change_fake(struct change *change, struct rp_sim_json *json)
{
	if (rp_sim_json_take_null(json)) {
		free(change->fake);
		change->fake = NULL;
		return;
	}
	if (change->fake == NULL)
		change->fake = calloc(1, sizeof(*change->fake));
	if (change->fake == NULL) {
		change->is_out_of_memory = true;
		rp_sim_json_fail(json, "out of memory");
		return;
	}
	rp_sim_fake_read(change->fake, json);
}

static void read_changes(struct change *change, struct rp_sim_json *json)
{
	struct rp_sim_tuning *tuning = &change->tuning;
	struct rp_bytes key;

	rp_sim_json_enter(json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(json, &key)) {
		if (rp_bytes_equal_str(key, "fake-metrics"))
			change_fake(change, json);
		else if (rp_bytes_equal_str(key, "time-to-first-token"))
			tuning->time_to_first_token_ns = read_duration(json);
		else if (rp_bytes_equal_str(key, "inter-token-latency"))
			tuning->inter_token_latency_ns = read_duration(json);
		else if (rp_bytes_equal_str(key, "max-num-seqs"))
			tuning->max_num_seqs = read_count(json, 1, RP_SIM_CONNECTIONS_MAX);
		else if (rp_bytes_equal_str(key, "failure-injection-rate"))
			tuning->failure_rate_percent = read_count(json, 0, 100);
		else
			rp_sim_json_fail(json, "unknown setting");
	}
}

void rp_sim_admin_change(struct rp_sim_conn *conn)
{
	struct rp_sim_endpoint *endpoint = conn->endpoint;
	struct change change = {.tuning = endpoint->tuning};
	struct rp_diag diag = {.line = 0};
	struct rp_sim_json json;

	if (endpoint->fake != NULL) {
		change.fake = malloc(sizeof(*change.fake));
		if (change.fake != NULL)
			memcpy(change.fake, endpoint->fake, sizeof(*change.fake));
		change.is_out_of_memory = change.fake == NULL;
	}
	rp_sim_json_init(&json, conn->in.data + conn->http.body_at, conn->http.body_bytes);
	read_changes(&change, &json);
	if (change.is_out_of_memory) {
		free(change.fake);
		rp_sim_reply_error(conn, 503, RP_BYTES_LIT("out of memory"), NULL);
	} else if (rp_sim_json_finish(&json) != RP_OK) {
		free(change.fake);
		rp_sim_reply_error(conn, 400, rp_bytes_str(json.error), NULL);
	} else if (rp_sim_tuning_check(&change.tuning, &diag) != RP_OK) {
		free(change.fake);
		rp_sim_reply_error(conn, 400, rp_bytes_str(diag.message), NULL);
	} else {
		free(endpoint->fake);
		endpoint->fake = change.fake;
		endpoint->tuning = change.tuning;
		endpoint->metrics.is_dirty = true;
		endpoint->needs_scan = endpoint->waiting > 0;
		rp_sim_server_want_scan(conn->server, endpoint);
		rp_sim_admin_show(conn);
	}
}
