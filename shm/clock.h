/* SPDX-License-Identifier: Apache-2.0
 *
 * Monotonic time in nanoseconds. A worker reads the clock once a turn and hands the figure down;
 * tests hand down whatever they like.
 */
#ifndef RP_SHM_CLOCK_H
#define RP_SHM_CLOCK_H

#include <time.h>

#include "shm/base.h"

#define RP_NS_PER_US INT64_C(1000)
#define RP_NS_PER_MS INT64_C(1000000)
#define RP_NS_PER_S  INT64_C(1000000000)

/** CLOCK_MONOTONIC, the same for all processes of the machine. */
static inline int64_t rp_clock_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * RP_NS_PER_S + ts.tv_nsec;
}

/** CLOCK_REALTIME, for log lines only. */
static inline int64_t rp_clock_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * RP_NS_PER_S + ts.tv_nsec;
}

#endif /* RP_SHM_CLOCK_H */
