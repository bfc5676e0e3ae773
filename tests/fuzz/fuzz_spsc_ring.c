/* SPDX-License-Identifier: Apache-2.0
 *
 * 8 bytes head, 8 bytes tail, then contents from the tail on: whatever a producer left in a ring,
 * its consumer gets bounded records, comes to an end, and the ring works afterwards.
 */
#include "shm/spsc_ring.h"
#include "tests/fuzz/fuzz.h"

static struct rp_spsc_ring ring;
static uint8_t record[RP_LOG_RECORD_BYTES_MAX];

static void fill(uint64_t at, struct rp_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		ring.data[(at + i) % RP_LOG_RING_BYTES] = bytes.ptr[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rp_reader r = rp_reader(rp_bytes(data, size));
	uint64_t head = rp_read_le64(&r), tail = rp_read_le64(&r);
	struct rp_bytes contents = rp_read_bytes(&r, rp_reader_left(&r));
	static const uint8_t zero[1];
	size_t n, count = 0;

	if (r.err != RP_OK)
		return 0;
	atomic_store(&ring.head, head);
	atomic_store(&ring.tail, tail);
	fill(tail, contents);
	(void)rp_spsc_ring_push(&ring, RP_BYTES_LIT("a record"));
	while ((n = rp_spsc_ring_pop(&ring, record, sizeof(record))) != 0) {
		RP_ASSERT(n <= RP_LOG_RECORD_BYTES_MAX);
		RP_ASSERT(++count <= RP_LOG_RING_BYTES / 8);
	}
	RP_ASSERT(atomic_load(&ring.head) == atomic_load(&ring.tail));
	if (atomic_load(&ring.head) % 8 == 0) {
		RP_ASSERT(rp_spsc_ring_push(&ring, RP_BYTES_LIT("another")));
		RP_ASSERT(rp_spsc_ring_pop(&ring, record, sizeof(record)) == 7);
		RP_ASSERT(memcmp(record, "another", 7) == 0);
	}
	for (size_t i = 0; i < contents.len; i++)
		fill(tail + i, rp_bytes(zero, 1));
	return 0;
}
