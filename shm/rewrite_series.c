/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/rewrite_series.h"

#include <assert.h>

#include "shm/counters.h"
#include "shm/hash.h"

static_assert((RP_REWRITE_CELLS & (RP_REWRITE_CELLS - 1)) == 0, "a power of two");

struct key {
	struct rp_bytes object;
	struct rp_bytes model;
	struct rp_bytes target;
	uint64_t hash; /* never 0 */
};

static struct key key_of(struct rp_bytes object, struct rp_bytes model, struct rp_bytes target)
{
	struct key key = {
		.object = rp_bytes_cut(object, RP_METRIC_LABEL_MAX),
		.model = rp_bytes_cut(model, RP_METRIC_LABEL_MAX),
		.target = rp_bytes_cut(target, RP_METRIC_LABEL_MAX),
	};
	uint64_t h = XXH64(key.object.ptr, key.object.len, key.model.len << 16 | key.target.len);

	h = XXH64(key.model.ptr, key.model.len, h);
	h = XXH64(key.target.ptr, key.target.len, h);
	key.hash = h != 0 ? h : 1;
	return key;
}

static bool has_key(const struct rp_rewrite_series *series, const struct key *key)
{
	return rp_bytes_equal(rp_bytes(series->object, series->object_len), key->object) &&
	       rp_bytes_equal(rp_bytes(series->model, series->model_len), key->model) &&
	       rp_bytes_equal(rp_bytes(series->target, series->target_len), key->target);
}

static uint16_t copy_label(char *to, struct rp_bytes from)
{
	if (from.len != 0)
		memcpy(to, from.ptr, from.len);
	return (uint16_t)from.len;
}

static void set_key(struct rp_rewrite_series *series, const struct key *key)
{
	series->object_len = copy_label(series->object, key->object);
	series->model_len = copy_label(series->model, key->model);
	series->target_len = copy_label(series->target, key->target);
	/* Release: pairs with a reader's acquire, which then sees the whole key. */
	atomic_store_explicit(&series->key_hash, key->hash, memory_order_release);
}

/* @return NULL: it is not there, and as many keys as `max` are */
static struct rp_rewrite_series *intern(struct rp_rewrite_series_table *table, uint32_t max,
					const struct key *key)
{
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);

	for (uint32_t i = 0; i < RP_REWRITE_CELLS; i++) {
		struct rp_rewrite_series *series =
			&table->cell[((uint32_t)key->hash + i) & (RP_REWRITE_CELLS - 1)];
		uint64_t held = atomic_load_explicit(&series->key_hash, memory_order_relaxed);

		if (held == key->hash && has_key(series, key))
			return series;
		if (held != 0)
			continue;
		if (count >= max)
			return NULL;
		/* Counted first: a worker that dies here costs one key, never one too many. */
		atomic_store_explicit(&table->count, count + 1, memory_order_relaxed);
		set_key(series, key);
		return series;
	}
	return NULL;
}

static struct rp_rewrite_series *other(struct rp_rewrite_series_table *table)
{
	const struct rp_bytes text = RP_BYTES_LIT("other");

	if (atomic_load_explicit(&table->other.key_hash, memory_order_relaxed) == 0) {
		struct key key = key_of(text, text, text);

		set_key(&table->other, &key);
	}
	return &table->other;
}

void rp_rewrite_series_count(struct rp_rewrite_series_table *table, uint32_t series_max,
			     struct rp_bytes object, struct rp_bytes model, struct rp_bytes target,
			     bool is_ruled)
{
	uint32_t max = is_ruled ? RP_REWRITE_SERIES_MAX
				: (uint32_t)rp_min_size(series_max, RP_REWRITE_SERIES_MAX / 2);
	struct key key = key_of(object, model, target);
	struct rp_rewrite_series *series = intern(table, max, &key);

	if (series == NULL && !is_ruled) {
		key = key_of(object, RP_BYTES_LIT("other"), target);
		series = intern(table, RP_REWRITE_SERIES_MAX, &key);
	}
	rp_counter_add(&(series != NULL ? series : other(table))->decisions, 1);
}
