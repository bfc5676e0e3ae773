/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "shm/request_rules.h"

static struct rp_request_rules *rules;

static int setup(void **state)
{
	(void)state;
	rules = malloc(sizeof(*rules));
	if (rules == NULL)
		return 1;
	memset(rules, 0xff, sizeof(*rules)); /* a slot that was used before */
	rp_request_rules_reset(rules);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(rules);
	return 0;
}

static int add_rewrite(const char *object, const char *model)
{
	return rp_request_rules_add_rewrite(rules, rp_bytes_str(object), rp_bytes_str(model));
}

static int add_target(const char *model, uint32_t weight)
{
	return rp_request_rules_add_target(rules, rp_bytes_str(model), weight);
}

static int32_t priority(const char *objective)
{
	return rp_request_rules_priority(rules, rp_bytes_str(objective));
}

static const struct rp_rule_rewrite *rewrite_of(const char *model)
{
	return rp_request_rules_rewrite(rules, rp_bytes_str(model));
}

static struct rp_bytes choose(const char *model, uint64_t random)
{
	const struct rp_rule_rewrite *rewrite = rewrite_of(model);

	assert_non_null(rewrite);
	return rp_request_rules_choose(rules, rewrite, random);
}

static struct rp_bytes numbered(char buffer[16], unsigned i)
{
	snprintf(buffer, 16, "name-%u", i);
	return rp_bytes_str(buffer);
}

static void without_rules_nothing_is_said(void **state)
{
	static const struct rp_request_rules zero;

	(void)state;
	assert_int_equal(priority("gold"), 0);
	assert_int_equal(priority(""), 0);
	assert_null(rewrite_of("m"));
	assert_null(rewrite_of(""));
	assert_int_equal(rp_request_rules_priority(&zero, RP_BYTES_LIT("gold")), 0);
	assert_null(rp_request_rules_rewrite(&zero, RP_BYTES_LIT("m")));
}

static void priority_goes_by_the_exact_name(void **state)
{
	(void)state;
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("gold"), INT32_MAX),
			 RP_OK);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("lead"), INT32_MIN),
			 RP_OK);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("gold"), 5), RP_OK);
	assert_int_equal(rules->objective_count, 2);
	assert_int_equal(priority("gold"), INT32_MAX);
	assert_int_equal(priority("lead"), INT32_MIN);
	assert_int_equal(priority("Gold"), 0);
	assert_int_equal(priority("gol"), 0);
	assert_int_equal(priority("golden"), 0);
	assert_null(rewrite_of("gold"));
}

static void rule_that_names_the_model_goes_before_the_generic_one(void **state)
{
	(void)state;
	assert_int_equal(add_rewrite("r3", ""), RP_OK);
	assert_int_equal(add_target("g", 0), RP_OK);
	assert_int_equal(add_rewrite("r1", "m1"), RP_OK);
	assert_int_equal(add_target("x", 0), RP_OK);
	assert_int_equal(add_rewrite("r2", "m1"), RP_EAGAIN);
	assert_int_equal(add_rewrite("r4", ""), RP_EAGAIN);
	assert_true(rp_bytes_equal_str(choose("m1", 7), "x"));
	assert_true(rp_bytes_equal_str(choose("m2", 7), "g"));
	assert_true(rp_bytes_equal_str(choose("", 7), "g"));
	assert_true(
		rp_bytes_equal_str(rp_request_rules_str(rules, rewrite_of("m1")->object), "r1"));
	assert_true(rp_bytes_equal_str(rp_request_rules_str(rules, rewrite_of("")->object), "r3"));
}

static void rule_without_targets_chooses_nothing(void **state)
{
	(void)state;
	assert_int_equal(add_rewrite("r", "m"), RP_OK);
	assert_int_equal(choose("m", 3).len, 0);
	assert_null(rewrite_of("other"));
}

static void weights_share_the_draw_out(void **state)
{
	(void)state;
	assert_int_equal(add_rewrite("r", "w"), RP_OK);
	assert_int_equal(add_target("none", 0), RP_OK);
	assert_int_equal(add_target("a", 1), RP_OK);
	assert_int_equal(add_target("b", 3), RP_OK);
	assert_int_equal(add_rewrite("r", "u"), RP_OK);
	assert_int_equal(add_target("c", 0), RP_OK);
	assert_int_equal(add_target("d", 0), RP_OK);
	for (uint64_t random = 0; random < 64; random++) {
		assert_true(rp_bytes_equal_str(choose("w", random), random % 4 == 0 ? "a" : "b"));
		assert_true(rp_bytes_equal_str(choose("u", random), random % 2 == 0 ? "c" : "d"));
	}
}

static void weights_of_the_largest_rule_do_not_overflow(void **state)
{
	(void)state;
	assert_int_equal(add_rewrite("r", "w"), RP_OK);
	for (unsigned i = 0; i < RP_REWRITE_TARGETS_MAX - 1; i++)
		assert_int_equal(add_target("a", UINT32_MAX), RP_OK);
	assert_int_equal(add_target("z", UINT32_MAX), RP_OK);
	assert_int_equal(add_target("z", 1), RP_ETOOBIG);
	assert_true(rp_bytes_equal_str(
		choose("w", (uint64_t)UINT32_MAX * RP_REWRITE_TARGETS_MAX - 1), "z"));
	assert_true(rp_bytes_equal_str(choose("w", (uint64_t)UINT32_MAX * RP_REWRITE_TARGETS_MAX),
				       "a"));
}

static void all_names_up_to_the_bounds_are_found(void **state)
{
	char buffer[16];

	(void)state;
	for (unsigned i = 0; i < RP_OBJECTIVES_MAX; i++)
		assert_int_equal(
			rp_request_rules_add_objective(rules, numbered(buffer, i), (int32_t)i + 1),
			RP_OK);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("x"), 1), RP_ETOOBIG);
	for (unsigned i = 0; i < RP_REWRITES_MAX; i++) {
		assert_int_equal(
			rp_request_rules_add_rewrite(rules, RP_BYTES_LIT("r"), numbered(buffer, i)),
			RP_OK);
		assert_int_equal(rp_request_rules_add_target(rules, numbered(buffer, i), i), RP_OK);
	}
	assert_int_equal(add_rewrite("r", "x"), RP_ETOOBIG);
	assert_int_equal(add_rewrite("r", ""), RP_ETOOBIG);
	for (unsigned i = 0; i < RP_OBJECTIVES_MAX; i++)
		assert_int_equal(rp_request_rules_priority(rules, numbered(buffer, i)), i + 1);
	for (unsigned i = 0; i < RP_REWRITES_MAX; i++) {
		struct rp_bytes name = numbered(buffer, i);
		const struct rp_rule_rewrite *rewrite = rp_request_rules_rewrite(rules, name);

		assert_non_null(rewrite);
		assert_true(rp_bytes_equal(rp_request_rules_choose(rules, rewrite, i), name));
	}
	assert_null(rewrite_of("x"));
}

static void what_does_not_fit_the_pool_leaves_no_trace(void **state)
{
	struct rp_request_rules_mark mark;

	(void)state;
	assert_int_equal(add_rewrite("r", "m"), RP_OK);
	rules->pool_bytes = RP_RULE_POOL_BYTES - 3;
	assert_int_equal(add_rewrite("ab", "cd"), RP_ETOOBIG);
	assert_int_equal(add_target("long", 1), RP_ETOOBIG);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("long"), 1),
			 RP_ETOOBIG);
	mark = rp_request_rules_mark(rules);
	assert_int_equal(mark.pool_bytes, RP_RULE_POOL_BYTES - 3);
	assert_int_equal(mark.rewrite_count, 1);
	assert_int_equal(mark.target_count, 0);
	assert_int_equal(mark.objective_count, 0);
	assert_int_equal(rules->rewrite[0].target_count, 0);
	assert_int_equal(add_rewrite("r", "xyz"), RP_OK); /* its object's name is there */
	assert_null(rewrite_of("cd"));
}

static void object_can_be_taken_back_as_a_whole(void **state)
{
	struct rp_request_rules_mark mark;
	char buffer[16];

	(void)state;
	assert_int_equal(add_rewrite("r", "m"), RP_OK);
	assert_int_equal(add_target("x", 2), RP_OK);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("gold"), 9), RP_OK);
	mark = rp_request_rules_mark(rules);
	/* Much more than all buckets hold, were they not given back. */
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < RP_REWRITES_MAX - 1; i++) {
			struct rp_bytes name = numbered(buffer, round * RP_REWRITES_MAX + i);

			assert_int_equal(
				rp_request_rules_add_rewrite(rules, RP_BYTES_LIT("s"), name),
				RP_OK);
			if (i < RP_OBJECTIVES_MAX - 1)
				assert_int_equal(rp_request_rules_add_objective(rules, name, 1),
						 RP_OK);
		}
		assert_non_null(rewrite_of("m"));
		rp_request_rules_undo(rules, mark);
		assert_null(
			rp_request_rules_rewrite(rules, numbered(buffer, round * RP_REWRITES_MAX)));
	}
	assert_int_equal(add_rewrite("s", ""), RP_OK);
	rp_request_rules_undo(rules, mark);
	assert_null(rewrite_of(""));
	assert_int_equal(add_rewrite("s", "n"), RP_OK);
	assert_int_equal(add_target("y", 2), RP_OK);
	assert_true(rp_bytes_equal_str(choose("m", 1), "x"));
	assert_true(rp_bytes_equal_str(choose("n", 1), "y"));
	assert_int_equal(priority("gold"), 9);
	for (uint32_t i = 0, used = 0; i < RP_RULE_BUCKETS; i++) {
		used += rules->rewrite_bucket[i] != 0;
		assert_true(used <= 2);
	}
}

static void copy_says_the_same(void **state)
{
	struct rp_request_rules *from = rules;
	struct rp_request_rules *to = malloc(sizeof(*to));

	(void)state;
	assert_non_null(to);
	memset(to, 0xff, sizeof(*to));
	rp_request_rules_copy(to, from);
	rules = to;
	assert_null(rewrite_of("m"));
	assert_int_equal(priority("gold"), 0);
	rules = from;
	assert_int_equal(add_rewrite("r", "m"), RP_OK);
	assert_int_equal(add_target("x", 2), RP_OK);
	assert_int_equal(add_rewrite("r", ""), RP_OK);
	assert_int_equal(add_target("g", 0), RP_OK);
	assert_int_equal(rp_request_rules_add_objective(rules, RP_BYTES_LIT("gold"), 9), RP_OK);
	rp_request_rules_copy(to, from);
	rules = to;
	assert_true(rp_bytes_equal_str(choose("m", 1), "x"));
	assert_true(rp_bytes_equal_str(choose("", 1), "g"));
	assert_int_equal(priority("gold"), 9);
	rules = from;
	free(to);
}

/* A few names through look-ups that must end and stay within the struct, whatever it holds. */
static void look_around(void)
{
	static const char *const names[] = {"", "m", "gold", "name-1"};
	const uint8_t *end = (const uint8_t *)rules->pool + RP_RULE_POOL_BYTES;
	unsigned sum = 0;

	for (size_t i = 0; i < RP_ARRAY_LEN(names); i++) {
		const struct rp_rule_rewrite *rewrite = rewrite_of(names[i]);

		(void)priority(names[i]);
		if (rewrite == NULL)
			continue;
		assert_true(rewrite >= rules->rewrite &&
			    rewrite < rules->rewrite + RP_REWRITES_MAX);
		for (uint64_t random = 0; random < 5; random++) {
			struct rp_bytes model = rp_request_rules_choose(
				rules, rewrite, random * UINT64_C(0x9e3779b97f4a7c15));

			assert_true(model.ptr + model.len <= end || model.len == 0);
			for (size_t at = 0; at < model.len; at += 4096)
				sum += model.ptr[at];
		}
	}
	(void)sum;
}

static void hostile_contents_lead_nowhere(void **state)
{
	struct rp_request_rules *to = malloc(sizeof(*to));
	static const uint8_t fills[] = {0xff, 0x01, 0x7f, 0x80, 0x10};
	uint64_t word = 1;

	(void)state;
	assert_non_null(to);
	for (size_t i = 0; i < RP_ARRAY_LEN(fills); i++) {
		memset(rules, fills[i], sizeof(*rules));
		look_around();
		rp_request_rules_copy(to, rules);
	}
	for (int round = 0; round < 8; round++) {
		uint32_t *words = (uint32_t *)(void *)rules;

		for (size_t i = 0; i < sizeof(*rules) / sizeof(*words); i++) {
			word = word * UINT64_C(6364136223846793005) + 1442695040888963407u;
			words[i] = (uint32_t)(word >> 33) >> (word >> 59);
		}
		look_around();
		rp_request_rules_copy(to, rules);
	}
	/* Every bucket leads to an entry that is not the one looked for. */
	memset(rules, 0, sizeof(*rules));
	rules->objective_count = 1;
	rules->rewrite_count = 1;
	for (uint32_t i = 0; i < RP_RULE_BUCKETS; i++)
		rules->objective_bucket[i] = rules->rewrite_bucket[i] = 1;
	look_around();
	free(to);
}

/* The new contents over the old ones, up to each of many lengths. */
static void torn_contents_lead_nowhere(void **state)
{
	struct rp_request_rules *other = calloc(1, sizeof(*other));
	char buffer[16];

	(void)state;
	assert_non_null(other);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(
			rp_request_rules_add_rewrite(rules, RP_BYTES_LIT("r"), numbered(buffer, i)),
			RP_OK);
		assert_int_equal(rp_request_rules_add_target(rules, RP_BYTES_LIT("x"), i % 3),
				 RP_OK);
		assert_int_equal(rp_request_rules_add_objective(rules, numbered(buffer, i), 1),
				 RP_OK);
	}
	assert_int_equal(rp_request_rules_add_rewrite(other, RP_BYTES_LIT("r"), RP_BYTES_LIT("m")),
			 RP_OK);
	assert_int_equal(rp_request_rules_add_target(other, RP_BYTES_LIT("z"), 1), RP_OK);
	for (size_t bytes = 0; bytes < sizeof(*rules); bytes += bytes < 64 ? 4 : 4099) {
		memcpy(rules, other, bytes);
		look_around();
	}
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_rules_nothing_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(priority_goes_by_the_exact_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rule_that_names_the_model_goes_before_the_generic_one, setup, teardown),
		cmocka_unit_test_setup_teardown(rule_without_targets_chooses_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(weights_share_the_draw_out, setup, teardown),
		cmocka_unit_test_setup_teardown(weights_of_the_largest_rule_do_not_overflow, setup,
						teardown),
		cmocka_unit_test_setup_teardown(all_names_up_to_the_bounds_are_found, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_the_pool_leaves_no_trace, setup,
						teardown),
		cmocka_unit_test_setup_teardown(object_can_be_taken_back_as_a_whole, setup,
						teardown),
		cmocka_unit_test_setup_teardown(copy_says_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_contents_lead_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_contents_lead_nowhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
