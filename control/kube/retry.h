/* SPDX-License-Identifier: Apache-2.0
 *
 * When to try again, and when to say so: waits double, with as much again at random, and start over
 * after two minutes of health; the first failure of a row is told at once, the next ones at growing
 * distances (Kubernetes reference 5.2).
 */
#ifndef RP_CONTROL_KUBE_RETRY_H
#define RP_CONTROL_KUBE_RETRY_H

#include "shm/clock.h"

#define RP_KUBE_RETRY_MAX_NS (30 * RP_NS_PER_S)

/* Zeroed at first. */
struct rp_kube_retry {
	int64_t wait_ns;     /* the last one, without what is random */
	int64_t tried_ns;    /* when what failed had begun */
	int64_t told_ns;     /* the last time that a failure was told */
	int64_t distance_ns; /* to the next time */
	bool is_told;	     /* a failure was told, and no recovery */
};

/** Something begins that may fail. */
void rp_kube_retry_begin(struct rp_kube_retry *retry, int64_t now_ns);
/** It failed. @return how long to wait, at most max_ns and as much again */
int64_t rp_kube_retry_wait(struct rp_kube_retry *retry, int64_t now_ns, int64_t max_ns);
/** @return true: tell this failure */
bool rp_kube_retry_tells(struct rp_kube_retry *retry, int64_t now_ns);
/** The next failure is told at once. @return true: failures had been told */
bool rp_kube_retry_recovers(struct rp_kube_retry *retry);

/** A random number below n. */
int64_t rp_kube_random_below(int64_t n);

#endif /* RP_CONTROL_KUBE_RETRY_H */
