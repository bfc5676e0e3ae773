/* SPDX-License-Identifier: Apache-2.0
 *
 * active-request-scorer: fewest requests under way, as this picker counts them (scheduling
 * reference 3.4).
 */
#include "dataplane/sched/sched_plugin.h"

enum { BUSY_MAX = 256 };

static double score_one(const struct rp_params_active_request_scorer *params, int64_t count,
			int64_t most)
{
	/* Division by 0 only if all are idle: most is 0 and below the threshold. */
	double busy = (double)(most - count) / (double)most * params->max_busy_score;

	return count <= params->idle_threshold ? 1.0 : busy;
}

/* There are fewer counts than candidates: each is divided once. */
static void score_by_count(const struct rp_params_active_request_scorer *params,
			   const struct rp_candidates *in, const int64_t *requests, int64_t most,
			   double *score)
{
	double of_count[BUSY_MAX];

	for (int64_t count = 0; count <= most; count++)
		of_count[count] = score_one(params, count, most);
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = of_count[requests[in->table_idx[i]]];
}

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_active_request_scorer *params = call->params;
	const int64_t *requests =
		rp_cycle_data(call->cycle, params->inflight_load_producer)->load.requests;
	const uint32_t *table_idx = in->table_idx;
	int64_t most = 0;
	int64_t signs = 0;

	if (requests == NULL) {
		for (uint32_t i = 0; i < in->count; i++)
			score[i] = 1.0;
		return;
	}
	for (uint32_t i = 0; i < in->count; i++) {
		int64_t count = requests[table_idx[i]];

		most = count > most ? count : most;
		signs |= count;
	}
	if (signs >= 0 && most < BUSY_MAX && most < in->count) {
		score_by_count(params, in, requests, most, score);
		return;
	}
	for (uint32_t i = 0; i < in->count; i++)
		score[i] = score_one(params, requests[table_idx[i]], most);
}

const struct rp_plugin_ops rp_active_request_scorer = {.score = score};
