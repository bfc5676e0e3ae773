/* SPDX-License-Identifier: Apache-2.0
 *
 * session-affinity-scorer: 1 to the endpoint of the request's session (scheduling reference 3.7).
 */
#include "dataplane/sched/session_affinity.h"

static void score(const struct rp_call *call, const struct rp_candidates *in, double *score)
{
	uint32_t found = rp_session_find(call, in);

	memset(score, 0, in->count * sizeof(*score));
	if (found != RP_NO_ENDPOINT)
		score[found] = 1.0;
}

const struct rp_plugin_ops rp_session_affinity_scorer = {
	.prepared_bytes = RP_SESSION_PREPARED_BYTES,
	.prepare = rp_session_prepare,
	.score = score,
	.has_note = true,
	.pre_request = rp_session_pre_request,
};
