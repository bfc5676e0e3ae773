/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process may use of the machine: CPUs by affinity mask and cgroup quota, memory by
 * cgroup limit and RAM, huge pages for shared memory by the kernel's switches. Reads cgroup v2 and
 * v1, the own cgroup and all above it.
 */
#ifndef RP_CONFIG_MACHINE_H
#define RP_CONFIG_MACHINE_H

#include "shm/base.h"

struct rp_machine {
	uint32_t cpus;	       /* >= 1; a quota of 2.5 CPUs counts as 2 */
	uint64_t memory_bytes; /* > 0 */
	bool has_huge_pages;   /* shared memory gets them where they are asked for */
};

/**
 * @param root  "" for the machine itself; tests give a directory that holds /proc/self/cgroup,
 *              /sys/fs/cgroup and /sys/kernel/mm
 */
void rp_machine_read(const char *root, struct rp_machine *ret_machine);

#endif /* RP_CONFIG_MACHINE_H */
