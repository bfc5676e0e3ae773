/* SPDX-License-Identifier: Apache-2.0
 *
 * mm-embeddings-cache-producer: who has seen the request's images, videos and sounds before, and
 * has them in the cache of its encoder (scheduling reference 3.5). All workers share one index of
 * them; an item is known by its 64-bit hash.
 */
#include "dataplane/sched/sched_plugin.h"

enum {
	BYTES_PER_ITEM_MB = 2,
	WHERE_BITS = 13,
	WHERE_SLOTS = 1 << WHERE_BITS,
};
static_assert(WHERE_SLOTS >= 2 * RP_MEDIA_FEATURES_MAX, "half of it stays free");
static_assert((int)RP_MODALITY_IMAGE == RP_ENCODER_IMAGE &&
		      (int)RP_MODALITY_AUDIO == RP_ENCODER_AUDIO &&
		      (int)RP_MODALITY_VIDEO == RP_ENCODER_VIDEO &&
		      (int)RP_MODALITY_COUNT == RP_ENCODER_MODALITY_COUNT,
	      "series go by the same numbers");

/* What was found out about the request at hand. */
struct state {
	uint64_t salt; /* odd: clients choose hashes, and must not know where they are put */
	uint32_t count;
	uint64_t item[RP_MEDIA_FEATURES_MAX]; /* each once */
	uint8_t modality[RP_MEDIA_FEATURES_MAX];
	uint64_t group[RP_MEDIA_FEATURES_MAX]; /* those of one modality */
	uint16_t where[WHERE_SLOTS];	       /* of item's hash: its place, plus 1; 0: free */
	uint32_t touched_count;
	uint16_t matched[RP_ENDPOINTS_MAX];
	uint16_t counted[RP_ENDPOINTS_MAX]; /* of matched, in the series */
	uint16_t touched[RP_ENDPOINTS_MAX];
};

static uint16_t *place_of(struct state *state, uint64_t item)
{
	uint64_t at = item * state->salt >> (64 - WHERE_BITS);

	while (state->where[at] != 0 && state->item[state->where[at] - 1] != item)
		at = (at + 1) % WHERE_SLOTS;
	return &state->where[at];
}

static void forget(struct state *state)
{
	/* From the last one on, so that each is still found where it was put. */
	while (state->count > 0) {
		*place_of(state, state->item[state->count - 1]) = 0;
		state->count--;
	}
	for (uint32_t i = 0; i < state->touched_count; i++) {
		state->matched[state->touched[i]] = 0;
		state->counted[state->touched[i]] = 0;
	}
	state->touched_count = 0;
}

/* Of an item that is there as two, the last modality counts. */
static void add_item(struct state *state, const struct rp_media_feature *feature)
{
	uint16_t *place = place_of(state, feature->hash);

	if (*place == 0) {
		if (state->count == RP_MEDIA_FEATURES_MAX)
			return;
		state->item[state->count] = feature->hash;
		*place = (uint16_t)++state->count;
	}
	state->modality[*place - 1] = feature->modality;
}

static struct rp_encoder_series_table *series_of(const struct rp_call *call)
{
	const struct rp_env *env = call->cycle->env;

	return &env->live->worker[env->worker].encoder;
}

static uint32_t gather(struct state *state, uint32_t modality)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < state->count; i++) {
		state->group[count] = state->item[i];
		count += state->modality[i] == modality;
	}
	return count;
}

/* What a modality's look-ups added to the matches. */
static void count_hits(const struct rp_call *call, uint32_t series,
		       enum rp_encoder_modality modality)
{
	const struct rp_prefix_index *index = &call->cycle->env->live->items.index;
	struct state *state = call->state;

	for (uint32_t i = 0; i < state->touched_count; i++) {
		uint32_t slot = state->touched[i];
		uint32_t generation = rp_prefix_index_generation(index, slot);

		if (state->matched[slot] == state->counted[slot] || generation == 0)
			continue;
		rp_encoder_series_hit(series_of(call), series, slot, generation, modality,
				      (uint64_t)(state->matched[slot] - state->counted[slot]));
		state->counted[slot] = state->matched[slot];
	}
}

static void look_up(const struct rp_call *call, uint32_t series)
{
	struct state *state = call->state;

	for (uint32_t m = 0; m < RP_ENCODER_MODALITY_COUNT; m++) {
		uint32_t count = gather(state, m);

		if (count == 0)
			continue;
		rp_counter_add(&series_of(call)->series[series].queries[m], count);
		rp_prefix_index_match_each(&call->cycle->env->live->items.index, state->group,
					   count, state->matched, state->touched,
					   &state->touched_count);
		count_hits(call, series, (enum rp_encoder_modality)m);
	}
}

static void count_ratios(const struct rp_call *call, uint32_t series)
{
	const struct rp_candidates *candidates = call->cycle->candidates;
	struct rp_histogram *ratio = &series_of(call)->series[series].hit_ratio;
	const struct state *state = call->state;
	uint64_t without = 0;

	for (uint32_t i = 0; i < candidates->count; i++) {
		uint16_t matched = state->matched[candidates->slot[i]];

		if (matched == 0)
			without++;
		else
			rp_histogram_observe(ratio, RP_BUCKETS_RATIO,
					     (double)matched / state->count);
	}
	if (without > 0)
		rp_histogram_observe_times(ratio, RP_BUCKETS_RATIO, 0, without);
}

static int produce(const struct rp_call *call)
{
	const struct rp_request *request = call->cycle->request;
	struct state *state = call->state;
	uint32_t series;

	if (state->salt == 0)
		state->salt = rp_env_random(call->cycle->env) | 1;
	forget(state);
	for (uint32_t i = 0; request->has_prompts && i < request->prompt_count; i++) {
		const struct rp_prompt *prompt = &request->prompts[i];

		for (uint32_t k = 0; k < prompt->feature_count; k++)
			add_item(state, &prompt->feature[k]);
	}
	if (state->count == 0)
		return RP_OK;
	series = rp_encoder_series_find(series_of(call),
					rp_cycle_plugin_name(call->cycle, call->plugin));
	look_up(call, series);
	count_ratios(call, series);
	call->data->media = (struct rp_media_info){
		.item_count = state->count,
		.matched = state->matched,
		.touched = state->touched,
		.touched_count = state->touched_count,
	};
	return RP_OK;
}

static uint32_t capacity_of(const struct rp_params_mm_embeddings_cache_producer *params)
{
	int64_t items = params->cache_size_in_mb_per_server / BYTES_PER_ITEM_MB;

	if (items < 1)
		return 1;
	return items < RP_ITEM_RING_MAX / 2 ? (uint32_t)items : RP_ITEM_RING_MAX / 2;
}

/* For all that the primary profile picked: any of them may serve it (scheduling reference 2.4). */
static void record(const struct rp_call *call)
{
	const struct rp_cycle *cycle = call->cycle;
	const struct rp_profile_result *result = &cycle->result[cycle->primary];
	const struct state *state = call->state;

	if (call->data->media.item_count == 0)
		return;
	for (uint32_t k = 0; k < result->count; k++) {
		const struct rp_endpoint *endpoint = &cycle->table->endpoint[result->pick[k]];

		rp_prefix_index_record(&cycle->env->live->items.index, endpoint->slot,
				       endpoint->generation, capacity_of(call->params), state->item,
				       state->count);
	}
}

const struct rp_plugin_ops rp_mm_embeddings_cache_producer = {
	.state_bytes = sizeof(struct state),
	.produce = produce,
	.pre_request = record,
};
