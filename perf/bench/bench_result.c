/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_result.h"

#include <inttypes.h>

#define BUSY_CORES 0.9
#define LATE_PART  0.01

/* Figures that are shown twice, in both forms. */
struct figures {
	double per_second;
	bool has_cpu;
	double server_cores;
	double server_us; /* of a stream; below 0: no stream */
	double chunk_us;  /* of a chunk; below 0: no chunk */
	double server_wait_cores;
	double client_cores;
	double client_wait_cores;
	double client_us;
	bool is_bottleneck;
	char reason[256];
};

static double each_us(double cpu_ns, uint64_t count)
{
	return count > 0 ? cpu_ns / 1e3 / (double)count : -1;
}

static int64_t proc_cpu_ns(const struct rp_bench_result *result, uint32_t i)
{
	if (result->begin[i].cpu_ns < 0 || result->end[i].cpu_ns < 0)
		return -1;
	return result->end[i].cpu_ns - result->begin[i].cpu_ns;
}

static void find_bottleneck(struct figures *f, const struct rp_bench_result *result)
{
	const struct rp_bench_stats *stats = &result->stats;
	double worst = (double)result->client_cpu_ns_worst / 1e9 / result->seconds;
	double wanted = (double)result->client_wanted_ns_worst / 1e9 / result->seconds;
	double late = stats->started > 0 ? (double)stats->late / (double)stats->started : 0;

	f->is_bottleneck = true;
	if (worst > BUSY_CORES)
		snprintf(f->reason, sizeof(f->reason),
			 "a thread of this client used %.0f %% of a core: give it more --threads "
			 "and "
			 "cores",
			 worst * 100);
	else if (wanted > BUSY_CORES)
		snprintf(f->reason, sizeof(f->reason),
			 "a thread of this client used %.0f %% of a core and waited for one for "
			 "%.0f %% "
			 "of the time: something else runs there",
			 worst * 100, (wanted - worst) * 100);
	else if (late > LATE_PART)
		snprintf(f->reason, sizeof(f->reason),
			 "%.1f %% of the starts were more than 1 ms late: this client did not get "
			 "the "
			 "CPU in time",
			 late * 100);
	else
		f->is_bottleneck = false;
	if (!f->is_bottleneck && stats->late_full + stats->unstarted > 0)
		snprintf(f->reason, sizeof(f->reason),
			 "%" PRIu64 " starts waited and %" PRIu64
			 " never came: as many streams were "
			 "open as allowed, the picker does not keep up with the rate",
			 stats->late_full, stats->unstarted);
}

static struct figures figure(const struct rp_bench_options *options,
			     const struct rp_bench_result *result)
{
	const struct rp_bench_stats *stats = &result->stats;
	struct figures f = {.has_cpu = options->pid_count > 0, .server_us = -1, .chunk_us = -1};
	double server_ns = 0;
	double wait_ns = 0;

	if (result->seconds <= 0) {
		f.has_cpu = false;
		f.client_us = -1;
		return f;
	}
	f.per_second = (double)stats->completed / result->seconds;
	for (uint32_t i = 0; i < options->pid_count; i++) {
		int64_t cpu_ns = proc_cpu_ns(result, i);

		f.has_cpu = f.has_cpu && cpu_ns >= 0;
		server_ns += (double)cpu_ns;
		wait_ns += (double)(result->end[i].wait_ns - result->begin[i].wait_ns);
	}
	if (f.has_cpu) {
		f.server_cores = server_ns / 1e9 / result->seconds;
		f.server_wait_cores = wait_ns / 1e9 / result->seconds;
		f.server_us = each_us(server_ns, stats->completed);
		if (options->answer == RP_BENCH_ANSWER_SSE || options->feed_interval_ms > 0)
			f.chunk_us = each_us(server_ns, stats->chunks);
	}
	f.client_cores = (double)result->client_cpu_ns / 1e9 / result->seconds;
	f.client_wait_cores = (double)result->client_wait_ns / 1e9 / result->seconds;
	f.client_us = each_us((double)result->client_cpu_ns, stats->completed);
	find_bottleneck(&f, result);
	return f;
}

bool rp_bench_result_is_right(const struct rp_bench_result *result)
{
	return result->stats.failed == 0 && result->stats.wrong == 0;
}

/* ---- for people ---- */

static void print_latency(FILE *out, const char *name, const struct rp_bench_hist *hist)
{
	if (hist->count == 0)
		return;
	fprintf(out,
		"%-14s mean %9.3f  p50 %9.3f  p90 %9.3f  p99 %9.3f  p99.9 %9.3f  max %9.3f ms\n",
		name, rp_bench_hist_mean(hist) / 1e6, (double)rp_bench_hist_at(hist, 0.5) / 1e6,
		(double)rp_bench_hist_at(hist, 0.9) / 1e6,
		(double)rp_bench_hist_at(hist, 0.99) / 1e6,
		(double)rp_bench_hist_at(hist, 0.999) / 1e6, (double)hist->max_ns / 1e6);
}

static void print_reasons(FILE *out, const char *name, const struct rp_bench_reasons *reasons)
{
	for (uint32_t i = 0; i < reasons->count; i++)
		fprintf(out, "%-14s stream %" PRIu64 ": %s\n", name, reasons->list[i].stream,
			reasons->list[i].why);
}

static void print_server(FILE *out, const struct rp_bench_options *options,
			 const struct rp_bench_result *result, const struct figures *f)
{
	if (options->pid_count == 0)
		return;
	if (!f->has_cpu) {
		fprintf(out, "%-14s CPU not known: a process has no /proc/PID/task/*/schedstat\n",
			"server");
	} else {
		fprintf(out, "%-14s %.2f cores (%.2f waited for)", "server", f->server_cores,
			f->server_wait_cores);
		if (f->server_us >= 0)
			fprintf(out, ", %.2f us CPU a stream", f->server_us);
		if (f->chunk_us >= 0)
			fprintf(out, ", %.2f us CPU a chunk", f->chunk_us);
		fputc('\n', out);
	}
	for (uint32_t i = 0; i < options->pid_count; i++) {
		const struct rp_bench_proc *proc = &result->after[i];

		fprintf(out,
			"  %-12s pid %u: CPU %.3f s, RSS %" PRId64 " KiB, PSS %" PRId64 " KiB\n",
			proc->name, proc->pid, (double)proc_cpu_ns(result, i) / 1e9, proc->rss_kib,
			proc->pss_kib);
	}
}

void rp_bench_result_print(FILE *out, const struct rp_bench_options *options,
			   const struct rp_bench_result *result)
{
	const struct rp_bench_stats *stats = &result->stats;
	struct figures f = figure(options, result);

	fprintf(out, "%s, %s, %u connections, ", options->target, options->is_tls ? "TLS" : "h2c",
		options->connections);
	if (options->rate > 0)
		fprintf(out, "open loop at %g streams/s", options->rate);
	else
		fprintf(out, "closed loop of %u streams each", options->streams);
	fprintf(out, ", body %u bytes%s\n", options->body_bytes,
		result->was_interrupted ? " (interrupted)" : "");
	fprintf(out,
		"%-14s %" PRIu64 " completed in %.2f s, %.1f/s; %" PRIu64 " failed, %" PRIu64
		" wrong; %u open at most\n",
		"streams", stats->completed, result->seconds, f.per_second, stats->failed,
		stats->wrong, stats->open_peak);
	print_latency(out, "pick", &stats->pick);
	print_latency(out, "stream", &stats->stream);
	print_latency(out, "chunk delay", &stats->chunk);
	print_server(out, options, result, &f);
	fprintf(out, "%-14s %.2f cores (%.2f waited for)", "client", f.client_cores,
		f.client_wait_cores);
	if (f.client_us >= 0)
		fprintf(out, ", %.2f us CPU a stream", f.client_us);
	fprintf(out, "%s%s\n",
		f.is_bottleneck ? "; THE CLIENT IS THE BOTTLENECK: "
		: f.reason[0]	? "; "
				: "",
		f.reason);
	for (uint32_t i = 0; i < result->worker_count; i++)
		fprintf(out, "%-14s %s: %.0f connections, %.0f requests\n", "worker",
			result->workers[i].name, result->workers[i].connections,
			result->workers[i].requests);
	print_reasons(out, "wrong", &stats->wrong_reasons);
	print_reasons(out, "failed", &stats->failed_reasons);
}

/* ---- JSON ---- */

static void json_text(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void json_text_member(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":", name);
	json_text(out, text);
}

/* Below 0: null. */
static void json_number(FILE *out, const char *name, double value)
{
	if (value < 0)
		fprintf(out, "\"%s\":null", name);
	else
		fprintf(out, "\"%s\":%.3f", name, value);
}

static void json_latency(FILE *out, const char *name, const struct rp_bench_hist *hist)
{
	bool is_first = true;

	fprintf(out, ",\n\"%s\":{\"count\":%" PRIu64 ",\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,",
		name, hist->count, rp_bench_hist_mean(hist) / 1e3,
		(double)rp_bench_hist_at(hist, 0.5) / 1e3,
		(double)rp_bench_hist_at(hist, 0.9) / 1e3);
	fprintf(out, "\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f,\"buckets\":[",
		(double)rp_bench_hist_at(hist, 0.99) / 1e3,
		(double)rp_bench_hist_at(hist, 0.999) / 1e3, (double)hist->max_ns / 1e3);
	for (uint32_t i = 0; i < RP_BENCH_HIST_BUCKETS; i++) {
		if (hist->buckets[i] == 0)
			continue;
		fprintf(out, "%s[%.3f,%" PRIu64 "]", is_first ? "" : ",",
			(double)rp_bench_hist_upper(i) / 1e3, hist->buckets[i]);
		is_first = false;
	}
	fputs("]}", out);
}

static void json_config(FILE *out, const struct rp_bench_options *options)
{
	static const char *const answers[] = {"json", "sse", "none"};

	fputs(",\n\"config\":{", out);
	json_text_member(out, "target", options->target);
	fprintf(out,
		",\"tls\":%s,\"connections\":%u,\"streams\":%u,\"rate\":%g,\"duration_s\":%g,"
		"\"warmup_s\":%g,\"requests\":%u,\"max_open\":%u,\"timeout_s\":%g",
		options->is_tls ? "true" : "false", options->connections, options->streams,
		options->rate, options->duration_s, options->warmup_s, options->requests,
		options->max_open, options->timeout_s);
	fprintf(out,
		",\"body_bytes\":%u,\"chunk_bytes\":%u,\"prefixes\":%u,\"shared_bytes\":%u,"
		"\"chat\":%s,\"answer\":\"%s\",\"answer_bytes\":%u,\"sse_chunks\":%u,"
		"\"sse_chunk_bytes\":%u,\"sse_interval_ms\":%g",
		options->body_bytes, options->chunk_bytes, options->prefixes, options->shared_bytes,
		options->is_chat ? "true" : "false", answers[options->answer],
		options->answer_bytes, options->sse_chunks, options->sse_chunk_bytes,
		options->sse_interval_ms);
	fprintf(out,
		",\"idle_streams\":%u,\"feed_interval_ms\":%g,\"stream_window\":%u,"
		"\"connection_window\":%u,\"check\":\"%s\",\"threads\":%u,\"seed\":%" PRIu64 "}",
		options->idle_streams, options->feed_interval_ms, options->stream_window,
		options->connection_window, options->is_shape_only ? "shape" : "full",
		options->threads, options->seed);
}

static void json_server(FILE *out, const struct rp_bench_options *options,
			const struct rp_bench_result *result, const struct figures *f)
{
	fputs(",\n\"server\":{\"pids\":[", out);
	for (uint32_t i = 0; i < options->pid_count; i++)
		fprintf(out, "%s%u", i > 0 ? "," : "", options->pids[i]);
	fputs("],", out);
	json_number(out, "cpu_us_per_stream", f->server_us);
	fputc(',', out);
	json_number(out, "cpu_us_per_chunk", f->chunk_us);
	fputc(',', out);
	json_number(out, "cpu_cores", f->has_cpu ? f->server_cores : -1);
	fputc(',', out);
	json_number(out, "wait_cores", f->has_cpu ? f->server_wait_cores : -1);
	fputs(",\"processes\":[", out);
	for (uint32_t i = 0; i < options->pid_count; i++) {
		const struct rp_bench_proc *proc = &result->after[i];
		double cpu_s = (double)proc_cpu_ns(result, i) / 1e9;

		fprintf(out, "%s{\"pid\":%u,", i > 0 ? "," : "", proc->pid);
		json_text_member(out, "name", proc->name);
		fputc(',', out);
		json_number(out, "cpu_s", cpu_s);
		fputc(',', out);
		json_number(out, "cpu_cores", result->seconds > 0 ? cpu_s / result->seconds : -1);
		fprintf(out,
			",\"rss_kib\":%" PRId64 ",\"pss_kib\":%" PRId64
			",\"rss_kib_before\":%" PRId64 ",\"pss_kib_before\":%" PRId64 "}",
			proc->rss_kib, proc->pss_kib, result->before[i].rss_kib,
			result->before[i].pss_kib);
	}
	fputs("]}", out);
}

static void json_reasons(FILE *out, const char *name, const struct rp_bench_reasons *reasons)
{
	fprintf(out, ",\n\"%s\":[", name);
	for (uint32_t i = 0; i < reasons->count; i++) {
		fprintf(out, "%s{\"stream\":%" PRIu64 ",", i > 0 ? "," : "",
			reasons->list[i].stream);
		json_text_member(out, "why", reasons->list[i].why);
		fputc('}', out);
	}
	fputc(']', out);
}

static void json_lists(FILE *out, const struct rp_bench_result *result)
{
	fputs(",\n\"workers\":[", out);
	for (uint32_t i = 0; i < result->worker_count; i++) {
		const struct rp_bench_worker *worker = &result->workers[i];

		fputs(i > 0 ? ",{" : "{", out);
		json_text_member(out, "worker", worker->name);
		fprintf(out, ",\"connections\":%.0f,\"requests\":%.0f}", worker->connections,
			worker->requests);
	}
	fputs("],\n\"timeline\":[", out);
	for (uint32_t i = 0; i < result->point_count; i++) {
		const struct rp_bench_point *point = &result->points[i];

		fprintf(out,
			"%s{\"t_s\":%g,\"completed\":%" PRIu64 ",\"failed\":%" PRIu64
			",\"p50_us\":%.3f,\"p99_us\":%.3f,\"max_us\":%.3f}",
			i > 0 ? "," : "", point->t_s, point->completed, point->failed,
			(double)point->p50_ns / 1e3, (double)point->p99_ns / 1e3,
			(double)point->max_ns / 1e3);
	}
	fputc(']', out);
	json_reasons(out, "wrong", &result->stats.wrong_reasons);
	json_reasons(out, "failures", &result->stats.failed_reasons);
}

void rp_bench_result_json(FILE *out, const struct rp_bench_options *options,
			  const struct rp_bench_result *result)
{
	const struct rp_bench_stats *stats = &result->stats;
	struct figures f = figure(options, result);

	fputs("{\"tool\":\"ringpick-bench\",\"version\":\"" RP_VERSION "\",", out);
	json_text_member(out, "started", result->started);
	json_config(out, options);
	fprintf(out,
		",\n\"streams\":{\"started\":%" PRIu64 ",\"completed\":%" PRIu64
		",\"failed\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"chunks\":%" PRIu64
		",\"per_second\":%.3f,\"seconds\":%.6f,\"open_peak\":%u,\"late\":%" PRIu64
		",\"late_full\":%" PRIu64 ",\"unstarted\":%" PRIu64 ",\"interrupted\":%s}",
		stats->started, stats->completed, stats->failed, stats->wrong, stats->chunks,
		f.per_second, result->seconds, stats->open_peak, stats->late, stats->late_full,
		stats->unstarted, result->was_interrupted ? "true" : "false");
	json_latency(out, "pick_latency_us", &stats->pick);
	json_latency(out, "stream_latency_us", &stats->stream);
	json_latency(out, "chunk_delay_us", &stats->chunk);
	json_server(out, options, result, &f);
	fputs(",\n\"client\":{", out);
	json_number(out, "cpu_cores", f.client_cores);
	fputc(',', out);
	json_number(out, "wait_cores", f.client_wait_cores);
	fputc(',', out);
	json_number(out, "cpu_us_per_stream", f.client_us);
	fprintf(out, ",\"bottleneck\":%s,", f.is_bottleneck ? "true" : "false");
	json_text_member(out, "reason", f.reason);
	fputc('}', out);
	json_lists(out, result);
	fputs("}\n", out);
}
