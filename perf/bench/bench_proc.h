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
	int64_t cpu_ns;	 /* -1: not known */
	int64_t wait_ns; /* ready to run, but without a CPU; with cpu_ns */
	int64_t rss_kib;
	int64_t pss_kib; /* shared pages by their share; -1: not known */
	char name[RP_BENCH_PROC_NAME_BYTES];
};

/** Look at proc->pid. What cannot be read is -1, and the name then "?". */
void rp_bench_proc_read(struct rp_bench_proc *proc);
/** cpu_ns and wait_ns only: cheap. */
void rp_bench_proc_read_cpu(struct rp_bench_proc *proc);
/** One thread of this process. @return false: the kernel does not tell */
bool rp_bench_proc_thread(uint32_t tid, int64_t *ret_cpu_ns, int64_t *ret_wait_ns);

#endif /* RP_PERF_BENCH_PROC_H */
