/* SPDX-License-Identifier: Apache-2.0
 *
 * Workers count requests in and out while control lets endpoints come and go and everybody sums.
 * No sum is below zero or above what can be under way; when all have given back what they hold,
 * whatever was killed or flapped meanwhile, every sum is zero.
 */
#include "shm/inflight.h"
#include "tests/stress/crowd.h"

enum { WORKERS = 4, CONTROL = WORKERS, SLOTS = 8, HOLDS = 32, TOKENS = 100, INSTANCE = 1 };

struct hold {
	uint32_t slot;
	uint32_t life;
	uint32_t requests; /* 0: nothing held */
	int64_t tokens;
};

struct shared {
	struct rp_inflight inflight;
	_Atomic uint64_t adds;
	_Atomic uint64_t flaps;
};

static struct shared *shared;

static void give_back(uint32_t worker, struct hold *hold)
{
	struct rp_inflight *inflight = &shared->inflight;

	if (hold->requests == 0)
		return;
	if (hold->tokens % 2 == 0) { /* as when the first byte of the answer comes */
		rp_inflight_load_sub(inflight, worker, INSTANCE, hold->slot, hold->life, 0,
				     hold->tokens);
		hold->tokens = 0;
	}
	rp_inflight_load_sub(inflight, worker, INSTANCE, hold->slot, hold->life, hold->requests,
			     hold->tokens);
	rp_inflight_remove(inflight, worker, hold->slot);
	hold->requests = 0;
}

static void check_sums(void)
{
	uint32_t slots[SLOTS];
	int64_t requests[SLOTS];
	int64_t tokens[SLOTS];

	for (uint32_t i = 0; i < SLOTS; i++)
		slots[i] = i;
	rp_inflight_load_sum_all(&shared->inflight, WORKERS, INSTANCE, slots, SLOTS, requests,
				 tokens);
	for (uint32_t i = 0; i < SLOTS; i++) {
		CROWD_CHECK(requests[i] >= 0 && requests[i] <= WORKERS * HOLDS);
		CROWD_CHECK(tokens[i] >= 0 && tokens[i] <= WORKERS * HOLDS * TOKENS);
	}
}

static void worker(uint32_t member)
{
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns() + member;
	struct hold holds[HOLDS] = {0};

	while (!crowd_is_over()) {
		struct hold *hold = &holds[crowd_draw(&seed, HOLDS)];

		give_back(member, hold);
		hold->slot = crowd_draw(&seed, SLOTS);
		hold->requests = 1;
		hold->tokens = 1 + crowd_draw(&seed, TOKENS);
		rp_inflight_add(&shared->inflight, member, hold->slot);
		hold->life = rp_inflight_load_add(&shared->inflight, member, INSTANCE, hold->slot,
						  1, hold->tokens);
		atomic_fetch_add_explicit(&shared->adds, 1, memory_order_relaxed);
		check_sums();
	}
	for (uint32_t i = 0; i < HOLDS; i++)
		give_back(member, &holds[i]);
}

static void work(uint32_t member)
{
	uint64_t seed = (uint64_t)rp_clock_monotonic_ns();

	if (member != CONTROL) {
		worker(member);
		return;
	}
	while (!crowd_is_over()) {
		rp_inflight_begin_life(&shared->inflight, crowd_draw(&seed, SLOTS));
		atomic_fetch_add_explicit(&shared->flaps, 1, memory_order_relaxed);
		check_sums();
		usleep(50);
	}
}

static void bury(uint32_t member)
{
	if (member != CONTROL)
		rp_inflight_clear_row(&shared->inflight, member);
}

int main(int argc, char **argv)
{
	struct crowd crowd = {
		.run_ns = 2 * RP_NS_PER_S, .count = WORKERS + 1, .work = work, .bury = bury};

	crowd_init(argc, argv);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CROWD_CHECK(shared != MAP_FAILED);
	crowd_run(&crowd);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		struct rp_inflight_load load;

		rp_inflight_load_sum(&shared->inflight, WORKERS, INSTANCE, slot, &load);
		CROWD_CHECK(load.requests == 0 && load.tokens == 0);
		CROWD_CHECK(rp_inflight_sum(&shared->inflight, WORKERS, slot) == 0);
	}
	printf("%llu requests, %llu flaps, %u kills\n", (unsigned long long)shared->adds,
	       (unsigned long long)shared->flaps, crowd.kills);
	CROWD_CHECK(shared->adds > 1000 && shared->flaps > 100);
	return 0;
}
