/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/endpoint_metrics.h"

#include <string.h>

#define CUSTOM_MASK ((1u << RP_CUSTOM_ALL) - 1)

static uint64_t double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static double bits_double(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

/* Each figure stands for itself and the epoch word orders the batch: relaxed everywhere else. */
#define STORE(field, value)                                                                        \
	atomic_store_explicit(&metrics->field[slot], (value), memory_order_relaxed)
#define LOAD(field) atomic_load_explicit(&metrics->field[slot], memory_order_relaxed)

static uint32_t store_names(_Atomic uint64_t *to, const uint64_t *from, uint32_t count)
{
	if (count > RP_LORA_NAMES_MAX)
		count = RP_LORA_NAMES_MAX;
	for (uint32_t i = 0; i < count; i++)
		atomic_store_explicit(&to[i], from[i], memory_order_relaxed);
	return count;
}

static uint32_t load_names(uint64_t *to, const _Atomic uint64_t *from, uint32_t count)
{
	if (count > RP_LORA_NAMES_MAX)
		count = RP_LORA_NAMES_MAX;
	for (uint32_t i = 0; i < RP_LORA_NAMES_MAX; i++)
		to[i] = i < count ? atomic_load_explicit(&from[i], memory_order_relaxed) : 0;
	return count;
}

/* Absent ones are not touched, so that their pages stay untouched too. */
static void store_custom(struct rp_endpoint_metrics *metrics, uint32_t slot,
			 const struct rp_endpoint_figures *figures)
{
	uint32_t present = figures->custom_present & CUSTOM_MASK;

	for (uint32_t left = present; left != 0; left &= left - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(left);

		STORE(custom_bits[i], double_bits(figures->custom[i]));
	}
	/* Release: who sees that a figure is present sees a figure. */
	atomic_store_explicit(&metrics->custom_present[slot], present, memory_order_release);
}

static uint32_t load_custom_present(const struct rp_endpoint_metrics *metrics, uint32_t slot)
{
	/* Acquire: pairs with store_custom(). */
	return atomic_load_explicit(&metrics->custom_present[slot], memory_order_acquire) &
	       CUSTOM_MASK;
}

static uint64_t lora_bits(const struct rp_endpoint_figures *figures)
{
	uint32_t active = (uint32_t)rp_min_size(figures->lora_active_count, RP_LORA_NAMES_MAX);
	uint32_t waiting = (uint32_t)rp_min_size(figures->lora_waiting_count, RP_LORA_NAMES_MAX);
	uint64_t bits =
		(int64_t)active + (int64_t)waiting < figures->lora_max ? RP_LORA_HAS_ROOM : 0;

	for (uint32_t i = 0; i < active; i++)
		bits |= rp_lora_bit(figures->lora_active[i]);
	for (uint32_t i = 0; i < waiting; i++)
		bits |= rp_lora_bit(figures->lora_waiting[i]);
	return bits;
}

void rp_endpoint_metrics_write(struct rp_endpoint_metrics *metrics, uint32_t slot,
			       const struct rp_endpoint_figures *figures)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	STORE(waiting, figures->waiting);
	STORE(running, figures->running);
	STORE(kv_usage_bits, double_bits(figures->kv_usage));
	STORE(cache_block_size, figures->cache_block_size);
	STORE(cache_num_blocks, figures->cache_num_blocks);
	STORE(lora_max, figures->lora_max);
	STORE(lora_active_count, store_names(metrics->lora_active[slot], figures->lora_active,
					     figures->lora_active_count));
	STORE(lora_waiting_count, store_names(metrics->lora_waiting[slot], figures->lora_waiting,
					      figures->lora_waiting_count));
	STORE(lora_bits, lora_bits(figures));
	store_custom(metrics, slot, figures);
	STORE(updated_ns, figures->updated_ns);
}

void rp_endpoint_metrics_bump(struct rp_endpoint_metrics *metrics)
{
	uint64_t epoch = atomic_load_explicit(&metrics->epoch, memory_order_relaxed);

	/* Release: who loads the new epoch with acquire sees the batch. */
	atomic_store_explicit(&metrics->epoch, epoch + 1, memory_order_release);
}

void rp_endpoint_metrics_read(const struct rp_endpoint_metrics *metrics, uint32_t slot,
			      struct rp_endpoint_figures *ret_figures)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	ret_figures->waiting = LOAD(waiting);
	ret_figures->running = LOAD(running);
	ret_figures->kv_usage = bits_double(LOAD(kv_usage_bits));
	ret_figures->cache_block_size = LOAD(cache_block_size);
	ret_figures->cache_num_blocks = LOAD(cache_num_blocks);
	ret_figures->lora_max = LOAD(lora_max);
	ret_figures->lora_active_count = load_names(
		ret_figures->lora_active, metrics->lora_active[slot], LOAD(lora_active_count));
	ret_figures->lora_waiting_count = load_names(
		ret_figures->lora_waiting, metrics->lora_waiting[slot], LOAD(lora_waiting_count));
	ret_figures->custom_present = load_custom_present(metrics, slot);
	for (uint32_t i = 0; i < RP_CUSTOM_ALL; i++) {
		bool is_present = (ret_figures->custom_present & 1u << i) != 0;

		ret_figures->custom[i] = is_present ? bits_double(LOAD(custom_bits[i])) : 0;
	}
	ret_figures->updated_ns = LOAD(updated_ns);
}

bool rp_endpoint_metrics_custom(const struct rp_endpoint_metrics *metrics, uint32_t slot,
				uint32_t index, double *ret_value)
{
	RP_ASSERT(slot < RP_ENDPOINTS_MAX);
	RP_ASSERT(index < RP_CUSTOM_ALL);
	if ((load_custom_present(metrics, slot) & 1u << index) == 0)
		return false;
	*ret_value = bits_double(LOAD(custom_bits[index]));
	return true;
}

void rp_endpoint_metrics_clear(struct rp_endpoint_metrics *metrics, uint32_t slot)
{
	static const struct rp_endpoint_figures fresh;

	rp_endpoint_metrics_write(metrics, slot, &fresh);
}
