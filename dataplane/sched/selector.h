/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors (Kubernetes: labels and selectors) against the labels of a cycle's endpoints.
 * Once a table, never on the way of a request.
 */
#ifndef RP_DATAPLANE_SCHED_SELECTOR_H
#define RP_DATAPLANE_SCHED_SELECTOR_H

#include "config/label_match.h"
#include "dataplane/sched/sched_plugin.h"

/** Do all requirements hold? @param requirements  struct rp_selector_requirement */
bool rp_selector_matches(const struct rp_cycle *cycle, struct rp_config_list requirements,
			 uint32_t table_idx);

#endif /* RP_DATAPLANE_SCHED_SELECTOR_H */
