/* SPDX-License-Identifier: Apache-2.0
 *
 * One request's way through the scheduler (scheduling reference 2): what plugins may read, what
 * they find out for each other, and what they leave for the reply. A cycle lives as long as the
 * pick; nothing of it survives the worker's turn but what the director copies.
 *
 * Endpoints are named by their index in the published table. What lasts longer is the slot.
 */
#ifndef RP_DATAPLANE_SCHED_CYCLE_H
#define RP_DATAPLANE_SCHED_CYCLE_H

#include "config/compiled.h"
#include "dataplane/followup.h"
#include "dataplane/sched.h"

enum {
	RP_CYCLE_HEADERS_MAX = 8,
	RP_NO_ENDPOINT = UINT32_MAX, /* as a table index */
};

/* Who may be picked: dense arrays, index = candidate. */
struct rp_candidates {
	uint32_t count;
	const uint32_t *table_idx;
	const uint32_t *slot;
	bool is_table; /* all of the table, in order: table_idx[i] is i */
	/* Live figures: for scorers and detectors only, as far as the plugin's ops ask for them. */
	const int32_t *waiting;
	const int32_t *running;
	const double *kv_usage;
	const int64_t *updated_ns; /* monotonic; 0: never scraped */
};

/* What a producer of prefix matches found out about this request; total 0: nothing to match. */
struct rp_match_info {
	uint64_t total_blocks;
	int64_t block_tokens;
	const uint16_t *match_blocks; /* by endpoint slot; NULL: absent */
	const uint16_t *touched;      /* the slots with any, in no order */
	uint32_t touched_count;
};

/* What an inflight-load-producer says; by table index, NULL: absent. */
struct rp_load_info {
	const int64_t *requests; /* under way, of all workers */
	const int64_t *tokens;
	const int64_t *uncached; /* only if cycle->wants_uncached: tokens of this request that the
				    endpoint has to compute */
};

/* A latency prediction of one endpoint, in ms. */
struct rp_latency {
	bool is_present;
	bool is_ttft_valid;
	bool is_tpot_valid;
	double ttft;
	double tpot;
	double ttft_headroom;
	double tpot_headroom;
	int64_t dispatched; /* requests under way there */
};

/* Multimodal items of this request, and how many of them an endpoint has seen; count 0: absent. */
struct rp_media_info {
	uint32_t item_count;
	const uint16_t *matched; /* by endpoint slot */
	const uint16_t *touched; /* the slots with any, in no order */
	uint32_t touched_count;
};

/* What one plugin knows of the request at hand. A producer fills in its part, consumers read it by
 * the producer's plugin index; the note is the plugin's own. All is zero when a cycle begins. */
struct rp_plugin_data {
	struct rp_match_info match;
	struct rp_load_info load;
	const struct rp_latency *latency; /* by table index; NULL: no predictions */
	struct rp_media_info media;
	struct rp_bytes text; /* session-id-producer, agent-identity: the id; empty: absent */
	uint64_t note;	      /* from a filter or scorer to its own pre_request */
};

/* What a profile picked. */
struct rp_profile_result {
	bool has_run;
	uint32_t count;		     /* 0: it failed */
	uint32_t pick[RP_PICKS_MAX]; /* table indices, best first */
};

struct rp_call;

struct rp_cycle {
	struct rp_env *env;
	struct rp_sched *sched;
	struct rp_arena *arena; /* the exchange's */
	const struct rp_config_blob *config;
	const struct rp_endpoint_table *table;
	uint32_t endpoint_count;     /* of the table, as far as there is room */
	const struct rp_call *call;  /* by plugin index */
	struct rp_plugin_data *data; /* by plugin index */

	struct rp_request *request;
	struct rp_request_parser *parser; /* NULL: headers only */
	const struct rp_body *body;
	const struct rp_request_headers *headers;
	int32_t priority; /* of the objective; 0: none */
	struct rp_bytes fairness_id;

	bool wants_uncached;			/* a plugin reads it of rp_load_info */
	const struct rp_candidates *candidates; /* what profiles start from */
	int32_t block_size; /* CacheBlockSize of the first of them; 0: none, or not reported */
	uint32_t peer; /* table index of the endpoint that the next profile should be near to */
	struct rp_profile_result result[RP_PROFILES_MAX];
	uint32_t primary; /* profile index, once the handler has concluded */

	/* what they leave */
	struct rp_bytes reason;		  /* why the request is refused, for the client */
	struct rp_bytes destination_port; /* instead of the picked endpoints' own; empty: theirs */
	uint32_t header_count;
	struct rp_header header[RP_CYCLE_HEADERS_MAX]; /* to be set on the request */
	struct rp_followup followup;		       /* for the answer */
};

/** What another plugin found out. @param plugin  RP_CONFIG_NONE, or one that does not run: nothing
 */
const struct rp_plugin_data *rp_cycle_data(const struct rp_cycle *cycle, uint32_t plugin);

/** What another plugin prepared of the endpoints (RP_PREPARED), NULL if it does not run. */
const void *rp_cycle_prepared(const struct rp_cycle *cycle, uint32_t plugin);

/** A request header that the configuration names; empty: absent. @param name  lower case */
struct rp_bytes rp_cycle_header(const struct rp_cycle *cycle, struct rp_bytes name);

/** Set a header of the request. The name is static, the value in the cycle's arena. More than
 * RP_CYCLE_HEADERS_MAX are dropped and counted as unexpected. */
void rp_cycle_set_header(struct rp_cycle *cycle, const char *name, struct rp_bytes value);

/** Value of an endpoint's label. @return false: it has no such label */
bool rp_cycle_label(const struct rp_cycle *cycle, uint32_t table_idx, struct rp_bytes key,
		    struct rp_bytes *ret_value);

/** "namespace/name" of an endpoint in the cycle's arena; empty: no memory. */
struct rp_bytes rp_cycle_identity(const struct rp_cycle *cycle, uint32_t table_idx);

/** First target of a profile's result, RP_NO_ENDPOINT if it failed or did not run. */
uint32_t rp_cycle_first_pick(const struct rp_cycle *cycle, uint32_t profile);

/** Name of a plugin. */
struct rp_bytes rp_cycle_plugin_name(const struct rp_cycle *cycle, uint32_t plugin);

/** Name of a profile. */
struct rp_bytes rp_cycle_profile_name(const struct rp_cycle *cycle, uint32_t profile);

/** Set cycle->reason to before + detail + after. @return RP_EUNSUPPORTED, for conclude() */
int rp_cycle_refuse(struct rp_cycle *cycle, const char *before, struct rp_bytes detail,
		    const char *after);

/** The profile of that name, RP_CONFIG_NONE if there is none. */
uint32_t rp_cycle_find_profile(const struct rp_cycle *cycle, struct rp_bytes name);

/** True tokens of all prompts; 0: not tokenized. */
uint64_t rp_cycle_token_count(const struct rp_cycle *cycle);

/** Ask a decider (disagg-profile-handler). @param table_idx  the pick to decide about, or
 * RP_NO_ENDPOINT */
bool rp_cycle_decide(struct rp_cycle *cycle, uint32_t decider, uint32_t table_idx);

#endif /* RP_DATAPLANE_SCHED_CYCLE_H */
