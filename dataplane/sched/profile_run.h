/* SPDX-License-Identifier: Apache-2.0
 *
 * A profile ready to run: filters, weighted scorers, picker (scheduling reference 2.2). What its
 * leading filters keep by labels alone is worked out once a table, and totals are kept for those
 * endpoints; a pick then looks at the few that its prompt changes.
 */
#ifndef RP_DATAPLANE_SCHED_PROFILE_RUN_H
#define RP_DATAPLANE_SCHED_PROFILE_RUN_H

#include "dataplane/sched/totals.h"

/* Live figures by table index, as of this turn; those nobody asked for are not filled in. */
struct rp_figures {
	int32_t *waiting;
	int32_t *running;
	double *kv_usage;
	int64_t *updated_ns;
};

struct rp_profile_run;

/* What the profiles of one worker share: the table, and room for candidates. */
struct rp_profile_bed {
	uint32_t capacity; /* --max-endpoints; all arrays have as much */
	uint32_t figures;  /* enum rp_figure that are filled in */
	struct rp_figures figure;
	uint32_t *slot; /* by table index */
	uint32_t *kept; /* what a filter wrote */
	uint32_t *idx[2], *idx_slot[2];
	struct rp_figures gathered;
	double *score;
	double *total;
};

RP_MUST_CHECK int rp_profile_bed_init(struct rp_profile_bed *bed, uint32_t capacity);
void rp_profile_bed_fini(struct rp_profile_bed *bed);

/** Give the candidates in table_idx[0..count-1] slots and the figures asked for, in bed->gathered.
 * @param which  of bed->idx_slot is used for the slots */
struct rp_candidates rp_profile_bed_gather(struct rp_profile_bed *bed, const uint32_t *table_idx,
					   uint32_t count, uint32_t which, uint32_t figures);

/** A filter's or screener's outcome: candidates by table index in bed->idx[which], with slots.
 * @return what is left, without figures */
struct rp_candidates rp_profile_bed_keep(struct rp_profile_bed *bed, const struct rp_candidates *in,
					 int kept_count, uint32_t which);

RP_MUST_CHECK int rp_profile_run_new(struct rp_profile_bed *bed, struct rp_profile_run **ret_run);
void rp_profile_run_free(struct rp_profile_run *run);

/** Another configuration. @param call  by plugin index, lives as long as the configuration
 * @return enum rp_figure that its plugins read */
uint32_t rp_profile_run_set_config(struct rp_profile_run *run, const struct rp_config_blob *config,
				   uint32_t profile, const struct rp_call *call);
/** Another table: bed->slot and what the plugins prepared are of it. */
void rp_profile_run_set_table(struct rp_profile_run *run, const struct rp_candidates *all);
/** Figures moved: they are copied in bed->figure. */
void rp_profile_run_set_figures(struct rp_profile_run *run);

/* What a run found out. */
struct rp_profile_outcome {
	struct rp_candidates candidates; /* that were scored */
	const double *total;		 /* one a candidate */
	uint32_t pick_count;		 /* 0: filters left nobody */
	uint32_t pick[RP_PICKS_MAX];	 /* candidates, best first */
};

/**
 * Run it.
 *
 * @param in  whom to choose from; all of the table: is_all
 * @param lap  with `user`, after each plugin
 * @param[out] ret  valid until rp_profile_run_settle(), which has to be called before the next run
 */
void rp_profile_run_pick(struct rp_profile_run *run, const struct rp_candidates *in, bool is_all,
			 rp_sched_lap lap, void *user, struct rp_profile_outcome *ret);
void rp_profile_run_settle(struct rp_profile_run *run);

#endif /* RP_DATAPLANE_SCHED_PROFILE_RUN_H */
