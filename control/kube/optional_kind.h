/* SPDX-License-Identifier: Apache-2.0
 *
 * A kind that a cluster may or may not serve, in the group of today or in the one of before
 * (Kubernetes reference 3.1). It is looked for in the discovery documents, again every minute while
 * it is missing or only the old group has it, and reflected while it is there. The new group wins;
 * objects of the old one are then ignored, with a warning.
 */
#ifndef RP_CONTROL_KUBE_OPTIONAL_KIND_H
#define RP_CONTROL_KUBE_OPTIONAL_KIND_H

#include "control/kube/reflector.h"

#define RP_KUBE_GROUP	     "llm-d.ai"
#define RP_KUBE_GROUP_LEGACY "inference.networking.x-k8s.io"

struct rp_optional_kind;

/**
 * @param plural      "inferenceobjectives"; not copied
 * @param name_space  copied
 * @param ops         as of a reflector. A kind that is gone for two looks in a row, or another
 * group that takes over, shows as an empty list, or as the list of the other group.
 */
RP_MUST_CHECK int rp_optional_kind_new(struct rp_kube_client *client, struct rp_events *loop,
				       const char *plural, const char *name_space,
				       const struct rp_reflector_ops *ops, void *user,
				       struct rp_optional_kind **ret_kind);
/** NULL is fine. */
void rp_optional_kind_free(struct rp_optional_kind *kind);

#endif /* RP_CONTROL_KUBE_OPTIONAL_KIND_H */
