/* SPDX-License-Identifier: Apache-2.0 */
#include "control/plugin_stats.h"

static bool is_used(const struct rp_plugin_stat *stat)
{
	return stat->plugin_type[0] != '\0';
}

/* Where the same names lie one behind the other, or are put now; RP_CONFIG_NONE: no room. */
static uint32_t place(struct rp_plugin_stat *kept, const struct rp_plugin_stat *wanted,
		      uint32_t count)
{
	uint32_t end = RP_PLUGIN_STATS_MAX;

	for (uint32_t i = 0; i + count <= RP_PLUGIN_STATS_MAX; i++) {
		if (memcmp(&kept[i], wanted, count * sizeof(*wanted)) == 0)
			return i;
	}
	while (end > 0 && !is_used(&kept[end - 1]))
		end--;
	if (end + count > RP_PLUGIN_STATS_MAX)
		return RP_CONFIG_NONE;
	memcpy(&kept[end], wanted, count * sizeof(*wanted));
	return end;
}

void rp_plugin_stats_keep(struct rp_plugin_stat *kept, struct rp_config_blob *blob,
			  const struct rp_plugin_stat *fresh)
{
	struct rp_config_plugin *plugin =
		(void *)((uint8_t *)blob + (blob->plugin_count > 0 ? blob->plugins_offset : 0));

	for (uint32_t i = 0; i < blob->plugin_count; i++) {
		uint32_t count = (uint32_t)__builtin_popcount(plugin[i].stat_points);

		if (plugin[i].stat_first == RP_CONFIG_NONE)
			continue;
		RP_ASSERT(plugin[i].stat_first + count <= RP_PLUGIN_STATS_MAX);
		plugin[i].stat_first = place(kept, &fresh[plugin[i].stat_first], count);
		if (plugin[i].stat_first == RP_CONFIG_NONE)
			plugin[i].stat_points = 0;
	}
}
