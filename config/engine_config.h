/* SPDX-License-Identifier: Apache-2.0
 *
 * What core-metrics-extractor's engineConfigs say about one kind of model server: which metric of
 * its /metrics page fills which figure, each as a spec string `name` or `name{label=value,…}`.
 */
#ifndef RP_CONFIG_ENGINE_CONFIG_H
#define RP_CONFIG_ENGINE_CONFIG_H

#include "shm/bytes.h"
#include "shm/limits.h"

enum rp_engine_field {
	RP_ENGINE_QUEUED,     /* queuedRequestsSpec */
	RP_ENGINE_RUNNING,    /* runningRequestsSpec */
	RP_ENGINE_KV_USAGE,   /* kvUsageSpec */
	RP_ENGINE_LORA,	      /* loraSpec */
	RP_ENGINE_CACHE_INFO, /* cacheInfoSpec */
	RP_ENGINE_BLOCK_SIZE, /* cacheBlockSizeSpec */
	RP_ENGINE_NUM_BLOCKS, /* cacheNumBlocksSpec */
	RP_ENGINE_FIELDS,
};

struct rp_engine_config {
	char name[64];
	char spec[RP_ENGINE_FIELDS][256];	      /* empty: nothing is read for this field */
	char block_size_label[64];		      /* of the cache info; empty: block_size */
	char num_blocks_label[64];		      /* empty: num_gpu_blocks */
	char custom_spec[RP_CUSTOM_FIGURES_MAX][256]; /* customMetrics, by index of the attribute */
};

/*
 * The attributeKeys of all engines' customMetrics, in the order in which the configuration names
 * them first. A key's index is where its figure stands in struct rp_endpoint_metrics, so that
 * control and the compiled form must take it from here.
 */
struct rp_engine_attributes {
	uint32_t count;
	char key[RP_CUSTOM_FIGURES_MAX][RP_ATTRIBUTE_KEY_MAX];
};

/** @return index of the key; UINT32_MAX: no engine has it */
uint32_t rp_engine_attribute_index(const struct rp_engine_attributes *attributes,
				   struct rp_bytes key);

/** The key's index, a new one if no engine had it. @return RP_OK; RP_ETOOBIG: too many, too long */
RP_MUST_CHECK int rp_engine_attribute_add(struct rp_engine_attributes *attributes,
					  struct rp_bytes key, uint32_t *ret_index);

struct rp_metric_spec_label {
	struct rp_bytes name;
	struct rp_bytes value;
};

/* A parsed spec; its views point into the text it was parsed from. */
struct rp_metric_spec {
	struct rp_bytes name; /* empty: disabled */
	uint32_t label_count;
	struct rp_metric_spec_label label[RP_ENGINE_SPEC_LABELS_MAX];
};

/**
 * Parse a metric spec (data layer reference 4). An empty text is a disabled spec.
 * @param[out] reterr  message says what is wrong with which spec; may be NULL
 * @return RP_OK; RP_ECONFIG
 */
RP_MUST_CHECK int rp_metric_spec_parse(struct rp_bytes text, struct rp_metric_spec *ret_spec,
				       struct rp_diag *reterr);

#endif /* RP_CONFIG_ENGINE_CONFIG_H */
