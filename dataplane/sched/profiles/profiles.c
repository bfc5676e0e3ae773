/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/profiles/profiles.h"

uint32_t rp_profiles_run(const struct rp_cycle *cycle)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < cycle->config->profile_count; i++)
		bits |= cycle->result[i].has_run ? rp_profile_bit(i) : 0;
	return bits;
}

bool rp_profile_has_pick(const struct rp_cycle *cycle, uint32_t profile)
{
	return profile < RP_PROFILES_MAX && rp_cycle_first_pick(cycle, profile) != RP_NO_ENDPOINT;
}

int rp_profiles_conclude_one(const struct rp_call *call)
{
	struct rp_cycle *cycle = call->cycle;

	for (uint32_t i = 0; i < cycle->config->profile_count; i++) {
		if (!cycle->result[i].has_run)
			continue;
		if (!rp_profile_has_pick(cycle, i))
			return rp_cycle_refuse(cycle, "failed to run scheduler profile '",
					       rp_cycle_profile_name(cycle, i), "'");
		cycle->primary = i;
		return RP_OK;
	}
	return rp_cycle_refuse(cycle, "no scheduling profile was run", rp_bytes("", 0), "");
}

int rp_profiles_conclude_decode(const struct rp_call *call, uint32_t decode_profile)
{
	if (!rp_profile_has_pick(call->cycle, decode_profile))
		return rp_cycle_refuse(call->cycle, "failed to find available decode workers",
				       rp_bytes("", 0), "");
	call->cycle->primary = decode_profile;
	return RP_OK;
}

void rp_profiles_count_decision(const struct rp_call *call, enum rp_decision_family family,
				enum rp_stage_decision decision)
{
	const struct rp_cycle *cycle = call->cycle;

	rp_decision_series_count(&cycle->env->live->worker[cycle->env->worker].decisions, family,
				 rp_cycle_plugin_name(cycle, call->plugin),
				 cycle->request->target_model, decision);
}

/* The picks' addresses, joined with commas; empty: no memory. */
static struct rp_bytes addresses(const struct rp_cycle *cycle, const uint32_t *pick, uint32_t count)
{
	size_t bytes = (size_t)count * RP_ENDPOINT_ADDRESS_MAX;
	struct rp_writer w = rp_writer(rp_arena_alloc(cycle->arena, bytes), bytes);

	if (w.begin == NULL)
		return rp_bytes("", 0);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			rp_write_u8(&w, ',');
		rp_write_bytes(&w, rp_endpoint_address(&cycle->table->endpoint[pick[i]]));
	}
	return rp_writer_bytes(&w);
}

static void set_addresses(struct rp_cycle *cycle, const char *name, uint32_t profile,
			  uint32_t count_max)
{
	const struct rp_profile_result *result;
	struct rp_bytes value;

	if (!rp_profile_has_pick(cycle, profile))
		return;
	result = &cycle->result[profile];
	value = addresses(cycle, result->pick,
			  result->count < count_max ? result->count : count_max);
	if (value.len > 0)
		rp_cycle_set_header(cycle, name, value);
}

void rp_profiles_point_at_rank(struct rp_cycle *cycle, uint32_t primary_port)
{
	enum { PORT_BYTES = 10 };
	struct rp_writer w = rp_writer(rp_arena_alloc(cycle->arena, PORT_BYTES), PORT_BYTES);

	if (w.begin == NULL)
		return;
	rp_write_u64_dec(&w, primary_port);
	cycle->destination_port = rp_writer_bytes(&w);
	set_addresses(cycle, "x-data-parallel-host-port", cycle->primary, 1);
}

void rp_profiles_set_stage_headers(struct rp_cycle *cycle, uint32_t prefill_profile,
				   uint32_t encode_profile)
{
	set_addresses(cycle, "x-prefiller-host-port", prefill_profile, 1);
	set_addresses(cycle, "x-encoder-hosts-ports", encode_profile, RP_PICKS_MAX);
}
