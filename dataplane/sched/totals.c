/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/totals.h"

#include <math.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	NOT_A_CANDIDATE = UINT16_MAX,
	PART = 256, /* candidates added up at a time: 2 KB of totals */
};
static_assert(RP_ENDPOINTS_MAX < NOT_A_CANDIDATE, "a candidate fits");

/* How totals are made, by the scorers there are. */
enum way {
	WAY_PLAIN, /* each scorer is asked for every candidate each time */
	WAY_KEPT,  /* all are of figures, or of a few slots */
	WAY_MIXED, /* some are neither: they are asked each time, the others as above */
};

struct rp_totals {
	uint32_t capacity;
	double *total;	   /* by candidate: of the scorers of figures, but for those in `changed` */
	double *lead;	   /* mixed: of those of figures before the first that is not */
	double *scratch;   /* plain: scores of one scorer */
	uint32_t *changed; /* candidates */
	uint32_t changed_count;
	uint32_t *stamp; /* by candidate: of the pick that changed it last */
	uint32_t pick_stamp;
	uint16_t *candidate_of; /* by endpoint slot */

	/* what total holds for */
	bool is_kept;
	enum way way;
	const struct rp_weighted *scorer;
	uint32_t scorer_count;
	uint32_t lead_count;		       /* mixed: scorers that `lead` is the sum of */
	double *score[RP_PROFILE_PLUGINS_MAX]; /* what it gave, by candidate; not of few: they have
						  none */
};

int rp_totals_new(uint32_t capacity, struct rp_totals **ret_totals)
{
	struct rp_totals *totals = calloc(1, sizeof(*totals));

	if (totals == NULL)
		return RP_ENOMEM;
	totals->capacity = capacity;
	totals->total = calloc(capacity, sizeof(*totals->total));
	totals->lead = calloc(capacity, sizeof(*totals->lead));
	totals->scratch = calloc(capacity, sizeof(*totals->scratch));
	totals->changed = calloc(capacity, sizeof(*totals->changed));
	totals->stamp = calloc(capacity, sizeof(*totals->stamp));
	totals->candidate_of = calloc(RP_ENDPOINTS_MAX, sizeof(*totals->candidate_of));
	if (totals->total == NULL || totals->lead == NULL || totals->scratch == NULL ||
	    totals->changed == NULL || totals->stamp == NULL || totals->candidate_of == NULL) {
		rp_totals_free(totals);
		return RP_ENOMEM;
	}
	*ret_totals = totals;
	return RP_OK;
}

void rp_totals_free(struct rp_totals *totals)
{
	if (totals == NULL)
		return;
	free(totals->total);
	free(totals->lead);
	free(totals->scratch);
	free(totals->changed);
	free(totals->stamp);
	free(totals->candidate_of);
	for (uint32_t s = 0; s < RP_PROFILE_PLUGINS_MAX; s++)
		free(totals->score[s]);
	free(totals);
}

void rp_totals_forget(struct rp_totals *totals)
{
	totals->is_kept = false;
}

void rp_totals_set_candidates(struct rp_totals *totals, const uint32_t *slot, uint32_t count)
{
	RP_ASSERT(count <= totals->capacity);
	for (uint32_t i = 0; i < RP_ENDPOINTS_MAX; i++)
		totals->candidate_of[i] = NOT_A_CANDIDATE;
	for (uint32_t i = 0; i < count; i++)
		totals->candidate_of[slot[i]] = (uint16_t)i;
	rp_totals_forget(totals);
}

/* Into 0..1. A figure that is no number says nothing: 0, where upstream would let it through and
 * its picker would lose its order. */
static double clamp01(double score)
{
	score = score > 0 ? score : 0;
	return score < 1 ? score : 1;
}

#ifdef __SSE2__
/* clamp01(): of two operands one of which is no number these give the second. The compiler does
 * not find them by itself. */
static __m128d weighted2(const double *score, __m128d weight)
{
	__m128d x = _mm_max_pd(_mm_loadu_pd(score), _mm_setzero_pd());

	return _mm_mul_pd(_mm_min_pd(x, _mm_set1_pd(1)), weight);
}
#endif

static void add_weighted(double *restrict total, const double *restrict score, uint32_t count,
			 double weight)
{
	uint32_t i = 0;

#ifdef __SSE2__
	__m128d weights = _mm_set1_pd(weight);

	for (; i + 4 <= count; i += 4) {
		__m128d a = _mm_add_pd(_mm_loadu_pd(&total[i]), weighted2(&score[i], weights));
		__m128d b =
			_mm_add_pd(_mm_loadu_pd(&total[i + 2]), weighted2(&score[i + 2], weights));

		_mm_storeu_pd(&total[i], a);
		_mm_storeu_pd(&total[i + 2], b);
	}
#endif
	for (; i < count; i++)
		total[i] += clamp01(score[i]) * weight;
}

void rp_sched_total(const struct rp_weighted *scorer, uint32_t scorer_count,
		    const struct rp_candidates *candidates, double *score, double *total,
		    rp_sched_lap lap, void *user)
{
	for (uint32_t i = 0; i < candidates->count; i++)
		total[i] = 0;
	for (uint32_t s = 0; s < scorer_count; s++) {
		const struct rp_call *call = scorer[s].call;

		call->ops->score(call, candidates, score);
		add_weighted(total, score, candidates->count, scorer[s].weight);
		if (lap != NULL)
			lap(user, call->plugin, RP_EXT_SCORER, false);
	}
}

/* It gives 0 to all but a few, and says to whom not. */
static bool is_of_few(const struct rp_weighted *scorer)
{
	return scorer->call->ops->few != NULL;
}

static bool is_of_figures(const struct rp_weighted *scorer)
{
	return scorer->call->ops->is_of_figures;
}

static enum way find_way(struct rp_totals *totals)
{
	enum way way = WAY_KEPT;

	for (uint32_t s = 0; s < totals->scorer_count; s++) {
		const struct rp_weighted *scorer = &totals->scorer[s];

		/* 0 times an infinite weight is not nothing. */
		if (!isfinite(scorer->weight))
			return WAY_PLAIN;
		if (is_of_few(scorer))
			continue;
		if (totals->score[s] == NULL)
			totals->score[s] = calloc(totals->capacity, sizeof(*totals->score[s]));
		if (totals->score[s] == NULL)
			return WAY_PLAIN; /* out of memory: this one needs no more */
		if (way == WAY_KEPT && !is_of_figures(scorer)) {
			way = WAY_MIXED;
			totals->lead_count = s;
		}
	}
	return way;
}

void rp_totals_set_scorers(struct rp_totals *totals, const struct rp_weighted *scorer,
			   uint32_t count)
{
	RP_ASSERT(count <= RP_PROFILE_PLUGINS_MAX);
	totals->scorer = scorer;
	totals->scorer_count = count;
	totals->way = find_way(totals);
	rp_totals_forget(totals);
}

/* Ask a scorer for every candidate. */
static void ask(struct rp_totals *totals, uint32_t s, const struct rp_candidates *candidates,
		rp_sched_lap lap, void *user)
{
	const struct rp_call *call = totals->scorer[s].call;

	call->ops->score(call, candidates, totals->score[s]);
	if (lap != NULL)
		lap(user, call->plugin, RP_EXT_SCORER, false);
}

/* Add up scorers from..to-1 but for those of few, a part of the candidates at a time, so that their
 * totals stay in the first cache. */
static void add_scores(const struct rp_totals *totals, uint32_t from, uint32_t to, double *total,
		       uint32_t count)
{
	for (uint32_t at = 0; at < count; at += PART) {
		uint32_t n = (uint32_t)rp_min_size(PART, count - at);

		for (uint32_t s = from; s < to; s++) {
			if (!is_of_few(&totals->scorer[s]))
				add_weighted(&total[at], &totals->score[s][at], n,
					     totals->scorer[s].weight);
		}
	}
}

/* A candidate's total, scorer after scorer. @param is_whole  else: without those of few */
static double add_up(const struct rp_totals *totals, uint32_t candidate, uint32_t slot,
		     bool is_whole)
{
	double sum = 0;

	for (uint32_t s = 0; s < totals->scorer_count; s++) {
		const struct rp_weighted *scorer = &totals->scorer[s];

		if (!is_of_few(scorer))
			sum += clamp01(totals->score[s][candidate]) * scorer->weight;
		else if (is_whole)
			sum += clamp01(scorer->call->ops->score_slot(scorer->call, slot)) *
			       scorer->weight;
	}
	return sum;
}

/* Totals of those that a scorer does not give 0. */
static void change_few(struct rp_totals *totals, const struct rp_call *call)
{
	const uint16_t *slot;
	uint32_t count = call->ops->few(call, &slot);

	for (uint32_t k = 0; k < count; k++) {
		uint32_t i = totals->candidate_of[slot[k]];

		if (i == NOT_A_CANDIDATE || totals->stamp[i] == totals->pick_stamp)
			continue;
		totals->stamp[i] = totals->pick_stamp;
		totals->changed[totals->changed_count++] = i;
		totals->total[i] = add_up(totals, i, slot[k], true);
	}
}

/* The sums that hold until figures move. */
static void add_figures(struct rp_totals *totals, const struct rp_candidates *candidates,
			rp_sched_lap lap, void *user)
{
	bool is_mixed = totals->way == WAY_MIXED;
	double *total = is_mixed ? totals->lead : totals->total;

	for (uint32_t s = 0; s < totals->scorer_count; s++) {
		if (is_of_figures(&totals->scorer[s]))
			ask(totals, s, candidates, lap, user);
	}
	memset(total, 0, candidates->count * sizeof(*total)); /* each 0.0 */
	add_scores(totals, 0, is_mixed ? totals->lead_count : totals->scorer_count, total,
		   candidates->count);
}

/* Ask those that are neither of figures nor of few, and add up from the first of them on. */
static void add_others(struct rp_totals *totals, const struct rp_candidates *candidates,
		       rp_sched_lap lap, void *user)
{
	for (uint32_t s = totals->lead_count; s < totals->scorer_count; s++) {
		if (!is_of_figures(&totals->scorer[s]) && !is_of_few(&totals->scorer[s]))
			ask(totals, s, candidates, lap, user);
	}
	memcpy(totals->total, totals->lead, candidates->count * sizeof(*totals->total));
	add_scores(totals, totals->lead_count, totals->scorer_count, totals->total,
		   candidates->count);
}

const double *rp_totals_run(struct rp_totals *totals, const struct rp_candidates *candidates,
			    rp_sched_lap lap, void *user)
{
	bool is_new = !totals->is_kept;

	RP_ASSERT(totals->changed_count == 0);
	if (totals->way == WAY_PLAIN) {
		rp_sched_total(totals->scorer, totals->scorer_count, candidates, totals->scratch,
			       totals->total, lap, user);
		return totals->total;
	}
	if (is_new)
		add_figures(totals, candidates, lap, user);
	totals->is_kept = true;
	if (totals->way == WAY_MIXED)
		add_others(totals, candidates, lap, user);
	if (++totals->pick_stamp == 0) {
		memset(totals->stamp, 0, totals->capacity * sizeof(*totals->stamp));
		totals->pick_stamp = 1;
	}
	for (uint32_t s = 0; s < totals->scorer_count; s++) {
		const struct rp_weighted *scorer = &totals->scorer[s];
		bool is_kept = is_of_figures(scorer) && !is_new;

		if (is_of_few(scorer))
			change_few(totals, scorer->call);
		if (lap != NULL && (is_kept || is_of_few(scorer)))
			lap(user, scorer->call->plugin, RP_EXT_SCORER, is_kept);
	}
	return totals->total;
}

void rp_totals_settle(struct rp_totals *totals)
{
	bool is_kept = totals->way == WAY_KEPT;

	/* Else the next pick makes all of them anew. */
	for (uint32_t k = 0; k < totals->changed_count && is_kept; k++)
		totals->total[totals->changed[k]] = add_up(totals, totals->changed[k], 0, false);
	totals->changed_count = 0;
}
