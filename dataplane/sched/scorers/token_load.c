/* SPDX-License-Identifier: Apache-2.0
 *
 * token-load-scorer: fewest tokens under way once this request is there (scheduling reference 3.4).
 */
#include "dataplane/sched/sched_plugin.h"

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	const struct rp_params_token_load_scorer *params = call->params;
	const struct rp_load_info *load =
		&rp_cycle_data(call->cycle, params->inflight_load_producer)->load;
	double threshold = (double)params->queue_threshold_tokens;

	for (uint32_t i = 0; i < in->count; i++) {
		uint32_t at = in->table_idx[i];
		int64_t held = load->tokens != NULL ? load->tokens[at] : 0;
		int64_t own = load->uncached != NULL ? load->uncached[at] : 0;
		double tokens = (double)(held + own);

		tokens = tokens < threshold ? tokens : threshold;
		score[i] = tokens <= 0 ? 1.0 : 1.0 - tokens / threshold;
	}
}

const struct rp_plugin_ops rp_token_load_scorer = {.score = score, .reads_uncached = true};
