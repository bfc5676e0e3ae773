/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a gateway says a pick may go: filter_metadata["envoy.lb.subset_hint"], key
 * "x-gateway-destination-endpoint-subset", a list of strings or one string with commas
 * (ext_proc reference 5.1).
 */
#ifndef RP_DATAPLANE_SUBSET_HINT_H
#define RP_DATAPLANE_SUBSET_HINT_H

#include "dataplane/pb_wire.h"
#include "dataplane/sched.h"

/**
 * Find the hint in an encoded config.core.v3.Metadata.
 *
 * @param[out] ret_value  encoded google.protobuf.Value, a view
 * @return RP_OK; RP_ENOTFOUND: no such key; RP_EFORMAT
 */
RP_MUST_CHECK int rp_subset_hint_find(struct rp_bytes metadata, struct rp_bytes *ret_value);

/**
 * Add the endpoints of a hint to *subset, copied to the arena; a value of another type changes
 * nothing. Entries beyond RP_SUBSET_ENDPOINTS_MAX are dropped.
 * @return RP_OK; RP_EFORMAT; RP_ENOMEM
 */
RP_MUST_CHECK int rp_subset_hint_add(struct rp_arena *arena, struct rp_bytes value,
				     struct rp_subset *subset);

#endif /* RP_DATAPLANE_SUBSET_HINT_H */
