/* SPDX-License-Identifier: Apache-2.0
 *
 * The strings and lists that parameters refer to, gathered in memory of fixed size on their way
 * into the compiled blob. Offsets stay what they are, and so do addresses.
 */
#ifndef RP_CONFIG_POOL_H
#define RP_CONFIG_POOL_H

#include "config/compiled.h"

struct rp_pool {
	uint8_t *data; /* 8-aligned */
	uint32_t bytes;
	uint32_t room;
};

/** Copy a string. @return RP_OK; RP_ETOOBIG: the pool is full, *ret is left alone */
RP_MUST_CHECK int rp_pool_put_str(struct rp_pool *pool, struct rp_bytes text,
				  struct rp_config_str *ret);

/** Zeroed room for a list. @return its elements; NULL: the pool is full */
void *rp_pool_put_list(struct rp_pool *pool, uint32_t count, size_t element_bytes,
		       struct rp_config_list *ret);

/** A string that was put; it lies in the pool. */
struct rp_bytes rp_pool_str(const struct rp_pool *pool, struct rp_config_str str);

/** The elements of a list that was put. */
void *rp_pool_list(const struct rp_pool *pool, struct rp_config_list list);

#endif /* RP_CONFIG_POOL_H */
