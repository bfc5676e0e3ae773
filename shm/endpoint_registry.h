/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity (namespace, name) -> endpoint slot and generation. Lives in the live segment so that a
 * restarted control finds the slots its predecessor gave out; only control writes it.
 *
 * A slot is given to another identity only when it is out of every snapshot, nothing is in flight
 * on it, the prefix index has been swept of it and RP_SLOT_REST_S have passed. The generation then
 * moves on, so that whatever a stream still remembers of the old one is recognised.
 */
#ifndef RP_SHM_ENDPOINT_REGISTRY_H
#define RP_SHM_ENDPOINT_REGISTRY_H

#include "shm/bytes.h"
#include "shm/limits.h"

/* What survives a generation wrap in 10 bits of a prefix-index word. */
#define RP_ENDPOINT_GENERATION_MASK 0x3ffu

struct rp_endpoint_identity {
	uint32_t generation; /* from 1; 0: never used */
	uint32_t is_used;    /* in the current set of endpoints */
	int64_t freed_ns;    /* monotonic, when it left the set */
	char name_space[RP_ENDPOINT_NAME_MAX];
	char name[RP_ENDPOINT_NAME_MAX];
	uint32_t reserved;
};

struct rp_endpoint_registry {
	uint32_t slot_count; /* high-water mark: slots below it were used at some time */
	uint32_t reserved;
	uint32_t identity_hash[RP_ENDPOINTS_MAX]; /* of slot[i]'s names; 0: none. One scan finds all
						   */
	struct rp_endpoint_identity slot[RP_ENDPOINTS_MAX];
};

/**
 * The slot of an identity: the one it has, the one it had, or a free one.
 *
 * @param may_reuse  asked for each rested slot whose identity differs: no request in flight there?
 * @param[out] ret_is_new  the slot's generation moved: sweep its figures and its prefix index first
 * @return RP_OK; RP_ETOOBIG: slots_max slots are in use or resting
 */
RP_MUST_CHECK int rp_endpoint_registry_take(struct rp_endpoint_registry *registry,
					    struct rp_bytes name_space, struct rp_bytes name,
					    uint32_t slots_max, int64_t now_ns,
					    bool (*may_reuse)(void *user, uint32_t slot),
					    void *user, uint32_t *ret_slot,
					    uint32_t *ret_generation, bool *ret_is_new);

/** The endpoint left the set; its slot starts to rest. */
void rp_endpoint_registry_release(struct rp_endpoint_registry *registry, uint32_t slot,
				  int64_t now_ns);

#endif /* RP_SHM_ENDPOINT_REGISTRY_H */
