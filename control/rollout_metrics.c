/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rollout_metrics.h"

#include "config/rollout_census.h"

static struct rp_bytes revision_of(const struct rp_config_blob *config,
				   const struct rp_params_disaggregatedset_rollout_screener *params,
				   const struct rp_endpoint_table *table, uint32_t table_idx,
				   char text[RP_LABEL_BYTES_MAX])
{
	struct rp_bytes value = rp_bytes("", 0);

	(void)rp_endpoint_table_find_label(
		table, table_idx, rp_config_blob_str(config, params->revision_label_key), &value);
	value = rp_bytes_cut(value, RP_LABEL_BYTES_MAX);
	if (value.len > 0)
		memcpy(text, value.ptr, value.len);
	rp_prom_clean(text, value.len);
	/* What had to be changed could look like another revision, which a page must not have. */
	return rp_bytes_equal(rp_bytes(text, value.len), value) ? value : rp_bytes("", 0);
}

static void write_screener(const struct rp_config_blob *config,
			   const struct rp_config_plugin *plugin,
			   const struct rp_endpoint_table *table, struct rp_prom *prom)
{
	const struct rp_params_disaggregatedset_rollout_screener *params =
		rp_config_blob_params(config, plugin);
	struct rp_rollout_census census;
	uint64_t total = 0;

	if (!rp_rollout_is_gated(params))
		return;
	rp_rollout_census_take(config, params, table, table->endpoint_count, &census);
	for (uint32_t i = 0; i < census.count; i++)
		total += census.weight[i];
	for (uint32_t i = 0; i < census.count; i++) {
		char text[RP_LABEL_BYTES_MAX];
		const struct rp_metric_label label[] = {
			{"plugin_type", rp_bytes_str(rp_plugin_type_name(
						RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER))},
			{"plugin_name", rp_config_blob_str(config, plugin->name)},
			{"mode",
			 rp_bytes_str(params->gating == RP_ROLLOUT_MAX_ROLE ? "max-role" : "sum")},
			{"revision", revision_of(config, params, table, census.table_idx[i], text)},
		};

		if (label[3].value.len > 0)
			rp_prom_double(prom, RP_METRIC_LABELS(label),
				       total > 0 ? (double)census.weight[i] / (double)total : 0);
	}
}

void rp_rollout_metrics_write(const struct rp_control *control, struct rp_prom *prom)
{
	const struct rp_shared *shared = &control->shared;
	const struct rp_config_blob *config;
	struct rp_published pair;

	if (control->table == NULL || !rp_publication_current(&shared->live->publication, &pair))
		return;
	config = (const void *)shared->tables->config[pair.config_slot];
	rp_prom_family(prom, "llm_d_epp_disaggregatedset_revision_gating_share", "gauge",
		       "[ALPHA] Share of the requests that a revision gets; 0: it is incomplete.");
	for (uint32_t i = 0; i < config->plugin_count; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(config, i);

		if (plugin->type == RP_PLUGIN_DISAGGREGATEDSET_ROLLOUT_SCREENER)
			write_screener(config, plugin, control->table, prom);
	}
}
