/* SPDX-License-Identifier: Apache-2.0
 *
 * What cases run on: the segments, a scheduler, configurations remembered by their text. A case's
 * configuration is loaded as control would, its endpoints and figures are published, and a pick is
 * made by the scheduler. What a case gives as attributes stands in place of what producers find
 * out: rp_sched_ops() hands the scheduler the workers' own objects, but with producers that do
 * nothing, and with profile handlers that first put the given data into the cycle.
 */
#ifndef RP_TESTS_GOLDEN_WORLD_H
#define RP_TESTS_GOLDEN_WORLD_H

#include <cjson/cJSON.h>

#include "config/rp_config.h"
#include "dataplane/sched/cycle.h"
#include "tests/support/sched_bed.h"

enum { WORLD_ENDPOINTS_MAX = 64, WORLD_FEATURES_MAX = 64 };

/* A loaded configuration. */
struct world_config {
	struct world_config *next; /* in the cache */
	char *text;
	size_t text_bytes;
	int err;
	struct rp_diag diag;
	struct rp_config_blob *blob;		 /* of blob->bytes; NULL if it was refused */
	struct rp_engine_attributes *attributes; /* names of custom figures; NULL: none */
};

/* The endpoints of a case, by their order, which is their table index and their slot. */
struct world_pool {
	uint32_t count; /* candidates; the peer stands behind them */
	uint32_t peer;	/* RP_NO_ENDPOINT: none */
	const char *name[WORLD_ENDPOINTS_MAX];
	char address[WORLD_ENDPOINTS_MAX][RP_ENDPOINT_ADDRESS_MAX];
};

/* What the case says that producers would find out. */
struct world_given {
	struct rp_plugin_data data;
	bool has_prompt;
	struct rp_prompt prompt;
	struct rp_media_feature feature[WORLD_FEATURES_MAX];
	uint16_t match[WORLD_ENDPOINTS_MAX];
	uint16_t touched[WORLD_ENDPOINTS_MAX];
	int64_t requests[WORLD_ENDPOINTS_MAX];
	int64_t load_tokens[WORLD_ENDPOINTS_MAX];
	int64_t uncached[WORLD_ENDPOINTS_MAX];
	uint16_t media[WORLD_ENDPOINTS_MAX];
	uint16_t media_touched[WORLD_ENDPOINTS_MAX];
	struct rp_latency latency[WORLD_ENDPOINTS_MAX];
};

/* What the wrapped objects saw of a pick. */
struct world_seen {
	uint32_t watched;	/* a plugin type; RP_PLUGIN_TYPE_COUNT: none */
	bool is_scorer_watched; /* else the filter */
	bool has_run;
	bool has_filtered;
	uint32_t score_count; /* who the scorer was asked about, by table index */
	uint32_t scored[WORLD_ENDPOINTS_MAX];
	double score[WORLD_ENDPOINTS_MAX];
	bool is_few_wrong; /* its short cut says something else */
	uint32_t kept_count;
	uint32_t kept[WORLD_ENDPOINTS_MAX]; /* table indices */
	bool has_concluded;
	uint32_t primary;
	struct rp_profile_result result[RP_PROFILES_MAX];
	char port[8]; /* instead of the endpoints' own */
};

struct world {
	struct rp_bed bed;
	struct rp_settings settings;
	struct world_config *config[4096]; /* by hash of the text */
	uint32_t config_count;
	const struct world_config *published;
	char *table_text; /* endpoints of the published table */
	struct world_pool pool;
	struct world_given given;
	struct world_seen seen;
	struct rp_subset subset;
	struct rp_bytes subset_entry[WORLD_ENDPOINTS_MAX];
	struct rp_request request;
	struct rp_request_headers headers;
	struct rp_header header[RP_HTTP_HEADERS_MAX];
	uint32_t force_pick; /* table index that the picker is to take; RP_NO_ENDPOINT: its own */
	bool is_dry;	     /* a pick that nobody is told of */
};

void world_init(struct world *world);
void world_fini(struct world *world);

/** Load a configuration text, or find it again. Never NULL. */
const struct world_config *world_load(struct world *world, const char *text);

/** Publish it with these endpoints, their figures and attributes, and a peer (NULL: none). */
void world_set_pool(struct world *world, const struct world_config *config, const cJSON *endpoints,
		    const cJSON *peer);

/** What the request is: model, headers, tokens. */
void world_set_request(struct world *world, const struct world_config *config,
		       const cJSON *request);
void world_set_session(struct world *world, const char *session);

/** Attributes of an endpoint. */
void world_give(struct world *world, uint32_t i, const cJSON *attributes);

/** The prompt's length is this endpoint's, not the last one's. */
void world_give_prompt_of(struct world *world, const cJSON *endpoint);
/** Prompts of several lengths as one, with the same ratios. @return false: it would be too long */
bool world_give_one_prompt(struct world *world, const cJSON *endpoints);
/** All endpoints have part of the prompt, or none. */
void world_give_match(struct world *world, bool has_match);

/** Forget what requests left in the segments. */
void world_forget(struct world *world);

/**
 * Make a pick among all endpoints but the peer, or only among those in `among` (an object with
 * their names).
 */
enum rp_sched_result world_pick(struct world *world, const cJSON *among, struct rp_pick *ret_pick);

/** The same among all, but plugins are not told of the pick. */
enum rp_sched_result world_look(struct world *world, struct rp_pick *ret_pick);

/** The JSON of a configuration with these plugins; free() it. */
char *world_config_text(const cJSON *plugins, const cJSON *profile_plugins);

/* The one that makes a pick; the wrapped objects know no other way to it. NULL: nothing is wrapped.
 */
extern struct world *world_current;

#endif /* RP_TESTS_GOLDEN_WORLD_H */
