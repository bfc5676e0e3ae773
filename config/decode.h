/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict decoding of mappings: a table names the fields, what is not in it is an error. Messages
 * carry the path ("plugins[0].weight") and the place in the file.
 */
#ifndef RP_CONFIG_DECODE_H
#define RP_CONFIG_DECODE_H

#include "config/yaml_tree.h"

/* Where a value stands: links on the stack, the root has no parent. */
struct rp_path {
	const struct rp_path *parent;
	const char *key; /* NULL: an element of a list */
	uint32_t index;
};

enum rp_field_kind {
	RP_FIELD_STR,	   /* struct rp_bytes */
	RP_FIELD_BOOL,	   /* bool */
	RP_FIELD_INT,	   /* int64_t */
	RP_FIELD_DOUBLE,   /* double */
	RP_FIELD_DURATION, /* int64_t, ns; a string such as "5s" */
	RP_FIELD_QUANTITY, /* int64_t; a string such as "1Gi", or a number */
	RP_FIELD_LIST,	   /* const struct rp_yaml_node * */
	RP_FIELD_MAP,	   /* const struct rp_yaml_node * */
	RP_FIELD_ANY,	   /* const struct rp_yaml_node * */
};

struct rp_field {
	const char *name;
	enum rp_field_kind kind;
	void *out; /* left alone if the field is absent or null */
};

/* A name that is no field any more, and what to write instead. */
struct rp_moved_field {
	const char *name;
	const char *remedy;
};

/**
 * Decode one mapping.
 *
 * @param node   NULL or null: every field keeps its default
 * @param moved  names to explain, ended by {NULL, NULL}; may be NULL
 * @return RP_OK; RP_ECONFIG
 */
RP_MUST_CHECK int rp_decode_object(struct rp_diag *diag, const struct rp_path *path,
				   const struct rp_yaml_node *node, const struct rp_field *fields,
				   size_t field_count, const struct rp_moved_field *moved);

/** A value of the field's kind, not null. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_decode_value(struct rp_diag *diag, const struct rp_path *path,
				  const struct rp_yaml_node *node, const struct rp_field *field);

/** A value that must be a string. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_decode_str(struct rp_diag *diag, const struct rp_path *path,
				const struct rp_yaml_node *node, struct rp_bytes *ret);

/** "plugins[0].parameters" into out, always terminated; empty for the root. */
void rp_path_format(const struct rp_path *path, char *out, size_t out_bytes);

/** Set *diag to the place of node (may be NULL) and a message. @return RP_ECONFIG */
int rp_decode_fail(struct rp_diag *diag, const struct rp_yaml_node *node, const char *format, ...)
	RP_PRINTF(3, 4);

/** printf arguments for "%.*s", cut to what a message has room for. */
#define RP_SHOW(bytes) (int)rp_min_size((bytes).len, 200), (const char *)(bytes).ptr

#endif /* RP_CONFIG_DECODE_H */
