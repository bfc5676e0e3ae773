/* SPDX-License-Identifier: Apache-2.0
 *
 * Leader election by a Lease (Kubernetes reference 7.2): of several instances one says SERVING. The
 * remote clock is never trusted: a lease is over when its record was seen unchanged for as long as
 * it says. Who leads stands in the segment (struct rp_process_state), where health looks.
 */
#ifndef RP_CONTROL_KUBE_LEADER_H
#define RP_CONTROL_KUBE_LEADER_H

#include "control/control.h"

struct rp_leader;

/**
 * Take part from now on. Needs control->kube, pool_name, pool_namespace and shared.
 * @param on_lost  the lease could not be renewed for ten seconds: the process must end
 */
RP_MUST_CHECK int rp_leader_new(struct rp_control *control, void (*on_lost)(struct rp_control *),
				struct rp_leader **ret_leader);
/** Give the lease up at once, if it is ours: drain begins. Takes part no longer. */
void rp_leader_release(struct rp_leader *leader);
/** NULL is fine. A lease that was not released runs out. */
void rp_leader_free(struct rp_leader *leader);

#endif /* RP_CONTROL_KUBE_LEADER_H */
