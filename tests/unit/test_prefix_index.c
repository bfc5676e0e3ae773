/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shm/clock.h"
#include "shm/hash.h"
#include "shm/prefix_index.h"

enum { SMALL = 1 << 20, HASHES_MAX = 8192 };

static struct rp_prefix_index *prefix;
static size_t mapped_bytes;
static uint64_t seed;

static void make_index(uint64_t budget_bytes)
{
	mapped_bytes = rp_prefix_index_bytes(budget_bytes);
	prefix = mmap(NULL, mapped_bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(prefix, MAP_FAILED);
	rp_prefix_index_init(prefix, budget_bytes);
}

static int setup(void **state)
{
	(void)state;
	seed = 1;
	make_index(SMALL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(prefix, mapped_bytes);
}

/* Block hashes first .. first + count - 1 of a prompt. */
static const uint64_t *blocks(uint64_t prompt, uint64_t first, size_t count)
{
	static uint64_t hashes[HASHES_MAX];

	assert_true(count <= HASHES_MAX);
	for (size_t i = 0; i < count; i++) {
		const uint64_t key[] = {prompt, first + i};

		hashes[i] = rp_hash64(key, sizeof(key));
	}
	return hashes;
}

/* How many of the hashes a slot holds, as match() counts. */
static uint32_t matched(uint32_t slot, const uint64_t *hashes, size_t count)
{
	static uint16_t counts[RP_ENDPOINTS_MAX];
	static uint16_t touched[RP_ENDPOINTS_MAX];
	uint32_t touched_count = 0;
	uint32_t result;

	rp_prefix_index_match(prefix, hashes, count, counts, touched, &touched_count);
	result = counts[slot];
	for (uint32_t i = 0; i < touched_count; i++) {
		assert_true(counts[touched[i]] > 0);
		counts[touched[i]] = 0;
	}
	return result;
}

static uint32_t ring_size(uint32_t slot)
{
	return atomic_load(&prefix->ring[slot].ring_size);
}

/* ---- the recorded cases of the reference ---- */

static void repeat_matches_fully_and_longer_prompts_their_common_part(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	assert_int_equal(matched(1, blocks(7, 0, 5), 5), 0);
	rp_prefix_index_record(prefix, 1, 1, 31250, blocks(7, 0, 5), 5);
	assert_int_equal(matched(1, blocks(7, 0, 5), 5), 5);
	assert_int_equal(matched(2, blocks(7, 0, 5), 5), 0);
	assert_int_equal(matched(1, blocks(7, 0, 8), 8), 5);
	assert_int_equal(matched(1, blocks(7, 0, 4), 4), 4);
	assert_int_equal(matched(1, blocks(8, 0, 5), 5), 0);
	assert_int_equal(matched(1, NULL, 0), 0);
	assert_int_equal(rp_prefix_index_count(prefix, 1), 5);
}

static void endpoint_that_lost_block_0_still_counts_when_another_holds_it(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 3, blocks(1, 0, 2), 2);
	rp_prefix_index_record(prefix, 1, 1, 3, blocks(2, 0, 2), 2);
	assert_int_equal(matched(1, blocks(1, 0, 2), 2), 0);
	rp_prefix_index_record(prefix, 2, 1, 3, blocks(1, 0, 1), 1);
	assert_int_equal(matched(1, blocks(1, 0, 2), 2), 1);
	assert_int_equal(matched(2, blocks(1, 0, 2), 2), 1);
}

static void prompt_longer_than_the_capacity_still_matches_fully(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 2, blocks(1, 0, 4), 4);
	assert_int_equal(matched(1, blocks(1, 0, 4), 4), 4);
	/* The next request makes good for it. */
	rp_prefix_index_record(prefix, 1, 1, 2, blocks(2, 0, 1), 1);
	assert_int_equal(rp_prefix_index_count(prefix, 1), 2);
	assert_int_equal(matched(1, blocks(1, 3, 1), 1), 1);
}

static void run_ends_at_the_first_hash_nobody_holds(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 2), 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 3, 2), 2);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 2);
}

/* ---- one writer: exactly an LRU ---- */

/* A plain LRU of block numbers: most recent last. */
struct model {
	uint32_t block[HASHES_MAX];
	size_t count;
};

static void model_use(struct model *model, uint32_t block)
{
	size_t i = 0;

	while (i < model->count && model->block[i] != block)
		i++;
	if (i == model->count)
		model->count++;
	for (; i + 1 < model->count; i++)
		model->block[i] = model->block[i + 1];
	assert_true(model->count <= HASHES_MAX);
	model->block[model->count - 1] = block;
}

/* Evict down to the capacity, but keep the `own` most recent. */
static void model_evict(struct model *model, size_t capacity, size_t own)
{
	size_t keep = own > capacity ? own : capacity;

	if (model->count <= keep)
		return;
	memmove(model->block, model->block + (model->count - keep), keep * sizeof(uint32_t));
	model->count = keep;
}

static bool model_holds(const struct model *model, uint32_t block)
{
	for (size_t i = 0; i < model->count; i++) {
		if (model->block[i] == block)
			return true;
	}
	return false;
}

static uint32_t draw(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static size_t distinct(const uint32_t *own, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		while (k < i && own[k] != own[i])
			k++;
		n += k == i;
	}
	return n;
}

/* Random requests of two slots with different capacities, each compared with its model. */
static void one_writer_is_an_exact_lru(void **state)
{
	(void)state;
	static struct model models[2];
	const uint32_t capacity[2] = {40, 90};

	memset(models, 0, sizeof(models));
	for (uint32_t slot = 0; slot < 2; slot++) {
		rp_prefix_index_admit(prefix, slot, 1, 2);
		assert_true(ring_size(slot) >= 512);
	}
	for (int round = 0; round < 3000; round++) {
		uint32_t slot = draw(2);
		uint32_t own[64];
		uint64_t hashes[64];
		size_t count = 1 + draw(64);

		/* The ring would begin a pass: start afresh, with what the model says as one
		 * request. */
		if (atomic_load(&prefix->ring[slot].head) - atomic_load(&prefix->ring[slot].tail) >
		    ring_size(slot) / 2) {
			rp_prefix_index_sweep(prefix, slot);
			rp_prefix_index_admit(prefix, slot, 1, 2);
			for (size_t i = 0; i < models[slot].count; i++)
				rp_prefix_index_record(prefix, slot, 1, 1000,
						       blocks(models[slot].block[i], 0, 1), 1);
		}
		for (size_t i = 0; i < count; i++) {
			own[i] = draw(150);
			hashes[i] = *blocks(own[i], 0, 1);
			model_use(&models[slot], own[i]);
		}
		model_evict(&models[slot], capacity[slot], distinct(own, count));
		rp_prefix_index_record(prefix, slot, 1, capacity[slot], hashes, count);

		assert_int_equal(rp_prefix_index_count(prefix, slot), models[slot].count);
		for (uint32_t block = 0; block < 150; block++)
			assert_int_equal(matched(slot, blocks(block, 0, 1), 1),
					 model_holds(&models[slot], block));
	}
}

/* Passes come and go: that does not change which item is the oldest. */
static void items_of_one_writer_are_an_exact_lru_whatever_is_used_again(void **state)
{
	static struct rp_item_index *items;
	static struct model models[2];
	const uint32_t capacity[2] = {100, RP_ITEM_CAPACITY};
	const uint32_t universe[2] = {150, 3000};
	uint32_t passes[2] = {0, 0};

	(void)state;
	items = mmap(NULL, sizeof(*items), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(items, MAP_FAILED);
	rp_prefix_index_init_items(items);
	memset(models, 0, sizeof(models));
	for (uint32_t slot = 0; slot < 2; slot++) {
		/* As for very many endpoints, and for 900. */
		rp_prefix_index_admit(&items->index, slot, 1, slot == 0 ? RP_ENDPOINTS_MAX : 900);
		assert_true(items->index.ring[slot].ring_size / 2 >= capacity[slot]);
	}
	for (uint32_t round = 0; round < 8000; round++) {
		uint32_t slot = draw(2);
		uint64_t pass_end = atomic_load(&items->index.ring[slot].pass_end);
		uint64_t hashes[8];
		uint32_t own[8];
		size_t count = 1 + draw(8);

		for (size_t i = 0; i < count; i++) {
			own[i] = draw(universe[slot]);
			hashes[i] = *blocks(own[i], slot, 1);
			model_use(&models[slot], own[i]);
		}
		model_evict(&models[slot], capacity[slot], distinct(own, count));
		rp_prefix_index_record(&items->index, slot, 1, capacity[slot], hashes, count);
		passes[slot] += atomic_load(&items->index.ring[slot].pass_end) != pass_end;
		assert_int_equal(rp_prefix_index_count(&items->index, slot), models[slot].count);
		if (slot == 1 && round % 100 != 0)
			continue;
		for (uint32_t item = 0; item < universe[slot]; item++) {
			static uint16_t counts[RP_ENDPOINTS_MAX];
			static uint16_t touched[RP_ENDPOINTS_MAX];
			uint32_t touched_count = 0;

			rp_prefix_index_match_each(&items->index, blocks(item, slot, 1), 1, counts,
						   touched, &touched_count);
			assert_int_equal(touched_count, model_holds(&models[slot], item));
			assert_int_equal(counts[slot], touched_count);
			counts[slot] = 0;
		}
	}
	assert_int_equal(items->index.drops, 0);
	assert_true(passes[0] > 3 && passes[1] > 3);
	print_message("%u and %u passes\n", passes[0], passes[1]);
	assert_int_equal(munmap(items, sizeof(*items)), 0);
}

static void items_are_matched_each_by_itself(void **state)
{
	static uint16_t counts[RP_ENDPOINTS_MAX];
	static uint16_t touched[RP_ENDPOINTS_MAX];
	uint32_t touched_count = 0;

	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 1, 1), 1);
	rp_prefix_index_record(prefix, 2, 1, 100, blocks(1, 3, 2), 2);
	rp_prefix_index_match_each(prefix, blocks(1, 0, 6), 6, counts, touched, &touched_count);
	assert_int_equal(touched_count, 2);
	assert_int_equal(counts[1], 1);
	assert_int_equal(counts[2], 2);
	memset(counts, 0, sizeof(counts));
	touched_count = 0;
	rp_prefix_index_match(prefix, blocks(1, 0, 6), 6, counts, touched, &touched_count);
	assert_int_equal(touched_count, 0);
}

/* ---- bounds ---- */

static void capacity_is_enforced_after_each_request(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 3, 1, 2);
	for (uint64_t prompt = 0; prompt < 3000; prompt++) {
		rp_prefix_index_record(prefix, 3, 1, 100, blocks(prompt, 0, 7), 7);
		assert_true(rp_prefix_index_count(prefix, 3) <= 100);
		assert_int_equal(matched(3, blocks(prompt, 0, 7), 7), 7);
	}
	assert_int_equal(rp_prefix_index_count(prefix, 3), 100);
	/* The last 14 prompts are whole, 2 blocks of the one before are left. */
	assert_int_equal(matched(3, blocks(2986, 0, 7), 7), 7);
	assert_int_equal(matched(3, blocks(2985, 5, 2), 2), 2);
	assert_int_equal(matched(3, blocks(2985, 0, 1), 1), 0);
	assert_int_equal(atomic_load(&prefix->drops), 0);
}

static void capacity_is_at_most_half_of_the_ring(void **state)
{
	(void)state;
	uint32_t half;

	rp_prefix_index_admit(prefix, 3, 1, RP_ENDPOINTS_MAX);
	assert_int_equal(ring_size(3), RP_PREFIX_RING_MIN);
	half = ring_size(3) / 2;
	for (uint64_t prompt = 0; prompt < 200; prompt++)
		rp_prefix_index_record(prefix, 3, 1, UINT32_MAX, blocks(prompt, 0, 10), 10);
	assert_int_equal(rp_prefix_index_count(prefix, 3), half);
	/* A prompt longer than that is recorded from its start on. */
	for (int i = 0; i < 10; i++) {
		rp_prefix_index_record(prefix, 3, 1, UINT32_MAX,
				       blocks(9999 + (uint64_t)i, 0, 8000), 8000);
		assert_int_equal(matched(3, blocks(9999 + (uint64_t)i, 0, 8000), 8000), half / 2);
		assert_true(rp_prefix_index_count(prefix, 3) <= half);
	}
	assert_int_equal(atomic_load(&prefix->drops), 0);
}

/* A full set of blocks, of which most are used again and again: the ring laps many times. */
static void blocks_in_use_survive_when_the_ring_laps(void **state)
{
	(void)state;
	uint32_t half;

	rp_prefix_index_admit(prefix, 3, 1, RP_ENDPOINTS_MAX);
	half = ring_size(3) / 2;
	rp_prefix_index_record(prefix, 3, 1, half, blocks(1, 0, half / 2), half / 2);
	rp_prefix_index_record(prefix, 3, 1, half, blocks(1, half / 2, half / 2), half / 2);
	for (int round = 0; round < 2000; round++) {
		rp_prefix_index_record(prefix, 3, 1, half, blocks(1, 0, 20), 20);
		assert_int_equal(rp_prefix_index_count(prefix, 3), half);
		assert_int_equal(matched(3, blocks(1, 0, half), half), half);
	}
	assert_true(atomic_load(&prefix->ring[3].head) > 100 * ring_size(3));
	assert_int_equal(atomic_load(&prefix->drops), 0);
	/* And the hot ones outlive the cold ones when new blocks come. */
	for (uint64_t prompt = 100; prompt < 400; prompt++) {
		rp_prefix_index_record(prefix, 3, 1, half, blocks(1, 0, 20), 20);
		rp_prefix_index_record(prefix, 3, 1, half, blocks(prompt, 0, 1), 1);
		assert_true(rp_prefix_index_count(prefix, 3) <= half);
	}
	assert_int_equal(matched(3, blocks(1, 0, 20), 20), 20);
	assert_int_equal(matched(3, blocks(1, 20, half - 20), half - 20), 0);
}

static void ring_sizes_stay_within_the_budget(void **state)
{
	(void)state;
	uint64_t sum = 0;

	for (uint32_t slot = 0; slot < RP_ENDPOINTS_MAX; slot++) {
		rp_prefix_index_admit(prefix, slot, 1, slot + 1);
		sum += ring_size(slot);
		assert_true(ring_size(slot) == 0 || ring_size(slot) >= RP_PREFIX_RING_MIN);
	}
	assert_true(sum <= prefix->ring_budget);
	assert_true(sum > prefix->ring_budget / 2);
	assert_int_equal(atomic_load(&prefix->ring_entries_given), sum);
	/* Without a ring nothing is recorded, and nothing breaks. */
	assert_int_equal(ring_size(RP_ENDPOINTS_MAX - 1), 0);
	rp_prefix_index_record(prefix, RP_ENDPOINTS_MAX - 1, 1, 100, blocks(1, 0, 5), 5);
	assert_int_equal(matched(RP_ENDPOINTS_MAX - 1, blocks(1, 0, 5), 5), 0);
	/* What one gives back another gets. */
	rp_prefix_index_sweep(prefix, 0);
	rp_prefix_index_admit(prefix, RP_ENDPOINTS_MAX - 1, 1, RP_ENDPOINTS_MAX);
	assert_int_equal(ring_size(RP_ENDPOINTS_MAX - 1), RP_PREFIX_RING_MIN);
}

static void one_prompt_may_be_held_by_very_many(void **state)
{
	(void)state;
	enum { HOLDERS = 400, BLOCKS = 3 };
	static uint16_t counts[RP_ENDPOINTS_MAX];
	static uint16_t touched[RP_ENDPOINTS_MAX];
	uint32_t touched_count = 0;

	assert_int_equal(munmap(prefix, mapped_bytes), 0);
	make_index(64 * SMALL);
	for (uint32_t slot = 0; slot < HOLDERS; slot++) {
		rp_prefix_index_admit(prefix, slot, 1, HOLDERS);
		rp_prefix_index_record(prefix, slot, 1, 100, blocks(1, 0, BLOCKS), BLOCKS);
		rp_prefix_index_record(prefix, slot, 1, 100, blocks(1, 0, BLOCKS), BLOCKS);
	}
	rp_prefix_index_match(prefix, blocks(1, 0, BLOCKS), BLOCKS, counts, touched,
			      &touched_count);
	assert_int_equal(touched_count, HOLDERS);
	for (uint32_t slot = 0; slot < HOLDERS; slot++)
		assert_int_equal(counts[slot], BLOCKS);
	assert_int_equal(atomic_load(&prefix->drops), 0);
}

static void full_buckets_drop_and_count(void **state)
{
	(void)state;
	struct rp_prefix_bucket *bucket = (void *)((uintptr_t)prefix + prefix->buckets_offset);

	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	for (uint64_t i = 0; i < prefix->bucket_count; i++) {
		for (int k = 0; k < RP_PREFIX_BUCKET_ENTRIES; k++)
			/* a live entry of slot 2 that no test hash has */
			atomic_store(&bucket[i].word[k], UINT64_C(1) << 24 | 2u << 10 | 1);
	}
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 5), 5);
	assert_int_equal(atomic_load(&prefix->drops), 5);
	assert_int_equal(rp_prefix_index_count(prefix, 1), 0);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 0);
	/* Once slot 2 has another generation its words are free for the taking. */
	rp_prefix_index_admit(prefix, 2, 2, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 5), 5);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 5);
}

/* ---- generations ---- */

static void another_generation_starts_empty(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 5), 5);
	rp_prefix_index_admit(prefix, 1, 1, 2);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 5);
	rp_prefix_index_admit(prefix, 1, 2, 2);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 0);
	assert_int_equal(rp_prefix_index_count(prefix, 1), 0);
	assert_int_equal(atomic_load(&prefix->ring_entries_given), ring_size(1));
	/* Who still has the old one records nothing. */
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 5), 5);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 0);
	rp_prefix_index_record(prefix, 1, 2, 100, blocks(1, 0, 5), 5);
	assert_int_equal(matched(1, blocks(1, 0, 5), 5), 5);
}

static void sweep_clears_and_leaves_the_others_alone(void **state)
{
	(void)state;
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 50), 50);
	rp_prefix_index_record(prefix, 2, 1, 100, blocks(1, 0, 50), 50);
	rp_prefix_index_sweep(prefix, 1);
	assert_int_equal(matched(1, blocks(1, 0, 50), 50), 0);
	assert_int_equal(matched(2, blocks(1, 0, 50), 50), 50);
	assert_int_equal(rp_prefix_index_count(prefix, 1), 0);
	assert_int_equal(ring_size(1), 0);
	assert_int_equal(atomic_load(&prefix->ring_entries_given), ring_size(2));
	rp_prefix_index_sweep(prefix, 1);
	assert_int_equal(atomic_load(&prefix->ring_entries_given), ring_size(2));
}

static size_t resident_pages_of_ring(uint32_t slot)
{
	const size_t bytes = RP_PREFIX_RING_MAX * sizeof(uint32_t);
	unsigned char pages[RP_PREFIX_RING_MAX * sizeof(uint32_t) / RP_PAGE + 1];
	uintptr_t ring = (uintptr_t)prefix + prefix->rings_offset + slot * bytes;
	uintptr_t begin = rp_align_up(ring, RP_PAGE);
	size_t count = (ring + bytes - begin) / RP_PAGE;
	size_t resident = 0;

	assert_int_equal(mincore((void *)begin, count * RP_PAGE, pages), 0);
	for (size_t i = 0; i < count; i++)
		resident += pages[i] & 1;
	return resident;
}

static void sweep_gives_the_memory_of_the_ring_back(void **state)
{
	(void)state;
	munmap(prefix, mapped_bytes);
	make_index(64 * SMALL);
	rp_prefix_index_admit(prefix, 1, 1, 1);
	for (uint32_t i = 0; i < ring_size(1); i += 16)
		rp_prefix_index_record(prefix, 1, 1, 31250, blocks(i, 0, 16), 16);
	assert_true(resident_pages_of_ring(1) + 2 >= ring_size(1) * sizeof(uint32_t) / RP_PAGE);
	rp_prefix_index_sweep(prefix, 1);
	/* The page that it shares with what follows stays. */
	assert_in_range(resident_pages_of_ring(1), 0, 1);
	rp_prefix_index_admit(prefix, 1, 2, 1);
	rp_prefix_index_record(prefix, 1, 2, 31250, blocks(7, 0, 5), 5);
	assert_int_equal(matched(1, blocks(7, 0, 5), 5), 5);
}

static void stale_words_of_a_late_worker_are_absent(void **state)
{
	(void)state;
	struct rp_prefix_bucket *bucket = (void *)((uintptr_t)prefix + prefix->buckets_offset);
	_Atomic uint64_t *left = NULL;

	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_record(prefix, 1, 1, 100, blocks(1, 0, 1), 1);
	for (uint64_t i = 0; i < prefix->bucket_count; i++) {
		for (int k = 0; k < RP_PREFIX_BUCKET_ENTRIES; k++)
			left = atomic_load(&bucket[i].word[k]) != 0 ? &bucket[i].word[k] : left;
	}
	assert_non_null(left);
	uint64_t word = atomic_load(left);

	rp_prefix_index_admit(prefix, 1, 2, 2);
	assert_int_equal(atomic_load(left), 0);
	atomic_store(left, word);
	assert_int_equal(matched(1, blocks(1, 0, 1), 1), 0);
}

static void foreign_ring_entries_are_survived(void **state)
{
	(void)state;
	_Atomic uint32_t *ring;

	rp_prefix_index_admit(prefix, 0, 1, 2);
	ring = (_Atomic uint32_t *)((uintptr_t)prefix + prefix->rings_offset);
	rp_prefix_index_record(prefix, 0, 1, 10, blocks(1, 0, 10), 10);
	for (uint32_t i = 0; i < ring_size(0); i++)
		atomic_store(&ring[i], draw(UINT32_MAX));
	for (uint64_t prompt = 2; prompt < 500; prompt++)
		rp_prefix_index_record(prefix, 0, 1, 10, blocks(prompt, 0, 10), 10);
	rp_prefix_index_sweep(prefix, 0);
	assert_int_equal(matched(0, blocks(499, 0, 10), 10), 0);
}

/* Pages of the mapping that are in memory. */
static size_t resident_pages(void)
{
	static unsigned char pages[1 << 20];
	size_t count = 0, page_count = mapped_bytes / 4096;

	for (size_t at = 0; at < page_count; at += sizeof(pages)) {
		size_t n = rp_min_size(sizeof(pages), page_count - at);

		assert_int_equal(mincore((uint8_t *)prefix + at * 4096, n * 4096, pages), 0);
		for (size_t i = 0; i < n; i++)
			count += pages[i] & 1;
	}
	return count;
}

static void a_full_index_takes_the_memory_declared(void **state)
{
	enum { BUDGET = 16 << 20, SLOTS = 120, PROMPTS = 80 };
	size_t bytes;

	teardown(state);
	make_index(BUDGET);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		rp_prefix_index_admit(prefix, slot, 1, SLOTS);
	for (uint64_t prompt = 0; prompt < (uint64_t)PROMPTS * SLOTS; prompt++)
		rp_prefix_index_record(prefix, (uint32_t)(prompt % SLOTS), 1, UINT32_MAX,
				       blocks(prompt, 0, 128), 128);
	bytes = resident_pages() * 4096;
	print_message("printed: %u MB of budget, %.1f MB declared, %.1f MB in memory, %.1f MB "
		      "mapped\n",
		      BUDGET >> 20, (double)rp_prefix_index_memory(BUDGET) / (1 << 20),
		      (double)bytes / (1 << 20), (double)mapped_bytes / (1 << 20));
	assert_true(rp_prefix_index_memory(BUDGET) <= BUDGET + sizeof(*prefix));
	/* A ring may end within a page. */
	assert_in_range(bytes, BUDGET / 2, rp_prefix_index_memory(BUDGET) + SLOTS * 4096);
}

static void a_small_pool_touches_a_small_part_of_the_table(void **state)
{
	(void)state;
	teardown(state);
	make_index(256 << 20);
	for (uint32_t slot = 0; slot < 3; slot++)
		rp_prefix_index_admit(prefix, slot, 1, 3);
	for (uint64_t prompt = 0; prompt < 1000; prompt++)
		rp_prefix_index_record(prefix, (uint32_t)(prompt % 3), 1, 31250,
				       blocks(prompt, 0, 128), 128);
	assert_int_equal(prefix->drops, 0);
	assert_in_range(resident_pages(), 1, (6 << 20) / 4096);
}

static void what_was_known_is_found_while_the_index_grows(void **state)
{
	const int64_t growth_ns = RP_PREFIX_GROWTH_S * RP_NS_PER_S;

	(void)state;
	teardown(state);
	make_index(64 << 20);
	rp_prefix_index_admit(prefix, 1, 1, 2);
	rp_prefix_index_admit(prefix, 2, 1, 2);
	for (uint64_t prompt = 0; prompt < 20; prompt++)
		rp_prefix_index_record(prefix, 1 + prompt % 2, 1, 31250, blocks(prompt, 0, 50), 50);
	uint64_t span = atomic_load(&prefix->span);

	assert_int_equal(atomic_load(&prefix->old_span), span); /* there was nothing to look for */
	for (uint32_t slot = 3; slot < 40; slot++)
		rp_prefix_index_admit(prefix, slot, 1, 40);
	assert_true(atomic_load(&prefix->span) > span);
	assert_int_equal(atomic_load(&prefix->old_span), span); /* one step for the whole table */
	for (uint64_t prompt = 0; prompt < 20; prompt++)
		assert_int_equal(matched(1 + prompt % 2, blocks(prompt, 0, 50), 50), 50);

	/* What is used moves to where it belongs; a holder is counted once. */
	rp_prefix_index_record(prefix, 1, 1, 31250, blocks(0, 0, 50), 50);
	assert_int_equal(matched(1, blocks(0, 0, 50), 50), 50);
	rp_prefix_index_end_growth(prefix, 1000);
	rp_prefix_index_end_growth(prefix, 999 + growth_ns);
	assert_int_equal(matched(2, blocks(1, 0, 50), 50), 50);
	rp_prefix_index_end_growth(prefix, 1000 + growth_ns);
	assert_int_equal(matched(1, blocks(0, 0, 50), 50), 50);
	assert_true(matched(2, blocks(1, 0, 50), 50) < 50);

	/* What cannot be found any more leaves by way of its ring. */
	for (uint64_t prompt = 100; prompt < 1000; prompt++)
		rp_prefix_index_record(prefix, 2, 1, 500, blocks(prompt, 0, 50), 50);
	assert_int_equal(rp_prefix_index_count(prefix, 2), 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(repeat_matches_fully_and_longer_prompts_their_common_part),
		TEST(endpoint_that_lost_block_0_still_counts_when_another_holds_it),
		TEST(prompt_longer_than_the_capacity_still_matches_fully),
		TEST(run_ends_at_the_first_hash_nobody_holds),
		TEST(one_writer_is_an_exact_lru),
		TEST(items_of_one_writer_are_an_exact_lru_whatever_is_used_again),
		TEST(items_are_matched_each_by_itself),
		TEST(capacity_is_enforced_after_each_request),
		TEST(capacity_is_at_most_half_of_the_ring),
		TEST(blocks_in_use_survive_when_the_ring_laps),
		TEST(ring_sizes_stay_within_the_budget),
		TEST(one_prompt_may_be_held_by_very_many),
		TEST(full_buckets_drop_and_count),
		TEST(another_generation_starts_empty),
		TEST(sweep_clears_and_leaves_the_others_alone),
		TEST(sweep_gives_the_memory_of_the_ring_back),
		TEST(stale_words_of_a_late_worker_are_absent),
		TEST(foreign_ring_entries_are_survived),
		TEST(a_full_index_takes_the_memory_declared),
		TEST(a_small_pool_touches_a_small_part_of_the_table),
		TEST(what_was_known_is_found_while_the_index_grows),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
