/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/env.h"

static uint64_t rotate_left(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* xoshiro256** 1.0 (Blackman, Vigna). */
uint64_t rp_env_random(struct rp_env *env)
{
	uint64_t *s = env->prng;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint32_t rp_env_random_below(struct rp_env *env, uint32_t n)
{
	RP_ASSERT(n > 0);
	/* Lemire's multiplication; products whose low half falls below 2^32 mod n are drawn again.
	 */
	uint32_t reject_below = (uint32_t)(-n) % n;

	for (;;) {
		uint64_t product = (rp_env_random(env) >> 32) * n;

		if ((uint32_t)product >= reject_below)
			return (uint32_t)(product >> 32);
	}
}

double rp_env_random_unit(struct rp_env *env)
{
	return (double)(rp_env_random(env) >> 11) * 0x1p-53;
}

bool rp_env_is_live(const struct rp_env *env)
{
	const struct rp_process_state *process = &env->live->process;

	/* acquire: pairs with the writers' release; who sees it live also sees the first table. */
	return atomic_load_explicit(&process->is_pool_live, memory_order_acquire) != 0 &&
	       atomic_load_explicit(&process->phase, memory_order_acquire) != RP_PHASE_STARTING;
}

bool rp_env_is_draining(const struct rp_env *env)
{
	return atomic_load_explicit(&env->live->process.phase, memory_order_acquire) >=
	       RP_PHASE_DRAINING;
}
