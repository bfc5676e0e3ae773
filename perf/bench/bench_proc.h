/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process has used, from /proc: CPU time of all its threads in nanoseconds (schedstat), and
 * memory.
 */
#ifndef RP_PERF_BENCH_PROC_H
#define RP_PERF_BENCH_PROC_H

#include "shm/base.h"

enum { RP_BENCH_PROC_NAME_BYTES = 32 };

struct rp_bench_proc {
	uint32_t pid;
	int64_t cpu_ns; /* -1: not known */
	int64_t rss_kib;
	int64_t pss_kib; /* shared pages by their share; -1: not known */
	char name[RP_BENCH_PROC_NAME_BYTES];
};

/** Look at proc->pid. What cannot be read is -1, and the name then "?". */
void rp_bench_proc_read(struct rp_bench_proc *proc);
/** CPU time only: cheap. -1: there is no such process, or the kernel does not tell. */
int64_t rp_bench_proc_cpu_ns(uint32_t pid);

#endif /* RP_PERF_BENCH_PROC_H */
