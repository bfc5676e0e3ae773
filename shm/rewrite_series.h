/* SPDX-License-Identifier: Apache-2.0
 *
 * model_rewrite_decisions_total{model_rewrite_name, model_name, target_model}: how often which
 * InferenceModelRewrite gave which model which target; one table a worker, keys interned.
 *
 * A generic rewrite meets whatever models clients think of. Of keys with such models as many are
 * told apart as --max-metric-series says; the rest have model "other", and compete for what is left
 * only with models that rewrites name. What does not fit even so is "other" in all three.
 */
#ifndef RP_SHM_REWRITE_SERIES_H
#define RP_SHM_REWRITE_SERIES_H

#include <stdalign.h>
#include <stdatomic.h>

#include "shm/bytes.h"
#include "shm/limits.h"

struct rp_rewrite_series {
	_Atomic uint64_t key_hash; /* 0: free; set last (release), so that readers see whole keys */
	_Atomic uint64_t decisions;
	uint16_t object_len;
	uint16_t model_len;
	uint16_t target_len;
	uint16_t reserved;
	char object[RP_METRIC_LABEL_MAX];
	char model[RP_METRIC_LABEL_MAX];
	char target[RP_METRIC_LABEL_MAX];
};

/* At most half of the cells are used, so that a look-up stays short. */
enum { RP_REWRITE_CELLS = 2 * RP_REWRITE_SERIES_MAX };

struct rp_rewrite_series_table {
	_Atomic uint32_t count; /* used cells */
	uint32_t reserved[15];
	struct rp_rewrite_series other;
	struct rp_rewrite_series cell[RP_REWRITE_CELLS]; /* readers walk all of them */
};

/**
 * Count one decision. Owner only. Labels are cut to RP_METRIC_LABEL_MAX.
 *
 * @param series_max  keys with models of clients' choice, at most half of RP_REWRITE_SERIES_MAX
 * @param is_ruled    the rewrite names the model
 * @param target      empty: the rewrite has none
 * Context: worker turn, no allocation.
 */
void rp_rewrite_series_count(struct rp_rewrite_series_table *table, uint32_t series_max,
			     struct rp_bytes object, struct rp_bytes model, struct rp_bytes target,
			     bool is_ruled);

#endif /* RP_SHM_REWRITE_SERIES_H */
