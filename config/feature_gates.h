/* SPDX-License-Identifier: Apache-2.0
 *
 * featureGates of an EndpointPickerConfig (scheduling reference 1.3).
 */
#ifndef RP_CONFIG_FEATURE_GATES_H
#define RP_CONFIG_FEATURE_GATES_H

#include "config/yaml_tree.h"

/**
 * Check a list of "gate" and "gate=false"; a later entry overrides an earlier one.
 * @param list  may be NULL
 * @return RP_OK; RP_ECONFIG: an unknown gate, a bad value, or one switched on that is not built yet
 */
RP_MUST_CHECK int rp_feature_gates_check(const struct rp_yaml_node *list, struct rp_diag *diag);

#endif /* RP_CONFIG_FEATURE_GATES_H */
