/* SPDX-License-Identifier: Apache-2.0
 *
 * The first document of a YAML (or JSON) text as a tree that remembers lines and columns.
 *
 * Nodes lie in document order: a node is followed by its children, and span says where its next
 * sibling begins. Aliases are expanded by copying, within RP_YAML_NODES_MAX; depth and keys of a
 * mapping are bounded too. A mapping's children are key, value, key, value.
 */
#ifndef RP_CONFIG_YAML_TREE_H
#define RP_CONFIG_YAML_TREE_H

#include "shm/bytes.h"

enum rp_yaml_kind {
	RP_YAML_NULL, /* ~, null or nothing */
	RP_YAML_BOOL,
	RP_YAML_INT,   /* also too big for int64_t: rp_yaml_int() tells */
	RP_YAML_FLOAT, /* finite only */
	RP_YAML_STR,
	RP_YAML_SEQ,
	RP_YAML_MAP,
};

struct rp_yaml_node {
	enum rp_yaml_kind kind;
	uint32_t span;	/* nodes of this subtree, itself included */
	uint32_t count; /* children; keys and values of a mapping both count */
	uint32_t line;	/* from 1 */
	uint32_t column;
	struct rp_bytes text; /* of a scalar, unescaped, terminated behind its end */
};

struct rp_yaml_tree {
	struct rp_yaml_node *nodes;
	uint32_t count; /* 0: no document, or one without content */
	uint32_t room;
	char *text;
	size_t text_len;
	size_t text_room;
};

/**
 * Parse a text.
 *
 * Errors: bad syntax, duplicate keys, keys that are no scalars, tags other than those of the core
 * schema, merge keys, an alias within its own anchor.
 *
 * @param text  UTF-8, borrowed for the call only
 * @param[out] ret_tree  written on RP_OK only; rp_yaml_free() it
 * @param[out] reterr  line, column and message; may be NULL
 * @return RP_OK; RP_EFORMAT; RP_ETOOBIG: a bound was reached; RP_ENOMEM
 */
RP_MUST_CHECK int rp_yaml_parse(struct rp_bytes text, struct rp_yaml_tree *ret_tree,
				struct rp_diag *reterr);

void rp_yaml_free(struct rp_yaml_tree *tree);

/** The root node, NULL if there is none. */
const struct rp_yaml_node *rp_yaml_root(const struct rp_yaml_tree *tree);

/** First child, NULL if there is none. */
const struct rp_yaml_node *rp_yaml_first(const struct rp_yaml_node *parent);

/** The child after this one, NULL at the end. */
const struct rp_yaml_node *rp_yaml_next(const struct rp_yaml_node *parent,
					const struct rp_yaml_node *child);

/**
 * Value of a key, or else of one that differs from it in case only, as parameters may have it
 * (other fields are held to their spelling where they are decoded); NULL if the mapping lacks it,
 * is none, or is NULL.
 */
const struct rp_yaml_node *rp_yaml_get(const struct rp_yaml_node *map, const char *key);

/** "null", "bool", "int", "float", "string", "list" or "mapping". */
const char *rp_yaml_kind_name(enum rp_yaml_kind kind);

/* Values of scalars. @return RP_OK; RP_EFORMAT: another kind, or out of range */
RP_MUST_CHECK int rp_yaml_bool(const struct rp_yaml_node *node, bool *ret_value);
/** An int, or a float without a fraction. */
RP_MUST_CHECK int rp_yaml_int(const struct rp_yaml_node *node, int64_t *ret_value);
RP_MUST_CHECK int rp_yaml_double(const struct rp_yaml_node *node, double *ret_value);

#endif /* RP_CONFIG_YAML_TREE_H */
