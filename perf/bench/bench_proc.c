/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/bench/bench_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t rp_bench_proc_cpu_ns(uint32_t pid)
{
	char path[320];
	int64_t sum_ns = 0;
	bool is_known = false;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	DIR *tasks = opendir(path);

	if (tasks == NULL)
		return -1;
	for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%u/task/%s/schedstat", pid, task->d_name);
		FILE *file = fopen(path, "re");
		char line[128];

		if (file == NULL)
			continue; /* it ended meanwhile */
		if (fgets(line, sizeof(line), file) != NULL) {
			sum_ns += strtoll(line, NULL, 10);
			is_known = true;
		}
		fclose(file);
	}
	closedir(tasks);
	return is_known ? sum_ns : -1;
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

	proc->cpu_ns = rp_bench_proc_cpu_ns(proc->pid);
	snprintf(path, sizeof(path), "/proc/%u/status", proc->pid);
	proc->rss_kib = number_of(path, "VmRSS:");
	snprintf(path, sizeof(path), "/proc/%u/smaps_rollup", proc->pid);
	proc->pss_kib = number_of(path, "Pss:");
	read_name(proc);
}
