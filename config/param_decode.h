/* SPDX-License-Identifier: Apache-2.0
 *
 * Fills a plugin's parameters from YAML by config/params.def: strictly, defaults first, ranges
 * checked. What one line cannot say (fields that exclude each other, a selector in text) is in the
 * functions of config/params_*.c, which run behind that.
 */
#ifndef RP_CONFIG_PARAM_DECODE_H
#define RP_CONFIG_PARAM_DECODE_H

#include "config/model.h"
#include "config/param_table.h"

/* One plugin's parameters while they are read. */
struct rp_param_reader {
	struct rp_model *model;
	struct rp_model_plugin *plugin;
	const struct rp_path *path;
	enum rp_param_set set;
	void *params;			   /* the set's struct */
	struct rp_config_control *control; /* for the plugins that run in control */
};

/**
 * Defaults, then what the file says.
 * @return RP_OK; RP_ECONFIG; RP_ETOOBIG: the pool is full
 */
RP_MUST_CHECK int rp_params_decode(const struct rp_param_reader *reader);

/** The rules of a set that its table cannot say. @return RP_OK; RP_ECONFIG; RP_ETOOBIG */
RP_MUST_CHECK int rp_params_check(const struct rp_param_reader *reader);

/** The node of a parameter by its dotted name ("algorithm.type"), NULL if it is not there. */
const struct rp_yaml_node *rp_param_node(const struct rp_param_reader *reader, const char *name);

/** The i-th element of a list, NULL if there is none. */
const struct rp_yaml_node *rp_param_element(const struct rp_yaml_node *list, uint32_t i);

/** Is the parameter there and not null? */
bool rp_param_is_given(const struct rp_param_reader *reader, const char *name);

/** Refuse, at the place of a parameter, or of all of them if it is not there. @return RP_ECONFIG */
int rp_param_fail(const struct rp_param_reader *reader, const char *name, const char *format, ...)
	RP_PRINTF(3, 4);

/** Copy into the pool. @return RP_OK; RP_ETOOBIG, with a message */
RP_MUST_CHECK int rp_param_put_str(const struct rp_param_reader *reader, struct rp_bytes text,
				   struct rp_config_str *ret);

/** Zeroed room for a list. @return NULL: the pool is full, with a message */
void *rp_param_put_list(const struct rp_param_reader *reader, uint32_t count, size_t element_bytes,
			struct rp_config_list *ret);

/** A string of the pool. */
struct rp_bytes rp_param_str(const struct rp_param_reader *reader, struct rp_config_str str);

/* The rules by set, in params_*.c. */
typedef int rp_param_check(const struct rp_param_reader *reader);

rp_param_check rp_params_check_picker;
rp_param_check rp_params_check_disagg;
rp_param_check rp_params_check_pd;
rp_param_check rp_params_check_attribute_scorer;
rp_param_check rp_params_check_attribute_filter;
rp_param_check rp_params_check_utilization;
rp_param_check rp_params_check_prefix_scorer;
rp_param_check rp_params_check_prefix_affinity;
rp_param_check rp_params_check_approx_producer;
rp_param_check rp_params_check_burst;
rp_param_check rp_params_check_inflight;
rp_param_check rp_params_check_token_producer;
rp_param_check rp_params_check_session_affinity;
rp_param_check rp_params_check_session_id;
rp_param_check rp_params_check_agent_identity;
rp_param_check rp_params_check_selector;
rp_param_check rp_params_check_by_label;
rp_param_check rp_params_check_rollout;
rp_param_check rp_params_check_reporter;
rp_param_check rp_params_check_metrics_source;
rp_param_check rp_params_check_core_extractor;
rp_param_check rp_params_check_file_discovery;

#endif /* RP_CONFIG_PARAM_DECODE_H */
