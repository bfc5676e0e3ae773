/* SPDX-License-Identifier: Apache-2.0
 *
 * A record is a 32-bit length, the bytes, and padding to 8. Where a record would run over the end
 * of the ring the producer puts SKIP instead and goes on at the beginning.
 */
#include "shm/spsc_ring.h"

#include <assert.h>

enum { RECORD_ALIGN = 8 };
#define SKIP	  UINT32_MAX
#define RING_MASK ((uint64_t)RP_LOG_RING_BYTES - 1)

static_assert((RP_LOG_RING_BYTES & (RP_LOG_RING_BYTES - 1)) == 0, "a power of two");
static_assert(RP_LOG_RECORD_BYTES_MAX + 2 * RECORD_ALIGN < RP_LOG_RING_BYTES, "a record fits");

static size_t record_bytes(size_t len)
{
	return rp_align_up(sizeof(uint32_t) + len, RECORD_ALIGN);
}

bool rp_spsc_ring_push(struct rp_spsc_ring *ring, struct rp_bytes record)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	/* Acquire: pairs with pop(), whose copy is over before we write there again. */
	uint64_t used = head - atomic_load_explicit(&ring->tail, memory_order_acquire);
	size_t offset = (size_t)(head & RING_MASK);
	size_t to_end = RP_LOG_RING_BYTES - offset;
	uint32_t len = (uint32_t)record.len;
	size_t need;

	if (record.len == 0 || record.len > RP_LOG_RECORD_BYTES_MAX)
		goto drop;
	need = record_bytes(record.len);
	if (need > to_end)
		need += to_end;
	if (head % RECORD_ALIGN != 0 || used > RP_LOG_RING_BYTES || need > RP_LOG_RING_BYTES - used)
		goto drop;
	if (record_bytes(record.len) > to_end) {
		const uint32_t skip = SKIP;

		memcpy(ring->data + offset, &skip, sizeof(skip));
		offset = 0;
	}
	memcpy(ring->data + offset, &len, sizeof(len));
	memcpy(ring->data + offset + sizeof(len), record.ptr, record.len);
	/* Release: pairs with pop(); a producer that dies before this line leaves no trace. */
	atomic_store_explicit(&ring->head, head + need, memory_order_release);
	return true;
drop:
	atomic_store_explicit(&ring->dropped,
			      atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	return false;
}

size_t rp_spsc_ring_pop(struct rp_spsc_ring *ring, uint8_t *out, size_t out_bytes)
{
	/* Acquire: pairs with push(). */
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t len = 0;

	RP_ASSERT(out_bytes >= RP_LOG_RECORD_BYTES_MAX);
	if (head == tail)
		return 0;
	for (int skipped = 0; skipped < 2; skipped++) {
		size_t offset = (size_t)(tail & RING_MASK);
		size_t to_end = RP_LOG_RING_BYTES - offset;
		uint64_t used = head - tail;

		if (used == 0 || used > RP_LOG_RING_BYTES || tail % RECORD_ALIGN != 0)
			break;
		memcpy(&len, ring->data + offset, sizeof(len));
		if (len == SKIP) {
			tail += to_end;
			continue;
		}
		if (len == 0 || len > RP_LOG_RECORD_BYTES_MAX || record_bytes(len) > to_end ||
		    record_bytes(len) > used)
			break;
		memcpy(out, ring->data + offset + sizeof(len), len);
		/* Release: pairs with push(), see there. */
		atomic_store_explicit(&ring->tail, tail + record_bytes(len), memory_order_release);
		return len;
	}
	/* Nothing a producer of ours writes: give up what is in the ring, not the process. */
	atomic_store_explicit(&ring->tail, head, memory_order_release);
	return 0;
}
