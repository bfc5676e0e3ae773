/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/machine.h"

static char root[64];
static struct rp_machine machine;

static int set_up(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test_machine.XXXXXX");
	return mkdtemp(root) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Write root/path, making its directories. */
static void put(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *at = strchr(full + strlen(root) + 1, '/'); at != NULL;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		mkdir(full, 0700);
		*at = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void the_machine_itself_has_a_cpu_and_memory(void **state)
{
	(void)state;
	rp_machine_read("", &machine);
	assert_true(machine.cpus >= 1);
	assert_true(machine.memory_bytes > 1 << 20);
}

static void cgroup_v2_limits_count_up_to_the_root(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/a/b\n");
	put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
	put("sys/fs/cgroup/a/memory.max", "1048576\n");
	put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("sys/fs/cgroup/a/b/memory.max", "max\n");
	rp_machine_read(root, &machine);
	assert_int_equal(machine.cpus, 1);
	assert_int_equal(machine.memory_bytes, 1048576);
}

static void a_quota_below_one_cpu_still_gives_one(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/\n");
	put("sys/fs/cgroup/cpu.max", "5000 100000\n");
	rp_machine_read(root, &machine);
	assert_int_equal(machine.cpus, 1);
}

static void cgroup_v1_limits_count(void **state)
{
	(void)state;
	put("proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/c\n1:name=systemd:/x\n");
	put("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "100000\n");
	put("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
	put("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "2097152\n");
	rp_machine_read(root, &machine);
	assert_int_equal(machine.cpus, 1);
	assert_int_equal(machine.memory_bytes, 2097152);
}

static void limits_of_other_groups_do_not_count(void **state)
{
	(void)state;
	put("proc/self/cgroup", "4:memory:/m\n3:cpu:/c\n");
	put("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "4096\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "-1\n");
	rp_machine_read(root, &machine);
	assert_true(machine.memory_bytes > 4096);
}

static void broken_files_are_no_limits(void **state)
{
	(void)state;
	put("proc/self/cgroup", "no colon\n0::/a\n::::\n");
	put("sys/fs/cgroup/a/cpu.max", "fast\n");
	put("sys/fs/cgroup/a/memory.max", "99999999999999999999999\n");
	rp_machine_read(root, &machine);
	assert_true(machine.cpus >= 1);
	assert_true(machine.memory_bytes > 1 << 20);
}

#define HUGE "sys/kernel/mm/transparent_hugepage/"

static bool has_huge_pages(const char *switches)
{
	put(HUGE "shmem_enabled", switches);
	rp_machine_read(root, &machine);
	return machine.has_huge_pages;
}

static void huge_pages_follow_the_kernels_switches(void **state)
{
	(void)state;
	rp_machine_read(root, &machine);
	assert_false(machine.has_huge_pages);
	assert_false(has_huge_pages("always within_size advise [never] deny force\n"));
	assert_false(has_huge_pages("always within_size advise never [deny] force\n"));
	assert_true(has_huge_pages("always within_size [advise] never deny force\n"));
	assert_true(has_huge_pages("[always] within_size advise never deny force\n"));
	assert_false(has_huge_pages("advise\n"));
	/* The switch of the size counts, unless it leaves the matter to the other. */
	put(HUGE "hugepages-2048kB/shmem_enabled", "always [inherit] within_size advise never\n");
	assert_true(has_huge_pages("always within_size [advise] never deny force\n"));
	assert_false(has_huge_pages("always within_size advise [never] deny force\n"));
	put(HUGE "hugepages-2048kB/shmem_enabled", "always inherit within_size advise [never]\n");
	assert_false(has_huge_pages("always within_size [advise] never deny force\n"));
	put(HUGE "hugepages-2048kB/shmem_enabled", "always inherit within_size [advise] never\n");
	assert_true(has_huge_pages("always within_size advise [never] deny force\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_machine_itself_has_a_cpu_and_memory, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(cgroup_v2_limits_count_up_to_the_root, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_quota_below_one_cpu_still_gives_one, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(cgroup_v1_limits_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_of_other_groups_do_not_count, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(broken_files_are_no_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(huge_pages_follow_the_kernels_switches, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
