/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors (Kubernetes: labels and selectors) against an endpoint's labels. Once a table,
 * never on the way of a request.
 */
#ifndef RP_CONFIG_LABEL_MATCH_H
#define RP_CONFIG_LABEL_MATCH_H

#include "config/plugin_params.h"
#include "shm/endpoint_table.h"

/** Do all requirements hold? @param requirements  struct rp_selector_requirement */
bool rp_label_match(const struct rp_config_blob *config, struct rp_config_list requirements,
		    const struct rp_endpoint_table *table, uint32_t table_idx);

/** Is it one of a list's strings? @param list  struct rp_config_str */
bool rp_selector_has(const struct rp_config_blob *config, struct rp_config_list list,
		     struct rp_bytes text);

#endif /* RP_CONFIG_LABEL_MATCH_H */
