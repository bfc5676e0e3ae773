/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of the plugins that run in control, as config/params.def fills them in. Strings and
 * lists lie in a pool (config/pool.h). Sections are those of the data layer reference.
 */
#ifndef RP_CONFIG_CONTROL_PARAMS_H
#define RP_CONFIG_CONTROL_PARAMS_H

#include "config/compiled.h"
#include "config/engine_config.h"

enum rp_scrape_scheme { RP_SCRAPE_HTTP, RP_SCRAPE_HTTPS };

struct rp_params_metrics_data_source {
	uint32_t scheme; /* enum rp_scrape_scheme */
	uint32_t port;	 /* 0: the endpoint's own */
	struct rp_config_str path;
	int64_t interval_ns; /* 0: every base tick */
};

struct rp_params_custom_metric {
	struct rp_config_str attribute_key;
	struct rp_config_str metric_spec;
};

/* An element of engineConfigs. */
struct rp_params_engine {
	struct rp_config_str name;
	struct rp_config_str spec[RP_ENGINE_FIELDS]; /* by enum rp_engine_field */
	struct rp_config_str block_size_label;
	struct rp_config_str num_blocks_label;
	struct rp_config_list customs; /* struct rp_params_custom_metric */
};

struct rp_params_core_metrics_extractor {
	struct rp_config_str engine_label_key;
	struct rp_config_str default_engine;
	struct rp_config_list engines; /* struct rp_params_engine */
};

struct rp_params_file_discovery {
	struct rp_config_str path;
	uint32_t watch_file;
	uint32_t reserved;
};

#endif /* RP_CONFIG_CONTROL_PARAMS_H */
