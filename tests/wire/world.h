/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker's surroundings for wire tests: both segments, three endpoints A, B, C = 10.2.0.6 to .8,
 * port 8000, a configuration, an env.
 */
#ifndef RP_TESTS_WIRE_WORLD_H
#define RP_TESTS_WIRE_WORLD_H

#include "config/compiled.h"
#include "dataplane/env.h"
#include "dataplane/h2_session.h"

enum { WORLD_ENDPOINTS = 3 };

/* What a request-attribute-reporter reports as `cost`. */
#define WORLD_COST "usage.prompt_tokens + 2.0 * usage.completion_tokens"

/* What a row may ask for. */
struct world_options {
	struct rp_settings settings;
	int32_t waiting[WORLD_ENDPOINTS];
	bool is_empty;	      /* no endpoints */
	bool has_openai_only; /* an explicit parser list */
	bool has_verifier;    /* destination-endpoint-served-verifier */
	bool has_reporter;    /* request-attribute-reporter, of WORLD_COST */
	bool has_detector;    /* utilization-detector: full at 5 waiting requests */
	bool is_response_skipped;
	const struct rp_config_blob *config;  /* instead of the small one; endpoints get labels */
	const struct rp_request_rules *rules; /* NULL: none */
	uint32_t left_out;		      /* endpoints that are not there, a bit each */
};

struct world {
	struct rp_shared shared;
	struct rp_env env;
	struct rp_h2_env h2;
	uint32_t next_slot; /* of config and table: published alternately */
	uint64_t generation;
};

void world_options_default(struct world_options *options);
/** Objectives low and gold, rewrites of m, of n (without targets) and of any model. */
const struct rp_request_rules *world_some_rules(void);
/** Make the segments; once a process. */
void world_init(struct world *world);
void world_fini(struct world *world);
/** Publish what the options say and make a fresh env, counters zeroed. */
void world_begin(struct world *world, const struct world_options *options);
/** Publish anew under a running env, which finds out at its next refresh. */
void world_republish(struct world *world, const struct world_options *options);
/** Overwrite what is not published: nobody may read it any more. */
void world_spoil(struct world *world);
/** Asserts that nothing is left: no stream, no body bytes, nothing in flight. */
void world_end(struct world *world);

#endif /* RP_TESTS_WIRE_WORLD_H */
