/* SPDX-License-Identifier: Apache-2.0
 *
 * The weighted sums of a profile's scorers. What depends on live figures only is summed up once
 * after they moved; scorers that look at the request are asked each time, and from the first of
 * them on the sum is made anew. A pick then changes the totals of the few endpoints that hold part
 * of its prompt. The sums have the bits of the plain way, rp_sched_total(): a scorer that gives 0
 * adds nothing, and where one does not, the whole chain is added up again in order.
 */
#ifndef RP_DATAPLANE_SCHED_TOTALS_H
#define RP_DATAPLANE_SCHED_TOTALS_H

#include "dataplane/sched/sched_plugin.h"

/* A scorer of a profile. */
struct rp_weighted {
	const struct rp_call *call;
	double weight;
};

/* A call of a plugin is done; is_kept: with what it found out for an earlier pick. */
typedef void (*rp_sched_lap)(void *user, uint32_t plugin, enum rp_extension_point point,
			     bool is_kept);

/**
 * The weighted sum of a profile's scorers, in configuration order, not normalised.
 *
 * @param score  scratch, one a candidate
 * @param[out] total  one a candidate
 * @param lap  called after each scorer with `user`; NULL: nobody counts
 */
void rp_sched_total(const struct rp_weighted *scorer, uint32_t scorer_count,
		    const struct rp_candidates *candidates, double *score, double *total,
		    rp_sched_lap lap, void *user);

struct rp_totals;

RP_MUST_CHECK int rp_totals_new(uint32_t capacity, struct rp_totals **ret_totals);
void rp_totals_free(struct rp_totals *totals);

/** Figures moved. */
void rp_totals_forget(struct rp_totals *totals);
/** Another configuration; the scorers stay the caller's. */
void rp_totals_set_scorers(struct rp_totals *totals, const struct rp_weighted *scorer,
			   uint32_t count);
/** Other candidates: their slots, count <= capacity. */
void rp_totals_set_candidates(struct rp_totals *totals, const uint32_t *slot, uint32_t count);

/**
 * Totals of the candidates set before, as rp_sched_total() has them.
 *
 * @param lap  as there
 * @return one a candidate; valid until rp_totals_settle(), which has to be called before the next
 */
const double *rp_totals_run(struct rp_totals *totals, const struct rp_candidates *candidates,
			    rp_sched_lap lap, void *user);
void rp_totals_settle(struct rp_totals *totals);

#endif /* RP_DATAPLANE_SCHED_TOTALS_H */
