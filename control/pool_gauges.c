/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pool_gauges.h"

#include <math.h>

static double two_decimals(double value)
{
	return round(value * 100) / 100;
}

static bool read_fresh(const struct rp_endpoint_metrics *metrics, uint32_t slot, int64_t now_ns,
		       int64_t staleness_ns, double value[RP_POOL_FIGURES])
{
	struct rp_endpoint_figures figures;

	rp_endpoint_metrics_read(metrics, slot, &figures);
	if (figures.updated_ns == 0 || now_ns - figures.updated_ns > staleness_ns)
		return false;
	value[RP_POOL_KV_USAGE] = figures.kv_usage;
	value[RP_POOL_WAITING] = figures.waiting;
	value[RP_POOL_RUNNING] = figures.running;
	return true;
}

void rp_pool_gauges_refresh(struct rp_pool_gauges *gauges, const struct rp_endpoint_table *table,
			    const struct rp_endpoint_metrics *metrics, int64_t now_ns,
			    int64_t staleness_ns)
{
	/* Welford's method: one pass, and no difference of large sums. */
	double mean[RP_POOL_FIGURES] = {0};
	double squares[RP_POOL_FIGURES] = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->endpoint_count; i++) {
		double value[RP_POOL_FIGURES];

		if (!read_fresh(metrics, table->endpoint[i].slot, now_ns, staleness_ns, value))
			continue;
		n++;
		for (size_t f = 0; f < RP_POOL_FIGURES; f++) {
			double delta = value[f] - mean[f];

			mean[f] += delta / n;
			squares[f] += delta * (value[f] - mean[f]);
		}
	}
	gauges->is_known = true;
	gauges->ready_count = n;
	if (n == 0)
		return;
	gauges->has_averages = true;
	for (size_t f = 0; f < RP_POOL_FIGURES; f++) {
		gauges->average[f] = two_decimals(mean[f]);
		gauges->std_deviation[f] = two_decimals(sqrt(squares[f] / (n > 1 ? n - 1 : 1)));
	}
}
