/* SPDX-License-Identifier: Apache-2.0
 *
 * What profile handlers have in common (scheduling reference 2.5, 6).
 */
#ifndef RP_DATAPLANE_SCHED_PROFILES_PROFILES_H
#define RP_DATAPLANE_SCHED_PROFILES_PROFILES_H

#include "dataplane/sched/sched_plugin.h"
#include "shm/decision_series.h"

/** The bit of a profile, 0 for RP_CONFIG_NONE. */
static inline uint32_t rp_profile_bit(uint32_t profile)
{
	return profile < RP_PROFILES_MAX ? 1u << profile : 0;
}

/** A bit for each profile that has run. */
uint32_t rp_profiles_run(const struct rp_cycle *cycle);

/** Did the profile find an endpoint? RP_CONFIG_NONE: no. */
bool rp_profile_has_pick(const struct rp_cycle *cycle, uint32_t profile);

/** `conclude` of handlers that run one profile: it is the primary one. */
int rp_profiles_conclude_one(const struct rp_call *call);

/** `conclude` of handlers whose primary profile is the decode stage's. */
int rp_profiles_conclude_decode(const struct rp_call *call, uint32_t decode_profile);

/** Count what a disaggregating handler decided (operations reference 7.6). */
void rp_profiles_count_decision(const struct rp_call *call, enum rp_decision_family family,
				enum rp_stage_decision decision);

/** Say in a header which rank the primary pick is, and have its port replaced. */
void rp_profiles_point_at_rank(struct rp_cycle *cycle, uint32_t primary_port);

/** Name the prefill pick and all encode picks in headers, as far as there are any (6.3). */
void rp_profiles_set_stage_headers(struct rp_cycle *cycle, uint32_t prefill_profile,
				   uint32_t encode_profile);

#endif /* RP_DATAPLANE_SCHED_PROFILES_PROFILES_H */
