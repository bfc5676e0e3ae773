/* SPDX-License-Identifier: Apache-2.0
 *
 * Which samples of a model server's /metrics page become which live figures: the table of engines
 * (built-in and configured), and the extraction of one page. Rules: data layer reference 2 to 7.
 */
#ifndef RP_CONTROL_ENGINE_METRICS_H
#define RP_CONTROL_ENGINE_METRICS_H

#include "config/engine_config.h"
#include "control/prom_parse.h"
#include "shm/endpoint_metrics.h"

/* Label that names a pod's engine whatever engineLabelKey says, if that one is absent or empty. */
#define RP_ENGINE_LEGACY_LABEL "inference.networking.k8s.io/engine-type"

/* Fields of a page: those of enum rp_engine_field, then the custom metrics by index of the
 * attribute.
 */
#define RP_ENGINE_ALL_FIELDS (RP_ENGINE_FIELDS + RP_CUSTOM_FIGURES_MAX)

/* One engine, ready to read pages. Immutable; pages being read point to it. */
struct rp_engine {
	struct rp_engine_config config; /* the specs' views point into it */
	struct rp_metric_spec spec[RP_ENGINE_ALL_FIELDS];
	struct rp_bytes block_size_label;
	struct rp_bytes num_blocks_label;
	struct rp_prom_names names;
	uint32_t fields_of[RP_PROM_NAMES_MAX]; /* bit f: this family may fill field f */
};

struct rp_engines;

/**
 * Compile the configured engines and add each built-in one that none of them replaces.
 *
 * @param configs         user entries, copied; an entry replaces a built-in one of its name as a
 * whole
 * @param default_engine  for endpoints without a label or with an unknown one; empty: vllm
 * @param[out] reterr     which entry is wrong; may be NULL
 * @return RP_OK; RP_ECONFIG; RP_ENOMEM
 */
RP_MUST_CHECK int rp_engines_new(const struct rp_engine_config *configs, size_t config_count,
				 const char *default_engine, struct rp_engines **ret_engines,
				 struct rp_diag *reterr);
void rp_engines_free(struct rp_engines *engines);

/** The engine of this name, else the default one. Valid as long as *engines. */
const struct rp_engine *rp_engines_borrow(const struct rp_engines *engines, struct rp_bytes name);

/* What one page said, before the page is known to be whole. */
struct rp_extraction {
	const struct rp_engine *engine;
	uint32_t found;			    /* bit f: field f has a sample */
	bool has_error;			    /* a label was no number */
	double value[RP_ENGINE_ALL_FIELDS]; /* of the sample chosen so far; LoRA: the highest */
	int64_t timestamp_ms[RP_ENGINE_ALL_FIELDS];
	bool has_block_size;
	bool has_num_blocks;
	bool has_lora_max;
	bool is_lora_max_bad;
	struct rp_endpoint_figures figures; /* of what was found */
};

void rp_extraction_begin(struct rp_extraction *extraction, const struct rp_engine *engine);

/** A rp_prom_on_sample over a struct rp_extraction. */
void rp_extraction_on_sample(void *extraction, const struct rp_prom_sample *sample);

/**
 * The page is whole: overwrite the figures that it had and leave the others as they were.
 *
 * @param now_ns        becomes figures->updated_ns if anything was found
 * @param[in,out] figures of this endpoint so far
 * @param[out] ret_has_error  at least one configured field was missing or malformed (counts as one
 *                      extract error, however many they are)
 * @return true: *figures changed and is to be published
 */
bool rp_extraction_apply(const struct rp_extraction *extraction, int64_t now_ns,
			 struct rp_endpoint_figures *figures, bool *ret_has_error);

#endif /* RP_CONTROL_ENGINE_METRICS_H */
