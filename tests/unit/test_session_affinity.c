/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "dataplane/sched/session_affinity.h"

extern const struct rp_plugin_ops rp_session_affinity_scorer;
extern const struct rp_plugin_ops rp_session_affinity_filter;

static struct plugin_bed *bed;
static struct rp_params_session_affinity params;
static const struct rp_call *scorer;
static const struct rp_call *filter;

static int set_up(void **state RP_UNUSED)
{
	struct rp_session_source sources[2] = {{.producer = 3}, {.producer = RP_CONFIG_NONE}};

	bed = plugin_bed_new(3);
	sources[0].attribute = plugin_bed_str(bed, "agent-identity");
	sources[1].header = plugin_bed_str(bed, "x-session-id");
	params = (struct rp_params_session_affinity){
		.encoded_endpoint_header = plugin_bed_str(bed, "x-session-token"),
		.sources = plugin_bed_list(bed, sources, 2, sizeof(*sources)),
		.eviction_ttl_ns = INT64_C(300000000000),
		.eviction_sweep_ns = INT64_C(10000000000),
		.profile = RP_CONFIG_NONE,
	};
	scorer = plugin_bed_set(bed, 0, "scorer", &rp_session_affinity_scorer, &params);
	filter = plugin_bed_set(bed, 1, "filter", &rp_session_affinity_filter, &params);
	return 0;
}

static int tear_down(void **state RP_UNUSED)
{
	plugin_bed_free(bed);
	return 0;
}

/* Endpoint that gets 1, -1 if none does; the filter agrees. */
static int preferred(void)
{
	const double *score = plugin_bed_score(bed, scorer);
	uint32_t kept[PLUGIN_BED_ENDPOINTS];
	int found = -1;

	for (uint32_t i = 0; i < bed->candidates.count; i++) {
		if (score[i] == 1) {
			assert_int_equal(found, -1);
			found = (int)bed->table_idx[i];
		} else {
			assert_true(score[i] == 0);
		}
	}
	if (params.strategy == RP_SESSION_ID)
		return found; /* the filter has bindings of its own */
	if (found < 0) {
		assert_int_equal(filter->ops->filter(filter, &bed->candidates, kept), RP_KEEP_ALL);
	} else {
		assert_int_equal(filter->ops->filter(filter, &bed->candidates, kept), 1);
		assert_int_equal(bed->table_idx[kept[0]], found);
	}
	return found;
}

static void the_token_names_the_endpoint(void **state RP_UNUSED)
{
	static const struct {
		const char *token;
		int endpoint;
	} rows[] = {{"bnMvcDI=", 1}, {"bnMvcDM=", 2}, {"bnMvcDk=", -1}, {"%%%", -1},
		    {"", -1},	     {"bnMvcDI", -1}, {"cDI=", -1}};

	assert_int_equal(preferred(), -1);
	for (size_t i = 0; i < RP_ARRAY_LEN(rows); i++) {
		plugin_bed_header(bed, "x-session-token", rows[i].token);
		assert_int_equal(preferred(), rows[i].endpoint);
	}
	plugin_bed_header(bed, "x-session-token", rows[0].token);
	plugin_bed_leave_out(bed, (const int[]){1, -1});
	assert_int_equal(preferred(), -1);
	plugin_bed_leave_out(bed, (const int[]){0, -1});
	assert_int_equal(preferred(), 1);
}

static void a_token_longer_than_any_name_names_nobody(void **state RP_UNUSED)
{
	static char token[4097];

	memset(token, 'A', sizeof(token) - 1);
	plugin_bed_header(bed, "x-session-token", token);
	assert_int_equal(preferred(), -1);
}

static void the_answer_tells_the_client_where_it_was(void **state RP_UNUSED)
{
	const struct rp_followup *followup = &bed->cycle.followup;

	bed->cycle.primary = 0;
	plugin_bed_pick(bed, 0, 1);
	plugin_bed_pick(bed, 1, 2);
	scorer->ops->pre_request(scorer);
	assert_int_equal(followup->header_count, 1);
	assert_true(rp_bytes_equal_str(followup->header[0].name, "x-session-token"));
	assert_true(rp_bytes_equal_str(followup->header[0].value, "bnMvcDI="));

	plugin_bed_next_request(bed);
	params.profile_name = plugin_bed_str(bed, "prefill");
	params.profile = 1;
	plugin_bed_pick(bed, 0, 1);
	scorer->ops->pre_request(scorer);
	assert_int_equal(followup->header_count, 0);
	plugin_bed_pick(bed, 1, 2);
	scorer->ops->pre_request(scorer);
	assert_true(rp_bytes_equal_str(followup->header[0].value, "bnMvcDM="));

	plugin_bed_next_request(bed);
	params.profile = RP_CONFIG_NONE;
	plugin_bed_pick(bed, 0, 1);
	scorer->ops->pre_request(scorer);
	assert_int_equal(followup->header_count, 0);
}

/* Schedule a request of that session: what is preferred, and then the pick. */
static int step(const char *session, const int *left_out, uint32_t pick)
{
	int found;

	plugin_bed_next_request(bed);
	plugin_bed_header(bed, "x-session-id", session);
	plugin_bed_leave_out(bed, left_out);
	found = preferred();
	plugin_bed_pick(bed, 0, pick);
	scorer->ops->pre_request(scorer);
	return found;
}

/* The recorded sequence. */
static void a_binding_moves_only_when_its_endpoint_is_away(void **state RP_UNUSED)
{
	static const int nobody[] = {-1}, second[] = {1, -1};

	params.strategy = RP_SESSION_ID;
	assert_int_equal(step("A", nobody, 1), -1);
	assert_int_equal(step(" A ", nobody, 1), 1);
	assert_int_equal(step("A", nobody, 0), 1);
	assert_int_equal(step("A", nobody, 1), 1);
	assert_int_equal(step("A", second, 2), -1);
	assert_int_equal(step("A", nobody, 2), 2);
	assert_int_equal(step("", nobody, 0), -1);
	assert_int_equal(step("B", nobody, 0), -1);
	assert_int_equal(step("B", nobody, 0), 0);
	assert_int_equal(step("A", nobody, 2), 2);
}

static void an_id_comes_from_the_first_source_that_has_one(void **state RP_UNUSED)
{
	static const int nobody[] = {-1};

	params.strategy = RP_SESSION_ID;
	bed->data[3].text = RP_BYTES_LIT("agent");
	assert_int_equal(step("A", nobody, 1), -1);
	bed->data[3].text = RP_BYTES_LIT("  ");
	assert_int_equal(step("A", nobody, 2), -1);
	bed->data[3].text = RP_BYTES_LIT("");
	assert_int_equal(step("agent", nobody, 1), 1);
	assert_int_equal(step("A", nobody, 2), 2);
}

static void instances_have_bindings_of_their_own(void **state RP_UNUSED)
{
	static const int nobody[] = {-1};
	uint32_t kept[PLUGIN_BED_ENDPOINTS];

	params.strategy = RP_SESSION_ID;
	assert_int_equal(step("A", nobody, 1), -1);
	assert_int_equal(filter->ops->filter(filter, &bed->candidates, kept), RP_KEEP_ALL);
	filter->ops->pre_request(filter);
	plugin_bed_next_request(bed);
	assert_int_equal(filter->ops->filter(filter, &bed->candidates, kept), 1);
	assert_int_equal(kept[0], 1);
}

static void a_binding_that_is_not_used_ends(void **state RP_UNUSED)
{
	static const int nobody[] = {-1};
	struct rp_env *env = &bed->bed.env;

	params.strategy = RP_SESSION_ID;
	assert_int_equal(step("A", nobody, 1), -1);
	env->now_ns += params.eviction_ttl_ns - INT64_C(1000000000);
	assert_int_equal(step("A", nobody, 1), 1);
	env->now_ns += params.eviction_ttl_ns - INT64_C(1000000000);
	assert_int_equal(step("A", nobody, 0), 1); /* not refreshed by another pick */
	env->now_ns += INT64_C(2000000000);
	assert_int_equal(step("A", nobody, 2), -1);
	assert_int_equal(step("A", nobody, 2), 2);
}

static void a_slot_with_another_endpoint_is_not_the_bound_one(void **state RP_UNUSED)
{
	static const int nobody[] = {-1};

	params.strategy = RP_SESSION_ID;
	assert_int_equal(step("A", nobody, 1), -1);
	bed->table->endpoint[1].generation++;
	assert_int_equal(step("A", nobody, 0), -1);
	assert_int_equal(step("A", nobody, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_token_names_the_endpoint, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_token_longer_than_any_name_names_nobody, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_answer_tells_the_client_where_it_was, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_binding_moves_only_when_its_endpoint_is_away,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_id_comes_from_the_first_source_that_has_one,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(instances_have_bindings_of_their_own, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_binding_that_is_not_used_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_slot_with_another_endpoint_is_not_the_bound_one,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
