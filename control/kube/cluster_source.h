/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool as the cluster describes it: the InferencePool (or --endpoint-selector), its pods, its
 * objectives and rewrites, made into endpoints and rules for the publisher. Changes of 5 ms go out
 * together; nothing goes out of a list that failed.
 */
#ifndef RP_CONTROL_KUBE_CLUSTER_SOURCE_H
#define RP_CONTROL_KUBE_CLUSTER_SOURCE_H

#include "control/control.h"

struct rp_cluster_source;

/** Needs control->kube, flags, pool_name, pool_namespace and the publisher. */
RP_MUST_CHECK int rp_cluster_source_new(struct rp_control *control,
					struct rp_cluster_source **ret_source);
/** NULL is fine. */
void rp_cluster_source_free(struct rp_cluster_source *source);

#endif /* RP_CONTROL_KUBE_CLUSTER_SOURCE_H */
