/* SPDX-License-Identifier: Apache-2.0
 *
 * Pseudo-random figures, reproducible from a seed (SplitMix64).
 */
#ifndef RP_PERF_SIM_RANDOM_H
#define RP_PERF_SIM_RANDOM_H

#include "shm/base.h"

struct rp_sim_random {
	uint64_t state;
};

/** Sixty-four evenly distributed bits. */
uint64_t rp_sim_random_bits(struct rp_sim_random *random);
/** Uniform in low..high, both included; low <= high. */
uint32_t rp_sim_random_range(struct rp_sim_random *random, uint32_t low, uint32_t high);
/** Uniform in [0, 1). */
double rp_sim_random_unit(struct rp_sim_random *random);
/** Normally distributed. */
double rp_sim_random_normal(struct rp_sim_random *random, double mean, double std_dev);

#endif /* RP_PERF_SIM_RANDOM_H */
