/* SPDX-License-Identifier: Apache-2.0
 *
 * session-affinity-filter and multicluster-session-affinity-filter: the endpoint of the request's
 * session alone, if it is a candidate (scheduling reference 3.7).
 */
#include "dataplane/sched/session_affinity.h"

static int filter(const struct rp_call *call, const struct rp_candidates *in, uint32_t *kept)
{
	uint32_t found = rp_session_find(call, in);

	if (found == RP_NO_ENDPOINT)
		return RP_KEEP_ALL;
	kept[0] = found;
	return 1;
}

const struct rp_plugin_ops rp_session_affinity_filter = {
	.prepared_bytes = RP_SESSION_PREPARED_BYTES,
	.prepare = rp_session_prepare,
	.filter = filter,
	.has_note = true,
	.pre_request = rp_session_pre_request,
};
