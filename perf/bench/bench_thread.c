/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "perf/bench/bench_load.h"
#include "perf/bench/bench_run.h"

enum {
	EVENTS = 256,
	POLL_MS = 1,	    /* while another stage is awaited */
	SWEEP_MS = 100,	    /* timeouts, connections that are gone */
	REOPEN_MS = 20,	    /* after a lost connection */
	LATE_MS = 1,	    /* a start this late is counted */
	IDLE_OPENING = 128, /* idle streams that wait for their pick */
};

/* ---- buffers and records ---- */

static void wake_all(struct rp_bench_thread *thread)
{
	for (uint32_t i = 0; i < thread->slot_count; i++) {
		if (thread->slots[i] != NULL)
			rp_bench_conn_wake(thread->slots[i]);
	}
}

uint8_t *rp_bench_thread_wire(struct rp_bench_thread *thread)
{
	uint8_t *wire = thread->wires;

	if (wire != NULL)
		memcpy(&thread->wires, wire, sizeof(thread->wires));
	else
		wire = malloc(RP_BENCH_WIRE_BYTES);
	RP_ASSERT(wire != NULL);
	return wire;
}

void rp_bench_thread_give_wire(struct rp_bench_thread *thread, uint8_t *wire)
{
	memcpy(wire, &thread->wires, sizeof(thread->wires));
	thread->wires = wire;
}

void rp_bench_thread_pace(struct rp_bench_thread *thread, struct rp_bench_stream *stream)
{
	stream->is_in_pace = true;
	stream->paced_next = NULL;
	if (thread->paced_last != NULL)
		thread->paced_last->paced_next = stream;
	else
		thread->paced_first = stream;
	thread->paced_last = stream;
}

static void unpace(struct rp_bench_thread *thread, struct rp_bench_stream *stream)
{
	struct rp_bench_stream *before = NULL;

	if (!stream->is_in_pace)
		return;
	stream->is_in_pace = false;
	for (struct rp_bench_stream *at = thread->paced_first; at != stream; at = at->paced_next)
		before = at;
	if (before == NULL)
		thread->paced_first = stream->paced_next;
	else
		before->paced_next = stream->paced_next;
	if (thread->paced_last == stream)
		thread->paced_last = before;
}

void rp_bench_thread_give_stream(struct rp_bench_thread *thread, struct rp_bench_stream *stream)
{
	if (stream->is_idle) {
		for (uint32_t i = 0; i < thread->idle_open; i++) {
			if (thread->idle[i] == stream)
				thread->idle[i] = NULL;
		}
	}
	unpace(thread, stream);
	stream->conn = NULL;
	stream->next = thread->free;
	thread->free = stream;
}

void rp_bench_thread_retry_stream(struct rp_bench_thread *thread, struct rp_bench_stream *stream)
{
	unpace(thread, stream);
	stream->conn = NULL;
	stream->next = thread->retry;
	thread->retry = stream;
	wake_all(thread);
}

void rp_bench_thread_idle_ready(struct rp_bench_thread *thread, struct rp_bench_stream *stream)
{
	thread->idle[thread->idle_open++] = stream;
}

bool rp_bench_thread_is_measuring(const struct rp_bench_thread *thread)
{
	return thread->stage == RP_BENCH_STAGE_LOAD && thread->now_ns >= thread->measure_begin_ns &&
	       thread->now_ns < thread->measure_end_ns;
}

/* ---- connections ---- */

static void open_slot(struct rp_bench_thread *thread, uint32_t slot)
{
	int err = RP_OK;

	thread->slots[slot] = rp_bench_conn_open(thread, slot, &err);
	if (thread->slots[slot] != NULL)
		return;
	thread->reopen_ns[slot] = thread->now_ns + REOPEN_MS * RP_NS_PER_MS;
	if (thread->stage == RP_BENCH_STAGE_CONNECT)
		rp_bench_run_fail(thread->run, rp_err_text(err));
}

void rp_bench_thread_slot_free(struct rp_bench_thread *thread, struct rp_bench_conn *conn,
			       const char *why)
{
	if (thread->slots[conn->slot] != conn)
		return;
	thread->slots[conn->slot] = NULL;
	thread->reopen_ns[conn->slot] = thread->now_ns + REOPEN_MS * RP_NS_PER_MS;
	/* One that goes away is replaced at once, as gateways do. */
	if (conn->is_going_away) {
		thread->reopen_ns[conn->slot] = thread->now_ns;
		thread->next_sweep_ns = thread->now_ns;
	}
	if (thread->stage == RP_BENCH_STAGE_CONNECT)
		rp_bench_run_fail(thread->run, why != NULL ? why : "the connection was lost");
}

static uint32_t streams_needed(const struct rp_bench_options *options)
{
	uint32_t busy = options->rate > 0 ? 1 : options->streams;

	return busy + (options->idle_streams + options->connections - 1) / options->connections;
}

/* All connections are open, and they take as many streams as are wanted. */
static bool is_connected(struct rp_bench_thread *thread)
{
	uint32_t needed = streams_needed(thread->options);

	for (uint32_t i = 0; i < thread->slot_count; i++) {
		const struct rp_bench_conn *conn = thread->slots[i];

		if (conn == NULL || conn->state != RP_BENCH_CONN_OPEN)
			return false;
		if (conn->peer_max_streams < needed) {
			rp_bench_run_fail(
				thread->run,
				"the picker allows fewer streams on a connection than are "
				"wanted: raise --connections");
			return false;
		}
	}
	return true;
}

static bool is_usable(const struct rp_bench_conn *conn)
{
	return conn != NULL && conn->state == RP_BENCH_CONN_OPEN && !conn->is_going_away;
}

/* ---- starting streams ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A record for a stream; *begin_ns becomes when it was meant to start, if it is to start again. */
static struct rp_bench_stream *take_stream(struct rp_bench_thread *thread, int64_t *begin_ns)
{
	struct rp_bench_stream **from = thread->retry != NULL ? &thread->retry : &thread->free;
	struct rp_bench_stream *stream = *from;

	if (stream == NULL)
		return NULL;
	if (from == &thread->retry)
		*begin_ns = stream->begin_ns;
	*from = stream->next;
	return stream;
}

static bool may_start(const struct rp_bench_thread *thread)
{
	return thread->has_begun && !thread->has_stopped &&
	       (thread->measured_wanted == 0 || thread->measured_started < thread->measured_wanted);
}

/* Closed loop: keep as many streams open as wanted. */
static void refill(struct rp_bench_thread *thread, struct rp_bench_conn *conn)
{
	while (is_usable(conn) && conn->busy < thread->options->streams && may_start(thread)) {
		int64_t begin_ns = thread->now_ns;
		struct rp_bench_stream *stream = take_stream(thread, &begin_ns);

		if (stream == NULL)
			return;
		rp_bench_stream_start(stream, conn, begin_ns, false);
	}
}

/* The next connection with room for one more stream; NULL: none has. */
static struct rp_bench_conn *next_conn(struct rp_bench_thread *thread)
{
	uint32_t max = thread->options->max_open;

	for (uint32_t i = 0; i < thread->slot_count; i++) {
		struct rp_bench_conn *conn = thread->slots[thread->next_slot];

		thread->next_slot = (thread->next_slot + 1) % thread->slot_count;
		if (is_usable(conn) && conn->busy < max && conn->open < conn->peer_max_streams)
			return conn;
	}
	return NULL;
}

/* Start i of the open loop; each thread has its share, evenly between those of the others. */
static int64_t start_ns(const struct rp_bench_thread *thread, uint64_t i)
{
	double nth = (double)i * thread->options->threads + thread->index;

	return thread->load_begin_ns + (int64_t)(nth / thread->options->rate * (double)RP_NS_PER_S);
}

static void count_late(struct rp_bench_thread *thread, int64_t due_ns)
{
	if (thread->now_ns - due_ns <= LATE_MS * RP_NS_PER_MS || due_ns < thread->measure_begin_ns)
		return;
	if (thread->was_full)
		thread->stats.late_full++;
	else
		thread->stats.late++;
}

static void start_due(struct rp_bench_thread *thread)
{
	while (may_start(thread)) {
		int64_t due_ns = start_ns(thread, thread->starts_due);

		if (due_ns > thread->now_ns || due_ns >= thread->measure_end_ns)
			return;
		struct rp_bench_conn *conn = next_conn(thread);
		bool is_retry = thread->retry != NULL;
		struct rp_bench_stream *stream = conn != NULL ? take_stream(thread, &due_ns) : NULL;

		if (stream == NULL) {
			thread->is_full = true;
			return;
		}
		if (!is_retry) {
			thread->starts_due++;
			count_late(thread, due_ns);
		}
		rp_bench_stream_start(stream, conn, due_ns, false);
	}
}

/* The open loop ends: what was due until now, and was not started. */
static void count_unstarted(struct rp_bench_thread *thread)
{
	if (thread->options->rate <= 0 || thread->measured_wanted > 0 || !thread->has_begun)
		return;
	int64_t until_ns = earlier(thread->now_ns, thread->measure_end_ns);

	for (; start_ns(thread, thread->starts_due) < until_ns; thread->starts_due++)
		thread->stats.unstarted +=
			start_ns(thread, thread->starts_due) >= thread->measure_begin_ns;
}

/* ---- idle streams ---- */

static void open_idle(struct rp_bench_thread *thread)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < thread->slot_count; i++)
		open += thread->slots[i] != NULL ? thread->slots[i]->idle : 0;
	while (open < thread->idle_wanted && open - thread->idle_open < IDLE_OPENING) {
		struct rp_bench_conn *conn = next_conn(thread);
		int64_t begin_ns = thread->now_ns;
		struct rp_bench_stream *stream =
			conn != NULL ? take_stream(thread, &begin_ns) : NULL;

		if (stream == NULL)
			return;
		rp_bench_stream_start(stream, conn, begin_ns, true);
		open++;
	}
}

static int64_t feed_ns(const struct rp_bench_thread *thread, uint64_t i)
{
	double interval_ns = thread->options->feed_interval_ms * (double)RP_NS_PER_MS;

	return thread->load_begin_ns + (int64_t)((double)i * interval_ns / thread->idle_open);
}

static void feed_due(struct rp_bench_thread *thread)
{
	if (thread->idle_open == 0 || thread->options->feed_interval_ms <= 0 || thread->has_stopped)
		return;
	for (;;) {
		int64_t due_ns = feed_ns(thread, thread->feeds_done);

		if (due_ns > thread->now_ns)
			return;
		struct rp_bench_stream *stream =
			thread->idle[thread->feeds_done++ % thread->idle_open];

		if (stream != NULL)
			rp_bench_stream_next_chunk(stream, due_ns);
	}
}

static void pace_due(struct rp_bench_thread *thread)
{
	while (thread->paced_first != NULL && thread->paced_first->paced_ns <= thread->now_ns) {
		struct rp_bench_stream *stream = thread->paced_first;

		unpace(thread, stream);
		rp_bench_stream_next_chunk(stream, stream->paced_ns);
		stream->paced_ns += thread->sse_interval_ns;
		if (stream->message_limit < stream->message_end)
			rp_bench_thread_pace(thread, stream);
	}
}

/* ---- the turn ---- */

/* What was counted since the last time is of the second that ends, or would have. */
static void hand_over_second(struct rp_bench_thread *thread)
{
	struct rp_bench_run *run = thread->run;
	int64_t number = (thread->next_second_ns - thread->measure_begin_ns) / RP_NS_PER_S - 1;

	if (number >= 0) {
		pthread_mutex_lock(&run->lock);
		rp_bench_second_merge(&run->seconds[number % RP_BENCH_SECONDS_KEPT],
				      &thread->stats.second);
		run->open += (uint64_t)thread->open - thread->open_told;
		pthread_mutex_unlock(&run->lock);
		thread->open_told = thread->open;
	}
	memset(&thread->stats.second, 0, sizeof(thread->stats.second));
	thread->next_second_ns += RP_NS_PER_S;
}

static void hand_over(struct rp_bench_thread *thread)
{
	while (thread->now_ns >= thread->next_second_ns)
		hand_over_second(thread);
}

static void sweep(struct rp_bench_thread *thread)
{
	int64_t timeout_ns = (int64_t)(thread->options->timeout_s * (double)RP_NS_PER_S);
	struct rp_bench_conn **at = &thread->conns;

	thread->next_sweep_ns = thread->now_ns + earlier(SWEEP_MS * RP_NS_PER_MS, timeout_ns / 4);
	for (uint32_t i = 0; i < thread->stream_count; i++) {
		struct rp_bench_stream *stream = &thread->streams[i];

		if (stream->conn != NULL && thread->now_ns - stream->progress_ns > timeout_ns &&
		    rp_bench_stream_is_waiting(stream))
			rp_bench_stream_finish(stream, RP_BENCH_FAILED, "no answer for %g s",
					       thread->options->timeout_s);
	}
	while (*at != NULL) {
		struct rp_bench_conn *conn = *at;

		if (conn->open == 0 && !conn->is_dirty &&
		    (conn->state == RP_BENCH_CONN_CLOSED || conn->is_going_away)) {
			*at = conn->next;
			rp_bench_conn_free(conn);
		} else {
			at = &conn->next;
		}
	}
	for (uint32_t i = 0; i < thread->slot_count; i++) {
		if (is_usable(thread->slots[i]))
			thread->connected_ns = thread->now_ns;
		if (thread->slots[i] == NULL && thread->now_ns >= thread->reopen_ns[i] &&
		    thread->stage != RP_BENCH_STAGE_DRAIN)
			open_slot(thread, i);
	}
}

static void flush(struct rp_bench_thread *thread)
{
	while (thread->dirty != NULL) {
		struct rp_bench_conn *conn = thread->dirty;

		thread->dirty = conn->dirty_next;
		conn->is_dirty = false;
		if (thread->options->rate <= 0)
			refill(thread, conn);
		rp_bench_conn_flush(conn);
	}
}

/* End what would stay open for ever. */
static void half_close_idle(struct rp_bench_thread *thread)
{
	for (uint32_t i = 0; i < thread->idle_open; i++) {
		if (thread->idle[i] != NULL)
			rp_bench_stream_leave(thread->idle[i]);
	}
}

/* No connection for so long that none will come. */
static bool is_cut_off(const struct rp_bench_thread *thread)
{
	return thread->now_ns - thread->connected_ns >
	       (int64_t)(thread->options->timeout_s * (double)RP_NS_PER_S);
}

static void stop_starting(struct rp_bench_thread *thread)
{
	if (thread->has_stopped)
		return;
	thread->has_stopped = true;
	count_unstarted(thread);
	/* A part of a second. */
	if (thread->measured_wanted > 0 && thread->has_begun)
		hand_over_second(thread);
	rp_bench_run_ready(thread->run);
}

static void on_stage(struct rp_bench_thread *thread, int stage)
{
	thread->stage = stage;
	thread->is_ready_told = false;
	if (stage == RP_BENCH_STAGE_LOAD) {
		thread->measure_begin_ns = thread->run->measure_begin_ns;
		thread->measure_end_ns = thread->run->measure_end_ns;
		thread->load_begin_ns = thread->measure_begin_ns -
					(int64_t)(thread->options->warmup_s * (double)RP_NS_PER_S);
		thread->next_second_ns = thread->measure_begin_ns;
		thread->connected_ns = thread->now_ns;
	} else if (stage == RP_BENCH_STAGE_DRAIN) {
		stop_starting(thread);
		thread->drain_until_ns = thread->now_ns + (int64_t)(thread->options->timeout_s *
								    (double)RP_NS_PER_S);
		half_close_idle(thread);
	}
}

static void tell_ready(struct rp_bench_thread *thread)
{
	if (thread->is_ready_told)
		return;
	thread->is_ready_told = true;
	rp_bench_run_ready(thread->run);
}

/* What is due at this time, whatever came over the sockets. */
static void on_time(struct rp_bench_thread *thread)
{
	switch ((enum rp_bench_stage)thread->stage) {
	case RP_BENCH_STAGE_CONNECT:
		if (is_connected(thread))
			tell_ready(thread);
		break;
	case RP_BENCH_STAGE_IDLE:
		open_idle(thread);
		if (thread->idle_open >= thread->idle_wanted)
			tell_ready(thread);
		break;
	case RP_BENCH_STAGE_LOAD:
		if (!thread->has_begun && thread->now_ns >= thread->load_begin_ns) {
			thread->has_begun = true;
			wake_all(thread);
		}
		if (thread->options->rate > 0)
			start_due(thread);
		feed_due(thread);
		hand_over(thread);
		if (thread->now_ns >= thread->measure_end_ns ||
		    (thread->measured_wanted > 0 &&
		     thread->measured_done >= thread->measured_wanted) ||
		    is_cut_off(thread))
			stop_starting(thread);
		break;
	case RP_BENCH_STAGE_DRAIN:
	default:
		break;
	}
	pace_due(thread);
	if (thread->now_ns >= thread->next_sweep_ns)
		sweep(thread);
}

static int64_t next_ns(const struct rp_bench_thread *thread)
{
	int64_t next = thread->next_sweep_ns;

	if (thread->stage == RP_BENCH_STAGE_LOAD && !thread->has_begun) {
		next = earlier(next, thread->load_begin_ns);
	} else if (thread->stage == RP_BENCH_STAGE_LOAD && !thread->has_stopped) {
		next = earlier(next, thread->measure_end_ns);
		/* With all places taken, the next start waits for an answer. */
		if (thread->options->rate > 0 && !thread->is_full)
			next = earlier(next, start_ns(thread, thread->starts_due));
		if (thread->idle_open > 0 && thread->options->feed_interval_ms > 0)
			next = earlier(next, feed_ns(thread, thread->feeds_done));
	} else {
		next = earlier(next, thread->now_ns + POLL_MS * RP_NS_PER_MS);
	}
	if (thread->paced_first != NULL)
		next = earlier(next, thread->paced_first->paced_ns);
	return next;
}

static void turn(struct rp_bench_thread *thread)
{
	struct epoll_event events[EVENTS];
	int64_t wait_ns = next_ns(thread) - rp_clock_monotonic_ns();

	wait_ns = wait_ns < 0 ? 0 : wait_ns;
	struct timespec wait = {wait_ns / RP_NS_PER_S, wait_ns % RP_NS_PER_S};
	int n = epoll_pwait2(thread->epoll_fd, events, EVENTS, &wait, NULL);

	RP_ASSERT(n >= 0 || errno == EINTR);
	thread->now_ns = rp_clock_monotonic_ns();
	thread->was_full = thread->is_full;
	thread->is_full = false;
	for (int i = 0; i < n; i++)
		rp_bench_conn_event(events[i].data.ptr, events[i].events);
	on_time(thread);
	flush(thread);
	int stage = atomic_load(&thread->run->stage);

	if (stage != thread->stage) {
		on_stage(thread, stage);
		flush(thread);
	}
}

static bool is_over(const struct rp_bench_thread *thread)
{
	return thread->stage == RP_BENCH_STAGE_DRAIN &&
	       (thread->open == 0 || thread->now_ns >= thread->drain_until_ns);
}

/* ---- life ---- */

static uint32_t share(uint32_t total, uint32_t parts, uint32_t index)
{
	return total / parts + (index < total % parts);
}

static void thread_init(struct rp_bench_thread *thread)
{
	const struct rp_bench_options *options = thread->options;
	uint32_t each = options->rate > 0 ? options->max_open : options->streams;

	prctl(PR_SET_TIMERSLACK, 1);
	atomic_store(&thread->tid, (uint32_t)gettid());
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	thread->slot_count = share(options->connections, options->threads, thread->index);
	thread->idle_wanted = share(options->idle_streams, options->threads, thread->index);
	thread->measured_wanted = share(options->requests, options->threads, thread->index);
	thread->next_number = thread->index;
	thread->stream_count = thread->slot_count * each + thread->idle_wanted;
	thread->sse_interval_ns = (int64_t)(options->sse_interval_ms * (double)RP_NS_PER_MS);
	thread->feed_interval_ns = (int64_t)(options->feed_interval_ms * (double)RP_NS_PER_MS);
	thread->measure_begin_ns = INT64_MAX;
	thread->measure_end_ns = INT64_MAX;
	thread->slots = calloc(thread->slot_count, sizeof(struct rp_bench_conn *));
	thread->reopen_ns = calloc(thread->slot_count, sizeof(int64_t));
	thread->idle = calloc(thread->idle_wanted + 1, sizeof(struct rp_bench_stream *));
	thread->streams = calloc(thread->stream_count, sizeof(struct rp_bench_stream));
	thread->recv = malloc(RP_BENCH_RECV_BYTES);
	thread->record = malloc(RP_BENCH_RECORD_BYTES);
	thread->plain = (struct rp_bench_out){malloc(RP_BENCH_SEND_BYTES), 0, RP_BENCH_SEND_BYTES};
	RP_ASSERT(thread->epoll_fd >= 0 && thread->slots != NULL && thread->reopen_ns != NULL &&
		  thread->idle != NULL && thread->streams != NULL && thread->recv != NULL &&
		  thread->record != NULL && thread->plain.data != NULL);
	for (uint32_t i = thread->stream_count; i-- > 0;) {
		thread->streams[i].next = thread->free;
		thread->free = &thread->streams[i];
	}
	thread->now_ns = rp_clock_monotonic_ns();
	for (uint32_t i = 0; i < thread->slot_count; i++)
		open_slot(thread, i);
}

static void thread_fini(struct rp_bench_thread *thread)
{
	for (uint32_t i = 0; i < thread->stream_count && thread->open > 0; i++) {
		if (thread->streams[i].conn != NULL)
			rp_bench_stream_finish(&thread->streams[i], RP_BENCH_FAILED,
					       "not answered when the run ended");
	}
	flush(thread);
	while (thread->conns != NULL) {
		struct rp_bench_conn *conn = thread->conns;

		thread->conns = conn->next;
		rp_bench_conn_free(conn);
	}
	while (thread->wires != NULL)
		free(rp_bench_thread_wire(thread));
	free(thread->slots);
	free(thread->reopen_ns);
	free(thread->idle);
	free(thread->streams);
	free(thread->recv);
	free(thread->record);
	free(thread->plain.data);
	close(thread->epoll_fd);
}

void *rp_bench_thread_main(void *argument)
{
	struct rp_bench_thread *thread = argument;

	thread_init(thread);
	while (!is_over(thread))
		turn(thread);
	thread_fini(thread);
	return NULL;
}
