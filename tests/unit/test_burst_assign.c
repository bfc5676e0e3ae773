/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches worked out by hand from the rules of burst-prefix-cache-producer.
 */
#include "dataplane/sched/burst_assign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

enum { NOWHERE = RP_BURST_NOWHERE, ITEMS_MAX = 12, BLOCKS_MAX = 8 };

/* A prompt is a word: each letter with all before it is one block. */
static uint64_t blocks[ITEMS_MAX][BLOCKS_MAX];
static struct rp_burst_item items[ITEMS_MAX];

static uint32_t read_prompts(const char *const *prompts)
{
	uint32_t count = 0;

	for (; prompts[count] != NULL; count++) {
		uint64_t hash = 17;
		uint32_t n = 0;

		for (; prompts[count][n] != '\0'; n++) {
			hash = hash * 1099511628211u + (uint64_t)(unsigned char)prompts[count][n];
			blocks[count][n] = hash;
		}
		items[count] = (struct rp_burst_item){.hash = blocks[count], .hash_count = n};
	}
	return count;
}

static const struct rp_params_burst_prefix_cache_producer defaults = {
	.max_per_replica = -1, .block_size_tokens = 64, .balance_by = RP_BURST_REQUESTS};

static void check(const char *const *prompts, uint32_t replicas,
		  struct rp_params_burst_prefix_cache_producer params, const int32_t *expect)
{
	uint32_t count = read_prompts(prompts);

	assert_int_equal(rp_burst_assign(items, count, replicas, &params, 1, NULL, NULL), RP_OK);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(items[i].replica, expect[i]);
}

static void equal_prompts_stay_together_and_single_ones_are_left_alone(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"ab", "xyz", "ab", "q", "xyz", "ab", "", NULL};

	/* xyz is longer and goes first, ab to who has less */
	check(prompts, 2, defaults, (int32_t[]){1, 0, 1, NOWHERE, 0, 1, NOWHERE});
	check(prompts, 1, defaults, (int32_t[]){0, 0, 0, NOWHERE, 0, 0, NOWHERE});
}

static void of_equally_long_groups_the_earlier_goes_first(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"ab", "cd", "cd", "ab", "ef", "ef", NULL};

	check(prompts, 3, defaults, (int32_t[]){0, 1, 1, 0, 2, 2});
}

static void a_cap_spills_to_the_least_loaded(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"ab", "ab", "ab", "ab", "ab", NULL};
	struct rp_params_burst_prefix_cache_producer params = defaults;

	params.max_per_replica = 2;
	check(prompts, 3, params, (int32_t[]){0, 0, 1, 1, 2});
	/* All full: one after the other to who has least. */
	check(prompts, 2, params, (int32_t[]){0, 0, 1, 1, 0});
}

static void shared_prefixes_follow_below_the_fair_share(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"abcd", "abcd", "abx", "aby", "zzz", NULL};
	struct rp_params_burst_prefix_cache_producer params = defaults;

	/* Without the rule only the group is placed. */
	check(prompts, 2, params, (int32_t[]){0, 0, NOWHERE, NOWHERE, NOWHERE});
	/* 4 to place on 2: a share of 2, which the group fills; abx and aby go elsewhere. */
	params.min_colocate_blocks = 2;
	check(prompts, 2, params, (int32_t[]){0, 0, 1, 1, NOWHERE});
	/* With one replica more the share is 2 still; aby finds "ab" on 1 too, with room. */
	check(prompts, 3, params, (int32_t[]){0, 0, 1, 1, NOWHERE});
	/* Nobody shares three. */
	params.min_colocate_blocks = 3;
	check(prompts, 2, params, (int32_t[]){0, 0, NOWHERE, NOWHERE, NOWHERE});
}

static void by_tokens_a_prefix_held_already_costs_nothing(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"abcdef", "abcdef", "xy", "xy", "uv", "uv", NULL};
	struct rp_params_burst_prefix_cache_producer params = defaults;

	/* Blocks: 6 on the first, so both short groups go to the second. */
	params.balance_by = RP_BURST_TOKENS;
	check(prompts, 2, params, (int32_t[]){0, 0, 1, 1, 1, 1});
	/* By requests the third group finds both with two. */
	params.balance_by = RP_BURST_REQUESTS;
	check(prompts, 2, params, (int32_t[]){0, 0, 1, 1, 0, 0});
}

static uint32_t always_last(void *user, const struct rp_burst_item *item, uint32_t replica)
{
	uint32_t *asked = user;

	assert_int_equal(item->hash_count, 2);
	assert_int_equal(replica, 0);
	(*asked)++;
	return 2;
}

static void another_worker_may_have_chosen_before(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"ab", "ab", "ab", NULL};
	uint32_t count = read_prompts(prompts);
	uint32_t asked = 0;

	assert_int_equal(rp_burst_assign(items, count, 3, &defaults, 1, always_last, &asked),
			 RP_OK);
	assert_int_equal(asked, 1);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(items[i].replica, 2);
}

static void without_replicas_or_requests_there_is_nothing_to_do(void **state RP_UNUSED)
{
	static const char *const prompts[] = {"ab", "ab", NULL};

	check(prompts, 0, defaults, (int32_t[]){NOWHERE, NOWHERE});
	assert_int_equal(rp_burst_assign(items, 0, 3, &defaults, 1, NULL, NULL), RP_OK);
}

/* CPU time of groups of two whose blocks have these multiples for hashes, in seconds. */
static double time_of(uint64_t factor)
{
	enum { GROUPS = 24, BLOCKS = 1024 };
	static uint64_t hash[GROUPS][BLOCKS];
	struct rp_burst_item item[2 * GROUPS];
	struct rp_params_burst_prefix_cache_producer params = defaults;
	clock_t begin;

	params.min_colocate_blocks = 1;
	for (uint32_t i = 0; i < 2 * GROUPS; i++)
		item[i] = (struct rp_burst_item){.hash = hash[i / 2], .hash_count = BLOCKS};
	for (uint32_t i = 0; i < GROUPS * BLOCKS; i++)
		hash[i / BLOCKS][i % BLOCKS] = (i + 1) * factor;
	begin = clock();
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(rp_burst_assign(item, 2 * GROUPS, 4, &params, 0x9e3779b97f4a7c15u,
						 NULL, NULL),
				 RP_OK);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void hashes_that_are_equal_below_cost_no_more(void **state RP_UNUSED)
{
	double usual = time_of(0xd6e8feb86659fd93u);

	assert_true(time_of(UINT64_C(1) << 24) < 10 * usual + 0.1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_prompts_stay_together_and_single_ones_are_left_alone),
		cmocka_unit_test(of_equally_long_groups_the_earlier_goes_first),
		cmocka_unit_test(a_cap_spills_to_the_least_loaded),
		cmocka_unit_test(shared_prefixes_follow_below_the_fair_share),
		cmocka_unit_test(by_tokens_a_prefix_held_already_costs_nothing),
		cmocka_unit_test(another_worker_may_have_chosen_before),
		cmocka_unit_test(without_replicas_or_requests_there_is_nothing_to_do),
		cmocka_unit_test(hashes_that_are_equal_below_cost_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
