/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/request_rules.h"

#include <assert.h>

#include "shm/hash.h"

static_assert((RP_RULE_BUCKETS & (RP_RULE_BUCKETS - 1)) == 0, "a power of two");
static_assert(RP_RULE_BUCKETS >= 2 * RP_OBJECTIVES_MAX, "look-ups end at a free bucket");
static_assert(RP_RULE_BUCKETS >= 2 * RP_REWRITES_MAX, "look-ups end at a free bucket");
static_assert(RP_RULE_POOL_BYTES <= UINT32_MAX, "pool offsets have 32 bits");

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t objective_count(const struct rp_request_rules *rules)
{
	return min_u32(rules->objective_count, RP_OBJECTIVES_MAX);
}

static uint32_t rewrite_count(const struct rp_request_rules *rules)
{
	return min_u32(rules->rewrite_count, RP_REWRITES_MAX);
}

struct rp_bytes rp_request_rules_str(const struct rp_request_rules *rules, struct rp_rule_str str)
{
	size_t offset = rp_min_size(str.offset, RP_RULE_POOL_BYTES);

	return rp_bytes(rules->pool + offset, rp_min_size(str.len, RP_RULE_POOL_BYTES - offset));
}

/* ---- look-up ---- */

/* Where the buckets say that a name is, or should go: its bucket, and what is in it. */
struct place {
	uint32_t bucket;
	uint32_t idx; /* UINT32_MAX: not there */
};

static struct place find_objective(const struct rp_request_rules *rules, struct rp_bytes name)
{
	uint32_t count = objective_count(rules);
	uint32_t at = (uint32_t)rp_hash64_bytes(name) & (RP_RULE_BUCKETS - 1);

	for (uint32_t i = 0; i < RP_RULE_BUCKETS; i++, at = (at + 1) & (RP_RULE_BUCKETS - 1)) {
		uint32_t idx = rules->objective_bucket[at] - 1;

		if (idx >= count)
			break;
		if (rp_bytes_equal(rp_request_rules_str(rules, rules->objective[idx].name), name))
			return (struct place){at, idx};
	}
	return (struct place){at, UINT32_MAX};
}

static struct place find_rewrite(const struct rp_request_rules *rules, struct rp_bytes model)
{
	uint32_t count = rewrite_count(rules);
	uint32_t at = (uint32_t)rp_hash64_bytes(model) & (RP_RULE_BUCKETS - 1);

	for (uint32_t i = 0; i < RP_RULE_BUCKETS; i++, at = (at + 1) & (RP_RULE_BUCKETS - 1)) {
		uint32_t idx = rules->rewrite_bucket[at] - 1;

		if (idx >= count)
			break;
		if (rp_bytes_equal(rp_request_rules_str(rules, rules->rewrite[idx].model), model))
			return (struct place){at, idx};
	}
	return (struct place){at, UINT32_MAX};
}

int32_t rp_request_rules_priority(const struct rp_request_rules *rules, struct rp_bytes objective)
{
	uint32_t idx;

	if (rules->objective_count == 0 || objective.len == 0)
		return 0;
	idx = find_objective(rules, objective).idx;
	return idx < RP_OBJECTIVES_MAX ? rules->objective[idx].priority : 0;
}

const struct rp_rule_rewrite *rp_request_rules_rewrite(const struct rp_request_rules *rules,
						       struct rp_bytes model)
{
	uint32_t idx = UINT32_MAX;

	if (rules->rewrite_count == 0)
		return NULL;
	if (model.len != 0)
		idx = find_rewrite(rules, model).idx;
	if (idx == UINT32_MAX)
		idx = rules->generic - 1;
	return idx < rewrite_count(rules) ? &rules->rewrite[idx] : NULL;
}

struct rp_bytes rp_request_rules_choose(const struct rp_request_rules *rules,
					const struct rp_rule_rewrite *rewrite, uint64_t random)
{
	uint32_t first = min_u32(rewrite->target_first, RP_REWRITE_TARGETS_MAX);
	uint32_t count = min_u32(rewrite->target_count, RP_REWRITE_TARGETS_MAX - first);
	const struct rp_rule_target *target = &rules->target[first];
	uint64_t weight_sum = rewrite->weight_sum;
	uint64_t run = 0;

	if (count == 0)
		return rp_bytes("", 0);
	if (weight_sum == 0)
		return rp_request_rules_str(rules, target[random % count].model);
	random %= weight_sum;
	for (uint32_t i = 0; i < count; i++) {
		run += target[i].weight;
		if (random < run)
			return rp_request_rules_str(rules, target[i].model);
	}
	return rp_bytes("", 0);
}

/* ---- writing ---- */

static void set_mark(struct rp_request_rules *rules, struct rp_request_rules_mark mark)
{
	rules->objective_count = mark.objective_count;
	rules->rewrite_count = mark.rewrite_count;
	rules->target_count = mark.target_count;
	rules->pool_bytes = mark.pool_bytes;
	rules->generic = mark.generic;
}

void rp_request_rules_reset(struct rp_request_rules *rules)
{
	set_mark(rules, (struct rp_request_rules_mark){0});
}

struct rp_request_rules_mark rp_request_rules_mark(const struct rp_request_rules *rules)
{
	return (struct rp_request_rules_mark){
		.objective_count = rules->objective_count,
		.rewrite_count = rules->rewrite_count,
		.target_count = rules->target_count,
		.pool_bytes = rules->pool_bytes,
		.generic = rules->generic,
	};
}

/* The newest goes first, so that no look-up of those that stay ever led past its bucket. */
void rp_request_rules_undo(struct rp_request_rules *rules, struct rp_request_rules_mark mark)
{
	RP_ASSERT(mark.objective_count <= rules->objective_count);
	RP_ASSERT(mark.rewrite_count <= rules->rewrite_count);
	for (uint32_t i = rules->objective_count; i > mark.objective_count; i--) {
		struct rp_bytes name = rp_request_rules_str(rules, rules->objective[i - 1].name);

		rules->objective_bucket[find_objective(rules, name).bucket] = 0;
	}
	for (uint32_t i = rules->rewrite_count; i > mark.rewrite_count; i--) {
		struct rp_bytes model = rp_request_rules_str(rules, rules->rewrite[i - 1].model);

		if (model.len != 0)
			rules->rewrite_bucket[find_rewrite(rules, model).bucket] = 0;
	}
	set_mark(rules, mark);
}

static int add_str(struct rp_request_rules *rules, struct rp_bytes text,
		   struct rp_rule_str *ret_str)
{
	RP_ASSERT(rules->pool_bytes <= RP_RULE_POOL_BYTES);
	if (text.len > RP_RULE_POOL_BYTES - rules->pool_bytes)
		return RP_ETOOBIG;
	if (text.len != 0)
		memcpy(rules->pool + rules->pool_bytes, text.ptr, text.len);
	*ret_str = (struct rp_rule_str){rules->pool_bytes, (uint32_t)text.len};
	rules->pool_bytes += (uint32_t)text.len;
	return RP_OK;
}

int rp_request_rules_add_objective(struct rp_request_rules *rules, struct rp_bytes name,
				   int32_t priority)
{
	struct rp_rule_objective objective = {.priority = priority};
	struct place place;
	int err;

	if (rules->objective_count == 0)
		memset(rules->objective_bucket, 0, sizeof(rules->objective_bucket));
	place = find_objective(rules, name);
	if (place.idx != UINT32_MAX)
		return RP_OK;
	if (rules->objective_count >= RP_OBJECTIVES_MAX)
		return RP_ETOOBIG;
	err = add_str(rules, name, &objective.name);
	if (err != RP_OK)
		return err;
	rules->objective[rules->objective_count] = objective;
	rules->objective_bucket[place.bucket] = ++rules->objective_count;
	return RP_OK;
}

/* The rules of one object come one after the other: its name is kept once. */
static int add_object_name(struct rp_request_rules *rules, struct rp_bytes object,
			   struct rp_rule_str *ret_str)
{
	if (rules->rewrite_count > 0) {
		struct rp_rule_str last = rules->rewrite[rules->rewrite_count - 1].object;

		if (rp_bytes_equal(rp_request_rules_str(rules, last), object)) {
			*ret_str = last;
			return RP_OK;
		}
	}
	return add_str(rules, object, ret_str);
}

int rp_request_rules_add_rewrite(struct rp_request_rules *rules, struct rp_bytes object,
				 struct rp_bytes model)
{
	struct rp_rule_rewrite rewrite = {.target_first = rules->target_count};
	struct place place = {0, UINT32_MAX};
	uint32_t pool_bytes = rules->pool_bytes;
	bool is_generic = model.len == 0;

	if (rules->rewrite_count == 0)
		memset(rules->rewrite_bucket, 0, sizeof(rules->rewrite_bucket));
	if (!is_generic)
		place = find_rewrite(rules, model);
	if (is_generic ? rules->generic != 0 : place.idx != UINT32_MAX)
		return RP_EAGAIN;
	if (rules->rewrite_count >= RP_REWRITES_MAX)
		return RP_ETOOBIG;
	if (add_object_name(rules, object, &rewrite.object) != RP_OK ||
	    add_str(rules, model, &rewrite.model) != RP_OK) {
		rules->pool_bytes = pool_bytes;
		return RP_ETOOBIG;
	}
	rules->rewrite[rules->rewrite_count++] = rewrite;
	if (is_generic)
		rules->generic = rules->rewrite_count;
	else
		rules->rewrite_bucket[place.bucket] = rules->rewrite_count;
	return RP_OK;
}

int rp_request_rules_add_target(struct rp_request_rules *rules, struct rp_bytes model,
				uint32_t weight)
{
	struct rp_rule_target target = {.weight = weight};
	struct rp_rule_rewrite *rewrite;
	int err;

	RP_ASSERT(rules->rewrite_count != 0);
	if (rules->target_count >= RP_REWRITE_TARGETS_MAX)
		return RP_ETOOBIG;
	err = add_str(rules, model, &target.model);
	if (err != RP_OK)
		return err;
	rewrite = &rules->rewrite[rules->rewrite_count - 1];
	rules->target[rules->target_count++] = target;
	rewrite->target_count++;
	rewrite->weight_sum += weight;
	return RP_OK;
}

void rp_request_rules_copy(struct rp_request_rules *to, const struct rp_request_rules *from)
{
	uint32_t objectives = objective_count(from);
	uint32_t rewrites = rewrite_count(from);
	uint32_t targets = min_u32(from->target_count, RP_REWRITE_TARGETS_MAX);
	uint32_t pool_bytes = min_u32(from->pool_bytes, RP_RULE_POOL_BYTES);

	set_mark(to, (struct rp_request_rules_mark){objectives, rewrites, targets, pool_bytes,
						    from->generic});
	if (objectives != 0) {
		memcpy(to->objective_bucket, from->objective_bucket, sizeof(to->objective_bucket));
		memcpy(to->objective, from->objective, objectives * sizeof(to->objective[0]));
	}
	if (rewrites != 0) {
		memcpy(to->rewrite_bucket, from->rewrite_bucket, sizeof(to->rewrite_bucket));
		memcpy(to->rewrite, from->rewrite, rewrites * sizeof(to->rewrite[0]));
	}
	memcpy(to->target, from->target, targets * sizeof(to->target[0]));
	memcpy(to->pool, from->pool, pool_bytes);
}
