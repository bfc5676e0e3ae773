/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/prefix_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/sched_bed.h"

static void block_size_is_the_servers_but_never_below_64(void **state RP_UNUSED)
{
	struct rp_params_approx_prefix_cache_producer p = {.has_auto_tune = 1,
							   .block_size_tokens = 100};

	assert_int_equal(rp_prefix_block_tokens(&p, 128), 128);
	assert_int_equal(rp_prefix_block_tokens(&p, 16), 64);
	assert_int_equal(rp_prefix_block_tokens(&p, 0), 100);
	p.has_auto_tune = 0;
	assert_int_equal(rp_prefix_block_tokens(&p, 128), 100);
	p.block_size_tokens = 1;
	assert_int_equal(rp_prefix_block_tokens(&p, 0), 64);
}

static void the_token_cap_wins_over_the_block_cap(void **state RP_UNUSED)
{
	struct rp_params_approx_prefix_cache_producer p = {.max_prefix_tokens = 200,
							   .max_prefix_blocks = 7};

	assert_int_equal(rp_prefix_blocks_max(&p, 64), 3);
	p.max_prefix_tokens = 63;
	assert_int_equal(rp_prefix_blocks_max(&p, 64), 0);
	p.max_prefix_tokens = 0;
	assert_int_equal(rp_prefix_blocks_max(&p, 64), 7);
	p.max_prefix_blocks = 0;
	assert_int_equal(rp_prefix_blocks_max(&p, 64), RP_PREFIX_BLOCKS_MAX);
	p.max_prefix_tokens = INT64_MAX;
	assert_int_equal(rp_prefix_blocks_max(&p, 64), RP_PREFIX_BLOCKS_MAX);
}

static void capacity_is_the_servers_else_configured_else_usual(void **state RP_UNUSED)
{
	struct rp_params_approx_prefix_cache_producer p = {.has_auto_tune = 1,
							   .lru_capacity_per_server = 5};

	assert_int_equal(rp_prefix_capacity(&p, 9), 9);
	assert_int_equal(rp_prefix_capacity(&p, 0), 5);
	p.has_auto_tune = 0;
	assert_int_equal(rp_prefix_capacity(&p, 9), 5);
	p.lru_capacity_per_server = 0;
	assert_int_equal(rp_prefix_capacity(&p, 9), RP_PREFIX_CAPACITY);
	p.lru_capacity_per_server = INT64_MAX;
	assert_int_equal(rp_prefix_capacity(&p, 9), UINT32_MAX);
}

static void a_longer_prompt_keeps_the_hashes_of_its_full_blocks(void **state RP_UNUSED)
{
	uint8_t ids[4 * 130];
	struct rp_prompt longer = {.token_bytes = ids, .token_count = 130};
	struct rp_prompt shorter = {.token_bytes = ids, .token_count = 100};
	uint64_t seed = rp_prefix_seed(rp_bytes_str("m"), rp_bytes_str(""));
	uint64_t a[4];
	uint64_t b[4];

	for (size_t i = 0; i < sizeof(ids); i++)
		ids[i] = (uint8_t)i;
	assert_int_equal(rp_prefix_hash_blocks(seed, &longer, 64, 4, a), 3);
	assert_int_equal(rp_prefix_hash_blocks(seed, &shorter, 64, 4, b), 2);
	assert_true(a[0] == b[0]);
	assert_true(a[1] != b[1]);
	assert_int_equal(rp_prefix_hash_blocks(seed, &longer, 64, 2, b), 2);
	assert_true(a[1] == b[1]);
	longer.token_count = 0;
	assert_int_equal(rp_prefix_hash_blocks(seed, &longer, 64, 4, b), 0);
	assert_true(rp_prefix_seed(rp_bytes_str("m"), rp_bytes_str("x")) ==
		    rp_prefix_seed(rp_bytes_str("mx"), rp_bytes(NULL, 0)));
}

static void a_lookup_forgets_the_one_before(void **state RP_UNUSED)
{
	static const struct rp_bed_endpoint one = {.ip = "10.0.0.1", .port = 1};
	struct rp_bed_config config = rp_bed_default_config();
	struct rp_prefix_lookup *lookup = calloc(1, sizeof(*lookup));
	uint8_t ids[4 * 64] = {7};
	struct rp_prompt prompts[] = {{.token_bytes = ids, .token_count = 64},
				      {.token_bytes = ids, .token_count = 32}};
	struct rp_request request = {.prompts = prompts, .prompt_count = 2};
	struct rp_bed bed;
	struct rp_prefix_index *index;

	assert_non_null(lookup);
	rp_bed_init(&bed, NULL);
	rp_bed_publish(&bed, &config, &one, 1);
	index = &bed.shared.live->prefix;
	request.target_model = rp_bytes_str("m");
	rp_prefix_lookup_run(lookup, index, &request, 64, 10);
	assert_int_equal(lookup->hash_count, 2);
	assert_int_equal(lookup->count[0], 0);
	rp_prefix_index_record(index, 0, 1, 100, lookup->hash, lookup->hash_count);
	rp_prefix_lookup_run(lookup, index, &request, 64, 10);
	assert_int_equal(lookup->count[0], 2);
	request.target_model = rp_bytes_str("other");
	rp_prefix_lookup_run(lookup, index, &request, 64, 10);
	assert_int_equal(lookup->count[0], 0);
	assert_int_equal(lookup->touched_count, 0);
	rp_bed_fini(&bed);
	free(lookup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_size_is_the_servers_but_never_below_64),
		cmocka_unit_test(the_token_cap_wins_over_the_block_cap),
		cmocka_unit_test(capacity_is_the_servers_else_configured_else_usual),
		cmocka_unit_test(a_longer_prompt_keeps_the_hashes_of_its_full_blocks),
		cmocka_unit_test(a_lookup_forgets_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
