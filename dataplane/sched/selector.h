/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors (Kubernetes: labels and selectors) against an endpoint's labels. Once a table,
 * never on the way of a request.
 */
#ifndef RP_DATAPLANE_SCHED_SELECTOR_H
#define RP_DATAPLANE_SCHED_SELECTOR_H

#include "dataplane/sched/sched_plugin.h"

/** Do all requirements hold? @param requirements  struct rp_selector_requirement */
bool rp_selector_matches(const struct rp_cycle *cycle, struct rp_config_list requirements,
			 uint32_t table_idx);

/** Is it one of a list's strings? @param list  struct rp_config_str */
bool rp_selector_has(const struct rp_config_blob *config, struct rp_config_list list,
		     struct rp_bytes text);

#endif /* RP_DATAPLANE_SCHED_SELECTOR_H */
