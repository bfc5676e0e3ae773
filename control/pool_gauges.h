/* SPDX-License-Identifier: Apache-2.0
 *
 * Averages and deviations over the endpoints whose figures are fresh (operations reference 7.2).
 */
#ifndef RP_CONTROL_POOL_GAUGES_H
#define RP_CONTROL_POOL_GAUGES_H

#include "shm/endpoint_metrics.h"
#include "shm/endpoint_table.h"

enum rp_pool_figure { RP_POOL_KV_USAGE, RP_POOL_WAITING, RP_POOL_RUNNING, RP_POOL_FIGURES };

struct rp_pool_gauges {
	bool is_known;	   /* a set of endpoints has been looked at */
	bool has_averages; /* at least one of them was fresh at some time */
	uint32_t ready_count;
	double average[RP_POOL_FIGURES];       /* two decimals */
	double std_deviation[RP_POOL_FIGURES]; /* of a sample: divisor n - 1, at least 1; two
						  decimals */
};

/**
 * Look at the endpoints now. With no fresh one, only ready_count changes.
 *
 * @param staleness_ns  older figures do not count
 */
void rp_pool_gauges_refresh(struct rp_pool_gauges *gauges, const struct rp_endpoint_table *table,
			    const struct rp_endpoint_metrics *metrics, int64_t now_ns,
			    int64_t staleness_ns);

#endif /* RP_CONTROL_POOL_GAUGES_H */
