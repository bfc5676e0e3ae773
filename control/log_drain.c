/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log_drain.h"

#include <errno.h>
#include <stdlib.h>

#include "shm/clock.h"
#include "shm/log.h"

/* A round is bounded, so that a flood of lines holds up neither scraping nor the other workers. */
enum { PERIOD_MS = 20, RECORDS_PER_ROUND = 2000 };

struct rp_log_drain {
	struct rp_control *control;
	struct rp_events_timer timer;
	uint64_t dropped[RP_WORKERS_MAX]; /* as reported */
};

/* @return true if a ring may have more */
static bool drain_round(struct rp_log_drain *drain)
{
	struct rp_live *live = drain->control->shared.live;
	uint8_t record[RP_LOG_RECORD_BYTES_MAX];
	bool has_more = false;

	for (uint32_t i = 0; i < drain->control->settings->worker_count; i++) {
		struct rp_spsc_ring *ring = &live->worker[i].log;
		uint64_t dropped;
		size_t n = 0;
		uint32_t count = 0;

		while (count < RECORDS_PER_ROUND &&
		       (n = rp_spsc_ring_pop(ring, record, sizeof(record))) != 0) {
			rp_log_write_record(rp_bytes(record, n));
			count++;
		}
		has_more = has_more || count == RECORDS_PER_ROUND;
		dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
		if (dropped != drain->dropped[i]) {
			RP_LOG(RP_V0, "log", "Log lines of a worker were lost: its ring was full",
			       RP_F_INT("worker", i), RP_F_INT("lost", dropped - drain->dropped[i]),
			       RP_F_INT("lostSinceStart", dropped));
			drain->dropped[i] = dropped;
		}
	}
	rp_log_flush();
	return has_more;
}

static void on_period(struct rp_events_timer *timer)
{
	struct rp_log_drain *drain = timer->user;
	int64_t period_ns = drain_round(drain) ? 0 : PERIOD_MS * RP_NS_PER_MS;

	rp_events_timer_set(drain->control->loop, timer,
			    rp_events_now_ns(drain->control->loop) + period_ns);
}

int rp_log_drain_new(struct rp_control *control, struct rp_log_drain **ret_drain)
{
	struct rp_log_drain *drain = calloc(1, sizeof(*drain));

	if (drain == NULL)
		return -ENOMEM;
	drain->control = control;
	for (uint32_t i = 0; i < control->settings->worker_count; i++)
		drain->dropped[i] = atomic_load_explicit(
			&control->shared.live->worker[i].log.dropped, memory_order_relaxed);
	rp_events_timer_init(&drain->timer, on_period, drain);
	rp_events_timer_set(control->loop, &drain->timer, rp_events_now_ns(control->loop));
	*ret_drain = drain;
	return RP_OK;
}

void rp_log_drain_free(struct rp_log_drain *drain)
{
	if (drain == NULL)
		return;
	rp_events_timer_cancel(drain->control->loop, &drain->timer);
	/* Each ring holds at most so many rounds; a worker that still writes cannot keep us. */
	for (int i = 0; i < 64 && drain_round(drain); i++)
		;
	free(drain);
}
