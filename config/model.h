/* SPDX-License-Identifier: Apache-2.0
 *
 * An EndpointPickerConfig on its way from YAML to the compiled blob. Each step of the load pipeline
 * (scheduling reference 1.4) is one function here; strings are views into the YAML tree or
 * literals, and live as long as the model.
 */
#ifndef RP_CONFIG_MODEL_H
#define RP_CONFIG_MODEL_H

#include "config/decode.h"
#include "config/feature_gates.h"
#include "config/plugin_params.h"
#include "config/pool.h"
#include "config/rp_config.h"

/* A pluginRef. */
struct rp_model_ref {
	struct rp_bytes name;
	const struct rp_yaml_node *node; /* for messages; NULL: made by a default */
	double weight;			 /* of profiles only; 1 if unset */
	bool has_weight;
	uint32_t plugin; /* index, once resolved */
};

/* Data that a plugin finds by the name of its producer. */
enum rp_data_name {
	RP_DATA_PREFIX,	  /* prefixMatchInfoProducerName */
	RP_DATA_INFLIGHT, /* inFlightLoadProducerName */
	RP_DATA_LATENCY,  /* latencyPredictionInfoProducerName */
	RP_DATA_MEDIA,	  /* of mm-embeddings-cache-producer */
	RP_DATA_TOPOLOGY, /* topologyProducerName */
	RP_DATA_NAME_COUNT
};

enum rp_decider { RP_DECIDER_PREFILL, RP_DECIDER_ENCODE, RP_DECIDER_COUNT };

/* Other plugins that a plugin's parameters name. Reading the parameters fills this in; the indices
 * are written into the parameters later, where config/data_keys.def says. */
struct rp_model_names {
	struct rp_bytes producer[RP_DATA_NAME_COUNT]; /* empty: the default one */
	uint32_t wanted; /* 1 << enum rp_data_name: data that only some parameters ask for */
	struct rp_bytes attribute;	    /* endpoint-attribute-…: what is read */
	struct rp_bytes attribute_producer; /* core-metrics-extractor unless the file says else */
	struct rp_bytes decider[RP_DECIDER_COUNT]; /* empty: none */
	struct rp_bytes unused; /* must exist all the same (prefixPluginName); empty: none */
};

/* Why a plugin is there. */
enum rp_origin {
	RP_ORIGIN_FILE,
	RP_ORIGIN_DEFAULT,  /* scheduling reference 1.5 */
	RP_ORIGIN_PRODUCER, /* somebody consumes what it produces, 1.7 */
};

struct rp_model_plugin {
	struct rp_bytes name;
	struct rp_bytes type_name;
	enum rp_plugin_type type;
	enum rp_origin origin;
	const struct rp_yaml_node *node; /* element of plugins[]; NULL: not of the file */
	const struct rp_yaml_node *parameters;
	uint32_t index; /* in plugins[] */
	struct rp_model_names names;
	union rp_params params;
};

struct rp_model_profile {
	struct rp_bytes name;
	const struct rp_yaml_node *node;
	struct rp_model_ref ref[RP_PROFILE_PLUGINS_MAX];
	uint32_t ref_count;
	uint32_t picker; /* plugin index */
};

struct rp_model_source {
	struct rp_model_ref ref;
	struct rp_model_ref extractor[RP_EXTRACTORS_MAX];
	uint32_t extractor_count;
};

struct rp_model {
	struct rp_diag *diag;
	struct rp_config_control *control;
	struct rp_config_control *scratch; /* for parameters that are checked, but not chosen */
	struct rp_model_plugin plugin[RP_PLUGINS_MAX];
	uint32_t plugin_count;
	struct rp_model_profile profile[RP_PROFILES_MAX];
	uint32_t profile_count;
	struct rp_model_source source[RP_SOURCES_MAX];
	uint32_t source_count;
	struct rp_model_ref parser[RP_PARSERS_MAX];
	uint32_t parser_count;
	struct rp_model_ref discovery;	      /* an empty name: not configured */
	const struct rp_yaml_node *peer_node; /* dataLayer.peerDiscovery */
	struct rp_model_ref saturation;	      /* an empty name until the default is set */
	struct rp_model_ref usage_limit;
	const struct rp_yaml_node *flow_node; /* flowControl; NULL: not configured */
	bool has_flow_settings;		      /* that only the queueing layer heeds */
	bool has_default_sources;	      /* dataLayer.injectDefaults */
	struct rp_feature_gates gates;
	const struct rp_yaml_node *gates_node;
	const struct rp_yaml_node *ours_node; /* the section ringpick */
	uint32_t profile_handler;	      /* plugin index */
	uint32_t producer[RP_PLUGINS_MAX];    /* plugin indices in the order of execution */
	uint32_t producer_count;
	uint32_t match_info_count;
	uint32_t detector;	       /* plugin index, RP_CONFIG_NONE: none */
	struct rp_pool pool;	       /* strings and lists of parameters; in pool_room */
	struct rp_config_list headers; /* that plugins read: struct rp_config_str, in the pool */
	alignas(8) uint8_t pool_room[RP_CONFIG_BLOB_BYTES];
};

/** Steps 1 to 4: decode the sections, copy deprecated fields, check feature gates. */
RP_MUST_CHECK int rp_model_decode(struct rp_model *model, const struct rp_yaml_node *root);

/** Of step 1: the form of flowControl, and of the saturationDetector that stood outside it. */
RP_MUST_CHECK int rp_model_decode_flow(struct rp_model *model, const struct rp_yaml_node *node);
RP_MUST_CHECK int rp_model_decode_old_detector(struct rp_model *model,
					       const struct rp_yaml_node *node);

/** A mapping with a pluginRef. @param moved  see rp_decode_object() */
RP_MUST_CHECK int rp_model_decode_ref(struct rp_model *model, const struct rp_path *path,
				      const struct rp_yaml_node *node,
				      const struct rp_moved_field *moved, struct rp_model_ref *ret);

/** Steps 5 and 6, and a plugin's factory: types, unique names, parameters, deciders. */
RP_MUST_CHECK int rp_model_instantiate(struct rp_model *model);

/** Of step 6: plugins whose parameters name others exist, and form no cycle. */
RP_MUST_CHECK int rp_model_link_deciders(struct rp_model *model);

/** Steps 7 to 9: what is missing in profiles, and whether they make sense. */
RP_MUST_CHECK int rp_model_complete_profiles(struct rp_model *model);

/** Steps 7, 8 and 10: policies, parsers, data layer, discovery, saturation detector. */
RP_MUST_CHECK int rp_model_complete_layers(struct rp_model *model);

/** Of step 10: what flowControl says, with the feature gate; a warning without it. */
RP_MUST_CHECK int rp_model_check_flow(struct rp_model *model);

/** Steps 11 and 12: create missing producers and order them. */
RP_MUST_CHECK int rp_model_complete_producers(struct rp_model *model);

/** Gather the names of the request headers that plugins read. */
RP_MUST_CHECK int rp_model_complete_headers(struct rp_model *model);

/** Lay the model out as a blob and fill the names of the plugin statistics. */
RP_MUST_CHECK int rp_model_compile(const struct rp_model *model, uint64_t generation,
				   struct rp_config_blob *blob, size_t blob_bytes,
				   struct rp_plugin_stat *stats);

/** The plugin of that name, NULL if there is none. */
struct rp_model_plugin *rp_model_find(struct rp_model *model, struct rp_bytes name);

/** The first plugin of that type, NULL if there is none. */
const struct rp_model_plugin *rp_model_find_type(const struct rp_model *model,
						 enum rp_plugin_type type);

/** Instantiate a type under its own name, without parameters. */
RP_MUST_CHECK int rp_model_add(struct rp_model *model, enum rp_plugin_type type,
			       enum rp_origin origin, uint32_t *ret_index);

/** What stands at the end of upstream's start: the discovery plugin must be one. */
RP_MUST_CHECK int rp_model_complete_discovery(struct rp_model *model);

/** Step 13: Alpha plugins need the flag, deprecated ones a line with what to use instead. */
RP_MUST_CHECK int rp_model_check_stability(struct rp_model *model, bool has_experimental);

/** Our last step: what the file asks for and this build does not have is refused. */
RP_MUST_CHECK int rp_model_refuse_missing(struct rp_model *model);

/** The type that the reference implementation shows for a plugin: aliases show what they stand
 * for. @param out  always terminated */
void rp_model_shown_type(const struct rp_model *model, const struct rp_model_plugin *plugin,
			 char *out, size_t out_bytes);

/** RP_KIND_… bits of a type. */
uint32_t rp_plugin_type_kinds(enum rp_plugin_type type);

enum rp_stability rp_plugin_type_stability(enum rp_plugin_type type);

/** The replacement of a deprecated type, or what a missing one needs; "" for others. */
const char *rp_plugin_type_text(enum rp_plugin_type type);

/** The type of that string, built or not. @return true: it is in plugins.def */
bool rp_plugin_type_find(struct rp_bytes name, enum rp_plugin_type *ret_type);

/** Refuse a type that is known but not built, with the reason. @return RP_OK; RP_ECONFIG */
RP_MUST_CHECK int rp_plugin_type_check_built(struct rp_diag *diag, const struct rp_yaml_node *node,
					     enum rp_plugin_type type);

/** Decode a plugin's parameters: into the plugin, or into *control for types of the control side.
 */
RP_MUST_CHECK int rp_plugin_read_params(struct rp_model *model, struct rp_model_plugin *plugin,
					struct rp_config_control *control);

/** One more line for control to log; what finds no room is dropped. */
void rp_config_warn(struct rp_config_control *control, const char *format, ...) RP_PRINTF(2, 3);

#endif /* RP_CONFIG_MODEL_H */
