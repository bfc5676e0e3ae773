/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/keyed_table.h"

#include "shm/endpoint_registry.h"

/* An entry: tag 33 | is pending 1 | turn 6 | slot 14 | generation 10. Free: the tag is 0. */
enum {
	GENERATION_BITS = 10,
	SLOT_BITS = 14,
	TURN_SHIFT = GENERATION_BITS + SLOT_BITS,
	TURN_BITS = 6,
	PENDING_SHIFT = TURN_SHIFT + TURN_BITS,
	TAG_SHIFT = PENDING_SHIFT + 1,
	TICK_SHIFT = 24,     /* ns to stamps */
	AHEAD_MAX = 1 << 16, /* 18 minutes: a stamp is so far in the future at most, by clocks */
	PATIENCE = 32,	     /* looks at another's pending entry before it is taken away */
	ROUNDS_MAX = 1000,   /* others got in the way so often */
	NONE = RP_KEYED_BUCKET_ENTRIES,
};

#define PENDING	   (UINT64_C(1) << PENDING_SHIFT)
#define TURN_MASK  (((UINT64_C(1) << TURN_BITS) - 1) << TURN_SHIFT)
#define VALUE_MASK ((UINT64_C(1) << TURN_SHIFT) - 1)

static_assert(sizeof(struct rp_keyed_bucket) == RP_CACHE_LINE, "one bucket a line");
static_assert((RP_KEYED_TABLE_BUCKETS & (RP_KEYED_TABLE_BUCKETS - 1)) == 0, "a power of two");
static_assert(RP_KEYED_TABLE_BUCKETS <= UINT64_C(1) << TAG_SHIFT, "bucket and tag share no bits");
static_assert(RP_ENDPOINTS_MAX == 1u << SLOT_BITS, "a slot fits its bits");
static_assert(RP_ENDPOINT_GENERATION_MASK == (1u << GENERATION_BITS) - 1, "as the registry says");

/* ---- words ---- */

static uint64_t tag_of(uint64_t key)
{
	uint64_t tag = key >> TAG_SHIFT;

	return (tag != 0 ? tag : 1) << TAG_SHIFT;
}

static bool has_tag(uint64_t word, uint64_t tag)
{
	return ((word ^ tag) >> TAG_SHIFT) == 0;
}

static bool is_free(uint64_t word)
{
	return word >> TAG_SHIFT == 0;
}

/* So that each word in a place differs from the one before it. */
static uint64_t next_turn(uint64_t word)
{
	return (word + (UINT64_C(1) << TURN_SHIFT)) & TURN_MASK;
}

static uint64_t pack(struct rp_keyed_value value)
{
	RP_ASSERT(value.slot < RP_ENDPOINTS_MAX);
	return (uint64_t)value.slot << GENERATION_BITS |
	       (value.generation & RP_ENDPOINT_GENERATION_MASK);
}

static struct rp_keyed_value unpack(uint64_t word)
{
	return (struct rp_keyed_value){
		.slot = (uint32_t)(word >> GENERATION_BITS) & (RP_ENDPOINTS_MAX - 1),
		.generation = (uint32_t)word & RP_ENDPOINT_GENERATION_MASK,
	};
}

static bool swap(_Atomic uint64_t *place, uint64_t from, uint64_t to)
{
	/* seq_cst: of two workers that put in an entry for one key and then look for others, one
	 * sees the other. Release: with a valid entry its stamp is seen. */
	return atomic_compare_exchange_strong_explicit(place, &from, to, memory_order_seq_cst,
						       memory_order_seq_cst);
}

/* seq_cst: pairs with swap(). */
static uint64_t load(const _Atomic uint64_t *place)
{
	return atomic_load_explicit(place, memory_order_seq_cst);
}

bool rp_keyed_value_is(struct rp_keyed_value value, uint32_t slot, uint32_t generation)
{
	return value.slot == slot &&
	       ((value.generation ^ generation) & RP_ENDPOINT_GENERATION_MASK) == 0;
}

/* ---- stamps ---- */

static uint32_t tick_of(int64_t now_ns)
{
	return (uint32_t)((uint64_t)now_ns >> TICK_SHIFT);
}

/* Ticks since the stamp; a little ahead of our clock is now. */
static uint32_t age_of(const _Atomic uint32_t *stamp, uint32_t tick)
{
	uint32_t at = atomic_load_explicit(stamp, memory_order_relaxed);

	return at - tick < AHEAD_MAX ? 0 : tick - at;
}

static bool is_expired(const _Atomic uint32_t *stamp, int64_t now_ns, int64_t ttl_ns)
{
	return (int64_t)age_of(stamp, tick_of(now_ns)) > ttl_ns >> TICK_SHIFT;
}

/* Never back: whoever else stamps this place at the same time does so with about the same time, so
 * that it does not matter whose entry is there by then. */
static void raise_stamp(_Atomic uint32_t *stamp, uint32_t tick)
{
	uint32_t at = atomic_load_explicit(stamp, memory_order_relaxed);

	while (at - tick >= AHEAD_MAX &&
	       !atomic_compare_exchange_weak_explicit(stamp, &at, tick, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

/* ---- buckets ---- */

static struct rp_keyed_bucket *bucket_of(struct rp_keyed_table *table, uint64_t key)
{
	return &table->bucket[key & (RP_KEYED_TABLE_BUCKETS - 1)];
}

/* The valid entry of a key, or NONE. */
static uint32_t find(const struct rp_keyed_bucket *bucket, uint64_t tag, uint64_t *ret_word)
{
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		uint64_t word = load(&bucket->word[i]);

		if (has_tag(word, tag) && (word & PENDING) == 0) {
			*ret_word = word;
			return i;
		}
	}
	return NONE;
}

/* Where to put in a key that has no valid entry: over a pending one of its own, else where it is
 * free, else over the oldest. */
static uint32_t choose_place(const struct rp_keyed_bucket *bucket, uint64_t tag, uint32_t tick,
			     uint64_t *ret_word)
{
	uint32_t best = 0;
	uint64_t best_age = 0;

	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		uint64_t word = load(&bucket->word[i]);
		uint64_t age = age_of(&bucket->stamp[i], tick);

		if (has_tag(word, tag))
			age = UINT64_MAX;
		else if (is_free(word))
			age = UINT64_MAX - 1;
		if (i == 0 || age > best_age) {
			best = i;
			best_age = age;
			*ret_word = word;
		}
	}
	return best;
}

/* Take away others' pending entries of the key. @return false: another has a valid one */
static bool clear_rivals(struct rp_keyed_bucket *bucket, uint64_t tag, uint32_t own)
{
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		uint64_t word;

		if (i == own)
			continue;
		while (has_tag(word = load(&bucket->word[i]), tag)) {
			if ((word & PENDING) == 0)
				return false;
			if (swap(&bucket->word[i], word, next_turn(word)))
				break;
		}
	}
	return true;
}

/* Put an entry in the place of `word`. @return false: nothing is changed, others got in the way */
static bool insert(struct rp_keyed_bucket *bucket, uint32_t place, uint64_t word, uint64_t entry,
		   uint32_t tick)
{
	uint64_t pending = entry | next_turn(word) | PENDING;

	if (!swap(&bucket->word[place], word, pending))
		return false;
	raise_stamp(&bucket->stamp[place], tick);
	if (!clear_rivals(bucket, entry, place)) {
		(void)swap(&bucket->word[place], pending, next_turn(pending));
		return false;
	}
	return swap(&bucket->word[place], pending, pending & ~PENDING);
}

static bool has_pending(const struct rp_keyed_bucket *bucket, uint64_t tag)
{
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		uint64_t word = load(&bucket->word[i]);

		if (has_tag(word, tag) && (word & PENDING) != 0)
			return true;
	}
	return false;
}

/* Put in a key that had no valid entry a moment ago. */
static bool insert_somewhere(struct rp_keyed_bucket *bucket, uint64_t entry, uint32_t tick,
			     uint32_t round)
{
	uint64_t word = 0;
	uint32_t place;

	if (round < PATIENCE && has_pending(bucket, entry))
		return false;
	place = choose_place(bucket, entry, tick, &word);
	/* It became valid meanwhile. */
	if (has_tag(word, entry) && (word & PENDING) == 0)
		return false;
	return insert(bucket, place, word, entry, tick);
}

/* Change what a valid entry says. The stamp is raised first, as for an entry put in. */
static bool change(struct rp_keyed_bucket *bucket, uint32_t place, uint64_t word, uint64_t entry,
		   uint32_t tick)
{
	raise_stamp(&bucket->stamp[place], tick);
	return swap(&bucket->word[place], word, entry | next_turn(word));
}

/* ---- operations ---- */

bool rp_keyed_table_get(const struct rp_keyed_table *table, uint64_t key, int64_t now_ns,
			int64_t ttl_ns, struct rp_keyed_value *ret_value)
{
	const struct rp_keyed_bucket *bucket = &table->bucket[key & (RP_KEYED_TABLE_BUCKETS - 1)];
	uint64_t word;
	uint32_t place = find(bucket, tag_of(key), &word);

	if (place == NONE || is_expired(&bucket->stamp[place], now_ns, ttl_ns))
		return false;
	*ret_value = unpack(word);
	return true;
}

void rp_keyed_table_put(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value value,
			int64_t now_ns)
{
	struct rp_keyed_bucket *bucket = bucket_of(table, key);
	uint64_t entry = tag_of(key) | pack(value);
	uint32_t tick = tick_of(now_ns);

	for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
		uint64_t word;
		uint32_t place = find(bucket, entry, &word);
		bool is_done = place != NONE ? change(bucket, place, word, entry, tick)
					     : insert_somewhere(bucket, entry, tick, round);

		if (is_done)
			return;
	}
}

bool rp_keyed_table_put_if_unbound(struct rp_keyed_table *table, uint64_t key,
				   struct rp_keyed_value value, int64_t now_ns, int64_t ttl_ns,
				   struct rp_keyed_value *ret_bound)
{
	struct rp_keyed_bucket *bucket = bucket_of(table, key);
	uint64_t entry = tag_of(key) | pack(value);
	uint32_t tick = tick_of(now_ns);

	*ret_bound = unpack(entry);
	for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
		uint64_t word;
		uint32_t place = find(bucket, entry, &word);
		bool is_done;

		if (place == NONE) {
			is_done = insert_somewhere(bucket, entry, tick, round);
		} else if (is_expired(&bucket->stamp[place], now_ns, ttl_ns)) {
			is_done = insert(bucket, place, word, entry, tick);
		} else {
			*ret_bound = unpack(word);
			return false;
		}
		if (is_done)
			return true;
	}
	return false;
}

bool rp_keyed_table_rebind(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value from,
			   struct rp_keyed_value to, int64_t now_ns)
{
	struct rp_keyed_bucket *bucket = bucket_of(table, key);
	uint64_t entry = tag_of(key) | pack(to);
	uint64_t word;
	uint32_t place;

	while ((place = find(bucket, entry, &word)) != NONE && (word & VALUE_MASK) == pack(from)) {
		if (change(bucket, place, word, entry, tick_of(now_ns)))
			return true;
	}
	return false;
}

bool rp_keyed_table_refresh(struct rp_keyed_table *table, uint64_t key, struct rp_keyed_value value,
			    int64_t now_ns)
{
	struct rp_keyed_bucket *bucket = bucket_of(table, key);
	uint64_t word;
	uint32_t place = find(bucket, tag_of(key), &word);

	if (place == NONE || (word & VALUE_MASK) != pack(value))
		return false;
	raise_stamp(&bucket->stamp[place], tick_of(now_ns));
	return true;
}

bool rp_keyed_table_remove(struct rp_keyed_table *table, uint64_t key)
{
	struct rp_keyed_bucket *bucket = bucket_of(table, key);
	uint64_t word;
	uint32_t place;

	while ((place = find(bucket, tag_of(key), &word)) != NONE) {
		if (swap(&bucket->word[place], word, next_turn(word)))
			return true;
	}
	return false;
}
