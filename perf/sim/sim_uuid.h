/* SPDX-License-Identifier: Apache-2.0
 *
 * Name-based identifiers: UUID version 5 in the URL namespace (RFC 9562 5.5).
 */
#ifndef RP_PERF_SIM_UUID_H
#define RP_PERF_SIM_UUID_H

#include "shm/bytes.h"

enum { RP_SIM_UUID_CHARS = 36, RP_SIM_UUID_NAME_MAX = 256 };

/** Write the text form, terminated. The name has at most RP_SIM_UUID_NAME_MAX bytes. */
void rp_sim_uuid_write(struct rp_bytes name, char out[RP_SIM_UUID_CHARS + 1]);

#endif /* RP_PERF_SIM_UUID_H */
