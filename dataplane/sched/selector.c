/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/selector.h"

bool rp_selector_matches(const struct rp_cycle *cycle, struct rp_config_list requirements,
			 uint32_t table_idx)
{
	return rp_label_match(cycle->config, requirements, cycle->table, table_idx);
}
