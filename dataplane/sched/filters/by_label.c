/* SPDX-License-Identifier: Apache-2.0
 *
 * by-label: endpoints whose label has one of the values (scheduling reference 3.8).
 */
#include "config/label_match.h"
#include "dataplane/sched/sched_plugin.h"

/* A missing label is looked up as an empty one, too. */
static void prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	const struct rp_params_by_label *params = call->params;
	const struct rp_config_blob *config = call->cycle->config;
	struct rp_bytes value = rp_bytes("", 0);
	bool has_label = rp_cycle_label(call->cycle, table_idx,
					rp_config_blob_str(config, params->label), &value);
	uint8_t *is_kept = prepared;

	*is_kept = (!has_label && params->allows_no_label) ||
		   rp_selector_has(config, params->valid_values, value);
}

const struct rp_plugin_ops rp_by_label = {.prepared_bytes = 1,
					  .prepare = prepare,
					  .filter = rp_filter_prepared,
					  .is_of_labels = true};
