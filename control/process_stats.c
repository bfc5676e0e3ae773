/* SPDX-License-Identifier: Apache-2.0 */
#include "control/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The file's beginning as a string; empty if it cannot be read. */
static void read_text(pid_t pid, const char *name, char *text, size_t text_bytes)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, text_bytes - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
}

/* proc(5): field 14 on are utime, stime, cutime, cstime; 23 is vsize, 24 rss in pages. */
static void add_stat(struct rp_process_stats *stats, pid_t pid, bool has_children,
		     uint64_t *ret_resident)
{
	enum { STATE = 3, UTIME = 14, STIME, CUTIME, CSTIME, VSIZE = 23, RSS };
	char text[1024];
	char *at;
	uint64_t ticks = 0;

	*ret_resident = 0;
	read_text(pid, "stat", text, sizeof(text));
	at = strrchr(text, ')'); /* the name before may hold blanks and brackets */
	if (at == NULL)
		return;
	at++;
	for (int field = STATE; field <= RSS; field++) {
		uint64_t value;

		at += strspn(at, " ");
		value = strtoull(at, NULL, 10);
		at += strcspn(at, " ");
		if (field == UTIME || field == STIME ||
		    (has_children && (field == CUTIME || field == CSTIME)))
			ticks += value;
		else if (field == VSIZE)
			stats->virtual_bytes += value;
		else if (field == RSS)
			*ret_resident = value * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	stats->cpu_seconds += (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t read_pss(pid_t pid, uint64_t resident)
{
	char text[2048];
	const char *at;

	read_text(pid, "smaps_rollup", text, sizeof(text));
	at = strstr(text, "\nPss:");
	return at != NULL ? strtoull(at + strlen("\nPss:"), NULL, 10) * 1024 : resident;
}

static uint64_t count_fds(pid_t pid)
{
	char path[64];
	uint64_t count = 0;
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void rp_process_stats_add(struct rp_process_stats *stats, pid_t pid, bool has_children)
{
	uint64_t resident;

	add_stat(stats, pid, has_children, &resident);
	stats->resident_bytes += read_pss(pid, resident);
	stats->open_fds += count_fds(pid);
}
