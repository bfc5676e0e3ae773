/* SPDX-License-Identifier: Apache-2.0
 *
 * XXH64 with seed 0, the hash of the reference implementation (scheduling reference 4.3).
 */
#ifndef RP_SHM_HASH_H
#define RP_SHM_HASH_H

#include <xxhash.h>

#include "shm/bytes.h"

static inline uint64_t rp_hash64(const void *data, size_t bytes)
{
	return XXH64(data, bytes, 0);
}

static inline uint64_t rp_hash64_bytes(struct rp_bytes in)
{
	return XXH64(in.ptr, in.len, 0);
}

#endif /* RP_SHM_HASH_H */
