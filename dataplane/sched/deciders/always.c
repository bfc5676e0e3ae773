/* SPDX-License-Identifier: Apache-2.0
 *
 * always-disagg-pd-decider: prefill on its own for every request (scheduling reference 6.2).
 */
#include "dataplane/sched/sched_plugin.h"

static bool decide(const struct rp_call *call, uint32_t table_idx)
{
	(void)call;
	(void)table_idx;
	return true;
}

const struct rp_plugin_ops rp_always_disagg_pd_decider = {.decide = decide};
