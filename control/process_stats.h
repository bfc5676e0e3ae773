/* SPDX-License-Identifier: Apache-2.0
 *
 * What /proc says of our processes, added up.
 */
#ifndef RP_CONTROL_PROCESS_STATS_H
#define RP_CONTROL_PROCESS_STATS_H

#include <sys/types.h>

#include "shm/base.h"

struct rp_process_stats {
	double cpu_seconds;
	uint64_t virtual_bytes;
	uint64_t resident_bytes; /* memory shared by several of them counts once (Pss) */
	uint64_t open_fds;
};

/**
 * Add the figures of a process; what cannot be read is left out.
 *
 * @param has_children  count the processor time of the children it has waited for, too
 */
void rp_process_stats_add(struct rp_process_stats *stats, pid_t pid, bool has_children);

#endif /* RP_CONTROL_PROCESS_STATS_H */
