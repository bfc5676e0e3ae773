/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of one value of a body, so that its members can be taken in any order. Between
 * json_canonical.c and json_structs.c.
 */
#ifndef RP_DATAPLANE_JSON_TAPE_H
#define RP_DATAPLANE_JSON_TAPE_H

#include "dataplane/json_text.h"

struct rp_json_node {
	uint64_t begin;
	uint64_t end;
	uint32_t next; /* index of the node after this value and all it holds */
	enum rp_json_kind kind;
};

struct rp_json_tape {
	struct rp_arena *arena;
	struct rp_json_node *node;
	uint32_t count;
	uint32_t capacity;
};

/** Of the valid value at begin. @return RP_OK; RP_ENOMEM; RP_ETOOBIG: more than RP_JSON_SPANS_MAX
 * tokens */
RP_MUST_CHECK int rp_json_tape_fill(struct rp_json_tape *tape, struct rp_body_cursor *cursor,
				    uint64_t begin, uint64_t end);

/** Put the value that node `at` begins, as rp_json_put_canonical() does. */
RP_MUST_CHECK int rp_json_tape_put(const struct rp_json_tape *tape, uint32_t at,
				   struct rp_text_sink *sink, struct rp_body_cursor *cursor);

/** Put a string of the body with its quotes. */
void rp_json_put_quoted(struct rp_text_sink *sink, struct rp_body_cursor *cursor, uint64_t begin,
			uint64_t end);

#endif /* RP_DATAPLANE_JSON_TAPE_H */
