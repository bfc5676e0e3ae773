/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two first numbers of a schedstat file: nanoseconds on a CPU, and waiting for one. */
static bool read_schedstat(const char *path, int64_t *ret_cpu_ns, int64_t *ret_wait_ns)
{
	FILE *file = fopen(path, "re");
	char line[128];

	if (file == NULL)
		return false; /* the thread ended meanwhile */
	bool is_read = fgets(line, sizeof(line), file) != NULL;

	fclose(file);
	if (is_read) {
		char *at = line;

		*ret_cpu_ns = strtoll(at, &at, 10);
		*ret_wait_ns = strtoll(at, NULL, 10);
	}
	return is_read;
}

bool rp_bench_proc_thread(uint32_t tid, int64_t *ret_cpu_ns, int64_t *ret_wait_ns)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%u/schedstat", tid);
	return read_schedstat(path, ret_cpu_ns, ret_wait_ns);
}

void rp_bench_proc_read_cpu(struct rp_bench_proc *proc)
{
	char path[320];

	proc->cpu_ns = -1;
	proc->wait_ns = -1;
	snprintf(path, sizeof(path), "/proc/%u/task", proc->pid);
	DIR *tasks = opendir(path);

	if (tasks == NULL)
		return;
	for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
		int64_t cpu_ns;
		int64_t wait_ns;

		snprintf(path, sizeof(path), "/proc/%u/task/%s/schedstat", proc->pid, task->d_name);
		if (task->d_name[0] == '.' || !read_schedstat(path, &cpu_ns, &wait_ns))
			continue;
		proc->cpu_ns = (proc->cpu_ns < 0 ? 0 : proc->cpu_ns) + cpu_ns;
		proc->wait_ns = (proc->wait_ns < 0 ? 0 : proc->wait_ns) + wait_ns;
	}
	closedir(tasks);
}

/* The number behind "name" at the begin of a line of the file; -1 without one. */
static int64_t number_of(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[256];
	int64_t value = -1;

	if (file == NULL)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoll(line + strlen(name), NULL, 10);
	}
	fclose(file);
	return value;
}

static void read_name(struct rp_bench_proc *proc)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", proc->pid);
	snprintf(proc->name, sizeof(proc->name), "?");
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return;
	if (fgets(proc->name, sizeof(proc->name), file) != NULL)
		proc->name[strcspn(proc->name, "\n")] = '\0';
	fclose(file);
}

void rp_bench_proc_read(struct rp_bench_proc *proc)
{
	char path[64];

	rp_bench_proc_read_cpu(proc);
	snprintf(path, sizeof(path), "/proc/%u/status", proc->pid);
	proc->rss_kib = number_of(path, "VmRSS:");
	snprintf(path, sizeof(path), "/proc/%u/smaps_rollup", proc->pid);
	proc->pss_kib = number_of(path, "Pss:");
	read_name(proc);
}
