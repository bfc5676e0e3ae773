/* SPDX-License-Identifier: Apache-2.0
 *
 * Which backend the parameters of token-producer ask for (scheduling reference 4.2).
 */
#ifndef RP_CONFIG_TOKEN_PARAMS_H
#define RP_CONFIG_TOKEN_PARAMS_H

#include "config/yaml_tree.h"

/** Where the parameters ask for a backend that is not built; NULL: for the estimate. */
const struct rp_yaml_node *rp_token_other_backend(const struct rp_yaml_node *parameters);

#endif /* RP_CONFIG_TOKEN_PARAMS_H */
