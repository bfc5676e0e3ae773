/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler asks rp_sched_ops() for the object of a plugin type. Here it is given the workers'
 * own objects with some functions replaced: those below call the real ones and look at what goes in
 * and comes out, but for producers, whose data is given by the case. (No --wrap of the linker: with
 * link-time optimisation it does nothing.)
 */
#include "dataplane/sched/sched_plugin.h"
#include "tests/golden/world.h"

struct world *world_current;

/* What the workers have by this name: CMakeLists.txt renames it. */
const struct rp_plugin_ops *rp_sched_ops_real(uint32_t type);

static uint32_t type_of(const struct rp_call *call)
{
	return rp_config_blob_plugin(call->cycle->config, call->plugin)->type;
}

static const struct rp_plugin_ops *real(const struct rp_call *call)
{
	return rp_sched_ops_real(type_of(call));
}

static int produce(const struct rp_call *call)
{
	struct rp_request *request = call->cycle->request;
	struct world_given *given = &world_current->given;

	if (type_of(call) == RP_PLUGIN_TOKEN_PRODUCER && given->has_prompt) {
		request->prompts = &given->prompt;
		request->prompt_count = 1;
		request->token_count = given->prompt.token_count;
		request->has_prompts = true;
	}
	return RP_OK;
}

/* The handler comes first of all that reads data. */
static uint32_t choose(const struct rp_call *call)
{
	struct rp_cycle *cycle = call->cycle;

	if (!world_current->seen.has_run) {
		for (uint32_t i = 0; i < cycle->config->plugin_count; i++) {
			uint64_t note = cycle->data[i].note;

			cycle->data[i] = world_current->given.data;
			cycle->data[i].note = note;
		}
		if (world_current->pool.peer != RP_NO_ENDPOINT)
			cycle->peer = world_current->pool.peer;
	}
	world_current->seen.has_run = true;
	return real(call)->choose(call);
}

static int conclude(const struct rp_call *call)
{
	struct world_seen *seen = &world_current->seen;
	struct rp_cycle *cycle = call->cycle;
	int err = real(call)->conclude(call);

	seen->has_concluded = err == RP_OK;
	seen->primary = cycle->primary;
	memcpy(seen->result, cycle->result, sizeof(seen->result));
	(void)rp_bytes_to_str(cycle->destination_port, seen->port, sizeof(seen->port));
	return err;
}

static bool is_watched(const struct rp_call *call)
{
	return world_current->seen.watched == type_of(call);
}

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	struct world_seen *seen = &world_current->seen;
	int count;

	/* A scorer that filters as well: it is to score everybody. */
	if (is_watched(call) && seen->is_scorer_watched)
		return RP_KEEP_ALL;
	count = real(call)->filter(call, in, kept);
	if (is_watched(call)) {
		seen->has_filtered = true;
		seen->kept_count = count == RP_KEEP_ALL ? in->count : (uint32_t)count;
		RP_ASSERT(seen->kept_count <= in->count && in->count <= WORLD_ENDPOINTS_MAX);
		for (uint32_t i = 0; i < seen->kept_count; i++)
			seen->kept[i] = in->table_idx[count == RP_KEEP_ALL ? i : kept[i]];
	}
	return count;
}

/* Does the short cut for scorers that give 0 to most say the same? */
static bool is_few_right(const struct rp_call *call, const struct rp_candidates *in,
			 const double *score)
{
	const struct rp_plugin_ops *ops = real(call);
	const uint16_t *slot = NULL;
	uint32_t count = ops->few(call, &slot);

	for (uint32_t i = 0; i < in->count; i++) {
		double expect = 0;

		for (uint32_t k = 0; k < count; k++) {
			if (slot[k] == in->slot[i])
				expect = ops->score_slot(call, slot[k]);
		}
		if (memcmp(&expect, &score[i], sizeof(expect)) != 0)
			return false;
	}
	return true;
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	struct world_seen *seen = &world_current->seen;

	real(call)->score(call, in, score);
	if (!is_watched(call))
		return;
	RP_ASSERT(in->count <= WORLD_ENDPOINTS_MAX);
	seen->score_count = in->count;
	for (uint32_t i = 0; i < in->count; i++) {
		seen->scored[i] = in->table_idx[i];
		seen->score[i] = score[i];
	}
	if (real(call)->few != NULL)
		seen->is_few_wrong = !is_few_right(call, in, score);
}

/* The candidates that the picker sees are those that the watched scorer saw. */
static uint32_t pick(const struct rp_call *call, const double *total, uint32_t count,
		     uint32_t *ret_pick)
{
	const struct world_seen *seen = &world_current->seen;

	for (uint32_t i = 0; i < seen->score_count; i++) {
		if (seen->scored[i] == world_current->force_pick) {
			ret_pick[0] = i;
			return 1;
		}
	}
	return real(call)->pick(call, total, count, ret_pick);
}

static void pre_request(const struct rp_call *call)
{
	if (!world_current->is_dry)
		real(call)->pre_request(call);
}

const struct rp_plugin_ops *rp_sched_ops(uint32_t type)
{
	static struct rp_plugin_ops wrapped[RP_PLUGIN_TYPE_COUNT];
	const struct rp_plugin_ops *ops = rp_sched_ops_real(type);
	struct rp_plugin_ops *copy = &wrapped[type < RP_PLUGIN_TYPE_COUNT ? type : 0];

	if (world_current == NULL || ops == NULL)
		return ops;
	*copy = *ops;
	if (ops->pre_request != NULL)
		copy->pre_request = pre_request;
	if (ops->produce != NULL) {
		copy->produce = produce;
		copy->pre_request = NULL;
	}
	if (ops->choose != NULL) {
		copy->choose = choose;
		copy->conclude = conclude;
	}
	if (ops->filter != NULL)
		copy->filter = filter;
	if (ops->score != NULL)
		copy->score = score;
	if (ops->pick != NULL)
		copy->pick = pick;
	/* Who is watched is asked each time, and about everybody. */
	if (world_current->seen.watched == type) {
		copy->few = NULL;
		copy->score_slot = NULL;
		copy->is_of_figures = false;
		copy->is_of_labels = false;
	}
	return copy;
}
