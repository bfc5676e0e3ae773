/* SPDX-License-Identifier: Apache-2.0
 *
 * active-request-scorer: fewest requests under way, as this picker counts them (scheduling
 * reference 3.4).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_active_request_scorer *params = call->params;
	const int64_t *requests =
		rp_cycle_data(call->cycle, params->inflight_load_producer)->load.requests;
	const uint32_t *table_idx = in->table_idx;
	int64_t idle = params->idle_threshold;
	int64_t most = 0;

	if (requests == NULL) {
		for (uint32_t i = 0; i < in->count; i++)
			score[i] = 1.0;
		return;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		int64_t count = requests[table_idx[i]];

		most = count > most ? count : most;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		int64_t count = requests[table_idx[i]];
		double busy = (double)(most - count) / (double)most * params->max_busy_score;

		/* Division by 0 only if all are idle: most is 0 and below the threshold. */
		score[i] = count <= idle ? 1.0 : busy;
	}
}

const struct rp_plugin_ops rp_active_request_scorer = {.score = score};
