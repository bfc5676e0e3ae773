/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/detector_state.h"

#include "shm/clock.h"

/* The three are no unit: a reader that takes them half written shows a figure a moment too old. */
void rp_detector_state_note(struct rp_detector_state *state, uint32_t worker,
			    uint64_t config_generation, int64_t now_ns, uint32_t stale)
{
	struct rp_detector_line *line = &state->worker[worker];

	RP_ASSERT(worker < RP_WORKERS_MAX);
	atomic_store_explicit(&line->stale, stale, memory_order_relaxed);
	atomic_store_explicit(&line->config_generation, config_generation, memory_order_relaxed);
	atomic_store_explicit(&line->taken_ns, now_ns, memory_order_release);
}

bool rp_detector_state_may_tell(struct rp_detector_state *state, int64_t now_ns)
{
	int64_t told_ns = atomic_load_explicit(&state->told_ns, memory_order_relaxed);

	if (told_ns != 0 && now_ns - told_ns < RP_DETECTOR_TELL_S * RP_NS_PER_S)
		return false;
	return atomic_compare_exchange_strong_explicit(&state->told_ns, &told_ns, now_ns,
						       memory_order_relaxed, memory_order_relaxed);
}

bool rp_detector_state_read(const struct rp_detector_state *state, uint32_t worker_count,
			    uint64_t config_generation, uint64_t *ret_stale)
{
	int64_t newest_ns = 0;

	for (uint32_t w = 0; w < worker_count; w++) {
		const struct rp_detector_line *line = &state->worker[w];
		int64_t taken_ns = atomic_load_explicit(&line->taken_ns, memory_order_acquire);

		if (taken_ns <= newest_ns ||
		    atomic_load_explicit(&line->config_generation, memory_order_relaxed) !=
			    config_generation)
			continue;
		newest_ns = taken_ns;
		*ret_stale = atomic_load_explicit(&line->stale, memory_order_relaxed);
	}
	return newest_ns != 0;
}
