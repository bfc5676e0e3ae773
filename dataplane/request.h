/* SPDX-License-Identifier: Apache-2.0
 *
 * The parsed LLM request, and its parser: chosen by path, fed with body bytes as they arrive,
 * finished at the end of the body (ext_proc reference 4.1 to 4.3).
 *
 * The parser scans the JSON once, in pieces, and remembers spans of the members that matter;
 * strings are unescaped only where they are used. The body itself is kept by the caller.
 */
#ifndef RP_DATAPLANE_REQUEST_H
#define RP_DATAPLANE_REQUEST_H

#include "config/compiled.h"
#include "config/plugin_params.h"
#include "dataplane/arena.h"
#include "dataplane/body.h"
#include "dataplane/usage.h"

enum rp_api {
	RP_API_RAW, /* passthrough: not looked at */
	RP_API_COMPLETIONS,
	RP_API_CHAT,
	RP_API_RESPONSES,
	RP_API_CONVERSATIONS,
	RP_API_EMBEDDINGS,
	RP_API_IMAGES,
	RP_API_MESSAGES, /* Anthropic's */
	RP_API_GENERATE, /* token ids, of vLLM and SGLang */
};

enum rp_modality { RP_MODALITY_IMAGE, RP_MODALITY_AUDIO, RP_MODALITY_VIDEO, RP_MODALITY_COUNT };

/* A medium in a prompt. */
struct rp_media_feature {
	uint8_t modality;     /* enum rp_modality */
	uint64_t hash;	      /* of its content; of text if there is one */
	uint64_t offset;      /* of its first token in the prompt */
	uint64_t length;      /* tokens */
	struct rp_bytes text; /* the client's own hash; "": it gave none */
};

/* One prompt as pseudo-tokens: little-endian uint32 ids (scheduling reference 4.2), or as what
 * hashing made of them. Both lie in the request's arena. */
struct rp_prompt {
	const uint8_t *token_bytes; /* 4 * token_count; NULL if block_tokens is not 0 */
	uint64_t token_count;	    /* cut to what prefix hashing may look at */
	uint64_t full_token_count;  /* not cut */
	uint64_t block_tokens;	    /* ids a block; 0: there are no hashes */
	const uint64_t *block_hash; /* XXH64 of each block's ids; the last block may be short */
	const struct rp_media_feature *feature; /* by offset */
	uint32_t feature_count;			/* at most RP_MEDIA_FEATURES_MAX */
};

/* What is asked of prompts. */
struct rp_prompt_shape {
	uint64_t block_tokens; /* ids a block; 0: not the same for all who ask */
	uint64_t max_tokens;   /* of each prompt */
};

struct rp_burst_place;

struct rp_request {
	enum rp_api api;
	uint32_t parser;	/* plugin index of the parser that took it */
	bool can_rewrite_model; /* openai: yes, passthrough: no */
	bool is_answer_unread;	/* nothing is to be learnt from the answer */
	uint8_t usage_format;	/* enum rp_usage_format, of the answer */
	bool has_model;
	bool is_streaming;		/* "stream": true */
	struct rp_bytes incoming_model; /* unescaped; "" if absent or not a string */
	struct rp_bytes target_model;	/* after rewrite; set by the director */
	int32_t priority;		/* of its objective; set by the director */
	bool is_model_ruled;		/* a rewrite names its model; set by the director */
	uint64_t model_value_offset;	/* raw JSON value (quotes included) in the body, for the
					   splice; */
	uint64_t model_value_bytes;	/* 0: the member is absent */
	uint64_t object_begin_offset; /* just after the body's '{': where a missing model is spliced
					 in */
	bool is_object_empty;
	int64_t max_tokens; /* -1: none given */
	struct rp_bytes cache_salt;
	uint64_t body_bytes;
	struct rp_prompt *prompts;	     /* made by rp_request_make_prompts() */
	struct rp_prompt_shape prompt_shape; /* that they were made for */
	uint32_t prompt_count;
	uint64_t token_count;	      /* of all prompts, not cut */
	struct rp_burst_place *burst; /* where it waited for others; NULL: it did not */
	bool has_prompts;	      /* false: the token producer failed or was not asked */
};

struct rp_request_parser; /* allocated from the arena */

/* Video estimation headers and the like; views into the exchange's header store. */
struct rp_request_hints {
	struct rp_bytes video_fps;
	struct rp_bytes video_duration_seconds;
	struct rp_bytes video_resolution;
};

/**
 * Choose the parser by the longest suffix of the path over the configured parsers.
 *
 * @param path  with query; cut at '?'
 * @return RP_OK; RP_ENOTFOUND: no parser claims it and there is no fallback; RP_ENOMEM
 */
RP_MUST_CHECK int rp_request_parser_new(struct rp_arena *arena, const struct rp_config_blob *config,
					struct rp_bytes path,
					struct rp_request_parser **ret_parser);

/** Scan more of the body, split anywhere. Errors are kept for finish. */
void rp_request_parser_feed(struct rp_request_parser *parser, struct rp_bytes chunk);

/**
 * The body is complete: check what its API demands and fill *request.
 *
 * @param body  the whole body, as fed
 * @param[out] ret_error  on RP_EFORMAT: the text after "BadRequest - ", in the arena
 * @return RP_OK; RP_EFORMAT: 400; RP_ENOMEM: shed
 */
RP_MUST_CHECK int rp_request_parser_finish(struct rp_request_parser *parser,
					   const struct rp_body *body, struct rp_request *request,
					   struct rp_bytes *ret_error);

/**
 * The token producer's estimate: byte strings of the prompts, padded, as token ids. At most
 * max_tokens of each prompt are made.
 * @return RP_OK; RP_EUNSUPPORTED: this API has none (images, raw), later producers are skipped;
 *         RP_ENOMEM
 */
RP_MUST_CHECK int rp_request_make_prompts(struct rp_request_parser *parser,
					  const struct rp_body *body,
					  const struct rp_params_token_producer *params,
					  const struct rp_request_hints *hints, uint64_t max_tokens,
					  struct rp_request *request);

/**
 * The same, but what is kept of the prompts are the hashes of their blocks, if all blocks wanted
 * are of one size, up to RP_BLOCK_TOKENS_MAX. Usually they were made while the body arrived.
 */
RP_MUST_CHECK int rp_request_hash_prompts(struct rp_request_parser *parser,
					  const struct rp_body *body,
					  const struct rp_params_token_producer *params,
					  const struct rp_request_hints *hints,
					  const struct rp_prompt_shape *shape,
					  struct rp_request *request);

#endif /* RP_DATAPLANE_REQUEST_H */
