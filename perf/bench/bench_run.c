/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_run.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "perf/bench/bench_load.h"
#include "perf/bench/bench_workers.h"

enum {
	STOP_MS = 50,	 /* how soon a signal is seen */
	SETTLE_MS = 150, /* threads hand a second over within this */
	LEAD_MS = 2,	 /* threads have seen the stage before its first start is due */
};

struct crew {
	struct rp_bench_run *run;
	struct rp_bench_result *result;
	const atomic_bool *stop;
	struct rp_bench_thread *threads;
	pthread_t *handles;
	uint32_t count;
};

static void sleep_until(int64_t ns)
{
	struct timespec at = {ns / RP_NS_PER_S, ns % RP_NS_PER_S};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0 &&
	       rp_clock_monotonic_ns() < ns)
		;
}

static int resolve(struct rp_bench_run *run, struct rp_diag *diag)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int err = getaddrinfo(run->options->host, run->options->port, &hints, &found);

	if (err != 0)
		return rp_diag_set(diag, RP_ECLOSED, 0, 0, "%s: %s", run->options->target,
				   gai_strerror(err));
	memcpy(&run->address, found->ai_addr, found->ai_addrlen);
	run->address_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return RP_OK;
}

static void sample(const struct rp_bench_options *options, struct rp_bench_proc *procs)
{
	for (uint32_t i = 0; i < options->pid_count; i++) {
		procs[i].pid = options->pids[i];
		rp_bench_proc_read(&procs[i]);
	}
}

static void sample_cpu(const struct rp_bench_options *options, struct rp_bench_proc *procs)
{
	for (uint32_t i = 0; i < options->pid_count; i++) {
		procs[i].pid = options->pids[i];
		rp_bench_proc_read_cpu(&procs[i]);
	}
}

/* What a thread of this client used, and how long it waited for a CPU. */
struct usage {
	int64_t cpu_ns;
	int64_t wait_ns;
};

static struct usage usage_of(const struct crew *crew, uint32_t i)
{
	struct usage usage = {0};
	struct timespec ts = {0};
	clockid_t clock;
	int64_t rough_ns;

	(void)rp_bench_proc_thread(atomic_load(&crew->threads[i].tid), &rough_ns, &usage.wait_ns);
	/* Exact, while schedstat is as of the last tick. */
	if (pthread_getcpuclockid(crew->handles[i], &clock) == 0)
		clock_gettime(clock, &ts);
	usage.cpu_ns = (int64_t)ts.tv_sec * RP_NS_PER_S + ts.tv_nsec;
	return usage;
}

static void add_usage(struct crew *crew, const struct usage *before)
{
	struct rp_bench_result *result = crew->result;

	for (uint32_t i = 0; i < crew->count; i++) {
		struct usage now = usage_of(crew, i);
		int64_t cpu_ns = now.cpu_ns - before[i].cpu_ns;
		int64_t wait_ns = now.wait_ns - before[i].wait_ns;

		result->client_cpu_ns += cpu_ns;
		result->client_wait_ns += wait_ns;
		if (cpu_ns > result->client_cpu_ns_worst)
			result->client_cpu_ns_worst = cpu_ns;
		if (cpu_ns + wait_ns > result->client_wanted_ns_worst)
			result->client_wanted_ns_worst = cpu_ns + wait_ns;
	}
}

/* ---- stages ---- */

static void set_stage(struct rp_bench_run *run, enum rp_bench_stage stage)
{
	pthread_mutex_lock(&run->lock);
	run->threads_ready = 0;
	atomic_store(&run->stage, stage);
	pthread_mutex_unlock(&run->lock);
}

void rp_bench_run_ready(struct rp_bench_run *run)
{
	pthread_mutex_lock(&run->lock);
	run->threads_ready++;
	pthread_cond_signal(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

void rp_bench_run_fail(struct rp_bench_run *run, const char *why)
{
	pthread_mutex_lock(&run->lock);
	if (!run->has_failed)
		rp_bytes_to_str(rp_bytes_str(why), run->why, sizeof(run->why));
	run->has_failed = true;
	pthread_cond_signal(&run->changed);
	pthread_mutex_unlock(&run->lock);
}

/* @return whether all threads are through with the stage; false, too, if the run is to end */
static bool await_threads(struct crew *crew, int64_t until_ns)
{
	struct rp_bench_run *run = crew->run;
	bool are_ready = false;

	pthread_mutex_lock(&run->lock);
	for (;;) {
		int64_t now_ns = rp_clock_monotonic_ns();

		are_ready = run->threads_ready == crew->count;
		if (are_ready || now_ns >= until_ns || atomic_load(crew->stop) || run->has_failed)
			break;
		int64_t next_ns = now_ns + STOP_MS * RP_NS_PER_MS;

		next_ns = next_ns < until_ns ? next_ns : until_ns;
		struct timespec at = {next_ns / RP_NS_PER_S, next_ns % RP_NS_PER_S};

		pthread_cond_timedwait(&run->changed, &run->lock, &at);
	}
	pthread_mutex_unlock(&run->lock);
	return are_ready;
}

static void take_second(struct crew *crew, uint32_t number)
{
	struct rp_bench_run *run = crew->run;
	struct rp_bench_result *result = crew->result;
	struct rp_bench_point *point;
	struct rp_bench_second *second = &run->seconds[number % RP_BENCH_SECONDS_KEPT];

	result->points =
		realloc(result->points, (result->point_count + 1) * sizeof(struct rp_bench_point));
	RP_ASSERT(result->points != NULL);
	point = &result->points[result->point_count++];
	pthread_mutex_lock(&run->lock);
	*point = (struct rp_bench_point){
		.t_s = number + 1,
		.completed = second->completed,
		.failed = second->failed,
		.p50_ns = rp_bench_hist_at(&second->pick, 0.5),
		.p99_ns = rp_bench_hist_at(&second->pick, 0.99),
		.max_ns = second->pick.max_ns,
	};
	memset(second, 0, sizeof(*second));
	uint64_t open = run->open;

	pthread_mutex_unlock(&run->lock);
	if (!run->options->is_quiet)
		fprintf(stderr,
			"%5u s  %8llu streams/s  pick p50 %.3f ms, p99 %.3f ms, max %.3f ms  "
			"open %llu%s\n",
			number + 1, (unsigned long long)point->completed,
			(double)point->p50_ns / 1e6, (double)point->p99_ns / 1e6,
			(double)point->max_ns / 1e6, (unsigned long long)open,
			point->failed > 0 ? "  FAILED OR WRONG" : "");
}

/* The measured window. */
static void measure(struct crew *crew)
{
	struct rp_bench_run *run = crew->run;
	struct rp_bench_result *result = crew->result;
	struct usage before[RP_BENCH_THREADS_MAX] = {0};
	uint32_t seconds = 0;

	while (rp_clock_monotonic_ns() < run->measure_begin_ns && !atomic_load(crew->stop)) {
		int64_t next = rp_clock_monotonic_ns() + STOP_MS * RP_NS_PER_MS;

		sleep_until(next < run->measure_begin_ns ? next : run->measure_begin_ns);
	}
	sample_cpu(run->options, result->begin);
	for (uint32_t i = 0; i < crew->count; i++)
		before[i] = usage_of(crew, i);
	int64_t begin_ns = rp_clock_monotonic_ns();

	rp_bench_workers_read(run->options->metrics_url, result, -1);

	for (;;) {
		int64_t due_ns = run->measure_begin_ns + (seconds + 1) * RP_NS_PER_S +
				 SETTLE_MS * RP_NS_PER_MS;

		if (await_threads(crew, due_ns) || atomic_load(crew->stop))
			break;
		take_second(crew, seconds++);
	}
	sample_cpu(run->options, result->end);
	add_usage(crew, before);
	int64_t end_ns = rp_clock_monotonic_ns();

	result->seconds = (double)(end_ns - begin_ns) / (double)RP_NS_PER_S;
	result->was_interrupted = atomic_load(crew->stop);
	sample(run->options, result->after);
	rp_bench_workers_read(run->options->metrics_url, result, 1);
	/* The last one may be a part. */
	while (seconds + 0.5 < result->seconds)
		take_second(crew, seconds++);
}

static void load(struct crew *crew)
{
	struct rp_bench_run *run = crew->run;
	const struct rp_bench_options *options = run->options;
	double lead_s = options->warmup_s + LEAD_MS / 1000.0;

	run->measure_begin_ns = rp_clock_monotonic_ns() + (int64_t)(lead_s * (double)RP_NS_PER_S);
	run->measure_end_ns = options->requests > 0
				      ? INT64_MAX
				      : run->measure_begin_ns + (int64_t)(options->duration_s *
									  (double)RP_NS_PER_S);
	set_stage(run, RP_BENCH_STAGE_LOAD);
	measure(crew);
}

static void now_as_text(char out[32])
{
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static int go(struct crew *crew, struct rp_diag *diag)
{
	struct rp_bench_run *run = crew->run;
	int64_t patience_ns = (int64_t)(run->options->timeout_s * (double)RP_NS_PER_S);

	now_as_text(crew->result->started);
	if (!await_threads(crew, rp_clock_monotonic_ns() + patience_ns)) {
		pthread_mutex_lock(&run->lock);
		rp_diag_set(diag, RP_ECLOSED, 0, 0, "%s: %s", run->options->target,
			    run->has_failed ? run->why : "no connection in time");
		pthread_mutex_unlock(&run->lock);
		return RP_ECLOSED;
	}
	sample(run->options, crew->result->before);
	set_stage(run, RP_BENCH_STAGE_IDLE);
	/* Each idle stream has a timeout of its own. */
	if (await_threads(crew, INT64_MAX))
		load(crew);
	else
		crew->result->was_interrupted = true;
	return RP_OK;
}

int rp_bench_run(const struct rp_bench_options *options, const atomic_bool *stop,
		 struct rp_bench_result *ret, struct rp_diag *diag)
{
	struct rp_bench_run *run = calloc(1, sizeof(*run));
	struct crew crew = {.run = run, .result = ret, .stop = stop};

	memset(ret, 0, sizeof(*ret));
	if (run == NULL)
		return RP_ENOMEM;
	run->options = options;
	pthread_condattr_t attributes;

	pthread_mutex_init(&run->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&run->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	int err = rp_bench_plan_init(&run->plan, options, diag);

	if (err == RP_OK)
		err = resolve(run, diag);
	SSL_CTX *tls = err == RP_OK && options->is_tls ? rp_bench_tls_context() : NULL;

	crew.threads = calloc(options->threads, sizeof(struct rp_bench_thread));
	crew.handles = calloc(options->threads, sizeof(pthread_t));
	if (crew.threads == NULL || crew.handles == NULL)
		err = RP_ENOMEM;
	for (uint32_t i = 0; i < options->threads && err == RP_OK; i++) {
		crew.threads[i] = (struct rp_bench_thread){
			.run = run, .options = options, .plan = &run->plan, .index = i, .tls = tls};
		err = -pthread_create(&crew.handles[i], NULL, rp_bench_thread_main,
				      &crew.threads[i]);
		crew.count += err == RP_OK;
	}
	if (err == RP_OK)
		err = go(&crew, diag);
	set_stage(run, RP_BENCH_STAGE_DRAIN);
	for (uint32_t i = 0; i < crew.count; i++) {
		pthread_join(crew.handles[i], NULL);
		rp_bench_stats_merge(&ret->stats, &crew.threads[i].stats);
	}
	free(crew.threads);
	free(crew.handles);
	SSL_CTX_free(tls);
	rp_bench_plan_fini(&run->plan);
	pthread_cond_destroy(&run->changed);
	pthread_mutex_destroy(&run->lock);
	free(run);
	if (err != RP_OK)
		rp_bench_result_fini(ret);
	return err;
}

void rp_bench_result_fini(struct rp_bench_result *result)
{
	free(result->points);
	result->points = NULL;
	result->point_count = 0;
}
