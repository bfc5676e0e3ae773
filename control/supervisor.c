/* SPDX-License-Identifier: Apache-2.0 */
#include "control/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/sockets.h"
#include "control/supervisor_parts.h"
#include "shm/clock.h"
#include "shm/log.h"

#define LOGGER "supervisor"

static const char *io_choice_name(uint32_t choice)
{
	switch ((enum rp_io_choice)choice) {
	case RP_IO_AUTO:
		return "auto";
	case RP_IO_URING:
		return "io_uring";
	case RP_IO_EPOLL:
		return "epoll";
	}
	return "?";
}

/* ---- what children see ---- */

static void set_phase(struct rp_supervisor *s, enum rp_phase phase)
{
	s->phase = phase;
	/* release: who sees the phase also sees what was done before it, such as listen(). */
	atomic_store_explicit(&s->shared.live->process.phase, phase, memory_order_release);
	for (uint32_t i = 0; i < s->worker_count; i++)
		rp_eventfd_signal(s->worker[i].wake_fd);
}

/* Generations of a worker take turns with two reader lines. */
static const uint32_t reader_offsets[] = {0, RP_WORKERS_MAX};

static void forget_worker_state(struct rp_supervisor *s, uint32_t i)
{
	struct rp_live *live = s->shared.live;
	struct rp_worker_state *state = &live->process.worker[i];

	for (size_t r = 0; r < RP_ARRAY_LEN(reader_offsets); r++)
		rp_publication_offline(&live->publication, i + reader_offsets[r]);
	rp_inflight_clear_row(&live->inflight, i);
	rp_inflight_series_clear(&live->worker[i].inflight_series);
	rp_counters_reset_gauges(&live->worker[i].counters);
	rp_request_series_reset_gauges(&live->worker[i].series);
	atomic_store_explicit(&state->is_ready, 0, memory_order_relaxed);
	atomic_store_explicit(&state->streams, 0, memory_order_relaxed);
	atomic_store_explicit(&state->pid, 0, memory_order_relaxed);
	/* The generation moves after the count: a place reserved between the two is counted twice
	 * rather than not at all, so that the count never runs below zero. */
	atomic_store_explicit(&state->connections, 0, memory_order_seq_cst);
	atomic_fetch_add_explicit(&state->generation, 1, memory_order_seq_cst);
}

/* ---- starting and ending children ---- */

static void start_worker(struct rp_supervisor *s, uint32_t i)
{
	struct rp_supervised_worker *w = &s->worker[i];
	int err = rp_child_start(&w->child, rp_events_now_ns(s->loop));

	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER, "Cannot start a worker", RP_F_INT("worker", i),
		       RP_F_TEXT("error", rp_err_text(err)));
		rp_events_timer_set(s->loop, &w->child.respawn,
				    rp_events_now_ns(s->loop) +
					    RP_RESPAWN_DELAY_MAX_MS * RP_NS_PER_MS);
		return;
	}
	atomic_store_explicit(&s->shared.live->process.worker[i].pid, (uint32_t)w->child.pid,
			      memory_order_relaxed);
	w->is_awaited = true;
	rp_events_timer_set(s->loop, &s->ready, rp_events_now_ns(s->loop) + RP_NS_PER_MS);
	RP_LOG(RP_V2, LOGGER, "Worker started", RP_F_INT("worker", i),
	       RP_F_INT("pid", w->child.pid));
}

static void start_control(struct rp_supervisor *s)
{
	int err = rp_child_start(&s->control, rp_events_now_ns(s->loop));

	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER, "Cannot start control",
		       RP_F_TEXT("error", rp_err_text(err)));
		rp_events_timer_set(s->loop, &s->control.respawn,
				    rp_events_now_ns(s->loop) +
					    RP_RESPAWN_DELAY_MAX_MS * RP_NS_PER_MS);
		return;
	}
	atomic_fetch_add_explicit(&s->shared.live->process.control_generation, 1,
				  memory_order_relaxed);
	RP_LOG(RP_V2, LOGGER, "Control started", RP_F_INT("pid", s->control.pid));
}

static void on_worker_respawn(struct rp_events_timer *timer)
{
	struct rp_supervised_worker *w = timer->user;

	start_worker(w->supervisor, w->index);
}

static void on_control_respawn(struct rp_events_timer *timer)
{
	start_control(timer->user);
}

static bool has_workers(const struct rp_supervisor *s)
{
	for (uint32_t i = 0; i < s->worker_count; i++) {
		if (s->worker[i].child.pid != 0)
			return true;
	}
	return false;
}

static void cancel_respawns(struct rp_supervisor *s)
{
	for (uint32_t i = 0; i < s->worker_count; i++)
		rp_events_timer_cancel(s->loop, &s->worker[i].child.respawn);
}

static void stop_if_all_are_gone(struct rp_supervisor *s)
{
	if (s->control.pid == 0 && !has_workers(s))
		rp_events_stop(s->loop);
}

static void kill_all(struct rp_supervisor *s, int exit_code)
{
	s->is_killing = true;
	s->exit_code = exit_code;
	cancel_respawns(s);
	rp_events_timer_cancel(s->loop, &s->control.respawn);
	rp_events_timer_cancel(s->loop, &s->drain);
	rp_events_timer_cancel(s->loop, &s->ready);
	rp_child_signal(&s->control, SIGKILL);
	for (uint32_t i = 0; i < s->worker_count; i++)
		rp_child_signal(&s->worker[i].child, SIGKILL);
	stop_if_all_are_gone(s);
}

static void on_control_overdue(struct rp_events_timer *timer)
{
	struct rp_supervisor *s = timer->user;

	RP_LOG(RP_LOG_ERROR, LOGGER, "Control did not end in time and is killed",
	       RP_F_INT("pid", s->control.pid));
	rp_child_signal(&s->control, SIGKILL);
}

static void stop_control(struct rp_supervisor *s)
{
	s->is_control_stopping = true;
	rp_events_timer_cancel(s->loop, &s->control.respawn);
	rp_events_timer_cancel(s->loop, &s->drain);
	if (s->control.pid == 0) {
		rp_events_stop(s->loop);
		return;
	}
	rp_child_signal(&s->control, SIGTERM);
	rp_events_timer_init(&s->drain, on_control_overdue, s);
	rp_events_timer_set(s->loop, &s->drain,
			    rp_events_now_ns(s->loop) + RP_CONTROL_STOP_MS * RP_NS_PER_MS);
}

static void on_drain_limit(struct rp_events_timer *timer)
{
	struct rp_supervisor *s = timer->user;

	for (uint32_t i = 0; i < s->worker_count; i++) {
		struct rp_supervised_worker *w = &s->worker[i];

		if (w->child.pid == 0)
			continue;
		RP_LOG(RP_LOG_ERROR, LOGGER, "Streams are still open after --drain-limit: killed",
		       RP_F_INT("worker", i), RP_F_INT("pid", w->child.pid),
		       RP_F_INT("streams",
				atomic_load_explicit(&s->shared.live->process.worker[i].streams,
						     memory_order_relaxed)));
		rp_child_signal(&w->child, SIGKILL);
	}
}

static void begin_stopping(struct rp_supervisor *s)
{
	RP_LOG(RP_V0, LOGGER, "Stopping: waiting for open streams",
	       RP_F_NUM("limitSeconds", (double)s->flags->drain_limit / (double)RP_NS_PER_S));
	cancel_respawns(s);
	set_phase(s, RP_PHASE_STOPPING);
	/* Workers close theirs; without ours the ports are free when the last one has. */
	close(s->ext_proc_fd);
	close(s->health_fd);
	s->ext_proc_fd = -1;
	s->health_fd = -1;
	if (!has_workers(s)) {
		stop_control(s);
		return;
	}
	rp_events_timer_init(&s->drain, on_drain_limit, s);
	rp_events_timer_set(s->loop, &s->drain, rp_events_now_ns(s->loop) + s->flags->drain_limit);
}

static void on_drain_timeout(struct rp_events_timer *timer)
{
	begin_stopping(timer->user);
}

static void on_stop_signal(struct rp_supervisor *s, int signal_number)
{
	s->signal_count++;
	if (s->is_killing)
		return;
	if (s->signal_count > 1) {
		RP_LOG(RP_LOG_ERROR, LOGGER, "Second signal: everything is killed",
		       RP_F_TEXT("signal", sigabbrev_np(signal_number)));
		kill_all(s, EXIT_FAILURE);
		return;
	}
	RP_LOG(RP_V0, LOGGER, "Draining: still accepting, health says NOT_SERVING",
	       RP_F_TEXT("signal", sigabbrev_np(signal_number)),
	       RP_F_NUM("timeoutSeconds", (double)s->flags->drain_timeout / (double)RP_NS_PER_S));
	if (s->phase == RP_PHASE_STARTING || s->flags->drain_timeout <= 0) {
		begin_stopping(s);
		return;
	}
	set_phase(s, RP_PHASE_DRAINING);
	rp_events_timer_init(&s->drain, on_drain_timeout, s);
	rp_events_timer_set(s->loop, &s->drain,
			    rp_events_now_ns(s->loop) + s->flags->drain_timeout);
}

/* ---- deaths ---- */

static void log_death(int verbosity, const char *msg, int64_t worker, int64_t pid, int status)
{
	const char *signal_name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

	if (signal_name != NULL)
		RP_LOG(verbosity, LOGGER, msg, RP_F_INT("worker", worker), RP_F_INT("pid", pid),
		       RP_F_TEXT("signal", signal_name));
	else
		RP_LOG(verbosity, LOGGER, msg, RP_F_INT("worker", worker), RP_F_INT("pid", pid),
		       RP_F_INT("exitCode", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

/* The child says that another start would end the same way. */
static bool is_hopeless(int status)
{
	return WIFEXITED(status) &&
	       (WEXITSTATUS(status) == RP_EXIT_CONFIG || WEXITSTATUS(status) == RP_EXIT_EXEC);
}

static void on_worker_death(struct rp_supervisor *s, uint32_t i, int status)
{
	struct rp_supervised_worker *w = &s->worker[i];
	int64_t now_ns = rp_events_now_ns(s->loop);
	int64_t delay_ns;
	pid_t pid = w->child.pid;

	if (atomic_load_explicit(&s->shared.live->process.worker[i].is_ready, memory_order_relaxed))
		w->was_ready = true;
	w->is_awaited = false;
	w->died_ns = now_ns;
	delay_ns = rp_child_note_death(&w->child, now_ns);
	forget_worker_state(s, i);
	if (s->is_killing) {
		stop_if_all_are_gone(s);
		return;
	}
	if (s->phase == RP_PHASE_STOPPING) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			log_death(RP_V2, "Worker ended", i, pid, status);
		else
			log_death(RP_LOG_ERROR, "Worker died", i, pid, status);
		if (!has_workers(s) && !s->is_control_stopping)
			stop_control(s);
		return;
	}
	log_death(RP_LOG_ERROR, "Worker died", i, pid, status);
	if (is_hopeless(status) && !w->was_ready) {
		kill_all(s, EXIT_FAILURE);
		return;
	}
	atomic_fetch_add_explicit(&s->shared.live->process.worker_restarts, 1,
				  memory_order_relaxed);
	if (delay_ns == 0)
		start_worker(s, i);
	else
		rp_events_timer_set(s->loop, &w->child.respawn, now_ns + delay_ns);
}

static void on_control_death(struct rp_supervisor *s, int status)
{
	int64_t now_ns = rp_events_now_ns(s->loop);
	pid_t pid = s->control.pid;
	int64_t delay_ns = rp_child_note_death(&s->control, now_ns);

	if (s->is_killing) {
		stop_if_all_are_gone(s);
		return;
	}
	if (s->is_control_stopping) {
		rp_events_stop(s->loop);
		return;
	}
	if (s->phase == RP_PHASE_STARTING && is_hopeless(status)) {
		kill_all(s, EXIT_FAILURE);
		return;
	}
	if (WIFSIGNALED(status))
		RP_LOG(RP_LOG_ERROR, LOGGER, "Control died", RP_F_INT("pid", pid),
		       RP_F_TEXT("signal", sigabbrev_np(WTERMSIG(status))));
	else
		RP_LOG(RP_LOG_ERROR, LOGGER, "Control died", RP_F_INT("pid", pid),
		       RP_F_INT("exitCode", WEXITSTATUS(status)));
	if (delay_ns == 0)
		start_control(s);
	else
		rp_events_timer_set(s->loop, &s->control.respawn, now_ns + delay_ns);
}

/* As PID 1 of a container we also get children whose parents died: they are reaped and forgotten.
 */
static void reap(struct rp_supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->control.pid) {
			on_control_death(s, status);
			continue;
		}
		for (uint32_t i = 0; i < s->worker_count; i++) {
			if (pid == s->worker[i].child.pid) {
				on_worker_death(s, i, status);
				break;
			}
		}
	}
}

/* ---- events ---- */

static void on_signal(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	struct rp_supervisor *s = watch->user;
	struct signalfd_siginfo info;

	while (read(watch->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else
			on_stop_signal(s, (int)info.ssi_signo);
	}
}

static void on_published(struct rp_events_watch *watch, uint32_t events RP_UNUSED)
{
	struct rp_supervisor *s = watch->user;
	struct rp_diag diag = {0};

	rp_eventfd_drain(watch->fd);
	if (s->phase != RP_PHASE_STARTING || s->is_killing)
		return;
	if (rp_socket_listen(s->ext_proc_fd, (uint16_t)s->settings->grpc_port, "--grpc-port",
			     &diag) != RP_OK) {
		RP_LOG(RP_LOG_ERROR, "setup", "Cannot serve", RP_F_TEXT("error", diag.message));
		kill_all(s, EXIT_FAILURE);
		return;
	}
	set_phase(s, RP_PHASE_SERVING);
	RP_LOG(RP_V0, "setup", "gRPC server listening", RP_F_TEXT("name", "ext-proc"),
	       RP_F_INT("port", s->settings->grpc_port));
}

/* Note which workers became ready, and how long they were missed. A worker tells nobody but its
 * line in the segment, so we look often in the first second and then less so. */
static void on_ready_check(struct rp_events_timer *timer)
{
	struct rp_supervisor *s = timer->user;
	int64_t now_ns = rp_events_now_ns(s->loop);
	int64_t next_ns = INT64_MAX;

	for (uint32_t i = 0; i < s->worker_count; i++) {
		const struct rp_worker_state *state = &s->shared.live->process.worker[i];
		struct rp_supervised_worker *w = &s->worker[i];
		const char *backend;

		if (!w->is_awaited || w->child.pid == 0)
			continue;
		if (!atomic_load_explicit(&state->is_ready, memory_order_acquire)) {
			bool is_young = now_ns - w->child.started_ns < RP_NS_PER_S;

			next_ns = now_ns + (is_young ? 1 : 50) * RP_NS_PER_MS;
			continue;
		}
		w->is_awaited = false;
		w->was_ready = true;
		backend = io_choice_name(
			atomic_load_explicit(&state->io_backend, memory_order_relaxed));
		if (w->died_ns == 0)
			RP_LOG(RP_V1, LOGGER, "Worker ready", RP_F_INT("worker", i),
			       RP_F_INT("pid", w->child.pid), RP_F_TEXT("ioBackend", backend));
		else
			RP_LOG(RP_V0, LOGGER, "Worker restarted", RP_F_INT("worker", i),
			       RP_F_INT("pid", w->child.pid), RP_F_TEXT("ioBackend", backend),
			       RP_F_NUM("respawnSeconds",
					(double)(now_ns - w->died_ns) / (double)RP_NS_PER_S));
	}
	if (next_ns != INT64_MAX)
		rp_events_timer_set(s->loop, timer, next_ns);
}

static bool is_stalled(const struct rp_supervisor *s, uint32_t i)
{
	int64_t before_ns = rp_events_now_ns(s->loop) - RP_STALL_MS * RP_NS_PER_MS;
	bool is_one_stalled = false;

	for (size_t r = 0; r < RP_ARRAY_LEN(reader_offsets); r++)
		is_one_stalled = is_one_stalled ||
				 rp_publication_is_stalled(&s->shared.live->publication,
							   i + reader_offsets[r], before_ns);
	return is_one_stalled;
}

/*
 * A worker that is online but takes no turn holds old tables back and serves nobody. It must look
 * stalled at several checks in a row, each of which means that this process could run: when the
 * whole machine stood still, the clock alone would accuse everyone.
 */
static void on_check(struct rp_events_timer *timer)
{
	struct rp_supervisor *s = timer->user;
	int64_t now_ns = rp_events_now_ns(s->loop);

	rp_events_timer_set(s->loop, timer, now_ns + RP_STALL_CHECK_MS * RP_NS_PER_MS);
	for (uint32_t i = 0; i < s->worker_count; i++) {
		struct rp_child *child = &s->worker[i].child;

		if (child->pid == 0 || !is_stalled(s, i)) {
			child->stalled_checks = 0;
			continue;
		}
		if (++child->stalled_checks != RP_STALL_CHECKS)
			continue;
		RP_LOG(RP_LOG_ERROR, LOGGER, "Worker is stalled and is killed",
		       RP_F_INT("worker", i), RP_F_INT("pid", child->pid));
		rp_child_signal(child, SIGKILL);
	}
}

/* ---- start ---- */

static int watch_signals(struct rp_supervisor *s)
{
	sigset_t set;
	int fd;

	/* Who reads our log may go away; that is no reason to stop serving. */
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	s->signal_fd = fd;
	return rp_events_watch(s->loop, &s->signal_watch, fd, EPOLLIN, on_signal, s);
}

/* What the segments can grow to, regions of workers that do not exist left out, and the bodies with
 * what was read in them. */
static uint64_t most_memory(const struct rp_supervisor *s)
{
	uint64_t unused_workers = RP_WORKERS_MAX - s->worker_count;

	return s->shared.tables_segment.bytes + s->shared.live_segment.bytes -
	       rp_prefix_index_bytes(s->settings->prefix_index_bytes) +
	       rp_prefix_index_memory(s->settings->prefix_index_bytes) -
	       sizeof(struct rp_item_index) + rp_prefix_index_memory(RP_ITEM_INDEX_BYTES) -
	       unused_workers * (sizeof(struct rp_worker_region) + sizeof(struct rp_inflight_row)) +
	       2 * s->worker_count * s->settings->body_memory_bytes;
}

/* What workers still had to say, now that control, who writes it, is gone: often why we end. */
static void write_last_records(struct rp_supervisor *s)
{
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	size_t n;

	for (uint32_t i = 0; i < s->worker_count; i++) {
		while ((n = rp_spsc_ring_pop(&s->shared.live->worker[i].log, record,
					     sizeof(record))) != 0)
			rp_log_write_record(rp_bytes(record, n));
	}
	rp_log_flush();
}

static int start(struct rp_supervisor *s, struct rp_settings *settings, int argc,
		 char *const argv[], struct rp_diag *reterr)
{
	int err = rp_events_new(&s->loop);

	if (err == RP_OK)
		err = watch_signals(s);
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot watch signals: %s", rp_err_text(err));
	err = rp_supervisor_open_parts(s, settings, argc, argv, reterr);
	if (err != RP_OK)
		return err;
	rp_events_timer_init(&s->control.respawn, on_control_respawn, s);
	for (uint32_t i = 0; i < s->worker_count; i++)
		rp_events_timer_init(&s->worker[i].child.respawn, on_worker_respawn, &s->worker[i]);
	err = rp_events_watch(s->loop, &s->published_watch, s->published_fd, EPOLLIN, on_published,
			      s);
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot open descriptors: %s",
				   rp_err_text(err));
	return RP_OK;
}

int rp_supervisor_run(const struct rp_flags *flags, struct rp_settings *settings, int argc,
		      char *const argv[])
{
	struct rp_diag diag = {0};
	struct rp_supervisor *s;
	int exit_code;
	int err;

	rp_supervisor_tidy_descriptors();
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return EXIT_FAILURE;
	s->flags = flags;
	s->settings = settings;
	s->ext_proc_fd = -1;
	s->health_fd = -1;
	s->metrics_fd = -1;
	s->worker_count = settings->worker_count;
	s->worker = calloc(s->worker_count, sizeof(*s->worker));
	err = s->worker == NULL ? -ENOMEM : start(s, settings, argc, argv, &diag);
	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, "setup", "Cannot start", RP_F_TEXT("error", diag.message));
		s->exit_code = EXIT_FAILURE;
		goto out;
	}
	RP_LOG(RP_V0, "setup", "Starting", RP_F_INT("workers", s->worker_count),
	       RP_F_TEXT("ioBackend", io_choice_name(settings->io_backend)),
	       RP_F_INT("grpcPort", settings->grpc_port),
	       RP_F_INT("healthPort", settings->health_port),
	       RP_F_INT("metricsPort", settings->metrics_port),
	       RP_F_BOOL("secureServing", settings->is_secure != 0),
	       RP_F_INT("maxMemoryBytes", most_memory(s)));
	RP_LOG(RP_V0, "setup", "gRPC server listening", RP_F_TEXT("name", "health"),
	       RP_F_INT("port", settings->health_port));
	rp_events_timer_init(&s->ready, on_ready_check, s);
	start_control(s);
	for (uint32_t i = 0; i < s->worker_count; i++)
		start_worker(s, i);
	rp_events_timer_init(&s->check, on_check, s);
	rp_events_timer_set(s->loop, &s->check,
			    rp_events_now_ns(s->loop) + RP_STALL_CHECK_MS * RP_NS_PER_MS);
	err = rp_events_run(s->loop);
	if (err != RP_OK) {
		RP_LOG(RP_LOG_ERROR, LOGGER, "The event loop failed",
		       RP_F_TEXT("error", rp_err_text(err)));
		s->exit_code = EXIT_FAILURE; /* children die with us */
		goto out;
	}
	write_last_records(s);
	RP_LOG(RP_V0, LOGGER, "Stopped", RP_F_INT("exitCode", s->exit_code));
out:
	/* Descriptors and mappings go with the process; the records only please the leak checker.
	 */
	rp_supervisor_end_listening(s);
	exit_code = s->exit_code;
	rp_events_free(s->loop);
	free(s->control_argv);
	free(s->worker);
	free(s);
	return exit_code;
}
