/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/endpoint_registry.h"

#include "shm/clock.h"
#include "shm/hash.h"

static uint32_t hash_identity(struct rp_bytes name_space, struct rp_bytes name)
{
	uint64_t h = XXH64(name.ptr, name.len, rp_hash64_bytes(name_space));
	uint32_t folded = (uint32_t)(h ^ h >> 32);

	return folded != 0 ? folded : 1;
}

static bool is_identity(const struct rp_endpoint_identity *identity, struct rp_bytes name_space,
			struct rp_bytes name)
{
	return rp_bytes_equal_str(name_space, identity->name_space) &&
	       rp_bytes_equal_str(name, identity->name);
}

/* The slot that has or had this identity, else UINT32_MAX. */
static uint32_t find(const struct rp_endpoint_registry *registry, uint32_t hash,
		     struct rp_bytes name_space, struct rp_bytes name)
{
	for (uint32_t slot = 0; slot < registry->slot_count; slot++) {
		if (registry->identity_hash[slot] == hash &&
		    is_identity(&registry->slot[slot], name_space, name))
			return slot;
	}
	return UINT32_MAX;
}

/* A slot that nobody uses: the one longest at rest, so that identities are remembered for as long
 * as may be, else one never used; UINT32_MAX if there is none. */
static uint32_t find_free(const struct rp_endpoint_registry *registry, uint32_t slots_max,
			  int64_t now_ns, bool (*may_reuse)(void *user, uint32_t slot), void *user)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t slot = 0; slot < registry->slot_count; slot++) {
		const struct rp_endpoint_identity *identity = &registry->slot[slot];

		if (identity->is_used || now_ns - identity->freed_ns < RP_SLOT_REST_S * RP_NS_PER_S)
			continue;
		if (best != UINT32_MAX && registry->slot[best].freed_ns <= identity->freed_ns)
			continue;
		if (may_reuse(user, slot))
			best = slot;
	}
	if (best == UINT32_MAX && registry->slot_count < slots_max)
		best = registry->slot_count;
	return best;
}

int rp_endpoint_registry_take(struct rp_endpoint_registry *registry, struct rp_bytes name_space,
			      struct rp_bytes name, uint32_t slots_max, int64_t now_ns,
			      bool (*may_reuse)(void *user, uint32_t slot), void *user,
			      uint32_t *ret_slot, uint32_t *ret_generation, bool *ret_is_new)
{
	uint32_t hash = hash_identity(name_space, name);
	struct rp_endpoint_identity *identity;
	uint32_t slot;
	bool is_new;

	RP_ASSERT(registry->slot_count <= RP_ENDPOINTS_MAX);
	RP_ASSERT(slots_max <= RP_ENDPOINTS_MAX);
	if (name.len >= RP_ENDPOINT_NAME_MAX || name_space.len >= RP_ENDPOINT_NAME_MAX)
		return RP_ETOOBIG;
	slot = find(registry, hash, name_space, name);
	is_new = slot == UINT32_MAX;
	if (is_new)
		slot = find_free(registry, slots_max, now_ns, may_reuse, user);
	if (slot == UINT32_MAX)
		return RP_ETOOBIG;

	identity = &registry->slot[slot];
	if (is_new) {
		/* The hash is taken away first and set last: if control dies in between, its
		 * successor finds no identity here, only a slot at rest. */
		registry->identity_hash[slot] = 0;
		identity->generation++;
		if (identity->generation == 0)
			identity->generation = 1;
		(void)rp_bytes_to_str(name_space, identity->name_space,
				      sizeof(identity->name_space));
		(void)rp_bytes_to_str(name, identity->name, sizeof(identity->name));
		registry->identity_hash[slot] = hash;
		if (slot == registry->slot_count)
			registry->slot_count = slot + 1;
	}
	identity->is_used = 1;
	*ret_slot = slot;
	*ret_generation = identity->generation;
	*ret_is_new = is_new;
	return RP_OK;
}

void rp_endpoint_registry_release(struct rp_endpoint_registry *registry, uint32_t slot,
				  int64_t now_ns)
{
	RP_ASSERT(slot < registry->slot_count);
	registry->slot[slot].freed_ns = now_ns;
	registry->slot[slot].is_used = 0;
}
