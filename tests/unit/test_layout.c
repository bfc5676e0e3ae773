/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/layout.h"

static const struct rp_settings settings = {
	.worker_count = 2,
	.endpoints_max = RP_ENDPOINTS_MAX,
	.metric_series_max = RP_METRIC_SERIES_MAX,
	.prefix_index_bytes = RP_PREFIX_INDEX_BYTES_MIN,
	.grpc_port = 9002,
};

static struct rp_shared create_with(const struct rp_settings *wanted)
{
	struct rp_shared shared;

	assert_int_equal(rp_shared_create(wanted, &shared), RP_OK);
	return shared;
}

static struct rp_shared create(void)
{
	return create_with(&settings);
}

static void destroy(struct rp_shared *shared)
{
	int tables = shared->tables_segment.fd;
	int live = shared->live_segment.fd;

	rp_shared_detach(shared);
	assert_int_equal(close(tables), 0);
	assert_int_equal(close(live), 0);
}

static void layout_hash_is_stable_and_never_zero(void **state)
{
	(void)state;
	assert_true(rp_layout_hash() != 0);
	assert_true(rp_layout_hash() == rp_layout_hash());
}

static void fresh_segments_are_empty_and_small(void **state)
{
	(void)state;
	struct rp_shared shared = create();
	struct rp_published pair;

	assert_memory_equal(&shared.tables->settings, &settings, sizeof(settings));
	assert_false(rp_publication_current(&shared.live->publication, &pair));
	assert_int_equal(atomic_load(&shared.live->process.phase), RP_PHASE_STARTING);
	assert_int_equal(rp_inflight_sum(&shared.live->inflight, RP_WORKERS_MAX, 0), 0);
	assert_true(shared.live_segment.bytes == rp_live_bytes(settings.prefix_index_bytes));
	destroy(&shared);
}

/* What a child does with the inherited descriptors; an exit code that says where it failed. */
static int child(const struct rp_shared *shared, bool may_write_tables)
{
	int readonly = rp_segment_reopen_readonly(&shared->tables_segment);
	int live = fcntl(shared->live_segment.fd, F_DUPFD, 100);
	int tables = fcntl(may_write_tables ? shared->tables_segment.fd : readonly, F_DUPFD, 100);
	struct rp_shared own;

	if (dup2(tables, RP_FD_TABLES) < 0 || dup2(live, RP_FD_LIVE) < 0)
		return 1;
	if (rp_shared_attach(may_write_tables, &own, NULL) != RP_OK)
		return 2;
	if (own.tables->settings.grpc_port != 9002)
		return 3;
	rp_inflight_add(&own.live->inflight, 1, 77);
	if (may_write_tables)
		own.tables->table[3].endpoint_count = 5;
	if (rp_shared_attach(!may_write_tables, &own, NULL) != (may_write_tables ? RP_OK : -EACCES))
		return 4;
	return 0;
}

static void attach_in_children(const struct rp_settings *wanted)
{
	struct rp_shared shared = create_with(wanted);

	for (int may_write = 0; may_write < 2; may_write++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0)
			_exit(child(&shared, may_write != 0));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	assert_int_equal(rp_inflight_sum(&shared.live->inflight, 2, 77), 2);
	assert_int_equal(shared.tables->table[3].endpoint_count, 5);
	destroy(&shared);
}

static void child_attaches_to_inherited_descriptors(void **state)
{
	(void)state;
	attach_in_children(&settings);
}

/* Whether the kernel gives any or not. */
static void huge_pages_change_no_contents(void **state)
{
	struct rp_settings wanted = settings;
	uint64_t hashes[256];
	static uint16_t counts[RP_ENDPOINTS_MAX], touched[RP_ENDPOINTS_MAX];
	uint32_t touched_count = 0;

	(void)state;
	wanted.has_huge_pages = 1;
	attach_in_children(&wanted);
	struct rp_shared shared = create_with(&wanted);
	struct rp_prefix_index *index = &shared.live->prefix;

	for (size_t i = 0; i < RP_ARRAY_LEN(hashes); i++)
		hashes[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	rp_prefix_index_admit(index, 5, 1, 1);
	rp_prefix_index_record(index, 5, 1, RP_PREFIX_CAPACITY, hashes, RP_ARRAY_LEN(hashes));
	rp_prefix_index_match(index, hashes, RP_ARRAY_LEN(hashes), counts, touched, &touched_count);
	assert_int_equal(touched_count, 1);
	assert_int_equal(counts[5], RP_ARRAY_LEN(hashes));
	rp_prefix_index_sweep(index, 5);
	assert_int_equal(rp_prefix_index_count(index, 5), 0);
	destroy(&shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_hash_is_stable_and_never_zero),
		cmocka_unit_test(fresh_segments_are_empty_and_small),
		cmocka_unit_test(child_attaches_to_inherited_descriptors),
		cmocka_unit_test(huge_pages_change_no_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
