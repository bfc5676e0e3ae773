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
#include "dataplane/followup.h"
#include "dataplane/request.h"
#include "dataplane/usage.h"

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
	struct rp_bytes address; /* views of the table: copy them before the turn ends */
	struct rp_bytes ip;	 /* brackets of IPv6 included */
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
	/* Of a success, valid until the next pick, values in the exchange's arena. */
	uint32_t header_count;
	const struct rp_header *header; /* to be set on the request */
	struct rp_followup *followup;	/* for the answer; the caller takes over its holds */
	struct rp_bytes port;	/* to be written instead of the targets' own; empty: theirs */
	struct rp_bytes reason; /* of a refusal, where its result has one */
};

enum rp_sched_result {
	RP_SCHED_OK,
	RP_SCHED_SHED,		/* saturated, and of negative priority: 429 */
	RP_SCHED_NO_CANDIDATES, /* empty pool, or subset without match: 503 */
	RP_SCHED_SCREENED_OUT,	/* screeners left nobody: 503 */
	RP_SCHED_DENIED,	/* by an admitter, see reason: 500 */
	RP_SCHED_ALL_FILTERED,	/* 429, rejected-saturated */
	RP_SCHED_NO_RESULT,	/* no profile has one, see reason: 429 */
	RP_SCHED_NOT_CACHED,	/* "Prefer: if-available", and nobody has the prompt: 412 */
};

struct rp_request_headers;

/* What a request brings to its pick. */
struct rp_sched_input {
	struct rp_arena *arena; /* the exchange's */
	struct rp_request_parser
		*parser; /* for the token producer; NULL: headers only, no prompt */
	const struct rp_body *body;
	const struct rp_request_headers *headers;
	const struct rp_subset *subset; /* NULL: everybody may be picked */
	int32_t priority;		/* of the objective; 0: none */
	struct rp_request *request;	/* prompts are filled in */
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

/** What is said of requests this turn; NULL before the first publication. */
const struct rp_request_rules *rp_sched_rules(const struct rp_sched *sched);

/**
 * Begin a request's cycle: run the request-header processors.
 * @return the fairness id: the request's header, else the agent identity that they found, else
 * "default-flow"; valid as long as the input
 */
struct rp_bytes rp_sched_begin(struct rp_sched *sched, const struct rp_sched_input *input);

/**
 * Schedule the request whose cycle was begun in this turn: admission, candidates, screeners,
 * producers, admitters, profiles (scheduling reference 2.1), and on success pre-request: load is
 * counted, the prompt's blocks are recorded.
 */
RP_MUST_CHECK enum rp_sched_result rp_sched_pick(struct rp_sched *sched, struct rp_pick *ret_pick);

struct rp_call;
struct rp_candidates;

/** The burst-prefix-cache-producer of the configuration in force; NULL: none. */
const struct rp_call *rp_sched_burst_producer(const struct rp_sched *sched);

/** Run the token producer alone for the request whose cycle was begun.
 * @return false: it has no prompts */
RP_MUST_CHECK bool rp_sched_tokenize(struct rp_sched *sched);

/** Whom a request may go to. @return NULL: nothing is published; valid until the next pick */
const struct rp_candidates *rp_sched_find_candidates(struct rp_sched *sched,
						     const struct rp_subset *subset);

/* What a plugin found out from an answer, for the gateway's dynamic metadata. */
struct rp_report {
	struct rp_bytes space; /* namespace and key: views of the configuration */
	struct rp_bytes key;
	int64_t value;
};

/**
 * Ask the configuration in force, which need not be the one that picked, about a complete answer.
 *
 * @param[out] report  room for RP_PLUGINS_MAX, in the configuration's order; valid this turn
 * @return how many
 */
uint32_t rp_sched_report(struct rp_sched *sched, const struct rp_usage *usage,
			 struct rp_report *report);

#endif /* RP_DATAPLANE_SCHED_H */
