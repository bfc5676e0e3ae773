/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_options.h"

#include <math.h>
#include <stdlib.h>

#include "shm/bytes.h"

enum kind { KIND_TEXT, KIND_U32, KIND_U64, KIND_NUMBER, KIND_TRUE, KIND_FALSE, KIND_OWN };

struct flag {
	const char *name;
	enum kind kind;
	size_t offset;
	double min;
	double max;
};

#define AT(member) offsetof(struct rp_bench_options, member)

static const struct flag flags[] = {
	{"target", KIND_OWN, 0, 0, 0},
	{"tls", KIND_TRUE, AT(is_tls), 0, 0},
	{"h2c", KIND_FALSE, AT(is_tls), 0, 0},
	{"connections", KIND_U32, AT(connections), 1, RP_BENCH_CONNECTIONS_MAX},
	{"streams", KIND_U32, AT(streams), 0, RP_BENCH_STREAMS_MAX},
	{"rate", KIND_NUMBER, AT(rate), 0, 1e7},
	{"max-open", KIND_U32, AT(max_open), 1, RP_BENCH_STREAMS_MAX},
	{"duration", KIND_NUMBER, AT(duration_s), 0.01, RP_BENCH_SECONDS_MAX},
	{"warmup", KIND_NUMBER, AT(warmup_s), 0, RP_BENCH_SECONDS_MAX},
	{"timeout", KIND_NUMBER, AT(timeout_s), 0.01, RP_BENCH_SECONDS_MAX},
	{"requests", KIND_U32, AT(requests), 0, UINT32_MAX},
	{"body-bytes", KIND_U32, AT(body_bytes), 1, RP_BENCH_BODY_BYTES_MAX},
	{"chunk-bytes", KIND_U32, AT(chunk_bytes), 1, RP_BENCH_BODY_BYTES_MAX},
	{"prefixes", KIND_U32, AT(prefixes), 1, UINT32_MAX},
	{"shared-bytes", KIND_U32, AT(shared_bytes), 0, RP_BENCH_BODY_BYTES_MAX},
	{"chat", KIND_TRUE, AT(is_chat), 0, 0},
	{"model", KIND_TEXT, AT(model), 0, 0},
	{"answer", KIND_OWN, 0, 0, 0},
	{"answer-bytes", KIND_U32, AT(answer_bytes), 1, RP_BENCH_BODY_BYTES_MAX},
	{"sse-chunks", KIND_U32, AT(sse_chunks), 1, 1000000},
	{"sse-chunk-bytes", KIND_U32, AT(sse_chunk_bytes), 1, RP_BENCH_BODY_BYTES_MAX},
	{"sse-interval-ms", KIND_NUMBER, AT(sse_interval_ms), 0, 3600000},
	{"idle-streams", KIND_U32, AT(idle_streams), 0, RP_BENCH_STREAMS_MAX},
	{"feed-interval-ms", KIND_NUMBER, AT(feed_interval_ms), 0, 3600000},
	{"stream-window", KIND_U32, AT(stream_window), 1, INT32_MAX},
	{"connection-window", KIND_U32, AT(connection_window), 65535, INT32_MAX},
	{"pid", KIND_OWN, 0, 0, 0},
	{"metrics-url", KIND_TEXT, AT(metrics_url), 0, 0},
	{"check", KIND_OWN, 0, 0, 0},
	{"threads", KIND_U32, AT(threads), 1, RP_BENCH_THREADS_MAX},
	{"seed", KIND_U64, AT(seed), 0, 0},
	{"json", KIND_TEXT, AT(json_path), 0, 0},
	{"html", KIND_TEXT, AT(html_path), 0, 0},
	{"quiet", KIND_TRUE, AT(is_quiet), 0, 0},
	{"self-test", KIND_TRUE, AT(is_self_test), 0, 0},
	{"help", KIND_TRUE, AT(wants_help), 0, 0},
	{"version", KIND_TRUE, AT(wants_version), 0, 0},
};

const char *rp_bench_options_help(void)
{
	return "ringpick-bench: drives an ext_proc endpoint picker as a gateway does\n"
	       "\n"
	       "ringpick-bench --target HOST:PORT [--name value | --name=value]...\n"
	       "  --tls | --h2c           TLS (default, nothing is verified) or clear text\n"
	       "  --connections N         connections (4)\n"
	       "  --streams N             closed loop: streams kept open on each connection (8)\n"
	       "  --rate R                open loop: R streams a second in all; latency counts "
	       "from\n"
	       "                          the intended start (0: closed loop)\n"
	       "  --max-open N            open loop: streams open at once on a connection (1024)\n"
	       "  --duration S            measured seconds (5), after --warmup S (1)\n"
	       "  --requests N            N measured streams instead of a time; no warm-up then,\n"
	       "                          unless --warmup is given\n"
	       "  --timeout S             a stream without an answer for so long has failed (30)\n"
	       "request\n"
	       "  --body-bytes N          bytes of the JSON body (8192)\n"
	       "  --chunk-bytes N         it is cut into chunks of so many (16384)\n"
	       "  --chat                  chat completions instead of completions\n"
	       "  --model NAME            (reviews-1)\n"
	       "  --shared-bytes N        the prompt begins with N bytes that streams share (0),\n"
	       "  --prefixes P            of P different ones (1); what follows is unique\n"
	       "answer\n"
	       "  --answer json|sse|none  (json); none: the stream ends after the request\n"
	       "  --answer-bytes N        bytes of a JSON answer (512)\n"
	       "  --sse-chunks N          chunks of an SSE answer (20), --sse-chunk-bytes N each "
	       "(200)\n"
	       "  --sse-interval-ms X     time between chunks (0: the next one is sent when the "
	       "one\n"
	       "                          before has come back)\n"
	       "idle streams\n"
	       "  --idle-streams N        opened first, then left open to the end (0)\n"
	       "  --feed-interval-ms X    each is sent an SSE chunk every X ms (0: none)\n"
	       "HTTP/2\n"
	       "  --stream-window N       receive windows, bytes (65536)\n"
	       "  --connection-window N   (1048576)\n"
	       "measuring\n"
	       "  --pid P[,P...]          the server's processes: CPU time and memory; repeatable\n"
	       "  --metrics-url URL       http://HOST:PORT/metrics of ringpick: balance of its "
	       "workers\n"
	       "  --check full|shape      shape: only kinds, order, lengths and end_of_stream "
	       "(full)\n"
	       "  --threads N             of this client (1)\n"
	       "  --seed N                of texts (1)\n"
	       "  --json FILE             all figures\n"
	       "  --html FILE             the same as a page with plots\n"
	       "  --quiet                 no progress\n"
	       "  --self-test             does this tool catch what is wrong? needs no --target\n"
	       "  --help, --version\n"
	       "\n"
	       "ringpick-bench report OUT.html RUN.json...: one page of several runs\n"
	       "\n"
	       "Exit status: 0 all right; 1 a stream failed or was answered wrong; 2 usage;\n"
	       "3 no connection.\n";
}

void rp_bench_options_init(struct rp_bench_options *options)
{
	*options = (struct rp_bench_options){
		.is_tls = true,
		.connections = 4,
		.streams = 8,
		.max_open = 1024,
		.threads = 1,
		.body_bytes = 8192,
		.chunk_bytes = 16384,
		.prefixes = 1,
		.answer_bytes = 512,
		.sse_chunks = 20,
		.sse_chunk_bytes = 200,
		.stream_window = 65536,
		.connection_window = 1u << 20,
		.seed = 1,
		.duration_s = 5,
		.warmup_s = -1,
		.timeout_s = 30,
		.model = "reviews-1",
	};
}

static int bad_value(struct rp_diag *diag, const struct flag *flag, const char *value)
{
	if (flag->kind == KIND_U32 || flag->kind == KIND_NUMBER)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--%s: \"%s\" is not a number from %g to %g", flag->name, value,
				   flag->min, flag->max);
	return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s: \"%s\" is not a valid value", flag->name,
			   value);
}

static int set_number(double *out, const struct flag *flag, const char *value)
{
	char *end;
	double number = strtod(value, &end);

	if (end == value || *end != '\0' || !isfinite(number) || number < flag->min ||
	    number > flag->max)
		return RP_ECONFIG;
	*out = number;
	return RP_OK;
}

static int set_target(struct rp_bench_options *options, const char *value)
{
	const char *colon = strrchr(value, ':');

	if (colon == NULL)
		return RP_ECONFIG;
	struct rp_bytes host = rp_bytes(value, (size_t)(colon - value));
	struct rp_bytes port = rp_bytes_str(colon + 1);
	uint64_t number;

	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = rp_bytes_slice(host, 1, host.len - 2);
	if (host.len == 0 || host.len >= sizeof(options->host) ||
	    port.len >= sizeof(options->port) ||
	    rp_bytes_to_u64(port, UINT16_MAX, &number) != RP_OK || number == 0)
		return RP_ECONFIG;
	rp_bytes_to_str(host, options->host, sizeof(options->host));
	rp_bytes_to_str(port, options->port, sizeof(options->port));
	options->target = value;
	return RP_OK;
}

static int add_pids(struct rp_bench_options *options, const char *value)
{
	struct rp_bytes left = rp_bytes_str(value);

	for (;;) {
		size_t comma = rp_bytes_find(left, RP_BYTES_LIT(","));
		struct rp_bytes word = rp_bytes_slice(left, 0, comma);
		uint64_t pid;

		if (options->pid_count == RP_BENCH_PIDS_MAX ||
		    rp_bytes_to_u64(word, INT32_MAX, &pid) != RP_OK || pid == 0)
			return RP_ECONFIG;
		options->pids[options->pid_count++] = (uint32_t)pid;
		if (comma == SIZE_MAX)
			return RP_OK;
		left = rp_bytes_slice(left, comma + 1, SIZE_MAX);
	}
}

static int set_own(struct rp_bench_options *options, const char *name, const char *value)
{
	if (strcmp(name, "target") == 0)
		return set_target(options, value);
	if (strcmp(name, "pid") == 0)
		return add_pids(options, value);
	if (strcmp(name, "check") == 0) {
		options->is_shape_only = strcmp(value, "shape") == 0;
		return options->is_shape_only || strcmp(value, "full") == 0 ? RP_OK : RP_ECONFIG;
	}
	if (strcmp(value, "json") == 0)
		options->answer = RP_BENCH_ANSWER_JSON;
	else if (strcmp(value, "sse") == 0)
		options->answer = RP_BENCH_ANSWER_SSE;
	else if (strcmp(value, "none") == 0)
		options->answer = RP_BENCH_ANSWER_NONE;
	else
		return RP_ECONFIG;
	return RP_OK;
}

static int set(struct rp_bench_options *options, const struct flag *flag, const char *value)
{
	void *out = (char *)options + flag->offset;
	uint64_t whole = 0;

	switch (flag->kind) {
	case KIND_TEXT:
		*(const char **)out = value;
		return *value != '\0' ? RP_OK : RP_ECONFIG;
	case KIND_U32:
		if (rp_bytes_to_u64(rp_bytes_str(value), (uint64_t)flag->max, &whole) != RP_OK ||
		    (double)whole < flag->min)
			return RP_ECONFIG;
		*(uint32_t *)out = (uint32_t)whole;
		return RP_OK;
	case KIND_U64:
		return rp_bytes_to_u64(rp_bytes_str(value), UINT64_MAX, out);
	case KIND_NUMBER:
		return set_number(out, flag, value);
	case KIND_OWN:
		return set_own(options, flag->name, value);
	case KIND_TRUE:
	case KIND_FALSE:
	default:
		*(bool *)out = flag->kind == KIND_TRUE;
		return RP_OK;
	}
}

static const struct flag *find(struct rp_bytes name)
{
	for (size_t i = 0; i < RP_ARRAY_LEN(flags); i++) {
		if (rp_bytes_equal_str(name, flags[i].name))
			return &flags[i];
	}
	return NULL;
}

/* What no single flag can see. */
static int check(struct rp_bench_options *options, struct rp_diag *diag)
{
	uint64_t open = (uint64_t)options->connections *
				(options->rate > 0 ? options->max_open : options->streams) +
			options->idle_streams;

	if (options->wants_help || options->wants_version || options->is_self_test)
		return RP_OK;
	if (options->target == NULL)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--target HOST:PORT is missing");
	if (options->threads > options->connections)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--threads: a thread needs a connection of its own");
	if (options->streams == 0 && options->rate <= 0 && options->idle_streams == 0)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--streams 0 is for --rate or --idle-streams");
	if (options->streams == 0 && options->rate <= 0 && options->requests > 0)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--requests needs --streams or --rate");
	if (open > RP_BENCH_STREAMS_MAX)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "more than %u streams would be open at once",
				   RP_BENCH_STREAMS_MAX);
	if (options->feed_interval_ms > 0 && options->idle_streams == 0)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0,
				   "--feed-interval-ms needs --idle-streams");
	if ((uint64_t)options->sse_chunks * options->sse_chunk_bytes > RP_BENCH_BODY_BYTES_MAX)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "the SSE answer is larger than %u bytes",
				   RP_BENCH_BODY_BYTES_MAX);
	if (options->warmup_s < 0)
		options->warmup_s = options->requests > 0 ? 0 : 1;
	return RP_OK;
}

int rp_bench_options_parse(int argc, char **argv, struct rp_bench_options *options,
			   struct rp_diag *diag)
{
	rp_bench_options_init(options);
	for (int i = 1; i < argc; i++) {
		struct rp_bytes word = rp_bytes_str(argv[i]);

		if (!rp_bytes_starts_with(word, RP_BYTES_LIT("--")))
			return rp_diag_set(diag, RP_ECONFIG, 0, 0, "\"%s\" is not a flag", argv[i]);
		word = rp_bytes_slice(word, 2, SIZE_MAX);
		size_t equals = rp_bytes_find(word, RP_BYTES_LIT("="));
		const struct flag *flag = find(rp_bytes_slice(word, 0, equals));
		const char *value = equals == SIZE_MAX ? NULL : argv[i] + 2 + equals + 1;

		if (flag == NULL)
			return rp_diag_set(diag, RP_ECONFIG, 0, 0, "there is no flag \"%s\"",
					   argv[i]);
		bool takes_value = flag->kind != KIND_TRUE && flag->kind != KIND_FALSE;

		if (takes_value && value == NULL) {
			if (i + 1 == argc)
				return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s needs a value",
						   flag->name);
			value = argv[++i];
		}
		if (!takes_value && value != NULL)
			return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s takes no value",
					   flag->name);
		if (set(options, flag, value) != RP_OK)
			return bad_value(diag, flag, value);
	}
	return check(options, diag);
}
