/* SPDX-License-Identifier: Apache-2.0
 *
 * Run the scheduling cycle: candidates, data producers, filters, weighted scorers, picker,
 * pre-request (scheduling reference 2). One struct rp_sched a worker: a snapshot of the published
 * tables, dense arrays of live figures by table index, and scratch space; nothing is allocated per
 * pick.
 */
#ifndef RP_DATAPLANE_SCHED_H
#define RP_DATAPLANE_SCHED_H

#include "dataplane/env.h"
#include "dataplane/request.h"

enum { RP_PICKS_MAX = 16 };

/* Where a pick may go, as the gateway's metadata says (ext_proc reference 5.1). */
struct rp_subset {
	bool is_given;		/* the key was present with a usable type */
	uint32_t count;		/* entries, union of headers' and body's metadata */
	struct rp_bytes *entry; /* "ip:port", "[v6]:port" or "ip"; in the exchange's arena */
};

struct rp_pick_target {
	uint32_t slot; /* endpoint slot and generation: what a stream may remember */
	uint32_t generation;
	struct rp_bytes address; /* view of the table: copy it before the turn ends */
};

struct rp_pick_score {
	struct rp_bytes address; /* view of the table */
	double total;
};

struct rp_pick {
	uint32_t target_count; /* >= 1 on success; first is best */
	struct rp_pick_target target[RP_PICKS_MAX];
	uint32_t score_count; /* only if asked for (--emit-endpoint-scores) */
	const struct rp_pick_score
		*score; /* of every scored candidate; valid until the next pick */
};

enum rp_sched_result {
	RP_SCHED_OK,
	RP_SCHED_NO_CANDIDATES, /* empty pool, or subset without match: 503 */
	RP_SCHED_ALL_FILTERED,	/* 429, rejected-saturated */
};

RP_MUST_CHECK int rp_sched_new(struct rp_env *env, struct rp_sched **ret_sched);
void rp_sched_free(struct rp_sched *sched);

/**
 * Begin a turn: adopt the published pair if it moved (its config is checked once), and copy live
 * figures if their epoch moved.
 * @return true if something is published
 */
bool rp_sched_refresh(struct rp_sched *sched);

/** The configuration in force this turn; NULL before the first publication. */
const struct rp_config_blob *rp_sched_config(const struct rp_sched *sched);

/**
 * Pick, and on success run pre-request: record the prompt's blocks for the first target.
 *
 * @param parser, body  for the token producer; parser NULL: headers only, no prompt
 * @param request  prompts are filled in
 */
RP_MUST_CHECK enum rp_sched_result
rp_sched_pick(struct rp_sched *sched, struct rp_request_parser *parser, const struct rp_body *body,
	      const struct rp_request_hints *hints, const struct rp_subset *subset,
	      struct rp_request *request, struct rp_pick *ret_pick);

#endif /* RP_DATAPLANE_SCHED_H */
