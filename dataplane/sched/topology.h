/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an endpoint is: what topology-extractor prepares, and the affinity filter and scorer
 * compare (scheduling reference 3.9).
 */
#ifndef RP_DATAPLANE_SCHED_TOPOLOGY_H
#define RP_DATAPLANE_SCHED_TOPOLOGY_H

#include "dataplane/sched/sched_plugin.h"

/* XXH64 of the values of host, rack, zone and region, 0: empty. Equal hashes count as equal values.
 */
struct rp_topology {
	uint64_t level[RP_TOPOLOGY_LEVELS];
};

/** The tightest level (enum rp_topology_level) that two places share; RP_TOPOLOGY_LEVELS: none. */
static inline uint32_t rp_topology_shared(const struct rp_topology *a, const struct rp_topology *b)
{
	uint32_t level = RP_TOPOLOGY_HOST;

	while (level < RP_TOPOLOGY_LEVELS &&
	       (a->level[level] == 0 || a->level[level] != b->level[level]))
		level++;
	return level;
}

#endif /* RP_DATAPLANE_SCHED_TOPOLOGY_H */
