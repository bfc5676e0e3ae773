/* SPDX-License-Identifier: Apache-2.0
 *
 * What InferenceObjectives and InferenceModelRewrites say of requests (Kubernetes reference 3),
 * published with the endpoints: names of objectives with their priorities, and which model a
 * request for a model gets. Control writes; workers look up by hash and check the bounds of all
 * that they read. All zero: no rules.
 */
#ifndef RP_SHM_REQUEST_RULES_H
#define RP_SHM_REQUEST_RULES_H

#include "shm/bytes.h"
#include "shm/limits.h"

/* A string in the rules' pool. */
struct rp_rule_str {
	uint32_t offset;
	uint32_t len;
};

struct rp_rule_objective {
	struct rp_rule_str name;
	int32_t priority;
	uint32_t reserved;
};

struct rp_rule_target {
	struct rp_rule_str model;
	uint32_t weight; /* 0: none is given */
	uint32_t reserved;
};

struct rp_rule_rewrite {
	struct rp_rule_str model;  /* of the request; for the generic rule empty */
	struct rp_rule_str object; /* name of the InferenceModelRewrite, for the counter */
	uint32_t target_first;
	uint32_t target_count;
	uint64_t weight_sum; /* 0: no target has a weight, all are alike */
};

struct rp_request_rules {
	uint32_t objective_count;
	uint32_t rewrite_count; /* one a model: the rule that wins */
	uint32_t target_count;
	uint32_t pool_bytes;
	uint32_t generic; /* index + 1 of the generic rewrite; 0: there is none */
	uint32_t reserved;
	/* Open addressing by rp_hash64(): index + 1. Without an entry of the kind they hold
	 * anything. */
	uint32_t objective_bucket[RP_RULE_BUCKETS];
	uint32_t rewrite_bucket[RP_RULE_BUCKETS];
	struct rp_rule_objective objective[RP_OBJECTIVES_MAX];
	struct rp_rule_rewrite rewrite[RP_REWRITES_MAX];
	struct rp_rule_target target[RP_REWRITE_TARGETS_MAX];
	char pool[RP_RULE_POOL_BYTES];
};

/* How much there is of everything. */
struct rp_request_rules_mark {
	uint32_t objective_count;
	uint32_t rewrite_count;
	uint32_t target_count;
	uint32_t pool_bytes;
	uint32_t generic;
};

/** Start anew: no rules; touches little memory. Control only. */
void rp_request_rules_reset(struct rp_request_rules *rules);

/** Add an objective; of equal names the first one stays. @return RP_OK; RP_ETOOBIG */
RP_MUST_CHECK int rp_request_rules_add_objective(struct rp_request_rules *rules,
						 struct rp_bytes name, int32_t priority);

/**
 * Add a rewrite, unless there is one for this model already; targets are added to the last one.
 * @param model  empty: the generic rule
 * @return RP_OK; RP_EAGAIN: there is one already, add no targets; RP_ETOOBIG
 */
RP_MUST_CHECK int rp_request_rules_add_rewrite(struct rp_request_rules *rules,
					       struct rp_bytes object, struct rp_bytes model);
RP_MUST_CHECK int rp_request_rules_add_target(struct rp_request_rules *rules, struct rp_bytes model,
					      uint32_t weight);

/** Where the rules are now, for a return from an object that does not fit as a whole. */
struct rp_request_rules_mark rp_request_rules_mark(const struct rp_request_rules *rules);
/** Take back what was added since; no targets may be added before the next rewrite. */
void rp_request_rules_undo(struct rp_request_rules *rules, struct rp_request_rules_mark mark);

/** Copy what is used of it. */
void rp_request_rules_copy(struct rp_request_rules *to, const struct rp_request_rules *from);

/** Priority of an objective; 0 if it is unknown. */
int32_t rp_request_rules_priority(const struct rp_request_rules *rules, struct rp_bytes objective);

/** The rule for a model: the one that names it, else the generic one. @return NULL: none */
const struct rp_rule_rewrite *rp_request_rules_rewrite(const struct rp_request_rules *rules,
						       struct rp_bytes model);

/**
 * Choose a target.
 * @param random  uniform over 64 bits
 * @return its model; empty: the rule has no target
 */
struct rp_bytes rp_request_rules_choose(const struct rp_request_rules *rules,
					const struct rp_rule_rewrite *rewrite, uint64_t random);

/** View of a pool string, cut to the pool; dies with the generation. */
struct rp_bytes rp_request_rules_str(const struct rp_request_rules *rules, struct rp_rule_str str);

#endif /* RP_SHM_REQUEST_RULES_H */
