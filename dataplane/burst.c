/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/burst.h"

#include <stdlib.h>

#include "dataplane/sched/sched_plugin.h"
#include "shm/hash.h"

struct replica {
	uint32_t table_idx;
	int32_t running; /* requests, as of when they were sorted */
};

/* The replicas of a batch: candidates, fewest running requests first, then by name. */
struct replicas {
	struct rp_env *env;
	const struct rp_call *call;
	uint32_t count;
	struct replica *replica;
};

bool rp_burst_is_wanted(const struct rp_env *env)
{
	return rp_sched_burst_producer(env->sched) != NULL;
}

/* Hash the prompts' blocks into the exchange's arena. */
static bool hash_blocks(struct rp_arena *arena, const struct rp_request *request,
			const struct rp_params_burst_prefix_cache_producer *params,
			struct rp_burst_place *place)
{
	uint64_t seed = rp_prefix_seed(request->target_model, request->cache_salt);
	uint64_t blocks_max = rp_burst_blocks_max(params);
	size_t room = 0;

	for (uint32_t i = 0; i < request->prompt_count; i++) {
		uint64_t blocks =
			request->prompts[i].token_count / (uint64_t)params->block_size_tokens + 1;

		room += rp_min_size(blocks, blocks_max);
	}
	room = rp_min_size(room, RP_PREFIX_BLOCKS_MAX);
	place->hash = rp_arena_alloc(arena, room * sizeof(*place->hash));
	if (place->hash == NULL)
		return false;
	for (uint32_t i = 0; i < request->prompt_count; i++)
		place->hash_count += (uint32_t)rp_prefix_hash_blocks(
			seed, &request->prompts[i], (uint64_t)params->block_size_tokens,
			rp_min_size(room - place->hash_count, blocks_max),
			place->hash + place->hash_count);
	return true;
}

static uint32_t places_max(const struct rp_params_burst_prefix_cache_producer *params)
{
	return params->max_batch_size > 0 && params->max_batch_size < RP_BURST_BATCH_MAX
		       ? (uint32_t)params->max_batch_size
		       : RP_BURST_BATCH_MAX;
}

bool rp_burst_join(struct rp_env *env, struct rp_request *request, struct rp_burst_place *place)
{
	const struct rp_call *call = rp_sched_burst_producer(env->sched);
	struct rp_burst_window *window = &env->burst;

	if (window->count >= places_max(call->params) || !rp_sched_tokenize(env->sched) ||
	    !hash_blocks(call->cycle->arena, request, call->params, place) ||
	    place->hash_count > RP_BURST_BLOCKS_MAX - window->blocks)
		return false;
	if (window->count == 0)
		window->closes_ns =
			env->now_ns +
			((const struct rp_params_burst_prefix_cache_producer *)call->params)
				->window_ns;
	request->burst = place;
	place->is_waiting = true;
	place->prev = window->last;
	if (window->last != NULL)
		window->last->next = place;
	else
		window->first = place;
	window->last = place;
	window->count++;
	window->blocks += place->hash_count;
	return true;
}

void rp_burst_leave(struct rp_env *env, struct rp_burst_place *place)
{
	struct rp_burst_window *window = &env->burst;

	if (!place->is_waiting)
		return;
	place->is_waiting = false;
	if (place->prev != NULL)
		place->prev->next = place->next;
	else
		window->first = place->next;
	if (place->next != NULL)
		place->next->prev = place->prev;
	else
		window->last = place->prev;
	window->count--;
	window->blocks -= place->hash_count;
}

/* ---- closing ---- */

static int compare_bytes(struct rp_bytes a, struct rp_bytes b)
{
	int order = memcmp(a.ptr, b.ptr, rp_min_size(a.len, b.len));

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* For qsort, which hands nothing through. */
static const struct replicas *sorted;

static int compare_replicas(const void *a, const void *b)
{
	const struct replica *x = a, *y = b;
	const struct rp_endpoint_table *table = sorted->call->cycle->table;
	const struct rp_endpoint *p = &table->endpoint[x->table_idx];
	const struct rp_endpoint *q = &table->endpoint[y->table_idx];
	int order;

	if (x->running != y->running)
		return x->running < y->running ? -1 : 1;
	order = compare_bytes(rp_endpoint_table_borrow_str(table, p->name_space),
			      rp_endpoint_table_borrow_str(table, q->name_space));
	return order != 0 ? order
			  : compare_bytes(rp_endpoint_table_borrow_str(table, p->name),
					  rp_endpoint_table_borrow_str(table, q->name));
}

/* Where another worker put the same prompt within the last window; else it is put down here. */
static uint32_t agree(void *user, const struct rp_burst_item *item, uint32_t replica)
{
	const struct replicas *replicas = user;
	const struct rp_call *call = replicas->call;
	const struct rp_params_burst_prefix_cache_producer *params = call->params;
	const struct rp_endpoint *endpoint = call->cycle->table->endpoint;
	const struct rp_endpoint *chosen = &endpoint[replicas->replica[replica].table_idx];
	struct rp_keyed_value bound;
	uint64_t salt[2] = {rp_burst_group(item), ((uint64_t)'b' << 32) + params->instance};

	if (rp_keyed_table_put_if_unbound(&replicas->env->live->keyed,
					  rp_hash64_bytes(rp_bytes(salt, sizeof(salt))),
					  (struct rp_keyed_value){chosen->slot, chosen->generation},
					  replicas->env->now_ns, params->window_ns, &bound))
		return replica;
	for (uint32_t r = 0; r < replicas->count; r++) {
		const struct rp_endpoint *other = &endpoint[replicas->replica[r].table_idx];

		if (rp_keyed_value_is(bound, other->slot, other->generation))
			return r;
	}
	return replica;
}

static void hand_out(const struct replicas *replicas, const struct rp_burst_item *items,
		     struct rp_burst_place *first)
{
	const struct rp_endpoint *endpoint = replicas->call->cycle->table->endpoint;

	for (struct rp_burst_place *place = first; place != NULL; place = place->next, items++) {
		const struct rp_endpoint *chosen;

		place->is_assigned = items->replica != RP_BURST_NOWHERE;
		if (!place->is_assigned)
			continue;
		chosen = &endpoint[replicas->replica[items->replica].table_idx];
		place->slot = chosen->slot;
		place->generation = chosen->generation;
	}
}

/* The endpoints that the first request with a prompt may go to, as upstream has it. */
static bool find_replicas(struct rp_env *env, const struct rp_burst_place *first,
			  struct replicas *replicas)
{
	const _Atomic int32_t *running = env->live->metrics.running;
	const struct rp_candidates *candidates;

	while (first != NULL && first->hash_count == 0)
		first = first->next;
	if (first == NULL)
		return false;
	candidates = rp_sched_find_candidates(env->sched, &first->subset);
	if (candidates == NULL || candidates->count == 0)
		return false;
	replicas->count = candidates->count;
	replicas->replica = malloc(candidates->count * sizeof(*replicas->replica));
	if (replicas->replica == NULL)
		return false;
	/* Read once: they may be scraped anew meanwhile, and sorting needs one order. */
	for (uint32_t i = 0; i < candidates->count; i++)
		replicas->replica[i] = (struct replica){
			.table_idx = candidates->table_idx[i],
			.running = atomic_load_explicit(&running[candidates->slot[i]],
							memory_order_relaxed),
		};
	sorted = replicas;
	qsort(replicas->replica, replicas->count, sizeof(*replicas->replica), compare_replicas);
	return true;
}

/* Without memory nobody is assigned: the other scorers decide. */
static void assign(struct rp_env *env, const struct rp_call *call, struct rp_burst_place *first,
		   uint32_t count)
{
	struct replicas replicas = {.env = env, .call = call};
	struct rp_burst_item *items = calloc(count, sizeof(*items));
	uint32_t i = 0;

	for (struct rp_burst_place *place = first; items != NULL && place != NULL;
	     place = place->next)
		items[i++] = (struct rp_burst_item){.hash = place->hash,
						    .hash_count = place->hash_count};
	if (items != NULL && find_replicas(env, first, &replicas) &&
	    rp_burst_assign(items, count, replicas.count, call->params, rp_env_random(env), agree,
			    &replicas) == RP_OK)
		hand_out(&replicas, items, first);
	free(replicas.replica);
	free(items);
}

int64_t rp_burst_tick(struct rp_env *env)
{
	struct rp_burst_window *window = &env->burst;
	const struct rp_call *call;

	if (window->count == 0)
		return INT64_MAX;
	if (env->now_ns < window->closes_ns)
		return window->closes_ns;
	/* The configuration they waited for may be gone. */
	call = rp_sched_burst_producer(env->sched);
	if (call != NULL)
		assign(env, call, window->first, window->count);
	while (window->first != NULL) {
		struct rp_burst_place *place = window->first;

		rp_burst_leave(env, place);
		place->resume(place, place->user);
	}
	return INT64_MAX;
}
