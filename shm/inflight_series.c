/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/inflight_series.h"

#include "shm/hash.h"

#define SPILLED ((struct rp_inflight_series_ref){.cell = RP_INFLIGHT_SERIES_MAX})

/* A key as words; the life is left out of what is hashed. */
struct words {
	uint64_t word[RP_INFLIGHT_KEY_WORDS];
};

enum { IDENTITY, LIFE, LENGTH, TEXT };

static struct words words_of(const struct rp_inflight_key *key)
{
	struct rp_bytes text = rp_bytes_cut(key->fairness_id, RP_METRIC_LABEL_MAX);
	struct words words = {{
		[IDENTITY] = (uint64_t)key->instance << 32 | key->slot,
		[LIFE] = (uint64_t)key->life << 32 | (uint32_t)key->priority,
		[LENGTH] = text.len,
	}};

	if (text.len > 0)
		memcpy(&words.word[TEXT], text.ptr, text.len);
	return words;
}

static uint64_t hash_of(const struct words *words)
{
	size_t used = TEXT + (words->word[LENGTH] + 7) / 8;
	uint64_t hash = XXH64(words->word, used * sizeof(words->word[0]), 0);

	return hash != 0 ? hash : 1;
}

static bool has_key(const struct rp_inflight_series *cell, const struct words *words)
{
	for (size_t i = 0; i < RP_INFLIGHT_KEY_WORDS; i++) {
		if (atomic_load_explicit(&cell->key[i], memory_order_relaxed) != words->word[i])
			return false;
	}
	return true;
}

static bool is_idle(const struct rp_inflight_series *cell)
{
	return atomic_load_explicit(&cell->requests, memory_order_relaxed) == 0 &&
	       atomic_load_explicit(&cell->tokens, memory_order_relaxed) == 0;
}

static void set_key(struct rp_inflight_series *cell, const struct words *words)
{
	uint32_t version = atomic_load_explicit(&cell->version, memory_order_relaxed);

	version |= 1;
	atomic_store_explicit(&cell->version, version, memory_order_relaxed);
	/* Release: who reads a word of the new key sees the odd version after it. */
	for (size_t i = 0; i < RP_INFLIGHT_KEY_WORDS; i++)
		atomic_store_explicit(&cell->key[i], words->word[i], memory_order_release);
	atomic_store_explicit(&cell->version, version + 1, memory_order_release);
}

/* The way that has the key or may have it; RP_INFLIGHT_WAYS: all are in use. */
static uint32_t find_way(struct rp_inflight_series_table *table, struct rp_inflight_bucket *bucket,
			 uint64_t hash, const struct words *words)
{
	uint32_t idle = RP_INFLIGHT_WAYS, free = RP_INFLIGHT_WAYS, way;

	for (uint32_t i = 0; i < RP_INFLIGHT_WAYS; i++) {
		if (bucket->hash[i] == hash && has_key(&bucket->cell[i], words))
			return i;
		if (bucket->hash[i] == 0 && free == RP_INFLIGHT_WAYS)
			free = i;
		else if (idle == RP_INFLIGHT_WAYS && is_idle(&bucket->cell[i]))
			idle = i;
	}
	way = free < RP_INFLIGHT_WAYS ? free : idle;
	if (way == RP_INFLIGHT_WAYS)
		return way;
	if (way == free)
		atomic_store_explicit(&table->used,
				      atomic_load_explicit(&table->used, memory_order_relaxed) + 1,
				      memory_order_relaxed);
	bucket->hash[way] = hash;
	set_key(&bucket->cell[way], words);
	return way;
}

static void move(struct rp_inflight_series *cell, uint64_t requests, int64_t tokens)
{
	atomic_store_explicit(&cell->tokens,
			      atomic_load_explicit(&cell->tokens, memory_order_relaxed) + tokens,
			      memory_order_relaxed);
	atomic_store_explicit(&cell->requests,
			      atomic_load_explicit(&cell->requests, memory_order_relaxed) +
				      requests,
			      memory_order_relaxed);
}

static void move_spilled(struct rp_inflight_series_table *table, uint32_t by)
{
	atomic_store_explicit(&table->spilled,
			      atomic_load_explicit(&table->spilled, memory_order_relaxed) + by,
			      memory_order_relaxed);
}

struct rp_inflight_series_ref rp_inflight_series_add(struct rp_inflight_series_table *table,
						     uint32_t series_max,
						     const struct rp_inflight_key *key,
						     uint64_t requests, int64_t tokens)
{
	struct words words = words_of(key);
	uint64_t hash = hash_of(&words);
	uint32_t buckets = series_max / RP_INFLIGHT_WAYS;
	uint32_t b, way;
	struct rp_inflight_series *cell;

	buckets = buckets < 1 ? 1 : buckets;
	buckets = buckets < RP_INFLIGHT_BUCKETS ? buckets : RP_INFLIGHT_BUCKETS;
	b = (uint32_t)(hash >> 32) % buckets;
	way = find_way(table, &table->bucket[b], hash, &words);
	if (way == RP_INFLIGHT_WAYS) {
		move_spilled(table, 1);
		return SPILLED;
	}
	cell = &table->bucket[b].cell[way];
	move(cell, requests, tokens);
	return (struct rp_inflight_series_ref){
		.cell = b * RP_INFLIGHT_WAYS + way,
		.version = atomic_load_explicit(&cell->version, memory_order_relaxed),
	};
}

void rp_inflight_series_sub(struct rp_inflight_series_table *table,
			    struct rp_inflight_series_ref ref, uint64_t requests, int64_t tokens)
{
	struct rp_inflight_series *cell;

	if (ref.cell >= RP_INFLIGHT_SERIES_MAX) {
		if (requests > 0)
			move_spilled(table, UINT32_MAX); /* one less */
		return;
	}
	cell = &table->bucket[ref.cell / RP_INFLIGHT_WAYS].cell[ref.cell % RP_INFLIGHT_WAYS];
	if (atomic_load_explicit(&cell->version, memory_order_relaxed) == ref.version)
		move(cell, 0 - requests, -tokens);
}

void rp_inflight_series_clear(struct rp_inflight_series_table *table)
{
	/* What was never used is not looked at: reading a hole of a memfd fills it. */
	if (atomic_load_explicit(&table->used, memory_order_relaxed) == 0)
		return;
	for (uint32_t i = 0; i < RP_INFLIGHT_SERIES_MAX; i++) {
		struct rp_inflight_bucket *bucket = &table->bucket[i / RP_INFLIGHT_WAYS];
		struct rp_inflight_series *cell = &bucket->cell[i % RP_INFLIGHT_WAYS];

		atomic_store_explicit(&cell->version, 0, memory_order_relaxed);
		atomic_store_explicit(&cell->requests, 0, memory_order_relaxed);
		atomic_store_explicit(&cell->tokens, 0, memory_order_relaxed);
		bucket->hash[i % RP_INFLIGHT_WAYS] = 0;
	}
	atomic_store_explicit(&table->used, 0, memory_order_relaxed);
	atomic_store_explicit(&table->spilled, 0, memory_order_relaxed);
}

bool rp_inflight_series_read(const struct rp_inflight_series_table *table, uint32_t i,
			     struct rp_inflight_sample *ret_sample)
{
	const struct rp_inflight_series *cell =
		&table->bucket[i / RP_INFLIGHT_WAYS].cell[i % RP_INFLIGHT_WAYS];
	uint32_t version = atomic_load_explicit(&cell->version, memory_order_acquire);
	uint64_t word[RP_INFLIGHT_KEY_WORDS];

	RP_ASSERT(i < RP_INFLIGHT_SERIES_MAX);
	if (version == 0 || version % 2 != 0)
		return false;
	ret_sample->requests = atomic_load_explicit(&cell->requests, memory_order_relaxed);
	ret_sample->tokens = atomic_load_explicit(&cell->tokens, memory_order_relaxed);
	for (size_t k = 0; k < RP_INFLIGHT_KEY_WORDS; k++)
		word[k] = atomic_load_explicit(&cell->key[k], memory_order_acquire);
	if (atomic_load_explicit(&cell->version, memory_order_relaxed) != version)
		return false;
	memcpy(ret_sample->words, &word[TEXT], sizeof(ret_sample->words));
	ret_sample->key = (struct rp_inflight_key){
		.instance = (uint32_t)(word[IDENTITY] >> 32),
		.slot = (uint32_t)word[IDENTITY],
		.life = (uint32_t)(word[LIFE] >> 32),
		.priority = (int32_t)(uint32_t)word[LIFE],
		.fairness_id =
			rp_bytes(ret_sample->words, rp_min_size(word[LENGTH], RP_METRIC_LABEL_MAX)),
	};
	return true;
}
