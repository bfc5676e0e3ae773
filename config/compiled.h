/* SPDX-License-Identifier: Apache-2.0
 *
 * The EndpointPickerConfig as workers see it: one flat, position-independent blob in a slot of the
 * tables segment: head, plugin records, profiles, references, lists of indices, parameters, and a
 * pool of strings and lists. Control compiles it (rp_model_compile()); a worker checks the bounds
 * once, on adoption, and then reads it with plain loads. What parameters refer to in the pool is
 * clamped to it when it is read.
 */
#ifndef RP_CONFIG_COMPILED_H
#define RP_CONFIG_COMPILED_H

#include "shm/bytes.h"
#include "shm/counters.h"
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
	RP_KIND_DECIDER = 1 << 9,
	RP_KIND_SCREENER = 1 << 10,
	RP_KIND_ADMITTER = 1 << 11,
	RP_KIND_HEADER_PROCESSOR = 1 << 12,
	RP_KIND_PRE_REQUEST = 1 << 13,
	RP_KIND_RESPONSE = 1 << 14,
	RP_KIND_DETECTOR = 1 << 15,
	RP_KIND_POLICY = 1 << 16, /* of the queueing layer */
	/* Or-ed to them: the plugin wants to see answers, or counts requests until their end.
	 * --response-processing=skip has no effect beside it. */
	RP_READS_RESPONSE = 1 << 24,
};

enum rp_stability { RP_BETA, RP_ALPHA, RP_DEPRECATED };

/* What there is of a plugin type in this build. */
enum rp_plugin_state {
	RP_STATE_BUILT,	  /* the workers have it */
	RP_STATE_CONTROL, /* control has it */
	RP_STATE_INERT,	  /* accepted, and has nothing to do in this build */
	RP_STATE_PENDING, /* known, not built yet */
	RP_STATE_MISSING, /* known, needs what this build does not have */
};

enum rp_plugin_type {
#define RP_PLUGIN(id, type, kinds, stability, state, params, text) RP_PLUGIN_##id,
#include "config/plugins.def"
#undef RP_PLUGIN
	RP_PLUGIN_TYPE_COUNT
};

#define RP_CONFIG_MAGIC 0x67666370u
#define RP_CONFIG_NONE	UINT32_MAX

struct rp_config_str {
	uint32_t offset; /* in the pool */
	uint32_t len;
};

struct rp_config_list {
	uint32_t offset; /* in the pool, 8-aligned */
	uint32_t count;
};

/* A list as it is read: `count` elements at ptr. */
struct rp_config_array {
	const void *ptr;
	uint32_t count;
};

struct rp_config_plugin {
	uint32_t type; /* enum rp_plugin_type */
	struct rp_config_str name;
	uint32_t params_offset; /* 8-aligned; a struct of plugin_params.h */
	uint32_t params_bytes;	/* its size; 0: the plugin has none */
	/* Index into rp_live.plugin_stat of its first extension point, RP_CONFIG_NONE if it has
	 * none. The others follow in the order of enum rp_extension_point; stat_points has a bit
	 * for each (rp_config_plugin_stat()). */
	uint32_t stat_first;
	uint32_t stat_points;
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
	uint32_t pool_bytes; /* strings and lists */
	uint32_t pool_offset;
	/* struct rp_config_str: names of the request headers that plugins read, in lower case,
	 * each once */
	struct rp_config_list headers;
	uint32_t profile_handler;     /* plugin index */
	uint32_t detector;	      /* saturation detector: plugin index, RP_CONFIG_NONE: none */
	uint32_t match_info_count;    /* match results a request needs room for (producer_slot) */
	uint32_t is_response_skipped; /* streams are closed once the request is answered */
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
/** A string of the pool; cut where the pool ends. */
struct rp_bytes rp_config_blob_str(const struct rp_config_blob *blob, struct rp_config_str str);

/** A list of the pool whose elements have that size; those beyond the pool's end are left out. */
struct rp_config_array rp_config_blob_list(const struct rp_config_blob *blob,
					   struct rp_config_list list, size_t element_bytes);

/** Index into rp_live.plugin_stat for an extension point, RP_CONFIG_NONE if it has it not. */
uint32_t rp_config_plugin_stat(const struct rp_config_plugin *plugin,
			       enum rp_extension_point point);

/** Bytes of a type's parameters in the blob (plugin_params.h), 0 if workers need none of it. */
uint32_t rp_config_params_bytes(enum rp_plugin_type type);

/** Type string of a plugin type ("queue-scorer"). */
const char *rp_plugin_type_name(enum rp_plugin_type type);

enum rp_plugin_state rp_plugin_type_state(enum rp_plugin_type type);

#endif /* RP_CONFIG_COMPILED_H */
