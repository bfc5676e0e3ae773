/* SPDX-License-Identifier: Apache-2.0
 *
 * What request.c and the parsers share. A parser type claims paths, each with an API; an API says
 * which members of a JSON body it reads, what it demands of them, and what its prompt is made of.
 * The body's tokens are taken as they arrive (json_body.c); what is looked at again later is
 * remembered by its place.
 */
#ifndef RP_DATAPLANE_PARSERS_PARSER_H
#define RP_DATAPLANE_PARSERS_PARSER_H

#include "dataplane/json_scan.h"
#include "dataplane/prompt_tap.h"
#include "dataplane/request.h"

struct rp_json_api;
struct rp_prompt_maker;

struct rp_parser_suffix {
	const char *suffix;
	enum rp_api api;
	const struct rp_json_api *how; /* NULL: the body is not looked at */
};

/* One parser type; without suffixes it is the fallback for every path. */
struct rp_parser {
	const struct rp_parser_suffix *suffixes;
	uint32_t suffix_count;
	bool can_rewrite_model;
	enum rp_usage_format usage_format;
	const char *syntax_error; /* before what is wrong with the JSON */
	/* Is this path, without its query, served? The others that are claimed are refused with
	 * path_error and themselves. NULL: all are. */
	bool (*serves)(struct rp_bytes path);
	const char *path_error;
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
	RP_PART_LINE,	/* a text on a line of its own: a newline stands before it */
	RP_PART_SYSTEM, /* a text that comes before all others */
	RP_PART_RAW,	/* JSON as it is */
	RP_PART_IMAGE,	/* a URL */
	RP_PART_IMAGE_DATA,
	RP_PART_IMAGE_TYPE, /* the data follows */
	RP_PART_VIDEO,
	RP_PART_AUDIO,	/* data; its format follows */
	RP_PART_FOLLOW, /* belongs to the one before */
};

struct rp_part {
	uint64_t begin;
	uint64_t end; /* 0: nothing there */
	enum rp_part_kind kind;
	bool is_tapped;
};

/* Members of the body, and of what lies in it, that mean something. */
enum rp_body_field {
	RP_FIELD_NONE,
	RP_FIELD_ELEMENT, /* of an array */
	RP_FIELD_TYPED,	  /* only its type counts */
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
	RP_FIELD_SYSTEM,
	RP_FIELD_SAMPLING_PARAMS,
	RP_FIELD_FEATURES,
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
	RP_FIELD_SOURCE,
	RP_FIELD_MEDIA_TYPE,
	RP_FIELD_ID,
	RP_FIELD_NAME,
	RP_FIELD_THINKING,
	/* of features */
	RP_FIELD_HASHES,
	RP_FIELD_PLACEHOLDERS,
	RP_FIELD_OFFSET,
	RP_FIELD_LENGTH,
};

enum {
	RP_FIELD_DEPTH = 9,
	RP_FIELD_CAPS = RP_FIELD_MAX_OUTPUT_TOKENS - RP_FIELD_MAX_TOKENS + 1,
	RP_ID_BLOCK_IDS = 2048,
	RP_CONTENT_TYPE_BYTES = 16,
};

/* Types that upstream decodes a member into; null is always fine. */
enum rp_json_type {
	RP_IS_STRING = 1 << 0,
	RP_IS_ARRAY = 1 << 1,
	RP_IS_OBJECT = 1 << 2,
	RP_IS_BOOL = 1 << 3,
	RP_IS_NUMBER = 1 << 4,
	RP_IS_INT = 1 << 5,
};

struct rp_field_name {
	struct rp_bytes name;
	uint8_t field; /* enum rp_body_field */
	uint8_t types; /* enum rp_json_type; 0: any */
	/* upstream reads it from a map; the others from structs, where case is free */
	bool is_exact;
	const char *go; /* how Go names the member and its type, if that is ever told */
};

/* A row of a table of names. */
#define RP_FIELD(text, field, types, is_exact, go)                                                 \
	{                                                                                          \
		{(const uint8_t *)(text), sizeof(text) - 1}, RP_FIELD_##field, types, is_exact, go \
	}

struct rp_field_set {
	const struct rp_field_name *names;
	size_t count;
};

#define RP_FIELD_SET(names)                                                                        \
	{                                                                                          \
		names, RP_ARRAY_LEN(names)                                                         \
	}

/* How the bodies of an API are read. */
struct rp_json_api {
	struct rp_field_set fields[RP_FIELD_DEPTH]; /* by the members' depth, */
	/* … or where it takes more to tell. */
	const struct rp_field_set *(*fields_of)(const struct rp_request_parser *parser,
						uint32_t depth);
	/* The body is decoded into a map as well: every number must fit into a float64. */
	bool is_map;
	enum rp_body_field prompts_field; /* whose array is of strings or of ids; or none */
	bool has_text_prompts;		  /* each of the strings is a prompt of its own */

	/* The first token of a value below the body's own members, or of one of these. @return look
	 * inside. NULL: only the body's own members count. */
	bool (*value)(struct rp_request_parser *parser, const struct rp_json_token *token);
	/* A container of which value() was told ends; NULL: never mind. */
	void (*end)(struct rp_request_parser *parser, const struct rp_json_token *token);
	/* A value has another type than its name asks for. NULL: parser->fault tells of it. */
	void (*mistyped)(struct rp_request_parser *parser, const struct rp_field_name *name,
			 const struct rp_json_token *token);
	/* Is a string value of this depth, if it begins now, the next text of the prompt in the
	 * usual order of things? Whether it was is seen at the end, from the parts. NULL: never. */
	bool (*is_prompt_text)(const struct rp_request_parser *parser, uint32_t depth);
	/* What the complete body lacks; NULL: nothing. */
	const char *(*missing)(struct rp_request_parser *parser, struct rp_body_cursor *cursor);
	int64_t (*token_cap)(const struct rp_request_parser *parser); /* NULL: it has none */
	/* Put the bytes of the prompt. @return as rp_json_put_canonical(). NULL: this API has none
	 * besides ids and texts. */
	int (*put)(struct rp_prompt_maker *maker);
	/* Media whose tokens the client counted; NULL: none. @return RP_OK or RP_ENOMEM */
	int (*put_features)(struct rp_prompt_maker *maker);
};

/* Token ids of a prompt given as ids; blocks, because their number is known only at the end. */
struct rp_id_block {
	struct rp_id_block *next;
	uint32_t count;
	uint32_t id[RP_ID_BLOCK_IDS];
};

/* Why the body is refused, once it is known to be JSON. */
enum rp_body_fault { RP_BODY_OK, RP_BODY_MISTYPED, RP_BODY_TOO_MANY_PARTS };

/* A content part of a message as far as it was seen; one API uses some of the spans. */
struct rp_content_part {
	char type[RP_CONTENT_TYPE_BYTES]; /* cut; no known type is that long */
	bool is_billing;		  /* the text begins as Claude Code's billing header */
	bool is_url_source;		  /* source.type is "url" */
	struct rp_json_span text;
	struct rp_json_span image_url;
	struct rp_json_span video_url;
	struct rp_json_span data;
	struct rp_json_span format; /* of the data */
	struct rp_json_span id;
	struct rp_json_span name;
	struct rp_json_span input;
	struct rp_json_span thinking;
};

struct rp_request_parser {
	struct rp_arena *arena;
	const struct rp_parser *ops;
	const struct rp_json_api *how; /* NULL: the body is not looked at */
	enum rp_api api;
	uint32_t plugin;	      /* index of the parser */
	struct rp_bytes refused_path; /* claimed, not served; "": served */
	int err;		      /* RP_ENOMEM, sticky */
	uint64_t fed;		      /* bytes */

	struct rp_json_scan scan;
	enum rp_body_fault fault;
	const char *fault_text;		  /* of it, in the arena; NULL: the API's usual one */
	bool is_skipping;		  /* inside a container nobody asks for, */
	uint32_t skip_depth;		  /* of this depth */
	uint8_t field[RP_FIELD_DEPTH];	  /* by depth: the member being read */
	const struct rp_field_name *name; /* of the value that comes next */
	uint64_t object_begin;
	bool is_object_empty;
	struct rp_json_span member[RP_FIELD_TOP_COUNT];
	int64_t cap[RP_FIELD_CAPS];		 /* value of the token caps, -1: none */
	char bad_number[RP_JSON_TEXT_BYTES + 1]; /* beyond float64; empty: none */

	struct rp_part *part;
	uint32_t part_count;
	uint32_t part_capacity;
	uint32_t first_part;   /* earlier ones are forgotten; */
	uint32_t first_system; /* … of those of the system prompt */
	uint32_t message_count;
	uint32_t message_part; /* index of the current message's role */
	uint32_t block_part;   /* index of what lies in the current content part */
	uint32_t inner_texts;  /* among that */
	struct rp_json_span role;
	struct rp_content_part content;
	struct rp_content_part *inner; /* of a content part in a content part */

	struct rp_prompt_tap tap;
	bool is_token_tapped; /* the string at hand */

	struct rp_id_block *ids;
	struct rp_id_block *ids_last;
	uint64_t id_count;
	bool has_bad_ids;	      /* something among them is none, */
	const char *value_text;	      /* … which this says; NULL: nothing does */
	struct rp_given_media *media; /* that the client counted */
};

/* ---- json_body.c ---- */

/** More of the body. */
void rp_json_body_feed(struct rp_request_parser *parser, struct rp_bytes chunk);
/** The body is complete; as rp_request_parser_finish(). */
RP_MUST_CHECK int rp_json_body_finish(struct rp_request_parser *parser, const struct rp_body *body,
				      struct rp_request *request, struct rp_bytes *ret_error);

/** The string or other value of a token. */
static inline struct rp_json_span rp_json_span_of(const struct rp_request_parser *parser,
						  const struct rp_json_token *token)
{
	return (struct rp_json_span){.begin = token->begin,
				     .end = token->end,
				     .kind = token->kind,
				     .is_tapped = parser->is_token_tapped};
}

/** Add a part; past RP_JSON_SPANS_MAX of them the body is refused. */
void rp_json_body_add_part(struct rp_request_parser *parser, enum rp_part_kind kind,
			   struct rp_json_span span);
/** A new value of a member forgets what an earlier duplicate left behind. */
void rp_json_body_forget_prompt(struct rp_request_parser *parser);
/** A string or null where Go expects a string. */
void rp_json_body_take_string(struct rp_request_parser *parser, const struct rp_json_token *token,
			      struct rp_json_span *span);
/** The string at hand as text, cut to out_bytes - 1. */
void rp_json_body_take_text(const struct rp_request_parser *parser,
			    const struct rp_json_token *token, char *out, size_t out_bytes);
/** Keep the text of a refusal, as printf would write it. @return it, or what a lack of memory
 * leaves of it */
const char *rp_json_body_say(struct rp_request_parser *parser, const char *format, ...)
	RP_PRINTF(2, 3);
/** "json: cannot unmarshal KIND into Go struct field NAME" */
const char *rp_json_body_say_mistyped(struct rp_request_parser *parser,
				      const struct rp_json_token *token, const char *prefix,
				      const char *name);
/** Is the member there, and not null? */
bool rp_json_body_is_given(const struct rp_request_parser *parser, enum rp_body_field field);
/** The value at hand as a token cap: a whole number >= 0; anything else counts as absent, -1. */
int64_t rp_json_body_cap_value(const struct rp_request_parser *parser,
			       const struct rp_json_token *token);
/** A value of a token cap if it is given, else -1. */
int64_t rp_json_body_cap(const struct rp_request_parser *parser, enum rp_body_field field);
/** Is it a string other than ""? */
bool rp_json_span_has_text(const struct rp_json_span *span);
/** Is it an array with elements? */
bool rp_json_span_has_elements(const struct rp_json_span *span, struct rp_body_cursor *cursor);

/* ---- token_ids.c ---- */

/** One more id, which is kept if there is room. */
void rp_token_ids_add(struct rp_request_parser *parser, uint32_t id);
/** @return RP_OK; RP_EFORMAT: it is not a whole number of 32 bits */
RP_MUST_CHECK int rp_token_ids_read(struct rp_bytes number, uint32_t *ret_id);

/* ---- the APIs ---- */
extern const struct rp_json_api rp_completions_api;
extern const struct rp_json_api rp_embeddings_api;
extern const struct rp_json_api rp_images_api;
extern const struct rp_json_api rp_chat_api;
extern const struct rp_json_api rp_responses_api;
extern const struct rp_json_api rp_conversations_api;
extern const struct rp_json_api rp_messages_api;

extern const struct rp_parser rp_openai_parser;
extern const struct rp_parser rp_anthropic_parser;
extern const struct rp_parser rp_vllmhttp_parser;
extern const struct rp_parser rp_sglanghttp_parser;
extern const struct rp_parser rp_passthrough_parser;

#endif /* RP_DATAPLANE_PARSERS_PARSER_H */
