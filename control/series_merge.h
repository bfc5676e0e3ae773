/* SPDX-License-Identifier: Apache-2.0
 *
 * Series of the same labels from all workers, brought together. A worker's series keeps its labels
 * for ever, so each is looked at once and then belongs to a merged series. There are as many of
 * those as one worker may have; series that come later belong to an "other". First come, first
 * kept: what a merged series adds up never shrinks while this process lives.
 */
#ifndef RP_CONTROL_SERIES_MERGE_H
#define RP_CONTROL_SERIES_MERGE_H

#include "shm/bytes.h"

enum { RP_MERGE_LABELS_MAX = 5 };
#define RP_MERGE_NONE UINT32_MAX

struct rp_merged_series {
	uint64_t hash;
	char *text; /* label values one after the other, clean UTF-8; owned */
	uint32_t end[RP_MERGE_LABELS_MAX];
	uint32_t first_member;
};

struct rp_series_merge {
	uint32_t label_count;
	uint32_t member_max;
	uint32_t room;	     /* in `series` */
	uint32_t series_max; /* at most `room` */
	uint32_t count;
	struct rp_merged_series *series; /* the first are "other" */
	uint32_t *order;		 /* indices of series, sorted by label values */
	uint32_t *next;			 /* by member: the next one of the same series */
	bool is_sorted;
};

/**
 * @param label_count  labels of a series, at most RP_MERGE_LABELS_MAX
 * @param member_max   workers' series, numbered by the caller
 * @param series_max   merged series, "other" included
 * @param other        label values of each "other", one after the other
 * @param other_count  >= 1
 * @return RP_OK or RP_ENOMEM
 */
RP_MUST_CHECK int rp_series_merge_init(struct rp_series_merge *merge, uint32_t label_count,
				       uint32_t member_max, uint32_t series_max,
				       const struct rp_bytes *other, uint32_t other_count);
void rp_series_merge_fini(struct rp_series_merge *merge);

/** How many series there may be before members go to "other", from now on; cut to the room there
 * is. Some members may have more room than others. */
void rp_series_merge_limit(struct rp_series_merge *merge, uint32_t series_max);

/** Has this member been given a place? */
bool rp_series_merge_has(const struct rp_series_merge *merge, uint32_t member);
/**
 * Give a member its place by its label values, which are copied.
 * @param other  which "other" it belongs to if there is no room, from 0
 */
void rp_series_merge_add(struct rp_series_merge *merge, uint32_t member,
			 const struct rp_bytes *values, uint32_t other);

/** Sort before the series are walked by rank: by the first label, then the second, and so on. */
void rp_series_merge_sort(struct rp_series_merge *merge);
struct rp_bytes rp_series_merge_value(const struct rp_series_merge *merge, uint32_t rank,
				      uint32_t label);
/** One past the last rank whose first `labels` values are those of rank `begin`. */
uint32_t rp_series_merge_run(const struct rp_series_merge *merge, uint32_t begin, uint32_t labels);

/** Members of a series: first, then next, until RP_MERGE_NONE. */
uint32_t rp_series_merge_first(const struct rp_series_merge *merge, uint32_t rank);
uint32_t rp_series_merge_next(const struct rp_series_merge *merge, uint32_t member);

#endif /* RP_CONTROL_SERIES_MERGE_H */
