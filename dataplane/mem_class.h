/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator of size classes over freelists, for libraries that want malloc's interface (nghttp2,
 * OpenSSL). What was given back is kept for the next one, so that after warm-up nothing comes from
 * the system. Kept memory is bounded.
 */
#ifndef RP_DATAPLANE_MEM_CLASS_H
#define RP_DATAPLANE_MEM_CLASS_H

#include "shm/base.h"
#include "shm/limits.h"

enum { RP_MEM_CLASSES = 26 };

/* Zeroed: ready. One thread. */
struct rp_mem_classes {
	void *free_list[RP_MEM_CLASSES];
	size_t bytes_kept; /* in freelists; at most RP_MEM_KEPT_BYTES_MAX */
};

/** As malloc(); larger than the largest class: straight from the system. */
void *rp_mem_alloc(struct rp_mem_classes *classes, size_t n);
/** As calloc(). */
void *rp_mem_calloc(struct rp_mem_classes *classes, size_t count, size_t size);
/** As realloc(). */
void *rp_mem_realloc(struct rp_mem_classes *classes, void *ptr, size_t n);
/** As free(). */
void rp_mem_free(struct rp_mem_classes *classes, void *ptr);
/** Give what is kept back to the system. */
void rp_mem_fini(struct rp_mem_classes *classes);

#endif /* RP_DATAPLANE_MEM_CLASS_H */
