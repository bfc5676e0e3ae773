/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_random.h"

#include <math.h>

uint64_t rp_sim_random_bits(struct rp_sim_random *random)
{
	uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint32_t rp_sim_random_range(struct rp_sim_random *random, uint32_t low, uint32_t high)
{
	uint64_t span = (uint64_t)high - low + 1;

	RP_ASSERT(low <= high);
	return low + (uint32_t)((rp_sim_random_bits(random) >> 32) * span >> 32);
}

double rp_sim_random_unit(struct rp_sim_random *random)
{
	return (double)(rp_sim_random_bits(random) >> 11) * 0x1p-53;
}

double rp_sim_random_normal(struct rp_sim_random *random, double mean, double std_dev)
{
	/* Box and Muller; 1 - u keeps the logarithm away from zero. */
	double radius = sqrt(-2 * log(1 - rp_sim_random_unit(random)));

	return mean + std_dev * radius * cos(6.283185307179586 * rp_sim_random_unit(random));
}
