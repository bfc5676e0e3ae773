/* SPDX-License-Identifier: Apache-2.0
 *
 * Workers pick and rank at the same time. Ranks of the endpoints ever picked are a permutation,
 * and in the end all see one order.
 */
#include "shm/cold_order.h"
#include "tests/stress/crowd.h"

enum { WORKERS = 4, SLOTS = 40 };

struct shared {
	struct rp_cold_order order;
	struct rp_cold_view view[WORKERS + 1];
	_Atomic uint64_t picks;
};

static struct shared *shared;

static uint32_t rank_all(struct rp_cold_view *view, int32_t *ranks)
{
	static const uint32_t generations[SLOTS];
	uint32_t slots[SLOTS];
	bool is_taken[SLOTS] = {false};
	uint32_t count = 0;

	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = i;
	rp_cold_order_rank(&shared->order, 0, view, 1024, slots, generations, SLOTS, ranks);
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (ranks[i] < 0)
			continue;
		CROWD_CHECK(ranks[i] < SLOTS && !is_taken[ranks[i]]);
		is_taken[ranks[i]] = true;
		count++;
	}
	for (uint32_t i = 0; i < count; i++)
		CROWD_CHECK(is_taken[i]);
	return count;
}

static void work(uint32_t member)
{
	struct rp_cold_view *view = &shared->view[member];
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns() + member;
	uint32_t count = 0;

	memset(view, 0, sizeof(*view)); /* of a predecessor that was killed in the middle */
	while (!crowd_is_over()) {
		uint32_t slot = crowd_draw(&seed, SLOTS);
		int32_t ranks[SLOTS];
		uint32_t before = count;

		rp_cold_order_touch(&shared->order, 0, slot, 0);
		count = rank_all(view, ranks);
		CROWD_CHECK(count >= before && ranks[slot] >= 0);
		atomic_fetch_add_explicit(&shared->picks, 1, memory_order_relaxed);
	}
}

static void bury(uint32_t member)
{
	(void)member;
}

int main(int argc, char **argv)
{
	struct crowd crowd = {
		.run_ns = 2 * RP_NS_PER_S, .count = WORKERS, .work = work, .bury = bury};
	int32_t fresh[SLOTS];
	int32_t kept[SLOTS];

	crowd_init(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CROWD_CHECK(shared != MAP_FAILED);
	crowd_run(&crowd);
	CROWD_CHECK(rank_all(&shared->view[WORKERS], fresh) == SLOTS);
	for (uint32_t i = 0; i < WORKERS; i++) {
		rank_all(&shared->view[i], kept);
		CROWD_CHECK(memcmp(fresh, kept, sizeof(fresh)) == 0);
	}
	printf("%llu picks, %u kills\n", (unsigned long long)shared->picks, crowd.kills);
	CROWD_CHECK(shared->picks > 1000);
	return 0;
}
