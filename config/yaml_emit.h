/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML out of a tree, in a form that is read back to the same tree.
 */
#ifndef RP_CONFIG_YAML_EMIT_H
#define RP_CONFIG_YAML_EMIT_H

#include <stdio.h>

#include "config/yaml_tree.h"

/** A string, quoted where it has to be. */
void rp_yaml_emit_str(FILE *out, struct rp_bytes text);

/**
 * What follows "key:" — a blank and a scalar, or lines of their own, all ended by a newline.
 * @param indent  of those lines, in blanks
 */
void rp_yaml_emit_value(FILE *out, const struct rp_yaml_node *node, unsigned indent);

#endif /* RP_CONFIG_YAML_EMIT_H */
