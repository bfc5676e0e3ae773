/* SPDX-License-Identifier: Apache-2.0
 *
 * The weighted sums of a profile's scorers. What depends on live figures only is summed up once
 * after they moved; a pick then changes the totals of the few endpoints that hold part of its
 * prompt, and puts them back. The sums have the bits of the plain way, rp_sched_total(): a scorer
 * that gives 0 adds nothing, and where one does not, the whole chain is added up again in order.
 */
#ifndef RP_DATAPLANE_SCHED_TOTALS_H
#define RP_DATAPLANE_SCHED_TOTALS_H

#include "dataplane/sched/sched_plugin.h"

struct rp_totals;

RP_MUST_CHECK int rp_totals_new(uint32_t capacity, struct rp_totals **ret_totals);
void rp_totals_free(struct rp_totals *totals);

/** Figures or configuration moved. */
void rp_totals_forget(struct rp_totals *totals);
/** Another table: slots by candidate, count <= capacity. */
void rp_totals_set_table(struct rp_totals *totals, const uint32_t *slot, uint32_t count);

/**
 * Totals of all endpoints of the table, as rp_sched_total() has them.
 *
 * @param candidates  all of the table
 * @param lap  as there
 * @return one a candidate; valid until rp_totals_settle(), which has to be called before the next
 */
const double *rp_totals_run(struct rp_totals *totals, const struct rp_config_blob *config,
			    const struct rp_config_profile *profile,
			    const struct rp_candidates *candidates,
			    const struct rp_match_info *match_by_plugin, rp_scorer_lap lap,
			    void *user);
void rp_totals_settle(struct rp_totals *totals);

#endif /* RP_DATAPLANE_SCHED_TOTALS_H */
