/* SPDX-License-Identifier: Apache-2.0
 *
 * pd-profile-handler: decode, and prefill if the decider wants it run on its own (scheduling
 * reference 6.1). Of disagg-profile-handler's parts it has not, the headers are another plugin's.
 */
#include "dataplane/sched/profiles/profiles.h"

static uint32_t choose(const struct rp_call *call)
{
	const struct rp_params_pd_profile_handler *params = call->params;
	struct rp_cycle *cycle = call->cycle;
	uint32_t run = rp_profiles_run(cycle);
	uint32_t decode_bit = rp_profile_bit(params->decode_profile);
	uint32_t prefill_bit = rp_profile_bit(params->prefill_profile);
	uint32_t decode;

	if ((run & decode_bit) == 0)
		return decode_bit;
	decode = rp_cycle_first_pick(cycle, params->decode_profile);
	if (decode == RP_NO_ENDPOINT || prefill_bit == 0 || (run & prefill_bit) != 0)
		return 0;
	if (!rp_cycle_decide(cycle, params->decider, decode)) {
		rp_profiles_count_decision(call, RP_DECISION_PD, RP_DECISION_DECODE_ONLY);
		return 0;
	}
	rp_profiles_count_decision(call, RP_DECISION_PD, RP_DECISION_PREFILL_DECODE);
	return prefill_bit;
}

static int conclude(const struct rp_call *call)
{
	const struct rp_params_pd_profile_handler *params = call->params;
	int err = rp_profiles_conclude_decode(call, params->decode_profile);

	if (err == RP_OK && params->primary_port != 0)
		rp_profiles_point_at_rank(call->cycle, params->primary_port);
	return err;
}

const struct rp_plugin_ops rp_pd_profile_handler = {.choose = choose, .conclude = conclude};
