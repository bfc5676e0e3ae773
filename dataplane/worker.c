/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/balance.h"
#include "dataplane/burst.h"
#include "dataplane/conn.h"
#include "dataplane/grpc_call.h"
#include "dataplane/sched.h"
#include "dataplane/tls_secrets.h"
#include "shm/clock.h"
#include "shm/log.h"

enum {
	TICK_MS = 250, /* also what the supervisor relies on to see that we live */
	TICKS_PER_SECOND = 1000 / TICK_MS,
	HEALTH_STREAMS_MAX = 1024,
	ASK_TICKS = 8, /* between two questions for TLS material */
};

struct worker {
	struct rp_env env;
	struct rp_shared shared;
	struct rp_worker_state *state;
	uint32_t reader; /* of the publication */
	struct rp_loop *loop;
	struct rp_h2_env ext_proc_h2;
	struct rp_h2_env health_h2;
	struct rp_conn_env conns;
	uint32_t ext_proc_count;
	struct rp_balance balance;
	struct rp_io ext_proc_io;
	struct rp_io health_io;
	struct rp_io wake_io;
	struct rp_io secrets_io;
	struct rp_io handoff_io;
	int handoff_fds[RP_WORKERS_MAX];
	bool is_turn_begun;
	bool has_secrets;  /* or needs none */
	bool is_listening; /* on the ext_proc port */
	bool is_stopping;
	uint32_t ticks;
	int64_t next_tick_ns;
};

/* jemalloc's; absent where a sanitizer brings its own allocator. */
extern int mallctl(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes)
	__attribute__((weak));

static struct worker *from_conns_user(void *user)
{
	return user;
}

/* Before the first byte of a turn is looked at: its time, and the tables it will read. */
static void begin_turn(void *user)
{
	struct worker *w = from_conns_user(user);

	if (w->is_turn_begun)
		return;
	w->is_turn_begun = true;
	w->env.now_ns = rp_loop_now_ns(w->loop);
	w->conns.now_ns = w->env.now_ns;
	w->ext_proc_h2.now_ns = w->env.now_ns;
	w->health_h2.now_ns = w->env.now_ns;
	(void)rp_sched_refresh(w->env.sched);
}

/* ---- connections ---- */

static void adopt(struct worker *w, int fd, bool is_health)
{
	begin_turn(w);
	int err = rp_conn_open(&w->conns, fd, is_health);

	if (err != RP_OK) {
		close(fd);
		rp_counter_add(&w->env.counters->connections_refused, 1);
		if (!is_health)
			rp_balance_leave(&w->balance);
		return;
	}
	if (is_health)
		return;
	w->ext_proc_count++;
	rp_counter_add(&w->state->accepted, 1);
}

static void on_gone(void *user, const struct rp_conn *conn)
{
	struct worker *w = from_conns_user(user);

	if (conn->is_health)
		return;
	w->ext_proc_count--;
	rp_balance_leave(&w->balance);
}

static void on_ext_proc_accept(struct rp_io *io, int fd)
{
	struct worker *w = RP_CONTAINER_OF(io, struct worker, ext_proc_io);

	if (rp_balance_place(&w->balance, fd, w->handoff_fds))
		adopt(w, fd, false);
	else
		close(fd);
}

static void on_health_accept(struct rp_io *io, int fd)
{
	adopt(RP_CONTAINER_OF(io, struct worker, health_io), fd, true);
}

static void drain_all(struct worker *w)
{
	for (struct rp_conn *conn = w->conns.first; conn != NULL; conn = conn->next)
		rp_conn_drain(conn);
}

static void on_handoff(struct rp_io *io)
{
	struct worker *w = RP_CONTAINER_OF(io, struct worker, handoff_io);

	for (int fd = rp_balance_receive(&w->balance, io->fd); fd >= 0;
	     fd = rp_balance_receive(&w->balance, io->fd))
		adopt(w, fd, false);
	if (w->is_stopping)
		drain_all(w);
}

/* The connection that is missed least: of those with the fewest streams, an established one. */
static struct rp_conn *surplus_connection(struct worker *w)
{
	struct rp_conn *best = NULL;

	for (struct rp_conn *conn = w->conns.first; conn != NULL; conn = conn->next) {
		if (conn->is_health || conn->is_draining || conn->state != RP_CONN_OPEN)
			continue;
		if (best == NULL || rp_conn_stream_count(conn) < rp_conn_stream_count(best))
			best = conn;
	}
	return best;
}

static uint32_t draining_count(const struct worker *w)
{
	uint32_t count = 0;

	for (const struct rp_conn *conn = w->conns.first; conn != NULL; conn = conn->next)
		count +=
			!conn->is_health && (conn->is_draining || conn->state >= RP_CONN_FINISHING);
	return count;
}

static void rebalance(struct worker *w)
{
	if (w->is_stopping || !rp_balance_is_surplus(&w->balance, w->env.now_ns, w->ext_proc_count,
						     draining_count(w)))
		return;
	struct rp_conn *conn = surplus_connection(w);

	if (conn == NULL)
		return;
	rp_conn_drain(conn);
	rp_counter_add(&w->env.counters->rebalanced, 1);
	RP_LOG(RP_V4, "connection", "Connection sent away to even out the workers",
	       RP_F_INT("worker", w->env.worker), RP_F_INT("connections", w->ext_proc_count));
}

/* ---- phases ---- */

static int start_listening(struct worker *w)
{
	int err = rp_loop_accept(w->loop, &w->ext_proc_io);

	if (err == RP_OK) {
		w->is_listening = true;
		RP_LOG(RP_V2, "setup", "gRPC server listening", RP_F_TEXT("name", "ext-proc"),
		       RP_F_INT("port", w->env.settings->grpc_port),
		       RP_F_INT("worker", w->env.worker));
	}
	return err;
}

static void stop(struct worker *w)
{
	w->is_stopping = true;
	if (w->is_listening)
		rp_loop_close(w->loop, &w->ext_proc_io);
	rp_loop_close(w->loop, &w->health_io);
	drain_all(w);
}

static void check_phase(struct worker *w)
{
	/* acquire: pairs with the supervisor's store, made after its listen(). */
	uint32_t phase = atomic_load_explicit(&w->env.live->process.phase, memory_order_acquire);

	if (w->is_stopping)
		return;
	if (phase == RP_PHASE_STOPPING) {
		stop(w);
	} else if (phase >= RP_PHASE_SERVING && w->has_secrets && !w->is_listening) {
		int err = start_listening(w);

		if (err != RP_OK)
			RP_LOG(RP_LOG_ERROR, "setup", "Cannot accept connections",
			       RP_F_TEXT("error", rp_err_text(err)));
	}
}

static void on_wake(struct rp_io *io)
{
	struct worker *w = RP_CONTAINER_OF(io, struct worker, wake_io);
	uint64_t count = 0;

	(void)!read(io->fd, &count, sizeof(count));
	check_phase(w);
}

static void set_ready(struct worker *w)
{
	w->has_secrets = true;
	/* release: who passes a connection on after seeing it finds the loop running. */
	atomic_store_explicit(&w->state->is_ready, 1, memory_order_release);
	check_phase(w);
}

static void on_secrets(struct rp_io *io)
{
	struct worker *w = RP_CONTAINER_OF(io, struct worker, secrets_io);

	for (;;) {
		struct rp_tls_context *context = NULL;
		int err = rp_tls_secrets_receive(io->fd, &context);

		if (err == RP_EFORMAT)
			continue;
		if (err == RP_EAGAIN)
			return;
		if (err != RP_OK) {
			rp_loop_close(w->loop, io);
			return;
		}
		/* Never fall back to plain text on a port that is said to be secure. */
		if (w->env.settings->is_secure == 0 || context == NULL) {
			rp_tls_context_free(context);
			continue;
		}
		rp_tls_context_free(w->conns.tls);
		w->conns.tls = context;
		set_ready(w);
	}
}

static void on_io_closed(struct rp_io *io)
{
	(void)io; /* part of the worker */
}

static const struct rp_io_ops ext_proc_ops = {.on_accept = on_ext_proc_accept,
					      .on_closed = on_io_closed};
static const struct rp_io_ops health_ops = {.on_accept = on_health_accept,
					    .on_closed = on_io_closed};
static const struct rp_io_ops wake_ops = {.on_readable = on_wake, .on_closed = on_io_closed};
static const struct rp_io_ops secrets_ops = {.on_readable = on_secrets, .on_closed = on_io_closed};
static const struct rp_io_ops handoff_ops = {.on_readable = on_handoff, .on_closed = on_io_closed};

/* ---- the turn ---- */

static void note_allocated(struct worker *w)
{
	uint64_t allocated = 0;
	size_t bytes = sizeof(allocated);

	if (mallctl != NULL && mallctl("thread.allocated", &allocated, &bytes, NULL, 0) == 0)
		rp_gauge_set(&w->env.counters->allocated_bytes, allocated);
}

static void tick(struct worker *w)
{
	w->next_tick_ns = w->env.now_ns + TICK_MS * RP_NS_PER_MS;
	w->ticks++;
	check_phase(w);
	rp_conn_tick(&w->conns);
	rebalance(w);
	if (w->ticks % TICKS_PER_SECOND == 0)
		note_allocated(w);
	if (!w->has_secrets && w->ticks % ASK_TICKS == 0)
		rp_tls_secrets_ask(RP_FD_SECRETS);
}

static void end_of_turn(void *user, int64_t now_ns)
{
	struct worker *w = user;

	begin_turn(w);
	if (now_ns >= w->next_tick_ns)
		tick(w);
	int64_t window_ns = rp_burst_tick(&w->env);
	int64_t deadline_ns = rp_grpc_tick(&w->env, now_ns);

	rp_conn_flush_dirty(&w->conns);
	if (window_ns < deadline_ns)
		deadline_ns = window_ns;
	rp_loop_set_deadline(w->loop,
			     deadline_ns < w->next_tick_ns ? deadline_ns : w->next_tick_ns);
	rp_counter_add(&w->env.counters->turns, 1);
	atomic_store_explicit(&w->state->streams, w->ext_proc_h2.streams_open,
			      memory_order_relaxed);
	rp_publication_quiescent(&w->env.live->publication, w->reader, now_ns);
	w->is_turn_begun = false;
}

/* Health callers that watch would stay for ever: they end with the last ext_proc connection. */
static bool is_finished(struct worker *w)
{
	if (!w->is_stopping || w->ext_proc_count > 0)
		return false;
	while (w->conns.first != NULL)
		rp_conn_close(w->conns.first);
	return w->conns.count == 0;
}

/* ---- begin and end ---- */

/* The index-th of the CPUs we may use, counted round. */
static void pin(uint32_t index)
{
	cpu_set_t allowed;
	cpu_set_t one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0)
		return;
	uint32_t left = index % (uint32_t)CPU_COUNT(&allowed);

	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || left-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static int init_env(struct worker *w, uint32_t index)
{
	struct rp_env *env = &w->env;

	env->live = w->shared.live;
	env->tables = w->shared.tables;
	env->settings = &w->shared.tables->settings;
	env->worker = index;
	env->counters = &w->shared.live->worker[index].counters;
	env->series = &w->shared.live->worker[index].series;
	env->now_ns = rp_clock_monotonic_ns();
	rp_arena_pool_init(&env->arenas);
	/* What is remembered of bodies that are under way may take as much as they do. */
	env->arenas.bytes_max = rp_max_size(env->settings->body_memory_bytes, RP_ARENA_BYTES_MAX);
	rp_body_pool_init(&env->bodies, env->settings->body_memory_bytes);
	rp_counters_reset_gauges(env->counters);
	rp_request_series_reset_gauges(env->series);
	if (getrandom(env->prng, sizeof(env->prng), 0) != (ssize_t)sizeof(env->prng))
		return -EIO;
	return rp_sched_new(env, &env->sched);
}

static void init_h2(const struct worker *w, struct rp_env *env, struct rp_h2_env *h2,
		    uint32_t streams_max)
{
	*h2 = (struct rp_h2_env){.arenas = &env->arenas,
				 .bodies = &env->bodies,
				 .stream_ops = &rp_grpc_stream_ops,
				 .worker = env,
				 .streams_max = streams_max,
				 .now_ns = w->env.now_ns};
}

static int init_loop(struct worker *w)
{
	const struct rp_loop_options options = {
		.backend = (enum rp_io_choice)w->env.settings->io_backend,
		.connections_max = RP_CONNECTIONS_MAX,
		.busy_poll_ns = w->env.settings->busy_poll_us * RP_NS_PER_US,
		.end_of_turn = end_of_turn,
		.user = w,
	};
	const char *reason = "";
	int err = rp_loop_new(&options, &w->loop, &reason);

	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, "setup", "Event loop refused", RP_F_TEXT("reason", reason),
		       RP_F_TEXT("error", rp_err_text(err)));
		return err;
	}
	enum rp_io_choice backend = rp_loop_backend(w->loop);

	atomic_store_explicit(&w->state->io_backend, (uint32_t)backend, memory_order_relaxed);
	RP_LOG(RP_V2, "setup", "Event loop",
	       RP_F_TEXT("backend", backend == RP_IO_URING ? "io_uring" : "epoll"),
	       RP_F_TEXT("reason", reason), RP_F_INT("worker", w->env.worker));
	return RP_OK;
}

static int init_ios(struct worker *w)
{
	w->ext_proc_io = (struct rp_io){.ops = &ext_proc_ops, .fd = RP_FD_EXT_PROC};
	w->health_io = (struct rp_io){.ops = &health_ops, .fd = RP_FD_HEALTH};
	w->wake_io = (struct rp_io){.ops = &wake_ops, .fd = RP_FD_WAKE};
	w->secrets_io = (struct rp_io){.ops = &secrets_ops, .fd = RP_FD_SECRETS};
	w->handoff_io = (struct rp_io){.ops = &handoff_ops, .fd = RP_FD_HANDOFF};
	int err = rp_loop_watch(w->loop, &w->wake_io);

	if (err == RP_OK)
		err = rp_loop_watch(w->loop, &w->secrets_io);
	if (err == RP_OK)
		err = rp_loop_watch(w->loop, &w->handoff_io);
	if (err == RP_OK)
		err = rp_loop_accept(w->loop, &w->health_io);
	return err;
}

static int init(struct worker *w, uint32_t index)
{
	struct rp_process_state *process = &w->shared.live->process;

	w->state = &process->worker[index];
	uint32_t generation = atomic_load_explicit(&w->state->generation, memory_order_acquire);

	atomic_store_explicit(&w->state->is_ready, 0, memory_order_relaxed);
	w->reader = index + RP_WORKERS_MAX * (generation & 1);
	w->balance = (struct rp_balance){.process = process,
					 .worker_count = w->shared.tables->settings.worker_count,
					 .self = index,
					 .generation = generation};
	for (uint32_t i = 0; i < RP_WORKERS_MAX; i++)
		w->handoff_fds[i] = RP_FD_HANDOFF_FIRST + (int)i;
	int err = init_env(w, index);

	if (err != RP_OK)
		return err;
	init_h2(w, &w->env, &w->ext_proc_h2, w->env.settings->streams_max);
	init_h2(w, &w->env, &w->health_h2, HEALTH_STREAMS_MAX);
	err = init_loop(w);
	if (err != RP_OK)
		return err;
	w->conns = (struct rp_conn_env){.loop = w->loop,
					.ext_proc = &w->ext_proc_h2,
					.health = &w->health_h2,
					.counters = w->env.counters,
					.begin_turn = begin_turn,
					.on_gone = on_gone,
					.user = w,
					.now_ns = w->env.now_ns};
	err = rp_conn_env_init(&w->conns);
	return err == RP_OK ? init_ios(w) : err;
}

static void fini(struct worker *w)
{
	atomic_store_explicit(&w->state->is_ready, 0, memory_order_relaxed);
	rp_publication_offline(&w->env.live->publication, w->reader);
	rp_grpc_fini(&w->env);
	rp_conn_env_fini(&w->conns);
	rp_tls_context_free(w->conns.tls);
	rp_h2_env_fini(&w->ext_proc_h2);
	rp_h2_env_fini(&w->health_h2);
	rp_loop_free(w->loop);
	rp_sched_free(w->env.sched);
	rp_arena_pool_fini(&w->env.arenas);
	rp_body_pool_fini(&w->env.bodies);
}

static int run(struct worker *w)
{
	int err = RP_OK;

	rp_publication_online(&w->env.live->publication, w->reader, rp_clock_monotonic_ns());
	if (w->env.settings->is_secure != 0) {
		rp_tls_secrets_ask(RP_FD_SECRETS);
		rp_tls_warm_up(); /* while control makes the certificate */
	} else {
		set_ready(w);
	}
	while (err == RP_OK && !is_finished(w))
		err = rp_loop_turn(w->loop);
	return err;
}

int rp_worker_run(uint32_t index)
{
	struct rp_diag diag = {0};

	rp_tls_init_memory();
	struct worker *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return RP_ENOMEM;
	int err = rp_shared_attach(false, &w->shared, &diag);

	if (err != RP_OK || index >= w->shared.tables->settings.worker_count) {
		rp_log_init(RP_V0, NULL);
		RP_LOG(RP_LOG_ERROR, "setup", "Worker cannot attach to the shared segments",
		       RP_F_TEXT("error", diag.message), RP_F_INT("worker", index));
		free(w);
		return err != RP_OK ? err : RP_EMISMATCH;
	}
	rp_log_init((int)w->shared.tables->settings.verbosity, &w->shared.live->worker[index].log);
	if (w->shared.tables->settings.is_pinned != 0)
		pin(index);
	err = init(w, index);
	bool may_clean_up = err != RP_OK;

	if (err == RP_OK) {
		err = run(w);
		may_clean_up = err == RP_OK; /* a broken loop does not let go of connections */
	}
	if (err != RP_OK)
		RP_LOG(RP_LOG_ERROR, "setup", "Worker failed", RP_F_INT("worker", index),
		       RP_F_TEXT("error", rp_err_text(err)));
	if (may_clean_up)
		fini(w);
	rp_shared_detach(&w->shared);
	free(w);
	return err;
}
