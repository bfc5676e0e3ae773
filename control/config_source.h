/* SPDX-License-Identifier: Apache-2.0
 *
 * The EndpointPickerConfig that the flags name, loaded and compiled.
 */
#ifndef RP_CONTROL_CONFIG_SOURCE_H
#define RP_CONTROL_CONFIG_SOURCE_H

#include "config/flags.h"
#include "config/rp_config.h"

/* A compiled configuration; large: keep it off the stack. */
struct rp_loaded_config {
	struct rp_config_blob *blob;  /* RP_CONFIG_BLOB_BYTES */
	struct rp_plugin_stat *stats; /* RP_PLUGIN_STATS_MAX */
	struct rp_config_control control;
};

/**
 * Load --config-file, --config-text or, with neither, the built-in default.
 *
 * @param generation  to stamp the blob with
 * @return RP_OK: the caller frees blob and stats; else nothing is left and *reterr says why
 */
RP_MUST_CHECK int rp_config_source_load(const struct rp_flags *flags, uint64_t generation,
					struct rp_loaded_config *ret_config,
					struct rp_diag *reterr);

/** Are the engines that core-metrics-extractor names known? @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_config_source_check_engines(const struct rp_config_control *control,
						 struct rp_diag *reterr);

#endif /* RP_CONTROL_CONFIG_SOURCE_H */
