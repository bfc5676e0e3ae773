/* SPDX-License-Identifier: Apache-2.0
 *
 * What plugins.def and params.def say, for people and for their editors: `ringpick plugins`,
 * config/PLUGINS.md and deploy/endpointpickerconfig.schema.json.
 */
#ifndef RP_CONFIG_CATALOGUE_H
#define RP_CONFIG_CATALOGUE_H

#include <stdio.h>

#include "config/param_table.h"

/** "Filters", "Scorers", …: the headings, by the kind that comes first. NULL behind the last. */
const char *rp_catalogue_heading(uint32_t i);

/** Does the type stand under the i-th heading? It stands under one only. */
bool rp_catalogue_is_under(uint32_t i, enum rp_plugin_type type);

/** "filter, scorer". */
void rp_catalogue_kinds(enum rp_plugin_type type, char *out, size_t out_bytes);

/** "beta", "alpha", "deprecated". */
const char *rp_catalogue_stability(enum rp_plugin_type type);

/** "built", "accepted, does nothing", "not built yet". */
const char *rp_catalogue_state(enum rp_plugin_type type);

/** Is it a parameter to be listed, and not one of its other members, or a refused name? */
bool rp_catalogue_is_listed(const struct rp_param *param);

/** "whole number", "list of strings", … */
const char *rp_catalogue_value(const struct rp_param *param);

/** What the rule allows ("0 to 1", "a, b or c"); empty: anything. */
void rp_catalogue_allowed(const struct rp_param *param, char *out, size_t out_bytes);

/** Every type with its parameters and their defaults, a line each. */
void rp_catalogue_print_all(FILE *out);

/** One type in full. */
void rp_catalogue_print_type(FILE *out, enum rp_plugin_type type);

/** Tables for config/PLUGINS.md. */
void rp_catalogue_print_markdown(FILE *out);

/** The same as JSON; RP_PLUGIN_TYPE_COUNT: all types. */
void rp_catalogue_print_json(FILE *out, enum rp_plugin_type type);

/** JSON Schema (draft 7) of a whole EndpointPickerConfig. */
void rp_catalogue_print_schema(FILE *out);

#endif /* RP_CONFIG_CATALOGUE_H */
