/* SPDX-License-Identifier: Apache-2.0
 *
 * disagg-profile-handler: a profile for each stage of a request that deciders want run on its own
 * (scheduling reference 6.1).
 */
#include "dataplane/sched/profiles/profiles.h"

/* Deciders that said no, in the plugin's note. */
enum { SKIPS_PREFILL = 1 << 0, SKIPS_ENCODE = 1 << 1 };

static bool has_run(const struct rp_cycle *cycle, uint32_t profile)
{
	return profile < RP_PROFILES_MAX && cycle->result[profile].has_run;
}

/* Is the stage to be run now? Its decider is asked once. */
static bool wants_stage(const struct rp_call *call, uint32_t profile, uint32_t decider,
			uint32_t skips, uint32_t table_idx)
{
	if (profile == RP_CONFIG_NONE || has_run(call->cycle, profile) ||
	    (call->data->note & skips) != 0)
		return false;
	if (decider != RP_CONFIG_NONE && rp_cycle_decide(call->cycle, decider, table_idx))
		return true;
	call->data->note |= skips;
	return false;
}

static void count_decision(const struct rp_call *call)
{
	static const enum rp_stage_decision decision[2][2] = {
		/* by encode, prefill */
		{RP_DECISION_DECODE_ONLY, RP_DECISION_PREFILL_DECODE},
		{RP_DECISION_ENCODE_DECODE, RP_DECISION_ENCODE_PREFILL_DECODE},
	};
	const struct rp_params_disagg_profile_handler *params = call->params;
	bool is_encoded = rp_profile_has_pick(call->cycle, params->encode_profile);
	bool is_prefilled = rp_profile_has_pick(call->cycle, params->prefill_profile);

	rp_profiles_count_decision(call, RP_DECISION_DISAGG, decision[is_encoded][is_prefilled]);
}

static uint32_t choose_decode_first(const struct rp_call *call)
{
	const struct rp_params_disagg_profile_handler *params = call->params;
	struct rp_cycle *cycle = call->cycle;
	uint32_t decode;

	if (!has_run(cycle, params->decode_profile))
		return rp_profile_bit(params->decode_profile);
	decode = rp_cycle_first_pick(cycle, params->decode_profile);
	if (decode == RP_NO_ENDPOINT)
		return 0;
	if (wants_stage(call, params->encode_profile, params->encode_decider, SKIPS_ENCODE, decode))
		return rp_profile_bit(params->encode_profile);
	if (wants_stage(call, params->prefill_profile, params->prefill_decider, SKIPS_PREFILL,
			decode)) {
		cycle->peer = decode;
		return rp_profile_bit(params->prefill_profile);
	}
	count_decision(call);
	return 0;
}

static uint32_t choose_prefill_first(const struct rp_call *call)
{
	const struct rp_params_disagg_profile_handler *params = call->params;
	struct rp_cycle *cycle = call->cycle;

	if (has_run(cycle, params->decode_profile)) {
		if (rp_profile_has_pick(cycle, params->decode_profile))
			count_decision(call);
		return 0;
	}
	if (params->prefill_profile != RP_CONFIG_NONE && !has_run(cycle, params->prefill_profile))
		return rp_profile_bit(params->prefill_profile);
	if (wants_stage(call, params->encode_profile, params->encode_decider, SKIPS_ENCODE,
			RP_NO_ENDPOINT))
		return rp_profile_bit(params->encode_profile);
	if (rp_profile_has_pick(cycle, params->prefill_profile))
		cycle->peer = rp_cycle_first_pick(cycle, params->prefill_profile);
	return rp_profile_bit(params->decode_profile);
}

static uint32_t choose(const struct rp_call *call)
{
	const struct rp_params_disagg_profile_handler *params = call->params;

	return params->stage_order == RP_STAGE_PREFILL_FIRST ? choose_prefill_first(call)
							     : choose_decode_first(call);
}

static int conclude(const struct rp_call *call)
{
	const struct rp_params_disagg_profile_handler *params = call->params;

	return rp_profiles_conclude_decode(call, params->decode_profile);
}

static void pre_request(const struct rp_call *call)
{
	const struct rp_params_disagg_profile_handler *params = call->params;

	rp_profiles_set_stage_headers(call->cycle, params->prefill_profile, params->encode_profile);
}

const struct rp_plugin_ops rp_disagg_profile_handler = {
	.choose = choose, .conclude = conclude, .pre_request = pre_request, .has_note = true};
