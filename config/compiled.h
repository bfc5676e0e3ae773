/* SPDX-License-Identifier: Apache-2.0
 *
 * The EndpointPickerConfig as workers see it: one flat, position-independent blob in a slot of the
 * tables segment: head, plugin records, profiles, references, parameters, strings. Control compiles
 * it (config/compile.h); a worker checks the bounds once, on adoption, and then reads it with plain
 * loads.
 */
#ifndef RP_CONFIG_COMPILED_H
#define RP_CONFIG_COMPILED_H

#include "shm/bytes.h"
#include "shm/limits.h"

enum rp_plugin_kind {
	RP_KIND_FILTER = 1 << 0,
	RP_KIND_SCORER = 1 << 1,
	RP_KIND_PICKER = 1 << 2,
	RP_KIND_PROFILE_HANDLER = 1 << 3,
	RP_KIND_PRODUCER = 1 << 4,
	RP_KIND_PARSER = 1 << 5,
	RP_KIND_SOURCE = 1 << 6,
	RP_KIND_EXTRACTOR = 1 << 7,
	RP_KIND_DISCOVERY = 1 << 8,
	/* Or-ed to them: the plugin wants to see answers, or counts requests until their end.
	 * --response-processing=skip has no effect beside it. */
	RP_READS_RESPONSE = 1 << 16,
};

enum rp_stability { RP_STABLE, RP_BETA, RP_ALPHA, RP_DEPRECATED };

enum rp_plugin_type {
#define RP_PLUGIN(id, type, kinds, stability, has_params) RP_PLUGIN_##id,
#include "config/plugins.def"
#undef RP_PLUGIN
	RP_PLUGIN_TYPE_COUNT
};

#define RP_CONFIG_MAGIC 0x67666370u
#define RP_CONFIG_NONE	UINT32_MAX

struct rp_config_str {
	uint32_t offset; /* from the blob's begin */
	uint32_t len;
};

struct rp_config_plugin {
	uint32_t type; /* enum rp_plugin_type */
	struct rp_config_str name;
	uint32_t params_offset; /* 8-aligned; a struct of plugin_params.h */
	uint32_t params_bytes;	/* its size; 0: the plugin has none */
	/* Index into rp_live.plugin_stat of its main extension point, RP_CONFIG_NONE if it has
	 * none. The next one is the second point: ProcessResults of a profile handler, PreRequest
	 * of approx-prefix-cache-producer. */
	uint32_t stat_first;
};

struct rp_config_ref {
	uint32_t plugin; /* index of a plugin record */
	uint32_t reserved;
	double weight; /* scorers */
};

struct rp_config_profile {
	struct rp_config_str name;
	uint32_t filter_first; /* into the references */
	uint32_t filter_count;
	uint32_t scorer_first;
	uint32_t scorer_count;
	uint32_t picker; /* plugin index */
	uint32_t reserved;
};

struct rp_config_blob {
	uint32_t magic;
	uint32_t bytes;	     /* of the whole blob */
	uint64_t generation; /* of the configuration, from 1 */
	uint32_t plugin_count;
	uint32_t plugins_offset;
	uint32_t ref_count;
	uint32_t refs_offset;
	uint32_t profile_count;
	uint32_t profiles_offset;
	uint32_t parser_count; /* plugin indices, in order */
	uint32_t parsers_offset;
	uint32_t producer_count; /* plugin indices, topologically ordered */
	uint32_t producers_offset;
	uint32_t profile_handler;     /* plugin index */
	uint32_t match_info_count;    /* match results a request needs room for (producer_slot) */
	uint32_t is_response_skipped; /* streams are closed once the request is answered */
	uint32_t reserved;
};

/**
 * Check every offset, count, index and string of a blob once.
 * @param bytes  room of the slot; nothing beyond it is read
 * @return RP_OK; RP_EFORMAT: control and worker disagree
 */
RP_MUST_CHECK int rp_config_blob_check(const struct rp_config_blob *blob, size_t bytes);

/* Accessors over a checked blob; views die with the published generation. */
const struct rp_config_plugin *rp_config_blob_plugin(const struct rp_config_blob *blob, uint32_t i);
const struct rp_config_ref *rp_config_blob_ref(const struct rp_config_blob *blob, uint32_t i);
const struct rp_config_profile *rp_config_blob_profile(const struct rp_config_blob *blob,
						       uint32_t i);
uint32_t rp_config_blob_parser(const struct rp_config_blob *blob, uint32_t i);
uint32_t rp_config_blob_producer(const struct rp_config_blob *blob, uint32_t i);
const void *rp_config_blob_params(const struct rp_config_blob *blob,
				  const struct rp_config_plugin *plugin);
struct rp_bytes rp_config_blob_str(const struct rp_config_blob *blob, struct rp_config_str str);

/** Type string of a plugin type ("queue-scorer"). */
const char *rp_plugin_type_name(enum rp_plugin_type type);

#endif /* RP_CONFIG_COMPILED_H */
