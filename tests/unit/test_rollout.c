/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_disaggregatedset_rollout_screener;

static struct plugin_bed *bed;
static struct rp_params_disaggregatedset_rollout_screener params;

static void add(uint32_t i, const char *revision, const char *role, const char *site)
{
	plugin_bed_label(bed, i, "app", "set");
	if (revision != NULL)
		plugin_bed_label(bed, i, "revision", revision);
	plugin_bed_label(bed, i, "role", role);
	plugin_bed_label(bed, i, "site", site);
}

/* Revision a: two of each role; b: one prefill, three decode; c has no prefill; one has none. */
static int setup(void **state RP_UNUSED)
{
	struct rp_selector_requirement scope;
	struct rp_config_str role[2];
	struct rp_rollout_selector selector[2];

	bed = plugin_bed_new(12);
	bed->table->table_generation = 1;
	add(0, "a", "prefill", "x");
	add(1, "a", "prefill", "y");
	add(2, "a", "decode", "x");
	add(3, "a", "decode", "y");
	add(4, "b", "prefill", "x");
	add(5, "b", "decode", "x");
	add(6, "b", "decode", "y");
	add(7, "b", "decode", "");
	add(8, "c", "decode", "x");
	add(9, NULL, "decode", "x");
	scope = (struct rp_selector_requirement){.key = plugin_bed_str(bed, "app"),
						 .op = RP_SELECTOR_EXISTS};
	role[0] = plugin_bed_str(bed, "prefill");
	role[1] = plugin_bed_str(bed, "decode");
	selector[0] = (struct rp_rollout_selector){.name = plugin_bed_str(bed, "site"),
						   .header_name = plugin_bed_str(bed, "x-site"),
						   .label_key = plugin_bed_str(bed, "site"),
						   .mode = RP_ROLLOUT_STRICT};
	selector[1] = (struct rp_rollout_selector){.name = plugin_bed_str(bed, "rev"),
						   .header_name = plugin_bed_str(bed, "x-rev"),
						   .label_key = plugin_bed_str(bed, "revision"),
						   .mode = RP_ROLLOUT_PREFER};
	params = (struct rp_params_disaggregatedset_rollout_screener){
		.scope_requirements = plugin_bed_list(bed, &scope, 1, sizeof(scope)),
		.header_selectors = plugin_bed_list(bed, selector, 2, sizeof(selector[0])),
		.revision_label_key = plugin_bed_str(bed, "revision"),
		.role_label_key = plugin_bed_str(bed, "role"),
		.require_roles = plugin_bed_list(bed, role, 2, sizeof(role[0])),
		.has_revision_gating = 1,
		.has_require_roles = 1,
	};
	plugin_bed_set(bed, 0, "r", &rp_disaggregatedset_rollout_screener, &params);
	return 0;
}

static int teardown(void **state RP_UNUSED)
{
	plugin_bed_free(bed);
	return 0;
}

/* How often revision a was drawn, of 10,000 times. */
static int draws(void)
{
	int count = 0;

	for (int i = 0; i < 10000; i++) {
		const char *kept = kept_of(bed, &bed->call[0]);

		if (strcmp(kept, "0 1 2 3") == 0)
			count++;
		else
			assert_string_equal(kept, "4 5 6 7");
	}
	return count;
}

static void a_request_stays_within_a_complete_revision_drawn_by_share(void **state RP_UNUSED)
{
	assert_in_range(draws(), 5000 - 250, 5000 + 250); /* 4 pods to 4 */
	/* Decode is the largest role, 2 pods to 3. */
	params.gating = RP_ROLLOUT_MAX_ROLE;
	plugin_bed_set(bed, 0, "r", &rp_disaggregatedset_rollout_screener, &params);
	assert_in_range(draws(), 4000 - 245, 4000 + 245);
	params.gating = RP_ROLLOUT_DISABLED;
	assert_string_equal(kept_of(bed, &bed->call[0]), "all");
}

static void only_revisions_among_the_candidates_are_drawn(void **state RP_UNUSED)
{
	static const int without_a[] = {0, 1, 2, 3, -1};
	static const int only_c[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, -1};

	plugin_bed_leave_out(bed, without_a);
	for (int i = 0; i < 50; i++)
		assert_string_equal(kept_of(bed, &bed->call[0]), "4 5 6 7");
	plugin_bed_leave_out(bed, only_c);
	assert_string_equal(kept_of(bed, &bed->call[0]), "");
}

static void further_ranks_of_a_pod_do_not_count(void **state RP_UNUSED)
{
	bed->table->endpoint[4].rank = 1; /* b's only prefill endpoint */
	plugin_bed_set(bed, 0, "r", &rp_disaggregatedset_rollout_screener, &params);
	for (int i = 0; i < 50; i++)
		assert_string_equal(kept_of(bed, &bed->call[0]), "0 1 2 3");
}

static void another_table_is_counted_anew(void **state RP_UNUSED)
{
	(void)draws();
	/* b's only prefill endpoint goes over to c. */
	bed->table->label[bed->table->endpoint[4].label_first + 1].value =
		bed->table->label[bed->table->endpoint[8].label_first + 1].value;
	bed->table->table_generation++;
	for (uint32_t i = 0; i < bed->cycle.endpoint_count; i++)
		rp_disaggregatedset_rollout_screener.prepare(
			&bed->call[0], i,
			&bed->prepared[0][i * rp_disaggregatedset_rollout_screener.prepared_bytes]);
	for (int i = 0; i < 100; i++) {
		const char *kept = kept_of(bed, &bed->call[0]);

		assert_true(strcmp(kept, "0 1 2 3") == 0 || strcmp(kept, "4 8") == 0);
	}
}

static void strict_headers_choose_instead_of_the_draw(void **state RP_UNUSED)
{
	plugin_bed_header(bed, "x-rev", "b"); /* prefer: nothing of it here */
	plugin_bed_header(bed, "x-site", "x");
	assert_string_equal(kept_of(bed, &bed->call[0]), "0 2 4 5");
	params.gating = RP_ROLLOUT_DISABLED;
	assert_string_equal(kept_of(bed, &bed->call[0]), "0 2 4 5 8 9");
	plugin_bed_header(bed, "x-site", "z");
	assert_string_equal(kept_of(bed, &bed->call[0]), "");
	plugin_bed_header(bed, "x-site", "");
	assert_string_equal(kept_of(bed, &bed->call[0]), "all");
}

static void a_strict_header_that_leaves_nobody_is_counted(void **state RP_UNUSED)
{
	const struct rp_decision_series_table *series =
		&bed->bed.shared.live->worker[bed->bed.env.worker].decisions;
	static const int only_c[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, -1};

	plugin_bed_header(bed, "x-site", "x");
	(void)kept_of(bed, &bed->call[0]);
	assert_int_equal(atomic_load(&series->count), 0);
	plugin_bed_header(bed, "x-site", "z");
	(void)kept_of(bed, &bed->call[0]);
	(void)kept_of(bed, &bed->call[0]);
	assert_int_equal(atomic_load(&series->count), 1);
	assert_string_equal(series->cell[0].plugin, "r");
	assert_string_equal(series->cell[0].subject, "site");
	assert_int_equal(atomic_load(&series->cell[0].decisions[0]), 2);
	/* It is not the header when no revision is complete. */
	plugin_bed_leave_out(bed, only_c);
	assert_string_equal(kept_of(bed, &bed->call[0]), "");
	assert_int_equal(atomic_load(&series->cell[0].decisions[0]), 2);
}

static void the_answer_carries_the_labels_of_the_pick(void **state RP_UNUSED)
{
	const struct rp_followup *followup = &bed->cycle.followup;

	plugin_bed_pick(bed, 0, 1);
	bed->call[0].ops->pre_request(&bed->call[0]);
	assert_int_equal(followup->header_count, 2);
	assert_true(rp_bytes_equal_str(followup->header[0].name, "x-site"));
	assert_true(rp_bytes_equal_str(followup->header[0].value, "y"));
	assert_true(rp_bytes_equal_str(followup->header[1].name, "x-rev"));
	assert_true(rp_bytes_equal_str(followup->header[1].value, "a"));
	plugin_bed_next_request(bed);
	plugin_bed_pick(bed, 0, 7); /* its site is empty */
	bed->call[0].ops->pre_request(&bed->call[0]);
	assert_int_equal(followup->header_count, 1);
}

static void more_revisions_than_are_told_apart_are_left_out(void **state RP_UNUSED)
{
	char revision[16];

	bed->cycle.endpoint_count = PLUGIN_BED_ENDPOINTS;
	for (uint32_t i = 12; i < bed->cycle.endpoint_count; i++) {
		snprintf(revision, sizeof(revision), "r%u", i);
		bed->table_idx[i] = i;
		bed->table->endpoint_count = i + 1;
		add(i, revision, "decode", "x");
	}
	plugin_bed_set(bed, 0, "r", &rp_disaggregatedset_rollout_screener, &params);
	(void)draws();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_stays_within_a_complete_revision_drawn_by_share),
		TEST(only_revisions_among_the_candidates_are_drawn),
		TEST(further_ranks_of_a_pod_do_not_count),
		TEST(another_table_is_counted_anew),
		TEST(strict_headers_choose_instead_of_the_draw),
		TEST(a_strict_header_that_leaves_nobody_is_counted),
		TEST(the_answer_carries_the_labels_of_the_pick),
		TEST(more_revisions_than_are_told_apart_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
