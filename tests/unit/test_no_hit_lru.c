/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_no_hit_lru_scorer;

static struct plugin_bed *bed;
static const struct rp_call *call;
static struct rp_params_no_hit_lru_scorer params;
static uint16_t match[2 * PLUGIN_BED_ENDPOINTS];

static int set_up(void **state RP_UNUSED)
{
	bed = plugin_bed_new(3);
	params = (struct rp_params_no_hit_lru_scorer){.lru_size = 1024,
						      .prefix_match_info_producer = 1};
	call = plugin_bed_set(bed, 0, "cold", &rp_no_hit_lru_scorer, &params);
	memset(match, 0, sizeof(match));
	bed->data[1].match = (struct rp_match_info){.total_blocks = 10, .match_blocks = match};
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	plugin_bed_free(bed);
	return 0;
}

static void step(const int *left_out, const double *expected, uint32_t pick)
{
	const double *score;

	plugin_bed_next_request(bed);
	plugin_bed_leave_out(bed, left_out);
	score = plugin_bed_score(bed, call);
	for (uint32_t i = 0; i < bed->candidates.count; i++)
		assert_true(score[i] == expected[i]);
	if (pick == RP_NO_ENDPOINT)
		return;
	plugin_bed_pick(bed, 0, pick);
	call->ops->pre_request(call);
}

static const int nobody[] = {-1};

/* The recorded sequence. */
static void a_cold_request_goes_where_the_last_one_is_longest_ago(void **state RP_UNUSED)
{
	step(nobody, (const double[]){1, 0.5, 0}, 1);
	step(nobody, (const double[]){1, 0, 0.5}, 0);
	step(nobody, (const double[]){0, 0.5, 1}, 2);
	step(nobody, (const double[]){0.5, 1, 0}, 1);
	step(nobody, (const double[]){1, 0, 0.5}, 1);
	match[bed->slot[0]] = 3;
	bed->data[1].match.touched_count = 1;
	step(nobody, (const double[]){0.5, 0.5, 0.5}, 0);
	bed->data[1].match.touched_count = 0;
	step(nobody, (const double[]){1, 0, 0.5}, RP_NO_ENDPOINT);
	step((const int[]){1, 2, -1}, (const double[]){1}, RP_NO_ENDPOINT);
	step((const int[]){0, -1}, (const double[]){0, 0}, RP_NO_ENDPOINT);
}

static void a_match_of_no_candidate_leaves_it_cold(void **state RP_UNUSED)
{
	match[bed->slot[0]] = 3;
	bed->data[1].match.touched_count = 1;
	step((const int[]){0, -1}, (const double[]){1, 0}, RP_NO_ENDPOINT);
	step(nobody, (const double[]){0.5, 0.5, 0.5}, RP_NO_ENDPOINT);
	bed->data[1].match = (struct rp_match_info){0};
	step(nobody, (const double[]){1, 0.5, 0}, RP_NO_ENDPOINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_cold_request_goes_where_the_last_one_is_longest_ago, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_match_of_no_candidate_leaves_it_cold, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
