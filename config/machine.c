/* SPDX-License-Identifier: Apache-2.0 */
#include "config/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "shm/bytes.h"

enum { PATH_BYTES = 1024, FILE_BYTES = 4096, CPU_MASK_SETS = 8 };

/* Whole file into out, terminated; an empty view if it cannot be read. */
static struct rp_bytes read_file(const char *path, char *out, size_t out_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;

	if (fd < 0)
		return rp_bytes(out, 0);
	while (len < out_bytes) {
		ssize_t n = read(fd, out + len, out_bytes - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	return rp_bytes_trim(rp_bytes(out, len));
}

/* The number at the begin of text, up to a blank; UINT64_MAX for "max", "-1" and all else. */
static uint64_t take_number(struct rp_bytes *text)
{
	size_t len = 0;
	uint64_t value;

	while (len < text->len && text->ptr[len] > ' ')
		len++;
	if (rp_bytes_to_u64(rp_bytes_slice(*text, 0, len), UINT64_MAX, &value) != RP_OK)
		value = UINT64_MAX;
	*text = rp_bytes_trim(rp_bytes_slice(*text, len, text->len));
	return value;
}

static uint64_t read_number(const char *dir, const char *file)
{
	char path[PATH_BYTES];
	char text[64];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return UINT64_MAX;
	struct rp_bytes value = read_file(path, text, sizeof(text));

	return take_number(&value);
}

static void lower(uint64_t *limit, uint64_t value)
{
	if (value < *limit)
		*limit = value;
}

struct limits {
	uint64_t cpus;
	uint64_t memory_bytes;
};

static void lower_cpus(struct limits *limits, uint64_t quota, uint64_t period)
{
	if (quota != UINT64_MAX && period != UINT64_MAX && period != 0)
		lower(&limits->cpus, quota / period);
}

/* Limits of one cgroup directory, whichever version it is of. */
static void read_cgroup(const char *dir, struct limits *limits)
{
	char path[PATH_BYTES];
	char text[64];

	if ((size_t)snprintf(path, sizeof(path), "%s/cpu.max", dir) < sizeof(path)) {
		struct rp_bytes max = read_file(path, text, sizeof(text));
		uint64_t quota = take_number(&max);

		lower_cpus(limits, quota, take_number(&max));
	}
	lower_cpus(limits, read_number(dir, "cpu.cfs_quota_us"),
		   read_number(dir, "cpu.cfs_period_us"));
	lower(&limits->memory_bytes, read_number(dir, "memory.max"));
	lower(&limits->memory_bytes, read_number(dir, "memory.limit_in_bytes"));
}

/* The cgroup `group` below `mount`, and all above it up to the mount itself. */
static void read_cgroups(const char *mount, struct rp_bytes group, struct limits *limits)
{
	char path[PATH_BYTES];
	size_t mount_len = strlen(mount);

	if (mount_len + group.len >= sizeof(path))
		group.len = 0;
	memcpy(path, mount, mount_len);
	memcpy(path + mount_len, group.ptr, group.len);
	size_t len = mount_len + group.len;

	path[len] = '\0';
	read_cgroup(path, limits);
	while (len > mount_len) {
		do
			len--;
		while (len > mount_len && path[len] != '/');
		path[len] = '\0';
		read_cgroup(path, limits);
	}
}

static const struct {
	const char *controller; /* "": cgroup v2 */
	const char *mount;
} mounts[] = {
	{"", ""}, {"", "/unified"}, {"cpu", "/cpu"}, {"cpu", "/cpu,cpuacct"}, {"memory", "/memory"},
};

/* One line of /proc/self/cgroup: "hierarchy:controllers:path". */
static void read_cgroup_line(const char *root, struct rp_bytes line, struct limits *limits)
{
	size_t first = rp_bytes_find(line, RP_BYTES_LIT(":"));

	if (first == SIZE_MAX)
		return;
	line = rp_bytes_slice(line, first + 1, line.len);
	size_t second = rp_bytes_find(line, RP_BYTES_LIT(":"));

	if (second == SIZE_MAX)
		return;
	struct rp_bytes controllers = rp_bytes_slice(line, 0, second);

	for (size_t i = 0; i < RP_ARRAY_LEN(mounts); i++) {
		char mount[PATH_BYTES];
		bool is_v2 = mounts[i].controller[0] == '\0';

		if ((is_v2 ? controllers.len == 0
			   : rp_bytes_has_word(controllers, rp_bytes_str(mounts[i].controller))) &&
		    (size_t)snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup%s", root,
				     mounts[i].mount) < sizeof(mount))
			read_cgroups(mount, rp_bytes_slice(line, second + 1, line.len), limits);
	}
}

static uint64_t affinity_cpus(void)
{
	cpu_set_t sets[CPU_MASK_SETS];
	int count;

	if (sched_getaffinity(0, sizeof(sets), sets) != 0)
		return 1;
	count = CPU_COUNT_S(sizeof(sets), sets);
	return count > 0 ? (uint64_t)count : 1;
}

/* The chosen word of a switch below transparent_hugepage: "always within_size [advise] never". */
static struct rp_bytes read_switch(const char *root, const char *file, char *text,
				   size_t text_bytes)
{
	char path[PATH_BYTES];
	struct rp_bytes words = {0};

	if ((size_t)snprintf(path, sizeof(path), "%s/sys/kernel/mm/transparent_hugepage/%s", root,
			     file) < sizeof(path))
		words = read_file(path, text, text_bytes);
	size_t begin = rp_bytes_find(words, RP_BYTES_LIT("["));

	if (begin == SIZE_MAX)
		return rp_bytes(words.ptr, 0);
	words = rp_bytes_slice(words, begin + 1, words.len);
	return rp_bytes_slice(words, 0,
			      rp_min_size(rp_bytes_find(words, RP_BYTES_LIT("]")), words.len));
}

static bool read_huge_pages(const char *root)
{
	static const char *const good[] = {"always", "within_size", "advise", "force"};
	char text[256];
	struct rp_bytes word =
		read_switch(root, "hugepages-2048kB/shmem_enabled", text, sizeof(text));

	/* Older kernels have no switch by size. */
	if (word.len == 0 || rp_bytes_equal_str(word, "inherit"))
		word = read_switch(root, "shmem_enabled", text, sizeof(text));
	for (size_t i = 0; i < RP_ARRAY_LEN(good); i++) {
		if (rp_bytes_equal_str(word, good[i]))
			return true;
	}
	return false;
}

void rp_machine_read(const char *root, struct rp_machine *ret_machine)
{
	struct limits limits = {affinity_cpus(), UINT64_MAX};
	char path[PATH_BYTES];
	char text[FILE_BYTES];
	long pages = sysconf(_SC_PHYS_PAGES);
	struct rp_bytes groups = {0};

	if (pages > 0)
		limits.memory_bytes = (uint64_t)pages * RP_PAGE;
	if ((size_t)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root) < sizeof(path))
		groups = read_file(path, text, sizeof(text));
	while (groups.len > 0) {
		size_t end = rp_min_size(rp_bytes_find(groups, RP_BYTES_LIT("\n")), groups.len);

		read_cgroup_line(root, rp_bytes_slice(groups, 0, end), &limits);
		groups = rp_bytes_slice(groups, end + 1, groups.len);
	}
	ret_machine->cpus = (uint32_t)rp_max_size(limits.cpus, 1);
	ret_machine->has_huge_pages = read_huge_pages(root);
	ret_machine->memory_bytes = rp_max_size(limits.memory_bytes, RP_PAGE);
}
