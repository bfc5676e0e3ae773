/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations of plugins go by an index. A plugin keeps its index when the configuration changes, so
 * that no figures are shown under another's name.
 */
#ifndef RP_CONTROL_PLUGIN_STATS_H
#define RP_CONTROL_PLUGIN_STATS_H

#include "config/compiled.h"
#include "shm/counters.h"

/**
 * Give the plugins of a compiled configuration the indices that they had, and new ones the next
 * free ones; where there is none left, a plugin goes without.
 *
 * @param[in,out] kept   RP_PLUGIN_STATS_MAX names of all configurations so far
 * @param[in,out] blob   its plugins' stat_first
 * @param fresh          RP_PLUGIN_STATS_MAX names by the blob's own indices
 */
void rp_plugin_stats_keep(struct rp_plugin_stat *kept, struct rp_config_blob *blob,
			  const struct rp_plugin_stat *fresh);

#endif /* RP_CONTROL_PLUGIN_STATS_H */
