/* SPDX-License-Identifier: Apache-2.0 */
#include "control/detector_metrics.h"

#include "config/compiled.h"

void rp_detector_metrics_write(const struct rp_control *control, struct rp_prom *prom)
{
	const struct rp_shared *shared = &control->shared;
	const struct rp_config_plugin *plugin;
	const struct rp_config_blob *config;
	struct rp_metric_label label;
	struct rp_published pair;
	uint64_t stale;

	if (!rp_publication_current(&shared->live->publication, &pair))
		return;
	config = (const void *)shared->tables->config[pair.config_slot];
	if (config->detector >= config->plugin_count)
		return;
	plugin = rp_config_blob_plugin(config, config->detector);
	if (plugin->type != RP_PLUGIN_UTILIZATION_DETECTOR ||
	    !rp_detector_state_read(&shared->live->detector, control->settings->worker_count,
				    config->generation, &stale))
		return;
	label = (struct rp_metric_label){"detector", rp_config_blob_str(config, plugin->name)};
	rp_prom_family(prom, "llm_d_epp_flow_control_stale_endpoints", "gauge",
		       "[ALPHA] Endpoints that the saturation detector last took for full because "
		       "their figures are missing or old.");
	rp_prom_u64(prom, (struct rp_metric_labels){&label, 1}, stale);
}
