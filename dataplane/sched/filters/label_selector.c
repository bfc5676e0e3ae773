/* SPDX-License-Identifier: Apache-2.0
 *
 * label-selector-filter, by-label-selector: endpoints that a label selector matches (scheduling
 * reference 3.8).
 */
#include "config/label_match.h"
#include "dataplane/sched/sched_plugin.h"

static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_label_selector *params = call->params;
	uint8_t *is_kept = prepared;

	*is_kept = rp_label_match(call->cycle->config, params->requirements, call->cycle->table,
				  table_idx);
}

const struct rp_plugin_ops rp_label_selector_filter = {.prepared_bytes = 1,
						       .prepare = prepare,
						       .filter = rp_filter_prepared,
						       .is_of_labels = true};
