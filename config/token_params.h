/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of token-producer (scheduling reference 4.2): the estimate backend.
 */
#ifndef RP_CONFIG_TOKEN_PARAMS_H
#define RP_CONFIG_TOKEN_PARAMS_H

#include "config/decode.h"
#include "config/plugin_params.h"

/** @param node  may be NULL: the defaults, as with another backend. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_token_read_params(struct rp_diag *diag, const struct rp_path *path,
				       const struct rp_yaml_node *node,
				       struct rp_params_token_producer *ret);

/** Where the parameters ask for a backend that is not built; NULL: for the estimate. */
const struct rp_yaml_node *rp_token_other_backend(const struct rp_yaml_node *parameters);

#endif /* RP_CONFIG_TOKEN_PARAMS_H */
