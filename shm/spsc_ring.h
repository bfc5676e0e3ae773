/* SPDX-License-Identifier: Apache-2.0
 *
 * Records from one producer process to one consumer process. Records are length-prefixed and never
 * split over the end of the ring. A full ring drops the new record and counts it. The consumer
 * treats the contents as foreign: a length that does not fit empties the ring instead of running
 * off it.
 */
#ifndef RP_SHM_SPSC_RING_H
#define RP_SHM_SPSC_RING_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_spsc_ring {
	alignas(RP_CACHE_LINE) _Atomic uint64_t head; /* bytes produced; producer writes */
	_Atomic uint64_t dropped; /* records that found no room; producer writes */
	alignas(RP_CACHE_LINE) _Atomic uint64_t tail; /* bytes consumed; consumer writes */
	alignas(RP_CACHE_LINE) uint8_t data[RP_LOG_RING_BYTES];
};

/** Append a record. @return false if it found no room and was counted as dropped */
bool rp_spsc_ring_push(struct rp_spsc_ring *ring, struct rp_bytes record);

/**
 * Copy the oldest record out and remove it.
 * @param out  at least RP_LOG_RECORD_BYTES_MAX bytes
 * @return its length, 0 if there is none
 */
size_t rp_spsc_ring_pop(struct rp_spsc_ring *ring, uint8_t *out, size_t out_bytes);

#endif /* RP_SHM_SPSC_RING_H */
