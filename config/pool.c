/* SPDX-License-Identifier: Apache-2.0 */
#include "config/pool.h"

int rp_pool_put_str(struct rp_pool *pool, struct rp_bytes text, struct rp_config_str *ret)
{
	if (text.len > pool->room - pool->bytes)
		return RP_ETOOBIG;
	if (text.len > 0)
		memcpy(pool->data + pool->bytes, text.ptr, text.len);
	*ret = (struct rp_config_str){text.len == 0 ? 0 : pool->bytes, (uint32_t)text.len};
	pool->bytes += (uint32_t)text.len;
	return RP_OK;
}

void *rp_pool_put_list(struct rp_pool *pool, uint32_t count, size_t element_bytes,
		       struct rp_config_list *ret)
{
	size_t begin = rp_align_up(pool->bytes, 8);

	if (begin > pool->room || count > (pool->room - begin) / element_bytes)
		return NULL;
	memset(pool->data + pool->bytes, 0, begin - pool->bytes);
	memset(pool->data + begin, 0, count * element_bytes);
	*ret = (struct rp_config_list){(uint32_t)begin, count};
	pool->bytes = (uint32_t)(begin + count * element_bytes);
	return pool->data + begin;
}

struct rp_bytes rp_pool_str(const struct rp_pool *pool, struct rp_config_str str)
{
	return rp_bytes(pool->data + str.offset, str.len);
}

void *rp_pool_list(const struct rp_pool *pool, struct rp_config_list list)
{
	return pool->data + list.offset;
}
