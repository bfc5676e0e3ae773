/* SPDX-License-Identifier: Apache-2.0
 *
 * Which endpoints the gateway allows: the subset hint against the published table (ext_proc
 * reference 5.1). O(entries + endpoints) whatever the two are.
 */
#ifndef RP_DATAPLANE_SCHED_SUBSET_H
#define RP_DATAPLANE_SCHED_SUBSET_H

#include "dataplane/sched.h"
#include "shm/endpoint_table.h"

/* A ported entry is known by its whole text and by its IP. */
enum { RP_SUBSET_KEYS = 4 * RP_SUBSET_ENDPOINTS_MAX };

struct rp_subset_key {
	struct rp_bytes text;
	uint32_t stamp; /* of the request it belongs to; another one: free */
	uint32_t means; /* enum subset_meaning */
};

struct rp_subset_filter {
	uint32_t capacity; /* endpoints */
	uint32_t stamp;
	uint64_t *address_hash; /* by table index; made when first needed */
	uint64_t *ip_hash;
	bool has_hashes;
	struct rp_subset_key key[RP_SUBSET_KEYS];
};

RP_MUST_CHECK int rp_subset_filter_new(uint32_t endpoints_max,
				       struct rp_subset_filter **ret_filter);
void rp_subset_filter_free(struct rp_subset_filter *filter);

/** Another table was published. */
static inline void rp_subset_filter_forget_table(struct rp_subset_filter *filter)
{
	filter->has_hashes = false;
}

/**
 * List the endpoints of the subset in the table's order: those whose address is named, or whose IP
 * is named without a port; if no named address exists, all whose IP is named.
 *
 * @param endpoint_count  of the table, already cut to endpoints_max
 * @param[out] table_idx  room for endpoint_count
 * @return how many
 */
uint32_t rp_subset_filter_run(struct rp_subset_filter *filter, const struct rp_subset *subset,
			      const struct rp_endpoint_table *table, uint32_t endpoint_count,
			      uint32_t *table_idx);

#endif /* RP_DATAPLANE_SCHED_SUBSET_H */
