/* SPDX-License-Identifier: Apache-2.0
 *
 * burst-prefix-cache-producer: who of a batch of requests goes where (scheduling reference 3.13).
 * Identical prompts make a group that is put on one replica; then, if wanted, requests that share a
 * long prefix follow each other. Longest prompts first, replicas with the least of this batch
 * first, and none more than its fair share for a shared prefix alone.
 */
#ifndef RP_DATAPLANE_SCHED_BURST_ASSIGN_H
#define RP_DATAPLANE_SCHED_BURST_ASSIGN_H

#include "config/plugin_params.h"
#include "shm/base.h"

enum { RP_BURST_NOWHERE = -1 };

/* One request of the batch. */
struct rp_burst_item {
	const uint64_t *hash; /* blocks of all its prompts, one after the other */
	uint32_t hash_count;  /* 0: nothing to go by, it is put nowhere */
	int32_t replica;      /* out: index, or RP_BURST_NOWHERE: other scorers decide */
};

/* Asked once for the first replica of a group: another one may be wanted there already.
 * @return the replica to take, `replica` itself as a rule */
typedef uint32_t (*rp_burst_agree)(void *user, const struct rp_burst_item *item, uint32_t replica);

/**
 * Assign the items, which stand in the order of their arrival.
 *
 * @param replica_count  replicas in the order of preference among equally loaded ones
 * @param salt  random: clients choose hashes, and must not know where they are put
 * @param agree  with `user`; NULL: nobody else is asked
 * @return RP_OK; RP_ENOMEM: all are put nowhere
 */
RP_MUST_CHECK int rp_burst_assign(struct rp_burst_item *item, uint32_t count,
				  uint32_t replica_count,
				  const struct rp_params_burst_prefix_cache_producer *params,
				  uint64_t salt, rp_burst_agree agree, void *user);

/** Most blocks looked at of one prompt. */
uint64_t rp_burst_blocks_max(const struct rp_params_burst_prefix_cache_producer *params);

/** What tells the items of a group: equal for equal hashes. */
uint64_t rp_burst_group(const struct rp_burst_item *item);

#endif /* RP_DATAPLANE_SCHED_BURST_ASSIGN_H */
