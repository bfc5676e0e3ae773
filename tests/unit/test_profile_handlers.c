/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/plugin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

extern const struct rp_plugin_ops rp_header_profile_handler, rp_data_parallel_profile_handler;
extern const struct rp_plugin_ops rp_disagg_profile_handler, rp_pd_profile_handler;
extern const struct rp_plugin_ops rp_disagg_headers_handler;

enum { HANDLER = 0, PREFILL_DECIDER = 1, ENCODE_DECIDER = 2 };
enum { DECODE, PREFILL, ENCODE, PROFILES };

static struct plugin_bed *bed;
static struct {
	struct rp_config_blob head;
	struct rp_config_plugin plugin[8];
	struct rp_config_profile profile[PROFILES];
	char pool[64];
} config;

static bool prefill_answer, encode_answer;
static uint32_t asked, shown; /* how often a decider was asked, the pick it was shown last */

static bool decide(const struct rp_call *call, uint32_t table_idx)
{
	asked++;
	shown = table_idx;
	return call->plugin == PREFILL_DECIDER ? prefill_answer : encode_answer;
}

static const struct rp_plugin_ops decider = {.decide = decide};

static struct rp_config_str str(const char *text)
{
	struct rp_config_str str = {config.head.pool_bytes, (uint32_t)strlen(text)};

	memcpy(config.pool + str.offset, text, str.len);
	config.head.pool_bytes += str.len;
	return str;
}

static int setup(void **state RP_UNUSED)
{
	static const char *const name[PROFILES] = {"decode", "prefill", "encode"};

	memset(&config, 0, sizeof(config));
	bed = plugin_bed_new(5);
	config.head.plugins_offset = (uint32_t)((char *)config.plugin - (char *)&config);
	config.head.profiles_offset = (uint32_t)((char *)config.profile - (char *)&config);
	config.head.pool_offset = (uint32_t)((char *)config.pool - (char *)&config);
	config.head.plugin_count = RP_ARRAY_LEN(config.plugin);
	config.head.profile_count = PROFILES;
	for (uint32_t i = 0; i < PROFILES; i++)
		config.profile[i].name = str(name[i]);
	config.plugin[HANDLER].name = str("handler");
	bed->cycle.config = &config.head;
	bed->request.target_model = RP_BYTES_LIT("m");
	bed->cycle.reason = bed->cycle.destination_port = rp_bytes("", 0);
	plugin_bed_set(bed, PREFILL_DECIDER, "p", &decider, NULL);
	plugin_bed_set(bed, ENCODE_DECIDER, "e", &decider, NULL);
	prefill_answer = encode_answer = true;
	asked = 0;
	return 0;
}

static int teardown(void **state RP_UNUSED)
{
	plugin_bed_free(bed);
	return 0;
}

/* Run what the handler wants as the scheduler does: decode picks endpoint 0, prefill 1 and encode 2
 * and 3. Profiles of `failing` (bits) pick nothing. What was run, as letters; peers behind them. */
static const char *run(const struct rp_call *call, uint32_t failing)
{
	static char text[64];
	struct rp_writer w = rp_writer(text, sizeof(text) - 1);
	uint32_t chosen;

	memset(bed->cycle.result, 0, sizeof(bed->cycle.result));
	memset(bed->data, 0, sizeof(bed->data));
	bed->cycle.peer = RP_NO_ENDPOINT;
	bed->cycle.header_count = 0;
	for (int round = 0; (chosen = call->ops->choose(call)) != 0; round++) {
		RP_ASSERT(round < PROFILES);
		for (uint32_t i = 0; i < PROFILES; i++) {
			struct rp_profile_result *result = &bed->cycle.result[i];

			if ((chosen & 1u << i) == 0)
				continue;
			RP_ASSERT(!result->has_run);
			*result = (struct rp_profile_result){.has_run = true,
							     .count = (failing & 1u << i) != 0 ? 0
								      : i == ENCODE	       ? 2
											       : 1,
							     .pick = {i, 3}};
			rp_write_u8(&w, (uint8_t) "dpe"[i]);
			if (bed->cycle.peer != RP_NO_ENDPOINT)
				rp_write_u64_dec(&w, bed->cycle.peer);
		}
	}
	text[rp_written(&w)] = '\0';
	return text;
}

static bool has_header(const char *name, const char *value)
{
	for (uint32_t i = 0; i < bed->cycle.header_count; i++) {
		if (rp_bytes_equal_str(bed->cycle.header[i].name, name))
			return rp_bytes_equal_str(bed->cycle.header[i].value, value);
	}
	return false;
}

static uint64_t counted(enum rp_stage_decision decision)
{
	return atomic_load(&bed->bed.env.live->worker[0].decisions.cell[0].decisions[decision]);
}

static struct rp_params_disagg_profile_handler usual_params(void)
{
	return (struct rp_params_disagg_profile_handler){
		.decode_profile = DECODE,
		.prefill_profile = PREFILL,
		.encode_profile = ENCODE,
		.prefill_decider = PREFILL_DECIDER,
		.encode_decider = ENCODE_DECIDER,
	};
}

static void decode_first_runs_the_stages_that_deciders_want(void **state RP_UNUSED)
{
	struct rp_params_disagg_profile_handler params = usual_params();
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_disagg_profile_handler, &params);

	assert_string_equal(run(call, 0), "dep0");
	assert_int_equal(asked, 2);
	assert_int_equal(shown, 0);
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_int_equal(bed->cycle.primary, DECODE);
	call->ops->pre_request(call);
	assert_int_equal(bed->cycle.header_count, 2);
	assert_true(has_header("x-prefiller-host-port", "10.0.0.2:8000"));
	assert_true(has_header("x-encoder-hosts-ports", "10.0.0.3:8000,10.0.0.4:8000"));
	assert_int_equal(counted(RP_DECISION_ENCODE_PREFILL_DECODE), 1);

	/* A decider that said no is not asked again. */
	encode_answer = false;
	asked = 0;
	assert_string_equal(run(call, 0), "dp0");
	assert_int_equal(asked, 2);
	assert_int_equal(counted(RP_DECISION_PREFILL_DECODE), 1);
	prefill_answer = false;
	assert_string_equal(run(call, 0), "d");
	call->ops->pre_request(call);
	assert_int_equal(bed->cycle.header_count, 0);
	assert_int_equal(counted(RP_DECISION_DECODE_ONLY), 1);
	encode_answer = true;
	assert_string_equal(run(call, 0), "de");
	assert_int_equal(counted(RP_DECISION_ENCODE_DECODE), 1);
}

static void a_stage_without_endpoints_is_left_out_but_decode_is_needed(void **state RP_UNUSED)
{
	struct rp_params_disagg_profile_handler params = usual_params();
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_disagg_profile_handler, &params);

	assert_string_equal(run(call, 1u << PREFILL | 1u << ENCODE), "dep0");
	assert_int_equal(call->ops->conclude(call), RP_OK);
	call->ops->pre_request(call);
	assert_int_equal(bed->cycle.header_count, 0);
	assert_int_equal(counted(RP_DECISION_DECODE_ONLY), 1);
	assert_string_equal(run(call, 1u << DECODE), "d");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
	assert_true(
		rp_bytes_equal_str(bed->cycle.reason, "failed to find available decode workers"));
	assert_int_equal(counted(RP_DECISION_DECODE_ONLY), 1);
	params.decode_profile = RP_CONFIG_NONE;
	assert_string_equal(run(call, 0), "");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
}

static void stages_without_profile_or_decider_are_off(void **state RP_UNUSED)
{
	struct rp_params_disagg_profile_handler params = usual_params();
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_disagg_profile_handler, &params);

	params.encode_decider = RP_CONFIG_NONE;
	params.prefill_profile = RP_CONFIG_NONE;
	assert_string_equal(run(call, 0), "d");
	assert_int_equal(asked, 0);
	assert_int_equal(call->ops->conclude(call), RP_OK);
	call->ops->pre_request(call);
	assert_int_equal(bed->cycle.header_count, 0);
}

static void prefill_first_makes_the_prefill_pick_the_peer(void **state RP_UNUSED)
{
	struct rp_params_disagg_profile_handler params = usual_params();
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_disagg_profile_handler, &params);

	params.stage_order = RP_STAGE_PREFILL_FIRST;
	params.prefill_decider = RP_CONFIG_NONE;
	assert_string_equal(run(call, 0), "ped1");
	assert_int_equal(asked, 1);
	assert_int_equal(shown, RP_NO_ENDPOINT);
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_int_equal(counted(RP_DECISION_ENCODE_PREFILL_DECODE), 1);
	encode_answer = false;
	assert_string_equal(run(call, 1u << PREFILL), "pd");
	assert_int_equal(counted(RP_DECISION_DECODE_ONLY), 1);
	assert_string_equal(run(call, 1u << DECODE), "pd1");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
	params.prefill_profile = RP_CONFIG_NONE;
	assert_string_equal(run(call, 0), "d");
}

static void pd_runs_prefill_if_its_decider_says_so(void **state RP_UNUSED)
{
	struct rp_params_pd_profile_handler params = {
		.decode_profile = DECODE, .prefill_profile = PREFILL, .decider = PREFILL_DECIDER};
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_pd_profile_handler, &params);

	assert_string_equal(run(call, 0), "dp");
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_int_equal(bed->cycle.header_count, 0);
	assert_int_equal(bed->cycle.destination_port.len, 0);
	assert_int_equal(counted(RP_DECISION_PREFILL_DECODE), 1);
	prefill_answer = false;
	params.primary_port = 9000;
	assert_string_equal(run(call, 0), "d");
	assert_int_equal(counted(RP_DECISION_DECODE_ONLY), 1);
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_true(rp_bytes_equal_str(bed->cycle.destination_port, "9000"));
	assert_true(has_header("x-data-parallel-host-port", "10.0.0.1:8000"));
	assert_string_equal(run(call, 1u << DECODE), "d");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
}

static void the_old_headers_handler_names_the_stages_that_ran(void **state RP_UNUSED)
{
	struct rp_params_pd_profile_handler pd = {
		.decode_profile = DECODE, .prefill_profile = PREFILL, .decider = PREFILL_DECIDER};
	struct rp_params_disagg_headers_handler params = {PREFILL, ENCODE};
	const struct rp_call *call = plugin_bed_set(bed, HANDLER, "h", &rp_pd_profile_handler, &pd);
	const struct rp_call *headers =
		plugin_bed_set(bed, 3, "i", &rp_disagg_headers_handler, &params);

	assert_string_equal(run(call, 0), "dp");
	headers->ops->pre_request(headers);
	assert_int_equal(bed->cycle.header_count, 1);
	assert_true(has_header("x-prefiller-host-port", "10.0.0.2:8000"));
}

static void the_header_names_the_profile(void **state RP_UNUSED)
{
	struct rp_params_header_profile_handler params = {.header_name = str("epp-profile"),
							  .default_profile = DECODE};
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_header_profile_handler, &params);

	assert_string_equal(run(call, 0), "d");
	plugin_bed_header(bed, "epp-profile", " prefill ");
	assert_string_equal(run(call, 0), "p");
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_int_equal(bed->cycle.primary, PREFILL);
	assert_string_equal(run(call, 1u << PREFILL), "p");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
	assert_true(
		rp_bytes_equal_str(bed->cycle.reason, "failed to run scheduler profile 'prefill'"));
	plugin_bed_header(bed, "epp-profile", "nope");
	assert_string_equal(run(call, 0), "");
	plugin_bed_header(bed, "epp-profile", " ");
	params.default_profile = RP_CONFIG_NONE;
	assert_string_equal(run(call, 0), "");
	/* The only profile is run whatever the header says. */
	config.head.profile_count = 1;
	assert_string_equal(run(call, 0), "d");
}

static void data_parallel_points_at_the_rank_behind_the_primary_port(void **state RP_UNUSED)
{
	struct rp_params_data_parallel_profile_handler params = {.primary_port = 0};
	const struct rp_call *call =
		plugin_bed_set(bed, HANDLER, "h", &rp_data_parallel_profile_handler, &params);

	assert_string_equal(run(call, 0), ""); /* more than one profile */
	config.head.profile_count = 1;
	assert_string_equal(run(call, 0), "d");
	assert_int_equal(call->ops->conclude(call), RP_OK);
	assert_true(rp_bytes_equal_str(bed->cycle.destination_port, "0"));
	assert_true(has_header("x-data-parallel-host-port", "10.0.0.1:8000"));
	bed->cycle.destination_port = rp_bytes("", 0);
	assert_string_equal(run(call, 1u << DECODE), "d");
	assert_int_equal(call->ops->conclude(call), RP_EUNSUPPORTED);
	assert_int_equal(bed->cycle.destination_port.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(decode_first_runs_the_stages_that_deciders_want),
		TEST(a_stage_without_endpoints_is_left_out_but_decode_is_needed),
		TEST(stages_without_profile_or_decider_are_off),
		TEST(prefill_first_makes_the_prefill_pick_the_peer),
		TEST(pd_runs_prefill_if_its_decider_says_so),
		TEST(the_old_headers_handler_names_the_stages_that_ran),
		TEST(the_header_names_the_profile),
		TEST(data_parallel_points_at_the_rank_behind_the_primary_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
