/* SPDX-License-Identifier: Apache-2.0
 *
 * EndpointPickerConfig: decode strictly (unknown and duplicate keys are errors with line and
 * column), default, create missing producers, validate, in upstream's order (scheduling
 * reference 1.4), and compile for the workers. Runs in control; allocates.
 */
#ifndef RP_CONFIG_RP_CONFIG_H
#define RP_CONFIG_RP_CONFIG_H

#include "config/compiled.h"
#include "config/engine_config.h"
#include "shm/counters.h"

/* --response-processing, or responseProcessing of the section ringpick. */
enum rp_response_processing { RP_RESPONSE_UNSET, RP_RESPONSE_FULL, RP_RESPONSE_SKIP };

/* What control itself needs of the configuration. Large: keep it off the stack. */
struct rp_config_control {
	char scrape_scheme[8];	    /* metrics-data-source: "http" ("https" is refused for now) */
	char scrape_path[256];	    /* begins with a slash */
	uint16_t scrape_port;	    /* 0: the endpoint's own */
	int64_t scrape_interval_ns; /* 0: every base tick */
	bool has_metrics_source;    /* with a core-metrics-extractor */
	char engine_label_key[254];
	char default_engine[64];      /* control knows the built-in ones and checks the name */
	uint32_t default_engine_line; /* where the file has it; 0: nowhere */
	uint32_t default_engine_column;
	uint32_t engine_count;
	struct rp_engine_config engine[RP_ENGINE_CONFIGS_MAX]; /* user entries; specs are checked */
	struct rp_engine_attributes attributes;		       /* what their customMetrics fill */
	char discovery_path[1024]; /* file-discovery; empty: not configured */
	bool has_discovery_watch;
	enum rp_response_processing response_processing; /* as the file has it */
	char response_reader[RP_PLUGIN_NAME_MAX + 1];	 /* a plugin that reads answers, if any */
	bool uses_deprecated_api; /* inference.networking.x-k8s.io: one log line */
	uint32_t warning_count;	  /* to be logged once the configuration is in use */
	char warning[RP_CONFIG_WARNINGS_MAX][256];
};

/**
 * Load a configuration text.
 *
 * @param file_name  for messages; the text itself is not read from it
 * @param text       YAML or JSON; empty means the built-in default (1.6),
 *                   as does a text of nothing but comments
 * @param has_experimental  --allow-experimental-plugins
 * @param generation to stamp the blob with
 * @param blob, blob_bytes  where to compile to, RP_CONFIG_BLOB_BYTES
 * @param stats      RP_PLUGIN_STATS_MAX names to fill for plugin_duration_seconds
 * @param[out] reterr  file, line, column, message with the remedy
 * @return RP_OK; RP_ECONFIG, RP_EFORMAT, RP_ETOOBIG: *reterr says what; blob is then undefined
 */
RP_MUST_CHECK int rp_config_load(const char *file_name, struct rp_bytes text, bool has_experimental,
				 uint64_t generation, struct rp_config_blob *blob,
				 size_t blob_bytes, struct rp_plugin_stat *stats,
				 struct rp_config_control *ret_control, struct rp_diag *reterr);

/** "full", "skip", or nothing at all. @return RP_OK; RP_EFORMAT */
RP_MUST_CHECK int rp_response_processing_parse(struct rp_bytes word,
					       enum rp_response_processing *ret);

/**
 * Decide for a loaded configuration whether answers are skipped, and say why not if a plugin reads
 * them.
 * @param flag  wins over the file unless unset
 */
void rp_config_decide_responses(struct rp_config_control *control, struct rp_config_blob *blob,
				enum rp_response_processing flag);

#endif /* RP_CONFIG_RP_CONFIG_H */
