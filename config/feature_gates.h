/* SPDX-License-Identifier: Apache-2.0
 *
 * featureGates of an EndpointPickerConfig (scheduling reference 1.3).
 */
#ifndef RP_CONFIG_FEATURE_GATES_H
#define RP_CONFIG_FEATURE_GATES_H

#include "config/yaml_tree.h"

struct rp_feature_gates {
	bool has_flow_control;
	bool has_non_leader_datastore; /* haPopulateNonLeaderDatastore; we have no leaders */
};

/**
 * Read a list of "gate" and "gate=false"; a later entry overrides an earlier one.
 * @param list  may be NULL
 * @param[out] ret  the defaults where the list says nothing
 * @return RP_OK; RP_ECONFIG: an unknown gate or a bad value
 */
RP_MUST_CHECK int rp_feature_gates_read(const struct rp_yaml_node *list,
					struct rp_feature_gates *ret, struct rp_diag *diag);

#endif /* RP_CONFIG_FEATURE_GATES_H */
