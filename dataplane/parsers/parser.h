/* SPDX-License-Identifier: Apache-2.0
 *
 * What request.c and the parsers share: the interface of a parser, and what the OpenAI parser keeps
 * of a body while it arrives.
 */
#ifndef RP_DATAPLANE_PARSERS_PARSER_H
#define RP_DATAPLANE_PARSERS_PARSER_H

#include "dataplane/json_scan.h"
#include "dataplane/prompt_tap.h"
#include "dataplane/request.h"

struct rp_parser_suffix {
	const char *suffix;
	enum rp_api api;
};

/* One parser type; without suffixes it is the fallback for every path. */
struct rp_parser {
	const struct rp_parser_suffix *suffixes;
	uint32_t suffix_count;
	bool can_rewrite_model;
	void (*feed)(struct rp_request_parser *parser, struct rp_bytes chunk);
	int (*finish)(struct rp_request_parser *parser, const struct rp_body *body,
		      struct rp_request *request, struct rp_bytes *ret_error);
	int (*make_prompts)(struct rp_request_parser *parser, const struct rp_body *body,
			    const struct rp_params_token_producer *params,
			    const struct rp_request_hints *hints,
			    const struct rp_prompt_shape *shape, struct rp_request *request);
};

/* A value of the body that is looked at again at its end. */
struct rp_json_span {
	uint64_t begin; /* quotes included */
	uint64_t end;	/* 0: absent */
	enum rp_json_kind kind;
	bool is_tapped; /* a string: its characters went to the tap */
};

/* What makes up the prompt, in order. */
enum rp_part_kind {
	RP_PART_ROLE,
	RP_PART_TEXT,
	RP_PART_IMAGE,
	RP_PART_VIDEO,
	RP_PART_AUDIO_DATA, /* its format follows */
	RP_PART_AUDIO_FORMAT,
};

struct rp_part {
	uint64_t begin;
	uint64_t end; /* 0: nothing there */
	enum rp_part_kind kind;
	bool is_tapped;
};

/* Members of the body, and of what lies in it, that mean something. */
enum rp_field {
	RP_FIELD_NONE,
	RP_FIELD_ELEMENT, /* of an array */
	/* depth 1 */
	RP_FIELD_MODEL,
	RP_FIELD_STREAM,
	RP_FIELD_MAX_TOKENS,
	RP_FIELD_MAX_COMPLETION_TOKENS,
	RP_FIELD_MAX_OUTPUT_TOKENS,
	RP_FIELD_CACHE_SALT,
	RP_FIELD_PROMPT,
	RP_FIELD_INPUT,
	RP_FIELD_INSTRUCTIONS,
	RP_FIELD_TOOLS,
	RP_FIELD_ITEMS,
	RP_FIELD_MESSAGES,
	RP_FIELD_TOP_COUNT,
	/* of a message */
	RP_FIELD_ROLE = RP_FIELD_TOP_COUNT,
	RP_FIELD_CONTENT,
	/* of a content part */
	RP_FIELD_TYPE,
	RP_FIELD_TEXT,
	RP_FIELD_IMAGE_URL,
	RP_FIELD_VIDEO_URL,
	RP_FIELD_INPUT_AUDIO,
	RP_FIELD_URL,
	RP_FIELD_DATA,
	RP_FIELD_FORMAT,
};

enum { RP_FIELD_DEPTH = 8, RP_ID_BLOCK_IDS = 2048, RP_CONTENT_TYPE_BYTES = 16 };

/* Token ids of a prompt given as ids; blocks, because their number is known only at the end. */
struct rp_id_block {
	struct rp_id_block *next;
	uint32_t count;
	uint32_t id[RP_ID_BLOCK_IDS];
};

/* Why the body is refused, once it is known to be JSON. */
enum rp_body_fault { RP_BODY_OK, RP_BODY_MISTYPED, RP_BODY_TOO_MANY_PARTS };

/* A content part of a chat message as far as it was seen. */
struct rp_content_part {
	char type[RP_CONTENT_TYPE_BYTES]; /* cut; no known type is that long */
	struct rp_json_span text;
	struct rp_json_span image_url;
	struct rp_json_span video_url;
	struct rp_json_span audio_data;
	struct rp_json_span audio_format;
};

struct rp_request_parser {
	struct rp_arena *arena;
	const struct rp_parser *ops;
	enum rp_api api;
	uint32_t plugin; /* index of the parser */
	int err;	 /* RP_ENOMEM, sticky */
	uint64_t fed;	 /* bytes */

	/* the OpenAI parser */
	struct rp_json_scan scan;
	enum rp_body_fault fault;
	bool is_skipping;		     /* inside a container nobody asks for, */
	uint32_t skip_depth;		     /* of this depth */
	enum rp_field field[RP_FIELD_DEPTH]; /* by depth: the member being read */
	uint64_t object_begin;
	bool is_object_empty;
	struct rp_json_span member[RP_FIELD_TOP_COUNT];
	int64_t cap[RP_FIELD_TOP_COUNT];	 /* value of the token caps, -1: none */
	char bad_number[RP_JSON_TEXT_BYTES + 1]; /* beyond float64; empty: none */

	struct rp_part *part;
	uint32_t part_count;
	uint32_t part_capacity;
	uint32_t message_count;
	uint32_t message_part; /* index of the current message's role */
	struct rp_json_span role;
	struct rp_content_part content;

	struct rp_prompt_tap tap;
	bool is_token_tapped; /* the string at hand */

	struct rp_id_block *ids;
	struct rp_id_block *ids_last;
	uint64_t id_count;
};

/** The token producer's estimate for OpenAI bodies (scheduling reference 4.2). */
RP_MUST_CHECK int rp_prompt_make(struct rp_request_parser *parser, const struct rp_body *body,
				 const struct rp_params_token_producer *params,
				 const struct rp_request_hints *hints,
				 const struct rp_prompt_shape *shape, struct rp_request *request);

extern const struct rp_parser rp_openai_parser;
extern const struct rp_parser rp_passthrough_parser;

#endif /* RP_DATAPLANE_PARSERS_PARSER_H */
