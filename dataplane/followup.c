/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/followup.h"

static struct rp_inflight_series_table *series_of(struct rp_env *env)
{
	return &env->live->worker[env->worker].inflight_series;
}

void rp_followup_hold(struct rp_followup *followup, struct rp_env *env, const struct rp_hold *hold,
		      struct rp_bytes fairness_id, int32_t priority)
{
	struct rp_hold *held;

	if (followup->hold_count == RP_HOLDS_MAX) {
		rp_counter_add(&env->counters->unexpected, 1);
		return;
	}
	held = &followup->hold[followup->hold_count++];
	*held = *hold;
	held->life = rp_inflight_load_add(&env->live->inflight, env->worker, hold->instance,
					  hold->slot, hold->requests, hold->tokens);
	held->series = rp_inflight_series_add(series_of(env), env->settings->metric_series_max,
					      &(struct rp_inflight_key){
						      .instance = hold->instance,
						      .slot = hold->slot,
						      .life = held->life,
						      .priority = priority,
						      .fairness_id = fairness_id,
					      },
					      hold->requests, hold->tokens);
}

void rp_followup_set_header(struct rp_followup *followup, struct rp_bytes name,
			    struct rp_bytes value)
{
	uint32_t i = 0;

	while (i < followup->header_count && !rp_bytes_equal(followup->header[i].name, name))
		i++;
	if (i == RP_FOLLOWUP_HEADERS_MAX)
		return;
	followup->header[i] = (struct rp_header){name, value};
	if (i == followup->header_count)
		followup->header_count++;
}

static bool copy_bytes(struct rp_bytes *text, struct rp_arena *arena)
{
	uint8_t *copy = rp_arena_alloc(arena, text->len);

	if (copy == NULL)
		return false;
	if (text->len > 0)
		memcpy(copy, text->ptr, text->len);
	*text = rp_bytes(copy, text->len);
	return true;
}

struct rp_followup *rp_followup_copy(const struct rp_followup *followup, struct rp_arena *arena)
{
	struct rp_followup *copy = rp_arena_alloc(arena, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *followup;
	for (uint32_t i = 0; i < copy->header_count; i++) {
		if (!copy_bytes(&copy->header[i].name, arena) ||
		    !copy_bytes(&copy->header[i].value, arena))
			return NULL;
	}
	return copy;
}

static void give_back(const struct rp_hold *hold, struct rp_env *env, uint32_t requests,
		      int64_t tokens)
{
	rp_inflight_load_sub(&env->live->inflight, env->worker, hold->instance, hold->slot,
			     hold->life, requests, tokens);
	rp_inflight_series_sub(series_of(env), hold->series, requests, tokens);
}

void rp_followup_first_chunk(struct rp_followup *followup, struct rp_env *env)
{
	for (uint32_t i = 0; i < followup->hold_count; i++) {
		struct rp_hold *hold = &followup->hold[i];
		uint32_t requests = hold->until == RP_HOLD_UNTIL_CHUNK ? hold->requests : 0;

		if (hold->until == RP_HOLD_UNTIL_END)
			continue;
		give_back(hold, env, requests, hold->tokens);
		hold->until = RP_HOLD_UNTIL_END;
		hold->requests -= requests;
		hold->tokens = 0;
	}
}

void rp_followup_end(struct rp_followup *followup, struct rp_env *env)
{
	for (uint32_t i = 0; i < followup->hold_count; i++)
		give_back(&followup->hold[i], env, followup->hold[i].requests,
			  followup->hold[i].tokens);
	followup->hold_count = 0;
}
