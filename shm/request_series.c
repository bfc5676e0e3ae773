/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/request_series.h"

#include <assert.h>

#include "shm/hash.h"

static_assert(RP_METRIC_SERIES_MAX <= UINT16_MAX, "cells have 16 bits");
static_assert((RP_REQUEST_SERIES_CELLS & (RP_REQUEST_SERIES_CELLS - 1)) == 0, "a power of two");

const char *rp_request_error_name(enum rp_request_error error)
{
	switch (error) {
#define RP_REQUEST_ERROR_CASE(id, text)                                                            \
	case RP_REQUEST_ERROR_##id:                                                                \
		return text;
		RP_REQUEST_ERRORS(RP_REQUEST_ERROR_CASE)
#undef RP_REQUEST_ERROR_CASE
	case RP_REQUEST_ERROR_COUNT:
		break;
	}
	return "Unknown";
}

static enum rp_bucket_set bucket_set(enum rp_series_histogram which)
{
	switch (which) {
#define RP_SERIES_CASE(id, name, set, help)                                                        \
	case RP_SERIES_##id:                                                                       \
		return RP_BUCKETS_##set;
		RP_SERIES_HISTOGRAMS(RP_SERIES_CASE)
#undef RP_SERIES_CASE
	case RP_SERIES_HISTOGRAM_COUNT:
		break;
	}
	RP_ASSERT(!"a histogram of a series");
	return RP_BUCKETS_LAT;
}

/* Labels of a series, cut to what fits. */
struct key {
	struct rp_bytes model;
	struct rp_bytes target;
	struct rp_bytes fairness;
	int32_t priority;
	uint64_t hash; /* never 0 */
};

static void hash_key(struct key *key)
{
	uint64_t h =
		(uint64_t)(uint32_t)key->priority << 32 | key->model.len << 16 | key->target.len;

	h = XXH64(key->model.ptr, key->model.len, h);
	h = XXH64(key->target.ptr, key->target.len, h);
	h = XXH64(key->fairness.ptr, key->fairness.len, h);
	key->hash = h != 0 ? h : 1;
}

static bool has_key(const struct rp_request_series *series, const struct key *key)
{
	return series->priority == key->priority &&
	       rp_bytes_equal(rp_bytes(series->model, series->model_len), key->model) &&
	       rp_bytes_equal(rp_bytes(series->target, series->target_len), key->target) &&
	       rp_bytes_equal(rp_bytes(series->fairness, series->fairness_len), key->fairness);
}

static uint16_t copy_label(char *to, struct rp_bytes from)
{
	if (from.len != 0)
		memcpy(to, from.ptr, from.len);
	return (uint16_t)from.len;
}

static void set_key(struct rp_request_series *series, const struct key *key)
{
	series->priority = key->priority;
	series->model_len = copy_label(series->model, key->model);
	series->target_len = copy_label(series->target, key->target);
	series->fairness_len = copy_label(series->fairness, key->fairness);
	/* Release: pairs with a reader's acquire, which then sees whole labels. */
	atomic_store_explicit(&series->key_hash, key->hash, memory_order_release);
}

static struct rp_request_series *other(struct rp_request_series_table *table)
{
	struct rp_request_series *series = &table->series[0];

	if (atomic_load_explicit(&series->key_hash, memory_order_relaxed) == 0) {
		struct rp_bytes text = RP_BYTES_LIT("other");
		struct key key = {text, text, text, 0, 0};

		hash_key(&key);
		set_key(series, &key);
	}
	return series;
}

/*
 * The order cell, count, key lets the next worker go on if this one dies at any line: a series that
 * a cell points to but that has no key yet is taken by whoever comes across it.
 */
static struct rp_request_series *intern(struct rp_request_series_table *table, uint32_t series_max,
					const struct key *key)
{
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);
	uint32_t at = (uint32_t)key->hash & (RP_REQUEST_SERIES_CELLS - 1);
	struct rp_request_series *series;
	uint32_t idx;

	for (uint32_t i = 0; i < RP_REQUEST_SERIES_CELLS; i++) {
		idx = table->cell[at];
		RP_ASSERT(idx < RP_METRIC_SERIES_MAX);
		series = &table->series[idx];
		uint64_t hash = atomic_load_explicit(&series->key_hash, memory_order_relaxed);

		if (idx == 0 || hash == 0)
			break;
		if (hash == key->hash && has_key(series, key))
			return series;
		at = (at + 1) & (RP_REQUEST_SERIES_CELLS - 1);
	}
	if (table->cell[at] == 0) {
		idx = count + 1;
		if (idx >= series_max)
			return other(table);
		table->cell[at] = (uint16_t)idx;
	}
	idx = table->cell[at];
	if (idx > count)
		atomic_store_explicit(&table->count, idx, memory_order_relaxed);
	set_key(&table->series[idx], key);
	return &table->series[idx];
}

struct rp_request_series *rp_request_series_get(struct rp_request_series_table *table,
						uint32_t series_max, struct rp_bytes model,
						struct rp_bytes target, struct rp_bytes fairness,
						int32_t priority)
{
	struct key key = {
		.model = rp_bytes_cut(model, RP_METRIC_LABEL_MAX),
		.target = rp_bytes_cut(target, RP_METRIC_LABEL_MAX),
		.fairness = rp_bytes_cut(fairness, RP_METRIC_LABEL_MAX),
		.priority = priority,
	};

	hash_key(&key);
	return intern(table, (uint32_t)rp_min_size(series_max, RP_METRIC_SERIES_MAX), &key);
}

void rp_request_series_observe(struct rp_request_series *series, enum rp_series_histogram which,
			       double value)
{
	RP_ASSERT(which < RP_SERIES_HISTOGRAM_COUNT);
	rp_histogram_observe(&series->histogram[which], bucket_set(which), value);
}

void rp_request_series_reset_gauges(struct rp_request_series_table *table)
{
	uint32_t count = atomic_load_explicit(&table->count, memory_order_relaxed);

	/* No series beyond the count is looked at: reading a hole of a memfd fills it. */
	for (uint32_t i = 0; i <= count && i < RP_METRIC_SERIES_MAX; i++)
		rp_gauge_set(&table->series[i].running, 0);
}
