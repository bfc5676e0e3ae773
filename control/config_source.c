/* SPDX-License-Identifier: Apache-2.0 */
#include "control/config_source.h"

#include <errno.h>
#include <stdlib.h>

#include "control/engine_metrics.h"
#include "control/read_file.h"

int rp_config_source_check_engines(const struct rp_config_control *control, struct rp_diag *reterr)
{
	struct rp_engines *engines = NULL;
	int err;

	if (!control->has_metrics_source)
		return RP_OK;
	err = rp_engines_new(control->engine, control->engine_count, control->default_engine,
			     &engines, reterr);
	rp_engines_free(engines);
	if (err != RP_OK && reterr->line == 0) {
		reterr->line = control->default_engine_line;
		reterr->column = control->default_engine_column;
	}
	return err;
}

int rp_config_source_load(const struct rp_flags *flags, uint64_t generation,
			  struct rp_loaded_config *ret_config, struct rp_diag *reterr)
{
	struct rp_config_blob *blob = NULL;
	struct rp_plugin_stat *stats = NULL;
	const char *file_name = flags->config_text[0] != '\0' ? "--config-text" : "built-in";
	struct rp_bytes text = rp_bytes_str(flags->config_text);
	enum rp_response_processing processing;
	uint8_t *heap = NULL;
	size_t heap_bytes = 0;
	int err = RP_OK;

	if (flags->config_file[0] != '\0') {
		file_name = flags->config_file;
		err = rp_read_file(file_name, RP_CONFIG_FILE_BYTES_MAX, &heap, &heap_bytes, reterr);
		text = rp_bytes(heap, heap_bytes);
	}
	if (err != RP_OK)
		goto out;
	blob = aligned_alloc(RP_CACHE_LINE, RP_CONFIG_BLOB_BYTES);
	stats = calloc(RP_PLUGIN_STATS_MAX, sizeof(*stats));
	if (blob == NULL || stats == NULL) {
		err = rp_diag_set(reterr, -ENOMEM, 0, 0, "out of memory");
		goto out;
	}
	memset(blob, 0, RP_CONFIG_BLOB_BYTES);
	err = rp_config_load(file_name, text, flags->allow_experimental_plugins, generation, blob,
			     RP_CONFIG_BLOB_BYTES, stats, &ret_config->control, reterr);
	if (err == RP_OK)
		err = rp_config_source_check_engines(&ret_config->control, reterr);
	if (err == RP_OK)
		err = rp_response_processing_parse(rp_bytes_str(flags->response_processing),
						   &processing);
	if (err == RP_OK)
		rp_config_decide_responses(&ret_config->control, blob, processing);
out:
	free(heap);
	if (err == RP_OK) {
		ret_config->blob = blob;
		ret_config->stats = stats;
		return RP_OK;
	}
	free(blob);
	free(stats);
	return err;
}
