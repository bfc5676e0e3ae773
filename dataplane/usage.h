/* SPDX-License-Identifier: Apache-2.0
 *
 * Token usage of an answer, found while its bytes pass: no buffer, one byte after the other, so
 * that it does not matter where chunks are cut. Of server-sent events each `data:` line is looked
 * at. Where it stands depends on the API (ext_proc reference 3.4).
 */
#ifndef RP_DATAPLANE_USAGE_H
#define RP_DATAPLANE_USAGE_H

#include "shm/bytes.h"

/* What an answer looks like. */
enum rp_usage_format {
	RP_USAGE_OPENAI,    /* `usage`; in events also `response.usage` of "response.completed" */
	RP_USAGE_ANTHROPIC, /* `usage`; in events `message.usage` of "message_start", then that of
			       "message_delta" */
	RP_USAGE_SGLANG,    /* `meta_info`; in events the one with a finish_reason */
};

struct rp_usage {
	uint32_t prompt_tokens;
	uint32_t completion_tokens;
	uint32_t total_tokens;
	uint32_t cached_tokens;
	bool has_cached; /* details were present: zero is an observation too */
};

enum rp_usage_leaf {
	RP_USAGE_PROMPT,
	RP_USAGE_INPUT,
	RP_USAGE_COMPLETION,
	RP_USAGE_OUTPUT,
	RP_USAGE_TOTAL,
	RP_USAGE_PROMPT_CACHED,
	RP_USAGE_INPUT_CACHED,
	RP_USAGE_LEAVES,
};

enum { RP_USAGE_TEXT_BYTES = 24 };

struct rp_usage_scan {
	struct rp_usage found; /* merged over the events so far */
	/* the event, or JSON document, under way */
	uint32_t leaf[RP_USAGE_LEAVES];
	uint32_t depth;	   /* open objects and arrays */
	uint8_t leaf_seen; /* bit by leaf */
	uint8_t node;	   /* which object's members we are among */
	uint8_t key;	   /* whose value comes next */
	uint8_t lexer;
	uint8_t line;	  /* events: where in the line */
	uint8_t text_len; /* of the string under way; RP_USAGE_TEXT_BYTES: too long to matter */
	uint8_t format;	  /* enum rp_usage_format */
	uint8_t type;	  /* of the event, as far as it matters */
	bool is_events : 1;
	bool is_in_response : 1; /* the usage seen was response.usage, or message.usage */
	bool is_finished : 1;	 /* there is a finish_reason */
	bool has_usage : 1;
	uint8_t details_key; /* which details object we are in */
	char text[RP_USAGE_TEXT_BYTES];
};

void rp_usage_begin(struct rp_usage_scan *scan, enum rp_usage_format format, bool is_events);
void rp_usage_feed(struct rp_usage_scan *scan, struct rp_bytes chunk);
/** The answer is complete: the last line may lack its newline. */
const struct rp_usage *rp_usage_end(struct rp_usage_scan *scan);

#endif /* RP_DATAPLANE_USAGE_H */
