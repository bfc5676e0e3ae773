/* SPDX-License-Identifier: Apache-2.0
 *
 * Two things at once. All workers bind the same fresh keys at the same time, and must agree to
 * whom. And all do everything to a few keys of two buckets, more than have room, where what is
 * found must be what somebody wrote for that key, and no key may have two entries.
 */
#include "shm/hash.h"
#include "shm/keyed_table.h"
#include "tests/stress/crowd.h"

enum {
	WORKERS = 4,
	CHECKER = WORKERS,
	HOT_BUCKETS = 2, /* the first ones; fresh keys stay out of them */
	HOT_KEYS = 14,
	VERDICTS = 1 << 16,
	LATE = 10000,	     /* keys: who was held up for longer may find its key evicted */
	TTL_NS = 1000000000, /* longer than fresh keys are looked at */
	PENDING_BIT = 30,
	TAG_SHIFT = 31,
};

struct shared {
	struct rp_keyed_table table;
	_Atomic uint64_t fresh;		    /* number of the present fresh key */
	_Atomic uint64_t verdict[VERDICTS]; /* number << 16 | worker that bound it */
	_Atomic uint64_t agreed;
	_Atomic uint64_t lost; /* found somebody else's */
	_Atomic uint64_t hot;
};

static struct shared *shared;

static uint64_t fresh_key(uint64_t number)
{
	uint64_t key = rp_hash64(&number, sizeof(number));

	return key % RP_KEYED_TABLE_BUCKETS < HOT_BUCKETS ? key + HOT_BUCKETS : key;
}

static uint64_t hot_key(uint32_t nth)
{
	return rp_hash64(&nth, sizeof(nth)) / RP_KEYED_TABLE_BUCKETS * RP_KEYED_TABLE_BUCKETS +
	       nth % HOT_BUCKETS;
}

/* Tells key and worker. */
static struct rp_keyed_value value_of(uint64_t key, uint32_t worker)
{
	return (struct rp_keyed_value){
		.slot = (uint32_t)(key >> 40) % (RP_ENDPOINTS_MAX / 8) * 8 + worker,
		.generation = (uint32_t)(key >> 20) % 1024,
	};
}

static uint32_t worker_of(uint64_t key, struct rp_keyed_value value)
{
	struct rp_keyed_value wanted = value_of(key, value.slot % 8);

	CROWD_CHECK(rp_keyed_value_is(value, wanted.slot, wanted.generation));
	CROWD_CHECK(value.slot % 8 < WORKERS);
	return value.slot % 8;
}

static void agree(uint64_t number, uint32_t winner)
{
	_Atomic uint64_t *verdict = &shared->verdict[number % VERDICTS];
	uint64_t mine = (number + 1) << 16 | winner;
	uint64_t seen = atomic_load(verdict);

	do {
		if (seen >> 16 > number + 1 || atomic_load(&shared->fresh) - number > LATE)
			return;
		if (seen >> 16 == number + 1) {
			CROWD_CHECK(seen == mine);
			atomic_fetch_add(&shared->agreed, 1);
			return;
		}
	} while (!atomic_compare_exchange_weak(verdict, &seen, mine));
}

static void bind_fresh(uint32_t member, uint64_t *seed)
{
	uint64_t number = atomic_load(&shared->fresh);
	uint64_t key = fresh_key(number);
	struct rp_keyed_value bound;

	if (!rp_keyed_table_put_if_unbound(&shared->table, key, value_of(key, member),
					   rp_clock_monotonic_ns(), TTL_NS, &bound))
		atomic_fetch_add_explicit(&shared->lost, 1, memory_order_relaxed);
	agree(number, worker_of(key, bound));
	if (crowd_draw(seed, WORKERS) == 0)
		atomic_compare_exchange_strong(&shared->fresh, &number, number + 1);
}

static void use_hot(uint32_t member, uint64_t *seed)
{
	struct rp_keyed_table *table = &shared->table;
	uint64_t key = hot_key(crowd_draw(seed, HOT_KEYS));
	struct rp_keyed_value own = value_of(key, member);
	struct rp_keyed_value found;
	int64_t now_ns = rp_clock_monotonic_ns();
	int64_t ttl_ns = crowd_draw(seed, 4) == 0 ? 0 : TTL_NS;

	switch (crowd_draw(seed, 6)) {
	case 0:
		rp_keyed_table_put(table, key, own, now_ns);
		break;
	case 1:
	case 2:
		rp_keyed_table_put_if_unbound(table, key, own, now_ns, ttl_ns, &found);
		worker_of(key, found);
		break;
	case 3:
		rp_keyed_table_rebind(table, key, value_of(key, crowd_draw(seed, WORKERS)), own,
				      now_ns);
		break;
	case 4:
		rp_keyed_table_refresh(table, key, own, now_ns);
		break;
	default:
		rp_keyed_table_remove(table, key);
		break;
	}
	if (rp_keyed_table_get(table, key, now_ns, ttl_ns, &found))
		worker_of(key, found);
	atomic_fetch_add_explicit(&shared->hot, 1, memory_order_relaxed);
}

static bool is_valid(uint64_t word)
{
	return word >> TAG_SHIFT != 0 && (word >> PENDING_BIT & 1) == 0;
}

/* Two valid entries of a key, of which the first still stood when the second was read. */
static void look_for_twins(const struct rp_keyed_bucket *bucket)
{
	for (uint32_t i = 0; i < RP_KEYED_BUCKET_ENTRIES; i++) {
		uint64_t first = atomic_load(&bucket->word[i]);

		for (uint32_t j = i + 1; is_valid(first) && j < RP_KEYED_BUCKET_ENTRIES; j++) {
			uint64_t second = atomic_load(&bucket->word[j]);

			CROWD_CHECK(!is_valid(second) ||
				    second >> TAG_SHIFT != first >> TAG_SHIFT ||
				    atomic_load(&bucket->word[i]) != first);
		}
	}
}

static void work(uint32_t member)
{
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns() + member;

	while (!crowd_is_over()) {
		if (member == CHECKER) {
			look_for_twins(&shared->table.bucket[crowd_draw(&seed, HOT_BUCKETS)]);
			continue;
		}
		for (uint32_t i = 0; i < 100; i++)
			bind_fresh(member, &seed);
		for (uint32_t i = 0; i < 100; i++)
			use_hot(member, &seed);
	}
}

/* Nothing to put right. */
static void bury(uint32_t member)
{
	(void)member;
}

int main(int argc, char **argv)
{
	struct crowd crowd = {
		.run_ns = 3 * RP_NS_PER_S, .count = WORKERS + 1, .work = work, .bury = bury};

	crowd_init(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CROWD_CHECK(shared != MAP_FAILED);
	crowd_run(&crowd);
	for (uint32_t i = 0; i < RP_KEYED_TABLE_BUCKETS; i++)
		look_for_twins(&shared->table.bucket[i]);
	printf("%llu keys, agreed %llu times, %llu bound by others; %llu hot uses; %u kills\n",
	       (unsigned long long)shared->fresh, (unsigned long long)shared->agreed,
	       (unsigned long long)shared->lost, (unsigned long long)shared->hot, crowd.kills);
	CROWD_CHECK(shared->agreed > 1000 && shared->lost > 1000 && shared->hot > 1000);
	return 0;
}
