/* SPDX-License-Identifier: Apache-2.0
 *
 * Which data plugin types produce and consume, from config/data_keys.def (scheduling reference
 * 1.7).
 */
#ifndef RP_CONFIG_MODEL_KEYS_H
#define RP_CONFIG_MODEL_KEYS_H

#include "config/model.h"

enum rp_key {
#define RP_KEY(id, data, producer, name, type) RP_KEY_##id,
#include "config/data_keys.def"
	RP_KEY_COUNT
};

struct rp_key_info {
	const char *data;	     /* the key's first half */
	const char *producer;	     /* its second half, unless parameters name another */
	enum rp_data_name name;	     /* which parameter does; RP_DATA_NAME_COUNT: none */
	enum rp_plugin_type creates; /* RP_PLUGIN_TYPE_COUNT: nobody produces it by default */
};

enum rp_need_kind { RP_NEED_REQUIRED, RP_NEED_WANTED, RP_NEED_OPTIONAL, RP_NEED_SOFT };

/* One type needs one key. */
struct rp_need {
	enum rp_plugin_type type;
	enum rp_key key;
	enum rp_need_kind kind;
	uint32_t offset; /* of the producer's index in the parameters */
};

const struct rp_key_info *rp_key_info(enum rp_key key);

/** What a plugin's type needs. @param previous  NULL: the first. @return NULL: no more */
const struct rp_need *rp_need_next(const struct rp_model_plugin *plugin,
				   const struct rp_need *previous);

/** Whose data it is to be: the second half of the key. */
struct rp_bytes rp_need_producer(const struct rp_model_plugin *plugin, const struct rp_need *need);

/** Does this plugin produce "key/name"? */
bool rp_key_is_produced_by(const struct rp_model_plugin *plugin, enum rp_key key,
			   struct rp_bytes name);
/** The same by the first half's text. */
bool rp_attribute_is_produced_by(const struct rp_model_plugin *plugin, struct rp_bytes data,
				 struct rp_bytes name);

/** Where a decider's index goes in a type's parameters; nowhere is good for
 * rp_params_set_index() too. */
uint32_t rp_decider_offset(enum rp_plugin_type type, enum rp_decider decider);

/** Write an index into a plugin's parameters. */
void rp_params_set_index(struct rp_model_plugin *plugin, uint32_t offset, uint32_t index);

/** Number the instances of types that keep state. @return RP_OK; RP_ETOOBIG */
RP_MUST_CHECK int rp_model_number_instances(struct rp_model *model);

#endif /* RP_CONFIG_MODEL_KEYS_H */
