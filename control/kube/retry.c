/* SPDX-License-Identifier: Apache-2.0 */
#include "control/kube/retry.h"

#include <sys/random.h>

#define WAIT_MIN_NS	(800 * RP_NS_PER_MS)
#define HEALTHY_NS	(120 * RP_NS_PER_S)
#define DISTANCE_MIN_NS (10 * RP_NS_PER_S)
#define DISTANCE_MAX_NS (600 * RP_NS_PER_S)

int64_t rp_kube_random_below(int64_t n)
{
	uint64_t number = 0;

	/* Cannot fail for so few bytes but early in a machine's life; then it is not random. */
	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return (int64_t)(number % (uint64_t)n);
}

void rp_kube_retry_begin(struct rp_kube_retry *retry, int64_t now_ns)
{
	retry->tried_ns = now_ns;
}

int64_t rp_kube_retry_wait(struct rp_kube_retry *retry, int64_t now_ns, int64_t max_ns)
{
	int64_t wait_ns = retry->wait_ns * 2;

	if (wait_ns < WAIT_MIN_NS || now_ns - retry->tried_ns >= HEALTHY_NS)
		wait_ns = WAIT_MIN_NS;
	if (wait_ns > max_ns)
		wait_ns = max_ns;
	retry->wait_ns = wait_ns;
	return wait_ns + rp_kube_random_below(wait_ns + 1);
}

bool rp_kube_retry_tells(struct rp_kube_retry *retry, int64_t now_ns)
{
	if (retry->is_told && now_ns - retry->told_ns < retry->distance_ns)
		return false;
	retry->distance_ns = retry->is_told ? retry->distance_ns * 2 : DISTANCE_MIN_NS;
	if (retry->distance_ns > DISTANCE_MAX_NS)
		retry->distance_ns = DISTANCE_MAX_NS;
	retry->told_ns = now_ns;
	retry->is_told = true;
	return true;
}

bool rp_kube_retry_recovers(struct rp_kube_retry *retry)
{
	bool is_told = retry->is_told;

	retry->is_told = false;
	return is_told;
}
