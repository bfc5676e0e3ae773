/* SPDX-License-Identifier: Apache-2.0
 *
 * What an unquoted YAML scalar means: null, bool, int, float or string.
 */
#ifndef RP_CONFIG_YAML_SCALAR_H
#define RP_CONFIG_YAML_SCALAR_H

#include "config/yaml_tree.h"

/** @param text  terminated behind its end */
enum rp_yaml_kind rp_yaml_scalar_kind(struct rp_bytes text);

#endif /* RP_CONFIG_YAML_SCALAR_H */
