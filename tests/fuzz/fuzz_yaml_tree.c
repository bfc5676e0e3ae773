/* SPDX-License-Identifier: Apache-2.0
 *
 * A tree's spans and counts fit together, its scalars are terminated and read alike by kind; an
 * error says where it is.
 */
#include "config/yaml_tree.h"
#include "shm/limits.h"
#include "tests/fuzz/fuzz.h"

static void check_scalar(const struct rp_yaml_node *node)
{
	bool is_true;
	int64_t whole;
	double number;

	RP_ASSERT(node->text.ptr[node->text.len] == '\0');
	RP_ASSERT((rp_yaml_bool(node, &is_true) == RP_OK) == (node->kind == RP_YAML_BOOL));
	if (rp_yaml_int(node, &whole) == RP_OK)
		RP_ASSERT(node->kind == RP_YAML_INT || node->kind == RP_YAML_FLOAT);
	if (rp_yaml_double(node, &number) == RP_OK)
		RP_ASSERT(node->kind == RP_YAML_INT || node->kind == RP_YAML_FLOAT);
}

/* Each node is looked at as a parent: no recursion. */
static void check_tree(const struct rp_yaml_tree *tree)
{
	const struct rp_yaml_node *end = tree->nodes + tree->count;

	for (const struct rp_yaml_node *node = tree->nodes; node < end; node++) {
		uint32_t count = 0, span = 1;

		RP_ASSERT(node->line >= 1 && node->span <= (size_t)(end - node));
		RP_ASSERT(rp_yaml_kind_name(node->kind)[0] != '\0');
		if (node->kind != RP_YAML_SEQ && node->kind != RP_YAML_MAP) {
			RP_ASSERT(node->span == 1 && rp_yaml_first(node) == NULL);
			check_scalar(node);
			continue;
		}
		for (const struct rp_yaml_node *child = rp_yaml_first(node); child != NULL;
		     child = rp_yaml_next(node, child)) {
			count++;
			span += child->span;
		}
		RP_ASSERT(count == node->count && span == node->span);
		RP_ASSERT(node->kind == RP_YAML_SEQ || count % 2 == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_yaml_tree tree;
	struct rp_diag diag = {0};
	int err = rp_yaml_parse(rp_bytes(data, size), &tree, &diag);

	if (err != RP_OK) {
		RP_ASSERT(diag.line >= 1 && diag.message[0] != '\0');
		return 0;
	}
	RP_ASSERT(tree.count <= RP_YAML_NODES_MAX);
	RP_ASSERT((rp_yaml_root(&tree) == NULL) == (tree.count == 0));
	if (tree.count > 0)
		check_tree(&tree);
	rp_yaml_free(&tree);
	return 0;
}
