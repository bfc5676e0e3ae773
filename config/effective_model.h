/* SPDX-License-Identifier: Apache-2.0
 *
 * What effective.c and effective_print.c share.
 */
#ifndef RP_CONFIG_EFFECTIVE_MODEL_H
#define RP_CONFIG_EFFECTIVE_MODEL_H

#include "config/model.h"

struct rp_effective {
	struct rp_yaml_tree tree; /* the model's strings are views into it */
	struct rp_model model;
	struct rp_config_control scratch;
};

/** The weight of a profile's reference as text. @return is it to be shown? Scorers always have
 * one, others if the file gives it */
bool rp_effective_weight(const struct rp_model *model, const struct rp_model_ref *ref, char *out,
			 size_t out_bytes);

#endif /* RP_CONFIG_EFFECTIVE_MODEL_H */
