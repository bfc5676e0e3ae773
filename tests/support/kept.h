/* SPDX-License-Identifier: Apache-2.0
 *
 * What a filter or screener keeps, as text.
 */
#ifndef RP_TESTS_SUPPORT_KEPT_H
#define RP_TESTS_SUPPORT_KEPT_H

#include "tests/support/plugin_bed.h"

/** "all", or the table indices of those kept in their order: "2 0"; valid until the next call. */
static inline const char *kept_of(const struct plugin_bed *bed, const struct rp_call *call)
{
	static char text[PLUGIN_BED_ENDPOINTS * 12];
	uint32_t kept[PLUGIN_BED_ENDPOINTS];
	int count = call->ops->filter != NULL ? call->ops->filter(call, &bed->candidates, kept)
					      : call->ops->screen(call, &bed->candidates, kept);
	struct rp_writer w = rp_writer(text, sizeof(text) - 1);

	if (count == RP_KEEP_ALL)
		return "all";
	for (int i = 0; i < count; i++) {
		RP_ASSERT(kept[i] < bed->candidates.count);
		if (i > 0)
			rp_write_u8(&w, ' ');
		rp_write_u64_dec(&w, bed->table_idx[kept[i]]);
	}
	text[rp_written(&w)] = '\0';
	return text;
}

#endif /* RP_TESTS_SUPPORT_KEPT_H */
