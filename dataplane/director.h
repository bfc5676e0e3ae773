/* SPDX-License-Identifier: Apache-2.0
 *
 * From a complete HTTP request to a decision: finish the parse, name the target model, find the
 * objective, schedule; or the error of the matrix (ext_proc reference 6).
 */
#ifndef RP_DATAPLANE_DIRECTOR_H
#define RP_DATAPLANE_DIRECTOR_H

#include "dataplane/sched.h"
#include "shm/request_series.h"

/* Headers that matter, lower-cased keys, views into the exchange's arena; empty: absent. New names
 * win over their aliases whatever the order (4.4). */
struct rp_request_headers {
	/* :path, else x-original-path, else x-forwarded-path, else /v1/completions */
	struct rp_bytes path;
	struct rp_bytes request_id; /* taken or generated */
	struct rp_bytes objective;
	struct rp_bytes fairness_id;
	struct rp_bytes model_rewrite;
	struct rp_bytes prefer;
	struct rp_request_hints hints;
	struct rp_header *wanted; /* those that the configuration names */
	uint32_t wanted_count;
};

struct rp_decision_input {
	const struct rp_request_headers *headers;
	struct rp_request_parser *parser; /* NULL: headers-only request */
	int parser_error;		  /* RP_ENOTFOUND of rp_request_parser_new(), or RP_OK */
	const struct rp_body *body;	  /* may be NULL with parser NULL */
	const struct rp_subset *subset;
};

struct rp_decision {
	int http_status;	     /* 200: picked; else answer with an ImmediateResponse */
	enum rp_request_error error; /* label value for request_error_total */
	struct rp_bytes message;     /* whole body, "inference error: <Code> - …", in the arena */
	const char *dropped_reason;  /* x-llm-d-request-dropped-reason, or NULL */
	struct rp_pick pick;
	struct rp_bytes destination;	  /* "ip:port[,ip:port…]", in the arena */
	bool is_model_renamed;		  /* splice target_model into the body */
	struct rp_request_series *series; /* never NULL; what is counted there the stream counts */
};

/**
 * Parse the request, name its model, begin its cycle. Fills *request (from the arena), and
 * *decision as far as it is known; http_status 0: go on with rp_director_pick(). Context: worker
 * turn; no allocation but the arena.
 */
void rp_director_begin(struct rp_env *env, struct rp_arena *arena,
		       const struct rp_decision_input *input, struct rp_request *request,
		       struct rp_decision *decision);

/**
 * Schedule what was begun, and complete *decision.
 * @param is_same_cycle  no other request was begun since
 */
void rp_director_pick(struct rp_env *env, struct rp_arena *arena,
		      const struct rp_decision_input *input, bool is_same_cycle,
		      struct rp_request *request, struct rp_decision *decision);

#endif /* RP_DATAPLANE_DIRECTOR_H */
