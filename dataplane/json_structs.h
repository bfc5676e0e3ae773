/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as Go's json.Marshal writes a slice of structs that was decoded from a body: members in the
 * struct's order, what it does not know left out.
 */
#ifndef RP_DATAPLANE_JSON_STRUCTS_H
#define RP_DATAPLANE_JSON_STRUCTS_H

#include "dataplane/json_text.h"

enum rp_json_struct_kind {
	RP_JSON_STRUCT_STRING,
	RP_JSON_STRUCT_STRING_OR_NONE, /* left out if empty, */
	RP_JSON_STRUCT_ANY_OR_NONE,    /* … if null; as rp_json_put_canonical() */
	RP_JSON_STRUCT_BOOL_OR_NONE,   /* … if null */
	RP_JSON_STRUCT_RAW_OR_NONE,    /* … if absent; as it is, but for blanks */
};

enum { RP_JSON_STRUCT_FIELDS_MAX = 8 };

struct rp_json_struct_field {
	const char *name;
	enum rp_json_struct_kind kind;
};

/**
 * Put an array of objects; each null among them is an empty struct.
 *
 * @param begin, end  offsets of a valid array of objects in the body, with members of the right
 *		      types
 * @param count  at most RP_JSON_STRUCT_FIELDS_MAX
 * @return as rp_json_put_canonical()
 */
RP_MUST_CHECK int rp_json_put_structs(struct rp_arena *arena, struct rp_text_sink *sink,
				      struct rp_body_cursor *cursor, uint64_t begin, uint64_t end,
				      const struct rp_json_struct_field *fields, size_t count);

#endif /* RP_DATAPLANE_JSON_STRUCTS_H */
