/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a file of rows (tests/wire/rows, format in its README) through gRPC, ext_proc, the director
 * and the scheduler, in one process. Each row runs whole, one byte at a time, and in small DATA
 * frames.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client.h"
#include "dataplane/ext_proc_fields.h"
#include "dataplane/pb_wire.h"
#include "reply_text.h"
#include "shm/clock.h"

enum { ROWS_MAX = 128, ROW_LINES_MAX = 160, MESSAGE_BYTES_MAX = 6 << 20, TEXT_BYTES = 64 << 10 };

struct row {
	char *name;
	char *line[ROW_LINES_MAX];
	unsigned line_count;
	enum client_cut cut;
};

static struct row rows[ROWS_MAX * CUT_COUNT];
static unsigned row_count;
static struct world world;
static struct rp_request_rules row_rules, *const rules = &row_rules;

/* ---- text ---- */

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* Does text match a pattern in which '*' stands for anything? */
static bool matches(const char *pattern, const char *text)
{
	const char *star = NULL, *back = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			back = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* The next word of *at, cut off in place. */
static char *word(char **at)
{
	char *start = *at + strspn(*at, " ");
	char *end = start + strcspn(start, " ");

	*at = *end == '\0' ? end : end + 1;
	*end = '\0';
	return start;
}

/* "| text" with \n, or "repeat N c". Returns malloc'ed bytes. */
static struct rp_bytes parse_body(const char *line)
{
	uint8_t *bytes;
	size_t n = 0, count;
	char c;

	if (sscanf(line, "repeat %zu %c", &count, &c) == 2) {
		bytes = malloc(count);
		assert_non_null(bytes);
		memset(bytes, c, count);
		return rp_bytes(bytes, count);
	}
	assert_int_equal(line[0], '|');
	line += line[1] == ' ' ? 2 : 1;
	bytes = malloc(strlen(line) + 1);
	assert_non_null(bytes);
	for (; *line != '\0'; line++) {
		if (line[0] == '\\' && line[1] == 'n') {
			bytes[n++] = '\n';
			line++;
		} else {
			bytes[n++] = (uint8_t)*line;
		}
	}
	return rp_bytes(bytes, n);
}

/* ---- building ProcessingRequests ---- */

struct message {
	struct rp_writer w;	  /* the message */
	struct rp_writer headers; /* its HeaderMap */
	struct rp_bytes body;
	bool has_part;
};

static void add_header(struct message *m, const char *name, const char *value, const char *raw)
{
	size_t mark = rp_pb_write_begin(&m->headers, RP_PB_HEADER_MAP_HEADERS);

	rp_pb_write_bytes(&m->headers, RP_PB_HEADER_KEY, rp_bytes_str(name));
	if (value != NULL)
		rp_pb_write_bytes(&m->headers, RP_PB_HEADER_VALUE, rp_bytes_str(value));
	if (raw != NULL)
		rp_pb_write_bytes(&m->headers, RP_PB_HEADER_RAW_VALUE, rp_bytes_str(raw));
	rp_pb_write_end(&m->headers, mark);
}

/* metadata_context { space { key: value } } with value a list, a string, or a number */
static void add_metadata(struct rp_writer *w, const char *space, const char *key, const char *type,
			 char *text)
{
	size_t context = rp_pb_write_begin(w, RP_PB_REQUEST_METADATA_CONTEXT);
	size_t entry = rp_pb_write_begin(w, RP_PB_METADATA_FILTER_METADATA);
	size_t fields, field, value, list, item;

	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, rp_bytes_str(space));
	fields = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	field = rp_pb_write_begin(w, RP_PB_STRUCT_FIELDS);
	rp_pb_write_bytes(w, RP_PB_ENTRY_KEY, rp_bytes_str(key));
	value = rp_pb_write_begin(w, RP_PB_ENTRY_VALUE);
	if (strcmp(type, "string") == 0) {
		rp_pb_write_bytes(w, RP_PB_VALUE_STRING, rp_bytes_str(text));
	} else if (strcmp(type, "number") == 0) {
		rp_pb_write_double(w, RP_PB_VALUE_NUMBER, 1.5);
	} else {
		list = rp_pb_write_begin(w, RP_PB_VALUE_LIST);
		while (*text != '\0') {
			item = rp_pb_write_begin(w, RP_PB_LIST_VALUES);
			rp_pb_write_bytes(w, RP_PB_VALUE_STRING, rp_bytes_str(word(&text)));
			rp_pb_write_end(w, item);
		}
		rp_pb_write_end(w, list);
	}
	rp_pb_write_end(w, value);
	rp_pb_write_end(w, field);
	rp_pb_write_end(w, fields);
	rp_pb_write_end(w, entry);
	rp_pb_write_end(w, context);
}

static void add_detail(struct message *m, char *line)
{
	char *rest = line, *kind, *name;
	size_t mark;

	if (line[0] == '|' || strncmp(line, "repeat ", 7) == 0) {
		m->body = parse_body(line);
		return;
	}
	kind = word(&rest);
	if (strcmp(kind, "h") == 0 || strcmp(kind, "v") == 0) {
		name = word(&rest);
		name[strlen(name) - 1] = '\0'; /* the colon */
		add_header(m, name, *kind == 'v' ? rest : NULL, *kind == 'h' ? rest : NULL);
	} else if (strcmp(kind, "both") == 0) { /* both NAME VALUE RAW_VALUE */
		name = word(&rest);
		kind = word(&rest);
		add_header(m, name, kind, rest);
	} else if (strcmp(kind, "headers") == 0) { /* headers COUNT: x-0 to x-COUNT-1 */
		char text[32];

		for (int i = 0; i < number(rest); i++) {
			snprintf(text, sizeof(text), "x-%d", i);
			add_header(m, text, NULL, "1");
		}
	} else if (strcmp(kind, "big") == 0) { /* one header with a value of so many bytes */
		name = calloc(1, strtoul(rest, NULL, 10) + 1);
		assert_non_null(name);
		memset(name, 'x', strtoul(rest, NULL, 10));
		add_header(m, "x-big", NULL, name);
		free(name);
	} else if (strcmp(kind, "mode") == 0) {
		mark = rp_pb_write_begin(&m->w, RP_PB_REQUEST_PROTOCOL_CONFIG);
		rp_pb_write_uint(&m->w, 1, strtoul(word(&rest), NULL, 10));
		rp_pb_write_uint(&m->w, 2, strtoul(rest, NULL, 10));
		rp_pb_write_end(&m->w, mark);
	} else if (strcmp(kind, "subset") == 0) {
		name = word(&rest);
		add_metadata(&m->w, "envoy.lb.subset_hint", "x-gateway-destination-endpoint-subset",
			     name, rest);
	} else if (strcmp(kind, "served") == 0) {
		add_metadata(&m->w, "envoy.lb", "x-gateway-destination-endpoint-served", "string",
			     rest);
	} else if (strcmp(kind, "observe") == 0) {
		rp_pb_write_uint(&m->w, RP_PB_REQUEST_OBSERVABILITY_MODE, 1);
	} else if (strcmp(kind, "unknown") ==
		   0) { /* fields of a later version, of each wire type */
		rp_pb_write_uint(&m->w, 99, 7);
		rp_pb_write_bytes(&m->w, 100, RP_BYTES_LIT("later"));
		rp_pb_write_double(&m->w, 101, 1.0);
		rp_write_bytes(&m->w, RP_BYTES_LIT("\xb3\x06\x08\x01\xb4\x06")); /* a group */
		rp_write_bytes(&m->w, RP_BYTES_LIT("\xbd\x06\x01\x02\x03\x04")); /* 32-bit */
	} else if (strcmp(kind, "bare") == 0) { /* the part without its header map */
		m->has_part = true;
	} else {
		fail_msg("what is '%s'?", kind);
	}
}

/* "request_headers eos" and its details. */
static void send_message(struct client *client, char *head, char **details, unsigned detail_count)
{
	static uint8_t storage[MESSAGE_BYTES_MAX], header_storage[512 << 10];
	static const char *const kinds[] = {"request_headers",	"response_headers",
					    "request_body",	"response_body",
					    "request_trailers", "response_trailers"};
	struct message m = {.w = rp_writer(storage, sizeof(storage)),
			    .headers = rp_writer(header_storage, sizeof(header_storage))};
	char *rest = head;
	const char *kind = word(&rest);
	bool is_end = strcmp(rest, "eos") == 0;
	uint32_t number = 0;
	size_t mark;

	while (number < RP_ARRAY_LEN(kinds) && strcmp(kind, kinds[number]) != 0)
		number++;
	if (number == RP_ARRAY_LEN(kinds))
		fail_msg("what is '> %s'?", kind);
	for (unsigned i = 0; i < detail_count; i++)
		add_detail(&m, details[i]);
	mark = rp_pb_write_begin(&m.w, 2 + number);
	if (strstr(kind, "body") != NULL) {
		if (m.body.len > 0)
			rp_pb_write_bytes(&m.w, RP_PB_BODY_BODY, m.body);
		if (is_end)
			rp_pb_write_uint(&m.w, RP_PB_BODY_END_OF_STREAM, 1);
	} else {
		if (!m.has_part)
			rp_pb_write_bytes(&m.w, RP_PB_HEADERS_HEADERS, rp_writer_bytes(&m.headers));
		if (is_end)
			rp_pb_write_uint(&m.w, RP_PB_HEADERS_END_OF_STREAM, 1);
	}
	rp_pb_write_end(&m.w, mark);
	assert_int_equal(m.w.err, RP_OK);
	assert_int_equal(m.headers.err, RP_OK);
	client_send(client, storage, rp_written(&m.w));
	free((void *)(uintptr_t)m.body.ptr);
}

static void send_hex(struct client *client, const char *text)
{
	uint8_t bytes[512];
	size_t n = 0;
	unsigned byte;

	for (; *text != '\0'; text += 2) {
		text += strspn(text, " ");
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		bytes[n++] = (uint8_t)byte;
	}
	client_send_raw(client, bytes, n);
}

static void send_health(struct client *client, const char *service)
{
	uint8_t storage[300];
	struct rp_writer w = rp_writer(storage, sizeof(storage));

	rp_pb_write_bytes(&w, RP_PB_HEALTH_SERVICE, rp_bytes_str(service));
	client_send(client, storage, rp_written(&w));
}

static void do_send(struct client *client, char *line, char **details, unsigned detail_count)
{
	char *rest = line;
	int64_t ms;

	if (strcmp(line, "end") == 0) {
		client_half_close(client);
	} else if (strcmp(line, "reset") == 0) {
		client_reset(client);
	} else if (strncmp(line, "hex ", 4) == 0) {
		send_hex(client, line + 4);
	} else if (strncmp(line, "health", 6) == 0) {
		send_health(client, line[6] == '\0' ? "" : line + 7);
	} else if (strncmp(line, "wait ", 5) == 0) {
		word(&rest);
		ms = number(rest);
		world.env.now_ns += ms * RP_NS_PER_MS;
		client_pump(client);
	} else if (strcmp(line, "drain") == 0) {
		atomic_store(&world.env.live->process.phase, RP_PHASE_DRAINING);
	} else if (strcmp(line, "no_pool") == 0) {
		atomic_store(&world.env.live->process.is_pool_live, 0);
	} else {
		send_message(client, line, details, detail_count);
	}
}

/* ---- expecting ---- */

/* Lines in any order, '*' in expected ones. */
static bool same_lines(char **expected, unsigned count, const char *actual)
{
	bool is_used[ROW_LINES_MAX] = {false};
	static char copy[TEXT_BYTES];
	char *save, *line;
	unsigned used = 0, i;

	snprintf(copy, sizeof(copy), "%s", actual);
	for (line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		for (i = 0; i < count; i++) {
			if (!is_used[i] && matches(expected[i], line))
				break;
		}
		if (i == count)
			return false;
		is_used[i] = true;
		used++;
	}
	return used == count;
}

static void fail_reply(const struct row *row, char **expected, unsigned count, const char *actual)
{
	static char text[TEXT_BYTES];
	size_t at = 0;

	for (unsigned i = 0; i < count && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "  %s\n", expected[i]);
	fail_msg("%s\nexpected:\n%sgot:\n%s", row->name, text, actual);
}

static void expect_reply(const struct row *row, struct client *client, char **expected,
			 unsigned count)
{
	static char text[TEXT_BYTES], bodies[4][512];
	struct rp_bytes message, body;
	unsigned body_count = 0;

	if (!client_next(client, &message))
		fail_msg("%s: no reply where '%s' was expected; grpc-status %d %s", row->name,
			 expected[0], client->grpc_status, client->grpc_message);
	reply_to_text(message, text, sizeof(text));
	for (unsigned i = 1; i < count; i++) {
		if (expected[i][0] != '|' && strncmp(expected[i], "repeat ", 7) != 0)
			continue;
		if (strchr(expected[i], '*') != NULL && expected[i][0] == '|')
			continue;
		body = parse_body(expected[i]);
		assert_true(body_count < RP_ARRAY_LEN(bodies));
		body_to_text(body, bodies[body_count], sizeof(bodies[0]));
		expected[i] = bodies[body_count++];
		free((void *)(uintptr_t)body.ptr);
	}
	if (!same_lines(expected, count, text))
		fail_reply(row, expected, count, text);
}

static void expect_hex(struct client *client, const char *hex)
{
	struct rp_bytes message;
	char text[600];
	size_t at = 0;

	assert_true(client_next(client, &message));
	for (size_t i = 0; i < message.len && at + 3 < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%02x", message.ptr[i]);
	text[at] = '\0';
	assert_string_equal(text, hex);
}

static void do_expect(const struct row *row, struct client *client, char **lines, unsigned count)
{
	char *rest = lines[0];
	struct rp_bytes message;
	char text[640];

	if (strcmp(lines[0], "silence") == 0) {
		if (client_next(client, &message) || client->grpc_status >= 0)
			fail_msg("%s: an answer came where there should be none", row->name);
	} else if (strncmp(lines[0], "status ", 7) == 0) {
		if (client_next(client, &message))
			fail_msg("%s: a reply came where a status was expected", row->name);
		snprintf(text, sizeof(text), "status %d%s%s", client->grpc_status,
			 client->grpc_message[0] == '\0' ? "" : " ", client->grpc_message);
		if (!matches(lines[0], text))
			fail_msg("%s: expected %s, got %s", row->name, lines[0], text);
	} else if (strncmp(lines[0], "http ", 5) == 0) {
		word(&rest);
		assert_int_equal(client->http_status, number(rest));
	} else if (strncmp(lines[0], "hex ", 4) == 0) {
		expect_hex(client, lines[0] + 4);
	} else {
		expect_reply(row, client, lines, count);
	}
}

static uint64_t counter_named(const char *name)
{
	const struct rp_counters *c = world.env.counters;

#define RP_COUNTER(id, metric, labels, help)                                                       \
	if (strcmp(name, #id) == 0)                                                                \
		return atomic_load(&c->id);
#define RP_GAUGE(id, metric, labels, help) RP_COUNTER(id, metric, labels, help)
#define RP_HISTOGRAM(id, metric, labels, set, help)                                                \
	if (strcmp(name, #id) == 0)                                                                \
		return atomic_load(&c->id.count);
#include "shm/counters.def"
#undef RP_COUNTER
#undef RP_GAUGE
#undef RP_HISTOGRAM
	fail_msg("no counter '%s'", name);
	return 0;
}

/* Count and sum of a histogram over all series. */
static void series_histogram(const char *name, uint64_t *ret_count, double *ret_sum)
{
	static const char *const names[] = {
#define NAME(id, metric, set, help) #id,
		RP_SERIES_HISTOGRAMS(NAME)
#undef NAME
	};
	const struct rp_request_series_table *table = world.env.series;
	uint64_t bits;
	double sum;
	unsigned h = 0;

	while (h < RP_ARRAY_LEN(names) && strcmp(name, names[h]) != 0)
		h++;
	assert_true(h < RP_ARRAY_LEN(names));
	*ret_count = 0;
	*ret_sum = 0;
	for (unsigned i = 0; i < RP_METRIC_SERIES_MAX; i++) {
		*ret_count += atomic_load(&table->series[i].histogram[h].count);
		bits = atomic_load(&table->series[i].histogram[h].sum_bits);
		memcpy(&sum, &bits, sizeof(sum));
		*ret_sum += sum;
	}
}

static uint64_t series_total(const char *what, const char *error)
{
	const struct rp_request_series_table *table = world.env.series;
	uint64_t total = 0;

	for (unsigned i = 0; i < RP_METRIC_SERIES_MAX; i++) {
		const struct rp_request_series *series = &table->series[i];

		if (strcmp(what, "requests") == 0)
			total += atomic_load(&series->requests);
		else if (strcmp(what, "running") == 0)
			total += atomic_load(&series->running);
		for (unsigned e = 0; strcmp(what, "errors") == 0 && e < RP_REQUEST_ERROR_COUNT;
		     e++) {
			if (strcmp(rp_request_error_name(e), error) == 0)
				total += atomic_load(&series->errors[e]);
		}
	}
	return total;
}

/* "= NAME VALUE", "= series NAME COUNT SUM", "= errors CODE N", "= inflight SLOT N" */
static void do_check(const struct row *row, char *line)
{
	char shown[256];
	char *rest = line, *what = word(&rest), *name;
	uint64_t count;
	double sum;

	snprintf(shown, sizeof(shown), "%s: = %s %s", row->name, what, rest);
	if (strcmp(what, "series") == 0) {
		name = word(&rest);
		series_histogram(name, &count, &sum);
		what = word(&rest);
		if (count != strtoul(what, NULL, 10) ||
		    (*rest != '\0' && sum != strtod(rest, NULL)))
			fail_msg("%s: got %" PRIu64 " %g", shown, count, sum);
		return;
	}
	if (strcmp(what, "inflight") == 0) {
		name = word(&rest);
		count = rp_inflight_sum(&world.env.live->inflight, 1,
					(uint32_t)strtoul(name, NULL, 10));
	} else if (strcmp(what, "errors") == 0) {
		name = word(&rest);
		count = series_total(what, name);
	} else if (strcmp(what, "requests") == 0 || strcmp(what, "running") == 0) {
		count = series_total(what, NULL);
	} else if (strcmp(what, "body_bytes") == 0) {
		count = world.env.bodies.bytes_used;
	} else {
		count = counter_named(what);
	}
	if (count != strtoull(rest, NULL, 10))
		fail_msg("%s: got %" PRIu64, shown, count);
}

/* ---- running ---- */

/* objective NAME PRIORITY, or rewrite OBJECT MODEL TARGET...; * is any model */
static void add_rule(const char *kind, char *rest)
{
	struct rp_bytes name = rp_bytes_str(word(&rest));
	struct rp_bytes model;

	if (strcmp(kind, "objective") == 0) {
		assert_int_equal(rp_request_rules_add_objective(rules, name,
								(int32_t)strtol(rest, NULL, 10)),
				 RP_OK);
		return;
	}
	model = rp_bytes_str(word(&rest));
	if (rp_bytes_equal_str(model, "*"))
		model.len = 0;
	assert_int_equal(rp_request_rules_add_rewrite(rules, name, model), RP_OK);
	while (*rest != '\0')
		assert_int_equal(rp_request_rules_add_target(rules, rp_bytes_str(word(&rest)), 0),
				 RP_OK);
}

static void set_option(struct world_options *options, char *rest)
{
	char *name = word(&rest);
	uint64_t value = *rest == '\0' ? 1 : strtoull(rest, NULL, 10);

	if (strcmp(name, "echo_headers") == 0)
		options->settings.has_header_echo = 1;
	else if (strcmp(name, "endpoint_scores") == 0)
		options->settings.has_endpoint_scores = 1;
	else if (strcmp(name, "subset_filter_off") == 0)
		options->settings.is_subset_filter_off = 1;
	else if (strcmp(name, "recv_message_max") == 0)
		options->settings.recv_message_max = value;
	else if (strcmp(name, "body_bytes_max") == 0)
		options->settings.body_bytes_max = value;
	else if (strcmp(name, "body_memory_bytes") == 0)
		options->settings.body_memory_bytes = value;
	else if (strcmp(name, "no_endpoints") == 0)
		options->is_empty = true;
	else if (strcmp(name, "openai_only") == 0)
		options->has_openai_only = true;
	else if (strcmp(name, "served_verifier") == 0)
		options->has_verifier = true;
	else if (strcmp(name, "reporter") == 0)
		options->has_reporter = true;
	else if (strcmp(name, "response_skipped") == 0)
		options->is_response_skipped = true;
	else if (strcmp(name, "detector") == 0)
		options->has_detector = true;
	else if (strcmp(name, "objective") == 0 || strcmp(name, "rewrite") == 0)
		add_rule(name, rest);
	else if (strcmp(name, "once") != 0)
		fail_msg("what is option '%s'?", name);
}

static void set_call(struct client_call *call, char *rest)
{
	const char *name = word(&rest);

	if (strcmp(name, "method") == 0)
		call->method = rest;
	else if (strcmp(name, "path") == 0)
		call->path = rest;
	else if (strcmp(name, "content_type") == 0)
		call->content_type = rest;
	else if (strcmp(name, "timeout") == 0)
		call->grpc_timeout = rest;
	else if (strcmp(name, "encoding") == 0)
		call->grpc_encoding = rest;
	else if (strcmp(name, "health_port") == 0)
		call->is_health_port = true;
	else
		fail_msg("what is call '%s'?", name);
}

static void run_row(void **state)
{
	struct row *row = *state;
	struct world_options options;
	struct client_call call = {
		.method = "POST",
		.path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process",
		.content_type = "application/grpc",
	};
	static char *lines[ROW_LINES_MAX], *group[ROW_LINES_MAX];
	struct client client;
	unsigned i = 0, count;
	char *rest;

	world_options_default(&options);
	rp_request_rules_reset(rules);
	options.rules = rules;
	for (unsigned k = 0; k < row->line_count; k++) {
		lines[k] =
			strdup(row->line[k]); /* words are cut in place; a row runs three times */
		assert_non_null(lines[k]);
	}
	for (; i < row->line_count && strchr("><=", lines[i][0]) == NULL; i++) {
		rest = lines[i];
		if (strncmp(rest, "option ", 7) == 0)
			set_option(&options, rest + 7);
		else if (strncmp(rest, "call ", 5) == 0)
			set_call(&call, rest + 5);
		else
			assert_int_equal(sscanf(rest, "waiting %d %d %d", &options.waiting[0],
						&options.waiting[1], &options.waiting[2]),
					 3);
	}
	world_begin(&world, &options);
	client_open(&client, &world, &call, row->cut);
	while (i < row->line_count) {
		char *first = lines[i] + 2;
		char kind = lines[i][0];

		group[0] = first;
		for (count = 1; i + count < row->line_count && lines[i + count][0] == ' '; count++)
			group[count] = lines[i + count] + 2;
		if (kind == '>')
			do_send(&client, first, group + 1, count - 1);
		else if (kind == '<')
			do_expect(row, &client, group, count);
		else
			do_check(row, first);
		i += count;
	}
	client_close(&client);
	world_end(&world);
	for (unsigned k = 0; k < row->line_count; k++)
		free(lines[k]);
}

static void add_row(struct row *row, bool is_once)
{
	static const char *const cuts[CUT_COUNT] = {"", " (byte by byte)", " (small frames)"};
	char name[256];

	for (unsigned cut = 0; cut < (is_once ? 1u : (unsigned)CUT_COUNT); cut++) {
		snprintf(name, sizeof(name), "%s%s", row->name, cuts[cut]);
		rows[row_count] = *row;
		rows[row_count].name = strdup(name);
		rows[row_count++].cut = (enum client_cut)cut;
	}
	free(row->name);
}

static void free_rows(void)
{
	for (unsigned i = 0; i < row_count; i++) {
		free(rows[i].name);
		/* The lines are shared by the cuts of a row. */
		for (unsigned k = 0; rows[i].cut == CUT_NONE && k < rows[i].line_count; k++)
			free(rows[i].line[k]);
	}
}

/* Rows begin with "row NAME"; '#' and empty lines are skipped. */
static void read_rows(const char *path)
{
	static struct row row;
	static char line[8192];
	bool is_once = false;
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (strncmp(line, "row ", 4) == 0) {
			if (row.name != NULL)
				add_row(&row, is_once);
			row = (struct row){.name = strdup(line + 4)};
			is_once = false;
			continue;
		}
		if (row.name == NULL || row.line_count == ROW_LINES_MAX) {
			fprintf(stderr, "%s: misplaced line: %s\n", path, line);
			exit(2);
		}
		is_once = is_once || strcmp(line, "option once") == 0;
		row.line[row.line_count++] = strdup(line);
	}
	if (row.name != NULL)
		add_row(&row, is_once);
	fclose(file);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[ROWS_MAX * CUT_COUNT];
	int failed;

	if (argc < 2) {
		fprintf(stderr, "usage: %s ROWS.txt [FILTER]\n", argv[0]);
		return 2;
	}
	read_rows(argv[1]);
	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	for (unsigned i = 0; i < row_count; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, run_row, NULL, NULL, &rows[i]};
	world_init(&world);
	failed = _cmocka_run_group_tests(argv[1], tests, row_count, NULL, NULL);
	world_fini(&world);
	free_rows();
	return failed;
}
