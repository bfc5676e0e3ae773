/* SPDX-License-Identifier: Apache-2.0
 *
 * random-picker: anyone, whatever the totals (scheduling reference 2.3).
 */
#include "dataplane/sched/pickers/draw.h"

static uint32_t pick(const struct rp_call *call, const double *total RP_UNUSED, uint32_t count,
		     uint32_t *ret_pick)
{
	uint32_t wanted = rp_draw_wanted(call->params, count);

	rp_draw(call->cycle->env, count, wanted, ret_pick);
	return wanted;
}

const struct rp_plugin_ops rp_random_picker = {.pick = pick};
