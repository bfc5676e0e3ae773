/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/mem_class.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Before each piece; while it is free, the link stands in the piece itself. */
struct mem_head {
	alignas(16) uint32_t class_idx; /* RP_MEM_CLASSES: from the system */
	size_t bytes;			/* usable */
};

/* Whole pieces, head included: each multiple of a cache line up to SMALL_BYTES, as tens of
 * thousands of streams are made of these; then coarser. 17 KiB holds a TLS record or an HTTP/2
 * frame with its surroundings. */
enum { SMALL_STEP = 64, SMALL_BYTES = 1024, SMALL_CLASSES = SMALL_BYTES / SMALL_STEP };

static const size_t large_bytes[] = {
	2048, 4096, 8192, 17408, 34816, 65536, 131072, 262144, 524288, 1048576,
};

static_assert(SMALL_CLASSES + RP_ARRAY_LEN(large_bytes) == RP_MEM_CLASSES, "a freelist each");

static size_t class_bytes(uint32_t idx)
{
	return idx < SMALL_CLASSES ? (idx + 1) * (size_t)SMALL_STEP
				   : large_bytes[idx - SMALL_CLASSES];
}

static uint32_t class_of(size_t n)
{
	size_t whole = n + sizeof(struct mem_head);
	uint32_t idx = SMALL_CLASSES;

	if (whole <= SMALL_BYTES)
		return (uint32_t)((whole - 1) / SMALL_STEP);
	while (idx < RP_MEM_CLASSES && whole > class_bytes(idx))
		idx++;
	return idx;
}

void *rp_mem_alloc(struct rp_mem_classes *classes, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	uint32_t idx = class_of(n);
	size_t whole = idx < RP_MEM_CLASSES ? class_bytes(idx) : n + sizeof(struct mem_head);

	if (idx < RP_MEM_CLASSES && classes->free_list[idx] != NULL) {
		void *piece = classes->free_list[idx];

		memcpy(&classes->free_list[idx], piece, sizeof(void *));
		classes->bytes_kept -= whole;
		return piece;
	}
	struct mem_head *head = malloc(whole);

	if (head == NULL)
		return NULL;
	head->class_idx = idx;
	head->bytes = whole - sizeof(*head);
	return head + 1;
}

void *rp_mem_calloc(struct rp_mem_classes *classes, size_t count, size_t size)
{
	size_t n = 0;

	if (!rp_mul_size(count, size, &n))
		return NULL;
	void *piece = rp_mem_alloc(classes, n);

	if (piece != NULL)
		memset(piece, 0, n);
	return piece;
}

static struct mem_head *head_of(void *ptr)
{
	return (struct mem_head *)ptr - 1;
}

void rp_mem_free(struct rp_mem_classes *classes, void *ptr)
{
	if (ptr == NULL)
		return;
	struct mem_head *head = head_of(ptr);
	uint32_t idx = head->class_idx;

	if (idx >= RP_MEM_CLASSES ||
	    class_bytes(idx) > RP_MEM_KEPT_BYTES_MAX - classes->bytes_kept) {
		free(head);
		return;
	}
	memcpy(ptr, &classes->free_list[idx], sizeof(void *));
	classes->free_list[idx] = ptr;
	classes->bytes_kept += class_bytes(idx);
}

void *rp_mem_realloc(struct rp_mem_classes *classes, void *ptr, size_t n)
{
	if (ptr == NULL)
		return rp_mem_alloc(classes, n);
	if (n <= head_of(ptr)->bytes)
		return ptr;
	void *larger = rp_mem_alloc(classes, n);

	if (larger == NULL)
		return NULL;
	memcpy(larger, ptr, head_of(ptr)->bytes);
	rp_mem_free(classes, ptr);
	return larger;
}

void rp_mem_fini(struct rp_mem_classes *classes)
{
	for (uint32_t i = 0; i < RP_MEM_CLASSES; i++) {
		void *piece = classes->free_list[i];

		while (piece != NULL) {
			void *next = NULL;

			memcpy(&next, piece, sizeof(next));
			free(head_of(piece));
			piece = next;
		}
	}
	*classes = (struct rp_mem_classes){0};
}
