/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw text of JSON strings, 64 bytes at a time and without a branch per escape: with AVX-512 or
 * AVX2 where the machine has it. Elsewhere nothing is taken, and byte_runs.h does it all.
 */
#ifndef RP_DATAPLANE_STRING_RUNS_H
#define RP_DATAPLANE_STRING_RUNS_H

#include "shm/bytes.h"

/**
 * Length of a run of bytes that a JSON string holds as they are, and of escapes that are whole and
 * of one letter (RFC 8259, section 7). It ends before anything else, and anywhere where escapes
 * grow rare: rp_run_plain() is faster there.
 *
 * @param[in,out] has_high  becomes true if a byte of the run is above 0x7f
 */
size_t rp_string_skip(struct rp_bytes in, bool *has_high);

enum { RP_STRING_ROOM_BYTES = 128 }; /* less room than this is not used */

/**
 * Write the characters of a run of ASCII, escapes of one letter resolved.
 *
 * @param out_bytes  room at out, all of which may be written to
 * @param[out] ret_len  bytes at out that count
 * @return length of the run, which ends anywhere: at the latest before a byte above 0x7f, a \u, or
 *         an escape that is cut
 */
size_t rp_string_unescape(struct rp_bytes in, uint8_t *out, size_t out_bytes, size_t *ret_len);

#endif /* RP_DATAPLANE_STRING_RUNS_H */
