/* SPDX-License-Identifier: Apache-2.0
 *
 * no-hit-lru-scorer: a request of whose prompt nobody holds a block goes to who got such a request
 * longest ago (scheduling reference 3.5). All workers share that order (shm/cold_order.h).
 */
#include "dataplane/sched/sched_plugin.h"

enum { NOTE_COLD = 1 };

struct state {
	struct rp_cold_view view;
	uint32_t generation[RP_ENDPOINTS_MAX]; /* by candidate, as the next */
	int32_t rank[RP_ENDPOINTS_MAX];
};

static bool is_cold(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_no_hit_lru_scorer *params = call->params;
	const struct rp_match_info *match =
		&rp_cycle_data(call->cycle, params->prefix_match_info_producer)->match;

	if (match->total_blocks == 0 || match->touched_count == 0)
		return true;
	for (uint32_t i = 0; i < in->count; i++) {
		if (match->match_blocks[in->slot[i]] > 0)
			return false;
	}
	return true;
}

/* Those never picked come first, in the candidates' order, then the one picked longest ago. */
static void score_cold(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_no_hit_lru_scorer *params = call->params;
	const struct rp_endpoint *endpoint = call->cycle->table->endpoint;
	struct state *state = call->state;
	double last = (double)in->count - 1;
	uint32_t lru_size = params->lru_size < UINT32_MAX ? (uint32_t)params->lru_size : UINT32_MAX;
	uint32_t unused = 0;

	for (uint32_t i = 0; i < in->count; i++)
		state->generation[i] = endpoint[in->table_idx[i]].generation;
	rp_cold_order_rank(&call->cycle->env->live->cold, params->instance, &state->view, lru_size,
			   in->slot, state->generation, in->count, state->rank);
	for (uint32_t i = 0; i < in->count; i++)
		unused += state->rank[i] < 0;
	for (uint32_t i = 0, before = 0; i < in->count; i++) {
		uint32_t place = before;
		double value;

		if (state->rank[i] < 0)
			before++;
		else
			place = unused + (uint32_t)state->rank[i];
		value = 1.0 - (double)place / last;
		score[i] = value < 0 ? 0.0 : value;
	}
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	bool cold = is_cold(call, in);

	call->data->note = cold ? NOTE_COLD : 0;
	if (cold && in->count > 1) {
		score_cold(call, in, score);
		return;
	}
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = cold ? 1.0 : 0.5;
}

static void touch(const struct rp_call *call, uint32_t profile)
{
	const struct rp_params_no_hit_lru_scorer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	uint32_t picked = rp_cycle_first_pick(cycle, profile);
	const struct rp_endpoint *endpoint;

	if (picked == RP_NO_ENDPOINT)
		return;
	endpoint = &cycle->table->endpoint[picked];
	rp_cold_order_touch(&cycle->env->live->cold, params->instance, endpoint->slot,
			    endpoint->generation);
}

static void pre_request(const struct rp_call *call)
{
	uint32_t prefill = rp_cycle_find_profile(call->cycle, RP_BYTES_LIT("prefill"));

	if (call->data->note != NOTE_COLD)
		return;
	touch(call, call->cycle->primary);
	if (prefill != RP_CONFIG_NONE && prefill != call->cycle->primary)
		touch(call, prefill);
}

const struct rp_plugin_ops rp_no_hit_lru_scorer = {
	.state_bytes = sizeof(struct state),
	.score = score,
	.has_note = true,
	.pre_request = pre_request,
};
