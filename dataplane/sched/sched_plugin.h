/* SPDX-License-Identifier: Apache-2.0
 *
 * The interfaces between the scheduler and its algorithms, and the registry that finds an algorithm
 * by plugin type. One file an algorithm; sched/implementations.def lists them.
 */
#ifndef RP_DATAPLANE_SCHED_SCHED_PLUGIN_H
#define RP_DATAPLANE_SCHED_SCHED_PLUGIN_H

#include "config/compiled.h"
#include "config/plugin_params.h"
#include "dataplane/parsers/parser.h"
#include "dataplane/prefix_cache.h"
#include "dataplane/sched.h"

/* Who may be picked: dense arrays, index = candidate, in the table's order. */
struct rp_candidates {
	uint32_t count;
	const uint32_t *table_idx;
	const uint32_t *slot;
	const int32_t *waiting;
	const double *kv_usage;
};

/* What a producer found out about this request; total 0: nothing to match. */
struct rp_match_info {
	uint64_t total_blocks;
	int64_t block_tokens;
	const uint16_t *match_blocks; /* by endpoint slot; may be NULL when total_blocks is 0 */
	const uint16_t *touched;      /* the slots with any, in no order */
	uint32_t touched_count;
};

struct rp_score_input {
	const struct rp_candidates *candidates;
	const void *params;
	const struct rp_match_info *match_by_plugin; /* index: plugin of the producer */
};

struct rp_scorer {
	/* Write one score a candidate; count >= 1. */
	void (*score)(const struct rp_score_input *in, double *score);
	/* It reads figures of the candidates and nothing of the request: scores hold until figures
	 * move. */
	bool is_of_figures;
	/* For one that gives 0 to all but a few: which slots those are, and their scores. They do
	 * not look at the candidates. NULL: no such. */
	uint32_t (*few)(const struct rp_score_input *in, const uint16_t **ret_slot);
	double (*score_slot)(const struct rp_score_input *in, uint32_t slot);
};

struct rp_picker {
	/* Choose up to RP_PICKS_MAX candidates, best first. @return how many, >= 1 when count is */
	uint32_t (*pick)(struct rp_env *env, const void *params, const double *total,
			 uint32_t count, uint32_t *ret_pick);
};

struct rp_profile_handler {
	/* The profile to run; RP_CONFIG_NONE: none. */
	uint32_t (*pick)(const struct rp_config_blob *config);
};

/* What producers share while one request is scheduled. */
struct rp_produce {
	struct rp_env *env;
	const struct rp_config_blob *config;
	const struct rp_config_plugin *plugin; /* the producer that runs */
	const struct rp_candidates *candidates;
	struct rp_request_parser *parser; /* NULL: headers only */
	const struct rp_body *body;
	const struct rp_request_hints *hints;
	struct rp_request *request;
	struct rp_prefix_lookup *lookup;  /* of the producer that runs; NULL: it wants none */
	struct rp_match_info *match_info; /* to be filled in */
	const struct rp_endpoint *target; /* pre_request: where the request goes */
};

struct rp_producer {
	bool wants_lookup;
	/* What it looks at of a prompt, with this CacheBlockSize; NULL: nothing. */
	struct rp_prompt_shape (*shape)(const void *params, int32_t reported_block_size);
	/* RP_OK, or an error that makes the later producers be skipped. */
	int (*produce)(struct rp_produce *produce, const void *params);
	/* After the pick; NULL: nothing to do. */
	void (*pre_request)(struct rp_produce *produce, const void *params);
};

/** What all producers of a configuration together look at. */
struct rp_prompt_shape rp_sched_prompt_shape(const struct rp_config_blob *config,
					     int32_t reported_block_size);

/** CacheBlockSize of the first candidate, 0 without one. */
int32_t rp_produce_block_size(const struct rp_produce *produce);

/* An implementation by plugin type; NULL if the type is of another kind or runs in control. */
const struct rp_scorer *rp_sched_scorer(uint32_t type);
const struct rp_picker *rp_sched_picker(uint32_t type);
const struct rp_profile_handler *rp_sched_profile_handler(uint32_t type);
const struct rp_producer *rp_sched_producer(uint32_t type);
const struct rp_parser *rp_sched_parser(uint32_t type);

/* A scorer is done; is_kept: with what it found out for an earlier pick. */
typedef void (*rp_scorer_lap)(void *user, uint32_t plugin, bool is_kept);

/**
 * The weighted sum of a profile's scorers, in configuration order, not normalised.
 *
 * @param score  scratch, one a candidate
 * @param[out] total  one a candidate
 * @param lap  called after each scorer with its plugin index; NULL: nobody counts
 */
void rp_sched_total(const struct rp_config_blob *config, const struct rp_config_profile *profile,
		    const struct rp_candidates *candidates,
		    const struct rp_match_info *match_by_plugin, double *score, double *total,
		    rp_scorer_lap lap, void *user);

#endif /* RP_DATAPLANE_SCHED_SCHED_PLUGIN_H */
