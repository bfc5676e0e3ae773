/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that need not be looked at one by one: scans of many at a time, with SSE2 or NEON, and with
 * AVX2 where the machine has it.
 */
#ifndef RP_DATAPLANE_BYTE_RUNS_H
#define RP_DATAPLANE_BYTE_RUNS_H

#include "shm/bytes.h"

/**
 * Length of the run of bytes that a JSON string holds as they are: it ends before a quote, a
 * backslash or a byte below 0x20 (RFC 8259, section 7).
 *
 * @param[in,out] has_high  becomes true if a byte of the run is above 0x7f
 */
size_t rp_run_plain(struct rp_bytes in, bool *has_high);

/**
 * Length of the run of well-formed UTF-8 (RFC 3629, section 4) without backslash. A sequence that
 * is cut at the end does not belong to it.
 */
size_t rp_run_clean(struct rp_bytes in);

/** First position of needle, of 4 to 16 bytes, or SIZE_MAX. Fast where its second byte and its last
 * but two seldom stand that far from each other. */
size_t rp_run_find(struct rp_bytes in, struct rp_bytes needle);

#endif /* RP_DATAPLANE_BYTE_RUNS_H */
