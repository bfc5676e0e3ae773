/* SPDX-License-Identifier: Apache-2.0
 *
 * lora-affinity-scorer: 1 where the adapter is loaded, 0.8 where there is room for one more, 0.6
 * where it waits to be loaded (scheduling reference 3.3). Adapters are known by the hash of their
 * name alone: two names with one hash would be taken for one.
 */
#include "dataplane/sched/sched_plugin.h"
#include "shm/hash.h"

static bool is_listed(const _Atomic uint64_t *names, uint32_t count, uint64_t name)
{
	bool is_found = false;

	RP_ASSERT(count <= RP_LORA_NAMES_MAX);
	for (uint32_t i = 0; i < count; i++)
		is_found |= atomic_load_explicit(&names[i], memory_order_relaxed) == name;
	return is_found;
}

/* One that may list the name. */
static double score_listed(const struct rp_endpoint_metrics *metrics, uint32_t slot, uint64_t name,
			   bool has_room)
{
	uint32_t active =
		atomic_load_explicit(&metrics->lora_active_count[slot], memory_order_relaxed);
	uint32_t waiting =
		atomic_load_explicit(&metrics->lora_waiting_count[slot], memory_order_relaxed);

	if (is_listed(metrics->lora_active[slot], active, name))
		return 1.0;
	if (has_room)
		return 0.8;
	return is_listed(metrics->lora_waiting[slot], waiting, name) ? 0.6 : 0.0;
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_endpoint_metrics *metrics = &call->cycle->env->live->metrics;
	uint64_t name = rp_hash64_bytes(call->cycle->request->target_model);
	uint64_t bit = rp_lora_bit(name);
	const double by_room[2] = {0.0, 0.8};

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t slot = in->slot[i];
		uint64_t bits =
			atomic_load_explicit(&metrics->lora_bits[slot], memory_order_relaxed);
		bool has_room = (bits & RP_LORA_HAS_ROOM) != 0;

		score[i] = by_room[has_room];
		if (RP_UNLIKELY((bits & bit) != 0))
			score[i] = score_listed(metrics, slot, name, has_room);
	}
}

const struct rp_plugin_ops rp_lora_affinity_scorer = {.score = score};
