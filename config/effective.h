/* SPDX-License-Identifier: Apache-2.0
 *
 * An EndpointPickerConfig after the whole load pipeline: with every default that was added, and
 * with what this build does not have. For `ringpick check` and for tests.
 */
#ifndef RP_CONFIG_EFFECTIVE_H
#define RP_CONFIG_EFFECTIVE_H

#include <stdio.h>

#include "config/rp_config.h"

struct rp_effective;

enum rp_effective_part {
	RP_EFFECTIVE_PLUGIN,	     /* "decode-filter (by-label)" */
	RP_EFFECTIVE_PROFILE,	     /* "default"; its plugins follow */
	RP_EFFECTIVE_PROFILE_PLUGIN, /* "queue-scorer*2", "max-score-picker" */
	RP_EFFECTIVE_PARSER,
	RP_EFFECTIVE_SOURCE,
	RP_EFFECTIVE_GATE, /* "flowControl=false" */
	RP_EFFECTIVE_DETECTOR,
};

/**
 * Run the pipeline up to the reference implementation's end: what is known but not built is
 * accepted.
 *
 * @param text  YAML or JSON, borrowed for the call only; empty: the built-in default
 * @param[out] ret  rp_effective_free() it
 * @param[out] ret_control  what control needs, with the warnings
 * @param[out] reterr  file, line, column, message with the remedy
 * @return RP_OK; RP_ECONFIG, RP_EFORMAT, RP_ETOOBIG, RP_ENOMEM
 */
RP_MUST_CHECK int rp_effective_load(const char *file_name, struct rp_bytes text,
				    bool has_experimental, struct rp_effective **ret,
				    struct rp_config_control *ret_control, struct rp_diag *reterr);

void rp_effective_free(struct rp_effective *effective);

/** The last step of rp_config_load(): refuse what is not built. */
RP_MUST_CHECK int rp_effective_check(struct rp_effective *effective, struct rp_diag *reterr);

/** Compile it, once rp_effective_check() had nothing against it; parameters as rp_config_load(). */
RP_MUST_CHECK int rp_effective_compile(struct rp_effective *effective, uint64_t generation,
				       struct rp_config_blob *blob, size_t blob_bytes,
				       struct rp_plugin_stat *stats, struct rp_diag *reterr);

/** Tell what there is, part by part; texts live for the call. */
void rp_effective_list(const struct rp_effective *effective,
		       void (*each)(void *user, enum rp_effective_part part, const char *text),
		       void *user);

/** Print it as YAML that loads with the same effect; comments mark what a default added. */
void rp_effective_print(const struct rp_effective *effective, FILE *out);

#endif /* RP_CONFIG_EFFECTIVE_H */
